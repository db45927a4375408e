//! Rolling: the platform replaces the tasks of the live side, watched.

use super::{Hold, Move, Which, restore_scaling, set_back, suspend_scaling};
use crate::rollout::Plan;
use crate::rollout::state::Before;
use crate::{HookPoint, Percent};

pub(super) fn rolling(plan: &Plan, before: &Before) -> Vec<Move> {
    let mut script = Vec::new();
    let live = &before.live;
    let desired = before.side(live).service.desired;
    plan.push_hook(&mut script, HookPoint::ReconcileService, Percent::ZERO);
    suspend_scaling(before, &mut script);
    if plan.needs_registration() {
        script.push(Move::Register);
    }
    if let Some(approval) = &plan.approval {
        let text = format!(
            "Replace the {desired} tasks of {live}? Without a yes within {:?} nothing is replaced.",
            approval.within
        );
        script.push(Move::Approve { key: "replace".to_owned(), text });
    }
    plan.push_hook(&mut script, HookPoint::PreScaleUp, Percent::ZERO);
    let environment = live.clone();
    script.push(Move::Deploy { environment, revision: Which::New, desired });
    let (environment, revision) = (live.clone(), Some(Which::New));
    script.push(Move::AwaitCapacity { environment, enough: desired, revision });
    plan.push_hook(&mut script, HookPoint::PostScaleUp, Percent::FULL);
    plan.push_hook(&mut script, HookPoint::BakeTime, Percent::FULL);
    if !plan.bake.is_zero() {
        script.push(Move::Hold(Hold::Bake));
    }
    plan.push_hook(&mut script, HookPoint::CleanUp, Percent::FULL);
    set_back(before, live, &mut script);
    restore_scaling(before, &mut script);
    script.push(Move::Settle);
    script
}
