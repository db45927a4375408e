//! The example `probe`: its flags, the checks it runs, and what it says of them.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use futures_util::future::join_all;
use jiff::Timestamp;
use petswipe_local::{Cloud, CloudConfig, FAULT_VARIABLE, Fault};
use petswipe_monitor::explain;
use petswipe_monitor::probe::{Check, HttpWeb, Paced, Results, Run, Schedule, Variables};
use serde::Serialize;

use crate::cli::{EXIT_CODES, some_seconds};
use crate::signals::Signals;
use crate::telemetry::replace;
use crate::{DONE, Exit, NOT_AS_ASKED, print, say};

/// What precedes the name of a check's variable in the environment.
const VARIABLE: &str = "PROBE_";
/// For how long results are kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

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
    /// Seconds between two runs of a check, instead of what the checks say
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

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Summary {
    name: String,
    passed: u32,
    failed: u32,
    slow: bool,
    last: Option<Run>,
}

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Summary>,
}

/// Runs the checks.
///
/// # Errors
/// Bad usage, before anything is asked.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    let usage = |error: petswipe_monitor::Error| Exit::usage(explain(&error));
    let checks = checks(flags)?;
    let results = Results::new(&checks, KEPT).map_err(usage)?;
    let variables = variables(&checks, |name| std::env::var(name).ok())?;
    if flags.url.is_some() && flags.fault != Fault::None {
        return Err(Exit::usage("--fault is of a cloud of its own; allowed: without --url"));
    }
    // An address is refused before anything is started.
    let given = flags.url.as_deref().map(HttpWeb::new).transpose().map_err(usage)?;
    let mut signals = Signals::listen()?;
    let (cloud, web) = match given {
        Some(web) => (None, web),
        None => {
            let cloud = own_cloud(&flags.fault).await?;
            let url = format!("http://{}", cloud.balancer_address());
            (Some(cloud), HttpWeb::new(&url).map_err(usage)?)
        }
    };
    let probing = Probing::new(flags, &checks, &results, variables, web);
    let ended = tokio::select! {
        ended = probing.all() => ended,
        by = signals.next() => {
            if !flags.quiet {
                say(&format!("ended by {by}"));
            }
            Ok(())
        }
    };
    let summaries = probing.summaries();
    if let Some(cloud) = cloud {
        cloud.shutdown().await;
    }
    ended?;
    let is_well = |summary: &Summary| summary.is_well();
    let code = if summaries.iter().all(is_well) { DONE } else { NOT_AS_ASKED };
    let report = Report { checks: summaries };
    match flags.json {
        true => print(&serde_json::to_string_pretty(&report).map_err(Exit::usage)?),
        false => report.checks.iter().for_each(|summary| print(&summary.line())),
    }
    Ok(code)
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

impl Summary {
    fn is_well(&self) -> bool {
        let failed = self.last.as_ref().is_none_or(|run| run.failure().is_some());
        !failed && !self.slow
    }

    fn line(&self) -> String {
        let Self { name, passed, failed, .. } = self;
        let all = passed + failed;
        let slow = if self.slow { ", and it became slow" } else { "" };
        match &self.last {
            None => format!("{name}: did not run"),
            Some(run) => format!("{run} ({passed} of {all} runs passed{slow})"),
        }
    }
}

/// Checks that are being run.
struct Probing<'a> {
    flags: &'a Flags,
    checks: &'a [Check],
    results: &'a Results,
    variables: Variables,
    web: HttpWeb,
    summaries: Mutex<Vec<Summary>>,
}

impl<'a> Probing<'a> {
    fn new(
        flags: &'a Flags,
        checks: &'a [Check],
        results: &'a Results,
        variables: Variables,
        web: HttpWeb,
    ) -> Self {
        let nothing = |check: &Check| Summary {
            name: check.name.clone(),
            passed: 0,
            failed: 0,
            slow: false,
            last: None,
        };
        let summaries = Mutex::new(checks.iter().map(nothing).collect());
        Self { flags, checks, results, variables, web, summaries }
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
            join_all(due.iter().map(|index| self.once(*index))).await;
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

    async fn once(&self, index: usize) {
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
        if !self.flags.quiet {
            say(&format!("{run}{slow}"));
        }
        let mut summaries = self.summaries.lock().unwrap_or_else(PoisonError::into_inner);
        let summary = &mut summaries[index];
        match run.failure() {
            Some(_) => summary.failed += 1,
            None => summary.passed += 1,
        }
        if let Some(paced) = paced {
            summary.slow = matches!(paced, Paced::Slow { .. });
        }
        summary.last = Some(run);
    }

    /// Writes the file of metrics, whole or not at all.
    fn keep(&self) -> Result<(), Exit> {
        let Some(path) = &self.flags.metrics_file else { return Ok(()) };
        let text = self.results.prometheus_text();
        replace(path, &text).map_err(|error| {
            Exit::usage(format!(
                "--metrics-file is {}: {error}; allowed: a file that can be written",
                path.display()
            ))
        })
    }
}
