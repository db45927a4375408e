//! The example `watch`: its flags, and the order in which it looks and acts. What it defines is in `definitions.rs`.
//!
//! Every place is looked at before anything is changed in one of them: what is not ours in one stops all.

use std::path::PathBuf;

use clap::Parser;
use petswipe_monitor::apply::{Change, DefinitionStore, Directory, Plan, Report, apply, look};
use petswipe_monitor::{Owner, explain};
use serde::Serialize;
use serde_json::{Value, json};

use crate::aws_flags::tag;
use crate::cli::{Backend, truth};
use crate::{DONE, Exit, HALF_WAY, print, say};

#[cfg(feature = "aws")]
mod cloud;
mod definitions;

use definitions::{Definitions, LeftOut};

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 done as asked (also when nothing had to be done), 2 bad usage or something in the \
                          way and nothing was touched, 3 stopped half-way (the message says what was done; the same \
                          command again goes on)";

/// Bring alarms and dashboards to what their definitions say
#[derive(Parser, Clone, Debug)]
#[command(name = "watch", after_help = EXIT_CODES)]
pub struct Flags {
    /// Where alarms and dashboards of CloudWatch go: local has none; aws is the account of the ambient configuration
    #[arg(long, env = "BACKEND", value_enum, default_value_t = Backend::Local)]
    pub backend: Backend,
    /// The AWS region
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// The first part of names
    #[arg(long, env = "PROJECT", default_value = "petswipe")]
    pub project: String,
    /// The second part of names
    #[arg(long, env = "ENVIRONMENT", default_value = "production")]
    pub environment: String,
    /// The set of definitions, of 1 to 64 letters, digits and hyphens: what carries the tag DefinitionSet of another set is
    /// somebody else's. Names are the same in every set [default: default]
    #[arg(long, env = "DEFINITION_SET", value_name = "NAME")]
    pub set: Option<String>,
    /// The Application Load Balancer: its ARN, or the end of that, app/NAME/ID
    #[arg(long, env = "LOAD_BALANCER_ARN", value_name = "ARN")]
    pub load_balancer: Option<String>,
    /// A side and its target group, by ARN or the end of that: blue=targetgroup/NAME/ID
    #[arg(long = "target-group", env = "TARGET_GROUP_ARNS", value_name = "SIDE=ARN", value_delimiter = ',',
        value_parser = tag)]
    pub target_groups: Vec<(String, String)>,
    /// The ECS cluster in which PROJECT-ENVIRONMENT-SIDE are services [default: PROJECT-ENVIRONMENT-cluster]
    #[arg(long, env = "ECS_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
    /// The identifier of the RDS instance
    #[arg(long, env = "DATABASE", value_name = "ID")]
    pub database: Option<String>,
    /// An SNS topic that is told of every alarm; at most five
    #[arg(long = "topic", env = "TOPICS", value_name = "ARN", value_delimiter = ',')]
    pub topics: Vec<String>,
    /// The number of the account: with it the overview shows the states of the alarms
    #[arg(long, env = "AWS_ACCOUNT_ID", value_name = "NUMBER")]
    pub account: Option<String>,
    /// A metric of one's own for Grafana, such as `Cache hits=sum(rate(cache_hits_total[5m]))`
    #[arg(long = "custom", value_name = "TITLE=EXPRESSION", value_parser = tag)]
    pub custom: Vec<(String, String)>,
    /// The directory from which Grafana provisions its dashboards
    #[arg(long, env = "GRAFANA_DASHBOARDS", value_name = "DIR")]
    pub grafana: Option<PathBuf>,
    /// Write everything as JSON into this directory, and call nothing
    #[arg(long, env = "OUT", value_name = "DIR", conflicts_with_all = ["grafana", "destroy"])]
    pub out: Option<PathBuf>,
    /// Print the difference and change nothing
    #[arg(long, alias = "plan", env = "DRY_RUN", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", value_parser = truth)]
    pub dry_run: bool,
    /// Delete everything that carries our tags, and nothing else. Dashboards of CloudWatch are those of --region
    #[arg(long)]
    pub destroy: bool,
    /// Print the IAM policy document of whoever runs this on AWS, and call nothing
    #[arg(long)]
    pub iam_policy: bool,
    /// Print the result as one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// A place, whose it is what is there, and what shall be there.
type Place = (Box<dyn DefinitionStore>, Owner, Vec<petswipe_monitor::apply::Definition>);

