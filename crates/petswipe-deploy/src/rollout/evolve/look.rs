//! What follows from a look: at capacity, at a shift that was made, at the health of the new version, at the end.

use jiff::Timestamp;
use petswipe_monitor::{FindingResult, Verdict};
use petswipe_runbook::{Failure, Underway};

use crate::rollout::script::{Hold, Move, Which};
use crate::rollout::state::{Before, Direction, State};
use crate::rollout::{Cause, CauseKind, Effect, Output, Plan, Seen, Strategy, Survey};
use crate::{DeploymentState, Environment, Percent, ServiceStatus, Split};

impl Plan {
    pub(super) fn is_rolling(&self) -> bool {
        matches!(self.strategy, Strategy::Rolling { .. })
    }

    /// A look for the present move.
    pub(super) fn looked(
        &self,
        state: &mut State,
        current: &Move,
        seen: &Seen,
        began: Timestamp,
        at: Timestamp,
    ) {
        if self.takes_note(state, seen, began, at) {
            return;
        }
        match current {
            Move::AwaitCapacity { environment, enough, revision } => {
                let wanted = (*enough, revision.as_ref());
                match self.lacks(state, environment, wanted, seen, began) {
                    Ok(None) => self.advance(state, at),
                    Ok(Some(lack)) => self.wait_for_capacity(state, lack, at),
                    Err(cause) => self.turn_back_or_suspend(state, cause, at),
                }
            }
            Move::Guard { to, way_back } => match self.guard(state, to, *way_back, seen, began) {
                None => self.advance(state, at),
                Some(lack) => self.wait_for_capacity(state, lack, at),
            },
            Move::ReadBack(to) => self.read_back(state, to, seen, began, at),
            _ => {}
        }
    }

    /// What every look tells, whatever it was for: drift, which ends the look, and how many targets are healthy.
    fn takes_note(&self, state: &mut State, seen: &Seen, began: Timestamp, at: Timestamp) -> bool {
        for side in &seen.sides {
            if let Some(health) = side.health.as_ref().filter(|seen| seen.observed_at >= began) {
                state.known_healthy.insert(side.environment.clone(), health.healthy);
            }
        }
        let Some(route) = seen.route.as_ref().filter(|route| route.observed_at >= began) else {
            return false;
        };
        if state.splits.contains(&route.split) {
            let shifting =
                state.in_flight.any(|underway| matches!(underway.effect, Effect::Shift { .. }));
            if !shifting && began >= state.shift_over {
                state.seen_split = Some(route.split.clone());
            }
            return false;
        }
        let ours: Vec<_> = state.splits.iter().map(Split::to_string).collect();
        let reason = format!(
            "the weights are {}, not {}: somebody else changed them",
            route.split,
            ours.join(" or ")
        );
        self.stop(state, reason, at);
        true
    }

    /// What is missing until `enough` tasks are healthy; an error when waiting any longer is no use.
    fn lacks(
        &self,
        state: &State,
        environment: &Environment,
        (enough, revision): (u32, Option<&Which>),
        seen: &Seen,
        began: Timestamp,
    ) -> Result<Option<String>, Cause> {
        let side = seen.side(environment);
        let service = side.and_then(|side| side.service.as_ref());
        let health = side.and_then(|side| side.health.as_ref());
        let (Some(service), Some(health)) = (
            service.filter(|service| service.observed_at >= began),
            health.filter(|health| health.observed_at >= began),
        ) else {
            return Ok(Some(format!(
                "{environment} could not be read: {}",
                seen.problems.join("; ")
            )));
        };
        let wanted = state.before.as_ref().zip(revision);
        let wanted = wanted.and_then(|(before, which)| state.which(before, which));
        let is_new = revision == Some(&Which::New);
        if is_new && let Some(cause) = self.broken(service) {
            return Err(cause);
        }
        let runs_it = wanted.is_none_or(|wanted| {
            // Where the platform itself went back, its last deployment stays failed while the old revision runs. And
            // where there is no room for all tasks it never completes; then it is enough that no others are left.
            let alone = !is_new && health.healthy + health.unhealthy <= service.running;
            service.revision.as_ref() == Some(wanted)
                && (service.deployment != DeploymentState::InProgress || alone)
        });
        if runs_it && service.running >= enough && health.healthy >= enough {
            return Ok(None);
        }
        let mut lack = format!("{} of {enough} tasks of {environment} are healthy", health.healthy);
        if let Some(reason) = health.reasons.first() {
            lack.push_str(&format!(" ({reason})"));
        }
        if let Some(failure) = service.failures.last() {
            lack.push_str(&format!("; the last task failed: {}", failure.reason));
        }
        if !runs_it && health.healthy >= enough {
            lack.push_str("; the deployment is not complete");
        }
        Ok(Some(lack))
    }

