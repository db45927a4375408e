//! The way back, from wherever the rollout is; and the stop that leaves the weights to somebody else.

use super::{Move, Which, restore_touched_scaling, set_back};
use crate::rollout::state::{Before, State};
use crate::rollout::{Plan, Strategy, SurveyedSide};
use crate::{Environment, Percent, Split};

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
    let rolling = matches!(plan.strategy, Strategy::Rolling { .. });
    if rolling && touched.tasks.contains(&before.live) {
        let SurveyedSide { service, health, .. } = before.side(&before.live);
        let desired = service.desired;
        let (environment, revision) = (before.live.clone(), Which::Live);
        script.push(Move::Deploy { environment: environment.clone(), revision, desired });
        // A task that did not run before need not run now.
        let (enough, revision) = (desired.min(health.healthy), Some(Which::Live));
        script.push(Move::AwaitCapacity { environment, enough, revision });
        // Only now: before, the platform itself might go back to what was complete last, which is the new version.
        set_back(before, &before.live, &mut script);
    } else if !rolling {
        if !touched.tasks.is_empty() && !touched.split {
            // Before tasks are taken away: does nobody lead traffic to them meanwhile?
            script.push(Move::ReadBack(before.survey.route.split.clone()));
        }
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

/// One router call, when the live side can take everything. If it lacks capacity, what fits is moved at once and the
/// rest follows while it is scaled up again.
fn traffic_back(state: &State, before: &Before, script: &mut Vec<Move>) {
    let home = &before.survey.route.split;
    let shift = |to: &Split| [Move::Shift(to.clone()), Move::ReadBack(to.clone())];
    let desired = before.side(&before.live).service.desired;
    let grow = || {
        let (environment, enough) = (before.live.clone(), before.enough(Percent::FULL));
        let scale = Move::Scale { environment: environment.clone(), desired };
        [scale, Move::AwaitCapacity { environment, enough, revision: None }]
    };
    let shrunk = state.commanded.get(&before.live).is_some_and(|commanded| *commanded < desired);
    match makeshift(state, before) {
        Some(part) => {
            if state.splits != [part.clone()] {
                script.extend(shift(&part));
            }
            script.extend(grow());
            script.extend(shift(home));
        }
        // Nobody can serve any longer: home is where it begins again, before the other side is taken away.
        None if shrunk => {
            script.extend(shift(home));
            script.extend(grow());
        }
        None => script.extend(shift(home)),
    }
}

/// How traffic is best divided while the live side lacks capacity on the way back; `None` when everything is to go home.
///
/// Nobody but the live side gets more than it may have now, nor more than it can serve, and the live side gets at least
/// what it can serve. What is left over goes to the live side too, which is known to be good; but nothing does while it
/// has no task at all and others have. And all of it does, when that asks for no more tasks than its part alone.
pub(in crate::rollout) fn makeshift(state: &State, before: &Before) -> Option<Split> {
    let (home, have) = (&before.survey.route.split, state.healthy(&before.live));
    if have >= before.capacity || state.seen_split.as_ref() == Some(home) {
        return None;
    }
    let mut rest = before.serves(have).rest();
    let mut keep = |environment: &Environment| {
        let held = state.splits.iter().map(|split| split.share(environment)).min();
        let healthy = state.healthy(environment);
        let served = if have == 0 && healthy > 0 { Percent::FULL } else { before.serves(healthy) };
        let kept = held.unwrap_or_default().min(served).min(rest);
        rest = Percent::new(rest.get() - kept.get()).unwrap_or_default();
        (environment.clone(), kept)
    };
    let is_baseline = |side: &&Environment| **side != before.live && **side != before.candidate;
    let baseline = before.survey.sides.keys().find(is_baseline).map(&mut keep);
    let (candidate, kept) = keep(&before.candidate);
    let elsewhere = kept.get() + baseline.as_ref().map_or(0, |(_, share)| share.get());
    let live = Percent::new(elsewhere).unwrap_or_default().rest();
    if before.enough(live) >= before.capacity {
        return None;
    }
    let shares = [(candidate, kept), (before.live.clone(), live)];
    Split::new(shares.into_iter().chain(baseline)).ok()
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
