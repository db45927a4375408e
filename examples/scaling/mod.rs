//! The example `scale`: its flags, and what they ask for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use petswipe_deploy::scaling::{Change, Limits, ScalePlan, TrackingSettings};
use petswipe_deploy::{Environment, Error};
use petswipe_local::CloudUrl;

use crate::Exit;
use crate::cli::{
    Backend, CloudText, ENVIRONMENT, EXIT_CODES, LeasePlace, PROJECT, seconds, some_seconds, tasks,
    truth,
};
use crate::leases::LEASES;
use crate::telemetry::TelemetryFlags;

mod drive;
mod report;
mod run;
mod target;

#[cfg(feature = "aws")]
pub(crate) use target::Parts;

pub use run::run;

/// Scale a service, a database, or the settings of auto scaling
#[derive(Parser, Clone, Debug)]
#[command(name = "scale", after_help = EXIT_CODES)]
pub struct Flags {
    /// What is scaled; not needed to go on with what is in the journal.
    #[command(subcommand)]
    pub what: Option<What>,
    /// Everything else.
    #[command(flatten)]
    pub manners: Manners,
}

/// What is scaled.
#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// Set how many tasks of a service run
    Service(ServiceFlags),
    /// Give a database instance another class, which restarts it (--backend aws only)
    Database(DatabaseFlags),
    /// Set limits and target tracking of a service (--backend aws only)
    Tracking(TrackingFlags),
}

/// Flags of `scale service`.
#[derive(Args, Clone, Debug)]
pub struct ServiceFlags {
    /// How many tasks
    #[arg(long, env = "DESIRED", value_parser = clap::value_parser!(u32))]
    pub desired: Option<u32>,
    /// Which side: blue, green
    #[arg(long, env = "SIDE", default_value = "blue")]
    pub side: String,
    /// Let 0 tasks be meant, which stops the service
    #[arg(long)]
    pub allow_stop: bool,
}

/// Flags of `scale database`.
#[derive(Args, Clone, Debug)]
pub struct DatabaseFlags {
    /// The class, such as db.t4g.medium
    #[arg(long, env = "CLASS")]
    pub class: Option<String>,
    /// The instance [default: PROJECT-ENVIRONMENT-postgres]
    #[arg(long, env = "INSTANCE")]
    pub instance: Option<String>,
    /// Change it now, and not in the next maintenance window; nothing else is supported
    #[arg(long)]
    pub apply_immediately: bool,
    /// Allow the restart that comes with it
    #[arg(long)]
    pub allow_restart: bool,
}

/// Flags of `scale tracking`.
#[derive(Args, Clone, Debug)]
pub struct TrackingFlags {
    /// Which side: blue, green
    #[arg(long, env = "SIDE", default_value = "blue")]
    pub side: String,
    /// The fewest tasks
    #[arg(long, env = "MIN_CAPACITY", default_value_t = 2)]
    pub min: u32,
    /// The most tasks
    #[arg(long, env = "MAX_CAPACITY", default_value_t = 20)]
    pub max: u32,
    /// The CPU utilization that is kept, in percent
    #[arg(long, env = "CPU_TARGET", default_value_t = 70.0)]
    pub cpu: f64,
    /// The memory utilization that is kept, in percent
    #[arg(long, env = "MEMORY_TARGET", default_value_t = 80.0)]
    pub memory: f64,
    /// Seconds between two steps out
    #[arg(long, env = "SCALE_OUT_COOLDOWN", default_value = "60", value_parser = seconds)]
    pub scale_out_cooldown: Duration,
    /// Seconds between two steps in
    #[arg(long, env = "SCALE_IN_COOLDOWN", default_value = "300", value_parser = seconds)]
    pub scale_in_cooldown: Duration,
}