    /// Whether the new version's tasks fail for good.
    fn broken(&self, service: &ServiceStatus) -> Option<Cause> {
        let environment = &service.environment;
        if let DeploymentState::Failed { reason } = &service.deployment {
            let text = format!("the platform gave up on {environment}: {reason}");
            return Some(Cause::new(CauseKind::Tasks, text));
        }
        let failures = service.failures.len();
        if failures > self.capacity.tolerated_failures as usize {
            let last = service.failures.last().map_or("", |failure| failure.reason.as_str());
            let text = format!("{failures} tasks of {environment} failed, the last one: {last}");
            return Some(Cause::new(CauseKind::Tasks, text));
        }
        None
    }

    fn wait_for_capacity(&self, state: &mut State, lack: String, at: Timestamp) {
        let waited = at.duration_since(state.step.entered);
        if waited < jiff::SignedDuration::try_from(self.capacity.deadline).unwrap_or_default() {
            state.step.retry_at = at.saturating_add(self.capacity.poll).ok();
            return;
        }
        let text = format!("after {:?} {lack}", self.capacity.deadline);
        self.turn_back_or_suspend(state, Cause::new(CauseKind::Capacity, text), at);
    }

    fn turn_back_or_suspend(&self, state: &mut State, cause: Cause, at: Timestamp) {
        if state.direction == Direction::Forward {
            self.turn_back(state, cause, at);
        } else {
            self.give_up(state, cause.text, at);
        }
    }

    /// What is missing before traffic may be divided like that: health of every side that takes some, and the way back.
    fn guard(
        &self,
        state: &State,
        to: &Split,
        way_back: bool,
        seen: &Seen,
        began: Timestamp,
    ) -> Option<String> {
        let before = state.before.as_ref()?;
        if seen.route.as_ref().is_none_or(|route| route.observed_at < began) {
            return Some(format!("the weights could not be read: {}", seen.problems.join("; ")));
        }
        let mut needs: Vec<_> =
            to.iter().map(|(side, share)| (side, before.enough(share))).collect();
        if way_back {
            needs.push((&before.live, before.full_capacity()));
        }
        needs.into_iter().find_map(|(environment, enough)| {
            let health = seen.side(environment).and_then(|side| side.health.as_ref());
            match health.filter(|health| health.observed_at >= began) {
                Some(health) if health.healthy >= enough => None,
                Some(health) => {
                    let healthy = health.healthy;
                    Some(format!("{healthy} of {enough} tasks of {environment} are healthy"))
                }
                None => Some(format!("the health of {environment} could not be read")),
            }
        })
    }

    fn read_back(
        &self,
        state: &mut State,
        to: &Split,
        seen: &Seen,
        began: Timestamp,
        at: Timestamp,
    ) {
        let route = seen.route.as_ref().filter(|route| route.observed_at >= began);
        if !route.is_some_and(|route| route.split == *to) {
            // One of our own earlier splits, or nothing: the router is behind, or the shift was lost on the way.
            let why = format!("the weights do not read back as {to}");
            return self.try_again(state, why, at);
        }
        state.splits = vec![to.clone()];
        if let (Direction::Forward, Some(before)) = (&state.direction, &state.before) {
            let weight = to.share(self.candidate(before));
            self.expose(state, weight, at);
        }
        self.advance(state, at);
    }

