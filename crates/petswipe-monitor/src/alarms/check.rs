//! What CloudWatch would refuse, refused before it is sent.
//!
//! Sources, all of the Amazon CloudWatch API Reference: "PutMetricAlarm", "PutCompositeAlarm" (AlarmRule: 1 to 10,240 characters,
//! "as many as 100 children" and "as many as 500 elements"), "MetricDataQuery" (Expression: 1 to 2,048 characters; ten with a metric
//! and ten with an expression), "Metric", "Dimension", "Tag". The product of period and evaluation periods: "PutMetricAlarm", Period.

use std::collections::BTreeMap;
use std::time::Duration;

use super::alarm::{Alarm, Condition};
use super::math::{Query, functions, references};
use super::metric::{Measure, Metric};
use super::rule::Rule;
use super::statistic::Statistic;
use super::threshold::Threshold;
use crate::Error;

const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;
const HOUR: u64 = 3600;

pub(super) fn alarm(alarm: &Alarm) -> Result<(), Error> {
    let name = alarm.name.as_str();
    text("alarm name", name, 1, 255)?;
    if name.contains('"') {
        return Err(Error::invalid(
            "alarm name",
            name,
            "no quotation marks: rules name alarms in them",
        ));
    }
    let of = |field: &str| format!("{field} of the alarm {name}");
    if alarm.description.chars().count() > 1024 {
        let count = alarm.description.chars().count();
        return Err(Error::invalid(of("length of the description"), count, "at most 1024"));
    }
    let actions = &alarm.actions;
    for (field, arns) in [
        ("actions on alarm", &actions.alarm),
        ("actions on ok", &actions.ok),
        ("actions on insufficient data", &actions.insufficient_data),
    ] {
        if arns.len() > 5 {
            return Err(Error::invalid(of(field), arns.len(), "at most 5"));
        }
        for (index, arn) in arns.iter().enumerate() {
            if !is_arn(arn) || arns[..index].contains(arn) {
                let allowed = "Amazon Resource Names of at most 1024 characters, each once";
                return Err(Error::invalid(of(field), arn, allowed));
            }
        }
    }
    tags(&of("tags"), &alarm.tags)?;
    match &alarm.condition {
        Condition::Metric(measure, threshold) => {
            self::measure(&of("metric"), measure)?;
            let percentile =
                matches!(&measure.statistic, Statistic::Extended(one) if one.is_percentile());
            if threshold.low_samples.is_some() && !percentile {
                let allowed = "nothing, unless the statistic is a percentile";
                return Err(Error::invalid(of("low samples"), "set", allowed));
            }
            self::threshold(name, threshold, measure.period)
        }
        Condition::Math(queries, threshold) => {
            let period = math(name, queries)?;
            if threshold.low_samples.is_some() {
                let allowed = "nothing for a calculation";
                return Err(Error::invalid(of("low samples"), "set", allowed));
            }
            self::threshold(name, threshold, period)
        }
        Condition::Composite(rule) => self::rule(name, rule),
    }
}

fn threshold(name: &str, threshold: &Threshold, period: Duration) -> Result<(), Error> {
    let of = |field: &str| format!("{field} of the alarm {name}");
    if !threshold.value.is_finite() {
        return Err(Error::invalid(of("threshold"), threshold.value, "a finite number"));
    }
    let (points, periods) = (threshold.datapoints, threshold.evaluation_periods);
    if periods == 0 {
        return Err(Error::invalid(of("evaluation periods"), periods, "at least 1"));
    }
    if points == 0 || points > periods {
        let allowed = format!("1 to {periods}, the evaluation periods");
        return Err(Error::invalid(of("datapoints to alarm"), points, allowed));
    }
    let seconds = period.as_secs();
    let most = if seconds < HOUR { DAY } else { WEEK };
    let whole = seconds.saturating_mul(u64::from(periods));
    if whole > most {
        let allowed = format!("at most {DAY} s ({WEEK} s for periods of an hour and more)");
        let allowed = if most == DAY { allowed } else { format!("at most {WEEK} s") };
        return Err(Error::invalid(
            of("period times evaluation periods"),
            format!("{whole} s"),
            allowed,
        ));
    }
    Ok(())
}

