//! What to type next: commands with the real names in them, quoted, and labelled if they change anything.

mod local;
mod managed;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Window;

pub use local::LocalCommands;
pub use managed::{AwsCommands, AwsEnvironment};

/// What running a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It changes the system: traffic, tasks, limits.
    Changes,
    /// It ends work of somebody: a query, a session with its transaction.
    EndsWork,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reads => "only reads",
            Self::Changes => "CHANGES the system",
            Self::EndsWork => "ENDS somebody's work",
        })
    }
}

/// A command to copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// One line for a shell.
    pub line: String,
    /// What it does.
    pub effect: Effect,
}

impl Command {
    /// One that only reads.
    pub fn reads(line: impl Into<String>) -> Self {
        Self { line: line.into(), effect: Effect::Reads }
    }

    /// One that changes the system.
    pub fn changes(line: impl Into<String>) -> Self {
        Self { line: line.into(), effect: Effect::Changes }
    }
}

/// What is to be done next, before it is known how that is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// Read the logs of an environment, or of one task of it.
    ShowLogs {
        /// Whose.
        environment: String,
        /// A task, or a stream.
        stream: Option<String>,
    },
    /// Look at its targets.
    ShowTargets(String),
    /// Look at its service and what happens to it.
    ShowService(String),
    /// Look at a task that stopped.
    ShowTask {
        /// Whose.
        environment: String,
        /// Its name.
        task: String,
    },
    /// Look at the definition of a revision: image, memory, secrets, health check.
    ShowRevision {
        /// Whose.
        environment: String,
        /// Its name.
        revision: String,
    },
    /// Send all traffic to another environment, where the version is that worked.
    SwitchBack {
        /// The one that gets no more traffic.
        from: String,
        /// The one that gets all.
        to: String,
    },
    /// Deploy the revision before once more.
    DeployBefore {
        /// Whose.
        environment: String,
        /// The revision that worked, where it is known.
        revision: Option<String>,
    },
    /// Look at auto scaling.
    ShowScaling(String),
    /// Allow more tasks.
    RaiseMaximum {
        /// Whose.
        environment: String,
        /// The new limit.
        to: u32,
    },
    /// Let auto scaling work again.
    ResumeScaling(String),
    /// Have more tasks now.
    AddTasks {
        /// Whose.
        environment: String,
        /// How many in all.
        to: u32,
    },
    /// Look at what slow requests waited for.
    ShowTraces {
        /// Whose.
        environment: String,
        /// When they began.
        window: Window,
        /// Those that took longer.
        above: Duration,
    },
    /// Look at what its tasks may be reached by.
    ShowSecurityGroups(String),
    /// Look at a metric of the database instance.
    ShowDatabaseLoad {
        /// The instance.
        instance: String,
        /// The metric, by its name in the namespace `AWS/RDS`.
        metric: String,
        /// When.
        window: Window,
    },
    /// Ask the database.
    Query {
        /// What.
        sql: String,
        /// What that does.
        effect: Effect,
    },
}

/// Knows how a step is typed.
pub trait Commands: Send + Sync {
    /// The command of a step.
    fn command(&self, step: &NextStep) -> Command;
}

