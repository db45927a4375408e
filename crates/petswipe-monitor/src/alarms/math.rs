//! Numbers that are calculated from several metrics.

use super::Measure;

/// One entry of the calculation of an alarm. The API calls it `MetricDataQuery`.
///
/// Source: "MetricDataQuery" and "Using math expressions with CloudWatch metrics".
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Query {
    /// A metric, under a name for expressions.
    Metric {
        /// A lower-case letter, then letters, digits and underscores.
        id: String,
        /// What is measured.
        measure: Measure,
    },
    /// An expression over the ids of others.
    Expression {
        /// Like that of a metric.
        id: String,
        /// In the syntax of metric math; it has to give one series.
        expression: String,
        /// For people.
        label: Option<String>,
        /// Whether this is the number that the alarm watches. Exactly one is.
        watched: bool,
    },
}

impl Query {
    /// A metric under that name.
    pub fn metric(id: impl Into<String>, measure: Measure) -> Self {
        Self::Metric { id: id.into(), measure }
    }

    /// An expression that others use.
    pub fn expression(id: impl Into<String>, expression: impl Into<String>) -> Self {
        Self::Expression {
            id: id.into(),
            expression: expression.into(),
            label: None,
            watched: false,
        }
    }

    /// The expression that the alarm watches, with a label for people.
    pub fn watched(
        id: impl Into<String>,
        expression: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self::Expression {
            id: id.into(),
            expression: expression.into(),
            label: Some(label.into()),
            watched: true,
        }
    }

    /// Its name in expressions.
    pub fn id(&self) -> &str {
        match self {
            Self::Metric { id, .. } | Self::Expression { id, .. } => id,
        }
    }
}

/// The ids that an expression refers to: what begins with a lower-case letter and is neither in quotes nor part of the name
/// of a function, which are of capital letters.
pub(crate) fn references(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_alphanumeric() || "_\"'".contains(c)) {
        rest = &rest[begin..];
        let first = rest.as_bytes()[0];
        if first == b'"' || first == b'\'' {
            let inner = &rest[1..];
            let Some(end) = inner.find(char::from(first)) else { return found };
            rest = &inner[end + 1..];
            continue;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        if first.is_ascii_lowercase() {
            found.push(word);
        }
        rest = after;
    }
    found
}

/// The names of the functions that an expression calls.
pub(crate) fn functions(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in expression.match_indices('(') {
        let before = expression[..at].trim_end();
        let begin = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .map_or(0, |index| index + 1);
        if !before[begin..].is_empty() {
            found.push(&before[begin..]);
        }
    }
    found
}
