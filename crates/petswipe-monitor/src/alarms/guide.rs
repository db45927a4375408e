//! The alarms of a service behind an Application Load Balancer, with its database.
//!
//! Limits: unhealthy hosts above 0, no healthy host at all, p99 above 2 s, failures above 50 a minute and above 1 % of requests, CPU above 85 %;
//! CPU of the database above 80 %, and less than 10 GiB left there. How they are measured is where such alarms go wrong:
//!
//! - Failures are those of targets and those that the load balancer answers in their place (502, 503, 504). When
//!   nothing is alive behind it there are only the latter.
//! - A rate is failures by *all* answers. `RequestCount` has no requests for which no target was found, so the 503s of the load
//!   balancer are added. Below a hundred requests a minute there is no rate: one failure out of ten is not 10 %.
//! - A count that was never incremented is not published, so it is filled with zero, and no data is not bad. The newest
//!   minute may still lack its counts and would be filled, too; so each of these looks at more periods than have to be bad.
//! - Latency is the 99th percentile: a mean of 200 ms hides that one user in a hundred waits for ten seconds.
//! - Health is counted only where targets are registered ("Reported if there are registered targets"). So no data of a side is no
//!   sign of health: its alarm has then `INSUFFICIENT_DATA` and is not `OK`. A side that is idle is no reason to wake anybody; that no
//!   side has a healthy target is, and missing data count as that.
//! - Both dimensions, load balancer and target group: without the latter one broken side is diluted by the healthy one.
//!
//! Sources: "CloudWatch metrics for your Application Load Balancer" (names, statistics, dimensions, reporting criteria), "Amazon ECS
//! CloudWatch metrics" ("If a cluster, service, or other resource has no running tasks, no metrics will be reported"), "Amazon
//! CloudWatch metrics for Amazon RDS", "Using math expressions with CloudWatch metrics" (of FILL: where the most recent minute
//! never has data, its latest value is always the one it fills in, "which can result in the alarm being stuck"; an M out of N
//! alarm works around that), "Configuring how CloudWatch alarms treat missing data".

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Actions, Alarm, LowSamples, Measure, Metric, MissingData, Query, Statistic, Threshold,
};
use crate::{Error, Owner};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const FIVE_MINUTES: Duration = Duration::from_secs(300);
const GIBIBYTE: f64 = (1_u64 << 30) as f64;

/// What is watched of a service, by the names that CloudWatch has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Whose it is.
    pub owner: Owner,
    /// The load balancer: `app/name/id`, the end of its ARN.
    pub load_balancer: String,
    /// Each side with its target group and its ECS service.
    pub sides: BTreeMap<String, Side>,
    /// The identifier of the RDS instance.
    pub database: Option<String>,
}

/// One side of a service, such as `blue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// `targetgroup/name/id`, the end of its ARN.
    pub target_group: String,
    /// The ECS cluster and the service in it.
    pub service: Option<(String, String)>,
}

/// The limits of the alarms.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Targets that may be unhealthy.
    pub unhealthy_hosts: u32,
    /// The 99th percentile of latency that is still good.
    pub latency: Duration,
    /// Failures in a minute that are still good.
    pub failures_per_minute: u32,
    /// Percent of requests that may fail.
    pub error_rate: f64,
    /// Requests in a minute from which on there is a rate.
    pub minimum_requests: u32,
    /// Percent of CPU of the tasks.
    pub cpu: f64,
    /// Percent of CPU of the database.
    pub database_cpu: f64,
    /// Bytes that have to be left in the database.
    pub database_storage: f64,
}

impl Default for Limits {
    /// Those of the guide.
    fn default() -> Self {
        Self {
            unhealthy_hosts: 0,
            latency: Duration::from_secs(2),
            failures_per_minute: 50,
            error_rate: 1.0,
            minimum_requests: 100,
            cpu: 85.0,
            database_cpu: 80.0,
            database_storage: 10.0 * GIBIBYTE,
        }
    }
}

impl Resources {
    pub(crate) fn balancer(&self, name: &str) -> Metric {
        Metric::new("AWS/ApplicationELB", name).with("LoadBalancer", &self.load_balancer)
    }

