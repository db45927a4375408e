//! The flags that all rollout examples share, each of which is also an environment variable.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use petswipe_deploy::{Error, Image};
use petswipe_local::{CloudUrl, Fault};

use crate::Exit;
pub use crate::aws_flags::AwsFlags;
pub use crate::budgets::SloFlags;
pub use crate::leases::LeasePlace;
pub use crate::metrics::MetricFlags;
pub use crate::telemetry::TelemetryFlags;

/// The first part of resource names, unless another one is given.
pub(crate) const PROJECT: &str = "petswipe";
/// The second part of resource names, unless another one is given.
pub(crate) const ENVIRONMENT: &str = "production";

/// What the exit codes of a rollout mean, for its help.
pub const EXIT_CODES: &str = "Exit codes: 0 done as asked, 1 ended safely but not as asked, 2 bad usage and nothing was \
                              touched, 3 stopped half-way (the message says how to go on), 4 another operation holds the \
                              service";

/// Flags of every rollout.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// What to act upon: a small cloud on this machine, or an AWS account
    #[arg(long, env = "BACKEND", default_value = "local")]
    pub backend: Backend,
    /// The AWS region
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// The first part of resource names
    #[arg(long, env = "PROJECT", default_value = PROJECT)]
    pub project: String,
    /// The second part of resource names
    #[arg(long, env = "ENVIRONMENT", default_value = ENVIRONMENT)]
    pub environment: String,
    /// The image to deploy, or only its tag. On the local cloud the version after the live one if not given
    #[arg(long, env = "IMAGE_TAG")]
    pub image: Option<String>,
    /// Print the full plan and change nothing
    #[arg(long, alias = "plan", env = "DRY_RUN", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", value_parser = truth)]
    pub dry_run: bool,
    /// Where the operation is journaled
    #[arg(long, env = "JOURNAL")]
    pub journal: Option<PathBuf>,
    /// Continue the operation in the journal from where it stopped
    #[arg(long, conflicts_with = "undo")]
    pub resume: bool,
    /// Go straight back to the version before the rollout in the journal, while its rollback window is open: its tasks
    /// are started, and then all traffic moves at once
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
    /// Read approvals from this file: its first word is `approve` or `deny`
    #[arg(long, env = "APPROVAL_FILE", value_name = "FILE")]
    pub approval_file: Option<PathBuf>,
    /// How long a question waits for its answer, in seconds
    #[arg(long, env = "APPROVAL_TIMEOUT", default_value = "3600", value_name = "SECONDS", value_parser = some_seconds)]
    pub approval_timeout: Duration,
    /// How long after a promotion --undo may go straight back, in seconds
    #[arg(long, env = "ROLLBACK_WINDOW", default_value = "3600", value_name = "SECONDS", value_parser = seconds)]
    pub rollback_window: Duration,
    /// A running local cloud, as `local_cloud` prints it; without it the example starts its own
    #[arg(long, env = "PETSWIPE_CLOUD", hide_env_values = true)]
    pub cloud: Option<CloudText>,
    /// Requests per second of generated user traffic (local only)
    #[arg(long, env = "RATE", default_value = "200", value_parser = rate)]
    pub rate: f64,
    /// Tasks on the live side of the example's own cloud (local only)
    #[arg(long, env = "TASKS", default_value = "4", value_parser = tasks)]
    pub tasks: u32,
    /// What is wrong with the new version (local only): none, error-rate=0.2, latency=800ms, crash-on-boot,
    /// crash-after=10s, slow-start=5s, unhealthy. --resume goes on with the fault it was begun with
    #[arg(long, env = "FAULT", default_value = "none")]
    pub fault: Fault,
    /// Seconds between two looks for healthy tasks [default: 0.25 locally, 10 on AWS]
    #[arg(long, env = "POLL_INTERVAL", value_name = "SECONDS", value_parser = some_seconds)]
    pub poll: Option<Duration>,
    /// Seconds between two judgements of the new version [default: 1 locally, 30 (canary) or 10 on AWS]
    #[arg(long, env = "CHECK_INTERVAL", value_name = "SECONDS", value_parser = some_seconds)]
    pub check_interval: Option<Duration>,
    /// Seconds without a conclusive verdict, or without an answer of the cloud, after which it goes back [default: 15
    /// locally, and six scrape intervals more by --metrics prometheus, 600 on AWS]
    #[arg(long, env = "PATIENCE", value_name = "SECONDS", value_parser = some_seconds)]
    pub patience: Option<Duration>,
    /// What the new version is judged by
    #[command(flatten)]
    pub metrics: MetricFlags,
    /// What it may spend of error budgets
    #[command(flatten)]
    pub slo: SloFlags,
    /// Where to tell what it does
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
    /// What only matters on an AWS account
    #[command(flatten)]
    pub aws: AwsFlags,
}

/// What an example acts upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// The embedded cloud.
    Local,
    /// The account and region of the ambient AWS configuration.
    Aws,
}

/// The URL of a cloud, not yet looked at: it holds a token, which a complaint about the flag would repeat.
#[derive(Clone)]
pub struct CloudText(String);

impl From<String> for CloudText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl CloudText {
    /// The URL; `None` for an empty text.
    ///
    /// # Errors
    /// What is allowed; never the text itself.
    pub(crate) fn url(&self) -> Result<Option<CloudUrl>, Exit> {
        let named = Some(&self.0).filter(|text| !text.is_empty());
        let url = named.map(|text| text.parse::<CloudUrl>());
        url.transpose().map_err(|error| Exit::usage(format!("--cloud: {error}")))
    }
}