fn measure(of: &str, measure: &Measure) -> Result<(), Error> {
    metric(of, &measure.metric)?;
    let seconds = measure.period.as_secs();
    let known = matches!(seconds, 10 | 20 | 30) || (seconds > 0 && seconds.is_multiple_of(60));
    if !known || measure.period.subsec_nanos() > 0 || seconds > WEEK {
        let given = format!("{:?}", measure.period);
        let allowed = "10, 20 or 30 s, or a multiple of 60 s up to a week";
        return Err(Error::invalid(format!("period of the {of}"), given, allowed));
    }
    Ok(())
}

pub(crate) fn metric(of: &str, metric: &Metric) -> Result<(), Error> {
    let in_namespace = |c: char| c.is_ascii_alphanumeric() || ".-_/#:".contains(c);
    let namespace = &metric.namespace;
    if namespace.is_empty()
        || namespace.len() > 255
        || namespace.starts_with(':')
        || !namespace.chars().all(in_namespace)
    {
        let allowed = "1 to 255 letters, digits and . - _ / # : without a colon at the beginning";
        return Err(Error::invalid(format!("namespace of the {of}"), namespace, allowed));
    }
    text(&format!("name of the {of}"), &metric.name, 1, 255)?;
    let count = metric.dimensions.len();
    if count > 30 {
        return Err(Error::invalid(format!("dimensions of the {of}"), count, "at most 30"));
    }
    for (index, (name, value)) in metric.dimensions.iter().enumerate() {
        text(&format!("name of a dimension of the {of}"), name, 1, 255)?;
        text(&format!("value of the dimension {name} of the {of}"), value, 1, 1024)?;
        let twice = metric.dimensions[..index].iter().any(|(other, _)| other == name);
        if name.starts_with(':') || twice {
            let allowed = "each name once, without a colon at its beginning";
            return Err(Error::invalid(format!("dimension of the {of}"), name, allowed));
        }
    }
    Ok(())
}

/// Checks a calculation, and gives the period that all of its metrics have.
fn math(name: &str, queries: &[Query]) -> Result<Duration, Error> {
    let of = |field: &str| format!("{field} of the alarm {name}");
    let mut period = None;
    let (mut metrics, mut expressions, mut watched) = (0, 0, 0);
    for (index, query) in queries.iter().enumerate() {
        let id = query.id();
        let is_id = id.len() <= 255
            && id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_id || queries[..index].iter().any(|other| other.id() == id) {
            let allowed = "a lower-case letter, then letters, digits and underscores, each id once";
            return Err(Error::invalid(of("id of an entry"), id, allowed));
        }
        match query {
            Query::Metric { measure, .. } => {
                metrics += 1;
                self::measure(&format!("metric {id} of the alarm {name}"), measure)?;
                if *period.get_or_insert(measure.period) != measure.period {
                    let given = format!("{:?}", measure.period);
                    let allowed = "that of the other metrics of the same alarm";
                    return Err(Error::invalid(of(&format!("period of {id}")), given, allowed));
                }
            }
            Query::Expression { expression, watched: is_watched, label, .. } => {
                expressions += 1;
                watched += u32::from(*is_watched);
                self::expression(name, queries, id, expression)?;
                if let Some(label) = label {
                    text(&of(&format!("label of {id}")), label, 1, 255)?;
                }
            }
        }
    }
    for (field, count, most) in [("metrics", metrics, 10), ("expressions", expressions, 10)] {
        if count == 0 || count > most {
            return Err(Error::invalid(of(field), count, format!("1 to {most}")));
        }
    }
    if watched != 1 {
        return Err(Error::invalid(of("watched expressions"), watched, "exactly 1"));
    }
    if let Some(id) = queries.iter().map(Query::id).find(|id| is_in_a_circle(queries, id)) {
        let allowed = "no expression that is calculated from itself";
        return Err(Error::invalid(of("circle of expressions"), id, allowed));
    }
    period.ok_or_else(|| Error::invalid(of("metrics"), 0, "1 to 10"))
}

fn expression(name: &str, queries: &[Query], id: &str, expression: &str) -> Result<(), Error> {
    let field = format!("expression {id} of the alarm {name}");
    text(&field, expression, 1, 2048)?;
    let balance = expression.chars().try_fold(0_u32, |open, c| match c {
        '(' => open.checked_add(1),
        ')' => open.checked_sub(1),
        _ => Some(open),
    });
    if balance != Some(0) {
        return Err(Error::invalid(field, expression, "parentheses that match"));
    }
    // These give several series, or a band; an alarm watches one series against a number.
    let several = ["SEARCH", "METRICS", "ANOMALY_DETECTION_BAND", "INSIGHT_RULE_METRIC"];
    if let Some(function) = functions(expression).into_iter().find(|name| several.contains(name)) {
        return Err(Error::invalid(field, function, "functions that give one series"));
    }
    let unknown = |word: &&str| !queries.iter().any(|query| query.id() == *word);
    if let Some(word) = references(expression).into_iter().find(unknown) {
        return Err(Error::invalid(field, word, "ids of entries of the same alarm"));
    }
    if references(expression).is_empty() {
        return Err(Error::invalid(field, expression, "a calculation with at least one id"));
    }
    Ok(())
}

