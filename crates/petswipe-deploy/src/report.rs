//! The report of a rollout: what was done, what was seen, and how it is now; worked out from its journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use petswipe_monitor::{BudgetPolicy, Finding, Gate, Judgement, Policy};
use petswipe_runbook::{EffectId, Event, History, Runbook};
use serde::{Deserialize, Serialize};

use crate::rollout::{Effect, Outcome, Output, Plan, State, Survey};
use crate::{Environment, Image, Percent, RevisionId, Split};

/// The report of one rollout, ended or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The operation.
    pub operation: String,
    /// The service.
    pub service: String,
    /// `canary`, `blue-green` or `rolling`; of a native deployment `native-canary` and the like.
    pub strategy: String,
    /// The revision that was to be taken out of service, if it was an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RevisionId>,
    /// `promoted`, `rolled-back`, `aborted`, `failed`, or `unfinished` for one that can be resumed.
    pub outcome: String,
    /// Why, for people.
    pub reason: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, or its last record.
    pub finished_at: Timestamp,
    /// How many times another driver went on with it.
    pub resumed: u32,
    /// Every stage that was begun.
    pub stages: Vec<StageReport>,
    /// Every regular look at the new version.
    pub checks: Vec<CheckReport>,
    /// What it might spend of error budgets, and what it spent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetReport>,
    /// What users saw, as far as somebody counted.
    pub traffic: Option<TrafficReport>,
    /// How often each action of the cloud's API was called by the driver that wrote this, where calls are counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, u64>,
    /// Every change that was made, in order.
    pub actions: Vec<ActionReport>,
    /// How it was before; `None` if that could not be found out.
    pub initial_state: Option<StateReport>,
    /// How it is now, as surveyed after the last change; `None` if nobody looked since, or nothing was begun.
    pub final_state: Option<StateReport>,
}

/// One stage as it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// `stage 1`, `bake` or `scale-down delay`.
    pub name: String,
    /// The new version's share of traffic in percent.
    pub weight: Percent,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it goes on.
    pub ended_at: Option<Timestamp>,
    /// The last verdict in it: `pass`, `fail`, `inconclusive`; `None` without any.
    pub verdict: Option<String>,
    /// What that verdict rests upon.
    pub evidence: Vec<Finding>,
}

/// One regular look at the new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// When its answer was recorded.
    pub at: Timestamp,
    /// The new version's share of traffic in percent.
    pub weight: Percent,
    /// `pass`, `fail` or `inconclusive`.
    pub verdict: String,
    /// The verdict in a sentence.
    pub text: String,
    /// What it rests upon.
    pub evidence: Vec<Finding>,
    /// Where the numbers are from, if from one of several sources: which answered, and why others did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// An error budget of which the new version might spend a share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// The name of the SLO.
    pub slo: String,
    /// What it promises.
    pub objective: String,
    /// The budget that the share is of, in bad requests.
    pub budget: f64,
    /// The share, above 0 and at most 1.
    pub share: f64,
    /// So many bad requests the new version may have: `budget` times `share`.
    pub allowance: f64,
    /// How many it had at the last check that counted them; `None` if there was none.
    pub spent: Option<u64>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionReport {
    /// When its intent was recorded.
    pub at: Timestamp,
    /// How long it took, in milliseconds; `None` if its outcome was never recorded.
    pub duration_ms: Option<u64>,
    /// What was done.
    pub action: String,
    /// How traffic was to be divided, in percent, if that was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Split>,
    /// `done`, or why it failed, or `unknown` if the driver died meanwhile.
    pub result: String,
}

/// How things stand at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateReport {
    /// How traffic is divided, in percent.
    pub weights: BTreeMap<Environment, Percent>,
    /// The environments.
    pub environments: BTreeMap<Environment, SideReport>,
    /// The revision that serves, if one environment takes everything.
    pub serving: Option<RevisionId>,
}

/// How one environment stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideReport {
    /// Its revision.
    pub revision: Option<RevisionId>,
    /// Its image.
    pub image: Option<Image>,
    /// How many tasks it shall run.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many take requests.
    pub healthy: u32,
}

