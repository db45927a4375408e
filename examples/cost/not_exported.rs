//! In the place of `exported.rs` in a program without the engine that reads exports.

use jiff::Timestamp;
use petswipe_cost::Spend;

use super::Flags;
use crate::Exit;

fn missing(flag: &str) -> Exit {
    Exit::usage(format!(
        "{flag} needs a program that was built with --features exports: cargo run --features exports --example cost_report -- {flag} …"
    ))
}

pub(super) async fn spend(_: &Flags, _: Timestamp) -> Result<Spend, Exit> {
    Err(missing("--export"))
}

pub(super) async fn sql(_: &Flags, _: &str, _: Timestamp) -> Result<String, Exit> {
    Err(missing("--athena-sql"))
}
