//! What is known of a rollout: folded from events, never stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::{Carried, Verdict};
use petswipe_runbook::{EffectId, InFlight};
use serde::Serialize;

use super::decide::is_watch;
use super::script::{Hold, Move, Which};
use super::{Cause, Effect, Outcome, Plan, Strategy, Survey, SurveyedSide, Target};
use crate::{Environment, HookPoint, Percent, Replacement, RevisionId, ScalingState, Split};

/// Which way it goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Direction {
    /// Looking at everything before the first change.
    Starting,
    /// To the new version.
    Forward,
    /// Back to how it was.
    Back(Cause),
    /// Leaving the weights to whoever changed them.
    Stopping {
        /// What was found.
        reason: String,
    },
}

/// The state of a rollout.
#[derive(Clone, Debug)]
pub struct State {
    /// Which way it goes.
    pub direction: Direction,
    /// How it was before the first change.
    pub before: Option<Before>,
    /// The new revision, once it is known.
    pub revision: Option<RevisionId>,
    /// The moves in this direction.
    pub script: Vec<Move>,
    /// Which of them is being made.
    pub cursor: usize,
    /// The new version's share of traffic in the stage that was begun last, as it was read back. It stays what it was
    /// on the way back.
    pub weight: Percent,
    /// Every stage that was begun, for reports.
    pub stages: Vec<StageRecord>,
    /// The last survey: how it is now, once it is over.
    pub last_survey: Option<Survey>,
    /// How it ended.
    pub ended: Option<Outcome>,
    /// What a person has to mend before it can go on.
    pub suspended: Option<String>,
    pub(super) step: Progress,
    /// What the weights may be: the last ones read back, and all that were commanded since.
    pub(super) splits: Vec<Split>,
    /// What they were seen to be by a look that began after the last command was over.
    pub(super) seen_split: Option<Split>,
    /// What each side may be asked to run: the last revision seen there, and all that were commanded since.
    pub(super) revisions: BTreeMap<Environment, Vec<Option<RevisionId>>>,
    /// Since when the new version's tasks may have been started for this rollout.
    pub(super) deploying_since: Option<Timestamp>,
    /// How each side was seen to replace its tasks by a look that began after the last command to it was over.
    pub(super) replacements: BTreeMap<Environment, Replacement>,
    /// When the last command to run a revision was answered, given up, or left behind by its driver.
    pub(super) deploy_over: Timestamp,
    /// When the last command to divide traffic was answered, given up, or left behind by its driver.
    pub(super) shift_over: Timestamp,
    pub(super) exposed_since: Option<Timestamp>,
    pub(super) hold: Option<Holding>,
    pub(super) watch: Watch,
    pub(super) recheck: bool,
    pub(super) touched: Touched,
    pub(super) known_healthy: BTreeMap<Environment, u32>,
    pub(super) in_flight: InFlight<Effect>,
    /// Effects with a lower number were begun in another direction.
    pub(super) turned: EffectId,
    pub(super) next_effect: EffectId,
    pub(super) commanded: BTreeMap<Environment, u32>,
    pub(super) aborted: Option<(String, String)>,
    pub(super) last_at: Timestamp,
}

/// How it was before the first change.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// The side that took all traffic.
    pub live: Environment,
    /// The other one.
    pub candidate: Environment,
    /// The revision that served.
    pub revision: RevisionId,
    /// How many healthy targets are enough for all traffic: as many as the live side had; when it is undone, as many
    /// as it should have had.
    pub capacity: u32,
    /// Everything there was to know.
    pub survey: Survey,
}

/// How far the present move is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Progress {
    pub(super) entered: Timestamp,
    pub(super) failed: u32,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) asked: bool,
    pub(super) probed: u32,
    pub(super) probes_failed: u32,
    pub(super) last_reason: String,
}

impl Progress {
    pub(super) fn new(entered: Timestamp) -> Self {
        Self {
            entered,
            failed: 0,
            retry_at: None,
            asked: false,
            probed: 0,
            probes_failed: 0,
            last_reason: String::new(),
        }
    }
}

