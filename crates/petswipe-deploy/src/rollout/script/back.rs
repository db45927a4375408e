//! The way back, from wherever the rollout is; and the stop that leaves the weights to somebody else.

use super::{Move, Which, restore_touched_scaling};
use crate::rollout::state::{Before, State};
use crate::rollout::{Plan, Strategy};
use crate::{Percent, Split};

/// Takes traffic off the new version with its first move, and then puts everything back that may have been touched.
pub(in crate::rollout) fn back(plan: &Plan, state: &State, before: &Before) -> Vec<Move> {
    let mut script = Vec::new();
    let touched = &state.touched;
    if touched.is_nothing() {
        return script;
    }
    if touched.split {
        traffic_back(state, before, &mut script);
    }
    if touched.test_route {
        script.push(Move::TestRoute(before.survey.route.test.clone()));
    }
    if !touched.tasks.is_empty() && !touched.split {
        // Before tasks are taken away: does nobody lead traffic to them meanwhile?
        script.push(Move::ReadBack(before.survey.route.split.clone()));
    }
    let rolling = matches!(plan.strategy, Strategy::Rolling { .. });
    if rolling && touched.tasks.contains(&before.live) {
        let desired = before.side(&before.live).service.desired;
        let (environment, revision) = (before.live.clone(), Which::Live);
        script.push(Move::Deploy { environment: environment.clone(), revision, desired });
        // A task that did not run before need not run now.
        let (enough, revision) = (desired.min(before.full_capacity()), Some(Which::Live));
        script.push(Move::AwaitCapacity { environment, enough, revision });
    } else if !rolling {
        let baseline = plan.baseline.iter().map(|baseline| (baseline, Which::Baseline));
        let sides = [(&before.candidate, Which::Idle)].into_iter().chain(baseline);
        for (environment, revision) in sides {
            if touched.tasks.contains(environment) {
                script.push(before.put_back(environment, revision));
            }
        }
    }
    restore_touched_scaling(state, before, &mut script);
    script.push(Move::Settle);
    script
}

/// One router call, when the live side can take everything, or does so already. If it lacks capacity, what fits is moved
/// at once and the rest follows when it has been scaled up again.
fn traffic_back(state: &State, before: &Before, script: &mut Vec<Move>) {
    let home = before.survey.route.split.clone();
    let need = before.full_capacity();
    let have = state.healthy(&before.live);
    if have < need && state.seen_split.as_ref() != Some(&home) {
        let fits = u8::try_from(u64::from(have) * 100 / u64::from(need)).unwrap_or_default();
        let fits = Percent::new(fits).unwrap_or_default();
        let held = state.splits.iter().map(|split| split.share(&before.live)).min();
        if fits > held.unwrap_or_default() {
            let part = Split::between(before.live.clone(), fits, before.candidate.clone());
            script.push(Move::Shift(part.clone()));
            script.push(Move::ReadBack(part));
        }
        let desired = before.side(&before.live).service.desired;
        let environment = before.live.clone();
        script.push(Move::Scale { environment: environment.clone(), desired });
        script.push(Move::AwaitCapacity { environment, enough: need, revision: None });
    }
    script.push(Move::Shift(home.clone()));
    script.push(Move::ReadBack(home));
}

/// Puts back what has nothing to do with traffic, and leaves weights and tasks as somebody else wants them.
pub(in crate::rollout) fn stop(state: &State, before: &Before) -> Vec<Move> {
    let mut script = Vec::new();
    if state.touched.test_route {
        script.push(Move::TestRoute(before.survey.route.test.clone()));
    }
    restore_touched_scaling(state, before, &mut script);
    script.push(Move::Settle);
    script
}
