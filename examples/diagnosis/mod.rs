//! The example `diagnose`: its flags, and from them to its exit code.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use petswipe_monitor::diagnosis::{
    Commands, Deadlines, Diagnosis, Limits, Scope, Sources, Symptom, Verdict, collect, diagnose,
};
use petswipe_monitor::{Window, explain};

use crate::aws_flags::{PORT, tag};
use crate::cli::{Backend, CloudText, ENVIRONMENT, PROJECT, milliseconds, percent, some_seconds};
use crate::leases::{LEASES, LeasePlace};
use crate::{DONE, Exit, HALF_WAY, NOT_AS_ASKED, print};

mod database;
mod local;
pub(crate) mod rollout;
mod text;

const EXIT_CODES: &str = "Exit codes: 0 everything that was asked was answered and nothing is wrong, 1 something may be wrong, 2 bad usage, \
                          3 nothing was found, but not everything could be looked at (it says what is not known)";

/// Say what may be wrong, with evidence and the next command. It reads only
#[derive(Parser, Clone, Debug)]
#[command(name = "diagnose", after_help = EXIT_CODES)]
pub struct Flags {
    /// What to look at: a running local cloud, or an AWS account
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
    /// What you see: high-error-rate, database, performance, deployment-stuck, high-latency, failed-health-checks [default:
    /// any of them]. What shows itself by it comes first; what else is found stands behind it
    #[arg(long = "symptom", value_name = "SYMPTOM", value_delimiter = ',', value_parser = symptom)]
    pub symptoms: Vec<Symptom>,
    /// How far back to look, in seconds [default: 60 locally, 1800 on AWS]
    #[arg(long, env = "SINCE", value_name = "SECONDS", value_parser = some_seconds)]
    pub since: Option<Duration>,
    /// How long to wait for the sources, in seconds
    #[arg(long, env = "DEADLINE", value_name = "SECONDS", default_value = "10", value_parser = some_seconds)]
    pub deadline: Duration,
    /// The share of failed requests in percent, above which they are too many
    #[arg(long, env = "ERROR_THRESHOLD", value_name = "PERCENT", default_value = "1", value_parser = percent)]
    pub error_threshold: f64,
    /// The 95th percentile of latency in milliseconds, above which it is slow
    #[arg(long, env = "LATENCY_THRESHOLD", value_name = "MS", default_value = "500", value_parser = milliseconds)]
    pub latency_threshold: u64,
    /// A running local cloud, as `local_cloud` prints it
    #[arg(long, env = "PETSWIPE_CLOUD", hide_env_values = true)]
    pub cloud: Option<CloudText>,
    /// A PostgreSQL database to look into, such as postgres://watcher@db/pets; the role needs pg_monitor to see everything
    /// (needs --features postgres)
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<database::DatabaseUrl>,
    /// A file with the certificates of the authorities that the database's is of, in PEM, where the system does not trust
    /// them; Amazon RDS has its own. For a URL with sslmode=require, which needs --features postgres-tls
    #[arg(long, env = "DATABASE_CA", value_name = "FILE")]
    pub database_ca: Option<PathBuf>,
    /// The journal of a rollout that may have been left half-way; one that is not there tells of none [default: .petswipe/
    /// canary.jsonl, blue_green.jsonl and rolling.jsonl]
    #[arg(long, env = "JOURNAL", value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Where the lease of the service is: a directory, or s3://BUCKET/PREFIX (aws only; a local cloud has its own)
    #[arg(long, env = "LEASES", value_name = "PLACE", default_value = LEASES)]
    pub leases: LeasePlace,
    /// The ECS cluster [default: PROJECT-ENVIRONMENT-cluster] (aws only)
    #[arg(long, env = "ECS_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
    /// The Application Load Balancer [default: PROJECT-ENVIRONMENT-alb] (aws only)
    #[arg(long, env = "LOAD_BALANCER", value_name = "NAME")]
    pub load_balancer: Option<String>,
    /// The port of its listener (aws only)
    #[arg(long, env = "LISTENER_PORT", default_value_t = PORT)]
    pub port: u16,
    /// The priority of the listener rule that divides production traffic [default: the default rule] (aws only)
    #[arg(long, env = "LISTENER_RULE", value_name = "PRIORITY",
        value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub rule: Option<u32>,
    /// Tags that everything must carry [default: Project=PROJECT,Environment=ENVIRONMENT] (aws only)
    #[arg(long = "tag", env = "TAGS", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = tag)]
    pub tag: Vec<(String, String)>,
    /// The log group of the tasks [default: /ecs/PROJECT-ENVIRONMENT] (aws only)
    #[arg(long, env = "LOG_GROUP", value_name = "NAME")]
    pub log_group: Option<String>,
    /// The database instance, or none [default: PROJECT-ENVIRONMENT-postgres] (aws only)
    #[arg(long, env = "DATABASE", value_name = "NAME")]
    pub database: Option<String>,
    /// Print the IAM policy document of whoever does this on AWS, and call nothing
    #[arg(long)]
    pub iam_policy: bool,
    /// Print the diagnosis as one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// Who is asked, and how their language is written.
pub(crate) struct Place {
    pub(crate) sources: Sources,
    pub(crate) environments: Vec<String>,
    pub(crate) commands: Box<dyn Commands>,
    /// Who knows about rollouts, or why nobody does; `None` where there is only a database.
    pub(crate) rollouts: Option<Result<rollout::Rollouts, String>>,
}

fn symptom(text: &str) -> Result<Symptom, String> {
    text.parse().map_err(|_| format!("allowed: {}", Symptom::ALL.map(Symptom::as_str).join(", ")))
}

impl Flags {
    /// The service that is looked at: `{project}-{environment}`.
    pub(crate) fn service(&self) -> String {
        format!("{}-{}", self.project, self.environment)
    }

