//! What is shown, and nothing about where.

use crate::alarms::{Metric, Statistic};

/// Rows of panels under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

impl Dashboard {
    /// A dashboard of that name, such as `shop-production-sre`, with a title for people.
    pub fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        rows: impl IntoIterator<Item = Row>,
    ) -> Self {
        Self { name: name.into(), title: title.into(), rows: rows.into_iter().collect() }
    }

    /// Its name, unique in its account or directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The series of all panels.
    pub fn series(&self) -> impl Iterator<Item = &Series> {
        self.rows.iter().flat_map(|row| &row.panels).flat_map(|panel| &panel.series)
    }
}

/// Panels beside each other, under a title.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub(super) title: String,
    pub(super) panels: Vec<Panel>,
}

impl Row {
    /// Panels that share the width of the page equally, up to four of them; more begin a new line.
    pub fn new(title: impl Into<String>, panels: impl IntoIterator<Item = Panel>) -> Self {
        Self { title: title.into(), panels: panels.into_iter().collect() }
    }

    /// Its panels.
    pub fn panels(&self) -> &[Panel] {
        &self.panels
    }
}

/// How a panel shows its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Graph,
    Stacked,
    Number,
    Text,
    Alarms,
}

/// A picture of some series, a text, or the states of alarms.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub(super) title: String,
    pub(super) view: View,
    pub(super) series: Vec<Series>,
    pub(super) unit: Unit,
    pub(super) limits: Vec<Limit>,
    /// The text, or the names of alarms.
    pub(super) lines: Vec<String>,
}

impl Panel {
    fn new(title: impl Into<String>, view: View, series: Vec<Series>) -> Self {
        Self {
            title: title.into(),
            view,
            series,
            unit: Unit::Plain,
            limits: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Lines over time.
    pub fn graph(title: impl Into<String>, series: impl IntoIterator<Item = Series>) -> Self {
        Self::new(title, View::Graph, series.into_iter().collect())
    }

    /// Areas over time, one on top of the other: parts of a whole.
    pub fn stacked(title: impl Into<String>, series: impl IntoIterator<Item = Series>) -> Self {
        Self::new(title, View::Stacked, series.into_iter().collect())
    }

    /// The newest number of each.
    pub fn number(title: impl Into<String>, series: impl IntoIterator<Item = Series>) -> Self {
        Self::new(title, View::Number, series.into_iter().collect())
    }

    /// A text in Markdown.
    pub fn text(title: impl Into<String>, markdown: impl Into<String>) -> Self {
        let panel = Self::new(title, View::Text, Vec::new());
        Self { lines: vec![markdown.into()], ..panel }
    }

    /// The states of these alarms; CloudWatch only.
    pub fn alarms<N: Into<String>>(
        title: impl Into<String>,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        let panel = Self::new(title, View::Alarms, Vec::new());
        Self { lines: names.into_iter().map(Into::into).collect(), ..panel }
    }

    /// What its numbers are.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// A line at a limit.
    #[must_use]
    pub fn limit(mut self, label: impl Into<String>, value: f64) -> Self {
        self.limits.push(Limit { label: label.into(), value });
        self
    }
}

/// A line at a limit, above which numbers are bad.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What it is.
    pub label: String,
    /// Where it is, in the unit of the panel.
    pub value: f64,
}

/// What numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Nothing in particular.
    Plain,
    /// Things.
    Count,
    /// Things in a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// 0 to 100.
    Percent,
    /// Bytes.
    Bytes,
}

/// Numbers over time, with a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub(super) label: String,
    pub(super) source: Source,
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Metric(Metric, Statistic),
    Math { expression: String, of: Vec<(String, Metric, Statistic)> },
    Prometheus(String),
}

impl Series {
    /// A metric of CloudWatch.
    pub fn metric(label: impl Into<String>, metric: Metric, statistic: Statistic) -> Self {
        Self { label: label.into(), source: Source::Metric(metric, statistic) }
    }

    /// A calculation over metrics of CloudWatch, each under an id. The ids are those of the whole panel: the same id is the same
    /// metric.
    pub fn math<I: Into<String>>(
        label: impl Into<String>,
        expression: impl Into<String>,
        of: impl IntoIterator<Item = (I, Metric, Statistic)>,
    ) -> Self {
        let of = of.into_iter().map(|(id, metric, statistic)| (id.into(), metric, statistic));
        let source = Source::Math { expression: expression.into(), of: of.collect() };
        Self { label: label.into(), source }
    }

    /// An expression of Prometheus. The label may name labels of the result: `{{revision}}`.
    pub fn prometheus(label: impl Into<String>, expression: impl Into<String>) -> Self {
        Self { label: label.into(), source: Source::Prometheus(expression.into()) }
    }

    /// Its expression, if it is one of Prometheus.
    pub fn expression(&self) -> Option<&str> {
        match &self.source {
            Source::Prometheus(expression) => Some(expression),
            Source::Metric(..) | Source::Math { .. } => None,
        }
    }

    /// The metrics of CloudWatch that it is made of.
    pub fn metrics(&self) -> Vec<&Metric> {
        match &self.source {
            Source::Metric(metric, _) => vec![metric],
            Source::Math { of, .. } => of.iter().map(|(_, metric, _)| metric).collect(),
            Source::Prometheus(_) => Vec::new(),
        }
    }
}
