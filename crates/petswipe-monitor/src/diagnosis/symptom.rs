//! What somebody complains about, and what may be behind it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What somebody sees: the first three are runbooks of the guide, the others its troubleshooting entries.
///
/// ```
/// use petswipe_monitor::diagnosis::Symptom;
/// assert_eq!("high-latency".parse::<Symptom>()?, Symptom::HighLatency);
/// assert!("slow".parse::<Symptom>().unwrap_err().to_string().contains("high-latency"));
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Symptom {
    /// Requests fail.
    HighErrorRate,
    /// The database does not answer as it should.
    Database,
    /// Everything got slower, and auto scaling does not help.
    Performance,
    /// A deployment does not end.
    DeploymentStuck,
    /// Answers take long.
    HighLatency,
    /// Targets or containers fail their health checks.
    FailedHealthChecks,
}

impl Symptom {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::HighErrorRate,
        Self::Database,
        Self::Performance,
        Self::DeploymentStuck,
        Self::HighLatency,
        Self::FailedHealthChecks,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HighErrorRate => "high-error-rate",
            Self::Database => "database",
            Self::Performance => "performance",
            Self::DeploymentStuck => "deployment-stuck",
            Self::HighLatency => "high-latency",
            Self::FailedHealthChecks => "failed-health-checks",
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Symptom {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|symptom| symptom.as_str() == text)
            .ok_or_else(|| Error::invalid("symptom", text, Self::ALL.map(Self::as_str).join(", ")))
    }
}

macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $cause:ident $name:literal [$($symptom:ident),+];)+) => {
        /// What is behind a symptom.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $cause,)+
        }

        impl Cause {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$cause),+];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$cause => $name,)+
                }
            }

            /// What it shows itself by.
            pub fn symptoms(self) -> &'static [Symptom] {
                match self {
                    $(Self::$cause => &[$(Symptom::$symptom),+],)+
                }
            }
        }
    };
}

causes! {
    /// The image of a task can't be pulled.
    ImageNotPulled "image-not-pulled" [DeploymentStuck, HighErrorRate, FailedHealthChecks];
    /// A task can't get what it needs before it starts: secrets, log groups, network.
    TaskNotInitialized "task-not-initialized" [DeploymentStuck, HighErrorRate, FailedHealthChecks];
    /// A task needs more memory than it may have.
    OutOfMemory "out-of-memory" [DeploymentStuck, HighErrorRate, Performance, FailedHealthChecks];
    /// Tasks end before they were in service.
    CrashAtStart "crash-at-start" [DeploymentStuck, HighErrorRate, FailedHealthChecks];
    /// Tasks end after they were in service.
    CrashWhileRunning "crash-while-running" [HighErrorRate, DeploymentStuck, FailedHealthChecks];
    /// A container fails the health check of its own.
    ContainerHealthCheck "container-health-check" [FailedHealthChecks, DeploymentStuck, HighErrorRate];
    /// Targets answer their health checks wrongly.
    TargetHealthCheck "target-health-check" [FailedHealthChecks, DeploymentStuck, HighErrorRate];
    /// Targets don't answer their health checks at all.
    TargetUnreachable "target-unreachable" [FailedHealthChecks, DeploymentStuck, HighErrorRate, HighLatency];
    /// There is no room for tasks.
    NoCapacity "no-capacity" [DeploymentStuck, Performance];
    /// A deployment was given up.
    DeploymentFailed "deployment-failed" [DeploymentStuck, HighErrorRate];
    /// A deployment does not end, and nothing says why.
    DeploymentStuck "deployment-stuck" [DeploymentStuck];
    /// The new version fails requests, and the one before does not.
    FailingVersion "failing-version" [HighErrorRate];
    /// The application fails requests.
    ApplicationErrors "application-errors" [HighErrorRate];
    /// The load balancer fails requests, because no target answers properly.
    BalancerErrors "balancer-errors" [HighErrorRate, FailedHealthChecks];
    /// Logs have errors, whether or not requests fail.
    LogErrors "log-errors" [HighErrorRate];
    /// The new version is slow, and the one before is not.
    SlowVersion "slow-version" [HighLatency, Performance];
    /// It was slow at its start and is not any more.
    SlowStart "slow-start" [HighLatency, Performance, HighErrorRate];
    /// The CPU is the limit.
    CpuSaturated "cpu-saturated" [Performance, HighLatency];
    /// The memory is the limit.
    MemorySaturated "memory-saturated" [Performance, HighLatency];
    /// It waits for something else.
    SlowDependency "slow-dependency" [HighLatency, Performance, Database];
    /// Auto scaling would, and may not have more tasks.
    ScalingAtMaximum "scaling-at-maximum" [Performance, HighLatency];
    /// Auto scaling is suspended.
    ScalingSuspended "scaling-suspended" [Performance, HighLatency];
    /// Auto scaling tried, and failed.
    ScalingFailed "scaling-failed" [Performance, HighLatency];
    /// Sessions wait for a lock.
    DatabaseBlocked "database-blocked" [Database, HighLatency, Performance, HighErrorRate];
    /// A transaction is open, and its client does nothing.
    DatabaseIdleInTransaction "database-idle-in-transaction" [Database, HighLatency, Performance];
    /// There are no connections left.
    DatabaseConnections "database-connections" [Database, HighLatency, Performance, HighErrorRate];
    /// A query runs for long.
    DatabaseSlowQuery "database-slow-query" [Database, HighLatency, Performance];
    /// Queries read past the cache.
    DatabaseCache "database-cache" [Database, HighLatency, Performance];
    /// The CPU of the database is the limit.
    DatabaseCpu "database-cpu" [Database, HighLatency, Performance];
    /// The database is short of storage.
    DatabaseStorage "database-storage" [Database, HighErrorRate];
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_different_and_read_back() {
        for symptom in Symptom::ALL {
            assert_eq!(symptom.as_str().parse::<Symptom>().unwrap(), symptom);
            let json = format!("\"{symptom}\"");
            assert_eq!(serde_json::to_string(&symptom).unwrap(), json);
            assert!(Cause::ALL.iter().any(|cause| cause.symptoms().contains(&symptom)));
        }
        let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            assert_eq!(serde_json::to_string(cause).unwrap(), format!("\"{cause}\""));
        }
    }
}
