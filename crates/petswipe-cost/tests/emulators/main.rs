//! What the sources find in emulators of AWS, over HTTP: what was put there, and nothing else.
//!
//! `PETSWIPE_MOTO` and `PETSWIPE_MINISTACK` say where they are. Without them these tests fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and an emulator lives on the clock of the wall"
)]

mod ministack;
mod moto;
mod removal;

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use jiff::Timestamp;
use petswipe_cost::aws::AwsInventory;
use petswipe_cost::{Inventory, InventorySource, Kind};

/// No other test is in this region.
const HERE: &str = "eu-north-1";

/// A configuration that leads to the emulator that a variable names.
fn config(variable: &str, key: &str) -> SdkConfig {
    let url = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} does not say where the emulator is, such as http://127.0.0.1:4566")
    });
    let credentials = Credentials::from_keys(key, "nobody checks it", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(HERE))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

/// Ten digits that no other run has.
fn unique() -> String {
    format!("{:010}", Timestamp::now().as_nanosecond() / 1000 % 10_000_000_000)
}

async fn list(config: &SdkConfig, kind: Kind) -> Inventory {
    let inventory = AwsInventory::new(config, Timestamp::now());
    let here = petswipe_cost::Region::new(HERE).unwrap();
    inventory.list(&here, kind).await.unwrap_or_else(|error| panic!("{kind}: {error:?}"))
}

fn ids(inventory: &Inventory) -> BTreeSet<String> {
    inventory.resources().map(|one| one.id().to_owned()).collect()
}
