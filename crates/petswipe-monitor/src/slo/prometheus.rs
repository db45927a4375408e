//! An SLO as rules for Prometheus: recorded error ratios, burn rates, what is left of the budget, and alerts.
//!
//! For every objective and every window one series `slo:sli_error:ratio_rate<window>` is recorded, with the labels `slo`,
//! `service` and `objective`; on them rest the alerts, one rule for each severity. Without requests the ratio is 0. Without the
//! metrics there is no ratio, and `SloNotMeasured` makes a ticket of that, for an alert on nothing never fires.
//!
//! Every ratio is calculated from the counters themselves, also that over the whole period: an average of averages would weigh a
//! quiet night like a busy day. That costs Prometheus a read of the period for each evaluation of that one rule; a longer
//! [`RuleGroup::interval`] than the default makes it cheaper.
//!
//! Sources: *The Site Reliability Workbook*, chapter 5, the listings of its last section; Prometheus, "Recording rules",
//! "Alerting rules" and "Metric and label naming"; the names of the series are those of Sloth.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::alert::spoken;
use super::{BurnRateAlert, Objective, Severity, Slo};
use crate::Error;

/// Which metrics tell what the service did. Names and labels are checked when rules are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// The counter of requests, for availability.
    pub requests: String,
    /// Its label with the status code.
    pub status: String,
    /// The status codes that are the fault of the service, as a regular expression of RE2 that matches all of it.
    pub failed: String,
    /// The histogram of the time to answer in seconds, without `_bucket`; it needs a bucket that ends at the threshold exactly,
    /// written `1` or `1.0`.
    pub latency: String,
    /// Labels that the series of the service have, and their values.
    pub labels: BTreeMap<String, String>,
}

impl Metrics {
    /// The usual names, with a label `service`.
    pub fn of_service(service: impl Into<String>) -> Self {
        Self {
            requests: "http_requests_total".to_owned(),
            status: "status".to_owned(),
            failed: "5..".to_owned(),
            latency: "http_request_duration_seconds".to_owned(),
            labels: BTreeMap::from([("service".to_owned(), service.into())]),
        }
    }

    fn check(&self) -> Result<(), Error> {
        for (field, name) in [("counter of requests", &self.requests), ("histogram", &self.latency)]
        {
            if !is_name(name, ":") {
                let allowed = "letters, digits, underscores and colons, no digit first";
                return Err(Error::invalid(format!("name of the {field}"), name, allowed));
            }
        }
        for label in self.labels.keys().chain([&self.status]) {
            if !is_name(label, "") || label.starts_with("__") || label == "le" {
                let allowed = "letters, digits and underscores, no digit first, not le, not two underscores first";
                return Err(Error::invalid("label", label, allowed));
            }
        }
        if self.labels.contains_key(&self.status) {
            return Err(Error::invalid("label", &self.status, "labels other than the status"));
        }
        if self.failed.is_empty() {
            return Err(Error::invalid("failed status codes", "empty", "a regular expression"));
        }
        Ok(())
    }

    /// A selector: the name, the labels, and one more matcher.
    fn select(&self, name: &str, more: Option<String>) -> String {
        let labels = self.labels.iter().map(|(label, value)| format!("{label}={}", quoted(value)));
        let matchers: Vec<_> = labels.chain(more).collect();
        match matchers.is_empty() {
            true => name.to_owned(),
            false => format!("{name}{{{}}}", matchers.join(",")),
        }
    }
}

/// A file of rules. Its [`Display`](fmt::Display) is YAML, as Prometheus reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleFile {
    /// Groups, which are evaluated beside each other.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleGroup {
    /// Its name, unique in its file.
    pub name: String,
    /// How often it is evaluated, such as `1m`; `None` for Prometheus' own `evaluation_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// The rules.
    pub rules: Vec<PromRule>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PromRule {
    /// A series that is recorded.
    Record {
        /// Its name.
        record: String,
        /// What it is calculated from.
        expr: String,
        /// Labels that are added.
        labels: BTreeMap<String, String>,
    },
    /// An alert.
    Alert {
        /// Its name.
        alert: String,
        /// When it fires.
        expr: String,
        /// How long that has to last.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        for_: Option<String>,
        /// Labels that are added.
        labels: BTreeMap<String, String>,
        /// What it says to people.
        annotations: BTreeMap<String, String>,
    },
}

