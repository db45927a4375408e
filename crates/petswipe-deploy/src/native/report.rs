//! The report of a native deployment, of the same form as that of every other strategy.

use std::collections::BTreeMap;

use petswipe_runbook::{Event, History};

use super::core::NativePlan;
use super::core::NativeState;
use super::core::{NativeEffect, NativeOutput, NativeSurvey};
use crate::report::{
    ActionReport, CheckReport, Report, SideReport, StageReport, StateReport, budgets, changes,
    judgements,
};
use crate::rollout::Outcome;
use crate::{Percent, Split};

impl NativePlan {
    /// The report of what a journal holds: the platform's stages as stages, our looks as checks.
    pub fn report(history: &History<Self>) -> Report {
        let state = history.state();
        let plan = &history.opening.plan;
        let (outcome, reason) = match (&state.ended, &state.suspended) {
            (Some(outcome), _) => (outcome.word(), outcome.to_string()),
            (None, Some(why)) => ("unfinished", why.clone()),
            (None, None) => ("unfinished", "it stopped half-way; resume it".to_owned()),
        };
        let refused = matches!(state.ended, Some(Outcome::Refused { .. }));
        let resumed = history.records.iter();
        let resumed = resumed.filter(|it| matches!(it.event, Event::Resumed { .. })).count();
        let checks = checks(history);
        Report {
            operation: history.opening.operation.to_string(),
            service: plan.service.clone(),
            strategy: plan.strategy.name().to_owned(),
            undoes: plan.undoes.clone(),
            outcome: outcome.to_owned(),
            reason,
            started_at: history.opening.at,
            finished_at: history.last_at(),
            resumed: u32::try_from(resumed).unwrap_or(u32::MAX),
            stages: stages(&state, history),
            budgets: budgets(&plan.policies, &checks),
            checks,
            traffic: None,
            calls: BTreeMap::new(),
            actions: actions(history),
            initial_state: first_survey(history).map(|survey| plan.state_report(survey)),
            final_state: final_survey(history)
                .map(|survey| plan.state_report(survey))
                .filter(|_| !refused),
        }
    }

    /// What a survey found: everything goes to the side by which the service serves.
    pub fn state_report(&self, survey: &NativeSurvey) -> StateReport {
        let service = &survey.service;
        let live = &service.live;
        let sides = self.sides.iter().map(|side| {
            let serves = side == live;
            let report = SideReport {
                revision: service.revision.clone().filter(|_| serves),
                image: service.image.clone().filter(|_| serves),
                desired: if serves { service.desired } else { 0 },
                running: if serves { service.running } else { 0 },
                healthy: if serves { service.running } else { 0 },
            };
            (side.clone(), report)
        });
        let weight = |side| if side == live { Percent::FULL } else { Percent::ZERO };
        StateReport {
            weights: self.sides.iter().map(|side| (side.clone(), weight(side))).collect(),
            environments: sides.collect(),
            serving: service.revision.clone().filter(|_| self.sides.contains(live)),
        }
    }
}

fn stages(state: &NativeState, history: &History<NativePlan>) -> Vec<StageReport> {
    let over = state.ended.is_some().then(|| history.last_at());
    let reports = state.stages.iter().map(|stage| StageReport {
        name: stage.name.clone(),
        weight: stage.weight,
        started_at: stage.started_at,
        ended_at: stage.ended_at.or(over),
        verdict: stage.verdict.as_ref().map(|verdict| verdict.word().to_owned()),
        evidence: stage.verdict.as_ref().map_or(Vec::new(), |verdict| verdict.evidence().to_vec()),
    });
    reports.collect()
}

type NativeEvent = petswipe_runbook::EventOf<NativePlan>;

fn surveyed(event: &NativeEvent) -> Option<&NativeSurvey> {
    match event {
        Event::Succeeded { output: NativeOutput::Surveyed(survey), .. } => Some(survey),
        _ => None,
    }
}

fn first_survey(history: &History<NativePlan>) -> Option<&NativeSurvey> {
    history.records.iter().find_map(|recorded| surveyed(&recorded.event))
}

/// What was surveyed after the last change, if anything was: only that is how it is now.
fn final_survey(history: &History<NativePlan>) -> Option<&NativeSurvey> {
    let is_change =
        |event: &NativeEvent| matches!(event, Event::Intended { effect, .. } if effect.is_change());
    let newest_first = history.records.iter().rev().map(|recorded| &recorded.event);
    newest_first.take_while(|event| !is_change(event)).find_map(surveyed)
}

fn checks(history: &History<NativePlan>) -> Vec<CheckReport> {
    let asked = |effect: &NativeEffect| match effect {
        NativeEffect::Look { judge, .. } => judge.as_ref().map(|judge| judge.weight),
        _ => None,
    };
    judgements(history, asked, |output| match output {
        NativeOutput::Seen(seen) => seen.judgement.as_ref(),
        _ => None,
    })
}

fn actions(history: &History<NativePlan>) -> Vec<ActionReport> {
    let plan = &history.opening.plan;
    let live = first_survey(history).map(|survey| &survey.service.live);
    let live = live.filter(|live| plan.sides.contains(live));
    changes(history, NativeEffect::is_change, |effect| match effect {
        NativeEffect::Stop { .. } => live.cloned().map(Split::all_to),
        _ => None,
    })
}
