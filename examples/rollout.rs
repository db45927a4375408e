//! Carrying a rollout out, from the flags to the exit code.

use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::{DryRun, Image, Plan, Strategy, Target as Wanted, dry_run};
use petswipe_monitor::{AbsolutePolicy, EvidencePolicy, LatencyLimit, LatencyRegression, Policy};
use petswipe_runbook::Approver;

use crate::budgets::{Allowed, policies as budget_policies};
use crate::cli::{Backend, Common};
use crate::drive::{Running, Written};
use crate::going_on::{same_cloud, same_fault};
use crate::target::Target;
use crate::telemetry::Watch;
use crate::{DONE, Exit, going_on, journal, print, prompt, report, say};

const SECOND: Duration = Duration::from_secs(1);

/// What an example brings along: its name and its plan.
pub struct Job<F> {
    /// The example's name.
    pub name: &'static str,
    /// Makes the plan for two sides and a target.
    pub plan: F,
}

/// How the new version is judged, from the flags: error rate in percent and the p99 in milliseconds; and in any case no
/// evidence against it, and no gross regression of the median beside the live version.
pub fn policies(
    common: &Common,
    strategy: Strategy,
    error_percent: f64,
    latency_ms: u64,
) -> Vec<Policy> {
    let beside = strategy == Strategy::Canary;
    let limit = LatencyLimit { quantile: 0.99, limit: Duration::from_millis(latency_ms) };
    let evidence = EvidencePolicy::default();
    let lookback = lookback(common);
    vec![
        Policy::Absolute(AbsolutePolicy {
            error_rate: error_percent / 100.0,
            latency: vec![limit],
            lookback,
            // Two of the first twenty requests are no proof of more than 5 %.
            ..AbsolutePolicy::for_certain()
        }),
        Policy::Evidence(EvidencePolicy {
            // Where nothing serves beside the new version, most of what may alarm is the comparison with the time before.
            before_share: if beside { evidence.before_share } else { 0.8 },
            stale_after: lookback + 120 * SECOND,
            ..evidence
        }),
        Policy::LatencyRegression(LatencyRegression { lookback, ..LatencyRegression::default() }),
    ]
}

/// How far back a judgement looks. CloudWatch answers in whole minutes that are published late: only over the lag and two
/// minutes there is a whole one in any case. With less no verdict would ever be conclusive.
fn lookback(common: &Common) -> Duration {
    let backend = match common.backend {
        Backend::Local => 60 * SECOND,
        Backend::Aws => 120 * SECOND + common.aws.metric_lag,
    };
    backend + common.metrics.later()
}

/// The pace of the backend. On an account that of the plan, which is the guide's; on the local cloud everything takes
/// seconds and not minutes.
pub fn at_pace(common: &Common, plan: &mut Plan) {
    if common.backend == Backend::Local {
        plan.check_interval = SECOND;
        plan.patience = 15 * SECOND + common.metrics.later();
        plan.capacity.deadline = 20 * SECOND;
        plan.capacity.poll = Duration::from_millis(250);
        plan.call_timeout = 10 * SECOND;
    } else {
        // The SDK tries a call several times within that.
        plan.call_timeout = 120 * SECOND;
    }
    plan.capacity.poll = common.poll.unwrap_or(plan.capacity.poll);
    plan.check_interval = common.check_interval.unwrap_or(plan.check_interval);
    plan.patience = common.patience.unwrap_or(plan.patience);
}