    pub(crate) fn target(&self, side: &Side, name: &str) -> Metric {
        self.balancer(name).with("TargetGroup", &side.target_group)
    }

    pub(crate) fn database(&self, name: &str) -> Option<Metric> {
        let id = self.database.as_ref()?;
        Some(Metric::new("AWS/RDS", name).with("DBInstanceIdentifier", id))
    }

    /// Checks the names, which CloudWatch takes without a word and then knows nothing about.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for an ARN where its end is asked, and the like.
    pub fn check(&self) -> Result<(), Error> {
        let ends = |field: String, value: &str, kind: &str| {
            let parts: Vec<_> = value.split('/').collect();
            let known = |part: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            match parts[..] {
                [first, name, id] if first == kind && known(name) && known(id) => Ok(()),
                _ => {
                    Err(Error::invalid(field, value, format!("{kind}/name/id, the end of its ARN")))
                }
            }
        };
        ends("load balancer".to_owned(), &self.load_balancer, "app")?;
        for (name, side) in &self.sides {
            let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if name.is_empty() || name.len() > 32 || !name.chars().all(known) {
                return Err(Error::invalid("side", name, "1 to 32 letters, digits and hyphens"));
            }
            ends(format!("target group of {name}"), &side.target_group, "targetgroup")?;
            if let Some((cluster, service)) = &side.service {
                for (field, value) in [("cluster", cluster), ("service", service)] {
                    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                    if value.is_empty() || value.len() > 255 || !value.chars().all(known) {
                        let allowed = "a name of letters, digits, hyphens and underscores, no ARN";
                        return Err(Error::invalid(format!("{field} of {name}"), value, allowed));
                    }
                }
            }
        }
        if let Some(id) = &self.database {
            // "Constraints for DB instance identifiers": 1 to 63 letters, digits and hyphens.
            let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if id.is_empty() || id.len() > 63 || !id.chars().all(known) {
                let allowed = "1 to 63 letters, digits and hyphens, no ARN";
                return Err(Error::invalid("database", id, allowed));
            }
        }
        Ok(())
    }
}

