//! The example `probe`: its flags, the checks it runs, and what it says of them.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use futures_util::future::join_all;
use jiff::Timestamp;
use petswipe_local::{Cloud, CloudConfig, FAULT_VARIABLE, Fault};
use petswipe_monitor::explain;
use petswipe_monitor::probe::{Canaries, Check, HttpWeb, Paced, Results, Schedule, Variables};

use crate::cli::some_seconds;
use crate::signals::Signals;
use crate::telemetry::replace;
use crate::{DONE, Exit, NOT_AS_ASKED, print, say};

mod canaries;
mod kept;
mod report;
mod summary;

use kept::BaselineFile;
use summary::{CanarySummary, Report, Summary};

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 every check and canary is well, by its last run; 1 one failed, became slow, did not run, \
    or is not known to be well; 2 bad usage, or a file that can't be read or written; 3 the canaries \
    could not be read";

/// What precedes the name of a check's variable in the environment.
const VARIABLE: &str = "PROBE_";
/// For how long results are kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How often canaries are asked, unless it is said: as often as the guide has them run.
const ASKED: Duration = Duration::from_secs(300);
/// By how long a canary's run may be late before it is not known how it is: two more intervals.
const INTERVALS: u32 = 3;

/// Ask a service what its users ask, and say whether it answers as it should
#[derive(Parser, Clone, Debug)]
#[command(name = "probe", after_help = EXIT_CODES)]
pub struct Flags {
    /// The service, such as `https://shop.example.com` (https needs --features aws); without it a small cloud of its own
    #[arg(long, env = "PROBE_URL", value_name = "URL", hide_env_values = true)]
    pub url: Option<String>,
    /// A file of checks, a JSON array; without it those of the guide. `{name}` in a check is the variable PROBE_NAME of the
    /// environment, which is never shown
    #[arg(long, env = "CHECKS", value_name = "FILE")]
    pub checks: Option<PathBuf>,
    /// The last runs of these canaries of CloudWatch Synthetics, instead of running checks (needs --features aws)
    #[arg(long, env = "SYNTHETICS", value_name = "NAMES", value_delimiter = ',',
        conflicts_with_all = ["url", "checks", "fault", "baseline_file"])]
    pub synthetics: Vec<String>,
    /// The AWS region of the canaries
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Seconds between two runs of a check, instead of what the checks say; of canaries, how often they run (300): the last
    /// run of one that was over three times as long ago says nothing
    #[arg(long, env = "PROBE_INTERVAL", value_name = "SECONDS", value_parser = some_seconds)]
    pub every: Option<Duration>,
    /// How often each check runs, the first time at once
    #[arg(long, env = "RUNS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Until Ctrl-C
    #[arg(long, conflicts_with = "runs")]
    pub forever: bool,
    /// Keep the results in that file, in the text format of Prometheus
    #[arg(long, env = "METRICS_FILE", value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Keep in that file how fast the checks are, for the next time: it is only compared with the same checks of the same service
    #[arg(long, env = "BASELINE_FILE", value_name = "FILE")]
    pub baseline_file: Option<PathBuf>,
    /// Forget what the file says, and begin to learn
    #[arg(long, requires = "baseline_file")]
    pub reset_baseline: bool,
    /// Write the final report; the ending chooses the format: .json, .html or .md
    #[arg(long, env = "REPORT", value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print the IAM policy document of whoever reads canaries of CloudWatch Synthetics, and call nothing (needs --features aws)
    #[arg(long)]
    pub iam_policy: bool,
    /// What is wrong with the service (its own cloud only)
    #[arg(long, default_value = "none")]
    pub fault: Fault,
    /// Print what came of it as one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
}

impl Flags {
    /// Whether what a run found is told at once. What the last one found is the result, and told as that.
    fn is_progress(&self, is_last: bool) -> bool {
        !self.quiet && (!is_last || self.forever || self.json)
    }
}

/// Runs the checks, or asks for the canaries.
///
/// # Errors
/// Bad usage, before anything is asked; a file that can't be written, and canaries that can't be read.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    if flags.iam_policy {
        print(&canaries::policy()?);
        return Ok(DONE);
    }
    let started_at = Timestamp::now();
    if let Some(path) = &flags.report {
        crate::report::check(path).map_err(|error| Exit::usage(explain(&error)))?;
    }
    let (checks, canaries) = match flags.synthetics.is_empty() {
        true => (probe(flags).await?, Vec::new()),
        false => (Vec::new(), watch(flags).await?),
    };
    let report = Report::new(started_at, Timestamp::now(), checks, canaries);
    match flags.json {
        true => print(&serde_json::to_string_pretty(&report).map_err(Exit::usage)?),
        false => report.lines().for_each(|line| print(&line)),
    }
    if let Some(path) = &flags.report {
        report::write(path, &report).map_err(|error| Exit::usage(explain(&error)))?;
        if !flags.quiet {
            say(&format!("wrote {}", path.display()));
        }
    }
    Ok(if report.is_well() { DONE } else { NOT_AS_ASKED })
}

