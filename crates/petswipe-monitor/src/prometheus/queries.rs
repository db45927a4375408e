//! Which series of Prometheus tell what, and the PromQL that selects them.

use std::fmt::Write;
use std::time::Duration;

use super::Series;
use crate::{Error, Subject};

/// A condition on a label that both Prometheus and this source can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Matcher {
    /// The label has this value; an empty one means that there is no such label.
    Is(String, String),
    /// It has another value than this.
    IsNot(String, String),
    /// It has one of these values.
    OneOf(String, Vec<String>),
    /// Its value begins so: `code` with `5`.
    StartsWith(String, String),
}

impl Matcher {
    /// The label has this value.
    pub fn is(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Is(label.into(), value.into())
    }

    /// Its value begins so.
    pub fn starts_with(label: impl Into<String>, start: impl Into<String>) -> Self {
        Self::StartsWith(label.into(), start.into())
    }

    pub(super) fn label(&self) -> &str {
        match self {
            Self::Is(label, _)
            | Self::IsNot(label, _)
            | Self::OneOf(label, _)
            | Self::StartsWith(label, _) => label,
        }
    }

    /// Whether a series without the label says nothing: neither that it fulfils it, nor that it does not. One that asks
    /// whether there is such a label is answered by all.
    pub(super) fn needs_label(&self) -> bool {
        match self {
            Self::Is(_, value) | Self::IsNot(_, value) | Self::StartsWith(_, value) => {
                !value.is_empty()
            }
            Self::OneOf(_, values) => !values.iter().any(String::is_empty),
        }
    }

    /// Whether a series fulfils it.
    pub(super) fn matches(&self, series: &Series) -> bool {
        let value = series.label(self.label()).unwrap_or_default();
        match self {
            Self::Is(_, wanted) => value == wanted,
            Self::IsNot(_, unwanted) => value != unwanted,
            Self::OneOf(_, wanted) => wanted.iter().any(|wanted| value == wanted),
            Self::StartsWith(_, start) => value.starts_with(start.as_str()),
        }
    }

    fn promql(&self) -> String {
        match self {
            Self::Is(label, value) => format!("{label}={}", quoted(value)),
            Self::IsNot(label, value) => format!("{label}!={}", quoted(value)),
            Self::OneOf(label, values) => {
                format!("{label}=~{}", quoted(&alternatives(values.iter().map(String::as_str))))
            }
            Self::StartsWith(label, start) => {
                format!("{label}=~{}", quoted(&format!("(?s:{}.*)", literally(start))))
            }
        }
    }
}

/// A metric, and which of its series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name.
    pub metric: String,
    /// All of these must hold.
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// All series of a metric.
    pub fn metric(name: impl Into<String>) -> Self {
        Self { metric: name.into(), matchers: Vec::new() }
    }

    /// Those of them for which this holds, too.
    #[must_use]
    pub fn with(mut self, matcher: Matcher) -> Self {
        self.matchers.push(matcher);
        self
    }

    pub(super) fn matches(&self, series: &Series) -> bool {
        series.label("__name__") == Some(&self.metric)
            && self.matchers.iter().all(|matcher| matcher.matches(series))
    }
}

/// How requests of one kind are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Count {
    /// Nobody counts them: they are unknown.
    Unknown,
    /// There can be none, such as answers of a load balancer where there is no load balancer. Where that is not so,
    /// failures stay unseen.
    Never,
    /// Those of the counted requests for which all of this holds. Without a series of that kind it is zero. All series of
    /// requests must have these labels, unless an empty value asks for those without: a label of another name would make
    /// it zero whatever happens, so that is an error.
    Among(Vec<Matcher>),
    /// A counter of their own. Without a series of that kind it is unknown.
    Of(Selector),
}

/// How long requests take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Latency {
    /// Nobody measures it.
    Unknown,
    /// A classic histogram: the series that end in `_bucket`, with their `le`.
    Classic {
        /// Those series.
        buckets: Selector,
        /// What its numbers count: a second, or a millisecond.
        unit: Duration,
        /// What counts for those above the last bound: a time that no request can exceed.
        longest: Duration,
    },
    /// A native histogram. Prometheus has them from 2.40 on, where it is told to take them: in 2.x by
    /// `--enable-feature=native-histograms`. This is tested with 2.42. A bucket that is wider than what is asked about is
    /// taken for its upper end.
    Native {
        /// Its series.
        histogram: Selector,
        /// What its numbers count.
        unit: Duration,
    },
}

