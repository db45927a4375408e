//! Commands for the embedded cloud: its control API, and this repository's own examples.

use super::{Command, Commands, NextStep, psql, quoted};

/// Commands for a local cloud, which `PETSWIPE_CLOUD` names; they never hold its token.
#[derive(Clone, Debug)]
pub struct LocalCommands {
    project: String,
    environment: String,
}

impl LocalCommands {
    /// Those of a cloud with that project and environment.
    pub fn new(project: impl Into<String>, environment: impl Into<String>) -> Self {
        Self { project: project.into(), environment: environment.into() }
    }

    /// The same flags as for every example, where they are not the defaults.
    fn flags(&self) -> String {
        let mut flags = String::new();
        if self.project != "petswipe" {
            flags.push_str(&format!(" --project {}", quoted(&self.project)));
        }
        if self.environment != "production" {
            flags.push_str(&format!(" --environment {}", quoted(&self.environment)));
        }
        flags
    }

    fn side<'a>(&self, environment: &'a str) -> &'a str {
        environment.rsplit('-').next().unwrap_or(environment)
    }

    fn scale(&self, environment: &str, to: u32) -> Command {
        let (side, flags) = (quoted(self.side(environment)), self.flags());
        Command::changes(format!(
            "cargo run --example scale -- service --side {side} --desired {to}{flags}"
        ))
    }
}

/// A call of the control API. The token comes out of the variable, so it is in no history.
fn ask(path: &str) -> Command {
    let path = quoted(path);
    Command::reads(format!(
        "c=${{PETSWIPE_CLOUD#http://}}; curl -s -H \"Authorization: Bearer ${{c%@*}}\" \"http://${{c#*@}}\"{path}"
    ))
}

fn of(environment: &str, rest: &str) -> Command {
    ask(&format!("/v1/services/{environment}{rest}"))
}

impl Commands for LocalCommands {
    fn command(&self, step: &NextStep) -> Command {
        match step {
            NextStep::ShowLogs { environment, .. } => of(environment, "/logs"),
            // It has no traces and no security groups; what it has comes next to them.
            NextStep::ShowTraces { environment, .. } => of(environment, "/logs"),
            NextStep::ShowTargets(environment) | NextStep::ShowSecurityGroups(environment) => {
                of(environment, "/targets")
            }
            NextStep::ShowService(environment) => of(environment, "/events"),
            NextStep::ShowTask { environment, .. } => of(environment, "/stopped"),
            NextStep::ShowRevision { revision, .. } => ask(&format!("/v1/revisions/{revision}")),
            NextStep::SwitchBack { .. } | NextStep::DeployBefore { .. } => {
                Command::changes(format!("cargo run --example canary -- --undo{}", self.flags()))
            }
            NextStep::ShowScaling(environment) => of(environment, "/scaling"),
            NextStep::ResumeScaling(environment) => of(environment, "/scaling"),
            NextStep::RaiseMaximum { environment, to } | NextStep::AddTasks { environment, to } => {
                self.scale(environment, *to)
            }
            NextStep::ShowDatabaseLoad { .. } => {
                psql("select * from pg_stat_database", super::Effect::Reads)
            }
            NextStep::Query { sql, effect } => psql(sql, *effect),
        }
    }
}