/// A hold that is going on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Holding {
    pub(super) hold: Hold,
    pub(super) until: Timestamp,
}

/// The watch over the new version.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Watch {
    pub(super) last_began: Option<Timestamp>,
    pub(super) judged_until: Option<Timestamp>,
    /// Why the last look could not say that the new version is healthy, if it could not.
    pub(super) doubt: Option<String>,
    pub(super) carried: Carried,
    /// Whether the last judgement says that waiting longer is for nothing.
    pub(super) settled: bool,
}

/// What may have been changed by this operation.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Touched {
    pub(super) scaling: BTreeSet<Environment>,
    pub(super) tasks: BTreeSet<Environment>,
    pub(super) test_route: bool,
    pub(super) split: bool,
    pub(super) registered: bool,
}

impl Touched {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self { registered: self.registered, ..Self::default() }
    }
}

/// One stage as it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageRecord {
    /// `stage 1`, `bake` or `scale-down delay`.
    pub name: String,
    /// The new version's share of traffic.
    pub weight: Percent,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The last verdict in it.
    pub verdict: Option<Verdict>,
}

impl State {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            direction: Direction::Starting,
            before: None,
            revision: None,
            script: Vec::new(),
            cursor: 0,
            weight: Percent::ZERO,
            stages: Vec::new(),
            last_survey: None,
            ended: None,
            suspended: None,
            step: Progress::new(at),
            splits: Vec::new(),
            seen_split: None,
            revisions: BTreeMap::new(),
            deploying_since: None,
            replacements: BTreeMap::new(),
            deploy_over: at,
            shift_over: at,
            exposed_since: None,
            hold: None,
            watch: Watch::default(),
            recheck: false,
            touched: Touched::default(),
            known_healthy: BTreeMap::new(),
            in_flight: InFlight::default(),
            turned: EffectId(0),
            next_effect: EffectId(0),
            commanded: BTreeMap::new(),
            aborted: None,
            last_at: at,
        }
    }

    /// The move that is being made, if any.
    pub fn current(&self) -> Option<&Move> {
        self.script.get(self.cursor)
    }

    /// Until when the present stage is held at least, if one is.
    pub fn held_until(&self) -> Option<Timestamp> {
        self.hold.as_ref().map(|holding| holding.until)
    }

    /// How traffic is divided, as long as there is only one way in which it may be.
    pub(crate) fn known_split(&self) -> Option<&Split> {
        self.splits.first().filter(|_| self.knows_split())
    }

    /// Whether there is only one way in which traffic may be divided, unless somebody else changed it.
    pub(crate) fn knows_split(&self) -> bool {
        self.splits.len() <= 1
    }

    /// How many healthy targets an environment has as far as is known: what was last seen, but no more than it was
    /// last told to run.
    pub(super) fn healthy(&self, environment: &Environment) -> u32 {
        let seen = self.known_healthy.get(environment).copied().unwrap_or(0);
        self.commanded.get(environment).map_or(seen, |commanded| seen.min(*commanded))
    }

    /// Whether a command is under way that changes what an environment runs, or how.
    pub(super) fn is_deploying(&self, environment: &Environment) -> bool {
        self.in_flight.any(|underway| match &underway.effect {
            Effect::Deploy { environment: to, .. } | Effect::SetBack { environment: to, .. } => {
                to == environment
            }
            _ => false,
        })
    }

    /// Whether a side is known to replace its tasks as it did before the first change.
    pub(super) fn replaces_as_before(&self, environment: &Environment) -> bool {
        let before = self.before.as_ref();
        let had = before.and_then(|it| it.side(environment).service.replacement.as_ref());
        had == self.replacements.get(environment)
    }

    /// Whether the new version takes, or may take, production traffic and is to be watched.
    pub(super) fn is_watching(&self) -> bool {
        self.direction == Direction::Forward
            && !self.recheck
            && self.exposed_since.is_some()
            && !matches!(self.current(), Some(Move::Shift(_) | Move::ReadBack(_) | Move::Settle))
    }

    /// Whether something is under way that the next move has to wait for. The watch goes on beside everything; and
    /// on the way back nobody waits for a hook or a look that was begun on the way forward.
    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.any(|underway| {
            !is_watch(&underway.effect)
                && (underway.effect.is_change() || underway.id >= self.turned)
        })
    }
}

