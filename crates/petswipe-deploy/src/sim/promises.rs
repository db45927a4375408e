//! The promises, checked against the world itself and not against what the core believes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::Verdict;
use petswipe_runbook::{Clock, Event, EventOf};

use super::RolloutWorld;
use crate::memory::Configuration;
use crate::rollout::{Direction, Effect, Outcome, Output, Plan, State, Strategy, Target};
use crate::{Environment, Percent, RevisionId, ServiceStatus, Split, Stage, TargetHealth};

/// What was seen so far of one rollout.
pub(super) struct Ledger {
    /// The first promise that was broken.
    pub(super) broken: Option<String>,
    /// The split that somebody else set.
    pub(super) meddled: Option<Split>,
    /// Whether the rollout was told of it.
    meddling_told: bool,
    /// Whether the live side has lost tasks.
    pub(super) lost: bool,
    /// For how many tasks there is room where the new version runs, if there is a limit.
    pub(super) room_for_new: Option<u32>,
    /// Whether what is undone was mended.
    pub(super) mended: bool,
    /// What somebody else deployed on the candidate's side, and whether the rollout was told of it.
    pub(super) redeployed: Option<RevisionId>,
    redeployment_told: bool,
    /// It was there already at the first look.
    redeployed_early: bool,
    /// Before the shift that is commanded last, an earlier one had not been read back.
    shift_open: bool,
    /// The shift that was commanded last was a step forward.
    shift_forward: bool,
    /// What the rollout was last told of healthy targets, and when that was true.
    told: BTreeMap<Environment, (Timestamp, u32)>,
    /// How many healthy tasks the live side had when the rollout first looked.
    start: u32,
    last_shift: Option<Timestamp>,
    passed_since_shift: bool,
    /// The last judgement of the present split was one that lets its stage end early.
    settled: bool,
    /// One of the judgements of the present split was.
    settled_once: bool,
    full_since: Option<Timestamp>,
    /// When the last fact was recorded, and how much time since the last shift nobody was there to watch.
    last_record: Option<Timestamp>,
    unwatched: Duration,
    was_forward: bool,
    must_shift_home: bool,
    /// The old side was told to shrink; where that failed, nobody can know whether it does.
    told_to_shrink: bool,
    /// Somebody asked for the end before it was there.
    aborted: bool,
    /// A person said no, or nobody answered.
    denied: bool,
}

impl Ledger {
    pub(super) fn new(live: Environment, healthy: u32) -> Self {
        Self {
            broken: None,
            meddled: None,
            meddling_told: false,
            lost: false,
            room_for_new: None,
            mended: false,
            redeployed: None,
            redeployment_told: false,
            redeployed_early: false,
            shift_open: false,
            shift_forward: false,
            told: BTreeMap::from([(live, (Timestamp::MIN, healthy))]),
            start: healthy,
            last_shift: None,
            passed_since_shift: false,
            settled: false,
            settled_once: false,
            full_since: None,
            last_record: None,
            unwatched: Duration::ZERO,
            was_forward: false,
            must_shift_home: false,
            told_to_shrink: false,
            aborted: false,
            denied: false,
        }
    }

    fn told_of(&self, environment: &Environment) -> u32 {
        self.told.get(environment).map_or(0, |(_, healthy)| *healthy)
    }

    fn breaks(&mut self, promise: u8, what: String) {
        self.broken.get_or_insert(format!("promise {promise} is broken: {what}"));
    }
}

impl RolloutWorld {
    fn is_rolling(&self) -> bool {
        matches!(self.plan.strategy, Strategy::Rolling { .. })
    }

    /// Where the new version runs.
    pub(super) fn new_side(&self) -> &Environment {
        if self.is_rolling() { &self.live } else { &self.candidate }
    }