impl<F> Job<F>
where
    F: Fn(&Common, [petswipe_deploy::Environment; 2], Wanted) -> Result<Plan, Exit>,
{
    /// Runs the job and gives the exit code.
    ///
    /// # Errors
    /// Whatever ends the program without a report.
    pub async fn run(&self, common: &Common) -> Result<u8, Exit> {
        if common.aws.iam_policy {
            return iam_policy(common);
        }
        if let Some(path) = &common.report {
            report::check(path).map_err(Exit::usage)?;
        }
        common.telemetry.check()?;
        // A wrong flag is found before a cloud is started.
        let sample = ["side-a", "side-b"].map(petswipe_deploy::Environment::new);
        if let [Ok(a), Ok(b)] = sample {
            let image = common.image()?.map_or_else(|| Image::new("any:v1"), Ok)?;
            let plan = (self.plan)(common, [a, b], Wanted::Image(image))?;
            plan.validate()?;
            // What is gone on with asks as its own plan says.
            if !(common.dry_run || common.resume || common.undo) {
                approver(common, &plan)?;
            }
        }
        // What is gone on with, or back from, has its policies.
        if !(common.resume || common.undo) {
            common.slo.read(common)?;
        }
        if common.resume && common.dry_run {
            return Err(Exit::usage(
                "--resume goes on for real, and --dry-run (or DRY_RUN) says that nothing may change; give only one of them",
            ));
        }
        let again = [(common.resume, "--resume"), (common.undo, "--undo")];
        let own = common.backend == Backend::Local && common.cloud()?.is_none();
        if let Some((_, flag)) = again.iter().find(|(asked, _)| *asked && own) {
            return Err(Exit::usage(format!(
                "{flag} needs --cloud: the cloud that an example starts itself ends with it, and nothing is left to go on with"
            )));
        }
        let target = Target::open(common).await?;
        let result = self.on(common, &target).await;
        target.close().await;
        result
    }

    async fn on(&self, common: &Common, target: &Target) -> Result<u8, Exit> {
        if common.resume {
            return self.resume(common, target).await;
        }
        if common.undo {
            return self.undo(common, target).await;
        }
        if !common.dry_run {
            // What waits there is the reason for whatever is found half-way.
            let path = common.journal_path(self.name);
            journal::check_free::<Plan>(&path, common.backend, &target.id).await?;
        }
        let image = Wanted::Image(target.image(common).await?);
        let mut plan = (self.plan)(common, target.environments.clone(), image)?;
        plan.location.clone_from(&target.id);
        plan.rollback_window = common.rollback_window;
        common.metrics.ask(&target.parts).await?;
        let stale_after = lookback(common) + 120 * SECOND;
        let budgets = common.slo.allowed(common, target, stale_after).await?;
        plan.policies.extend(budget_policies(&budgets));
        if common.dry_run {
            return self.rehearse(common, target, &plan, &budgets).await;
        }
        if !common.quiet {
            budgets.iter().for_each(|allowed| say(&format!("error budget of {allowed}")));
        }
        self.start(common, target, plan).await
    }

    async fn rehearse(
        &self,
        common: &Common,
        target: &Target,
        plan: &Plan,
        budgets: &[Allowed],
    ) -> Result<u8, Exit> {
        let performer = target.performer(plan);
        let survey = performer.first_look(plan).await?;
        let dry = dry_run(plan, &survey)?;
        if common.json {
            let mut dry = serde_json::to_value(&dry).map_err(Exit::usage)?;
            if !budgets.is_empty() {
                dry["error_budgets"] = budgets.iter().map(Allowed::json).collect();
            }
            print(&serde_json::to_string_pretty(&dry).map_err(Exit::usage)?);
        } else {
            print(&plan_text(plan, &dry, budgets));
        }
        Ok(DONE)
    }

    async fn start(&self, common: &Common, target: &Target, plan: Plan) -> Result<u8, Exit> {
        plan.validate()?;
        let path = common.journal_path(self.name);
        journal::check_free::<Plan>(&path, common.backend, &target.id).await?;
        may_begin(target, &plan).await?;
        let new = !path.exists();
        let operation = journal::new_operation(self.name)?;
        let watch = Watch::starting(&common.telemetry, self.name, &operation)?;
        let journal = journal::fresh::<Plan>(&path, common.backend, &target.id).await?;
        let approver = approver(common, &plan)?;
        let written = Written { example: self.name, journal, path: &path };
        let run = Running::new(common, target, &plan, &written, approver, watch)?;
        let start = Some((operation, plan));
        let result = run.drive(common, start).await;
        if new && result.is_err() {
            journal::discard_empty(&path);
        }
        result
    }

    async fn resume(&self, common: &Common, target: &Target) -> Result<u8, Exit> {
        let path = common.journal_path(self.name);
        let opened = journal::open_existing::<Plan>(&path).await?;
        let Some(history) = opened.history else {
            return Err(Exit::usage(format!("{} holds no operation to resume", path.display())));
        };
        let state = history.state();
        same_cloud(common.backend, &path, &history, &target.id)?;
        let watch = Watch::resuming(&common.telemetry, self.name, &history)?;
        let plan = history.opening.plan;
        let wanted = (self.plan)(common, plan.environments.clone(), plan.target.clone())?;
        let same_kind =
            std::mem::discriminant(&wanted.strategy) == std::mem::discriminant(&plan.strategy);
        if !same_kind && !history.opening.operation.as_str().starts_with(self.name) {
            return Err(Exit::usage(format!(
                "{} holds the {} operation {}, not a {} one; resume it with that example",
                path.display(),
                plan.strategy,
                history.opening.operation,
                wanted.strategy
            )));
        }
        same_fault(common.fault, &plan)?;
        let approver = match going_on::asks(&plan, &state) {
            true => prompt::somebody(common, "")?,
            false => prompt::nobody(),
        };
        let written = Written { example: self.name, journal: opened.journal, path: &path };
        let run = Running::new(common, target, &plan, &written, approver, watch)?;
        run.drive(common, None).await
    }

    async fn undo(&self, common: &Common, target: &Target) -> Result<u8, Exit> {
        let path = common.journal_path(self.name);
        let history = journal::open_existing::<Plan>(&path).await?.history;
        let ended = history.as_ref().and_then(|held| Some((held, held.outcome()?)));
        let Some((history, outcome)) = ended else {
            return Err(Exit::usage(format!("{} holds no rollout that has ended", path.display())));
        };
        same_cloud(common.backend, &path, history, &target.id)?;
        let now = jiff::Timestamp::now();
        let plan = history.opening.plan.undo(outcome, history.last_at(), now)?;
        if common.dry_run {
            return self.rehearse(common, target, &plan, &[]).await;
        }
        self.start(common, target, plan).await
    }
}

