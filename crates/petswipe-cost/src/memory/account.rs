//! What there is and what was measured, in memory, with what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::MemorySpend;
use crate::inventory::{Volume, VolumeKind, VolumeState};
use crate::{
    Anomaly, Commitments, Currency, Error, Inventory, InventorySource, Kind, Measure, Region,
    Rightsizing, Series, Spend, SpendSource, Tags, Usage, UsageSource, Window,
};

/// An account in memory. It counts the calls that AWS would need for what it is asked.
#[derive(Debug)]
pub struct MemoryAccount {
    account: String,
    regions: Vec<Region>,
    usage: Usage,
    spend: MemorySpend,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) inventory: Inventory,
    /// Snapshots that were made, by the token of the wish.
    #[cfg(feature = "removal")]
    pub(super) snapshots: BTreeMap<String, String>,
    denied: BTreeSet<String>,
    throttled: BTreeSet<String>,
    calls: BTreeMap<String, u64>,
}

impl MemoryAccount {
    /// An empty account with those regions.
    pub fn new(account: impl Into<String>, regions: impl IntoIterator<Item = Region>) -> Self {
        Self {
            account: account.into(),
            regions: regions.into_iter().collect(),
            usage: Usage::default(),
            spend: MemorySpend::new(Currency::USD),
            state: Mutex::default(),
        }
    }

    /// A little one: a volume of 100 GiB in `us-east-1` that nothing uses, made in 2026.
    pub fn example() -> Self {
        let region = Region::new("us-east-1").ok();
        let account = Self::new("123456789012", region.clone());
        let volume = region.map(|region| Volume {
            id: "vol-unused".to_owned(),
            region,
            tags: Tags::new(),
            kind: VolumeKind::Gp3,
            size_gib: 125,
            iops: Some(3000),
            throughput_mib: Some(125),
            state: VolumeState::Available,
            created_at: jiff::Timestamp::constant(1_767_225_600, 0),
        });
        account.state().inventory.volumes.extend(volume);
        account
    }

    /// The same with what there is.
    #[must_use]
    pub fn with_inventory(self, inventory: Inventory) -> Self {
        self.state().inventory.absorb(inventory);
        self
    }

    /// The same with what was measured. Of what is asked beyond, nothing is known.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage.absorb(usage);
        self
    }

    /// The same with what is reserved and committed.
    #[must_use]
    pub fn with_commitments(self, commitments: Commitments) -> Self {
        commitments.kinds.into_iter().for_each(|commitment| self.spend.commit(commitment));
        self
    }

    /// What it spends, to put more in.
    pub fn spend(&self) -> &MemorySpend {
        &self.spend
    }

    /// The same with credentials that lack an action, as IAM names it.
    #[must_use]
    pub fn denying(self, action: impl Into<String>) -> Self {
        self.deny(action);
        self
    }

    /// From now on the credentials lack an action.
    pub fn deny(&self, action: impl Into<String>) {
        self.state().denied.insert(action.into());
    }

    /// The same with one action that is always one call too many.
    #[must_use]
    pub fn throttling(self, action: impl Into<String>) -> Self {
        self.state().throttled.insert(action.into());
        self
    }

    /// What there is now.
    pub fn inventory(&self) -> Inventory {
        self.state().inventory.clone()
    }

    /// Changes what there is, as somebody else would.
    pub fn change(&self, change: impl FnOnce(&mut Inventory)) {
        change(&mut self.state().inventory);
    }

    /// The calls that AWS would have needed so far, by IAM's names.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.state().calls.clone()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the calls of an action, or refuses it.
    pub(super) fn call(&self, action: &str, times: usize) -> Result<(), Error> {
        let mut state = self.state();
        *state.calls.entry(action.to_owned()).or_default() += times.max(1) as u64;
        let action = action.to_owned();
        if state.denied.contains(&action) {
            return Err(Error::Denied { action, source: "the script says so".into() });
        }
        if state.throttled.contains(&action) {
            return Err(Error::Throttled { action, retry_after: None });
        }
        Ok(())
    }

    fn in_region(&self, region: &Region) -> Result<(), Error> {
        let enabled = self.regions.contains(region);
        enabled.then_some(()).ok_or_else(|| Error::Disabled { region: region.to_string() })
    }
}

