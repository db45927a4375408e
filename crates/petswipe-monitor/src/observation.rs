//! The metric model: what one version did in one window.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Histogram, Window};

/// Whose metrics: an environment (a target group), and within it one revision or all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The environment, such as `petswipe-production-green`.
    pub environment: String,
    /// One revision in it; `None` for all that run there.
    pub revision: Option<String>,
}

impl Subject {
    /// All revisions of an environment.
    pub fn environment(name: impl Into<String>) -> Self {
        Self { environment: name.into(), revision: None }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{} ({revision})", self.environment),
            None => f.write_str(&self.environment),
        }
    }
}

/// Failed requests by class. `None` is "not known", which is not the same as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// Answered 4xx by the application.
    pub client: Option<u64>,
    /// Answered 5xx by the application.
    pub server: Option<u64>,
    /// Answered 502, 503 or 504 by the load balancer because the application did not answer properly.
    pub balancer: Option<u64>,
}

impl Errors {
    /// Requests that failed through no fault of the client: 5xx of the application and of the load balancer. `None`
    /// while either is unknown.
    pub fn failed(&self) -> Option<u64> {
        Some(self.server? + self.balancer?)
    }
}

/// How full the targets are, as shares from 0 to 1 (more is possible where bursting is).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// Mean CPU use over the targets, share of what is reserved.
    pub cpu: Option<f64>,
    /// Mean memory use over the targets, share of what is reserved.
    pub memory: Option<f64>,
}

/// How many targets passed their health checks at the end of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// Passing.
    pub healthy: u32,
    /// Registered and not passing.
    pub unhealthy: u32,
}

/// What one subject did in one window. What a source did not measure is `None`, never zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Whose.
    pub subject: Subject,
    /// The time the numbers really cover: closed periods only, within what was asked.
    pub window: Window,
    /// Requests that were answered, by the application or in its place.
    pub requests: Option<u64>,
    /// Those that failed.
    pub errors: Errors,
    /// Time to answer.
    pub latency: Option<Histogram>,
    /// Fullness.
    pub saturation: Saturation,
    /// Health at the end.
    pub targets: Option<Targets>,
}

impl Observation {
    /// An observation of nothing: no metric is known.
    pub fn missing(subject: Subject, window: Window) -> Self {
        Self {
            subject,
            window,
            requests: None,
            errors: Errors::default(),
            latency: None,
            saturation: Saturation::default(),
            targets: None,
        }
    }

    /// Failed requests as a share of all, 0 to 1. `None` without requests or while either count is unknown.
    pub fn error_rate(&self) -> Option<f64> {
        share(self.errors.failed()?, self.requests?)
    }

    /// Requests answered 4xx as a share of all, 0 to 1.
    pub fn client_error_rate(&self) -> Option<f64> {
        share(self.errors.client?, self.requests?)
    }

    /// Adds what the same subject did in the window right after. Unknown plus known is unknown; saturation and
    /// targets are those of the later one.
    #[must_use]
    pub fn then(mut self, later: Observation) -> Self {
        let add = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
        self.window.to = later.window.to;
        self.requests = add(self.requests, later.requests);
        self.errors.client = add(self.errors.client, later.errors.client);
        self.errors.server = add(self.errors.server, later.errors.server);
        self.errors.balancer = add(self.errors.balancer, later.errors.balancer);
        self.latency = match (self.latency, later.latency) {
            (Some(mut a), Some(b)) => {
                a.merge(&b);
                Some(a)
            }
            _ => None,
        };
        self.saturation = later.saturation;
        self.targets = later.targets;
        self
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