#[cfg(feature = "aws")]
fn iam_policy(common: &Common) -> Result<u8, Exit> {
    print(&crate::aws::rollout::policy(common)?.to_string());
    Ok(DONE)
}

#[cfg(not(feature = "aws"))]
fn iam_policy(_: &Common) -> Result<u8, Exit> {
    Err(Exit::usage("--iam-policy needs a program that was built with --features aws"))
}

fn approver(common: &Common, plan: &Plan) -> Result<Arc<dyn Approver>, Exit> {
    match plan.approval {
        Some(_) => prompt::somebody(common, ", or --auto-promote=true to go on without asking"),
        None => Ok(prompt::nobody()),
    }
}

/// Looks before anything is written: is the service free, and would the rollout be begun in the present state? The
/// driver makes sure of both once more.
async fn may_begin(target: &Target, plan: &Plan) -> Result<(), Exit> {
    target.parts.leases.check_free(&plan.lease_key(), target.clock.now()).await?;
    let performer = target.performer(plan);
    let survey = performer.first_look(plan).await?;
    match dry_run(plan, &survey) {
        Err(refused @ petswipe_deploy::Error::InvalidPlan { .. }) => Err(refused.into()),
        _ => Ok(()),
    }
}

fn plan_text(plan: &Plan, dry: &DryRun, budgets: &[Allowed]) -> String {
    let mut text =
        format!("{} rollout of {}: nothing is changed now\n", plan.strategy, plan.service);
    let mut list = |title: &str, changes: &[petswipe_deploy::PlannedChange]| {
        text += &format!("\n{title}\n");
        for (index, planned) in changes.iter().enumerate() {
            let after = format!("{:.0} s", planned.after.as_secs_f64());
            text += &format!("{:>4}. after {after:>7}  {}\n", index + 1, planned.change);
            for condition in &planned.when {
                text += &format!("                      when {condition}\n");
            }
        }
    };
    list("If the new version is healthy:", &dry.forward);
    list("If it turns out bad at the end, everything goes back:", &dry.back);
    if !budgets.is_empty() {
        text += "\nIt goes back, too, when it spends more of an error budget:\n";
    }
    for allowed in budgets {
        text += &format!("      {allowed}\n");
    }
    text
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        common: Common,
    }

    #[test]
    fn a_judgement_on_an_account_looks_back_over_the_lag_and_a_whole_minute() {
        for (arguments, seconds) in [
            (&["canary"][..], 60),
            (&["canary", "--backend", "aws"], 240),
            (&["canary", "--backend", "aws", "--metric-lag", "30"], 150),
        ] {
            let common = Flags::parse_from(arguments).common;
            for policy in policies(&common, Strategy::Canary, 5.0, 1000) {
                let held = match policy {
                    Policy::Absolute(policy) => policy.lookback,
                    Policy::LatencyRegression(policy) => policy.lookback,
                    // It looks at what is new, and minds only silence: two minutes more.
                    Policy::Evidence(policy) => policy.stale_after - Duration::from_secs(120),
                    other => panic!("{other:?}"),
                };
                assert_eq!(held, Duration::from_secs(seconds), "{arguments:?}");
            }
        }
    }
}
