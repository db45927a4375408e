//! The canaries of CloudWatch Synthetics, asked again and again instead of running checks.

use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::explain;
use petswipe_monitor::probe::{Canaries, Results};

use super::summary::CanarySummary;
use crate::{Exit, HALF_WAY, say};

/// Asks for the last runs, and takes those into the results that are over.
///
/// # Errors
/// What the service says, as an exit: nobody knows how the canaries are.
pub(super) async fn ask(
    canaries: &dyn Canaries,
    names: &[String],
    oldest: Duration,
    results: &Results,
    quiet: bool,
) -> Result<Vec<CanarySummary>, Exit> {
    let runs = canaries.last_runs(names).await.map_err(|error| {
        let code = match error {
            petswipe_monitor::Error::InvalidPolicy { .. } => crate::BAD_USAGE,
            _ => HALF_WAY,
        };
        Exit { code, message: format!("the canaries could not be read: {}", explain(&error)) }
    })?;
    let now = Timestamp::now();
    let mut summaries = Vec::with_capacity(runs.len());
    for run in runs {
        if let Some(run) = run.as_run() {
            // It is one of those that were asked for.
            let _ = results.record(&run);
        }
        let summary = CanarySummary::new(run, now, oldest);
        if !quiet {
            say(&summary.line());
        }
        summaries.push(summary);
    }
    Ok(summaries)
}

/// The canaries of the ambient account.
///
/// # Errors
/// Without the feature.
#[cfg(feature = "aws")]
pub(super) async fn open(region: &str) -> Result<Box<dyn Canaries>, Exit> {
    let (config, _) = crate::aws::within_budget(region).await?;
    Ok(Box::new(petswipe_monitor::aws::CloudWatchSynthetics::new(&config)))
}

#[cfg(not(feature = "aws"))]
pub(super) async fn open(_: &str) -> Result<Box<dyn Canaries>, Exit> {
    Err(Exit::usage("--synthetics is not built in; allowed: it, with cargo's --features aws"))
}

/// What reading them has to be allowed.
///
/// # Errors
/// Without the feature.
#[cfg(feature = "aws")]
pub(super) fn policy() -> Result<String, Exit> {
    let statement = petswipe_monitor::aws::CloudWatchSynthetics::policy();
    Ok(petswipe_aws::Policy::new([statement]).to_string())
}

#[cfg(not(feature = "aws"))]
pub(super) fn policy() -> Result<String, Exit> {
    Err(Exit::usage("--iam-policy is not built in; allowed: it, with cargo's --features aws"))
}