/// Which series tell what. The default are those that `petswipe-local` exposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusQueries {
    /// Whether scrapes succeeded: `up` of all targets that expose the metrics, and of no others. It tells what was
    /// measured when.
    pub scrapes: Selector,
    /// The label that holds a [`Subject`]'s environment.
    pub environment_label: String,
    /// The label that holds its revision. Without one, nothing is known of single revisions.
    pub revision_label: Option<String>,
    /// The counter of answered requests.
    pub requests: Selector,
    /// Those answered 4xx by the application.
    pub client: Count,
    /// Those answered 5xx by the application.
    pub server: Count,
    /// Those answered by the load balancer in its place.
    pub balancer: Count,
    /// How long they take.
    pub latency: Latency,
    /// The gauge of healthy targets.
    pub healthy: Option<Selector>,
    /// The gauge of registered targets that are not healthy.
    pub unhealthy: Option<Selector>,
    /// The gauge of CPU use, as a share from 0 to 1.
    pub cpu: Option<Selector>,
    /// The gauge of memory use, as a share from 0 to 1.
    pub memory: Option<Selector>,
}

impl Default for PrometheusQueries {
    fn default() -> Self {
        let class = |class| Count::Among(vec![Matcher::is("class", class)]);
        let targets =
            |health| Selector::metric("petswipe_targets").with(Matcher::is("health", health));
        Self {
            scrapes: Selector::metric("up").with(Matcher::is("job", "petswipe")),
            environment_label: "environment".to_owned(),
            revision_label: Some("revision".to_owned()),
            requests: Selector::metric("petswipe_requests_total"),
            client: class("client"),
            server: class("server"),
            balancer: class("balancer"),
            latency: Latency::Classic {
                buckets: Selector::metric("petswipe_request_duration_seconds_bucket"),
                unit: Duration::from_secs(1),
                longest: Duration::from_secs(3600),
            },
            healthy: Some(targets("healthy")),
            unhealthy: Some(targets("unhealthy")),
            cpu: None,
            memory: None,
        }
    }
}

impl PrometheusQueries {
    /// Refuses names that are none.
    pub(super) fn check(&self) -> Result<(), Error> {
        for selector in self.selectors().chain([&self.scrapes]) {
            let name = &selector.metric;
            if !is_name(name, true) {
                return Err(Error::invalid("metric of Prometheus", name, NAMES));
            }
        }
        let selectors = self.selectors().chain([&self.scrapes]);
        let matchers = selectors.flat_map(|selector| &selector.matchers);
        let matchers = matchers.chain(self.kinds().map(|(_, matcher)| matcher));
        let labels = matchers.map(Matcher::label);
        let labels = labels.chain([self.environment_label.as_str()]);
        for label in labels.chain(self.revision_label.as_deref()) {
            if !is_name(label, false) || label == "__name__" {
                return Err(Error::invalid("label of Prometheus", label, NAMES));
            }
        }
        Ok(())
    }

    /// All but that of scrapes.
    pub(super) fn selectors(&self) -> impl Iterator<Item = &Selector> {
        let own =
            [&self.client, &self.server, &self.balancer].into_iter().filter_map(
                |count| match count {
                    Count::Of(selector) => Some(selector),
                    _ => None,
                },
            );
        let latency = match &self.latency {
            Latency::Unknown => None,
            Latency::Classic { buckets: selector, .. }
            | Latency::Native { histogram: selector, .. } => Some(selector),
        };
        let gauges = [&self.healthy, &self.unhealthy, &self.cpu, &self.memory];
        let gauges = gauges.into_iter().flatten();
        [&self.requests].into_iter().chain(own).chain(latency).chain(gauges)
    }

    /// The conditions that tell kinds of requests apart, and the field that has them.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, &Matcher)> {
        let counts = [("client", &self.client), ("server", &self.server)];
        counts.into_iter().chain([("balancer", &self.balancer)]).flat_map(|(field, count)| {
            let matchers = match count {
                Count::Among(matchers) => matchers.as_slice(),
                _ => &[],
            };
            matchers.iter().map(move |matcher| (field, matcher))
        })
    }

    /// The labels by which only the kinds of requests differ: series that agree in all others are one counter.
    pub(super) fn class_labels(&self) -> Vec<&str> {
        self.kinds().map(|(_, matcher)| matcher.label()).collect()
    }

    /// The labels of a subject; `None` where its revision can't be told apart.
    pub(super) fn subject(&self, subject: &Subject) -> Option<Vec<Matcher>> {
        let mut all = vec![Matcher::is(&self.environment_label, &subject.environment)];
        if let Some(revision) = &subject.revision {
            all.push(Matcher::is(self.revision_label.as_ref()?, revision));
        }
        Some(all)
    }

    /// The instant query of everything about a subject, as it was in the time before: one query for all metrics, which
    /// may select more than is needed where they have conditions of their own.
    pub(super) fn about(&self, subject: &[Matcher], time: Duration) -> String {
        let mut names: Vec<_> = self.selectors().map(|one| one.metric.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let common =
            self.requests.matchers.iter().filter(|matcher| {
                self.selectors().all(|selector| selector.matchers.contains(matcher))
            });
        let matchers: Vec<_> = subject.iter().chain(common).collect();
        range(&names, &matchers, time)
    }

    /// The instant query of the scrapes.
    pub(super) fn scraped(&self, time: Duration) -> String {
        range(&[&self.scrapes.metric], &self.scrapes.matchers.iter().collect::<Vec<_>>(), time)
    }
}