impl Before {
    /// What was surveyed of an environment. All that are asked for were surveyed.
    pub(super) fn side(&self, environment: &Environment) -> &SurveyedSide {
        match self.survey.sides.get(environment) {
            Some(side) => side,
            // Only environments of the plan are asked for, and a survey that lacks one is refused.
            None => unreachable!("{environment} was not surveyed"),
        }
    }

    /// What auto scaling the two sides have after a promotion, the new one first: each that of its part. `None` where
    /// one of them has none.
    pub(super) fn scaling_handed_over(&self) -> Option<[(&Environment, &ScalingState); 2]> {
        let of = |side| self.side(side).scaling.as_ref();
        let (of_live, of_candidate) = of(&self.live).zip(of(&self.candidate))?;
        Some([(&self.candidate, of_live), (&self.live, of_candidate)])
    }

    /// How many tasks the old side keeps after a promotion: as many as auto scaling would start there in any case.
    pub(super) fn retired(&self) -> u32 {
        let [_, (_, scaling)] = match self.scaling_handed_over() {
            Some(both) => both,
            None => return 0,
        };
        if scaling.suspended { 0 } else { scaling.minimum }
    }

    /// How many healthy targets are enough for a share: that share of the full capacity, rounded up, and at least 1.
    pub fn enough(&self, share: Percent) -> u32 {
        share.of(self.capacity)
    }

    /// The largest share for which so many healthy targets are enough.
    pub(super) fn serves(&self, healthy: u32) -> Percent {
        let share = u64::from(healthy) * 100 / u64::from(self.capacity.max(1));
        Percent::new(u8::try_from(share.min(100)).unwrap_or(100)).unwrap_or_default()
    }

    /// The move that puts a side back to the revision and count that it had.
    pub(super) fn put_back(&self, environment: &Environment, revision: Which) -> Move {
        let service = &self.side(environment).service;
        let (environment, desired) = (environment.clone(), service.desired);
        match service.revision {
            Some(_) => Move::Deploy { environment, revision, desired },
            None => Move::Scale { environment, desired },
        }
    }
}

impl Plan {
    pub(super) fn needs_registration(&self) -> bool {
        matches!(self.target, Target::Image(_))
    }

    /// How many tasks the new version gets for a share of the traffic.
    pub(super) fn tasks(&self, before: &Before, share: Percent) -> u32 {
        let live = before.side(&before.live);
        let all = live.service.desired.max(live.health.healthy);
        share.of(all).max(self.capacity.minimum_tasks)
    }

    /// The environments that take part.
    pub(crate) fn all_environments(&self) -> Vec<Environment> {
        self.environments.iter().chain(&self.baseline).cloned().collect()
    }

    pub(crate) fn hook_points(&self) -> Vec<HookPoint> {
        self.hooks.iter().map(|hook| hook.point).collect()
    }

    /// Where the new version runs.
    pub(super) fn candidate<'a>(&self, before: &'a Before) -> &'a Environment {
        match self.strategy {
            Strategy::Rolling { .. } => &before.live,
            Strategy::Canary | Strategy::BlueGreen => &before.candidate,
        }
    }

    /// How many healthy targets the new version needs while it has this share. A rolling update's tasks are counted
    /// by the platform, so there one is enough.
    pub(super) fn enough_for(&self, before: &Before, share: Percent) -> u32 {
        match self.strategy {
            Strategy::Rolling { .. } => 1,
            Strategy::Canary | Strategy::BlueGreen => before.enough(share),
        }
    }

    pub(super) fn hold_duration(&self, hold: Hold) -> Duration {
        match hold {
            Hold::Stage(index) => self.stages[index].duration,
            Hold::Bake => self.bake,
            Hold::ScaleDownDelay => self.scale_down_delay,
        }
    }
}
