//! The real core with one bug planted around it: what it decides, what it is told, or its script is corrupted.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::{
    Direction, Effect, Environment, Hold, Image, Look, Move, Outcome, Output, Percent, Plan, Seen,
    Split, State, Which,
};
use petswipe_monitor::{Verdict, Window};
use petswipe_runbook::{Decision, EffectId, Error, Event, EventOf, Runbook};
use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Bug {
    None,
    SkipsTheGuard,
    ShiftsBeforeThereAreTasks,
    ScalesDownBeforeTheBake,
    SkipsAStageOnResume,
    RepeatsAStageOnResume,
    CountsTheTimeWithoutADriver,
    EndsStagesEarlyOnAnyPass,
    IgnoresAFail,
    PromotesWhenInconclusive,
    GoesBackInSmallSteps,
    GoesBackTasksFirst,
    LeavesTheNewSideRunning,
    ForgetsAutoScaling,
    OverwritesForeignWeights,
    TrustsStaleAnswers,
    WaitsForTasksForEver,
    WaitsForAVerdictForEver,
    TakesANoForAYes,
    IgnoresAborts,
    RegistersTheOldImage,
    ReadsNothingBack,
}

impl Bug {
    /// Whether it makes the core wait for what never comes.
    pub(super) fn waits(self) -> bool {
        matches!(
            self,
            Self::WaitsForTasksForEver
                | Self::WaitsForAVerdictForEver
                | Self::LeavesTheNewSideRunning
                | Self::ForgetsAutoScaling
        )
    }
}

/// A plan whose core has a bug.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Planted {
    pub(super) plan: Plan,
    pub(super) bug: Bug,
}

#[derive(Clone, Debug)]
pub(super) struct PlantedState {
    pub(super) inner: State,
    /// The script as it was corrupted: where the core has another one, that is a new one.
    corrupted: Vec<Move>,
    looks: BTreeMap<EffectId, Look>,
    /// What was commanded last.
    split: Option<Split>,
    last_at: Timestamp,
}

type Happened = EventOf<Planted>;

impl Runbook for Planted {
    type State = PlantedState;
    type Effect = Effect;
    type Output = Output;
    type Outcome = Outcome;
    const KIND: &'static str = "planted rollout";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), Error> {
        Runbook::validate(&self.plan)
    }

    fn begin(&self, at: Timestamp) -> PlantedState {
        PlantedState {
            inner: self.plan.begin(at),
            corrupted: Vec::new(),
            looks: BTreeMap::new(),
            split: None,
            last_at: at,
        }
    }

    fn decide(&self, state: &PlantedState, now: Timestamp) -> Decision<Effect, Outcome> {
        let mut decision = self.plan.decide(&state.inner, now);
        if let Decision::Perform(steps) = &mut decision {
            for step in steps {
                self.change_effect(&mut step.effect);
            }
        }
        decision
    }

    fn evolve(&self, state: &mut PlantedState, event: &Happened, at: Timestamp) {
        match event {
            Event::Intended { id, effect: Effect::Look(look), .. } => {
                state.looks.insert(*id, look.clone());
            }
            Event::Intended { effect: Effect::Shift { to, .. }, .. } => {
                state.split = Some(to.clone());
            }
            _ => {}
        }
        let resumed = matches!(event, Event::Resumed { .. });
        let mut told_at = at;
        if self.bug == Bug::CountsTheTimeWithoutADriver && resumed {
            told_at = state.last_at;
        }
        if let Some(event) = self.change_event(state, event, at) {
            self.plan_that_is_believed().evolve(&mut state.inner, &event, told_at);
        }
        state.last_at = at;
        if state.inner.script != state.corrupted {
            self.change_script(&mut state.inner);
            state.corrupted.clone_from(&state.inner.script);
        }
        if resumed && state.inner.direction == Direction::Forward {
            self.change_place(&mut state.inner);
            state.corrupted.clone_from(&state.inner.script);
        }
    }
}

impl Planted {
    fn plan_that_is_believed(&self) -> Plan {
        let mut plan = self.plan.clone();
        let for_ever = Duration::from_secs(60 * 60 * 24 * 365);
        match self.bug {
            Bug::WaitsForTasksForEver => plan.capacity.deadline = for_ever,
            Bug::WaitsForAVerdictForEver => plan.patience = for_ever,
            _ => {}
        }
        plan
    }

    fn change_effect(&self, effect: &mut Effect) {
        match (self.bug, effect) {
            (Bug::OverwritesForeignWeights, Effect::Shift { expected, .. }) => {
                let [a, b] = self.plan.environments.clone();
                let share = |share| Percent::new(share).unwrap();
                let all = (0..=100).map(|n| Split::between(a.clone(), share(n), b.clone()));
                expected.extend(all);
            }
            (Bug::RegistersTheOldImage, Effect::Register { image, .. }) => {
                *image = Image::new("shop:v1").unwrap();
            }
            _ => {}
        }
    }

