//! What an analyzer says of a resource: a verdict with its evidence, what it would save, and how to act on it.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Action, Currency, Money, Quote, ResourceRef, Tags, Window};

/// What kind of waste is looked for, such as `ebs-unused`. The areas of this crate are constants here; others may have their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Area(Cow<'static, str>);

impl Area {
    /// EC2 instances that do little.
    pub const EC2: Self = Self::named("ec2-utilization");
    /// Databases that do little.
    pub const RDS: Self = Self::named("rds-utilization");
    /// EBS volumes that nothing uses.
    pub const VOLUMES: Self = Self::named("ebs-unused");
    /// Elastic IP addresses that nothing has.
    pub const ADDRESSES: Self = Self::named("eip-unattached");
    /// Old snapshots of volumes.
    pub const SNAPSHOTS: Self = Self::named("ebs-snapshots");
    /// Old snapshots of databases that somebody made by hand.
    pub const DATABASE_SNAPSHOTS: Self = Self::named("rds-snapshots");
    /// Buckets that could be cheaper.
    pub const S3: Self = Self::named("s3-storage");
    /// Load balancers that nobody asks, or that have nobody to ask.
    pub const LOAD_BALANCERS: Self = Self::named("load-balancers");
    /// NAT gateways that are idle, or that carry what need not go through them.
    pub const NAT: Self = Self::named("nat-gateways");
    /// Reservations and Savings Plans.
    pub const COMMITMENTS: Self = Self::named("commitments");
    /// Log groups that keep everything for ever.
    pub const LOGS: Self = Self::named("log-retention");
    /// Services that could run on Fargate Spot.
    pub const FARGATE_SPOT: Self = Self::named("fargate-spot");
    /// Services with more CPU or memory than they use.
    pub const ECS: Self = Self::named("ecs-sizing");
    /// gp2 volumes that would be cheaper as gp3.
    pub const GP3: Self = Self::named("ebs-gp3");
    /// Members of Aurora clusters whose load varies.
    pub const AURORA: Self = Self::named("aurora-serverless");
    /// What nobody needs at night and on weekends.
    pub const SCHEDULES: Self = Self::named("schedules");
    /// Several NAT gateways where one would do.
    pub const NAT_CONSOLIDATION: Self = Self::named("nat-consolidation");

    /// What was spent, of which no finding is, but which may be missing.
    pub const SPEND: Self = Self::named("spend");

    /// An area of one's own.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is to be said of a resource in one area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing uses it, or hardly anything: it could go.
    Idle,
    /// It is used, and the same could be had for less.
    Improvable,
    /// It is used, or too new, or not meant: nothing to do.
    Busy,
    /// Too little is known to say. No data is this, and never idle.
    Unknown,
}

impl Verdict {
    /// Whether there is something to save.
    pub fn is_flagged(self) -> bool {
        matches!(self, Self::Idle | Self::Improvable)
    }

    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Improvable => "improvable",
            Self::Busy => "busy",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A fact that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is: `mean CPU`.
    pub fact: String,
    /// What it is like: `3.1 %`.
    pub value: String,
    /// What it is held against: `below 10 %`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The time it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// On how many values it rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints: Option<usize>,
}

impl Evidence {
    /// A fact.
    pub fn new(fact: impl Into<String>, value: impl ToString) -> Self {
        let (fact, value) = (fact.into(), value.to_string());
        Self { fact, value, limit: None, window: None, datapoints: None }
    }

    /// The same, held against something.
    #[must_use]
    pub fn against(mut self, limit: impl ToString) -> Self {
        self.limit = Some(limit.to_string());
        self
    }

    /// The same, with the time and the number of values it rests on.
    #[must_use]
    pub fn measured(mut self, window: Window, datapoints: usize) -> Self {
        (self.window, self.datapoints) = (Some(window), Some(datapoints));
        self
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.fact, self.value)?;
        if let Some(limit) = &self.limit {
            write!(f, " ({limit})")?;
        }
        Ok(())
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Something that this account can't show may speak against it.
    Low,
    /// It rests on measurements that may not be typical.
    Medium,
    /// It follows from what the account says of itself.
    High,
}

