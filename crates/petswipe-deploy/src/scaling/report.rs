//! The report of a scaling operation, worked out from its journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use petswipe_runbook::{Event, History};
use serde::{Deserialize, Serialize};

use super::core::{Outcome, ScalePlan, Seen};

/// The report of one scaling operation, ended or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleReport {
    /// The operation.
    pub operation: String,
    /// The service.
    pub service: String,
    /// `service`, `database` or `tracking`.
    pub kind: String,
    /// What was asked for, in words.
    pub change: String,
    /// Whether it undoes another operation.
    pub undo: bool,
    /// `done`, `refused`, `aborted`, `stopped`, or `unfinished` for one that can be resumed.
    pub outcome: String,
    /// Why, for people.
    pub reason: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, or its last record.
    pub finished_at: Timestamp,
    /// How many times another driver went on with it.
    pub resumed: u32,
    /// How often each action of the cloud's API was called by the driver that wrote this, where calls are counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, u64>,
    /// Every change that was made, in order.
    pub actions: Vec<ScaleAction>,
    /// How it was before; `None` if that could not be found out.
    pub initial_state: Option<Seen>,
    /// How the last look found it.
    pub final_state: Option<Seen>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleAction {
    /// When its intent was recorded.
    pub at: Timestamp,
    /// How long it took, in milliseconds; `None` if its outcome was never recorded.
    pub duration_ms: Option<u64>,
    /// What was done.
    pub action: String,
    /// `done`, or why it failed, or `unknown` if the driver died meanwhile.
    pub result: String,
}

impl ScaleReport {
    /// The report of what a journal holds.
    pub fn of(history: &History<ScalePlan>) -> Self {
        let (opening, state) = (&history.opening, history.state());
        let mut actions = Vec::new();
        let mut ids = Vec::new();
        let mut resumed = 0;
        for recorded in &history.records {
            match &recorded.event {
                Event::Intended { id, effect, .. } if effect.is_change() => {
                    ids.push(*id);
                    actions.push(ScaleAction {
                        at: recorded.at,
                        duration_ms: None,
                        action: effect.to_string(),
                        result: "unknown".to_owned(),
                    });
                }
                Event::Succeeded { id, .. } | Event::Failed { id, .. } => {
                    let place = ids.iter().position(|known| known == id);
                    if let Some(action) = place.and_then(|place| actions.get_mut(place)) {
                        let took = recorded.at.duration_since(action.at).as_millis();
                        action.duration_ms = u64::try_from(took).ok();
                        action.result = match &recorded.event {
                            Event::Failed { failure, .. } => failure.message.clone(),
                            _ => "done".to_owned(),
                        };
                    }
                }
                Event::Resumed { .. } => resumed += 1,
                _ => {}
            }
        }
        let outcome = history.outcome();
        let left = outcome.and_then(Outcome::left).cloned();
        Self {
            operation: opening.operation.to_string(),
            service: opening.plan.service.clone(),
            kind: opening.plan.change.kind().to_owned(),
            change: opening.plan.change.to_string(),
            undo: opening.plan.undoes.is_some(),
            outcome: outcome.map_or("unfinished", Outcome::word).to_owned(),
            reason: outcome.map_or_else(|| "it can be resumed".to_owned(), Outcome::to_string),
            started_at: opening.at,
            finished_at: history.last_at(),
            resumed,
            calls: BTreeMap::new(),
            actions,
            initial_state: state.before,
            final_state: left.or(state.last),
        }
    }
}
