//! Canary and blue-green: two sides, and traffic that moves from one to the other.

use super::{Hold, Move, Which, restore_scaling, restored, set_back, suspend_scaling};
use crate::rollout::state::Before;
use crate::rollout::{ApprovalPoint, Plan, Strategy};
use crate::{Environment, HookPoint, Percent, ScalingState, Split};

pub(super) fn forward(plan: &Plan, before: &Before) -> Vec<Move> {
    let mut script = Vec::new();
    let candidate = &before.candidate;
    let first = plan.stages.first().map_or(Percent::FULL, |stage| stage.weight);
    plan.push_hook(&mut script, HookPoint::ReconcileService, Percent::ZERO);
    plan.push_hook(&mut script, HookPoint::PreScaleUp, Percent::ZERO);
    suspend_scaling(before, &mut script);
    if plan.needs_registration() {
        script.push(Move::Register);
    }
    let mut tasks = plan.tasks(before, first);
    let candidate_side = (candidate, Which::New);
    let mut sides = vec![candidate_side];
    let baseline = plan.baseline.as_ref().filter(|_| has_baseline(first));
    sides.extend(baseline.map(|baseline| (baseline, Which::Live)));
    for (environment, revision) in &sides {
        let environment = (*environment).clone();
        script.push(Move::Deploy { environment, revision: revision.clone(), desired: tasks });
    }
    for (environment, revision) in &sides {
        script.push(await_capacity(environment, tasks, revision.clone()));
    }
    plan.push_hook(&mut script, HookPoint::PostScaleUp, Percent::ZERO);
    test(plan, before, &mut script);
    for (index, stage) in plan.stages.iter().enumerate() {
        let needed = plan.tasks(before, stage.weight);
        let baseline = plan.baseline.as_ref().filter(|_| has_baseline(stage.weight));
        if needed > tasks {
            tasks = needed;
            let mut sides = vec![(candidate, Which::New)];
            sides.extend(baseline.map(|baseline| (baseline, Which::Live)));
            for (environment, _) in &sides {
                let environment = (*environment).clone();
                script.push(Move::Scale { environment, desired: tasks });
            }
            for (environment, revision) in sides {
                script.push(await_capacity(environment, tasks, revision));
            }
        }
        approve(plan, before, index, &mut script);
        plan.push_hook(&mut script, HookPoint::ProductionTrafficShift, stage.weight);
        let to = split(before, stage.weight, baseline);
        // What is undone is no way back.
        script.push(Move::Guard { to: to.clone(), way_back: plan.undoes.is_none() });
        script.push(Move::Shift(to.clone()));
        script.push(Move::ReadBack(to));
        script.push(Move::Hold(Hold::Stage(index)));
        plan.push_hook(&mut script, HookPoint::PostProductionTrafficShift, stage.weight);
    }
    if let Some(baseline) = plan.baseline.as_ref().filter(|_| has_baseline(first)) {
        script.push(before.put_back(baseline, Which::Baseline));
    }
    plan.push_hook(&mut script, HookPoint::BakeTime, Percent::FULL);
    if !plan.bake.is_zero() {
        script.push(Move::Hold(Hold::Bake));
    }
    if !plan.scale_down_delay.is_zero() {
        script.push(Move::Hold(Hold::ScaleDownDelay));
    }
    plan.push_hook(&mut script, HookPoint::CleanUp, Percent::FULL);
    set_back(before, candidate, &mut script);
    script.push(Move::Guard { to: Split::all_to(candidate.clone()), way_back: false });
    retire(before, &mut script);
    script.push(Move::Settle);
    script
}

/// The old side keeps what the new one had before, and each gets the auto scaling that belongs to its part: the new one
/// first, so that what serves is never left without its minimum.
fn retire(before: &Before, script: &mut Vec<Move>) {
    let scale = Move::Scale { environment: before.live.clone(), desired: before.retired() };
    let Some([new, old]) = before.scaling_handed_over() else {
        script.push(scale);
        return restore_scaling(before, script);
    };
    // What was suspended and stays so was never touched.
    let hand_over = |(side, state): (&Environment, &ScalingState)| {
        let had = before.side(side).scaling.as_ref();
        let changes = had != Some(state) || !state.suspended;
        changes.then(|| restored(side, state))
    };
    script.extend(hand_over(new));
    script.push(scale);
    script.extend(hand_over(old));
    let mut all = Vec::new();
    restore_scaling(before, &mut all);
    let of_others = |one: &Move| {
        matches!(one, Move::RestoreScaling { environment, .. }
            if *environment != before.live && *environment != before.candidate)
    };
    script.extend(all.into_iter().filter(of_others));
}

/// Whether a baseline of the same share fits beside a canary of this share.
fn has_baseline(weight: Percent) -> bool {
    weight.get() <= 50
}

fn split(before: &Before, weight: Percent, baseline: Option<&Environment>) -> Split {
    let Some(baseline) = baseline else {
        return Split::between(before.candidate.clone(), weight, before.live.clone());
    };
    let live = Percent::new(100 - 2 * weight.get()).unwrap_or_default();
    let shares = [
        (before.candidate.clone(), weight),
        (baseline.clone(), weight),
        (before.live.clone(), live),
    ];
    // The three sum to 100 as long as twice the weight does not exceed it.
    Split::new(shares)
        .unwrap_or_else(|_| Split::between(before.candidate.clone(), weight, before.live.clone()))
}

fn await_capacity(environment: &Environment, enough: u32, revision: Which) -> Move {
    Move::AwaitCapacity { environment: environment.clone(), enough, revision: Some(revision) }
}

fn test(plan: &Plan, before: &Before, script: &mut Vec<Move>) {
    if !plan.has_test_traffic() {
        return;
    }
    script.push(Move::TestRoute(Some(before.candidate.clone())));
    plan.push_hook(script, HookPoint::TestTrafficShift, Percent::ZERO);
    if plan.smoke.is_some() {
        script.push(Move::Smoke);
    }
    plan.push_hook(script, HookPoint::PostTestTrafficShift, Percent::ZERO);
    script.push(Move::TestRoute(before.survey.route.test.clone()));
}

fn approve(plan: &Plan, before: &Before, index: usize, script: &mut Vec<Move>) {
    let Some(approval) = &plan.approval else { return };
    let due = match approval.before {
        ApprovalPoint::FirstTraffic => index == 0,
        ApprovalPoint::AllTraffic => index + 1 == plan.stages.len(),
    };
    if due {
        let weight = plan.stages[index].weight;
        let verb = if plan.strategy == Strategy::BlueGreen { "Switch" } else { "Shift" };
        let (candidate, live) = (&before.candidate, &before.live);
        script.push(Move::Approve {
            key: format!("stage-{}", index + 1),
            text: format!(
                "{verb} {weight} of production traffic of {} from {live} to {candidate}? \
                 Without a yes within {:?} the rollout goes back.",
                plan.service, approval.within
            ),
        });
    }
}
