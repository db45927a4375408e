//! The budget policy: a rollout may spend a stated share of an error budget, and no more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Unknown, When};
use super::{Carried, Comparison, Finding, FindingResult, Gate, Judgement, Step, Verdict};
use crate::slo::{ErrorBudget, Objective, exceeds};
use crate::{Error, Observation, Window};

/// How much of a service's error budget the new version may spend on its way, over all steps together.
///
/// The bad requests of the candidate are counted, tick after tick, each window once; those of the version beside it are not
/// the rollout's. A window of which they are not known is asked for again for up to [`stale_after`](Self::stale_after), and what is
/// known of it at least counts in any case. More than [`share`](Self::share) of [`budget`](Self::budget) is a fail, for good. It passes when what was spent
/// so far is known, and requests were served in this step. What the candidate did in a moment that no window of a step covers (after
/// the last look at a step, before the first whole period of the next) is not counted: what is spent is a lower bound, and
/// the share should leave room for a check interval.
///
/// ```
/// use petswipe_monitor::slo::{ErrorBudget, Events, Objective, Target};
/// use petswipe_monitor::{BudgetPolicy, Gate};
/// // A million requests in 30 days, of which a thousand may fail, and 600 did already.
/// let objective = Objective::availability(0.999)?;
/// let budget = ErrorBudget::new(objective.target(), Events::new(1_000_000, 600).unwrap());
/// let policy = BudgetPolicy::of_what_is_left("checkout", objective, &budget, 0.1)?;
/// assert_eq!(policy.allowance(), 40.0);
/// assert_eq!(policy.name(), "error budget of checkout");
///
/// let spent = ErrorBudget::new(objective.target(), Events::new(1_000_000, 1000).unwrap());
/// let refused = BudgetPolicy::of_what_is_left("checkout", objective, &spent, 0.1).unwrap_err();
/// assert_eq!(refused.to_string(), "error budget left of checkout is 0; allowed: more than 0 bad requests: nothing may be spent \
///     on a rollout");
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetPolicy {
    /// The name of the SLO, for people.
    pub slo: String,
    /// What makes a request bad.
    pub objective: Objective,
    /// The error budget that the share is of, in bad requests: what the service as a whole may spend. A positive number.
    pub budget: f64,
    /// The share of it that the rollout may spend, above 0 and at most 1.
    pub share: f64,
    /// When the last closed period ended longer ago than this, something is missing. It has to be longer than the metrics'
    /// resolution and lag together.
    pub stale_after: Duration,
}

impl BudgetPolicy {
    /// At most `share` of all that the service may spend in a period.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for a share that is not above 0 and at most 1, and for a budget of nothing, which is one of no
    /// requests.
    pub fn of_the_whole(
        slo: impl Into<String>,
        objective: Objective,
        budget: &ErrorBudget,
        share: f64,
    ) -> Result<Self, Error> {
        Self::new(slo, objective, budget.allowed(), share)
    }

    /// At most `share` of what the service has not spent yet.
    ///
    /// # Errors
    /// As [`of_the_whole`](Self::of_the_whole), and when nothing is left: then there should be no rollout.
    pub fn of_what_is_left(
        slo: impl Into<String>,
        objective: Objective,
        budget: &ErrorBudget,
        share: f64,
    ) -> Result<Self, Error> {
        let (slo, left) = (slo.into(), budget.left());
        if left <= 0.0 {
            let field = format!("error budget left of {slo}");
            let allowed = "more than 0 bad requests: nothing may be spent on a rollout";
            return Err(Error::invalid(field, left, allowed));
        }
        Self::new(slo, objective, left, share)
    }