/// A word for a POSIX shell: as it is if it is plain, else in single quotes.
///
/// ```
/// use petswipe_monitor::diagnosis::quoted;
/// assert_eq!(quoted("petswipe-blue"), "petswipe-blue");
/// assert_eq!(quoted("it's; rm -rf /"), r"'it'\''s; rm -rf /'");
/// assert_eq!(quoted(""), "''");
/// ```
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How the database is asked, wherever it is.
fn psql(sql: &str, effect: Effect) -> Command {
    Command { line: format!("psql \"$DATABASE_URL\" -c {}", quoted(sql)), effect }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        Window::new(at(1_700_000_000), at(1_700_001_800)).unwrap()
    }

    fn steps() -> Vec<NextStep> {
        let name = || "shop-blue; echo $HOME".to_owned();
        vec![
            NextStep::ShowLogs { environment: name(), stream: None },
            NextStep::ShowLogs { environment: name(), stream: Some(name()) },
            NextStep::ShowTargets(name()),
            NextStep::ShowService(name()),
            NextStep::ShowTask { environment: name(), task: name() },
            NextStep::ShowRevision { environment: name(), revision: name() },
            NextStep::SwitchBack { from: name(), to: name() },
            NextStep::DeployBefore { environment: name(), revision: Some(name()) },
            NextStep::DeployBefore { environment: name(), revision: None },
            NextStep::ShowScaling(name()),
            NextStep::RaiseMaximum { environment: name(), to: 30 },
            NextStep::ResumeScaling(name()),
            NextStep::AddTasks { environment: name(), to: 8 },
            NextStep::ShowTraces {
                environment: name(),
                window: window(),
                above: Duration::from_millis(500),
            },
            NextStep::ShowSecurityGroups(name()),
            NextStep::ShowDatabaseLoad {
                instance: name(),
                metric: "FreeStorageSpace".to_owned(),
                window: window(),
            },
            NextStep::Query { sql: "select 'x'".to_owned(), effect: Effect::Reads },
        ]
    }

    /// Takes a line apart as a shell does, and fails where a name would be run or expanded.
    fn is_safe(line: &str) -> bool {
        let mut in_quotes = false;
        let mut bare = String::new();
        for c in line.chars() {
            match c {
                '\'' => in_quotes = !in_quotes,
                c if !in_quotes => bare.push(c),
                _ => {}
            }
        }
        !in_quotes && !bare.contains("echo $HOME")
    }

    #[test]
    fn no_name_is_ever_run_by_the_shell() {
        let local = LocalCommands::new("petswipe", "production");
        let aws = AwsCommands { region: "eu-central-1".to_owned(), ..AwsCommands::default() };
        for step in steps() {
            for commands in [&local as &dyn Commands, &aws] {
                let command = commands.command(&step);
                assert!(is_safe(&command.line), "{}", command.line);
                assert!(!command.line.contains('\n'));
            }
        }
    }

    #[test]
    fn the_commands_of_the_guide_are_written_as_the_cli_takes_them() {
        let environment =
            AwsEnvironment { service: "shop-blue".to_owned(), ..AwsEnvironment::default() };
        let aws = AwsCommands {
            region: "eu-west-1".to_owned(),
            cluster: "shop".to_owned(),
            environments: [("blue".to_owned(), environment)].into(),
            ..AwsCommands::default()
        };
        let blue = || "blue".to_owned();
        let (window, above) = (window(), Duration::from_millis(500));
        let load = NextStep::ShowDatabaseLoad {
            instance: "shop-db".to_owned(),
            metric: "FreeStorageSpace".to_owned(),
            window,
        };
        for (step, line) in [
            (
                NextStep::ShowTraces { environment: blue(), window, above },
                "aws xray get-trace-summaries --region eu-west-1 --start-time 2023-11-14T22:13:20Z --end-time \
                 2023-11-14T22:43:20Z --filter-expression 'responsetime > 0.5' --query \
                 'TraceSummaries[].[Id,ResponseTime,HasFault,Http.HttpURL]'",
            ),
            (
                NextStep::ShowSecurityGroups(blue()),
                "aws ec2 describe-security-groups --region eu-west-1 --query \
                 'SecurityGroups[].[GroupId,GroupName,IpPermissions]' --group-ids $(aws ecs describe-services --region \
                 eu-west-1 --cluster shop --services shop-blue --query \
                 'services[].networkConfiguration.awsvpcConfiguration.securityGroups[]' --output text)",
            ),
            (
                load,
                "aws cloudwatch get-metric-statistics --region eu-west-1 --namespace AWS/RDS --metric-name FreeStorageSpace \
                 --dimensions Name=DBInstanceIdentifier,Value=shop-db --start-time 2023-11-14T22:13:20Z --end-time \
                 2023-11-14T22:43:20Z --period 300 --statistics Minimum Average Maximum",
            ),
            // Without the ARNs of listener and target group nothing is changed by an empty name.
            (
                NextStep::SwitchBack { from: "green".to_owned(), to: blue() },
                "aws elbv2 describe-target-groups --region eu-west-1 --names blue-tg",
            ),
            (
                NextStep::ShowTargets(blue()),
                "aws elbv2 describe-target-groups --region eu-west-1 --names blue-tg",
            ),
            (
                NextStep::ResumeScaling(blue()),
                "aws application-autoscaling register-scalable-target --region eu-west-1 --service-namespace ecs \
                 --resource-id service/shop/shop-blue --scalable-dimension ecs:service:DesiredCount --suspended-state \
                 DynamicScalingOutSuspended=false",
            ),
        ] {
            assert_eq!(aws.command(&step).line, line);
        }
    }

    #[test]
    fn what_changes_something_is_labelled() {
        let verbs = ["modify-", "update-", "register-scalable", "scale -- service", "--undo"];
        let local = LocalCommands::new("petswipe", "production");
        for step in steps() {
            for commands in [&local as &dyn Commands, &AwsCommands::default()] {
                let command = commands.command(&step);
                let changes = verbs.iter().any(|verb| command.line.contains(verb));
                assert_eq!(command.effect == Effect::Changes, changes, "{command:?}");
            }
        }
    }
}
