//! A dry run: the same core, driven against a recording cloud in virtual time. Its output is the plan a person reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_monitor::{AbsolutePolicy, Policy};
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{
    AutoApprover, Clock, Driver, EffectContext, Event, EventOf, Failure, Journaled, OperationId,
    Performer, Recorded,
};
use serde::{Deserialize, Serialize};

use crate::memory::{Behaviour, MemoryCloud};
use crate::rollout::{Direction, Effect, Hold, Move, Outcome, Output, Plan, State, Survey, Target};
use crate::{AlwaysContinue, Error, Image, Objection, Preflight, RolloutPerformer};

/// What a rollout would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// Every change on the way forward, in order.
    pub forward: Vec<PlannedChange>,
    /// Every change on the way back if the new version turned out bad in its last stage, in order.
    pub back: Vec<PlannedChange>,
}

/// One change of a dry run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// How long after the start it comes at the earliest.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub after: Duration,
    /// What must hold first.
    pub when: Vec<String>,
    /// The change.
    pub change: String,
}

/// Carries a plan out against a copy of what `survey` found, in which the new version behaves well, and once more with
/// a version that fails at the end.
///
/// # Errors
/// [`Error::InvalidPlan`] for a plan that is not valid, or that would be refused in this state, with the reasons.
pub fn dry_run(plan: &Plan, survey: &Survey) -> Result<DryRun, Error> {
    plan.validate()?;
    let good = rehearse(plan, survey, None)?;
    let whole = good.last().map_or(Duration::ZERO, |(_, change)| change.after);
    // Just before the old side goes, so that everything there is has to be put back.
    let kept = plan.bake + plan.scale_down_delay;
    let fail_at = whole.saturating_sub(kept + plan.check_interval);
    let bad = rehearse(plan, survey, Some(fail_at))?;
    let only = |changes: Vec<(bool, PlannedChange)>, back: bool| {
        changes
            .into_iter()
            .filter(|(is_back, _)| *is_back == back)
            .map(|(_, change)| change)
            .collect()
    };
    Ok(DryRun { forward: only(good, false), back: only(bad, true) })
}

/// A performer whose new version turns bad at some time.
struct Rehearsal {
    performer: RolloutPerformer,
    cloud: Arc<MemoryCloud>,
    clock: Arc<SimClock>,
    turns_bad: Option<(Timestamp, Image)>,
}

#[async_trait]
impl Performer<Plan> for Rehearsal {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Output, Failure> {
        if let Some((at, image)) = &self.turns_bad
            && self.clock.now() >= *at
        {
            let bad = Behaviour { error_rate: 1.0, ..Behaviour::default() };
            self.cloud.add_image(image.clone(), bad);
        }
        self.performer.perform(context, effect).await
    }
}

/// What spoke against it when the system was looked at.
struct Found(Vec<Objection>);

#[async_trait]
impl Preflight for Found {
    async fn objections(&self) -> Result<Vec<Objection>, Error> {
        Ok(self.0.clone())
    }
}

fn rehearse(
    plan: &Plan,
    survey: &Survey,
    turns_bad_after: Option<Duration>,
) -> Result<Vec<(bool, PlannedChange)>, Error> {
    let began = survey.route.observed_at;
    let clock = Arc::new(SimClock::new(began));
    let image = match (&plan.target, &survey.image) {
        (_, Some(image)) | (Target::Image(image), None) => image.clone(),
        (Target::Revision(revision), None) => Image::new(revision.as_str())?,
    };
    let mut plan = plan.clone();
    if let Target::Image(target) = &mut plan.target {
        *target = image.clone();
    }
    let cloud = Arc::new(MemoryCloud::copy_of(clock.clone(), survey, &plan.target, &image)?);
    let mut performer = RolloutPerformer::new(
        cloud.clone(),
        Arc::new(Policy::gate(&[Policy::Absolute(AbsolutePolicy::default())])),
    )
    .hooks(Arc::new(AlwaysContinue));
    performer.preflight = Some(Arc::new(Found(survey.objections.clone())));
    let turns_bad = turns_bad_after.and_then(|after| began.saturating_add(after).ok());
    let rehearsal = Arc::new(Rehearsal {
        performer,
        cloud,
        clock: clock.clone(),
        turns_bad: turns_bad.map(|at| (at, image)),
    });
    let changes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&changes);
    let note = move |plan: &Plan, recorded: &Recorded<EventOf<Plan>>, state: &State| {
        if let Event::Intended { effect, .. } = &recorded.event
            && effect.is_change()
        {
            let after = Duration::try_from(recorded.at.duration_since(began)).unwrap_or_default();
            // It gets its real name only when it is registered.
            let change = match (&plan.target, &state.revision) {
                (Target::Image(_), Some(new)) => {
                    effect.to_string().replace(new.as_str(), "the new revision")
                }
                _ => effect.to_string(),
            };
            let change = PlannedChange { after, when: conditions(plan, state), change };
            let back = state.direction != Direction::Forward;
            seen.lock().unwrap_or_else(PoisonError::into_inner).push((back, change));
        }
    };
    let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
    let driver = Driver::with_clock(log, rehearsal, clock.clone())
        .approver(Arc::new(AutoApprover { by: "dry run".to_owned() }))
        .observer(Arc::new(note));
    let operation =
        OperationId::new("dry-run").map_err(|error| Error::backend("dry run", error))?;
    let ended = match clock.run(driver.start(operation, plan)) {
        Some(Ok(completed)) => completed.outcome,
        Some(Err(halted)) => return Err(Error::backend("rehearsing the rollout", halted.error)),
        None => return Err(Error::backend("rehearsing the rollout", "it waits for ever")),
    };
    match ended {
        Outcome::Refused { reasons } => {
            Err(Error::invalid("state of the system", reasons.join("; "), "see the reasons"))
        }
        _ => Ok(changes.lock().unwrap_or_else(PoisonError::into_inner).clone()),
    }
}

/// What stands between the change before and the one that is about to be made.
fn conditions(plan: &Plan, state: &State) -> Vec<String> {
    let done = &state.script[..state.cursor.min(state.script.len())];
    let waits = done.iter().rev().map_while(|step| condition(plan, step));
    let mut waits: Vec<_> = waits.collect();
    waits.reverse();
    waits
}

/// What a move that changes nothing waits for; `None` for one that changes something.
fn condition(plan: &Plan, step: &Move) -> Option<String> {
    Some(match step {
        Move::Hook { point, .. } => format!("hook {point} agrees"),
        Move::AwaitCapacity { environment, enough, .. } => {
            let (s, are) = if *enough == 1 { ("", "is") } else { ("s", "are") };
            format!("{enough} task{s} of {environment} {are} healthy")
        }
        Move::Smoke => "the smoke test passes".to_owned(),
        Move::Approve { .. } => "a person says yes".to_owned(),
        Move::Guard { way_back: true, .. } => {
            "every side has enough healthy tasks, also for the way back".to_owned()
        }
        Move::Guard { .. } => "the new version still has enough healthy tasks".to_owned(),
        Move::ReadBack(split) => format!("the weights read back as {split}"),
        Move::Hold(Hold::Stage(index)) => {
            let stage = &plan.stages[*index];
            format!("{} has been judged well for {:?}", stage.weight, stage.duration)
        }
        Move::Hold(Hold::Bake) => format!("100 % has baked well for {:?}", plan.bake),
        Move::Hold(Hold::ScaleDownDelay) => {
            format!("the old side was kept for {:?} more", plan.scale_down_delay)
        }
        Move::Settle => "everything is as it should be".to_owned(),
        _ => return None,
    })
}
