//! Numbers, times and findings as people read them, and nothing about any format.

use jiff::{SignedDuration, Timestamp};
use petswipe_monitor::{Finding, FindingResult};

/// What stands where there is nothing to say.
pub(super) const NOTHING: &str = "–";

/// `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 request`, `2 requests`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `450 ms`, `4.2 s`, `1 min 5 s`, `2 h 10 min`.
pub(super) fn span(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "−" } else { "" };
    let duration = duration.abs();
    let (millis, seconds) = (duration.as_millis(), duration.as_secs());
    let two = |big: i64, unit: &str, small: i64, part: &str| match small {
        0 => format!("{sign}{big} {unit}"),
        _ => format!("{sign}{big} {unit} {small} {part}"),
    };
    match seconds {
        _ if millis < 1000 => format!("{sign}{millis} ms"),
        // 59.95 s and more would be shown as 60.0 s.
        _ if millis < 59_950 => format!("{sign}{:.1} s", duration.as_secs_f64()),
        _ if millis < 3_600_000 => {
            let seconds = (millis + 500) / 1000;
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            two(seconds / 60, "min", seconds % 60, "s")
        }
        _ if seconds < 172_800 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "days", seconds % 86_400 / 3600, "h"),
    }
}

/// [`span`] of milliseconds.
pub(super) fn millis(millis: u64) -> String {
    span(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

/// `+4.2 s`: how long after `start`.
pub(super) fn offset(start: Timestamp, at: Timestamp) -> String {
    let after = at.duration_since(start);
    if after.is_zero() {
        "start".to_owned()
    } else if after.is_negative() {
        span(after)
    } else {
        format!("+{}", span(after))
    }
}

/// `2026-05-04 12:00:07 UTC`.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// With at most `places` decimals, without trailing zeros; [`NOTHING`] for what is not a number.
pub(super) fn decimal(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    if text == "-0" { "0".to_owned() } else { text }
}

/// A measured value: more decimals for smaller ones.
pub(crate) fn measured(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => decimal(value, 0),
        size if size >= 10.0 => decimal(value, 1),
        _ => decimal(value, 2),
    }
}

/// `0.15 %`; never 0 % for more than nothing, nor 100 % for less than all.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return NOTHING.to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    match percent {
        _ if part > 0 && percent < 0.01 => "< 0.01 %".to_owned(),
        _ if part < whole && percent > 99.99 => "> 99.99 %".to_owned(),
        _ if percent > 99.0 => format!("{} %", decimal(percent, 2)),
        _ => format!("{} %", measured(percent)),
    }
}

/// `error rate 0.42 %, limit 5 %`.
pub(super) fn finding(finding: &Finding) -> String {
    let Finding { metric, value, limit, unit, .. } = finding;
    let limit = measured(*limit);
    match value {
        Some(value) => format!("{metric} {} {unit}, limit {limit} {unit}", measured(*value)),
        None => format!("{metric} unknown, limit {limit} {unit}"),
    }
}

/// At most `most` characters, with an ellipsis where some are missing.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// What a check found, in few words: what holds only by its value, what does not with its limit. What the gate could not
/// judge and does not insist on is left out. `otherwise` is for a check that says neither.
pub(crate) fn check(verdict: &str, evidence: &[Finding], otherwise: &str) -> String {
    let of = |result| evidence.iter().filter(move |finding| finding.result == result);
    let holding: Vec<_> = of(FindingResult::Holds).collect();
    let broken: Vec<_> = of(FindingResult::Broken).map(finding).collect();
    let rests_on = |finding: &Finding| match &*finding.unit {
        "%" | "ms" => counted(finding.samples, "request", "requests"),
        _ => counted(finding.samples, "sample", "samples"),
    };
    match (verdict, holding.first(), of(FindingResult::Broken).next()) {
        ("pass", Some(first), _) => {
            // Evidence that is next to nothing says nothing.
            let tells =
                |f: &&&Finding| f.unit != "times" || f.value.is_some_and(|value| value >= 2.0);
            let value = |f: &&Finding| {
                f.value.map(|value| format!("{} {} {}", f.metric, measured(value), f.unit))
            };
            let values: Vec<_> = holding.iter().filter(tells).filter_map(value).collect();
            format!("healthy: {} ({})", values.join(", "), rests_on(first))
        }
        ("fail", _, Some(first)) => {
            format!("not healthy: {} ({})", broken.join("; "), rests_on(first))
        }
        ("inconclusive", ..) => match of(FindingResult::Missing).next() {
            Some(missing) if missing.value.is_none() => {
                format!("too early to say: {} is not known yet", missing.metric)
            }
            Some(missing) => {
                format!("too early to say: {} rests on only {}", missing.metric, rests_on(missing))
            }
            None => otherwise.to_owned(),
        },
        _ => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(metric: &str, value: Option<f64>, samples: u64, result: FindingResult) -> Finding {
        let (metric, unit) = (metric.to_owned().into(), "%".into());
        Finding { metric, value, limit: 5.0, unit, samples, result, detail: String::new() }
    }

    #[test]
    fn a_check_says_what_counts_and_nothing_else() {
        use FindingResult::{Broken, Holds, Ignored, Missing};
        let beside = found("latency beside the live version", Some(1.0), 3, Ignored);
        let all = [found("error rate", Some(0.0), 200, Holds), beside.clone()];
        assert_eq!(check("pass", &all, ""), "healthy: error rate 0 % (200 requests)");
        let all = [
            found("error rate", Some(48.34), 110, Broken),
            found("client errors", Some(0.0), 110, Holds),
        ];
        let said = "not healthy: error rate 48.3 %, limit 5 % (110 requests)";
        assert_eq!(check("fail", &all, ""), said);
        let none = [found("error rate", None, 0, Missing), beside];
        let said = "too early to say: error rate is not known yet";
        assert_eq!(check("inconclusive", &none, ""), said);
        let few = [found("error rate", Some(0.0), 1, Missing)];
        let said = "too early to say: error rate rests on only 1 request";
        assert_eq!(check("inconclusive", &few, ""), said);
        for verdict in ["pass", "fail", "inconclusive", "odd"] {
            assert_eq!(check(verdict, &[], "as it says"), "as it says");
        }
    }
}
