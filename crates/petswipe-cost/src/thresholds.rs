//! What counts as idle, old, or too much: data, with presets of what others hold.

use serde::{Deserialize, Serialize};

use crate::{Error, Statistic};

/// The limits of all analyzers. The default is what the guide says, made strict where a mean would hide bursts.
///
/// ```
/// use petswipe_cost::Thresholds;
/// let mut thresholds = Thresholds::default();
/// thresholds.snapshots.days = 30;
/// thresholds.check()?;
/// thresholds.ec2.known_days = 60;
/// let error = thresholds.check().unwrap_err().to_string();
/// assert_eq!(error, "ec2.known_days is 60; allowed: 1 to ec2.days, which is 30");
/// # Ok::<(), petswipe_cost::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// EC2 instances.
    pub ec2: Ec2Limits,
    /// Databases.
    pub rds: RdsLimits,
    /// Volumes.
    pub volumes: VolumeLimits,
    /// Snapshots of volumes, and those of databases made by hand.
    pub snapshots: SnapshotLimits,
    /// Buckets.
    pub s3: S3Limits,
    /// Load balancers.
    pub load_balancers: LoadBalancerLimits,
    /// NAT gateways.
    pub nat: NatLimits,
    /// Reservations and Savings Plans.
    pub commitments: CommitmentLimits,
    /// Log groups.
    pub logs: LogLimits,
    /// ECS services.
    pub ecs: EcsLimits,
    /// Aurora clusters.
    pub aurora: AuroraLimits,
    /// What is no production.
    pub schedule: ScheduleLimits,
}

/// When an instance is idle or too large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ec2Limits {
    /// How many days back it is looked at.
    pub days: u16,
    /// With fewer known days than this the verdict is unknown.
    pub known_days: u16,
    /// A day is idle with CPU at or below this, percent …
    pub idle_cpu_percent: f64,
    /// … of this statistic of the day …
    pub idle_cpu: Statistic,
    /// … and with no more traffic, both ways together, MiB a day.
    pub idle_network_mib: f64,
    /// On how many days it has to be idle; 0 for all that are known.
    pub idle_days: u16,
    /// One that was started in so many last days is never idle: somebody started it for something.
    pub started_days: u16,
    /// Too large is one whose mean CPU is below this, percent; 0 for none …
    pub under_cpu_percent: f64,
    /// … and whose greatest peak would be no more than this on the next smaller size, percent.
    pub peak_percent: f64,
}

/// Source: the guide ("mean CPU below 10 % over 30 days") for what is too large; for idle the peak of AWS Compute Optimizer and
/// the traffic of AWS Trusted Advisor, on every day.
impl Default for Ec2Limits {
    fn default() -> Self {
        Self {
            days: 30,
            known_days: 14,
            idle_cpu_percent: 5.0,
            idle_cpu: Statistic::Maximum,
            idle_network_mib: 5.0,
            idle_days: 0,
            started_days: 7,
            under_cpu_percent: 10.0,
            peak_percent: 80.0,
        }
    }
}

/// When a database is idle or too large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RdsLimits {
    /// How many days back connections are looked at: idle is one without any on all of them.
    pub idle_days: u16,
    /// How many days back its load is looked at.
    pub days: u16,
    /// With fewer known days than this the verdict is unknown.
    pub known_days: u16,
    /// Too large is one whose mean CPU is below this, percent …
    pub under_cpu_percent: f64,
    /// … with fewer connections at any time …
    pub under_connections: f64,
    /// … and whose greatest peak would be no more than this on the next smaller class, percent.
    pub peak_percent: f64,
}

/// Source: AWS Trusted Advisor "RDS idle DB instances" for idle, the guide for the rest, both of its conditions together: by one
/// of them alone busy databases are found idle.
impl Default for RdsLimits {
    fn default() -> Self {
        Self {
            idle_days: 7,
            days: 30,
            known_days: 14,
            under_cpu_percent: 20.0,
            under_connections: 10.0,
            peak_percent: 80.0,
        }
    }
}

