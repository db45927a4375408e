//! The last runs of canaries of CloudWatch Synthetics.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_synthetics::Client;
use aws_sdk_synthetics::types::{CanaryLastRun, CanaryRunState};
use aws_types::SdkConfig;
use jiff::Timestamp;
use petswipe_aws::{CallError, Statement};

use super::error::called;
use super::pages;
use super::time::time;
use crate::Error;
use crate::diagnosis::Redacted;
use crate::probe::{Canaries, CanaryRun, CanaryState};

/// So many names are in one call. Source: "DescribeCanariesLastRun", Names.
const TOGETHER: usize = 5;
/// More pages are a service that goes round in circles.
const MOST_PAGES: usize = 100;

/// The canaries of an account in a region.
///
/// It asks for five names in one call, all pages. What a canary did in a dry run, which tries code that is not in use, does not
/// count. Where a canary ran with several browsers, the one that failed counts, and before one that passed one that still runs. Whether a canary
/// that never ran is in an answer is not documented: one that is not is [`CanaryState::Unknown`], as is a state that is not known here.
///
/// Sources: "DescribeCanariesLastRun", "CanaryRun", "CanaryRunStatus" and "CanaryRunTimeline", Amazon CloudWatch Synthetics API
/// Reference. Where an IAM policy restricts the canaries to be seen, a call fails unless all that are named may be seen.
pub struct CloudWatchSynthetics {
    client: Client,
}

impl fmt::Debug for CloudWatchSynthetics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CloudWatchSynthetics")
    }
}

impl CloudWatchSynthetics {
    /// Those of a configuration's account and region.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// What it needs to be allowed.
    pub fn policy() -> Statement {
        Statement::allow("ReadCanaries", ["synthetics:DescribeCanariesLastRun"], ["*"])
    }

    async fn described(&self, names: &[String]) -> Result<Vec<CanaryLastRun>, CallError> {
        let (action, about) = ("DescribeCanariesLastRun", &names.join(", "));
        pages::all(action, about, MOST_PAGES, |token| async move {
            let asked = self.client.describe_canaries_last_run().set_names(Some(names.to_vec()));
            let page = asked.set_next_token(token).send().await;
            let page = page.map_err(|error| CallError::new(action, about, error))?;
            let next = page.next_token().map(str::to_owned);
            Ok((page.canaries_last_run.unwrap_or_default(), next))
        })
        .await
    }
}

#[async_trait]
impl Canaries for CloudWatchSynthetics {
    async fn last_runs(&self, names: &[String]) -> Result<Vec<CanaryRun>, Error> {
        names.iter().try_for_each(|name| check(name))?;
        let mut known: BTreeMap<String, CanaryRun> = BTreeMap::new();
        for names in names.chunks(TOGETHER) {
            for found in self.described(names).await.map_err(called)? {
                let Some(run) = run(&found) else { continue };
                let held = known.entry(run.canary.clone()).or_insert_with(|| run.clone());
                if rank(&run) > rank(held) {
                    *held = run;
                }
            }
        }
        let last = |name: &String| known.get(name).cloned();
        Ok(names
            .iter()
            .map(|name| last(name).unwrap_or_else(|| CanaryRun::unknown(name)))
            .collect())
    }
}

/// Source: "CreateCanary", Name.
fn check(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if name.is_empty() || name.len() > 255 || !name.chars().all(plain) {
        let allowed = "1 to 255 lowercase letters, digits, hyphens and underscores";
        return Err(Error::invalid("canary", name, allowed));
    }
    Ok(())
}

/// Of several runs at once the worst is told, and of those the newest.
fn rank(run: &CanaryRun) -> (u8, Option<Timestamp>) {
    let badness = match run.state {
        CanaryState::Passed => 0,
        CanaryState::Running => 1,
        CanaryState::Unknown => 2,
        CanaryState::Failed => 3,
    };
    (badness, run.started)
}

fn run(found: &CanaryLastRun) -> Option<CanaryRun> {
    let last = found.last_run()?;
    if last.dry_run_config().is_some() {
        return None;
    }
    let name = found.canary_name().or(last.name())?;
    let (status, timeline) = (last.status(), last.timeline());
    let state = match status.and_then(|status| status.state()) {
        Some(CanaryRunState::Passed) => CanaryState::Passed,
        Some(CanaryRunState::Failed) => CanaryState::Failed,
        Some(CanaryRunState::Running) => CanaryState::Running,
        _ => CanaryState::Unknown,
    };
    let reason = status.filter(|_| state == CanaryState::Failed).map(|status| {
        let code = status.state_reason_code().map(|code| code.as_str());
        let said = [code, status.state_reason()];
        Redacted::line(said.into_iter().flatten().collect::<Vec<_>>().join(": "))
    });
    Some(CanaryRun {
        canary: name.to_owned(),
        state,
        started: time(timeline.and_then(|timeline| timeline.started())),
        ended: time(timeline.and_then(|timeline| timeline.completed())),
        reason,
    })
}