    /// A regular look at the new version while it takes traffic.
    pub(super) fn watched(
        &self,
        state: &mut State,
        settled: &Underway<Effect>,
        result: Result<&Output, &Failure>,
        at: Timestamp,
    ) {
        let Effect::Look(look) = &settled.effect else { return };
        let about = look.judge.as_ref().map(|judge| judge.started);
        // A look that was begun before the last shift says nothing about the share there is now.
        if state.direction != Direction::Forward || about != state.exposed_since {
            return;
        }
        let known = match result {
            Ok(Output::Seen(seen)) => {
                if self.takes_note(state, seen, settled.began, at) {
                    return;
                }
                let sight = self.weigh(state, seen, settled.began);
                match sight {
                    Err(cause) => return self.turn_back(state, cause, at),
                    Ok(known) => known,
                }
            }
            _ => Known { capacity: false, verdict: None },
        };
        let Some(holding) = state.hold.clone() else { return };
        let good = match holding.hold {
            Hold::Stage(_) | Hold::Bake => known.verdict.as_ref().is_some_and(Verdict::is_pass),
            Hold::ScaleDownDelay => true,
        };
        if known.capacity && good && settled.began >= holding.until {
            return self.advance(state, at);
        }
        let latest = holding.until.saturating_add(self.patience).unwrap_or(Timestamp::MAX);
        if at >= latest {
            let why = match (&known.verdict, known.capacity) {
                (Some(Verdict::Inconclusive { why, .. }), true) => why.clone(),
                _ => "health and weights could not be read".to_owned(),
            };
            let text = format!("no conclusive verdict {:?} after its time: {why}", self.patience);
            self.turn_back(state, Cause::new(CauseKind::Unsure, text), at);
        }
    }

    /// What a look says about the new version: a reason to go back, or what is known.
    fn weigh(&self, state: &mut State, seen: &Seen, began: Timestamp) -> Result<Known, Cause> {
        let Some(before) = &state.before else {
            return Ok(Known { capacity: false, verdict: None });
        };
        let candidate = self.candidate(before);
        let side = seen.side(candidate);
        let service = side.and_then(|side| side.service.as_ref());
        let service = service.filter(|service| service.observed_at >= began);
        let runs_new = service.is_some_and(|service| service.revision == state.revision);
        if let Some(service) = service.filter(|_| runs_new || self.is_rolling())
            && let Some(cause) = self.broken(service)
        {
            return Err(cause);
        }
        let mut capacity = seen.route.as_ref().is_some_and(|route| route.observed_at >= began);
        let mut needs = vec![(candidate, self.enough_for(before, state.weight))];
        let splits = state.splits.last();
        let shares = self.baseline.iter().map(|baseline| {
            let share = splits.map_or(Percent::ZERO, |split| split.share(baseline));
            (baseline, if share == Percent::ZERO { 0 } else { before.enough(share) })
        });
        needs.extend(shares);
        for (environment, enough) in needs {
            let health = seen.side(environment).and_then(|side| side.health.as_ref());
            match health.filter(|health| health.observed_at >= began) {
                Some(health) if health.healthy < enough => {
                    let healthy = health.healthy;
                    let mut text = format!(
                        "only {healthy} of {enough} tasks of {environment} are healthy at {}",
                        state.weight
                    );
                    if let Some(failure) = service.and_then(|service| service.failures.last()) {
                        text.push_str(&format!("; the last task failed: {}", failure.reason));
                    }
                    return Err(Cause::new(CauseKind::Capacity, text));
                }
                Some(_) => {}
                None => capacity = false,
            }
        }
        Ok(Known { capacity, verdict: self.judge(state, seen)? })
    }

    /// Takes the judgement in, if it is about the present share of traffic.
    fn judge(&self, state: &mut State, seen: &Seen) -> Result<Option<Verdict>, Cause> {
        let Some(judgement) = &seen.judgement else { return Ok(None) };
        let Some(started) = state.exposed_since else { return Ok(None) };
        let mut verdict = judgement.verdict.clone();
        let covered = judgement.covered;
        let judged_until = state.watch.judged_until.unwrap_or(started);
        // An answer from before the step, or from before the last judgement, is a stale one. What it carries is older
        // than what is held, and taking it would count evidence twice.
        if covered.from < started || !covered.is_empty() && covered.to < judged_until {
            verdict = Verdict::Inconclusive {
                why: "the metrics are older than the step".to_owned(),
                missing: Vec::new(),
                evidence: Vec::new(),
            };
        } else {
            state.watch.carried = judgement.carried.clone();
            if !covered.is_empty() {
                state.watch.judged_until = Some(covered.to);
            } else if verdict.is_pass() {
                verdict = Verdict::Inconclusive {
                    why: "no closed metric period lies in the step yet".to_owned(),
                    missing: vec!["all metrics".to_owned()],
                    evidence: verdict.evidence().to_vec(),
                };
            }
        }
        if let Some(stage) = state.stages.last_mut()
            && stage.ended_at.is_none()
        {
            stage.verdict = Some(verdict.clone());
        }
        if verdict.is_fail() {
            let broken =
                |finding: &&petswipe_monitor::Finding| finding.result == FindingResult::Broken;
            let findings: Vec<_> =
                verdict.evidence().iter().filter(broken).map(ToString::to_string).collect();
            let text = format!("not healthy at {}: {}", state.weight, findings.join("; "));
            return Err(Cause::new(CauseKind::Verdict, text));
        }
        Ok(Some(verdict))
    }