/// What users saw, counted by whoever sent the requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrafficReport {
    /// Requests sent.
    pub requests: u64,
    /// Those that failed: 5xx, cut connections, time-outs.
    pub failed: u64,
    /// By the version that answered; `none` where nobody did.
    pub requests_by_version: BTreeMap<String, u64>,
    /// Failed ones by the version that answered.
    pub failed_by_version: BTreeMap<String, u64>,
    /// When each version answered last.
    #[serde(default)]
    pub last_answer_at: BTreeMap<String, Timestamp>,
    /// By stage, in order: name, requests, failed.
    pub by_stage: Vec<(String, u64, u64)>,
    /// Every second and version.
    pub series: Vec<TrafficPoint>,
}

/// What users saw of one version in one second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficPoint {
    /// The beginning of the second.
    pub at: Timestamp,
    /// The version that answered; `none` where nobody did.
    pub version: String,
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Median time to answer in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
}

impl Report {
    /// The report of what a journal holds.
    pub fn of(history: &History<Plan>) -> Self {
        let state = history.state();
        let plan = &history.opening.plan;
        let (outcome, reason) = match (&state.ended, &state.suspended) {
            (Some(outcome), _) => (outcome.word(), outcome.to_string()),
            (None, Some(why)) => ("unfinished", why.clone()),
            (None, None) => ("unfinished", "it stopped half-way; resume it".to_owned()),
        };
        let before = state.before.as_ref().map(|before| &before.survey);
        let initial = before.or_else(|| last_survey(history)).map(StateReport::of);
        let refused = matches!(state.ended, Some(Outcome::Refused { .. }));
        let checks = checks(history);
        Self {
            operation: history.opening.operation.to_string(),
            service: plan.service.clone(),
            strategy: plan.strategy.name().to_owned(),
            undoes: plan.undoes.clone(),
            outcome: outcome.to_owned(),
            reason,
            started_at: history.opening.at,
            finished_at: history.last_at(),
            resumed: count(history, |event| matches!(event, Event::Resumed { .. })),
            stages: stages(&state),
            budgets: budgets(&plan.policies, &checks),
            checks,
            traffic: None,
            calls: BTreeMap::new(),
            actions: actions(history),
            final_state: final_survey(history).map(StateReport::of).filter(|_| !refused),
            initial_state: initial,
        }
    }
}

impl StateReport {
    /// What a survey found.
    pub fn of(survey: &Survey) -> Self {
        let split: &Split = &survey.route.split;
        let sides = survey.sides.iter().map(|(environment, side)| {
            let service = &side.service;
            let report = SideReport {
                revision: service.revision.clone(),
                image: service.image.clone(),
                desired: service.desired,
                running: service.running,
                healthy: side.health.healthy,
            };
            (environment.clone(), report)
        });
        let weights = survey.sides.keys().map(|side| (side.clone(), split.share(side)));
        let serving = split.only().and_then(|live| survey.sides.get(live));
        Self {
            weights: weights.collect(),
            environments: sides.collect(),
            serving: serving.and_then(|side| side.service.revision.clone()),
        }
    }
}

type RolloutEvent = petswipe_runbook::EventOf<Plan>;

fn count(history: &History<Plan>, test: impl Fn(&RolloutEvent) -> bool) -> u32 {
    history.records.iter().filter(|recorded| test(&recorded.event)).count() as u32
}

fn stages(state: &State) -> Vec<StageReport> {
    let reports = state.stages.iter().map(|stage| StageReport {
        name: stage.name.clone(),
        weight: stage.weight,
        started_at: stage.started_at,
        ended_at: stage.ended_at,
        verdict: stage.verdict.as_ref().map(|verdict| verdict.word().to_owned()),
        evidence: stage.verdict.as_ref().map_or(Vec::new(), |verdict| verdict.evidence().to_vec()),
    });
    reports.collect()
}

/// What was surveyed last.
fn last_survey(history: &History<Plan>) -> Option<&Survey> {
    history.records.iter().rev().find_map(|recorded| surveyed(&recorded.event))
}

/// What was surveyed after the last change, if anything was: only that is how it is now.
fn final_survey(history: &History<Plan>) -> Option<&Survey> {
    let is_change = |event: &RolloutEvent| matches!(event, Event::Intended { effect, .. } if effect.is_change());
    let newest_first = history.records.iter().rev().map(|recorded| &recorded.event);
    newest_first.take_while(|event| !is_change(event)).find_map(surveyed)
}