impl std::fmt::Debug for CloudText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Common {
    /// The cloud that was named, if one was.
    ///
    /// # Errors
    /// What is allowed; never the text itself.
    pub fn cloud(&self) -> Result<Option<CloudUrl>, Exit> {
        self.cloud.as_ref().map_or(Ok(None), CloudText::url)
    }

    /// The time that was asked for, or else the seconds that fit the backend: the local cloud, where everything takes
    /// seconds, or an account.
    pub fn time(&self, asked: Option<Duration>, local: u64, aws: u64) -> Duration {
        let fitting = if self.backend == Backend::Local { local } else { aws };
        asked.unwrap_or(Duration::from_secs(fitting))
    }

    /// The service that is operated on: `{project}-{environment}`.
    pub fn service(&self) -> String {
        format!("{}-{}", self.project, self.environment)
    }

    /// Where the operation of this example is journaled.
    pub fn journal_path(&self, example: &str) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| default_journal(example))
    }

    /// That image with the fault that was asked for, so that a resumed operation deploys the same.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when that is too long for a name.
    pub(crate) fn faulty(&self, image: &Image) -> Result<Image, Error> {
        self.fault.on(image)
    }

    /// The image that was asked for. A bare tag belongs to the project's own image.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when it is no name of an image.
    pub fn image(&self) -> Result<Option<Image>, Error> {
        let named = self.image.as_ref().map(|text| {
            Image::new(if is_bare(text) {
                format!("{}:{text}", self.project)
            } else {
                text.clone()
            })
        });
        named.transpose()
    }
}

/// Where the operation of an example is journaled unless another place is given.
pub(crate) fn default_journal(example: &str) -> PathBuf {
    PathBuf::from(".petswipe").join(format!("{example}.jsonl"))
}

/// The help of `--journal` of that example, with the path that it takes unless another one is given.
pub fn journal_help(example: &str) -> String {
    format!("Where the operation is journaled [default: {}]", default_journal(example).display())
}

/// Whether the name of an image is only a tag.
pub(crate) fn is_bare(text: &str) -> bool {
    !text.is_empty() && !text.contains([':', '/', '@'])
}

/// A year, in seconds.
const LONGEST: f64 = 31_536_000.0;

/// Seconds, possibly with a fraction, as a duration.
///
/// # Errors
/// What is allowed, for the command line.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let plain = text.strip_suffix('s').unwrap_or(text);
    let seconds = number(plain, 0.0..=LONGEST);
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "allowed: a number of seconds, 0 or more, at most a year".to_owned())
}

/// The same for a time that can't be nothing.
///
/// # Errors
/// What is allowed, for the command line.
pub fn some_seconds(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text).ok().filter(|seconds| !seconds.is_zero());
    seconds.ok_or_else(|| "allowed: a number of seconds above 0, at most a year".to_owned())
}

/// A share of traffic in whole percent.
///
/// # Errors
/// What is allowed, for the command line.
pub fn weight(text: &str) -> Result<u8, String> {
    let weight = text.parse().ok().filter(|weight| (1..=100).contains(weight));
    weight
        .ok_or_else(|| "allowed: whole percents from 1 to 100, rising, the last one 100".to_owned())
}

/// A share in percent, possibly with a fraction.
///
/// # Errors
/// What is allowed, for the command line.
pub fn percent(text: &str) -> Result<f64, String> {
    number(text, 0.0..=100.0).ok_or_else(|| "allowed: a number of percent from 0 to 100".to_owned())
}

/// A share in whole percent.
///
/// # Errors
/// What is allowed, for the command line.
pub fn whole_percent(text: &str) -> Result<u32, String> {
    let percent = text.parse().ok().filter(|percent| *percent <= 100);
    percent.ok_or_else(|| "allowed: a whole number of percent from 0 to 100".to_owned())
}

/// A time in milliseconds that is not nothing.
///
/// # Errors
/// What is allowed, for the command line.
pub fn milliseconds(text: &str) -> Result<u64, String> {
    let milliseconds =
        text.parse().ok().filter(|milliseconds| (1..=3_600_000).contains(milliseconds));
    milliseconds.ok_or_else(|| {
        "allowed: a whole number of milliseconds from 1 to 3600000, an hour".to_owned()
    })
}

/// Yes or no, as variables have it.
///
/// # Errors
/// What is allowed, for the command line.
pub fn truth(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "t" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "f" | "0" => Ok(false),
        _ => Err("allowed: true or false (or yes, no, on, off, 1, 0)".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.0..=1_000_000.0)
        .ok_or_else(|| "allowed: a number of requests per second from 0 to 1000000".to_owned())
}

/// How many tasks are live.
///
/// # Errors
/// What is allowed, for the command line.
pub fn tasks(text: &str) -> Result<u32, String> {
    let tasks = text.parse().ok().filter(|tasks| (1..=200).contains(tasks));
    tasks.ok_or_else(|| "allowed: a whole number from 1 to 200".to_owned())
}

/// How many tasks a new stack has: between the limits of its auto scaling.
///
/// # Errors
/// What is allowed, for the command line.
#[cfg(feature = "aws")]
pub fn stack_tasks(text: &str) -> Result<i32, String> {
    let allowed = crate::aws::stack::TASKS;
    let tasks = text.parse().ok().filter(|tasks| allowed.contains(tasks));
    tasks.ok_or_else(|| {
        format!("allowed: a whole number from {} to {}", allowed.start(), allowed.end())
    })
}

fn number(text: &str, allowed: RangeInclusive<f64>) -> Option<f64> {
    text.parse().ok().filter(|number| allowed.contains(number))
}