    fn new(
        slo: impl Into<String>,
        objective: Objective,
        budget: f64,
        share: f64,
    ) -> Result<Self, Error> {
        let stale_after = Duration::from_secs(300);
        Self { slo: slo.into(), objective, budget, share, stale_after }.validated()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the field, its value and what is allowed.
    pub fn validated(self) -> Result<Self, Error> {
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Error> {
        if self.slo.trim().is_empty() {
            return Err(Error::invalid("name of the SLO", "empty", "a name"));
        }
        if !(self.budget.is_finite() && self.budget > 0.0) {
            return Err(Error::invalid(
                "error budget",
                self.budget,
                "a positive number of requests",
            ));
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            let allowed = "above 0 and at most 1, 0.1 for 10 %";
            return Err(Error::invalid("share of the error budget", self.share, allowed));
        }
        if self.stale_after.is_zero() {
            return Err(Error::invalid("stale after", "0", "a positive time"));
        }
        self.objective.check()
    }

    /// How many bad requests the rollout may have.
    pub fn allowance(&self) -> f64 {
        self.budget * self.share
    }
}

/// What was counted so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// In all steps.
    total: u64,
    bad: u64,
    /// What was served in the present step.
    served: u64,
    #[serde(flatten)]
    ledger: Ledger,
    /// Why the last window could not be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubt: Option<String>,
}

impl State {
    fn take(&mut self, policy: &BudgetPolicy, step: &Step, seen: &[Comparison]) {
        let mut ledger = std::mem::take(&mut self.ledger);
        if ledger.enter(step) {
            (self.served, self.doubt) = (0, None);
        }
        let newest = ledger.take(step, policy.stale_after, seen, |seen, when| {
            self.count(policy, &seen.candidate, when)
        });
        if let Some(newest) = newest {
            self.doubt = newest.err();
        }
        self.ledger = ledger;
    }

    fn count(
        &mut self,
        policy: &BudgetPolicy,
        seen: &Observation,
        when: When,
    ) -> Result<(), Unknown> {
        let Some(events) = policy.objective.events(seen) else {
            let why = format!("the bad requests of {} are not known", seen.subject);
            return Err(Unknown { why, bad: policy.objective.bad_at_least(seen) });
        };
        self.total = self.total.saturating_add(events.total());
        self.bad = self.bad.saturating_add(events.bad());
        if when == When::Now {
            self.served = self.served.saturating_add(events.total());
        }
        Ok(())
    }

    /// What keeps the count from being whole.
    fn lack(&self, policy: &BudgetPolicy, step: &Step) -> Option<String> {
        if let (Some(doubt), Some(_)) = (&self.doubt, self.ledger.pending()) {
            return Some(doubt.clone());
        }
        if let Some(window) = self.ledger.pending() {
            return Some(format!("what it did from {window} is not known yet"));
        }
        let stale = self.ledger.until().is_none_or(|until| {
            Window { from: until, to: step.now.max(until) }.length() > policy.stale_after
        });
        (stale || self.served == 0).then(|| "nothing was seen lately in this step".to_owned())
    }

    fn verdict(&self, policy: &BudgetPolicy, step: &Step) -> Verdict {
        let bad = self.bad.saturating_add(self.ledger.bad());
        let allowance = policy.allowance();
        let mut detail = format!(
            "{bad} bad requests of {:.1} that the rollout may have",
            (allowance * 10.0).round() / 10.0
        );
        let lost = self.ledger.lost();
        if lost > 0 {
            detail.push_str(&format!("; what it did in {lost} windows was never known"));
        }
        let result = if exceeds(bad as f64, allowance) {
            FindingResult::Broken
        } else if let Some(lack) = self.lack(policy, step) {
            detail.push_str(&format!("; {lack}"));
            FindingResult::Missing
        } else {
            FindingResult::Holds
        };
        Verdict::of(vec![Finding {
            metric: policy.name().into(),
            value: Some(bad as f64 / policy.budget * 100.0),
            limit: policy.share * 100.0,
            unit: "%".into(),
            samples: self.total,
            result,
            detail,
        }])
    }
}

impl Gate for BudgetPolicy {
    fn name(&self) -> String {
        format!("error budget of {}", self.slo)
    }

    fn windows(&self, step: &Step, carried: &Carried) -> Vec<Window> {
        Ledger::windows(carried, step)
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let nothing = Window::empty(step.started);
        if let Err(error) = self.check() {
            return Judgement::new(Verdict::unusable(&error), carried.clone(), nothing);
        }
        let read = match carried.0.is_null() {
            true => Ok(State::default()),
            false => State::deserialize(&carried.0),
        };
        let mut state = match read {
            Ok(state) => state,
            Err(error) => {
                let why = format!("what was spent so far can't be read: {error}");
                let missing = vec![self.name()];
                let verdict = Verdict::Inconclusive { why, missing, evidence: Vec::new() };
                return Judgement::new(verdict, carried.clone(), nothing);
            }
        };
        state.take(self, step, seen);
        let verdict = state.verdict(self, step);
        // Whole numbers and times: this can't fail, and if it did, what was carried so far is kept.
        let next = serde_json::to_value(&state).map_or_else(|_| carried.clone(), Carried);
        // What is spent already is known; waiting longer shows nothing better.
        let settled = verdict.is_pass();
        Judgement { settled, ..Judgement::new(verdict, next, state.ledger.covered(step)) }
    }
}