/// The manners that all examples share.
#[derive(Args, Clone, Debug)]
pub struct Manners {
    /// What to act upon: a small cloud on this machine, or an AWS account
    #[arg(long, env = "BACKEND", default_value = "local", global = true)]
    pub backend: Backend,
    /// The AWS region
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1", global = true)]
    pub region: String,
    /// The first part of resource names
    #[arg(long, env = "PROJECT", default_value = PROJECT, global = true)]
    pub project: String,
    /// The second part of resource names
    #[arg(long, env = "ENVIRONMENT", default_value = ENVIRONMENT, global = true)]
    pub environment: String,
    /// The ECS cluster [default: PROJECT-ENVIRONMENT-cluster] (aws only)
    #[arg(long, env = "ECS_CLUSTER", global = true)]
    pub cluster: Option<String>,
    /// Where the lease is by which only one operation at a time is let at something: s3://BUCKET/PREFIX, or a directory,
    /// which keeps apart the operations of one machine only (aws only)
    #[arg(long, env = "LEASES", value_name = "PLACE", default_value = LEASES, global = true)]
    pub leases: LeasePlace,
    /// Print the full plan and change nothing
    #[arg(long, alias = "plan", env = "DRY_RUN", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", value_parser = truth, global = true)]
    pub dry_run: bool,
    /// Where the operation is journaled
    #[arg(long, env = "JOURNAL", default_value = ".petswipe/scale.jsonl", global = true)]
    pub journal: PathBuf,
    /// Continue the operation in the journal from where it stopped
    #[arg(long, conflicts_with = "undo", global = true)]
    pub resume: bool,
    /// Put back what was there before the operation in the journal
    #[arg(long, global = true)]
    pub undo: bool,
    /// Write the final report; the ending chooses the format: .json, .html or .md
    #[arg(long, env = "REPORT", value_name = "FILE", global = true)]
    pub report: Option<PathBuf>,
    /// Print the final report as one JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print the IAM policy document of whoever does this on AWS, and call nothing
    #[arg(long, global = true)]
    pub iam_policy: bool,
    /// A running local cloud, as `local_cloud` prints it; without it the example starts its own
    #[arg(long, env = "PETSWIPE_CLOUD", hide_env_values = true, global = true)]
    pub cloud: Option<CloudText>,
    /// Tasks on the live side of the example's own cloud (local only)
    #[arg(long, env = "TASKS", default_value = "4", value_parser = tasks, global = true)]
    pub tasks: u32,
    /// Seconds within which it has to be true [default: 60 locally; on AWS 600, a database 3600, settings 120]
    #[arg(long, env = "DEADLINE", value_name = "SECONDS", value_parser = some_seconds, global = true)]
    pub deadline: Option<Duration>,
    /// Seconds between two looks [default: 0.25 locally; on AWS 5, a database 30]
    #[arg(long, env = "POLL_INTERVAL", value_name = "SECONDS", value_parser = some_seconds, global = true)]
    pub poll: Option<Duration>,
    /// Where to tell what it does
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
}

impl Manners {
    /// The service that is operated on: `{project}-{environment}`.
    fn service(&self) -> String {
        format!("{}-{}", self.project, self.environment)
    }

    /// The ECS cluster.
    #[cfg(feature = "aws")]
    pub(crate) fn cluster(&self) -> String {
        self.cluster.clone().unwrap_or_else(|| format!("{}-cluster", self.service()))
    }

    /// The environment of a side.
    pub(crate) fn side(&self, short: &str) -> Result<Environment, Error> {
        Environment::new(format!("{}-{short}", self.service()))
    }

    /// The cloud that was named, if one was.
    fn cloud(&self) -> Result<Option<CloudUrl>, Exit> {
        self.cloud.as_ref().map_or(Ok(None), CloudText::url)
    }

    /// Whether it acts upon a local cloud of its own.
    fn is_own(&self) -> Result<bool, Exit> {
        Ok(self.backend == Backend::Local && self.cloud()?.is_none())
    }
}

impl DatabaseFlags {
    /// The instance that is named, or else that of the project.
    pub(crate) fn instance(&self, manners: &Manners) -> String {
        let named = self.instance.clone();
        named.unwrap_or_else(|| format!("{}-postgres", manners.service()))
    }
}

impl What {
    /// `service`, `database` or `tracking`.
    fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Database(_) => "database",
            Self::Tracking(_) => "tracking",
        }
    }

    /// The plan that the flags ask for.
    fn plan(&self, manners: &Manners) -> Result<ScalePlan, Exit> {
        let missing = |flag: &str, allowed: &str| {
            Exit::usage(format!("{flag} is missing; allowed: {allowed}"))
        };
        let change = match self {
            Self::Service(flags) => {
                let desired =
                    flags.desired.ok_or_else(|| missing("--desired", "how many tasks"))?;
                let (environment, allow_stop) = (manners.side(&flags.side)?, flags.allow_stop);
                Change::Service { environment, desired, allow_stop }
            }
            Self::Database(flags) => {
                let class = flags.class.clone();
                let class = class.ok_or_else(|| missing("--class", "such as db.t4g.medium"))?;
                Change::Database {
                    instance: flags.instance(manners),
                    class,
                    apply_immediately: flags.apply_immediately,
                    allow_restart: flags.allow_restart,
                }
            }
            Self::Tracking(flags) => {
                let settings = TrackingSettings {
                    limits: Limits { minimum: flags.min, maximum: flags.max },
                    cpu_percent: flags.cpu,
                    memory_percent: flags.memory,
                    scale_out_cooldown: flags.scale_out_cooldown,
                    scale_in_cooldown: flags.scale_in_cooldown,
                };
                Change::tracking(manners.side(&flags.side)?, settings)
            }
        };
        let mut plan = ScalePlan::new(manners.service(), change);
        at_pace(&mut plan, manners);
        plan.validate()?;
        Ok(plan)
    }
}

/// On the local cloud everything takes seconds and not minutes.
fn at_pace(plan: &mut ScalePlan, manners: &Manners) {
    if manners.backend == Backend::Local {
        plan.deadline = Duration::from_secs(60);
        plan.poll = Duration::from_millis(250);
        plan.call_timeout = Duration::from_secs(10);
    }
    plan.deadline = manners.deadline.unwrap_or(plan.deadline);
    plan.poll = manners.poll.unwrap_or(plan.poll);
}
