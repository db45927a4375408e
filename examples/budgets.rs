//! What a rollout may spend of error budgets: objectives from an OpenSLO file, and how they stand before anything is touched.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use petswipe_monitor::slo::{Slo, Spending};
use petswipe_monitor::{BudgetPolicy, Policy, Subject, explain};
use serde_json::json;

use crate::Exit;
use crate::cli::{Backend, Common};
use crate::report::measured;
use crate::slo::{Service, objectives};
use crate::target::Target;

/// Flags about error budgets.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Error budgets")]
pub struct SloFlags {
    /// Objectives, a file of OpenSLO v1: of what is left of their error budgets the new version may spend --budget-share. Those
    /// count whose service is this one, PROJECT-ENVIRONMENT, or one of its sides; both sides' requests are theirs
    #[arg(long = "slo", value_name = "FILE")]
    pub slo_file: Option<PathBuf>,
    /// The most that the new version may spend of what is left of an error budget, above 0 and at most 1: 0.1 for a tenth
    #[arg(long = "budget-share", value_name = "SHARE", default_value = "0.1", requires = "slo_file", value_parser = share)]
    pub budget_share: f64,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share
        .ok_or_else(|| "allowed: a share above 0 and at most 1, such as 0.1 for a tenth".to_owned())
}

/// A budget of which the rollout may spend a share.
pub(crate) struct Allowed {
    pub(crate) policy: BudgetPolicy,
    spending: Spending,
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BudgetPolicy { slo, objective, share, budget, .. } = &self.policy;
        let (allowance, percent) = (measured(self.policy.allowance()), measured(share * 100.0));
        write!(
            f,
            "{slo} ({objective}): the new version may have {allowance} bad requests, {percent} % of the {} that are left; {}",
            measured(*budget),
            self.spending
        )
    }
}

impl Allowed {
    /// The same for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let (policy, spending) = (&self.policy, &self.spending);
        json!({
            "slo": policy.slo,
            "objective": policy.objective.to_string(),
            "share": policy.share,
            "allowed_bad_requests": policy.allowance(),
            "budget_left_requests": spending.budget.left(),
            "budget_allowed_requests": spending.budget.allowed(),
            "budget_spent_requests": spending.budget.spent(),
            "known_since": spending.window.from,
            "known_until": spending.window.to,
            "period_known_share": spending.known_share(),
            "is_whole_period": spending.is_whole,
        })
    }
}

impl SloFlags {
    /// The objectives of the file that are about the service. Nothing is asked yet.
    ///
    /// # Errors
    /// Exit code 2 for a file that can't be read, is no OpenSLO, or has no objective of the service; and on a cloud that the example
    /// starts itself, which has served nobody yet.
    pub(crate) fn read(&self, common: &Common) -> Result<Vec<Slo>, Exit> {
        let Some(file) = &self.slo_file else { return Ok(Vec::new()) };
        let all = objectives("--slo", file)?;
        let service = Service::new(&common.project, &common.environment);
        let (ours, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|slo| service.is_meant_by(slo.subject()));
        if ours.is_empty() {
            let held = others.iter().map(|slo| format!("{} of {}", slo.name(), slo.subject()));
            return Err(Exit::usage(format!(
                "--slo is {}: none of its SLOs is about {}, but {}; allowed: an SLO whose service is {}",
                file.display(),
                common.service(),
                held.collect::<Vec<_>>().join(", "),
                service.names().join(", ")
            )));
        }
        if common.backend == Backend::Local && common.cloud()?.is_none() {
            return Err(Exit::usage(
                "--slo needs --cloud: the cloud that an example starts itself has served nobody yet, and has no error budget",
            ));
        }
        Ok(ours)
    }

    /// What may be spent of each, from what the metrics say of the period up to now.
    ///
    /// # Errors
    /// Exit code 2 for one that can't be measured, and for one of which nothing is left.
    pub(crate) async fn allowed(
        &self,
        common: &Common,
        target: &Target,
        stale_after: Duration,
    ) -> Result<Vec<Allowed>, Exit> {
        let slos = self.read(common)?;
        if slos.is_empty() {
            return Ok(Vec::new());
        }
        let split = target.parts.router.route().await?.split;
        let sides = target.environments.iter();
        let (serving, others): (Vec<_>, Vec<_>) =
            sides.partition(|side| split.share(side).get() > 0);
        let subjects = |sides: Vec<&petswipe_deploy::Environment>| -> Vec<Subject> {
            sides.into_iter().map(|side| Subject::environment(side.as_str())).collect()
        };
        let (serving, others) = (subjects(serving), subjects(others));
        let refused =
            |error: petswipe_monitor::Error| Exit::usage(format!("--slo: {}", explain(&error)));
        let (metrics, now) = (&*target.parts.metrics, target.clock.now());
        let mut all = Vec::new();
        for slo in &slos {
            for objective in slo.objectives() {
                let read = Spending::read(metrics, slo, objective, &serving, &others, now);
                let spending = read.await.map_err(refused)?;
                let policy = BudgetPolicy::of_what_is_left(
                    slo.name(),
                    *objective,
                    &spending.budget,
                    self.budget_share,
                );
                let policy = BudgetPolicy { stale_after, ..policy.map_err(refused)? };
                all.push(Allowed { policy, spending });
            }
        }
        Ok(all)
    }
}

/// As policies of a plan.
pub(crate) fn policies(all: &[Allowed]) -> impl Iterator<Item = Policy> {
    all.iter().map(|allowed| Policy::Budget(allowed.policy.clone()))
}
