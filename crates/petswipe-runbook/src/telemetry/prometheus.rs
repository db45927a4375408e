//! Metrics as text for Prometheus, for a file of node_exporter's textfile collector or for an endpoint of one's own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use super::describe::cut;
use super::measure::{Instrument, Kind, Label, Measure};
use super::sink::Sink;
use super::track::Signal;
use crate::OperationId;

/// The most time series of one metric. More would be a mistake in somebody's labels, and hurt the one who scrapes.
const MOST_SERIES: usize = 1000;
/// The longest value of a label, in characters.
const LONGEST_LABEL: usize = 128;

/// Sums metrics up and renders them in the text exposition format, version 0.0.4. See *Exposition formats* in the
/// documentation of Prometheus.
///
/// Counters begin at zero with this value. A metric takes 1,000 time series at most; what comes beyond is left out and
/// counted by `petswipe_dropped_series_total`.
#[derive(Debug, Default)]
pub struct PrometheusText {
    families: Mutex<Families>,
}

#[derive(Debug, Default)]
struct Families {
    by_name: BTreeMap<String, Family>,
    names: BTreeMap<&'static str, String>,
    dropped: u64,
}

#[derive(Debug)]
struct Family {
    instrument: &'static Instrument,
    series: BTreeMap<Vec<Label>, Cell>,
}

#[derive(Debug)]
enum Cell {
    Number(f64),
    Histogram { counts: Vec<u64>, sum: f64 },
}

impl PrometheusText {
    /// No metric yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one value in.
    pub fn record(&self, measure: &Measure) {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let Families { by_name, names, dropped } = &mut *families;
        let Measure { instrument, labels, value } = measure;
        let name = names.entry(instrument.name).or_insert_with(|| instrument.prometheus_name());
        if !by_name.contains_key(name.as_str()) {
            by_name.insert(name.clone(), Family { instrument, series: BTreeMap::new() });
        }
        let Some(family) = by_name.get_mut(name.as_str()) else { return };
        let mut key: Vec<Label> =
            labels.iter().map(|(label, text)| (*label, cut(text.clone(), LONGEST_LABEL))).collect();
        key.sort();
        // A label is given once; the first one is the more special.
        key.dedup_by(|later, earlier| later.0 == earlier.0);
        if family.series.len() >= MOST_SERIES && !family.series.contains_key(&key) {
            *dropped += 1;
            return;
        }
        let cell = family.series.entry(key).or_insert_with(|| Cell::new(instrument.kind));
        cell.take(instrument.kind, *value);
    }

    /// All metrics as text, ordered by name and labels, so that the same metrics give the same text.
    pub fn render(&self) -> String {
        let families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, family) in &families.by_name {
            head(&mut text, name, family.instrument.help, family.instrument.kind);
            for (labels, cell) in &family.series {
                cell.render(&mut text, name, labels, family.instrument.kind);
            }
        }
        if families.dropped > 0 {
            let (name, help) = ("petswipe_dropped_series_total", "Values of too many time series.");
            head(&mut text, name, help, Kind::Counter);
            line(&mut text, name, &[], None, families.dropped as f64);
        }
        text
    }
}

impl Sink for PrometheusText {
    fn take(&self, _operation: &OperationId, signal: &Signal) {
        if let Signal::Measured(measure) = signal {
            self.record(measure);
        }
    }
}