const NAMES: &str = "letters, digits and underscores, not beginning with a digit; no __name__";

fn is_name(name: &str, colons: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(fits)
}

/// A range vector selector.
fn range(names: &[&str], matchers: &[&Matcher], time: Duration) -> String {
    let mut query = String::new();
    let mut conditions: Vec<_> = matchers.iter().map(|matcher| matcher.promql()).collect();
    match names {
        [name] => query.push_str(name),
        _ => {
            let names = quoted(&alternatives(names.iter().copied()));
            conditions.insert(0, format!("__name__=~{names}"));
        }
    }
    // Writing to a string can't fail.
    let _ = write!(query, "{{{}}}[{}ms]", conditions.join(","), time.as_millis().max(1));
    query
}

fn alternatives<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(literally).collect::<Vec<_>>().join("|")
}

/// A regular expression that matches this text and nothing else. Source: "Syntax", RE2.
fn literally(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A string literal. Source: "Querying basics", section "String literals".
fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(literal, "\\u{:04x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_millis(61_500);

    #[test]
    fn everything_about_a_subject_is_one_query() {
        let queries = PrometheusQueries::default();
        let revision = Some("petswipe:2".to_owned());
        let subject = Subject { environment: "shop-green".to_owned(), revision };
        let subject = queries.subject(&subject).unwrap();
        assert_eq!(
            queries.about(&subject, TIME),
            "{__name__=~\"petswipe_request_duration_seconds_bucket|petswipe_requests_total|petswipe_targets\",\
             environment=\"shop-green\",revision=\"petswipe:2\"}[61500ms]"
        );
        assert_eq!(queries.scraped(TIME), "up{job=\"petswipe\"}[61500ms]");
    }

    #[test]
    fn no_value_gets_out_of_its_quotes() {
        for (value, literal) in [
            (r#"a"} or up{b=""#, r#""a\"} or up{b=\"""#),
            (r"a\", r#""a\\""#),
            ("a\nb\u{7}", r#""a\nb\u0007""#),
            ("é", "\"é\""),
        ] {
            assert_eq!(Matcher::is("l", value).promql(), format!("l={literal}"));
        }
        let any = Matcher::OneOf("l".to_owned(), vec!["a.b".to_owned(), "c|d".to_owned()]);
        assert_eq!(any.promql(), r#"l=~"a\\.b|c\\|d""#);
        assert_eq!(Matcher::starts_with("code", "5").promql(), r#"code=~"(?s:5.*)""#);
    }

    #[test]
    fn a_matcher_tells_the_same_as_its_promql() {
        let code = |code: &str| Series {
            labels: vec![("code".to_owned(), code.to_owned())],
            ..Series::default()
        };
        let five = Matcher::starts_with("code", "5");
        assert!(five.matches(&code("503")) && !five.matches(&code("250")));
        let absent = Matcher::is("handler", "");
        assert!(absent.matches(&code("200")));
        assert!(Matcher::IsNot("code".to_owned(), "200".to_owned()).matches(&Series::default()));
        assert!(five.needs_label() && !absent.needs_label());
        let maybe = |values: &[&str]| {
            Matcher::OneOf(
                "code".to_owned(),
                values.iter().map(|&value| value.to_owned()).collect(),
            )
        };
        assert!(maybe(&["500", "503"]).needs_label() && !maybe(&["500", ""]).needs_label());
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let with = |change: fn(&mut PrometheusQueries)| {
            let mut queries = PrometheusQueries::default();
            change(&mut queries);
            queries.check().map_err(|error| error.to_string())
        };
        assert_eq!(with(|_| {}), Ok(()));
        for said in [
            with(|queries| queries.requests.metric = "a{b}".to_owned()),
            with(|queries| queries.scrapes.metric = String::new()),
            with(|queries| queries.environment_label = "a=b".to_owned()),
            with(|queries| queries.revision_label = Some("__name__".to_owned())),
            with(|queries| queries.server = Count::Among(vec![Matcher::is("5xx", "")])),
        ] {
            assert!(said.unwrap_err().contains("of Prometheus is"));
        }
    }
}