/// When a volume is unused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VolumeLimits {
    /// One that is attached to nothing is left alone for so many days after it was made …
    pub days: u16,
    /// … and for so many after it was attached last, as its metrics tell; 0 to not ask, which saves two metrics each.
    pub detached_days: u16,
    /// One that is attached is idle without operations on so many days; 0 to not look, which needs two metrics each.
    pub attached_idle_days: u16,
}

/// Source: AWS Compute Optimizer, "Idle resource recommendations" (not attached for 32 days).
impl Default for VolumeLimits {
    fn default() -> Self {
        Self { days: 7, detached_days: 32, attached_idle_days: 0 }
    }
}

/// When a snapshot is old.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotLimits {
    /// Older than so many days.
    pub days: u16,
}

/// Source: the guide.
impl Default for SnapshotLimits {
    fn default() -> Self {
        Self { days: 90 }
    }
}

/// When a bucket could be cheaper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Limits {
    /// A multipart upload is stale after so many days.
    pub upload_days: u16,
    /// A bucket is looked at for its classes from this size on, GiB.
    pub class_gib: f64,
    /// Objects have to be at least this large on average for another class, KiB. Smaller ones are never moved by Intelligent-Tiering.
    pub class_object_kib: f64,
}

/// Source: "Amazon S3 Intelligent-Tiering" (objects below 128 KB stay in the frequent tier).
impl Default for S3Limits {
    fn default() -> Self {
        Self { upload_days: 7, class_gib: 100.0, class_object_kib: 128.0 }
    }
}

/// When a load balancer is unused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadBalancerLimits {
    /// How many days back it is looked at; a younger one is left alone.
    pub days: u16,
    /// Idle is one with fewer requests, or new connections, than this on every day …
    pub requests_per_day: f64,
    /// … that carried less than this on every day, MiB …
    pub mib_per_day: f64,
    /// … and with fewer open connections than this, in the mean of every day.
    pub open_connections: f64,
}

/// Source: AWS Trusted Advisor "Idle load balancers" for requests. The other two are for what has few connections that stay: scans
/// of ports alone stay below them.
impl Default for LoadBalancerLimits {
    fn default() -> Self {
        Self { days: 7, requests_per_day: 100.0, mib_per_day: 5.0, open_connections: 0.5 }
    }
}

/// When a NAT gateway is unused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatLimits {
    /// How many days back it is looked at; a younger one is left alone.
    pub days: u16,
    /// From how much traffic in a month on an endpoint is worth a look, GiB.
    pub data_gib: f64,
}

/// Source: AWS Compute Optimizer, "Idle resource: NAT gateways" (32 days).
impl Default for NatLimits {
    fn default() -> Self {
        Self { days: 32, data_gib: 100.0 }
    }
}

/// When commitments are not what they should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommitmentLimits {
    /// Less of the spend that could be covered is covered, percent.
    pub coverage_percent: f64,
    /// Less of what was bought is used, percent.
    pub utilisation_percent: f64,
    /// The greatest discount that AWS names for a Savings Plan that covers everything, percent.
    pub discount_percent: f64,
    /// The greatest discount that AWS names for reserved instances of EC2, percent.
    pub reservation_discount_percent: f64,
}

/// Sources: "Compute Savings Plans" (up to 66 %), "Amazon EC2 Reserved Instances" (up to 72 %). The other two are what practitioners
/// aim at.
impl Default for CommitmentLimits {
    fn default() -> Self {
        Self {
            coverage_percent: 70.0,
            utilisation_percent: 80.0,
            discount_percent: 66.0,
            reservation_discount_percent: 72.0,
        }
    }
}

/// When a log group keeps too much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogLimits {
    /// The retention to set, days. One of those that CloudWatch takes.
    pub retention_days: u32,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { retention_days: 90 }
    }
}

