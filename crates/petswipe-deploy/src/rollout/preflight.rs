//! The examination before the first change: is there exactly one live side, can it carry everything, is nothing else
//! going on? Pure.

use super::state::Before;
use super::{Plan, Strategy, Survey, Target};
use crate::{DeploymentState, Environment};

/// The facts that everything else rests upon, or all reasons not to begin.
pub(super) fn examine(plan: &Plan, survey: &Survey) -> Result<Before, Vec<String>> {
    let mut reasons = Vec::new();
    for environment in plan.all_environments() {
        if !survey.sides.contains_key(&environment) {
            reasons.push(format!("{environment} was not found"));
        }
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let split = &survey.route.split;
    let live = match split.only() {
        Some(live) if plan.environments.contains(live) => live.clone(),
        found => {
            let [a, b] = &plan.environments;
            let what = match found {
                Some(other) => format!("all traffic goes to {other}"),
                None => format!(
                    "both sides are live: the weights are {split}, as where a rollout has not ended, which its journal resumes"
                ),
            };
            return Err(vec![format!("{what}; allowed: 100 % to either {a} or {b}")]);
        }
    };
    let [a, b] = &plan.environments;
    let candidate = if live == *a { b.clone() } else { a.clone() };
    let side = &survey.sides[&live];
    if side.service.desired == 0 {
        reasons.push(format!("the live side {live} has a desired count of 0; allowed: at least 1"));
    }
    let undoes = plan.undoes.is_some();
    if side.health.healthy == 0 && !undoes {
        let unhealthy = side.health.unhealthy;
        reasons.push(format!(
            "the live side {live} has 0 healthy tasks ({unhealthy} unhealthy); allowed: at least 1"
        ));
    }
    let rolling = matches!(plan.strategy, Strategy::Rolling { .. });
    let taking_part = if rolling { vec![&live] } else { survey.sides.keys().collect() };
    for environment in taking_part {
        let service = &survey.sides[environment].service;
        if service.deployment == DeploymentState::InProgress {
            reasons.push(format!(
                "another deployment is in progress on {environment}; wait until it is done"
            ));
        }
    }
    if !rolling && !undoes {
        reasons.extend(unfit_scaling(survey, &live, &candidate));
    }
    if let (Target::Revision(revision), Some(served)) = (&plan.target, &side.service.revision)
        && revision == served
    {
        reasons.push(format!("{revision} already serves all traffic from {live}"));
    }
    if let (Some(undone), Some(served)) = (&plan.undoes, &side.service.revision)
        && undone != served
    {
        reasons.push(format!("{served} serves, not {undone}, which is to be undone"));
    }
    let baseline_in_use = |baseline: &&Environment| survey.sides[*baseline].service.desired > 0;
    if let Some(baseline) = plan.baseline.as_ref().filter(baseline_in_use) {
        reasons.push(format!("the baseline {baseline} already runs tasks; scale it to 0 first"));
    }
    let against = survey.objections.iter().filter(|objection| objection.concerns(plan));
    reasons.extend(against.map(|objection| objection.text.clone()));
    match &side.service.revision {
        None => reasons.push(format!("the live side {live} runs no known revision")),
        Some(revision) if reasons.is_empty() => {
            let revision = revision.clone();
            let healthy = side.health.healthy;
            let capacity = if undoes { healthy.max(side.service.desired) } else { healthy };
            return Ok(Before { live, candidate, revision, capacity, survey: survey.clone() });
        }
        Some(_) => {}
    }
    Err(reasons)
}

/// Why the auto scaling of the sides can't be handed over from one to the other.
fn unfit_scaling(survey: &Survey, live: &Environment, candidate: &Environment) -> Vec<String> {
    let mut reasons = Vec::new();
    let scaling = |side: &Environment| survey.sides[side].scaling.as_ref();
    if scaling(live).is_some() != scaling(candidate).is_some() {
        let (with, without) =
            if scaling(live).is_some() { (live, candidate) } else { (candidate, live) };
        reasons.push(format!(
            "{with} has auto scaling and {without} has none: after the rollout it would be on the wrong side; set up both \
             (the idle one with a minimum of 0, or suspended) or neither"
        ));
    }
    for (environment, side) in &survey.sides {
        let desired = side.service.desired;
        let active = side.scaling.as_ref().filter(|scaling| !scaling.suspended);
        if let Some(scaling) = active.filter(|scaling| desired < scaling.minimum) {
            let minimum = scaling.minimum;
            reasons.push(format!(
                "auto scaling keeps at least {minimum} tasks of {environment}, which shall run {desired}: it would start \
                 others in the middle; lower its minimum, or suspend it"
            ));
        }
    }
    reasons
}