/// The rules of an SLO.
///
/// ```
/// use petswipe_monitor::slo::{DAYS_30, Objective, Slo, prometheus};
/// let slo = Slo::new("checkout", "shop", [Objective::availability(0.999)?], DAYS_30)?;
/// let rules = prometheus::rules(&slo, &prometheus::Metrics::of_service("shop"))?.to_string();
/// assert!(rules.contains(r#"record: "slo:sli_error:ratio_rate5m""#), "{rules}");
/// assert!(rules.contains("> (14.4 * 0.001)"));
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidPolicy`] for names that Prometheus would refuse.
pub fn rules(slo: &Slo, metrics: &Metrics) -> Result<RuleFile, Error> {
    metrics.check()?;
    let groups = slo.objectives().iter().map(|objective| group(slo, objective, metrics)).collect();
    Ok(RuleFile { groups })
}

/// The rules of several SLOs in one file.
///
/// # Errors
/// [`Error::InvalidPolicy`] for two SLOs of one name, and for names that Prometheus would refuse.
pub fn rules_of<'a>(
    slos: impl IntoIterator<Item = (&'a Slo, &'a Metrics)>,
) -> Result<RuleFile, Error> {
    let mut seen = HashSet::new();
    let mut groups = Vec::new();
    for (slo, metrics) in slos {
        if !seen.insert(slo.name()) {
            return Err(Error::invalid("name of the SLO", slo.name(), "each name once"));
        }
        groups.extend(rules(slo, metrics)?.groups);
    }
    Ok(RuleFile { groups })
}

fn group(slo: &Slo, objective: &Objective, metrics: &Metrics) -> RuleGroup {
    let own = |pairs: &[(&str, String)]| -> BTreeMap<String, String> {
        let name = objective.name();
        let mut labels: BTreeMap<_, _> =
            pairs.iter().map(|(label, value)| ((*label).to_owned(), value.clone())).collect();
        labels.insert("slo".to_owned(), slo.name().to_owned());
        labels.insert("service".to_owned(), slo.service().to_owned());
        labels.insert("objective".to_owned(), name);
        labels
    };
    let budget = objective.target().budget();
    let this = format!("{{slo={},objective={}}}", quoted(slo.name()), quoted(&objective.name()));
    let ratio = |window: Duration| format!("{}{this}", recorded(window));
    let mut rules: Vec<_> = slo
        .windows()
        .into_iter()
        .map(|window| PromRule::Record {
            record: recorded(window),
            expr: error_ratio(objective, metrics, &spoken(window)),
            labels: own(&[]),
        })
        .collect();
    let shortest = slo.windows().first().copied().unwrap_or(slo.period());
    for (record, expr) in [
        ("slo:current_burn_rate:ratio", format!("{} / {budget}", ratio(shortest))),
        (
            "slo:period_error_budget_remaining:ratio",
            format!("1 - {} / {budget}", ratio(slo.period())),
        ),
    ] {
        rules.push(PromRule::Record { record: record.to_owned(), expr, labels: own(&[]) });
    }
    for severity in [Severity::Page, Severity::Ticket] {
        let alerts: Vec<_> =
            slo.alerts().iter().filter(|alert| alert.severity() == severity).collect();
        if alerts.is_empty() {
            continue;
        }
        let burns = |alert: &&BurnRateAlert| {
            let limit = format!("({} * {budget})", alert.factor());
            let (long, short) = (ratio(alert.long()), ratio(alert.short()));
            format!("(\n  {long} > {limit}\n  and\n  {short} > {limit}\n)")
        };
        let said: Vec<_> = alerts
            .iter()
            .map(|alert| {
                let (long, short) = (spoken(alert.long()), spoken(alert.short()));
                format!("{}x over {long} and {short}", alert.factor())
            })
            .collect();
        let summary = format!(
            "{} burns its error budget: {} (target {})",
            slo.name(),
            said.join(", or "),
            objective.target()
        );
        let description = if slo.description().is_empty() {
            objective.to_string()
        } else {
            format!("{}: {objective}", slo.description())
        };
        rules.push(PromRule::Alert {
            alert: "SloErrorBudgetBurn".to_owned(),
            expr: alerts.iter().map(burns).collect::<Vec<_>>().join("\nor\n"),
            for_: None,
            labels: own(&[("severity", severity.to_string())]),
            annotations: BTreeMap::from([
                ("summary".to_owned(), template_safe(&summary)),
                ("description".to_owned(), template_safe(&description)),
            ]),
        });
    }
    rules.push(PromRule::Alert {
        alert: "SloNotMeasured".to_owned(),
        expr: format!("absent({})", ratio(shortest)),
        for_: Some("15m".to_owned()),
        labels: own(&[("severity", Severity::Ticket.to_string())]),
        annotations: BTreeMap::from([(
            "summary".to_owned(),
            format!("nothing is known of {}: its metrics are missing", slo.name()),
        )]),
    });
    RuleGroup { name: format!("slo-{}-{}", slo.name(), objective.name()), interval: None, rules }
}

/// The name of the series with the error ratio over that window.
fn recorded(window: Duration) -> String {
    format!("slo:sli_error:ratio_rate{}", spoken(window))
}

/// The share of bad requests over a window: 0 without requests, nothing without metrics.
fn error_ratio(objective: &Objective, metrics: &Metrics, window: &str) -> String {
    let rate = |selector: String| format!("sum(rate({selector}[{window}]))");
    match objective {
        Objective::Latency { threshold, .. } => {
            let total = rate(metrics.select(&format!("{}_count", metrics.latency), None));
            let fast = format!("{}_bucket", metrics.latency);
            let fast = rate(metrics.select(&fast, Some(bound(*threshold))));
            format!("(\n  ({total} - {fast})\n  / ({total} > 0)\n)\nor ({total} == 0)")
        }
        Objective::Availability { .. } => {
            let total = rate(metrics.select(&metrics.requests, None));
            let failed = format!("{}=~{}", metrics.status, quoted(&metrics.failed));
            let bad = rate(metrics.select(&metrics.requests, Some(failed)));
            // A counter of failures that never happened is not there.
            format!("(\n  ({bad} or 0 * {total})\n  / ({total} > 0)\n)\nor ({total} == 0)")
        }
    }
}

/// The buckets that end at a threshold, however that is written: `le="0.25"`, or of a whole number `le=~"1|1\\\\.0"`.
///
/// Clients of the text format write `1`, those of OpenMetrics `1.0`, and Prometheus 3 makes `1.0` of both; Go writes numbers
/// below 0.0001 and from a million on with an exponent.
///
/// Sources: Prometheus, "Migration guide" to 3.0, "`le` and `quantile` label values"; Go, package strconv, `FormatFloat`.
fn bound(threshold: Duration) -> String {
    let seconds = threshold.as_secs_f64();
    let mut spelled = vec![seconds.to_string()];
    if threshold.subsec_nanos() == 0 {
        spelled.push(format!("{seconds:.1}"));
    }
    if !(1e-4..1e6).contains(&seconds)
        && let Some((digits, exponent)) = format!("{seconds:e}").split_once('e')
    {
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        spelled.push(format!("{digits}e{sign}{exponent:0>2}"));
    }
    match &spelled[..] {
        [one] => format!("le={}", quoted(one)),
        several => {
            let literally = |text: &String| text.replace('.', "\\.").replace('+', "\\+");
            let all: Vec<_> = several.iter().map(literally).collect();
            format!("le=~{}", quoted(&all.join("|")))
        }
    }
}

/// A string of PromQL, which has the escapes of Go's.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Annotations are templates; what people wrote is none.
fn template_safe(text: &str) -> String {
    text.replace("{{", "{ {")
}

fn is_name(name: &str, also: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || also.contains(c);
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(inside)
}

impl fmt::Display for RuleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("groups:\n")?;
        for group in &self.groups {
            writeln!(f, "  - name: {}", scalar(&group.name))?;
            if let Some(interval) = &group.interval {
                writeln!(f, "    interval: {}", scalar(interval))?;
            }
            f.write_str("    rules:\n")?;
            for rule in &group.rules {
                write!(f, "{rule}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for PromRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = |f: &mut fmt::Formatter<'_>, name: &str, pairs: &BTreeMap<String, String>| {
            writeln!(f, "        {name}:")?;
            pairs.iter().try_for_each(|(key, value)| {
                writeln!(f, "          {}: {}", scalar(key), scalar(value))
            })
        };
        let expression = |f: &mut fmt::Formatter<'_>, expr: &str| {
            if !expr.contains('\n') {
                return writeln!(f, "        expr: {}", scalar(expr));
            }
            f.write_str("        expr: |-\n")?;
            expr.lines().try_for_each(|line| writeln!(f, "          {line}"))
        };
        match self {
            Self::Record { record, expr, labels } => {
                writeln!(f, "      - record: {}", scalar(record))?;
                expression(f, expr)?;
                map(f, "labels", labels)
            }
            Self::Alert { alert, expr, for_, labels, annotations } => {
                writeln!(f, "      - alert: {}", scalar(alert))?;
                expression(f, expr)?;
                if let Some(time) = for_ {
                    writeln!(f, "        for: {}", scalar(time))?;
                }
                map(f, "labels", labels)?;
                map(f, "annotations", annotations)
            }
        }
    }
}

/// A string of JSON is one of YAML.
fn scalar(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