/// Does it.
///
/// # Errors
/// The exit code and the message.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    let definitions = Definitions::new(flags)?;
    if flags.iam_policy {
        print(&policy(flags, &definitions)?);
        return Ok(DONE);
    }
    if let Some(directory) = &flags.out {
        let names = definitions.write(directory, flags)?;
        let left_out = definitions.left_out(true)?;
        if flags.json {
            let written = json!({
                "operation": "watch", "outcome": "written", "files": names, "left_out": left_out,
            });
            print(&written.to_string());
        } else {
            names.iter().for_each(|name| print(name));
            tell(flags, &left_out);
        }
        return Ok(DONE);
    }
    let mut places: Vec<Place> = Vec::new();
    if flags.backend == Backend::Aws {
        places.extend(clouds(flags, &definitions).await?);
    }
    if let Some(directory) = &flags.grafana {
        let wanted = if flags.destroy { Vec::new() } else { definitions.grafana(flags)? };
        let owner = definitions.owner().clone();
        places.push((Box::new(Directory::new(directory)), owner, wanted));
    }
    if places.is_empty() {
        let allowed = "--grafana DIR, --out DIR, or --backend aws";
        return Err(Exit::usage(format!(
            "there is no place for alarms and dashboards; allowed: {allowed}"
        )));
    }
    let left_out = match flags.destroy {
        true => Vec::new(),
        false => definitions.left_out(flags.backend == Backend::Aws)?,
    };
    if !flags.json {
        tell(flags, &left_out);
    }
    let mut plans = Vec::new();
    for (store, owner, wanted) in &places {
        let plan = look(store.as_ref(), owner, wanted).await;
        plans.push(plan.map_err(|error| Exit::usage(explain(&error)))?);
    }
    if flags.dry_run {
        if flags.json {
            print(&document("planned", &plans, &[], &left_out, None).to_string());
        } else {
            let text: String = plans.iter().map(ToString::to_string).collect();
            print(if text.is_empty() { "nothing to do" } else { text.trim_end() });
        }
        return Ok(DONE);
    }
    perform(flags, &places, &plans, &left_out).await
}

/// Says which alarms are not made, and why.
fn tell(flags: &Flags, left_out: &[LeftOut]) {
    if !flags.quiet {
        left_out.iter().for_each(|left_out| say(&left_out.to_string()));
    }
}

async fn perform(
    flags: &Flags,
    places: &[Place],
    plans: &[Plan],
    left_out: &[LeftOut],
) -> Result<u8, Exit> {
    let mut reports = Vec::new();
    for ((store, ..), plan) in places.iter().zip(plans) {
        let kind = plan.kind.clone();
        let done = apply(store.as_ref(), plan, &mut |step| {
            let word = match step.change {
                Change::Create => "created",
                Change::Update(_) => "changed",
                Change::Delete => "deleted",
                Change::Leave => return,
            };
            if !flags.quiet {
                say(&format!("{word} {kind} {}", step.definition.name));
            }
        })
        .await;
        match done {
            Ok(report) => reports.push((plan.kind.clone(), report)),
            Err(stopped) => {
                let message = explain(&stopped);
                reports.push((plan.kind.clone(), stopped.report));
                if flags.json {
                    print(
                        &document("half-way", plans, &reports, left_out, Some(&message))
                            .to_string(),
                    );
                }
                return Err(Exit { code: HALF_WAY, message });
            }
        }
    }
    if flags.json {
        print(&document("done", plans, &reports, left_out, None).to_string());
    } else {
        for (kind, report) in &reports {
            print(&format!(
                "{kind}: {} created, {} changed, {} deleted, {} left alone",
                report.created.len(),
                report.changed.len(),
                report.deleted.len(),
                report.left_alone.len()
            ));
        }
    }
    Ok(DONE)
}

/// One change of the plan, without the bodies.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'a str,
    name: &'a str,
    change: &'a Change,
}

fn document(
    outcome: &str,
    plans: &[Plan],
    reports: &[(String, Report)],
    left_out: &[LeftOut],
    reason: Option<&str>,
) -> Value {
    let lines = plans.iter().flat_map(|plan| {
        plan.to_do().map(|step| Line {
            kind: &plan.kind,
            name: &step.definition.name,
            change: &step.change,
        })
    });
    let lines: Vec<_> = lines.collect();
    let done: serde_json::Map<_, _> =
        reports.iter().map(|(kind, report)| (kind.clone(), json!(report))).collect();
    json!({
        "operation": "watch", "outcome": outcome, "reason": reason, "plan": lines, "done": done,
        "left_out": left_out,
    })
}

#[cfg(feature = "aws")]
async fn clouds(flags: &Flags, definitions: &Definitions) -> Result<Vec<Place>, Exit> {
    cloud::places(flags, definitions).await
}

#[cfg(not(feature = "aws"))]
async fn clouds(_: &Flags, _: &Definitions) -> Result<Vec<Place>, Exit> {
    Err(not_built_in("--backend aws"))
}

#[cfg(feature = "aws")]
fn policy(flags: &Flags, definitions: &Definitions) -> Result<String, Exit> {
    cloud::policy(flags, definitions)
}

#[cfg(not(feature = "aws"))]
fn policy(_: &Flags, _: &Definitions) -> Result<String, Exit> {
    Err(not_built_in("--iam-policy"))
}

#[cfg(not(feature = "aws"))]
fn not_built_in(flag: &str) -> Exit {
    Exit::usage(format!("{flag} is not built in; allowed: it, with cargo's --features aws"))
}

#[cfg(test)]
mod tests;