/// The action that lists a kind, and how many of it AWS gives in a page. Sources: the API reference of each action.
fn listing(kind: Kind) -> Option<(&'static str, usize)> {
    Some(match kind {
        Kind::Instance => ("ec2:DescribeInstances", 1000),
        Kind::Volume => ("ec2:DescribeVolumes", 500),
        Kind::Snapshot => ("ec2:DescribeSnapshots", 1000),
        Kind::Image => ("ec2:DescribeImages", 1000),
        Kind::LaunchTemplate => ("ec2:DescribeLaunchTemplateVersions", 200),
        Kind::Address => ("ec2:DescribeAddresses", usize::MAX),
        Kind::NatGateway => ("ec2:DescribeNatGateways", 1000),
        Kind::VpcEndpoint => ("ec2:DescribeVpcEndpoints", 1000),
        Kind::Subnet => ("ec2:DescribeSubnets", 1000),
        Kind::RouteTable => ("ec2:DescribeRouteTables", 100),
        Kind::Database => ("rds:DescribeDBInstances", 100),
        Kind::DatabaseSnapshot => ("rds:DescribeDBSnapshots", 100),
        Kind::LoadBalancer => ("elasticloadbalancing:DescribeLoadBalancers", 400),
        Kind::Bucket => ("s3:ListAllMyBuckets", 1000),
        Kind::LogGroup => ("logs:DescribeLogGroups", 50),
        Kind::Service => ("ecs:DescribeServices", 10),
        Kind::Account | Kind::Vpc => return None,
    })
}

#[async_trait]
impl InventorySource for MemoryAccount {
    async fn account(&self) -> Result<String, Error> {
        self.call("sts:GetCallerIdentity", 1)?;
        Ok(self.account.clone())
    }

    async fn regions(&self) -> Result<Vec<Region>, Error> {
        self.call("ec2:DescribeRegions", 1)?;
        Ok(self.regions.clone())
    }

    async fn list(&self, region: &Region, kind: Kind) -> Result<Inventory, Error> {
        let Some((action, page)) = listing(kind) else {
            return Err(Error::Unsupported { what: format!("listing what is of kind {kind}") });
        };
        self.in_region(region)?;
        let listed = self.state().inventory.only(kind, region);
        self.call(action, listed.len().div_ceil(page))?;
        Ok(listed)
    }
}

#[async_trait]
impl UsageSource for MemoryAccount {
    async fn statistics(
        &self,
        region: &Region,
        measures: &[Measure],
        window: Window,
    ) -> Result<Vec<Series>, Error> {
        self.in_region(region)?;
        self.call("cloudwatch:GetMetricData", measures.len().div_ceil(500))?;
        let series = measures.iter().map(|measure| {
            let known = self.usage.of(measure).into_iter().flat_map(Series::points);
            Series::new(window, measure.period, known)
        });
        Ok(series.collect())
    }
}

#[async_trait]
impl SpendSource for MemoryAccount {
    async fn costs<'a>(&self, window: Window, by_tag: Option<&'a str>) -> Result<Spend, Error> {
        self.call("ce:GetCostAndUsage", 1)?;
        self.spend.costs(window, by_tag).await
    }

    async fn commitments(&self, window: Window) -> Result<Commitments, Error> {
        for of in [
            "SavingsPlansCoverage",
            "SavingsPlansUtilization",
            "ReservationCoverage",
            "ReservationUtilization",
        ] {
            self.call(&format!("ce:Get{of}"), 1)?;
        }
        self.spend.commitments(window).await
    }

    async fn anomalies(&self, window: Window) -> Result<Vec<Anomaly>, Error> {
        self.call("ce:GetAnomalies", 1)?;
        self.spend.anomalies(window).await
    }

    async fn rightsizing(&self) -> Result<Vec<Rightsizing>, Error> {
        self.call("ce:GetRightsizingRecommendation", 1)?;
        self.spend.rightsizing().await
    }
}
