//! What a stack consists of, and what each part is called.

use std::fmt;

use crate::Exit;

/// The longest name of a load balancer or a target group.
///
/// Source: "CreateTargetGroup", Elastic Load Balancing API Reference.
const LONGEST: usize = 32;

/// One of the two sides between which a rollout moves traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Has the traffic of a new stack.
    Blue,
    /// Has no task and no traffic in a new stack.
    Green,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blue, Self::Green];

    /// The last part of its names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

/// What a service is scaled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// The average processor utilization of its tasks.
    Cpu,
    /// The average memory utilization of its tasks.
    Memory,
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Requests that fail.
    Errors,
    /// Requests that take too long.
    Latency,
    /// Targets that fail their health checks.
    UnhealthyHosts,
}

/// A part of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// The ECS cluster.
    Cluster,
    /// The revisions of the task definition's family.
    TaskDefinition,
    /// Where a side's tasks are registered.
    TargetGroup(Side),
    /// The Application Load Balancer.
    LoadBalancer,
    /// Its listener, which divides the traffic.
    Listener,
    /// The ECS service of a side.
    Service(Side),
    /// The limits between which a service is scaled.
    ScalableTarget(Side),
    /// By what it is scaled.
    ScalingPolicy(Side, Measure),
    /// A CloudWatch alarm.
    Alarm(Side, Trouble),
}

impl Resource {
    /// All parts, each after those that it needs.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Cluster, Self::TaskDefinition];
        all.extend(Side::ALL.map(Self::TargetGroup));
        all.extend([Self::LoadBalancer, Self::Listener]);
        all.extend(Side::ALL.map(Self::Service));
        all.extend(Side::ALL.map(Self::ScalableTarget));
        for side in Side::ALL {
            all.extend([Measure::Cpu, Measure::Memory].map(|by| Self::ScalingPolicy(side, by)));
        }
        for side in Side::ALL {
            let troubles = [Trouble::Errors, Trouble::Latency, Trouble::UnhealthyHosts];
            all.extend(troubles.map(|of| Self::Alarm(side, of)));
        }
        all
    }

    /// What it is.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::TaskDefinition => "task definition",
            Self::TargetGroup(_) => "target group",
            Self::LoadBalancer => "load balancer",
            Self::Listener => "listener",
            Self::Service(_) => "service",
            Self::ScalableTarget(_) => "scalable target",
            Self::ScalingPolicy(..) => "scaling policy",
            Self::Alarm(..) => "alarm",
        }
    }
}

/// The project and the environment, from which every name is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    project: String,
    environment: String,
}

impl Names {
    /// Names of which every one is allowed.
    ///
    /// # Errors
    /// What is allowed, when one of them would be too long or hold a character that a load balancer's name may not hold.
    pub fn new(project: &str, environment: &str) -> Result<Self, Exit> {
        for (flag, part) in [("--project", project), ("--environment", environment)] {
            let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if part.is_empty()
                || !part.chars().all(inside)
                || part.starts_with('-')
                || part.ends_with('-')
            {
                return Err(Exit::usage(format!(
                    "{flag} is `{part}`; allowed: letters, digits and hyphens, and no hyphen at an end"
                )));
            }
        }
        let names = Self { project: project.to_owned(), environment: environment.to_owned() };
        let longest = names.of(Resource::TargetGroup(Side::Green));
        if longest.len() > LONGEST {
            let room = LONGEST + names.base().len() - longest.len();
            return Err(Exit::usage(format!(
                "--project and --environment make `{}`; allowed: at most {room} characters, because a target group's \
                 name has at most {LONGEST}",
                names.base()
            )));
        }
        if project.starts_with("internal-") || project == "internal" {
            return Err(Exit::usage(
                "--project begins with `internal-`; allowed: anything else, because a load balancer's name may not",
            ));
        }
        Ok(names)
    }

    /// The first part of every name.
    pub(super) fn project(&self) -> &str {
        &self.project
    }

    /// `{project}-{environment}`, with which every name begins.
    pub fn base(&self) -> String {
        format!("{}-{}", self.project, self.environment)
    }