impl Confidence {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What acting on a finding may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskLevel {
    /// Nobody would notice.
    Low,
    /// Somebody may notice, and it can be mended.
    Medium,
    /// Data or availability are at stake, or it can't be undone.
    High,
}

impl RiskLevel {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The risk of acting on a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// How great it is.
    pub level: RiskLevel,
    /// What may happen.
    pub why: String,
}

impl Risk {
    /// A risk.
    pub fn new(level: RiskLevel, why: impl Into<String>) -> Self {
        Self { level, why: why.into() }
    }
}

/// How to act on a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remediation {
    /// What to do, in a sentence.
    pub summary: String,
    /// The exact commands, for a shell: line by line they are one program, which ends with the first that fails.
    pub commands: Vec<String>,
    /// Whether something stops and starts again.
    pub restarts: bool,
    /// Whether it can be undone.
    pub reversible: bool,
    /// The same for a program, where it needs nobody's judgement beyond the finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

/// What part of a resource's bill a finding is about. Two findings about different parts of one resource add up; two about the
/// same part, or one about all of it, are alternatives, and only one of them is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Part {
    /// All of it.
    Whole,
    /// What is stored.
    Storage,
    /// What is left of uploads.
    Uploads,
    /// What flows through it.
    Data,
    /// What is paid for a unit of what is used. It applies to what remains after everything else, so it adds up with nothing, and no
    /// total has it.
    Rate,
}

/// What a finding saves in a month: bounds by the list price, before discounts that the account may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saving {
    /// At least.
    pub low: Money,
    /// At most.
    pub high: Money,
    /// Of both.
    pub currency: Currency,
    /// The oldest day of the prices used; `None` where none was needed.
    pub priced_at: Option<Date>,
    /// The prices used.
    #[serde(default)]
    pub prices: Vec<Quote>,
}

/// What an analyzer says of one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The area.
    pub area: Area,
    /// The resource.
    pub resource: ResourceRef,
    /// Its name, where it has one beside its id.
    pub name: Option<String>,
    /// Its tags; `None` where they are not known.
    pub tags: Option<Tags>,
    /// Idle, improvable, busy, or unknown.
    pub verdict: Verdict,
    /// In a sentence, why.
    pub reason: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What acting on it means, of what is flagged.
    pub advice: Option<Advice>,
}

/// What goes with a verdict that flags a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// How sure it is.
    pub confidence: Confidence,
    /// What it would save, or the keys of the prices that no table knows; none of them where what was measured makes no sense.
    pub saving: Result<Saving, Vec<String>>,
    /// What part of the bill that is.
    pub part: Part,
    /// The risk of acting.
    pub risk: Risk,
    /// How to act.
    pub remediation: Remediation,
}

impl Assessment {
    /// The id of a finding: the same in every report as long as the area and the resource are.
    ///
    /// ```
    /// # use petswipe_cost::*;
    /// # let resource = ResourceRef { kind: Kind::Volume, region: Region::new("eu-west-1")?, id: "vol-1".into() };
    /// let unused = Assessment::busy(Area::VOLUMES, resource, "it is attached");
    /// assert_eq!(unused.id(), "ebs-unused:eu-west-1:vol-1");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn id(&self) -> String {
        format!("{}:{}:{}", self.area, self.resource.region, self.resource.id)
    }

    fn plain(area: Area, resource: ResourceRef, verdict: Verdict, reason: String) -> Self {
        let (name, tags, evidence, advice) = (None, None, Vec::new(), None);
        Self { area, resource, name, tags, verdict, reason, evidence, advice }
    }

    /// Nothing to do.
    pub fn busy(area: Area, resource: ResourceRef, reason: impl Into<String>) -> Self {
        Self::plain(area, resource, Verdict::Busy, reason.into())
    }

    /// Too little is known.
    pub fn unknown(area: Area, resource: ResourceRef, reason: impl Into<String>) -> Self {
        Self::plain(area, resource, Verdict::Unknown, reason.into())
    }

    /// Something to save.
    pub fn flagged(
        area: Area,
        resource: ResourceRef,
        verdict: Verdict,
        reason: impl Into<String>,
        advice: Advice,
    ) -> Self {
        let advice = Some(advice);
        Self { advice, ..Self::plain(area, resource, verdict, reason.into()) }
    }

    /// The same with the facts it rests on.
    #[must_use]
    pub fn because(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// The same with its tags, and the name among them.
    #[must_use]
    pub fn tagged(mut self, tags: Option<&Tags>) -> Self {
        self.name = self.name.or_else(|| tags?.get("Name").cloned());
        self.tags = tags.cloned();
        self
    }
}
