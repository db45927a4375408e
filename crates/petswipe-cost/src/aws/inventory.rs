//! What there is in an account of AWS.

use std::fmt;

use async_trait::async_trait;
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use petswipe_aws::CallError;

use super::identity::Identity;
use super::partly::{Partly, unread};
use super::places::{Place, Places};
use super::s3::Buckets;
use super::values::distinct;
use super::{classic, ecs, elb, logs};
use crate::{Error, Inventory, InventorySource, Kind, Region};

/// So many days old an upload is asked for its size, unless another number is given.
const STALE: u16 = 7;

/// Lists what there is in the account of a configuration, in any of its regions.
///
/// All pages are read, in the largest that AWS allows. A listing that breaks off because a token has expired is begun once more.
/// What was deleted between two calls is left out.
///
/// - Kinds of EC2 need the feature `aws-ec2`, databases and their snapshots `aws-rds`; without it they are
///   [`Error::Unsupported`]. Without `aws-ec2` the only region that [`regions`](InventorySource::regions) knows is that of the
///   configuration.
/// - What services of AWS manage, and the account has chosen to hide, is not listed.
/// - Of databases only those snapshots of clusters are listed that somebody made.
/// - Buckets are listed by one call for all regions, which is made again when a region is asked a second time.
/// - A region that does not exist has no addresses either, so asking it is an [`Error::Backend`], unlike one that is not enabled.
pub struct AwsInventory {
    home: Option<Region>,
    places: Places,
    identity: Identity,
    buckets: Buckets,
}

impl fmt::Debug for AwsInventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsInventory").field("home", &self.home).finish_non_exhaustive()
    }
}

impl AwsInventory {
    /// The account that the credentials belong to. A multipart upload that at `now` is seven days old is asked how much of it is there;
    /// younger ones may well be completed.
    pub fn new(config: &SdkConfig, now: Timestamp) -> Self {
        let home = config.region().and_then(|region| Region::new(region.as_ref()).ok());
        let places = Places::new(config);
        let buckets = Buckets::new(before(now, STALE));
        Self { home, places, identity: Identity::new(config), buckets }
    }

    /// The same asking uploads for their size that are so many days old at `now`, as
    /// [`S3Limits::upload_days`](crate::thresholds::S3Limits::upload_days) has it.
    #[must_use]
    pub fn measuring_uploads(mut self, now: Timestamp, days: u16) -> Self {
        self.buckets.measured = before(now, days);
        self
    }

    fn home(&self) -> Result<&Region, Error> {
        let missing = || Error::invalid("region of the configuration", "none", "a region's code");
        self.home.as_ref().ok_or_else(missing)
    }

    #[cfg(feature = "aws-ec2")]
    async fn enabled(&self) -> Result<Vec<Region>, Error> {
        let home = self.home()?;
        let asked = super::ec2::regions(self.places.of(home).ec2(), home).await;
        match asked {
            Ok(regions) => Ok(regions),
            Err(error) => Err(self.identity.meaning(error, home).await),
        }
    }

    #[cfg(not(feature = "aws-ec2"))]
    async fn enabled(&self) -> Result<Vec<Region>, Error> {
        Ok(vec![self.home()?.clone()])
    }

    async fn buckets(&self, region: &Region) -> Result<Inventory, Error> {
        let home = self.home()?;
        let there = self.places.of(region);
        if region != home {
            // The list of buckets is not the region's, so it does not say whether the region is enabled.
            self.identity.check(there.sts(), region).await?;
        }
        let home = self.places.of(home);
        match self.buckets.list(home.s3(), there.s3(), region).await {
            Ok(Partly { all, failed }) => Ok(Inventory {
                buckets: distinct(all),
                unread: unread(Kind::Bucket, region, failed),
                ..Inventory::default()
            }),
            Err(error) => Err(self.identity.meaning(error, region).await),
        }
    }
}

#[async_trait]
impl InventorySource for AwsInventory {
    async fn account(&self) -> Result<String, Error> {
        self.identity.account().await
    }

    async fn regions(&self) -> Result<Vec<Region>, Error> {
        self.enabled().await
    }

    async fn list(&self, region: &Region, kind: Kind) -> Result<Inventory, Error> {
        if kind == Kind::Bucket {
            return self.buckets(region).await;
        }
        let place = self.places.of(region);
        let listed = match kind {
            Kind::LoadBalancer => balancers(&place).await,
            Kind::LogGroup => {
                logs::list(place.logs(), region).await.map(|Partly { all, failed }| Inventory {
                    log_groups: distinct(all),
                    unread: unread(kind, region, failed),
                    ..Inventory::default()
                })
            }
            Kind::Service => ecs::list(place.ecs(), region)
                .await
                .map(|all| Inventory { services: distinct(all), ..Inventory::default() }),
            Kind::Database | Kind::DatabaseSnapshot => databases(&place, kind).await?,
            Kind::Account | Kind::Vpc => return Err(unsupported(kind, "it is in no listing")),
            _ => computing(&place, kind).await?,
        };
        match listed {
            Ok(inventory) => Ok(inventory),
            Err(error) => Err(self.identity.meaning(error, region).await),
        }
    }
}

fn before(now: Timestamp, days: u16) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN)
}

fn unsupported(kind: Kind, why: &str) -> Error {
    Error::Unsupported { what: format!("listing the kind {kind} ({why})") }
}

/// Of both generations.
async fn balancers(place: &Place) -> Result<Inventory, CallError> {
    let Partly { mut all, failed } = elb::list(place.elb(), &place.region).await?;
    all.extend(classic::list(place.classic(), &place.region).await?);
    let unread = unread(Kind::LoadBalancer, &place.region, failed);
    Ok(Inventory { load_balancers: distinct(all), unread, ..Inventory::default() })
}

#[cfg(feature = "aws-rds")]
async fn databases(place: &Place, kind: Kind) -> Result<Result<Inventory, CallError>, Error> {
    let (rds, region) = (place.rds(), &place.region);
    Ok(match kind {
        Kind::Database => super::rds::databases(rds, region)
            .await
            .map(|all| Inventory { databases: distinct(all), ..Inventory::default() }),
        _ => database_snapshots(rds, region).await,
    })
}

/// Of instances and of clusters.
#[cfg(feature = "aws-rds")]
async fn database_snapshots(
    rds: &aws_sdk_rds::Client,
    region: &Region,
) -> Result<Inventory, CallError> {
    let mut all = super::rds::snapshots(rds, region).await?;
    all.extend(super::rds::cluster_snapshots(rds, region).await?);
    Ok(Inventory { database_snapshots: distinct(all), ..Inventory::default() })
}

#[cfg(not(feature = "aws-rds"))]
async fn databases(_: &Place, kind: Kind) -> Result<Result<Inventory, CallError>, Error> {
    Err(unsupported(kind, "it needs the feature aws-rds"))
}

#[cfg(feature = "aws-ec2")]
async fn computing(place: &Place, kind: Kind) -> Result<Result<Inventory, CallError>, Error> {
    let (ec2, region) = (place.ec2(), &place.region);
    match super::ec2::list(ec2, region, kind).await {
        Some(listed) => Ok(listed),
        None => Err(unsupported(kind, "this source does not know it")),
    }
}

#[cfg(not(feature = "aws-ec2"))]
async fn computing(_: &Place, kind: Kind) -> Result<Result<Inventory, CallError>, Error> {
    Err(unsupported(kind, "it needs the feature aws-ec2"))
}