    /// The name of a part.
    pub fn of(&self, resource: Resource) -> String {
        let base = self.base();
        match resource {
            Resource::Cluster => format!("{base}-cluster"),
            Resource::TaskDefinition => base,
            Resource::TargetGroup(side) => format!("{base}-{}-tg", side.word()),
            // A listener has no name of its own.
            Resource::LoadBalancer | Resource::Listener => format!("{base}-alb"),
            Resource::Service(side) | Resource::ScalableTarget(side) => {
                format!("{base}-{}", side.word())
            }
            Resource::ScalingPolicy(side, Measure::Cpu) => format!("{base}-{}-cpu", side.word()),
            Resource::ScalingPolicy(side, Measure::Memory) => {
                format!("{base}-{}-memory", side.word())
            }
            Resource::Alarm(side, Trouble::Errors) => format!("{base}-{}-errors", side.word()),
            Resource::Alarm(side, Trouble::Latency) => format!("{base}-{}-latency", side.word()),
            Resource::Alarm(side, Trouble::UnhealthyHosts) => {
                format!("{base}-{}-unhealthy-hosts", side.word())
            }
        }
    }

    /// What it is and what it is called, for a person.
    pub fn described(&self, resource: Resource) -> String {
        let name = self.of(resource);
        match resource {
            Resource::Listener => format!("listener of {name}"),
            Resource::ScalableTarget(_) => format!("scalable target of {name}"),
            _ => format!("{} {name}", resource.kind()),
        }
    }

    /// The group that the tasks log to.
    pub fn log_group(&self) -> String {
        format!("/ecs/{}", self.base())
    }

    /// What Application Auto Scaling calls the service of a side.
    pub(super) fn scaled(&self, side: Side) -> String {
        format!("service/{}/{}", self.of(Resource::Cluster), self.of(Resource::Service(side)))
    }

    /// The tags of everything that belongs to this stack.
    pub fn tags(&self) -> [(&'static str, &str); 3] {
        [
            ("Project", &self.project),
            ("Environment", &self.environment),
            ("ManagedBy", "petswipe-stack"),
        ]
    }

    /// Why what carries these tags does not belong to this stack, if it does not.
    pub(super) fn foreign<'a>(
        &self,
        tags: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
    ) -> Option<String> {
        let carried: Vec<_> = tags.into_iter().collect();
        self.tags().into_iter().find_map(|(key, wanted)| {
            let found = carried.iter().find(|(name, _)| *name == Some(key));
            match found.and_then(|(_, value)| *value) {
                Some(value) if value == wanted => None,
                Some(value) => Some(format!("its tag {key} is {value}, not {wanted}")),
                None => Some(format!("it has no tag {key}={wanted}")),
            }
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_those_that_the_rollouts_look_for() {
        let names = Names::new("petswipe", "production").unwrap();
        let all: Vec<_> = Resource::all().into_iter().map(|part| names.of(part)).collect();
        for wanted in ["cluster", "blue-tg", "green-tg", "alb", "blue", "green", "green-latency"] {
            assert!(all.contains(&format!("petswipe-production-{wanted}")), "{wanted}: {all:?}");
        }
        assert_eq!(all[1], "petswipe-production");
        assert_eq!(
            names.scaled(Side::Green),
            "service/petswipe-production-cluster/petswipe-production-green"
        );
    }

    #[test]
    fn a_name_that_aws_would_refuse_is_refused_here() {
        let long = "a-very-long-name-indeed";
        for (project, environment) in [
            ("", "x"),
            ("shop_1", "x"),
            ("shop", "-x"),
            ("shop-", "x"),
            ("internal-shop", "x"),
            (long, "x"),
        ] {
            assert_eq!(Names::new(project, environment).unwrap_err().code, crate::BAD_USAGE);
        }
        assert!(Names::new("a-very-long-name-indee", "").is_err());
        assert!(Names::new("a-very-long-name", "indeed").is_ok());
    }

    #[test]
    fn only_all_three_tags_make_a_resource_ours() {
        let names = Names::new("shop", "staging").unwrap();
        let tags = |tags: &[(&str, &str)]| {
            let held: Vec<_> = tags.iter().map(|(key, value)| (Some(*key), Some(*value))).collect();
            names.foreign(held)
        };
        assert_eq!(tags(&names.tags()), None);
        assert_eq!(
            tags(&[("Project", "shop"), ("Environment", "production")]).unwrap(),
            "its tag Environment is production, not staging"
        );
        assert_eq!(
            tags(&[("Project", "shop"), ("Environment", "staging")]).unwrap(),
            "it has no tag ManagedBy=petswipe-stack"
        );
    }
}
