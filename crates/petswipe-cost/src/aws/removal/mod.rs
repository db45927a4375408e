//! Acting on findings in an account of AWS: the only calls of this crate that change anything.
//!
//! Sources: the operations of the Amazon EC2, Amazon RDS, Elastic Load Balancing (2015-12-01 and 2012-06-01) and Amazon CloudWatch
//! Logs API References; "Error codes for the Amazon EC2 API".

mod answer;
#[cfg(feature = "aws-ec2")]
mod ec2;
mod others;
#[cfg(feature = "aws-ec2")]
mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_types::SdkConfig;
use petswipe_runbook::Clock;

use super::identity;
use super::places::{Place, Places};
use crate::removal::Remover;
use crate::{Action, Error, Region, explain};

/// The tag of a snapshot that was made before its volume was deleted: the id of the volume.
pub const SNAPSHOT_OF_TAG: &str = "petswipe:snapshot-of";

/// The tag of such a snapshot that says for which wish it was made.
pub const SNAPSHOT_TOKEN_TAG: &str = "petswipe:token";

/// Longer than any snapshot should take, and shorter than a removal waits for one.
const PATIENCE: Duration = Duration::from_secs(5 * 3600);

/// Acts upon one account, in any of its regions.
///
/// Before each change STS is asked whose the credentials are; those of another account change nothing.
///
/// - Volumes, their snapshots, addresses, NAT gateways and instances need the feature `aws-ec2`, snapshots of databases `aws-rds`;
///   without it they are [`Error::Unsupported`].
/// - EC2 has no token for a snapshot, so it is found by a tag. A snapshot that was begun seconds ago may not be found yet by the next
///   process, which then makes another one. Source: "Eventual consistency in the Amazon EC2 API".
/// - Whoever deletes a load balancer or a NAT gateway, stops an instance or changes a volume is answered when that has begun.
/// - An address of a default VPC would be taken from what uses it by its release, so it is looked at first; in between is a moment in
///   which somebody may associate it. Source: "ReleaseAddress".
pub struct AwsRemover {
    account: String,
    places: Places,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

impl fmt::Debug for AwsRemover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsRemover").field("account", &self.account).finish_non_exhaustive()
    }
}

impl AwsRemover {
    /// For the account with that number. It waits by `clock`, for a snapshot at most five hours.
    pub fn new(config: &SdkConfig, account: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        let places = Places::new(config);
        Self { account: account.into(), places, clock, patience: PATIENCE }
    }

    /// The same waiting at most so long for a snapshot.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The clients of a region, if the credentials are those of the account.
    async fn place(&self, region: &Region) -> Result<Arc<Place>, Error> {
        let place = self.places.of(region);
        let whose = identity::ask(place.sts(), region.as_str()).await;
        let whose = whose.map_err(|error| {
            let asking = "asking whose account it is, before anything is changed,";
            Error::backend(asking, explain(&error))
        })?;
        if whose != self.account {
            let allowed = format!("{}, for which this was planned", self.account);
            return Err(Error::invalid("account of the credentials", whose, allowed));
        }
        Ok(place)
    }
}

#[async_trait]
impl Remover for AwsRemover {
    async fn snapshot(&self, region: &Region, volume: &str, token: &str) -> Result<String, Error> {
        let place = self.place(region).await?;
        snapshot_of(self, &place, volume, token).await
    }

    async fn act(&self, region: &Region, action: &Action) -> Result<(), Error> {
        let place = self.place(region).await?;
        match action {
            Action::DeleteDatabaseSnapshot { snapshot } => {
                others::delete_database_snapshot(&place, snapshot).await
            }
            Action::DeleteClusterSnapshot { snapshot } => {
                others::delete_cluster_snapshot(&place, snapshot).await
            }
            Action::DeleteLoadBalancer { balancer } => {
                others::delete_load_balancer(&place, balancer).await
            }
            Action::SetRetention { group, days } => {
                others::set_retention(&place, group, *days).await
            }
            _ => computing(&place, action).await,
        }
    }
}

#[cfg(feature = "aws-ec2")]
async fn snapshot_of(
    remover: &AwsRemover,
    place: &Place,
    volume: &str,
    token: &str,
) -> Result<String, Error> {
    let (client, clock) = (place.ec2(), remover.clock.as_ref());
    snapshot::Wish { client, clock, volume, token }.fulfilled(remover.patience).await
}

#[cfg(not(feature = "aws-ec2"))]
async fn snapshot_of(remover: &AwsRemover, _: &Place, _: &str, _: &str) -> Result<String, Error> {
    let _ = (&remover.clock, remover.patience);
    Err(without("aws-ec2", "a snapshot of a volume"))
}

#[cfg(feature = "aws-ec2")]
async fn computing(place: &Place, action: &Action) -> Result<(), Error> {
    let client = place.ec2();
    match action {
        Action::DeleteVolume { volume } => ec2::delete_volume(client, volume).await,
        Action::ReleaseAddress { allocation } => ec2::release_address(client, allocation).await,
        Action::DeleteSnapshot { snapshot } => ec2::delete_snapshot(client, snapshot).await,
        Action::DeleteNatGateway { gateway } => ec2::delete_nat_gateway(client, gateway).await,
        Action::StopInstance { instance } => ec2::stop_instance(client, instance).await,
        Action::ConvertVolume { volume, iops, throughput_mib } => {
            ec2::convert_volume(client, volume, *iops, *throughput_mib).await
        }
        other => Err(Error::Unsupported { what: format!("to {other}") }),
    }
}

#[cfg(not(feature = "aws-ec2"))]
async fn computing(_: &Place, action: &Action) -> Result<(), Error> {
    Err(without("aws-ec2", &format!("to {action}")))
}

#[cfg(any(not(feature = "aws-ec2"), not(feature = "aws-rds")))]
fn without(feature: &str, what: &str) -> Error {
    Error::Unsupported { what: format!("{what} (it needs the feature {feature})") }
}