/// All alarms of a service, tagged with their owner. `topics` are told of each, when it goes off and when it is over.
///
/// ```
/// use petswipe_monitor::Owner;
/// use petswipe_monitor::alarms::guide::{Limits, Resources, Side, alarms};
///
/// let side = Side { target_group: "targetgroup/shop-production-blue-tg/73e2d6bc24d8a067".into(), service: None };
/// let shop = Resources {
///     owner: Owner::new("shop", "production")?,
///     load_balancer: "app/shop-production-alb/50dc6c495c0c9188".into(),
///     sides: [("blue".to_owned(), side)].into(),
///     database: Some("shop-production-db".into()),
/// };
/// let alarms = alarms(&shop, &Limits::default(), &[])?;
/// let names: Vec<_> = alarms.iter().map(|alarm| alarm.name()).collect();
/// assert_eq!(
///     names,
///     [
///         "shop-production-5xx",
///         "shop-production-error-rate",
///         "shop-production-healthy-hosts",
///         "shop-production-blue-unhealthy-hosts",
///         "shop-production-blue-latency",
///         "shop-production-database-cpu",
///         "shop-production-database-storage",
///     ]
/// );
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidPolicy`] for names or limits that can't be.
pub fn alarms(
    resources: &Resources,
    limits: &Limits,
    topics: &[String],
) -> Result<Vec<Alarm>, Error> {
    resources.check()?;
    let mut alarms = vec![failures(resources, limits)?, error_rate(resources, limits)?];
    alarms.extend(healthy_hosts(resources)?);
    for (name, side) in &resources.sides {
        alarms.push(unhealthy_hosts(resources, name, side, limits)?);
        alarms.push(latency(resources, name, side, limits)?);
        if let Some((cluster, service)) = &side.service {
            alarms.push(cpu(resources, name, cluster, service, limits)?);
        }
    }
    let finish = |alarm, silence| finished(alarm, &resources.owner, topics, silence);
    let alarms = alarms.into_iter().map(|alarm| finish(alarm, false));
    alarms
        .chain(database(resources, limits)?.into_iter().map(|alarm| finish(alarm, true)))
        .collect()
}

/// Tags an alarm with its owner, and tells the topics of it. Where silence is bad itself, they are told of that, too.
fn finished(
    alarm: Alarm,
    owner: &Owner,
    topics: &[String],
    silence_is_bad: bool,
) -> Result<Alarm, Error> {
    let actions = Actions {
        alarm: topics.to_vec(),
        ok: topics.to_vec(),
        insufficient_data: if silence_is_bad { topics.to_vec() } else { Vec::new() },
    };
    let alarm = alarm.with_actions(actions)?;
    owner.tags().into_iter().try_fold(alarm, |alarm, (key, value)| alarm.tagged(key, value))
}

/// The failures of targets and of the load balancer itself, as entries of a calculation.
fn counts(resources: &Resources) -> Vec<Query> {
    let of = |id: &str, name: &str| {
        Query::metric(id, resources.balancer(name).every(MINUTE, Statistic::Sum))
    };
    vec![of("targets", "HTTPCode_Target_5XX_Count"), of("balancer", "HTTPCode_ELB_5XX_Count")]
}

/// More failed requests in a minute than `failures_per_minute`, in two of the last three minutes.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names that can't be.
pub fn failures(resources: &Resources, limits: &Limits) -> Result<Alarm, Error> {
    let mut queries = counts(resources);
    let expression = "FILL(targets, 0) + FILL(balancer, 0)";
    queries.push(Query::watched("failed", expression, "failed requests a minute"));
    let threshold = Threshold::above(f64::from(limits.failures_per_minute)).in_some_of(2, 3);
    let name = resources.owner.name("5xx");
    Alarm::on_math(name, queries, threshold.missing(MissingData::NotBreaching))?.described(format!(
        "more than {} requests a minute fail, by targets or at the load balancer",
        limits.failures_per_minute
    ))
}

/// More than `error_rate` percent of the requests fail, in three of the last five minutes that had enough of them.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names or limits that can't be.
pub fn error_rate(resources: &Resources, limits: &Limits) -> Result<Alarm, Error> {
    percent("error rate", limits.error_rate)?;
    let mut queries = counts(resources);
    let of = |id: &str, name: &str| {
        Query::metric(id, resources.balancer(name).every(MINUTE, Statistic::Sum))
    };
    queries.push(of("requests", "RequestCount"));
    queries.push(of("unrouted", "HTTPCode_ELB_503_Count"));
    queries.push(Query::expression("failed", "FILL(targets, 0) + FILL(balancer, 0)"));
    queries.push(Query::expression("answered", "FILL(requests, 0) + FILL(unrouted, 0)"));
    let expression =
        format!("IF(answered >= {}, 100 * failed / answered, 0)", limits.minimum_requests.max(1));
    queries.push(Query::watched("rate", expression, "% of requests that fail"));
    let threshold = Threshold::above(limits.error_rate).in_some_of(3, 5);
    let name = resources.owner.name("error-rate");
    Alarm::on_math(name, queries, threshold.missing(MissingData::NotBreaching))?.described(format!(
        "more than {} % of the requests fail (in minutes with {} or more)",
        limits.error_rate, limits.minimum_requests
    ))
}

/// No side has a healthy target, in three of the last five minutes, or no side has any target. `None` without sides.
///
/// The page of these metrics also says that they are reported only when requests flow. Should that be so for counts of hosts, this
/// goes off on a load balancer that nobody uses.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names that can't be, and for more than ten sides, which are too many metrics for one alarm.
pub fn healthy_hosts(resources: &Resources) -> Result<Option<Alarm>, Error> {
    if resources.sides.is_empty() {
        return Ok(None);
    }
    let of = |(index, side): (usize, &Side)| {
        let hosts = resources.target(side, "HealthyHostCount").every(MINUTE, Statistic::Maximum);
        Query::metric(format!("side{index}"), hosts)
    };
    let mut queries: Vec<_> = resources.sides.values().enumerate().map(of).collect();
    let sum: Vec<_> = queries.iter().map(|query| format!("FILL({}, 0)", query.id())).collect();
    queries.push(Query::watched("healthy", sum.join(" + "), "healthy targets of all sides"));
    // Without a target on any side there may be no data at all.
    let threshold = Threshold::below(1.0).in_some_of(3, 5).missing(MissingData::Breaching);
    let alarm = Alarm::on_math(resources.owner.name("healthy-hosts"), queries, threshold)?;
    Ok(Some(alarm.described("no side has a healthy target, or no side has any")?))
}

/// A target of that side fails its health checks for two minutes. Without targets it has `INSUFFICIENT_DATA`.
///
/// It counts what any node of the load balancer finds, by `Maximum`; AWS recommends `Minimum` for those who want to know of
/// what all nodes find.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names that can't be.
pub fn unhealthy_hosts(
    resources: &Resources,
    name: &str,
    side: &Side,
    limits: &Limits,
) -> Result<Alarm, Error> {
    let hosts = resources.target(side, "UnHealthyHostCount").every(MINUTE, Statistic::Maximum);
    let threshold = Threshold::above(f64::from(limits.unhealthy_hosts)).in_periods(2);
    // A side without targets has no such metric, and is not well.
    let threshold = threshold.missing(MissingData::Missing);
    Alarm::on_metric(resources.owner.name(&format!("{name}-unhealthy-hosts")), hosts, threshold)?
        .described(format!(
            "more than {} targets of {name} fail their health checks",
            limits.unhealthy_hosts
        ))
}

/// One request in a hundred of that side takes longer than `latency`, in three of the last five minutes.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names that can't be.
pub fn latency(
    resources: &Resources,
    name: &str,
    side: &Side,
    limits: &Limits,
) -> Result<Alarm, Error> {
    let p99 = Statistic::percentile(99.0)?;
    let latency: Measure = resources.target(side, "TargetResponseTime").every(MINUTE, p99);
    let threshold = Threshold::above(limits.latency.as_secs_f64()).in_some_of(3, 5);
    let threshold = threshold.missing(MissingData::NotBreaching).low_samples(LowSamples::Ignore);
    Alarm::on_metric(resources.owner.name(&format!("{name}-latency")), latency, threshold)?
        .described(format!(
            "one request in a hundred of {name} takes longer than {:?}",
            limits.latency
        ))
}

/// The tasks of that service use more than `cpu` percent of what they have, in three of the last five minutes.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names or limits that can't be.
pub fn cpu(
    resources: &Resources,
    name: &str,
    cluster: &str,
    service: &str,
    limits: &Limits,
) -> Result<Alarm, Error> {
    percent("cpu", limits.cpu)?;
    let cpu = service_metric("CPUUtilization", cluster, service).every(MINUTE, Statistic::Average);
    let threshold = Threshold::above(limits.cpu).in_some_of(3, 5);
    // A side without tasks has no such metric.
    let threshold = threshold.missing(MissingData::NotBreaching);
    Alarm::on_metric(resources.owner.name(&format!("{name}-cpu")), cpu, threshold)?
        .described(format!("the tasks of {name} use more than {} % of their CPU", limits.cpu))
}

pub(crate) fn service_metric(name: &str, cluster: &str, service: &str) -> Metric {
    Metric::new("AWS/ECS", name).with("ClusterName", cluster).with("ServiceName", service)
}

/// CPU and free storage of the database, if there is one. Their metrics are always published, so silence is told as well.
///
/// Instances of Amazon Aurora have no `FreeStorageSpace`; their storage grows by itself.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names or limits that can't be.
pub fn database(resources: &Resources, limits: &Limits) -> Result<Vec<Alarm>, Error> {
    let (Some(cpu), Some(storage)) =
        (resources.database("CPUUtilization"), resources.database("FreeStorageSpace"))
    else {
        return Ok(Vec::new());
    };
    percent("database cpu", limits.database_cpu)?;
    let name = |of: &str| resources.owner.name(of);
    let busy = Threshold::above(limits.database_cpu).in_periods(3);
    let full = Threshold::below(limits.database_storage).in_periods(2);
    let cpu = cpu.every(FIVE_MINUTES, Statistic::Average);
    let storage = storage.every(FIVE_MINUTES, Statistic::Minimum);
    Ok(vec![
        Alarm::on_metric(name("database-cpu"), cpu, busy)?.described(format!(
            "the database uses more than {} % of its CPU for a quarter of an hour",
            limits.database_cpu
        ))?,
        Alarm::on_metric(name("database-storage"), storage, full)?.described(format!(
            "less than {:.1} GiB are left in the database",
            limits.database_storage / GIBIBYTE
        ))?,
    ])
}

fn percent(field: &str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 100.0 {
        return Ok(());
    }
    Err(Error::invalid(field, value, "more than 0 and less than 100 percent"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::Condition;

    pub(crate) fn shop() -> Resources {
        let side = |name: &str| Side {
            target_group: format!("targetgroup/shop-production-{name}-tg/1"),
            service: Some((
                "shop-production-cluster".to_owned(),
                format!("shop-production-{name}"),
            )),
        };
        Resources {
            owner: Owner::new("shop", "production").unwrap(),
            load_balancer: "app/shop-production-alb/0".to_owned(),
            sides: ["blue", "green"].map(|name| (name.to_owned(), side(name))).into(),
            database: Some("shop-production-db".to_owned()),
        }
    }

    const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:on-call";

    fn one(name: &str) -> serde_json::Value {
        let alarms = alarms(&shop(), &Limits::default(), &[TOPIC.to_owned()]).unwrap();
        let found = alarms.iter().find(|alarm| alarm.name() == format!("shop-production-{name}"));
        serde_json::to_value(found.unwrap()).unwrap()
    }

    #[test]
    fn every_alarm_and_alert_of_the_guide_is_there_with_its_limit() {
        for (name, operator, threshold) in [
            ("blue-unhealthy-hosts", "GreaterThanThreshold", 0.0),
            ("green-unhealthy-hosts", "GreaterThanThreshold", 0.0),
            ("blue-latency", "GreaterThanThreshold", 2.0),
            ("green-latency", "GreaterThanThreshold", 2.0),
            ("5xx", "GreaterThanThreshold", 50.0),
            ("error-rate", "GreaterThanThreshold", 1.0),
            ("healthy-hosts", "LessThanThreshold", 1.0),
            ("blue-cpu", "GreaterThanThreshold", 85.0),
            ("database-cpu", "GreaterThanThreshold", 80.0),
            ("database-storage", "LessThanThreshold", 10_737_418_240.0),
        ] {
            let alarm = one(name);
            assert_eq!(alarm["ComparisonOperator"], operator, "{name}");
            assert_eq!(alarm["Threshold"], threshold, "{name}");
            assert_eq!(alarm["AlarmActions"], serde_json::json!([TOPIC]), "{name}");
        }
    }

    #[test]
    fn a_side_is_watched_by_itself_with_both_dimensions() {
        let alarm = one("green-latency");
        let dimensions = serde_json::json!([
            {"Name": "LoadBalancer", "Value": "app/shop-production-alb/0"},
            {"Name": "TargetGroup", "Value": "targetgroup/shop-production-green-tg/1"},
        ]);
        assert_eq!(alarm["Dimensions"], dimensions);
        assert_eq!(one("green-unhealthy-hosts")["Dimensions"], dimensions);
        assert_eq!(alarm["ExtendedStatistic"], "p99");
        assert_eq!(alarm["EvaluateLowSampleCountPercentile"], "ignore");
    }

    #[test]
    fn what_is_always_published_is_missed_and_what_is_not_is_not() {
        for name in ["5xx", "error-rate", "blue-latency", "blue-cpu"] {
            let alarm = one(name);
            assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
            assert_eq!(alarm.get("InsufficientDataActions"), None, "{name}");
        }
        for name in ["database-cpu", "database-storage"] {
            let alarm = one(name);
            assert_eq!(alarm["TreatMissingData"], "missing", "{name}");
            assert_eq!(alarm["InsufficientDataActions"], serde_json::json!([TOPIC]), "{name}");
        }
    }

    #[test]
    fn a_side_without_targets_is_not_ok_and_no_target_at_all_is_an_alarm() {
        for name in ["blue-unhealthy-hosts", "green-unhealthy-hosts"] {
            let alarm = one(name);
            assert_eq!(alarm["TreatMissingData"], "missing", "{name}");
            assert_eq!(alarm.get("InsufficientDataActions"), None, "an idle side wakes nobody");
        }
        let alarm = one("healthy-hosts");
        assert_eq!(alarm["TreatMissingData"], "breaching");
        assert_eq!(alarm["Metrics"][2]["Expression"], "FILL(side0, 0) + FILL(side1, 0)");
        assert_eq!(alarm["Metrics"][1]["MetricStat"]["Metric"]["MetricName"], "HealthyHostCount");
        let none = Resources { sides: BTreeMap::new(), ..shop() };
        assert_eq!(healthy_hosts(&none).unwrap(), None);
        let side = |name: u32| (format!("s{name}"), shop().sides["blue"].clone());
        let many = Resources { sides: (0..11).map(side).collect(), ..shop() };
        let refused = healthy_hosts(&many).unwrap_err().to_string();
        assert!(
            refused.contains("metrics of the alarm shop-production-healthy-hosts is 11"),
            "{refused}"
        );
    }

    #[test]
    fn where_the_newest_minute_may_be_filled_more_are_looked_at_than_have_to_be_bad() {
        for alarm in alarms(&shop(), &Limits::default(), &[]).unwrap() {
            if let Condition::Math(queries, threshold) = alarm.condition() {
                let fills = queries.iter().any(|query| {
                    matches!(query, Query::Expression { expression, .. } if expression.contains("FILL"))
                });
                assert!(
                    !fills || threshold.datapoints < threshold.evaluation_periods,
                    "{}",
                    alarm.name()
                );
            }
        }
    }

    #[test]
    fn all_are_their_owners() {
        let shop = shop();
        let alarms = alarms(&shop, &Limits::default(), &[]).unwrap();
        assert_eq!(alarms.len(), 11);
        for alarm in alarms {
            assert!(alarm.name().starts_with("shop-production-"));
            assert_eq!(shop.owner.missing_in(alarm.tags()), Vec::<String>::new());
        }
    }

    #[test]
    fn names_of_which_cloudwatch_would_know_nothing_are_refused() {
        let said = |change: &dyn Fn(&mut Resources)| {
            let mut shop = shop();
            change(&mut shop);
            alarms(&shop, &Limits::default(), &[]).unwrap_err().to_string()
        };
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/shop/0";
        assert!(
            said(&|shop| shop.load_balancer = arn.to_owned()).starts_with("load balancer is arn")
        );
        let blue = |shop: &mut Resources, change: &dyn Fn(&mut Side)| {
            change(shop.sides.get_mut("blue").unwrap());
        };
        let group = said(&|shop| blue(shop, &|side| side.target_group = "blue".to_owned()));
        assert!(group.starts_with("target group of blue is blue;"), "{group}");
        let service =
            said(&|shop| blue(shop, &|side| side.service = Some(("a/b".into(), "c".into()))));
        assert!(service.starts_with("cluster of blue is a/b;"), "{service}");
        assert!(
            said(&|shop| shop.database = Some("arn:x".into())).starts_with("database is arn:x;")
        );
        let named = said(&|shop| drop(shop.sides.insert("a b".into(), shop.sides["blue"].clone())));
        assert!(named.starts_with("side is a b;"), "{named}");
        for wrong in [0.0, 100.0, f64::NAN, -1.0] {
            for limits in [
                Limits { error_rate: wrong, ..Limits::default() },
                Limits { cpu: wrong, ..Limits::default() },
                Limits { database_cpu: wrong, ..Limits::default() },
            ] {
                assert!(alarms(&self::shop(), &limits, &[]).is_err(), "{limits:?}");
            }
        }
    }
}
