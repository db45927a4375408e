//! The counters as text for Prometheus: what is called how, and nothing else.
//!
//! Source: "Exposition formats", Prometheus documentation.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use petswipe_monitor::{Histogram, Targets};

use super::series::Snapshot;

/// The format's name, for the header.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where latencies are told apart, in milliseconds, before each is taken down to a bound of a bucket of [`Histogram`]:
/// there the counts are exact. The same as those of the CloudWatch source.
const BOUNDS: [u64; 12] = [10, 25, 50, 100, 200, 300, 500, 750, 1000, 2000, 5000, 10_000];

type Group = (String, BTreeMap<Option<String>, Snapshot>, u64);

/// The whole answer to a scrape.
pub(super) fn text(groups: impl Iterator<Item = Group>) -> String {
    let groups: Vec<_> = groups.collect();
    let mut text = String::new();
    let each = || {
        groups.iter().flat_map(|(name, series, _)| {
            let name = escaped(name);
            series.iter().map(move |(revision, seen)| {
                let revision = escaped(revision.as_deref().unwrap_or_default());
                (format!("environment=\"{name}\",revision=\"{revision}\""), seen)
            })
        })
    };
    family(&mut text, "petswipe_requests_total", "counter", "Requests answered, by class.");
    for (labels, seen) in each() {
        let counts = &seen.counts;
        for (class, count) in [
            ("success", counts.success),
            ("redirect", counts.redirect),
            ("client", counts.client_error),
            ("server", counts.target_error),
            ("balancer", counts.balancer_error),
        ] {
            line(
                &mut text,
                "petswipe_requests_total",
                &format!("{labels},class=\"{class}\""),
                count,
            );
        }
    }
    let name = "petswipe_request_duration_seconds";
    family(
        &mut text,
        name,
        "histogram",
        "Seconds from a request to the head of its target's answer.",
    );
    for (labels, seen) in each() {
        let latency = &seen.latency;
        let all = latency.count();
        for bound in BOUNDS {
            let bound = Histogram::bound_within(Duration::from_millis(bound));
            let labels = format!("{labels},le=\"{}\"", seconds(bound));
            line(&mut text, &format!("{name}_bucket"), &labels, all - latency.count_above(bound));
        }
        line(&mut text, &format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), all);
        line(&mut text, &format!("{name}_sum"), &labels, seconds(latency.sum()));
        line(&mut text, &format!("{name}_count"), &labels, all);
    }
    family(&mut text, "petswipe_targets", "gauge", "Registered targets, by health.");
    for (labels, seen) in each() {
        let targets = seen.targets.unwrap_or(Targets { healthy: 0, unhealthy: 0 });
        for (health, count) in [("healthy", targets.healthy), ("unhealthy", targets.unhealthy)] {
            line(&mut text, "petswipe_targets", &format!("{labels},health=\"{health}\""), count);
        }
    }
    let name = "petswipe_requests_in_flight";
    family(&mut text, name, "gauge", "Requests given to targets and not ended.");
    for (environment, _, in_flight) in &groups {
        line(&mut text, name, &format!("environment=\"{}\"", escaped(environment)), in_flight);
    }
    text
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string can't fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name}{{{labels}}} {value}");
}

/// A label's value as it stands between quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Decimal seconds without needless zeros.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Counts;

    #[test]
    fn each_series_says_what_it_has_counted_and_a_group_without_traffic_says_zero() {
        let mut latency = Histogram::new();
        latency.record_many(Duration::from_millis(40), 3);
        latency.record(Duration::from_secs(30));
        let counts = Counts {
            requests: 6,
            success: 3,
            target_error: 1,
            balancer_error: 2,
            ..Counts::default()
        };
        let targets = Some(Targets { healthy: 2, unhealthy: 1 });
        let seen = BTreeMap::from([
            (None, Snapshot::default()),
            (Some("a\"b\\c\nd".to_owned()), Snapshot { counts, latency, targets }),
        ]);
        let text = text([("green".to_owned(), seen, 7)].into_iter());
        for line in [
            r#"petswipe_requests_total{environment="green",revision="",class="success"} 0"#,
            r#"petswipe_requests_total{environment="green",revision="a\"b\\c\nd",class="balancer"} 2"#,
            r#"petswipe_request_duration_seconds_bucket{environment="green",revision="a\"b\\c\nd",le="+Inf"} 4"#,
            r#"petswipe_request_duration_seconds_sum{environment="green",revision="a\"b\\c\nd"} 30.12"#,
            r#"petswipe_targets{environment="green",revision="",health="healthy"} 0"#,
            r#"petswipe_targets{environment="green",revision="a\"b\\c\nd",health="unhealthy"} 1"#,
            r#"petswipe_requests_in_flight{environment="green"} 7"#,
            "# TYPE petswipe_request_duration_seconds histogram",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        // What is counted within a bound was not longer than that.
        let within: Vec<u64> = text
            .lines()
            .filter(|line| line.contains("_bucket{") && line.contains("a\\\"b"))
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(within, [0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert!(text.ends_with('\n'));
    }
}