/// Whether an expression refers to itself, directly or through others.
fn is_in_a_circle(queries: &[Query], id: &str) -> bool {
    let next = |id: &str| {
        let found = queries.iter().find_map(|query| match query {
            Query::Expression { id: own, expression, .. } if own == id => {
                Some(references(expression))
            }
            _ => None,
        });
        found.unwrap_or_default()
    };
    let mut seen = Vec::new();
    let mut waiting = next(id);
    while let Some(word) = waiting.pop() {
        if word == id {
            return true;
        }
        if !seen.contains(&word) {
            seen.push(word);
            waiting.extend(next(word));
        }
    }
    false
}

fn rule(name: &str, rule: &Rule) -> Result<(), Error> {
    let of = |field: &str| format!("{field} of the alarm {name}");
    let mut wrong = None;
    let mut elements = 0;
    rule.visit(&mut |part| match part {
        Rule::Is(_, name) => {
            elements += 1;
            if text("name of an alarm in the rule", name, 1, 1600).is_err() || name.contains('"') {
                wrong = Some(name.clone());
            }
        }
        Rule::Constant(_) => elements += 1,
        Rule::All(rules) | Rule::Any(rules) if rules.len() < 2 => {
            wrong = Some("a list of less than two".to_owned());
        }
        Rule::All(_) | Rule::Any(_) | Rule::Not(_) => {}
    });
    if let Some(wrong) = wrong {
        let allowed = "names or ARNs of alarms, and two or more in a list";
        return Err(Error::invalid(of("rule"), wrong, allowed));
    }
    let written = rule.to_string();
    let outside_quotes = written.split('"').step_by(2);
    elements += outside_quotes.map(|text| text.matches(['(', ')']).count()).sum::<usize>();
    let alarms = rule.alarms();
    // "As many as 100 children, and as many as 500 elements: child alarms, TRUE or FALSE statements, and parentheses."
    for (field, count, most) in [
        ("length of the rule", written.len(), 10_240),
        ("elements of the rule", elements, 500),
        ("alarms in the rule", alarms.len(), 100),
    ] {
        if count > most {
            return Err(Error::invalid(of(field), count, format!("at most {most}")));
        }
    }
    if alarms.contains(&name) {
        return Err(Error::invalid(of("rule"), name, "other alarms"));
    }
    Ok(())
}

/// Checks tags: at most 50, keys of at most 128 and values of at most 256 characters, none that begins with `aws:`.
pub(crate) fn tags(field: &str, tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > 50 {
        return Err(Error::invalid(field, tags.len(), "at most 50"));
    }
    let allowed_in = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    for (key, value) in tags {
        let reserved = key.to_ascii_lowercase().starts_with("aws:");
        let short = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if reserved || !short || !key.chars().chain(value.chars()).all(allowed_in) {
            let allowed = "keys of 1 to 128 and values of at most 256 letters, digits, spaces and _ . : / = + - @, no key \
                           that begins with aws:";
            return Err(Error::invalid(field, format!("{key}={value}"), allowed));
        }
    }
    Ok(())
}

/// Checks a text of printable ASCII characters of which not all are spaces.
fn text(field: &str, value: &str, least: usize, most: usize) -> Result<(), Error> {
    let printable = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let in_range = (least..=most).contains(&value.len());
    if !printable || !in_range || value.trim().is_empty() {
        let allowed =
            format!("{least} to {most} printable ASCII characters, not all of them spaces");
        return Err(Error::invalid(field, value, allowed));
    }
    Ok(())
}

fn is_arn(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    arn.len() <= 1024
        && arn.bytes().all(|byte| (0x21..0x7f).contains(&byte))
        && matches!(parts[..], ["arn", partition, service, _, _, resource]
            if partition.starts_with("aws") && !service.is_empty() && !resource.is_empty())
}
