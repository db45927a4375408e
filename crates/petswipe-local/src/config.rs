//! How a cloud is set up: plain data, checked when it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use petswipe_deploy::{Environment, Error, Image, ScalingState};

use crate::balancer::{BalancerConfig, HealthCheck, TargetGroupConfig};
use crate::{Backoff, ImageSource, Token};

/// What a cloud consists of.
///
/// ```
/// use petswipe_local::CloudConfig;
/// let config = CloudConfig { project: "shop".to_owned(), ..CloudConfig::default() };
/// assert_eq!(config.tasks, 4);
/// assert_eq!(config.name_of("green"), "shop-production-green");
/// ```
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// The first part of all names.
    pub project: String,
    /// The second part of all names.
    pub environment: String,
    /// The short names of the environments; the first one is live. A third one, `canary`, is for strategies that
    /// want it.
    pub environments: Vec<String>,
    /// What is live at the start.
    pub image: Image,
    /// The environment variables of the first revision, such as `PETSWIPE_FAULT`.
    pub variables: BTreeMap<String, String>,
    /// How many tasks are live at the start.
    pub tasks: u32,
    /// Images with a command of their own, beside `petswipe:*`.
    pub images: Vec<ImageSource>,
    /// Auto scaling by short name: it keeps the desired count within its limits, looking once a second, unless it is
    /// suspended or the desired count is 0.
    pub scaling: BTreeMap<String, ScalingState>,
    /// The load balancer.
    pub balancer: BalancerConfig,
    /// Each of its target groups.
    pub target_group: TargetGroupConfig,
    /// Where the control API listens; a loopback address. Port 0 takes a free one.
    pub control_address: SocketAddr,
    /// The token of the control API; `None` makes one up.
    pub token: Option<Token>,
    /// The program that becomes the tasks; `None` is the running one, which then has to call
    /// [`run_task_if_asked`](crate::run_task_if_asked).
    pub program: Option<PathBuf>,
    /// How long a task may take to end after SIGTERM before it is killed.
    pub stop_timeout: Duration,
    /// How fast failed tasks are replaced.
    pub backoff: Backoff,
    /// How long the first tasks may take to be healthy.
    pub start_timeout: Duration,
}

impl Default for CloudConfig {
    fn default() -> Self {
        Self {
            project: "petswipe".to_owned(),
            environment: "production".to_owned(),
            environments: vec!["blue".to_owned(), "green".to_owned()],
            image: first_image(),
            variables: BTreeMap::new(),
            tasks: 4,
            images: Vec::new(),
            scaling: BTreeMap::new(),
            balancer: BalancerConfig::default(),
            target_group: TargetGroupConfig {
                health_check: HealthCheck {
                    path: "/health".to_owned(),
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_secs(1),
                    healthy_threshold: 2,
                    unhealthy_threshold: 3,
                    ..HealthCheck::default()
                },
                deregistration_delay: Duration::from_secs(30),
            },
            control_address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: None,
            program: None,
            stop_timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
            start_timeout: Duration::from_secs(30),
        }
    }
}

#[allow(clippy::expect_used, reason = "a constant that is a valid name")]
fn first_image() -> Image {
    Image::new("petswipe:v1").expect("a constant that is a valid name")
}

impl CloudConfig {
    /// What all names begin with, such as `petswipe-production`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.project, self.environment)
    }

    /// The full name of the environment with that short name, such as `petswipe-production-green`.
    pub fn name_of(&self, short: &str) -> String {
        format!("{}-{}-{short}", self.project, self.environment)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        for (field, name) in [("project", &self.project), ("environment", &self.environment)] {
            if name.is_empty() {
                return Err(Error::invalid(field, name, "a name without white space"));
            }
        }
        if self.environments.is_empty() || self.environments.len() > 5 {
            return Err(Error::invalid("environments", self.environments.len(), "1 to 5 names"));
        }
        for short in &self.environments {
            Environment::new(self.name_of(short))?;
            if short.is_empty() || short.contains(['*', '?', '/']) || !seen.insert(short) {
                return Err(Error::invalid("environments", short, "short names, each once"));
            }
        }
        for (short, state) in &self.scaling {
            if !seen.contains(short) || state.minimum > state.maximum {
                let value = format!("{short}: {} to {}", state.minimum, state.maximum);
                return Err(Error::invalid(
                    "scaling",
                    value,
                    "limits in order, for an environment there is",
                ));
            }
        }
        if !self.control_address.ip().is_loopback() {
            let allowed = "a loopback address: the control API is for this machine only";
            return Err(Error::invalid("control_address", self.control_address, allowed));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_that_makes_no_sense_is_refused() {
        let refused = |change: fn(&mut CloudConfig)| {
            let mut config = CloudConfig::default();
            assert!(config.check().is_ok());
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(refused(|c| c.control_address = ([0, 0, 0, 0], 80).into()).contains("loopback"));
        assert!(refused(|c| c.environments.clear()).contains("environments"));
        assert!(refused(|c| c.environments[1] = "blue".to_owned()).contains("each once"));
        assert!(refused(|c| c.project = "my shop".to_owned()).contains("white space"));
        assert!(refused(|c| c.project.clear()).contains("project"));
        let state = |minimum, maximum| ScalingState::active(minimum, maximum);
        let mut config = CloudConfig::default();
        config.scaling.insert("blue".to_owned(), state(3, 2));
        assert!(config.check().is_err());
        config.scaling = BTreeMap::from([("red".to_owned(), state(1, 2))]);
        assert!(config.check().is_err());
    }
}
