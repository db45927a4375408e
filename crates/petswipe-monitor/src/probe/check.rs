//! What is asked, and what is expected of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Baseline;
use super::variables::names;
use crate::Error;

/// A check: steps that are taken one after the other, until one of them is not as expected.
///
/// Times are seconds in its serialised form, so that a person can write one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its name, by which its results are known: letters, digits, `-`, `_` and `.`, at most 64.
    pub name: String,
    /// How often it runs; 1 second to a day. Five minutes is that of the guide.
    #[serde(default = "five_minutes", with = "seconds")]
    pub every: Duration,
    /// How long all steps together may take; above 0, at most [`every`](Self::every), so that runs never pile up.
    #[serde(default = "half_a_minute", with = "seconds")]
    pub timeout: Duration,
    /// The steps, 1 to 50.
    pub steps: Vec<Step>,
    /// When it counts as slow; `None`: never.
    #[serde(default)]
    pub baseline: Option<Baseline>,
}

/// One request, and what is expected of its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// GET unless it is said.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query, with a `/` in front. `{name}` stands for a variable, here and in headers and body.
    pub path: String,
    /// Headers by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body. `{` that begin no variable stay what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What the answer has to be.
    #[serde(default)]
    pub expect: Expect,
    /// What is kept for later steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capture: Vec<Capture>,
}

/// What an answer has to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Its status; 200 to 299 unless it is said. Redirects are not followed.
    #[serde(default)]
    pub status: Statuses,
    /// A text that its body has to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Values in a body of JSON, by their pointers (RFC 6901): `{"/status": "ok"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, serde_json::Value>,
    /// How long the whole answer may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "some_seconds")]
    pub within: Option<Duration>,
}

/// The statuses that are as expected, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statuses(pub u16, pub u16);

impl Default for Statuses {
    fn default() -> Self {
        Self(200, 299)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 == self.1 {
            true => write!(f, "{}", self.0),
            false => write!(f, "{} to {}", self.0, self.1),
        }
    }
}

/// Something of an answer that later steps need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// What it is called afterwards.
    pub variable: String,
    /// Where it is.
    pub from: Part,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A text, number or truth value in a body of JSON, by its pointer (RFC 6901).
    Body(String),
    /// A header, by its name.
    Header(String),
}

impl Step {
    /// A GET of path and query.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: get(),
            path: path.into(),
            headers: BTreeMap::new(),
            body: None,
            expect: Expect::default(),
            capture: Vec::new(),
        }
    }

    /// All texts in which variables may stand.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = self.headers.values().chain(&self.body).map(String::as_str);
        std::iter::once(self.path.as_str()).chain(texts)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Check {
    /// A check every five minutes, which may take 30 seconds.
    pub fn new(name: impl Into<String>, steps: Vec<Step>) -> Self {
        let (every, timeout) = (five_minutes(), half_a_minute());
        Self { name: name.into(), every, timeout, steps, baseline: None }
    }

    /// The checks of the guide for its API, every five minutes: that it is healthy, that a user can see pets, and that neither
    /// became slow.
    pub fn standard() -> Vec<Self> {
        let mut health = Self::new("api-health", vec![Step::get("/health")]);
        let mut list = Step::get("/api/pets?limit=2");
        list.capture
            .push(Capture { variable: "pet".to_owned(), from: Part::Body("/0/id".to_owned()) });
        let mut again = Step::get("/api/pets?limit=1");
        again.headers.insert("x-looking-for".to_owned(), "{pet}".to_owned());
        again.expect.contains = Some("\"id\"".to_owned());
        let mut flow = Self::new("browse-pets", vec![Step::get("/health"), list, again]);
        for check in [&mut health, &mut flow] {
            check.baseline = Some(Baseline::default());
        }
        vec![health, flow]
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(known) {
            let allowed = "1 to 64 letters, digits, -, _ and .";
            return Err(Error::invalid("name of the check", format!("`{}`", self.name), allowed));
        }
        let of = |field: &str| format!("{field} of the check {}", self.name);
        if self.every < Duration::from_secs(1) || self.every > Duration::from_secs(86_400) {
            let found = format!("{:?}", self.every);
            return Err(Error::invalid(of("interval"), found, "1 second to a day"));
        }
        if self.timeout.is_zero() || self.timeout > self.every {
            let allowed = format!("above 0, at most its interval of {:?}", self.every);
            return Err(Error::invalid(of("timeout"), format!("{:?}", self.timeout), allowed));
        }
        if self.steps.is_empty() || self.steps.len() > 50 {
            return Err(Error::invalid(of("number of steps"), self.steps.len(), "1 to 50"));
        }
        if let Some(baseline) = &self.baseline {
            baseline.validate(&self.name)?;
        }
        self.steps.iter().enumerate().try_for_each(|(index, step)| {
            step.validate(&format!("step {} of the check {}", index + 1, self.name))
        })
    }

    /// The variables that have to be given because no step before captures them.
    pub fn needs(&self) -> BTreeSet<String> {
        let (mut known, mut needed) = (BTreeSet::new(), BTreeSet::new());
        for step in &self.steps {
            let used = step.texts().flat_map(names).map(str::to_owned);
            needed.extend(used.filter(|name| !known.contains(name)));
            known.extend(step.capture.iter().map(|capture| capture.variable.clone()));
        }
        needed
    }
}

