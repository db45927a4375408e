//! The example `native`: its flags, and the plan that they make.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use petswipe_deploy::native::{Holding, NativePlan, NativeStrategy, PerMille};
use petswipe_deploy::{Environment, Target};
use petswipe_monitor::{AbsolutePolicy, LatencyLimit, LatencyRegression, Policy};

use crate::Exit;
use crate::aws_flags::tag;
use crate::cli::{
    ENVIRONMENT, EXIT_CODES, LeasePlace, PROJECT, milliseconds, percent, seconds, some_seconds,
    truth,
};
use crate::leases::LEASES;
use crate::telemetry::TelemetryFlags;

mod account;
mod drive;
mod going_on;
mod preview;
mod progress;
mod run;

pub use account::Parts;
pub use run::{operate, run};

/// What moves unless it is said, in percent.
const PERCENT: f64 = 10.0;
/// How long it is held unless it is said, in minutes.
const STEP_BAKE: u32 = 10;
/// The SDK tries a call several times within that.
const CALL: Duration = Duration::from_secs(120);

/// Deploy a new version by Amazon ECS's own canary, linear or blue/green deployment, each step judged
#[derive(Parser, Clone, Debug)]
#[command(name = "native", after_help = EXIT_CODES)]
pub struct Flags {
    /// The image to deploy, or only its tag
    #[arg(long, env = "IMAGE_TAG")]
    pub image: Option<String>,
    /// How Amazon ECS moves the traffic
    #[arg(long, env = "STRATEGY", default_value = "canary")]
    pub strategy: Strategy,
    /// The part of the traffic that a canary gets, or that each step of a linear deployment moves, in percent [default: 10]
    #[arg(long, env = "STEP_PERCENT", value_name = "PERCENT", value_parser = percent)]
    pub step_percent: Option<f64>,
    /// How long ECS holds each part below 100 %, in minutes [default: 10]
    #[arg(long, env = "STEP_BAKE_MINUTES", value_name = "MINUTES")]
    pub step_bake_minutes: Option<u32>,
    /// How long both versions run after the last shift, in minutes
    #[arg(long, env = "BAKE_MINUTES", value_name = "MINUTES", default_value_t = 10)]
    pub bake_minutes: u32,
    /// What keeps ECS from going on without a verdict
    #[arg(long, env = "HOLD", default_value = "pauses")]
    pub hold: Hold,
    /// How long ECS waits for an answer at a pause before it goes back by itself, in minutes [default: 30]
    #[arg(long, env = "PAUSE_MINUTES", value_name = "MINUTES")]
    pub pause_minutes: Option<u32>,
    /// The most failed requests, in percent
    #[arg(long, env = "ERROR_THRESHOLD", default_value = "5", value_parser = percent)]
    pub error_threshold: f64,
    /// The most that 99 % of the requests may take, in milliseconds
    #[arg(long, env = "LATENCY_THRESHOLD", default_value = "1000", value_parser = milliseconds)]
    pub latency_threshold: u64,
    /// With fewer requests than this there is no verdict
    #[arg(long, env = "MIN_REQUESTS", default_value = "20", value_parser = clap::value_parser!(u64).range(1..))]
    pub min_requests: u64,
    /// Seconds between two looks at the deployment and the new version
    #[arg(long, env = "CHECK_INTERVAL", value_name = "SECONDS", default_value = "30", value_parser = some_seconds)]
    pub check_interval: Duration,
    /// Seconds without a conclusive verdict after which it goes back
    #[arg(long, env = "PATIENCE", value_name = "SECONDS", default_value = "600", value_parser = some_seconds)]
    pub patience: Duration,
    /// Print the full plan and change nothing
    #[arg(long, alias = "plan", env = "DRY_RUN", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", value_parser = truth)]
    pub dry_run: bool,
    /// Begin without asking at the terminal
    #[arg(long, short)]
    pub yes: bool,
    /// Where the operation is journaled
    #[arg(long, env = "JOURNAL", default_value = ".petswipe/native.jsonl")]
    pub journal: PathBuf,
    /// Continue the operation in the journal from where it stopped
    #[arg(long, conflicts_with = "undo")]
    pub resume: bool,
    /// Deploy the revision that served before the operation in the journal, all at once, judged as that one was
    #[arg(long)]
    pub undo: bool,
    /// Write the final report; the ending chooses the format: .json, .html or .md
    #[arg(long, env = "REPORT", value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print the final report as one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Print the IAM policy document of whoever runs this, and call nothing
    #[arg(long)]
    pub iam_policy: bool,
    /// Where to tell what it does
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
    /// Where what is deployed is found
    #[command(flatten)]
    pub place: Place,
}