impl Cell {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Seconds(bounds) => {
                Self::Histogram { counts: vec![0; bounds.len() + 1], sum: 0.0 }
            }
            Kind::Counter | Kind::Gauge | Kind::Ratio | Kind::Moment => Self::Number(0.0),
        }
    }

    fn take(&mut self, kind: Kind, value: f64) {
        match (self, kind) {
            (Self::Histogram { counts, sum }, Kind::Seconds(bounds)) => {
                let index = bounds.partition_point(|bound| *bound < value);
                if let Some(count) = counts.get_mut(index) {
                    *count += 1;
                }
                *sum += value;
            }
            (Self::Number(number), Kind::Counter) => *number += value.max(0.0),
            (Self::Number(number), _) => *number = value,
            (Self::Histogram { .. }, _) => {}
        }
    }

    fn render(&self, text: &mut String, name: &str, labels: &[Label], kind: Kind) {
        match (self, kind) {
            (Self::Number(number), _) => line(text, name, labels, None, *number),
            (Self::Histogram { counts, sum }, Kind::Seconds(bounds)) => {
                let bounds = bounds.iter().copied().chain([f64::INFINITY]);
                let mut total = 0;
                for (count, bound) in counts.iter().zip(bounds) {
                    total += count;
                    line(text, &format!("{name}_bucket"), labels, Some(bound), total as f64);
                }
                line(text, &format!("{name}_sum"), labels, None, *sum);
                line(text, &format!("{name}_count"), labels, None, total as f64);
            }
            (Self::Histogram { .. }, _) => {}
        }
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: Kind) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Ratio | Kind::Moment => "gauge",
        Kind::Seconds(_) => "histogram",
    };
    *text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(text: &mut String, name: &str, labels: &[Label], below: Option<f64>, value: f64) {
    let bound = below.map(|bound| ("le", number(bound)));
    let labels = labels.iter().map(|(key, value)| (*key, value.as_str()));
    let bound = bound.as_ref().map(|(key, value)| (*key, value.as_str()));
    *text += name;
    let mut sign = '{';
    for (key, value) in labels.chain(bound) {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing to a string does not fail.
        let _ = write!(text, "{sign}{key}=\"{value}\"");
        sign = ',';
    }
    *text += if sign == ',' { "} " } else { " " };
    *text += &number(value);
    text.push('\n');
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TIME: Instrument = Instrument {
        name: "petswipe.test.duration",
        help: "A back\\slash and\na new line.",
        kind: Kind::Seconds(&[0.5, 2.0]),
    };
    static COUNT: Instrument =
        Instrument { name: "petswipe.tests", help: "Counted.", kind: Kind::Counter };
    static SHARE: Instrument =
        Instrument { name: "petswipe.share", help: "A share.", kind: Kind::Ratio };

    fn text_of(measures: &[Measure]) -> String {
        let text = PrometheusText::new();
        measures.iter().for_each(|measure| text.record(measure));
        text.render()
    }

    #[test]
    fn a_histogram_counts_what_is_at_most_its_bound_and_sums_up() {
        let measures = [0.5, 0.75, 2.5].map(|value| Measure::new(&TIME, value, Vec::new()));
        assert_eq!(
            text_of(&measures),
            "# HELP petswipe_test_duration_seconds A back\\\\slash and\\na new line.\n\
             # TYPE petswipe_test_duration_seconds histogram\n\
             petswipe_test_duration_seconds_bucket{le=\"0.5\"} 1\n\
             petswipe_test_duration_seconds_bucket{le=\"2\"} 2\n\
             petswipe_test_duration_seconds_bucket{le=\"+Inf\"} 3\n\
             petswipe_test_duration_seconds_sum 3.75\n\
             petswipe_test_duration_seconds_count 3\n"
        );
    }

    #[test]
    fn labels_are_ordered_and_escaped_and_counters_add_up() {
        let labels = || vec![("why", "a \"b\" \\ c\nd".to_owned()), ("effect", "shift".to_owned())];
        let measures = [2.0, 1.0].map(|value| Measure::new(&COUNT, value, labels()));
        assert_eq!(
            text_of(&measures),
            "# HELP petswipe_tests_total Counted.\n# TYPE petswipe_tests_total counter\n\
             petswipe_tests_total{effect=\"shift\",why=\"a \\\"b\\\" \\\\ c\\nd\"} 3\n"
        );
    }

    #[test]
    fn a_gauge_is_as_it_was_said_last() {
        let measures = [0.05, 0.1].map(|value| Measure::new(&SHARE, value, Vec::new()));
        assert!(text_of(&measures).ends_with("\npetswipe_share_ratio 0.1\n"));
        assert_eq!(text_of(&[]), "");
    }

    #[test]
    fn there_are_never_more_series_than_anybody_can_take() {
        let label = |index: usize| vec![("item", index.to_string())];
        let measures: Vec<_> =
            (0..1200).map(|index| Measure::new(&COUNT, 1.0, label(index))).collect();
        let text = text_of(&measures);
        let count = text.lines().filter(|line| line.starts_with("petswipe_tests_total{")).count();
        assert_eq!(count, MOST_SERIES);
        assert!(text.ends_with("\npetswipe_dropped_series_total 200\n"), "{text}");
        let long = text_of(&[Measure::new(&COUNT, 1.0, vec![("item", "x".repeat(500))])]);
        assert!(long.contains(&format!("{{item=\"{}\"}}", "x".repeat(128))), "{long}");
    }
}