/// The characters of a token, which methods and the names of headers are (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(known)
}

impl Step {
    fn validate(&self, name: &str) -> Result<(), Error> {
        let of = |field: &str| format!("{field} of {name}");
        if !is_token(&self.method) || self.method.chars().any(|c| c.is_ascii_lowercase()) {
            let found = format!("`{}`", self.method);
            return Err(Error::invalid(of("method"), found, "one of HTTP, such as GET or POST"));
        }
        let strange = |c: char| c.is_whitespace() || c.is_control() || c == '#';
        if !self.path.starts_with('/') || self.path.contains(strange) {
            let found = format!("`{}`", self.path);
            let allowed = "one that begins with / and holds no space and no #";
            return Err(Error::invalid(of("path"), found, allowed));
        }
        for (header, value) in &self.headers {
            // The value is not repeated: it may be a password.
            if !is_token(header) || value.chars().any(char::is_control) {
                let found = format!("`{header}`");
                return Err(Error::invalid(of("header"), found, "a name and a text of one line"));
            }
        }
        let Statuses(low, high) = self.expect.status;
        if low < 100 || high > 599 || low > high {
            let found = format!("{low} to {high}");
            return Err(Error::invalid(of("expected status"), found, "100 to 599, rising"));
        }
        if self.expect.within.is_some_and(|within| within.is_zero()) {
            return Err(Error::invalid(of("expected time"), "0", "a time above 0"));
        }
        let captured = self.capture.iter().filter_map(|capture| match &capture.from {
            Part::Body(pointer) => Some(pointer),
            Part::Header(_) => None,
        });
        for pointer in self.expect.json.keys().chain(captured) {
            if !(pointer.is_empty() || pointer.starts_with('/')) {
                let found = format!("`{pointer}`");
                return Err(Error::invalid(of("JSON pointer"), found, "one that begins with /"));
            }
        }
        for capture in &self.capture {
            let name = &capture.variable;
            if names(&format!("{{{name}}}")).next() != Some(name) {
                let allowed = "letters, digits and _, beginning with a letter";
                return Err(Error::invalid(of("variable"), format!("`{name}`"), allowed));
            }
            if let Part::Header(header) = &capture.from
                && !is_token(header)
            {
                let found = format!("`{header}`");
                return Err(Error::invalid(of("captured header"), found, "the name of a header"));
            }
        }
        Ok(())
    }
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

fn get() -> String {
    "GET".to_owned()
}

/// A time as a number of seconds.
pub(super) mod seconds {
    use super::Duration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer>(
        time: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| D::Error::custom(format!("{seconds} seconds; allowed: a number from 0")))
    }
}

mod some_seconds {
    use super::{Duration, seconds};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_some(&time.as_secs_f64()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        struct Seconds(#[serde(with = "seconds")] Duration);
        Ok(Option::<Seconds>::deserialize(from)?.map(|Seconds(time)| time))
    }
}