async fn probe(flags: &Flags) -> Result<Vec<Summary>, Exit> {
    let usage = |error: petswipe_monitor::Error| Exit::usage(explain(&error));
    let checks = checks(flags)?;
    let results = Results::new(&checks, KEPT).map_err(usage)?;
    let variables = variables(&checks, |name| std::env::var(name).ok())?;
    if flags.url.is_some() && flags.fault != Fault::None {
        return Err(Exit::usage("--fault is of a cloud of its own; allowed: without --url"));
    }
    // Whoever named a cloud does not mean another one.
    if flags.url.is_none() && std::env::var_os("PETSWIPE_CLOUD").is_some() {
        return Err(Exit::usage(
            "PETSWIPE_CLOUD names a running cloud, and checks ask what its users ask; allowed: --url with the address of its load \
             balancer, as `local_cloud` prints it, or PETSWIPE_CLOUD unset for a cloud of its own",
        ));
    }
    // What can't be is refused before anything is started: an address, and files that can't be read or written.
    let given = flags.url.as_deref().map(HttpWeb::new).transpose().map_err(usage)?;
    let service = flags.url.as_deref().unwrap_or("a cloud of its own");
    let baselines = flags
        .baseline_file
        .as_deref()
        .map(|path| BaselineFile::open(path, flags.reset_baseline, &checks, service, &results));
    let baselines = baselines.transpose()?;
    keep_metrics(flags, &results)?;
    let mut signals = Signals::listen()?;
    let (cloud, web) = match given {
        Some(web) => (None, web),
        None => {
            let cloud = own_cloud(&flags.fault).await?;
            let url = format!("http://{}", cloud.balancer_address());
            if !flags.quiet {
                say(&format!("without --url: a cloud of its own at {url}"));
            }
            (Some(cloud), HttpWeb::new(&url).map_err(usage)?)
        }
    };
    let probing = Probing::new(flags, &checks, &results, baselines, variables, web);
    let ended = until_signal(&mut signals, flags.quiet, probing.all()).await;
    if let Some(cloud) = cloud {
        cloud.shutdown().await;
    }
    ended?;
    // What a signal ended between a run and its files.
    probing.keep()?;
    Ok(probing.summaries())
}

/// Asks for the canaries as often as it is said.
async fn watch(flags: &Flags) -> Result<Vec<CanarySummary>, Exit> {
    let names = &flags.synthetics;
    let every = flags.every.unwrap_or(ASKED);
    let results = Results::of_canaries(names, every, every, KEPT);
    let results = results.map_err(|error| Exit::usage(explain(&error)))?;
    keep_metrics(flags, &results)?;
    let source = canaries::open(&flags.region).await?;
    let mut signals = Signals::listen()?;
    let seen = Mutex::new(Vec::new());
    let asking = ask_often(flags, &*source, every, &results, &seen);
    until_signal(&mut signals, flags.quiet, asking).await?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(seen)
}

async fn ask_often(
    flags: &Flags,
    source: &dyn Canaries,
    every: Duration,
    results: &Results,
    seen: &Mutex<Vec<CanarySummary>>,
) -> Result<(), Exit> {
    let mut left = flags.runs;
    let oldest = every.saturating_mul(INTERVALS);
    loop {
        let quiet = !flags.is_progress(left == 1);
        let new = canaries::ask(source, &flags.synthetics, oldest, results, quiet).await?;
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = new;
        keep_metrics(flags, results)?;
        left = left.saturating_sub(1);
        if left == 0 && !flags.forever {
            return Ok(());
        }
        tokio::time::sleep(every).await;
    }
}

/// Works until it is done, or until a signal asks for the end.
async fn until_signal(
    signals: &mut Signals,
    quiet: bool,
    work: impl Future<Output = Result<(), Exit>>,
) -> Result<(), Exit> {
    tokio::select! {
        ended = work => ended,
        by = signals.next() => {
            if !quiet {
                say(&format!("ended by {by}"));
            }
            Ok(())
        }
    }
}

/// Writes the file of metrics, whole or not at all.
fn keep_metrics(flags: &Flags, results: &Results) -> Result<(), Exit> {
    let Some(path) = &flags.metrics_file else { return Ok(()) };
    let text = results.prometheus_text();
    replace(path, &text).map_err(|error| {
        Exit::usage(format!(
            "--metrics-file is {}: {error}; allowed: a file that can be written",
            path.display()
        ))
    })
}