    /// The rollout was told what was observed.
    fn told(&self, ledger: &mut Ledger, output: &Output) {
        let route = match output {
            Output::Seen(seen) => seen.route.as_ref(),
            Output::Surveyed(survey) => Some(&survey.route),
            _ => None,
        };
        if let Some(foreign) = &ledger.meddled
            && route.is_some_and(|route| route.split == *foreign)
        {
            ledger.meddling_told = true;
        }
        type Side<'a> = (Option<&'a ServiceStatus>, Option<&'a TargetHealth>);
        let sides: Vec<Side<'_>> = match output {
            Output::Seen(seen) => {
                let sides = seen.sides.iter();
                sides.map(|side| (side.service.as_ref(), side.health.as_ref())).collect()
            }
            Output::Surveyed(survey) => {
                let sides = survey.sides.values();
                sides.map(|side| (Some(&side.service), Some(&side.health))).collect()
            }
            _ => return,
        };
        for (service, health) in sides {
            if let Some(health) = health {
                let told = (health.observed_at, health.healthy);
                let last = ledger.told.entry(health.environment.clone()).or_insert(told);
                *last = told.max(*last);
            }
            let revision = service.and_then(|service| service.revision.as_ref());
            ledger.redeployment_told |=
                revision.is_some() && revision == ledger.redeployed.as_ref();
        }
    }

    /// A command was carried out: is the world still as promised?
    pub(super) fn changed(&self, before: &Configuration, effect: &Effect) {
        let after = self.cloud.configuration();
        let mut ledger = self.ledger();
        if after.split != before.split {
            self.split_changed(&mut ledger, before, &after);
        }
        if ledger.meddling_told
            && after.sides.iter().any(|(environment, side)| side.1 < before.sides[environment].1)
        {
            ledger.breaks(2, format!("tasks are taken from foreign traffic: {effect}"));
        }
        let runs = |configuration: &Configuration| {
            let (revision, ..) = &configuration.sides[self.new_side()];
            ledger.redeployed.as_ref() == Some(revision)
        };
        let told = ledger.redeployment_told && !ledger.redeployed_early;
        if told && runs(before) && !runs(&after) {
            ledger.breaks(2, format!("a foreign deployment is overwritten: {effect}"));
        }
        let desired = |configuration: &Configuration| configuration.sides[&self.live].1;
        let shrinks = desired(&after) < desired(before);
        if shrinks && !self.is_rolling() {
            let last = self.plan.stages.last();
            let last = last.map_or(Duration::ZERO, |stage| self.least(stage, ledger.settled_once));
            let bake = last + self.plan.bake + self.plan.scale_down_delay;
            if ledger.full_since.is_none_or(|since| self.watched(&ledger, since) < bake) {
                ledger.breaks(3, format!("the old side shrinks before the bake is over: {effect}"));
            }
        }
    }

    fn split_changed(&self, ledger: &mut Ledger, before: &Configuration, after: &Configuration) {
        let (from, to) = (&before.split, &after.split);
        if ledger.meddled.is_some() {
            ledger.breaks(2, format!("a foreign split is overwritten with {to}"));
        }
        let share = |split: &Split| split.share(&self.candidate);
        let forward = ledger.shift_forward;
        let healthy = |environment: &Environment| {
            self.cloud.healthy(environment).max(ledger.told_of(environment))
        };
        let start = ledger.start;
        let lacks = |(environment, part): (&Environment, Percent)| {
            let (healthy, enough) = (healthy(environment), part.of(start));
            (healthy < enough)
                .then(|| format!("{healthy} of {enough} tasks of {environment} for {part}"))
        };
        let broken = if forward {
            to.iter().find_map(lacks)
        } else {
            // On the way back what fits is moved, and the bad side keeps the rest meanwhile, as far as it had it and
            // can serve it.
            let others = || to.iter().filter(|(environment, _)| **environment != self.live);
            let raised = others().find(|(environment, part)| *part > from.share(environment));
            let raised = raised.map(|(side, part)| format!("going back raises {side} to {part}"));
            let full = |share: Percent| share.of(start) >= start;
            let calm = !ledger.shift_open
                && !full(from.share(&self.live))
                && from.iter().all(|side| *side.0 == self.live || lacks(side).is_none());
            let (held, gets) = (from.share(&self.live), to.share(&self.live));
            let fits = healthy(&self.live) * 100 / start.max(1) >= u32::from(gets.get());
            let home = (calm && gets > held && !fits).then(|| {
                format!("{} of {start} tasks of {} get {gets}", healthy(&self.live), self.live)
            });
            raised.or_else(|| others().find_map(lacks)).or(home)
        };
        if let Some(what) = broken {
            ledger.breaks(1, what);
        }
        if forward {
            self.stage_begins(ledger, share(from), share(to));
        }
        ledger.last_shift = Some(self.clock.now());
        ledger.unwatched = Duration::ZERO;
        ledger.passed_since_shift = false;
        ledger.settled = false;
        ledger.settled_once = false;
        ledger.full_since = (share(to) == Percent::FULL).then(|| self.clock.now());
    }

    fn stage_begins(&self, ledger: &mut Ledger, from: Percent, to: Percent) {
        let mut stages = self.plan.stages.iter().map(|stage| stage.weight);
        let next = stages.find(|weight| *weight > from);
        if next != Some(to) {
            let what = format!("from {from} it goes to {to}, not to {next:?}");
            ledger.breaks(10, what);
        }
        let home = self.cloud.healthy(&self.live).max(ledger.told_of(&self.live));
        // What is undone is no way back.
        if home < ledger.start && self.plan.undoes.is_none() {
            ledger.breaks(4, format!("only {home} healthy tasks to go back to at {to}"));
        }
        if from > Percent::ZERO && !ledger.passed_since_shift && self.plan.undoes.is_none() {
            ledger.breaks(6, format!("it goes on to {to} without a pass at {from}"));
        }
        let stage = self.plan.stages.iter().find(|stage| stage.weight == from);
        if let (Some(stage), Some(since)) = (stage, ledger.last_shift) {
            let watched = self.watched(ledger, since);
            let wanted = self.least(stage, ledger.settled);
            if watched < wanted {
                ledger.breaks(10, format!("{from} was watched for {watched:?}, not {wanted:?}"));
            }
        }
    }

    /// How long a stage has to be watched, where it was shown to be good or not.
    fn least(&self, stage: &Stage, settled: bool) -> Duration {
        let early = self.plan.early.filter(|_| settled);
        early.map_or(stage.duration, |early| early.min(stage.duration))
    }

    /// How long somebody was there to watch since the last shift, which was then.
    fn watched(&self, ledger: &Ledger, since: Timestamp) -> Duration {
        let passed = Duration::try_from(self.clock.now().duration_since(since)).unwrap_or_default();
        passed.saturating_sub(ledger.unwatched)
    }

    /// A fact was recorded.
    pub(super) fn recorded(&self, event: &EventOf<Plan>, state: &State) {
        let mut ledger = self.ledger();
        if let Some(before) = &state.before {
            ledger.start = before.capacity;
            let found = before.survey.sides[self.new_side()].service.revision.as_ref();
            ledger.redeployed_early = found.is_some() && found == ledger.redeployed.as_ref();
        }
        let now = self.clock.now();
        match event {
            Event::Succeeded { output, .. } => self.told(&mut ledger, output),
            Event::Resumed { .. } => {
                let gap = now.duration_since(ledger.last_record.unwrap_or(now));
                let gap = Duration::try_from(gap).unwrap_or_default();
                // The dead driver's last record may have been written without anybody here hearing of it.
                let unheard = self.plan.check_interval.max(self.plan.call_timeout);
                ledger.unwatched += gap.saturating_sub(unheard);
            }
            Event::AbortRequested { .. } => ledger.aborted |= state.ended.is_none(),
            Event::Answered { answer, .. } => ledger.denied |= !answer.approved,
            Event::Unanswered { .. } => ledger.denied = true,
            Event::Intended { effect: Effect::Scale { environment, desired }, .. } => {
                ledger.told_to_shrink |= *environment == self.live && *desired < ledger.start;
            }
            Event::Intended { effect: Effect::Shift { to, .. }, .. }
                if state.direction == Direction::Forward =>
            {
                let (now, next) = (self.cloud.split(), to.share(&self.candidate));
                if ledger.meddled.is_none() && next < now.share(&self.candidate) {
                    ledger.breaks(10, format!("a stage is repeated: from {now} back to {to}"));
                }
            }
            _ => {}
        }
        if matches!(event, Event::Intended { effect: Effect::Shift { .. }, .. }) {
            ledger.shift_forward = state.direction == Direction::Forward;
        } else {
            ledger.shift_open = !state.knows_split();
        }
        ledger.last_record = Some(now);
        if let Event::Succeeded { output: Output::Seen(seen), .. } = event
            && let Some(judgement) = &seen.judgement
        {
            let passed = matches!(judgement.verdict, Verdict::Pass { .. })
                && !judgement.covered.is_empty()
                && ledger.last_shift.is_some_and(|shift| judgement.covered.from >= shift);
            ledger.passed_since_shift |= passed;
            ledger.settled = passed && judgement.settled;
            ledger.settled_once |= ledger.settled;
        }
        let goes_back = matches!(state.direction, Direction::Back(_));
        if goes_back && ledger.was_forward {
            // The live side can take everything at once: then nothing may come before that.
            let exposed = self.cloud.split() != self.initial.split;
            let able = self.cloud.healthy(&self.live) >= ledger.start
                && ledger.told_of(&self.live) >= ledger.start
                && self.cloud.configuration().sides[&self.live].1 >= ledger.start;
            let calm = !ledger.lost
                && !ledger.told_to_shrink
                && ledger.meddled.is_none()
                && !self.is_rolling();
            ledger.must_shift_home = exposed && able && calm;
        }
        ledger.was_forward = state.direction == Direction::Forward;
        if let Event::Intended { effect, .. } = event
            && effect.is_change()
            && goes_back
            && ledger.must_shift_home
        {
            ledger.must_shift_home = false;
            if !matches!(effect, Effect::Shift { to, .. } if *to == self.initial.split) {
                ledger.breaks(4, format!("the way back begins with: {effect}"));
            }
        }
    }

    /// It has ended: is the world as the outcome says?
    pub(super) fn ended(&self, outcome: &Outcome) -> Result<(), String> {
        let now = self.cloud.configuration();
        let ledger = self.ledger();
        match outcome {
            Outcome::Promoted { environment, revision, .. } => {
                if ledger.denied {
                    return Err("promoted though a person did not say yes".to_owned());
                }
                if ledger.aborted {
                    return Err("promoted though somebody asked for the end".to_owned());
                }
                if !self.scenario.may_promote() {
                    return Err(format!("promise 6 is broken: promoted in {:?}", self.scenario));
                }
                if ledger.meddled.is_none() && now.split != Split::all_to(environment.clone()) {
                    return Err(format!("promoted, but the weights are {}", now.split));
                }
                let redeployed = ledger.redeployed.as_ref().filter(|_| !ledger.redeployment_told);
                if now.sides[environment].0 != *revision
                    && Some(&now.sides[environment].0) != redeployed
                {
                    return Err(format!("promoted, but {environment} does not run {revision}"));
                }
                if let Target::Image(image) = &self.plan.target
                    && self.cloud.image(revision).as_ref() != Some(image)
                {
                    return Err(format!("promoted, but {revision} is not {image}"));
                }
                if !self.is_rolling() && now.sides[&self.live].1 != 0 {
                    return Err("promoted, but the old side still runs".to_owned());
                }
            }
            Outcome::RolledBack { .. } | Outcome::Aborted { .. } | Outcome::Refused { .. } => {
                let mut initial = self.initial.clone();
                if let Some(foreign) = &ledger.meddled {
                    // It was over before it could see the foreign split.
                    initial.split = foreign.clone();
                }
                if let Some(foreign) = &ledger.redeployed
                    && now.sides[self.new_side()].0 == *foreign
                    && let Some(side) = initial.sides.get_mut(self.new_side())
                {
                    side.0 = foreign.clone();
                }
                if now != initial {
                    return Err(format!(
                        "promise 5 is broken: it was {initial:?}, and now it is {now:?}"
                    ));
                }
            }
            Outcome::Stopped { .. } => match &ledger.meddled {
                None if ledger.redeployed.is_some() => {}
                None => return Err("stopped though nobody else changed anything".to_owned()),
                Some(foreign) if now.split != *foreign => {
                    return Err(format!("promise 2 is broken: the weights are {}", now.split));
                }
                Some(_) => {}
            },
        }
        let scaling = |configuration: &Configuration| -> Vec<_> {
            configuration.sides.values().map(|side| side.2.clone()).collect()
        };
        let mut initial = self.initial.clone();
        let promoted = matches!(outcome, Outcome::Promoted { .. }) && !self.is_rolling();
        if promoted && self.scenario.scaled {
            // Each side has what belongs to its part now.
            let of = |side| initial.sides.get(side).and_then(|side| side.2.clone());
            let (of_live, of_new) = (of(&self.live), of(self.new_side()));
            let pairs = [(self.live.clone(), of_new), (self.new_side().clone(), of_live)];
            for (side, scaling) in pairs {
                initial.sides.entry(side).and_modify(|side| side.2 = scaling);
            }
        }
        let stopped = matches!(outcome, Outcome::Stopped { .. });
        if !stopped && now.replacements != initial.replacements {
            return Err(format!("tasks are not replaced as before, but: {:?}", now.replacements));
        }
        if scaling(&now) != scaling(&initial) {
            return Err("auto scaling is not as it shall be".to_owned());
        }
        Ok(())
    }
}