/// The retentions that CloudWatch takes, days. Source: "PutRetentionPolicy", Amazon CloudWatch Logs API Reference.
pub const RETENTIONS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// When a service has too much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EcsLimits {
    /// How many days back it is looked at.
    pub days: u16,
    /// With fewer known days than this the verdict is unknown.
    pub known_days: u16,
    /// Which percentile of the hourly peaks has to fit.
    pub percentile: f64,
    /// How much more than that a smaller size has to have, percent.
    pub headroom_percent: f64,
    /// What Fargate Spot saves at most, percent.
    pub spot_percent: f64,
}

/// Source: AWS Compute Optimizer, rightsizing preferences (P99.5, 20 % headroom); "AWS Fargate Spot" (up to 70 %).
impl Default for EcsLimits {
    fn default() -> Self {
        Self {
            days: 14,
            known_days: 7,
            percentile: 99.5,
            headroom_percent: 20.0,
            spot_percent: 70.0,
        }
    }
}

/// When the load of an Aurora cluster varies enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuroraLimits {
    /// How many days back it is looked at.
    pub days: u16,
    /// With fewer known days than this the verdict is unknown.
    pub known_days: u16,
    /// Capacity units that remain when nothing is asked.
    pub minimum_units: f64,
}

/// Source: "How Aurora Serverless v2 works" (0.5 is the smallest capacity that does not pause).
impl Default for AuroraLimits {
    fn default() -> Self {
        Self { days: 14, known_days: 7, minimum_units: 0.5 }
    }
}

/// What is no production, and when it is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleLimits {
    /// The tags that say which environment something belongs to.
    pub environment_tags: Vec<String>,
    /// Their values that are no production.
    pub environments: Vec<String>,
    /// The first hour of a working day, by the time below.
    pub from_hour: u8,
    /// The hour in which a working day is over.
    pub to_hour: u8,
    /// Hours that local time is before UTC.
    pub utc_offset_hours: i8,
    /// How many days back it is looked at.
    pub days: u16,
    /// With fewer known days than this the verdict is unknown.
    pub known_days: u16,
    /// Outside working hours it does no more than this, percent of CPU.
    pub idle_cpu_percent: f64,
}

impl Default for ScheduleLimits {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            environment_tags: texts(&["Environment", "environment", "Env", "env", "Stage"]),
            environments: texts(&[
                "dev",
                "development",
                "test",
                "testing",
                "qa",
                "staging",
                "sandbox",
            ]),
            from_hour: 7,
            to_hour: 19,
            utc_offset_hours: 0,
            days: 14,
            known_days: 10,
            idle_cpu_percent: 10.0,
        }
    }
}

impl ScheduleLimits {
    /// Whether tags say that something is no production: one does, and none says anything else.
    pub fn is_non_production(&self, tags: &crate::Tags) -> bool {
        let values = self.environment_tags.iter().filter_map(|tag| tags.get(tag));
        let mut known = values.map(|value| self.environments.contains(&value.to_lowercase()));
        known.next() == Some(true) && known.all(|known| known)
    }
}

