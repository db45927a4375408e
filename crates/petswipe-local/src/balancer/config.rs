//! How a balancer and its target groups are set up: plain data, checked when it is used.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

use super::Error;

/// How a balancer listens and how long it waits. The defaults are those of an Application Load Balancer.
///
/// ```
/// use petswipe_local::balancer::BalancerConfig;
/// let config = BalancerConfig { seed: Some(7), ..BalancerConfig::default() };
/// assert_eq!(config.idle_timeout.as_secs(), 60);
/// let json = serde_json::to_string(&config)?;
/// assert_eq!(serde_json::from_str::<BalancerConfig>(&json)?, config);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BalancerConfig {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Makes the weighted choices repeatable: the same connections with the same requests are divided the same way.
    /// `None` chooses a seed at random.
    pub seed: Option<u64>,
    /// How long connecting to a target may take before the answer is 504. ALB: 10 seconds, fixed.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How long a connection in use may be silent: a target that sends nothing gets the client a 504, a client that
    /// stops sending its request a 408. Also how long an idle connection to a target is kept. ALB: 60 seconds.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// How long a client may take to send the head of its next request, and so how long an idle connection of a
    /// client is kept.
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    /// How long requests in flight may take to end when the balancer shuts down.
    #[serde(with = "duration")]
    pub shutdown_grace: Duration,
    /// How far back the metrics per second reach.
    #[serde(with = "duration")]
    pub metrics_retention: Duration,
}

impl Default for BalancerConfig {
    fn default() -> Self {
        Self {
            port: 0,
            seed: None,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            header_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(10),
            metrics_retention: Duration::from_secs(3600),
        }
    }
}

impl BalancerConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        positive("connect_timeout", self.connect_timeout)?;
        positive("idle_timeout", self.idle_timeout)?;
        positive("header_timeout", self.header_timeout)?;
        if self.metrics_retention < Duration::from_secs(1) {
            return Err(Error::invalid(
                "metrics_retention",
                format!("{:?}", self.metrics_retention),
                "one second or more",
            ));
        }
        Ok(())
    }
}

/// How a target group checks and releases its targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetGroupConfig {
    /// How its targets are checked.
    pub health_check: HealthCheck,
    /// How long a deregistered target may take to finish its requests in flight. ALB: 300 seconds, at most 3600.
    #[serde(with = "duration")]
    pub deregistration_delay: Duration,
}

impl Default for TargetGroupConfig {
    fn default() -> Self {
        Self {
            health_check: HealthCheck::default(),
            deregistration_delay: Duration::from_secs(300),
        }
    }
}

impl TargetGroupConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.deregistration_delay > Duration::from_secs(3600) {
            return Err(Error::invalid(
                "deregistration_delay",
                format!("{:?}", self.deregistration_delay),
                "0 to 3600 seconds",
            ));
        }
        self.health_check.check()
    }
}

/// How a target proves that it is healthy. Names and defaults are those of AWS; the allowed ranges are wider, so that
/// a local deployment need not take minutes (AWS: interval 5 to 300 s, timeout 2 to 120 s, thresholds 2 to 10).
///
/// Source: AWS, *Health checks for Application Load Balancer target groups*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// The path that is requested with GET.
    pub path: String,
    /// From the start of one check to the start of the next.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// A check without an answer for that long has failed. Not longer than the interval.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How many checks in a row an unhealthy target must pass to be healthy again. A new target needs only one.
    pub healthy_threshold: u32,
    /// How many checks in a row must fail for a target to be unhealthy.
    pub unhealthy_threshold: u32,
    /// Which answers pass.
    pub matcher: Matcher,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: Matcher::default(),
        }
    }
}

impl HealthCheck {
    fn check(&self) -> Result<(), Error> {
        let printable = self.path.bytes().all(|b| b.is_ascii_graphic());
        if !self.path.starts_with('/') || self.path.len() > 1024 || !printable {
            return Err(Error::invalid(
                "health_check.path",
                &self.path,
                "/path?query in at most 1024 characters",
            ));
        }
        positive("health_check.interval", self.interval)?;
        positive("health_check.timeout", self.timeout)?;
        if self.timeout > self.interval {
            return Err(Error::invalid(
                "health_check.timeout",
                format!("{:?}", self.timeout),
                format!("at most the interval, {:?}", self.interval),
            ));
        }
        for (field, value) in [
            ("health_check.healthy_threshold", self.healthy_threshold),
            ("health_check.unhealthy_threshold", self.unhealthy_threshold),
        ] {
            if value == 0 {
                return Err(Error::invalid(field, value, "1 or more"));
            }
        }
        Ok(())
    }
}

fn positive(field: &str, value: Duration) -> Result<(), Error> {
    if value.is_zero() {
        return Err(Error::invalid(field, format!("{value:?}"), "more than nothing"));
    }
    Ok(())
}

/// The status codes that pass a health check, between 200 and 499, such as `200`, `200,202` or `200-299`.
///
/// ```
/// use petswipe_local::balancer::Matcher;
/// let matcher: Matcher = "200-299,302".parse()?;
/// assert!(matcher.matches(204) && matcher.matches(302) && !matcher.matches(500));
/// assert!("503".parse::<Matcher>().is_err());
/// # Ok::<(), petswipe_local::balancer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher(Vec<RangeInclusive<u16>>);

impl Matcher {
    /// Whether an answer with that status passes.
    pub fn matches(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl Default for Matcher {
    fn default() -> Self {
        Self(vec![200..=200])
    }
}

impl FromStr for Matcher {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let range = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let range = from.trim().parse::<u16>().ok()?..=to.trim().parse::<u16>().ok()?;
            let sound = !range.is_empty() && *range.start() >= 200 && *range.end() <= 499;
            sound.then_some(range)
        };
        text.split(',').map(range).collect::<Option<Vec<_>>>().map(Self).ok_or_else(|| {
            Error::invalid("matcher", text, "codes 200 to 499, such as 200,202 or 200-299")
        })
    }
}

impl TryFrom<String> for Matcher {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> String {
        matcher.to_string()
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match (range.start(), range.end()) {
                (one, other) if one == other => write!(f, "{comma}{one}")?,
                (from, to) => write!(f, "{comma}{from}-{to}")?,
            }
        }
        Ok(())
    }
}

/// Something that answers requests: a process at an address, running a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name, unique within its group.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it runs; metrics are kept per revision.
    pub revision: String,
}

/// A registered target and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its name.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it runs.
    pub revision: String,
    /// How it is.
    pub state: TargetState,
    /// Since when.
    pub since: Timestamp,
}

/// How a target is. Reasons begin with the reason code of AWS.
///
/// Source: AWS, *Health checks for Application Load Balancer target groups*, "Target health status" and "Health check
/// reason codes".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TargetState {
    /// It has not passed its first check, nor failed often enough.
    Initial,
    /// It takes requests.
    Healthy,
    /// It failed its checks, and takes requests only if no target of the group is healthy.
    Unhealthy {
        /// Such as `Target.Timeout: Request timed out`.
        reason: String,
    },
    /// It was deregistered: it finishes what is in flight and takes no new requests.
    Draining,
}