    fn limits(&self) -> Result<Limits, Exit> {
        let limits = Limits {
            error_rate: self.error_threshold / 100.0,
            latency: Duration::from_millis(self.latency_threshold),
            deployment: Duration::from_secs(if self.backend == Backend::Local { 30 } else { 300 }),
            ..Limits::default()
        };
        limits.check().map_err(|error| Exit::usage(explain(&error)))?;
        Ok(limits)
    }
}

/// Looks, and says what may be wrong.
///
/// # Errors
/// Bad usage, and that there is nobody to ask.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    if flags.iam_policy {
        return iam_policy(flags);
    }
    let limits = flags.limits()?;
    let mut place = open(flags).await?;
    if let Some(url) = &flags.database_url {
        place.sources.database =
            Some(database::open(url, flags.database_ca.as_deref(), flags.deadline).await?);
    }
    let now = jiff::Timestamp::now();
    let since = flags.since.unwrap_or(Duration::from_secs(match flags.backend {
        Backend::Local => 60,
        Backend::Aws => 1800,
    }));
    let from = now.checked_sub(since).unwrap_or(jiff::Timestamp::MIN);
    let mut scope = Scope::new(place.environments.clone(), Window { from, to: now }, now);
    if !flags.symptoms.is_empty() {
        scope.symptoms.clone_from(&flags.symptoms);
    }
    let deadlines = Deadlines { source: flags.deadline, whole: flags.deadline };
    let rollout = async {
        let rollouts = place.rollouts.as_ref()?.as_ref().map_err(String::as_str);
        Some(rollout::look(flags, rollouts).await)
    };
    let (mut seen, rollout) = tokio::join!(collect(&place.sources, &scope, deadlines), rollout);
    seen.rollout = rollout.unwrap_or_default();
    let found = diagnose(&seen, &limits, &*place.commands);
    show(&found, flags.json)?;
    Ok(match found.verdict() {
        Verdict::Found => NOT_AS_ASKED,
        Verdict::NothingFound => DONE,
        Verdict::NotKnown => HALF_WAY,
    })
}

fn show(found: &Diagnosis, json: bool) -> Result<(), Exit> {
    let text = match json {
        true => {
            let mut document = serde_json::to_value(found).map_err(Exit::usage)?;
            if let Some(object) = document.as_object_mut() {
                object.insert("complete".to_owned(), found.is_complete().into());
                let verdict = serde_json::to_value(found.verdict()).map_err(Exit::usage)?;
                object.insert("verdict".to_owned(), verdict);
            }
            flat(&mut document);
            format!("{document:#}")
        }
        false => text::of(found),
    };
    print(&text);
    Ok(())
}

/// `next_command` is the line itself, beside it what it does.
fn flat(document: &mut serde_json::Value) {
    let hypotheses = document.get_mut("hypotheses").and_then(serde_json::Value::as_array_mut);
    for one in hypotheses.into_iter().flatten().filter_map(serde_json::Value::as_object_mut) {
        if let Some(mut command) = one.remove("next_command") {
            let mut take = |name: &str| command.get_mut(name).map(serde_json::Value::take);
            let (line, effect) = (take("line"), take("effect"));
            one.insert("next_command".to_owned(), line.unwrap_or_default());
            one.insert("next_command_effect".to_owned(), effect.unwrap_or_default());
        }
    }
}

#[cfg(feature = "aws")]
fn iam_policy(flags: &Flags) -> Result<u8, Exit> {
    print(&crate::aws::diagnosis::policy(flags).to_string());
    Ok(DONE)
}

#[cfg(not(feature = "aws"))]
fn iam_policy(_: &Flags) -> Result<u8, Exit> {
    Err(Exit::usage("--iam-policy needs a program that was built with --features aws"))
}

async fn open(flags: &Flags) -> Result<Place, Exit> {
    match flags.backend {
        Backend::Local => local::open(flags),
        #[cfg(feature = "aws")]
        Backend::Aws => crate::aws::diagnosis::open(flags).await,
        #[cfg(not(feature = "aws"))]
        Backend::Aws => Err(Exit::usage(
            "--backend is aws, which this program was built without; allowed: local, or build it with --features aws",
        )),
    }
}