impl Thresholds {
    /// The names of the presets.
    pub const PRESETS: [&'static str; 3] = ["guide", "trusted-advisor", "compute-optimizer"];

    /// A preset by its name: `guide` is the default; the others are what AWS's own advisors hold EC2 instances, databases and volumes
    /// against.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another name.
    pub fn preset(name: &str) -> Result<Self, Error> {
        let mut limits = Self::default();
        match name {
            "guide" => {}
            // Sources: AWS Trusted Advisor, "Low utilization Amazon EC2 instances", "Amazon RDS idle DB instances", "Underutilized
            // Amazon EBS volumes".
            "trusted-advisor" => {
                limits.ec2 = Ec2Limits {
                    days: 14,
                    known_days: 4,
                    idle_cpu_percent: 10.0,
                    idle_cpu: Statistic::Average,
                    idle_days: 4,
                    under_cpu_percent: 0.0,
                    ..limits.ec2
                };
                limits.rds = RdsLimits { idle_days: 7, under_cpu_percent: 0.0, ..limits.rds };
                limits.volumes =
                    VolumeLimits { detached_days: 7, attached_idle_days: 7, ..limits.volumes };
            }
            // Source: AWS Compute Optimizer, "Idle resource recommendations"; 30 hours of data are two days.
            "compute-optimizer" => {
                limits.ec2 =
                    Ec2Limits { days: 14, known_days: 2, under_cpu_percent: 0.0, ..limits.ec2 };
                limits.rds = RdsLimits { idle_days: 14, under_cpu_percent: 0.0, ..limits.rds };
                limits.volumes = VolumeLimits { attached_idle_days: 14, ..limits.volumes };
            }
            _ => return Err(Error::invalid("preset", name, Self::PRESETS.join(", "))),
        }
        Ok(limits)
    }

    /// Checks that every limit can be met.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the first that can't, with what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        let days = |field: &str, value: u16| {
            let allowed = "1 to 455, as long as CloudWatch keeps hours";
            let fits = (1..=455).contains(&value);
            fits.then_some(()).ok_or_else(|| Error::invalid(field, value, allowed))
        };
        let known = |area: &str, value: u16, of: u16| {
            let fits = value >= 1 && value <= of;
            let (field, allowed) =
                (format!("{area}.known_days"), format!("1 to {area}.days, which is {of}"));
            fits.then_some(()).ok_or_else(|| Error::invalid(field, value, allowed))
        };
        let percent = |field: &str, value: f64| {
            let fits = (0.0..=100.0).contains(&value);
            fits.then_some(()).ok_or_else(|| Error::invalid(field, value, "0 to 100"))
        };
        let amount = |field: &str, value: f64| {
            let fits = value.is_finite() && value >= 0.0;
            fits.then_some(()).ok_or_else(|| Error::invalid(field, value, "a number, 0 or more"))
        };
        for (area, of, least) in [
            ("ec2", self.ec2.days, self.ec2.known_days),
            ("rds", self.rds.days, self.rds.known_days),
            ("ecs", self.ecs.days, self.ecs.known_days),
            ("aurora", self.aurora.days, self.aurora.known_days),
            ("schedule", self.schedule.days, self.schedule.known_days),
        ] {
            days(&format!("{area}.days"), of)?;
            known(area, least, of)?;
        }
        days("rds.idle_days", self.rds.idle_days)?;
        for (field, value) in [
            ("volumes.detached_days", self.volumes.detached_days),
            ("volumes.attached_idle_days", self.volumes.attached_idle_days),
        ] {
            if value > 0 {
                days(field, value)?;
            }
        }
        days("load_balancers.days", self.load_balancers.days)?;
        days("nat.days", self.nat.days)?;
        if self.ec2.idle_days > self.ec2.days {
            let allowed = format!("0 to ec2.days, which is {}", self.ec2.days);
            return Err(Error::invalid("ec2.idle_days", self.ec2.idle_days, allowed));
        }
        if self.ec2.idle_cpu == Statistic::Sum {
            return Err(Error::invalid("ec2.idle_cpu", "sum", "average or maximum"));
        }
        for (field, value) in [
            ("ec2.idle_cpu_percent", self.ec2.idle_cpu_percent),
            ("ec2.under_cpu_percent", self.ec2.under_cpu_percent),
            ("ec2.peak_percent", self.ec2.peak_percent),
            ("rds.under_cpu_percent", self.rds.under_cpu_percent),
            ("rds.peak_percent", self.rds.peak_percent),
            ("commitments.coverage_percent", self.commitments.coverage_percent),
            ("commitments.utilisation_percent", self.commitments.utilisation_percent),
            ("commitments.discount_percent", self.commitments.discount_percent),
            (
                "commitments.reservation_discount_percent",
                self.commitments.reservation_discount_percent,
            ),
            ("ecs.percentile", self.ecs.percentile),
            ("ecs.spot_percent", self.ecs.spot_percent),
            ("schedule.idle_cpu_percent", self.schedule.idle_cpu_percent),
        ] {
            percent(field, value)?;
        }
        for (field, value) in [
            ("ec2.idle_network_mib", self.ec2.idle_network_mib),
            ("rds.under_connections", self.rds.under_connections),
            ("s3.class_gib", self.s3.class_gib),
            ("s3.class_object_kib", self.s3.class_object_kib),
            ("load_balancers.requests_per_day", self.load_balancers.requests_per_day),
            ("load_balancers.mib_per_day", self.load_balancers.mib_per_day),
            ("load_balancers.open_connections", self.load_balancers.open_connections),
            ("nat.data_gib", self.nat.data_gib),
            ("ecs.headroom_percent", self.ecs.headroom_percent),
            ("aurora.minimum_units", self.aurora.minimum_units),
        ] {
            amount(field, value)?;
        }
        if !RETENTIONS.contains(&self.logs.retention_days) {
            let allowed = format!("one of {RETENTIONS:?}");
            return Err(Error::invalid("logs.retention_days", self.logs.retention_days, allowed));
        }
        let schedule = &self.schedule;
        if schedule.from_hour >= schedule.to_hour || schedule.to_hour > 24 {
            let value = format!("{} to {}", schedule.from_hour, schedule.to_hour);
            return Err(Error::invalid(
                "schedule.from_hour",
                value,
                "an hour before to_hour, up to 24",
            ));
        }
        if !(-14..=14).contains(&schedule.utc_offset_hours) {
            let value = schedule.utc_offset_hours;
            return Err(Error::invalid("schedule.utc_offset_hours", value, "-14 to 14"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_known_by_name_and_can_be_met() {
        for name in Thresholds::PRESETS {
            Thresholds::preset(name).unwrap().check().unwrap();
        }
        let error = Thresholds::preset("trusted").unwrap_err().to_string();
        assert_eq!(error, "preset is trusted; allowed: guide, trusted-advisor, compute-optimizer");
    }

    #[test]
    fn what_can_not_be_met_is_refused_with_what_is_allowed() {
        let refused = |change: fn(&mut Thresholds)| {
            let mut thresholds = Thresholds::default();
            change(&mut thresholds);
            thresholds.check().unwrap_err().to_string()
        };
        let retention = refused(|limits| limits.logs.retention_days = 10);
        assert!(
            retention.starts_with("logs.retention_days is 10; allowed: one of [1, 3, 5"),
            "{retention}"
        );
        let percent = refused(|limits| limits.ec2.under_cpu_percent = 101.0);
        assert_eq!(percent, "ec2.under_cpu_percent is 101; allowed: 0 to 100");
        assert!(
            refused(|limits| limits.ec2.peak_percent = f64::NAN)
                .starts_with("ec2.peak_percent is NaN")
        );
        assert!(
            refused(|limits| limits.nat.days = 456)
                .starts_with("nat.days is 456; allowed: 1 to 455")
        );
        assert!(
            refused(|limits| limits.schedule.to_hour = 7)
                .starts_with("schedule.from_hour is 7 to 7")
        );
        assert!(
            refused(|limits| limits.ec2.idle_cpu = Statistic::Sum)
                .starts_with("ec2.idle_cpu is sum")
        );
        assert!(refused(|limits| limits.nat.data_gib = -1.0).starts_with("nat.data_gib is -1"));
    }

    #[test]
    fn a_typo_in_a_file_is_an_error() {
        let error = serde_json::from_str::<Thresholds>(r#"{"ec2": {"idle_cpu_precent": 3}}"#);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("unknown field `idle_cpu_precent`"), "{error}");
    }
}
