//! An SLO as alarms of Amazon CloudWatch, on the metrics of a target group of an Application Load Balancer.
//!
//! For every [`BurnRateAlert`](super::BurnRateAlert) there are three alarms: one on the burn rate over the long window, one over
//! the short window, and a composite one that goes off while both are in `ALARM` and is the only one that tells anybody.
//!
//! A window is one period of one evaluation, so that it slides and its requests are weighed together. CloudWatch evaluates at most
//! a day of periods that are shorter than an hour, and a week of others: three days are possible, and a window of more than a
//! week, such as the slowest one of a period of 90 days, is refused.
//!
//! Sources: Amazon CloudWatch API Reference, "PutMetricAlarm" (Period) and "PutCompositeAlarm"; User Guide, "Alarm evaluation
//! windows" and "Using math expressions with CloudWatch metrics"; Elastic Load Balancing, "CloudWatch metrics for your Application
//! Load Balancer".

use std::time::Duration;

use super::alert::spoken;
use super::{Objective, Severity, Slo};
use crate::Error;
use crate::alarms::{Alarm, Metric, MissingData, Query, Rule, Statistic, Threshold};

/// Where the metrics of a service are, and who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmTarget {
    /// The dimension `LoadBalancer`: `app/name/0123456789abcdef`.
    pub load_balancer: String,
    /// The dimension `TargetGroup`: `targetgroup/name/0123456789abcdef`.
    pub target_group: String,
    /// The topic that is told of pages; none for nobody.
    pub page: Option<String>,
    /// The topic that is told of tickets.
    pub ticket: Option<String>,
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// The alarms of an SLO, each after those it depends on.
///
/// Bad requests of an objective of availability are the 5xx of the targets. Those the load balancer answers itself are counted for
/// all its target groups together, so they are not in it: an alarm on `HTTPCode_ELB_5XX_Count` has to stand beside these.
/// Slow requests are those above the threshold by the statistic `PR`, the share of values in a range.
///
/// ```
/// use petswipe_monitor::slo::{DAYS_30, Objective, Slo, cloudwatch};
/// let slo = Slo::new("checkout", "shop", [Objective::availability(0.999)?], DAYS_30)?;
/// let alarms = cloudwatch::alarms(&slo, &cloudwatch::AlarmTarget {
///     load_balancer: "app/shop/0123456789abcdef".to_owned(),
///     target_group: "targetgroup/shop/0123456789abcdef".to_owned(),
///     page: Some("arn:aws:sns:eu-central-1:123456789012:on-call".to_owned()),
///     ticket: None,
/// })?;
/// assert_eq!(alarms.len(), 12);
/// let page = serde_json::to_value(&alarms[2])?;
/// assert_eq!(page["AlarmName"], "slo-checkout-availability-page-1h");
/// assert_eq!(
///     page["AlarmRule"],
///     r#"ALARM("slo-checkout-availability-page-1h-long") AND ALARM("slo-checkout-availability-page-1h-short")"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::InvalidPolicy`] for windows longer than a week, and for names and topics that CloudWatch would refuse.
pub fn alarms(slo: &Slo, target: &AlarmTarget) -> Result<Vec<Alarm>, Error> {
    let mut alarms = Vec::new();
    for objective in slo.objectives() {
        for alert in slo.alerts() {
            let (severity, long) = (alert.severity(), spoken(alert.long()));
            let name = format!("slo-{}-{}-{severity}-{long}", slo.name(), objective.name());
            let parts = [("long", alert.long()), ("short", alert.short())];
            for (word, window) in parts {
                let name = format!("{name}-{word}");
                alarms.push(part(&name, objective, window, alert.factor(), target)?);
            }
            let rule =
                Rule::alarm(format!("{name}-long")).and(Rule::alarm(format!("{name}-short")));
            let description = format!(
                "{} of {} burns its error budget more than {}x as fast as allowed, over {long} and {}: {objective}",
                slo.name(),
                slo.service(),
                alert.factor(),
                spoken(alert.short())
            );
            let both = Alarm::composite(name, rule)?.described(description)?;
            let topic = match severity {
                Severity::Page => &target.page,
                Severity::Ticket => &target.ticket,
            };
            alarms.push(match topic {
                Some(topic) => both.notifying(topic)?,
                None => both,
            });
        }
    }
    Ok(alarms)
}

/// Refuses what CloudWatch does not look back on.
fn check(name: &str, window: Duration) -> Result<(), Error> {
    if window > WEEK {
        let allowed = "at most 7d, the longest time that CloudWatch evaluates";
        return Err(Error::invalid(format!("window of the alarm {name}"), spoken(window), allowed));
    }
    Ok(())
}

/// The alarm on one window.
fn part(
    name: &str,
    objective: &Objective,
    period: Duration,
    factor: f64,
    target: &AlarmTarget,
) -> Result<Alarm, Error> {
    check(name, period)?;
    let metric = |name: &str| {
        Metric::new("AWS/ApplicationELB", name)
            .with("LoadBalancer", &target.load_balancer)
            .with("TargetGroup", &target.target_group)
    };
    let budget = objective.target().budget();
    let label = format!("burn rate over {}", spoken(period));
    let queries = match objective {
        Objective::Latency { threshold, .. } => {
            // The percentile rank of values above the threshold, in percent.
            let above: Statistic = format!("PR({}:)", threshold.as_secs_f64()).parse()?;
            vec![
                Query::metric("slow", metric("TargetResponseTime").every(period, above)),
                Query::watched("burn", format!("slow / 100 / {budget}"), label),
            ]
        }
        Objective::Availability { .. } => {
            let sum = |name: &str| metric(name).every(period, Statistic::Sum);
            vec![
                Query::metric("requests", sum("RequestCount")),
                // Published only when there were some.
                Query::metric("failed", sum("HTTPCode_Target_5XX_Count")),
                Query::watched("burn", format!("FILL(failed, 0) / requests / {budget}"), label),
            ]
        }
    };
    // Without requests nothing is published, and without a number nothing is known: that is `INSUFFICIENT_DATA`, not `OK`.
    let threshold = Threshold::above(factor).missing(MissingData::Missing);
    let description =
        format!("part of a composite alarm: more than {factor}x over {}", spoken(period));
    Alarm::on_math(name, queries, threshold)?.described(description)
}