fn surveyed(event: &RolloutEvent) -> Option<&Survey> {
    match event {
        Event::Succeeded { output: Output::Surveyed(survey), .. } => Some(survey),
        _ => None,
    }
}

fn checks(history: &History<Plan>) -> Vec<CheckReport> {
    let asked = |effect: &Effect| match effect {
        Effect::Look(look) => look.judge.as_ref().map(|judge| judge.weight),
        _ => None,
    };
    judgements(history, asked, |output| match output {
        Output::Seen(seen) => seen.judgement.as_ref(),
        _ => None,
    })
}

/// Every judgement in the journal of a runbook: `asked` says at which share of traffic an effect has the new version judged,
/// if it does, and `said` finds the judgement in what it answered.
pub(crate) fn judgements<R: Runbook>(
    history: &History<R>,
    asked: impl Fn(&R::Effect) -> Option<Percent>,
    said: impl Fn(&R::Output) -> Option<&Judgement>,
) -> Vec<CheckReport> {
    let mut weights = BTreeMap::<EffectId, Percent>::new();
    let mut checks = Vec::new();
    for recorded in &history.records {
        match &recorded.event {
            Event::Intended { id, effect, .. } => {
                if let Some(weight) = asked(effect) {
                    weights.insert(*id, weight);
                }
            }
            Event::Succeeded { id, output } => {
                if let (Some(judgement), Some(weight)) = (said(output), weights.get(id)) {
                    checks.push(CheckReport {
                        at: recorded.at,
                        weight: *weight,
                        verdict: judgement.verdict.word().to_owned(),
                        text: judgement.verdict.to_string(),
                        evidence: judgement.verdict.evidence().to_vec(),
                        sources: judgement.sources.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    checks
}

/// What was allowed of each error budget, and what the last check that counted said of it.
pub(crate) fn budgets(policies: &[Policy], checks: &[CheckReport]) -> Vec<BudgetReport> {
    let report = |policy: &BudgetPolicy| {
        let name = policy.name();
        let newest_first = checks.iter().rev().flat_map(|check| &check.evidence);
        let said = newest_first.filter(|finding| finding.metric == name).find_map(|one| one.value);
        BudgetReport {
            slo: policy.slo.clone(),
            objective: policy.objective.to_string(),
            budget: policy.budget,
            share: policy.share,
            allowance: policy.allowance(),
            // The finding is in percent of the budget; requests are whole.
            spent: said.map(|percent| (percent / 100.0 * policy.budget).round() as u64),
        }
    };
    let held = policies.iter().filter_map(|policy| match policy {
        Policy::Budget(policy) => Some(report(policy)),
        _ => None,
    });
    held.collect()
}

fn actions(history: &History<Plan>) -> Vec<ActionReport> {
    let is_change = |effect: &Effect| effect.is_change() || matches!(effect, Effect::Hook { .. });
    changes(history, is_change, |effect| match effect {
        Effect::Shift { to, .. } => Some(to.clone()),
        _ => None,
    })
}

/// Every change in the journal of a runbook, with what became of it: `split` says how an effect divides traffic, if it does.
pub(crate) fn changes<R: Runbook>(
    history: &History<R>,
    is_change: impl Fn(&R::Effect) -> bool,
    split: impl Fn(&R::Effect) -> Option<Split>,
) -> Vec<ActionReport>
where
    R::Effect: std::fmt::Display,
{
    let mut places = BTreeMap::<EffectId, usize>::new();
    let mut actions: Vec<ActionReport> = Vec::new();
    for recorded in &history.records {
        let (id, result) = match &recorded.event {
            Event::Intended { id, effect, .. } if is_change(effect) => {
                places.insert(*id, actions.len());
                actions.push(ActionReport {
                    at: recorded.at,
                    duration_ms: None,
                    action: effect.to_string(),
                    weights: split(effect),
                    result: "unknown: the driver died meanwhile".to_owned(),
                });
                continue;
            }
            Event::Succeeded { id, .. } => (id, "done".to_owned()),
            Event::Failed { id, failure } => (id, failure.message.clone()),
            _ => continue,
        };
        if let Some(action) = places.get(id).and_then(|place| actions.get_mut(*place)) {
            let took = recorded.at.duration_since(action.at).as_millis();
            action.duration_ms = u64::try_from(took).ok();
            action.result = result;
        }
    }
    actions
}