/// Where a service is, and what it must be called.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Where")]
pub struct Place {
    /// The AWS region
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// The first part of resource names
    #[arg(long, env = "PROJECT", default_value = PROJECT)]
    pub project: String,
    /// The second part of resource names
    #[arg(long, env = "ENVIRONMENT", default_value = ENVIRONMENT)]
    pub environment: String,
    /// The ECS cluster [default: PROJECT-ENVIRONMENT-cluster]
    #[arg(long, env = "ECS_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
    /// Where the lease is by which only one operation at a time is let at the service: s3://BUCKET/PREFIX, or a directory,
    /// which keeps apart the operations of one machine only
    #[arg(long, env = "LEASES", value_name = "PLACE", default_value = LEASES)]
    pub leases: LeasePlace,
    /// The ECS service [default: PROJECT-ENVIRONMENT]
    #[arg(long, env = "ECS_SERVICE", value_name = "NAME")]
    pub service: Option<String>,
    /// The two target groups by which it serves in turn [default: PROJECT-ENVIRONMENT-blue-tg,PROJECT-ENVIRONMENT-green-tg]
    #[arg(
        long = "target-group",
        env = "TARGET_GROUPS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub target_groups: Vec<String>,
    /// The Application Load Balancer of both [default: PROJECT-ENVIRONMENT-alb]
    #[arg(long, env = "LOAD_BALANCER", value_name = "NAME")]
    pub load_balancer: Option<String>,
    /// The port of its listener
    #[arg(long, env = "LISTENER_PORT", default_value_t = 443)]
    pub port: u16,
    /// The container whose image is replaced; needed where a task definition has several
    #[arg(long, env = "CONTAINER", value_name = "NAME")]
    pub container: Option<String>,
    /// Tags that everything must carry [default: Project=PROJECT,Environment=ENVIRONMENT]
    #[arg(long = "tag", env = "TAGS", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = tag)]
    pub tag: Vec<(String, String)>,
    /// CloudWatch alarms on which ECS goes back by itself; without any the service keeps its own
    #[arg(long = "alarm", env = "DEPLOYMENT_ALARMS", value_name = "NAME", value_delimiter = ',')]
    pub alarms: Vec<String>,
    /// Take an image without a tag, or with one that moves by custom, such as latest
    #[arg(long, env = "ALLOW_MOVING_TAGS")]
    pub moving_tags: bool,
    /// Deploy the digest that the tag stands for now (Amazon ECR only)
    #[arg(long, env = "PIN_DIGEST")]
    pub pin_digest: bool,
    /// Seconds after its end from which on a minute of CloudWatch's metrics counts as published
    #[arg(long, env = "METRIC_LAG", default_value = "120", value_name = "SECONDS", value_parser = seconds)]
    pub metric_lag: Duration,
}

/// How Amazon ECS moves the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// A part, and then the rest.
    Canary,
    /// In equal steps.
    Linear,
    /// All at once.
    BlueGreen,
}

/// What keeps Amazon ECS from going on without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Hold {
    /// It waits before every shift and after the last one, and goes back by itself without an answer.
    Pauses,
    /// It waits for nobody, and this program stops it in time; while nobody runs this, it goes on.
    Watch,
}