    /// The first look of a driver that goes on: is it still our operation?
    pub(super) fn rechecked(
        &self,
        state: &mut State,
        began: Timestamp,
        result: Result<&Output, &Failure>,
        at: Timestamp,
    ) {
        match result {
            Ok(Output::Seen(seen)) => {
                if self.takes_note(state, seen, began, at) {
                    return;
                }
                let fresh = seen.route.as_ref().filter(|route| route.observed_at >= began);
                if let Some(route) = fresh {
                    state.recheck = false;
                    state.step.failed = 0;
                    match state.current() {
                        // The dead driver's last call was obeyed: now see to what it led.
                        Some(Move::Shift(to)) if *to == route.split => self.advance(state, at),
                        _ => self.guard_again(state),
                    }
                } else {
                    self.try_again(state, format!("no look: {}", seen.problems.join("; ")), at);
                }
            }
            Ok(_) => {}
            Err(failure) => self.try_again(state, failure.message.clone(), at),
        }
    }

    /// The last look: is everything as it should be?
    pub(super) fn settle(
        &self,
        state: &mut State,
        survey: &Survey,
        began: Timestamp,
        at: Timestamp,
    ) {
        if survey.observed_at() < began {
            return self.try_again(
                state,
                "the last look answered what was true earlier".into(),
                at,
            );
        }
        if matches!(state.direction, Direction::Stopping { .. }) {
            // Whatever it is, it is somebody else's now; it is only noted.
            state.last_survey = Some(survey.clone());
            return self.advance(state, at);
        }
        let Some(before) = state.before.clone() else { return };
        if !state.splits.contains(&survey.route.split) {
            let reason =
                format!("the weights are {}: somebody else changed them", survey.route.split);
            return self.stop(state, reason, at);
        }
        state.last_survey = Some(survey.clone());
        let going_back = state.direction != Direction::Forward;
        let lack = if going_back {
            differs(&before, survey)
        } else {
            still_runs(&before, survey).filter(|_| !self.is_rolling())
        };
        let Some(lack) = lack else { return self.advance(state, at) };
        let waited = at.duration_since(state.step.entered);
        let deadline = jiff::SignedDuration::try_from(self.capacity.deadline).unwrap_or_default();
        if waited < deadline {
            state.step.retry_at = at.saturating_add(self.capacity.poll).ok();
        } else if going_back {
            self.give_up(state, lack, at);
        } else {
            // The new version serves everything; tasks of the old side that linger do not change that.
            self.advance(state, at);
        }
    }
}

/// What is known after a look that gave no reason to go back.
struct Known {
    capacity: bool,
    verdict: Option<Verdict>,
}

/// What is not yet as it was before.
fn differs(before: &Before, now: &Survey) -> Option<String> {
    let then = &before.survey;
    if now.route.split != then.route.split {
        return Some(format!("the weights are {}, not {}", now.route.split, then.route.split));
    }
    if now.route.test != then.route.test {
        return Some("the test traffic rule is not as it was".to_owned());
    }
    then.sides.iter().find_map(|(environment, then)| {
        let Some(now) = now.sides.get(environment) else {
            return Some(format!("{environment} was not read"));
        };
        if now.service.desired != then.service.desired {
            let (found, had) = (now.service.desired, then.service.desired);
            return Some(format!("{environment} shall run {found} tasks, not {had}"));
        }
        if then.service.revision.is_some() && now.service.revision != then.service.revision {
            return Some(format!("{environment} does not run the revision it had"));
        }
        if now.scaling != then.scaling {
            return Some(format!("auto scaling of {environment} is not as it was"));
        }
        if now.service.running > then.service.desired {
            let running = now.service.running;
            return Some(format!("{environment} still runs {running} tasks"));
        }
        None
    })
}

/// Whether tasks of the old side are still running.
fn still_runs(before: &Before, now: &Survey) -> Option<String> {
    let old = now.sides.get(&before.live)?;
    (old.service.running > 0).then(|| format!("{} still runs tasks", before.live))
}