    /// What the core is told instead of what happened; `None` for nothing at all.
    fn change_event(
        &self,
        state: &PlantedState,
        event: &Happened,
        at: Timestamp,
    ) -> Option<Happened> {
        let mut event = event.clone();
        match (self.bug, &mut event) {
            (Bug::IgnoresAborts, Event::AbortRequested { .. }) => return None,
            (Bug::TakesANoForAYes, Event::Answered { answer, .. }) => answer.approved = true,
            (Bug::OverwritesForeignWeights, Event::Succeeded { output, .. }) => {
                let route = match output {
                    Output::Seen(seen) => seen.route.as_mut(),
                    Output::Surveyed(survey) => Some(&mut survey.route),
                    _ => None,
                };
                if let (Some(route), Some(split)) = (route, &state.split) {
                    route.split = split.clone();
                }
            }
            (_, Event::Succeeded { id, output: Output::Seen(seen) }) => {
                self.change_look(state.looks.get(id), seen, at);
            }
            _ => {}
        }
        Some(event)
    }

    fn change_look(&self, look: Option<&Look>, seen: &mut Seen, at: Timestamp) {
        let started = look.and_then(|look| look.judge.as_ref()).map(|judge| judge.started);
        if self.bug == Bug::TrustsStaleAnswers {
            if let Some(route) = &mut seen.route {
                route.observed_at = at;
            }
            for side in &mut seen.sides {
                if let Some(service) = &mut side.service {
                    service.observed_at = at;
                }
                if let Some(health) = &mut side.health {
                    health.observed_at = at;
                }
            }
        }
        let (Some(judgement), Some(started)) = (&mut seen.judgement, started) else { return };
        judgement.settled |=
            self.bug == Bug::EndsStagesEarlyOnAnyPass && judgement.verdict.is_pass();
        let evidence = judgement.verdict.evidence().to_vec();
        let passes = match (self.bug, &judgement.verdict) {
            (Bug::IgnoresAFail, verdict) => verdict.is_fail(),
            (Bug::PromotesWhenInconclusive, verdict) => !verdict.is_fail(),
            (Bug::TrustsStaleAnswers, verdict) => verdict.is_pass(),
            _ => false,
        };
        if passes {
            judgement.verdict = Verdict::Pass { evidence };
            judgement.covered = Window { from: started, to: at };
        }
    }

    /// Corrupts a script that the core has just made.
    fn change_script(&self, state: &mut State) {
        let Some(before) = &state.before else { return };
        let (live, candidate) = (before.live.clone(), before.candidate.clone());
        let goes_back = matches!(state.direction, Direction::Back(_));
        let script = &mut state.script;
        match self.bug {
            Bug::SkipsTheGuard => script.retain(|step| !matches!(step, Move::Guard { .. })),
            Bug::ShiftsBeforeThereAreTasks => script
                .retain(|step| !matches!(step, Move::Guard { .. } | Move::AwaitCapacity { .. })),
            Bug::ReadsNothingBack => script.retain(|step| !matches!(step, Move::ReadBack(_))),
            Bug::ForgetsAutoScaling => {
                script.retain(|step| !matches!(step, Move::RestoreScaling { .. }));
            }
            Bug::ScalesDownBeforeTheBake => {
                let bake = script.iter().position(|step| *step == Move::Hold(Hold::Bake));
                if let Some(bake) = bake {
                    script.insert(bake, Move::Scale { environment: live, desired: 0 });
                }
            }
            Bug::GoesBackInSmallSteps if goes_back => small_step(script, &live, &candidate),
            Bug::GoesBackTasksFirst if goes_back => {
                script
                    .sort_by_key(|step| !matches!(step, Move::Deploy { .. } | Move::Scale { .. }));
            }
            Bug::LeavesTheNewSideRunning if goes_back => {
                let old = |step: &Move| matches!(step, Move::Deploy { revision: Which::Idle, .. });
                script.retain(|step| !old(step));
            }
            _ => {}
        }
    }

    /// Corrupts where a resumed core goes on.
    fn change_place(&self, state: &mut State) {
        let Some(Move::Hold(Hold::Stage(stage))) = state.current().cloned() else { return };
        let hold_of = |stage| {
            let wanted = Move::Hold(Hold::Stage(stage));
            state.script.iter().position(|step| *step == wanted)
        };
        match self.bug {
            Bug::SkipsAStageOnResume => {
                if let Some(next) = hold_of(stage + 1) {
                    state.script.drain(state.cursor + 1..=next);
                }
            }
            Bug::RepeatsAStageOnResume if stage > 0 => {
                // The shift and its read-back come right before the hold.
                if let Some(before) = hold_of(stage - 1) {
                    state.cursor = before - 2;
                }
            }
            _ => {}
        }
    }
}

/// Half of the way first.
fn small_step(script: &mut Vec<Move>, live: &Environment, candidate: &Environment) {
    let half = Split::between(live.clone(), Percent::new(99).unwrap(), candidate.clone());
    if let Some(Move::Shift(_)) = script.first() {
        script.splice(0..0, [Move::Shift(half.clone()), Move::ReadBack(half)]);
    }
}