impl Place {
    /// `{project}-{environment}`: what the lease is of.
    fn base(&self) -> String {
        format!("{}-{}", self.project, self.environment)
    }

    fn cluster(&self) -> String {
        self.cluster.clone().unwrap_or_else(|| format!("{}-cluster", self.base()))
    }

    /// The ECS service as an environment.
    fn service(&self) -> Result<Environment, Exit> {
        let name = self.service.clone().unwrap_or_else(|| self.base());
        Ok(Environment::new(name)?)
    }

    /// Both target groups as sides.
    fn sides(&self) -> Result<[Environment; 2], Exit> {
        let (one, other) = match self.target_groups.as_slice() {
            [] => (format!("{}-blue-tg", self.base()), format!("{}-green-tg", self.base())),
            [one, other] if one != other => (one.clone(), other.clone()),
            named => {
                return Err(Exit::usage(format!(
                    "--target-group is {}; allowed: two different ones",
                    named.join(",")
                )));
            }
        };
        Ok([Environment::new(one)?, Environment::new(other)?])
    }
}

impl Flags {
    /// The plan to deploy that.
    ///
    /// # Errors
    /// What the flags say that can't be.
    fn plan(&self, target: Target) -> Result<NativePlan, Exit> {
        let place = &self.place;
        let (service, sides) = (place.service()?, place.sides()?);
        let mut plan = NativePlan::new(&place.base(), service, sides, target, self.strategy()?);
        plan.bake_minutes = self.bake_minutes;
        plan.alarms.clone_from(&place.alarms);
        plan.holding = match (self.hold, self.pause_minutes) {
            (Hold::Pauses, minutes) => Holding::Pauses { timeout_minutes: minutes.unwrap_or(30) },
            (Hold::Watch, None) => Holding::Watching,
            (Hold::Watch, Some(minutes)) => {
                return Err(Exit::usage(format!(
                    "--pause-minutes is {minutes}, and --hold is watch, which has no pauses; give only one of them"
                )));
            }
        };
        plan.check_interval = self.check_interval;
        plan.patience = self.patience;
        plan.call_timeout = CALL;
        plan.margin = self.check_interval + CALL;
        plan.policies = self.policies();
        plan.validate()?;
        Ok(plan)
    }

    fn strategy(&self) -> Result<NativeStrategy, Exit> {
        let share = PerMille::of_percent(self.step_percent.unwrap_or(PERCENT));
        let minutes = self.step_bake_minutes.unwrap_or(STEP_BAKE);
        let steps = [
            ("--step-percent", self.step_percent.is_some()),
            ("--step-bake-minutes", self.step_bake_minutes.is_some()),
        ];
        match (self.strategy, steps.into_iter().find(|(_, given)| *given)) {
            (Strategy::Canary, _) => {
                Ok(NativeStrategy::Canary { share, canary_bake_minutes: minutes })
            }
            (Strategy::Linear, _) => {
                Ok(NativeStrategy::Linear { step: share, step_bake_minutes: minutes })
            }
            (Strategy::BlueGreen, None) => Ok(NativeStrategy::BlueGreen),
            (Strategy::BlueGreen, Some((flag, _))) => Err(Exit::usage(format!(
                "{flag} is given, and --strategy is blue-green, which moves everything at once; give only one of them"
            ))),
        }
    }

    /// As the other examples judge on an account.
    fn policies(&self) -> Vec<Policy> {
        // CloudWatch answers in whole minutes that are published late.
        let lookback = Duration::from_secs(120) + self.place.metric_lag;
        let limit = Duration::from_millis(self.latency_threshold);
        vec![
            Policy::Absolute(AbsolutePolicy {
                error_rate: self.error_threshold / 100.0,
                latency: vec![LatencyLimit { quantile: 0.99, limit }],
                minimum_requests: self.min_requests,
                lookback,
                ..AbsolutePolicy::default()
            }),
            Policy::LatencyRegression(LatencyRegression {
                lookback,
                ..LatencyRegression::default()
            }),
        ]
    }
}