async fn own_cloud(fault: &Fault) -> Result<Cloud, Exit> {
    let mut config = CloudConfig { tasks: 2, ..CloudConfig::default() };
    if *fault != Fault::None {
        config.variables.insert(FAULT_VARIABLE.to_owned(), fault.to_string());
    }
    Ok(Cloud::start(config).await?)
}

fn checks(flags: &Flags) -> Result<Vec<Check>, Exit> {
    let mut checks = match &flags.checks {
        None => Check::standard(),
        Some(path) => {
            let refused = |why: &dyn std::fmt::Display| {
                Exit::usage(format!(
                    "--checks is {}: {why}; allowed: a JSON array of checks",
                    path.display()
                ))
            };
            let text = std::fs::read_to_string(path).map_err(|error| refused(&error))?;
            serde_json::from_str(&text).map_err(|error| refused(&error))?
        }
    };
    if let Some(every) = flags.every {
        for check in &mut checks {
            check.every = every;
            check.timeout = check.timeout.min(every);
        }
    }
    Ok(checks)
}

/// The variables that the checks need. All of them are secret: nobody can tell which are.
fn variables(checks: &[Check], of: impl Fn(&str) -> Option<String>) -> Result<Variables, Exit> {
    let mut variables = Variables::default();
    for check in checks {
        for name in check.needs() {
            let variable = format!("{VARIABLE}{}", name.to_uppercase());
            let value = of(&variable).ok_or_else(|| {
                Exit::usage(format!(
                    "{variable} is not set; allowed: a value for `{{{name}}}` in the check {}",
                    check.name
                ))
            })?;
            variables.set_secret(name, value);
        }
    }
    Ok(variables)
}

/// Checks that are being run.
struct Probing<'a> {
    flags: &'a Flags,
    checks: &'a [Check],
    results: &'a Results,
    baselines: Option<BaselineFile<'a>>,
    variables: Variables,
    web: HttpWeb,
    summaries: Mutex<Vec<Summary>>,
}

impl<'a> Probing<'a> {
    fn new(
        flags: &'a Flags,
        checks: &'a [Check],
        results: &'a Results,
        baselines: Option<BaselineFile<'a>>,
        variables: Variables,
        web: HttpWeb,
    ) -> Self {
        let nothing = |check: &Check| Summary::new(&check.name);
        let summaries = Mutex::new(checks.iter().map(nothing).collect());
        Self { flags, checks, results, baselines, variables, web, summaries }
    }

    fn summaries(&self) -> Vec<Summary> {
        self.summaries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Each check so often, the first time at once.
    async fn all(&self) -> Result<(), Exit> {
        let mut schedule = Schedule::new(self.checks, Timestamp::now());
        let mut left = vec![self.flags.runs; self.checks.len()];
        let mut due: Vec<usize> = (0..self.checks.len()).collect();
        loop {
            join_all(due.iter().map(|index| self.once(*index, left[*index] == 1))).await;
            self.keep()?;
            if !self.flags.forever {
                for index in due {
                    left[index] = left[index].saturating_sub(1);
                }
                if left.iter().all(|left| *left == 0) {
                    return Ok(());
                }
            }
            let next = schedule.next().unwrap_or(Timestamp::MAX);
            let wait = Duration::try_from(next.duration_since(Timestamp::now()));
            tokio::time::sleep(wait.unwrap_or_default()).await;
            due = schedule.due(Timestamp::now());
            due.retain(|index| left[*index] > 0);
        }
    }

    async fn once(&self, index: usize, is_last: bool) {
        let check = &self.checks[index];
        let run = check.run(&self.web, &self.variables, Timestamp::now()).await;
        // The run is of one of these checks.
        let paced = self.results.record(&run).unwrap_or_default();
        let slow = match paced {
            Some(Paced::Slow { limit, in_a_row }) => {
                format!(": slow, {in_a_row} runs in a row took more than {} ms", limit.as_millis())
            }
            _ => String::new(),
        };
        if self.flags.is_progress(is_last) {
            say(&format!("{run}{slow}"));
        }
        let mut summaries = self.summaries.lock().unwrap_or_else(PoisonError::into_inner);
        summaries[index].add(run, paced);
    }

    /// Writes the files, each whole or not at all.
    fn keep(&self) -> Result<(), Exit> {
        if let Some(baselines) = &self.baselines {
            baselines.keep(self.results)?;
        }
        keep_metrics(self.flags, self.results)
    }
}
