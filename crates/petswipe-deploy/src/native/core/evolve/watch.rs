//! The regular look at the deployment: let it go on, wait, or make it go back.

use jiff::Timestamp;
use petswipe_monitor::{FindingResult, Verdict};
use petswipe_runbook::{Failure, Underway};

use crate::native::core::effect::{NativeEffect, NativeOutput, NativeSeen};
use crate::native::core::plan::{Holding, NativePlan};
use crate::native::core::state::{NativeState, Phase};
use crate::native::types::{
    DeploymentStatus as Status, LifecycleStage, Monitor, NativeStatus, PerMille,
};
use crate::rollout::{CauseKind, Direction, JudgeRequest, StageRecord};

impl NativePlan {
    /// A look was answered, or not.
    pub(super) fn looked(
        &self,
        state: &mut NativeState,
        settled: &Underway<NativeEffect>,
        result: Result<&NativeOutput, &Failure>,
        at: Timestamp,
    ) {
        let NativeEffect::Look { judge, .. } = &settled.effect else { return };
        let began = settled.began;
        match result {
            Ok(NativeOutput::Seen(seen)) => {
                match seen.status.as_ref().filter(|status| status.observed_at >= began) {
                    Some(status) => self.told(state, status, seen, judge.as_ref(), began, at),
                    None => state.doubt = Some(unread(seen)),
                }
            }
            Ok(_) => return,
            Err(failure) => state.doubt = Some(failure.message.clone()),
        }
        if state.ended.is_none() && state.phase == Phase::Watch {
            self.deadlines(state, at);
        }
    }

    /// The platform said how far it is.
    fn told(
        &self,
        state: &mut NativeState,
        status: &NativeStatus,
        seen: &NativeSeen,
        judge: Option<&JudgeRequest>,
        began: Timestamp,
        at: Timestamp,
    ) {
        if let Some(failure) = status.failures.last() {
            state.last_failure = Some(failure.reason.clone());
        }
        let moved = status.weight != state.weight;
        note(state, status, at);
        if Some(&status.newest) != state.deployment.as_ref() {
            let what = format!("somebody else deployed to {}", self.environment);
            return self.leave(state, what);
        }
        let why = why(status, state);
        match status.state {
            Status::Pending | Status::InProgress if state.is_back() => {
                // It was told to go back, and does not yet.
                if state.phase == Phase::Watch {
                    state.enter(Phase::Stop);
                }
            }
            Status::Pending | Status::InProgress => {
                self.goes_on(state, status, seen, judge.filter(|_| !moved), began, at);
            }
            Status::RollbackRequested | Status::RollbackInProgress | Status::RollbackSuccessful => {
                let kind = cause_of(status);
                self.turn_back(state, kind, format!("the platform went back: {why}"), at);
                let over = status.state == Status::RollbackSuccessful;
                state.enter(if over { Phase::Settle } else { Phase::Watch });
            }
            Status::Successful if state.is_back() => self.too_late(state),
            Status::Successful if state.passed_full => state.enter(Phase::Settle),
            Status::Successful => {
                let what = "it was over before anybody could say that the new version is healthy";
                self.lay_down(state, what.to_owned());
            }
            Status::StopRequested => {}
            Status::Stopped => self.lay_down(state, format!("it was stopped half-way: {why}")),
            Status::RollbackFailed => {
                self.lay_down(state, format!("the platform could not go back: {why}"));
            }
        }
        state.last_seen = Some(began);
    }

    /// It was over before it could be stopped. Where nothing speaks against the new version, which was judged well while it
    /// had everything, that is as good as if nobody had been there in its bake time.
    fn too_late(&self, state: &mut NativeState) {
        match &state.direction {
            Direction::Back(cause)
                if matches!(cause.kind, CauseKind::Unsure | CauseKind::Call | CauseKind::Abort)
                    && state.passed_full =>
            {
                state.direction = Direction::Forward;
                state.enter(Phase::Settle);
            }
            Direction::Back(cause) => {
                let reason = format!("it was over before it could be stopped ({cause})");
                self.lay_down(state, reason);
            }
            _ => {}
        }
    }

    /// The deployment goes on.
    fn goes_on(
        &self,
        state: &mut NativeState,
        status: &NativeStatus,
        seen: &NativeSeen,
        judge: Option<&JudgeRequest>,
        began: Timestamp,
        at: Timestamp,
    ) {
        if status.circuit_breaker == Monitor::Triggered || status.alarms == Monitor::Triggered {
            let why = why(status, state);
            return self.turn_back(state, cause_of(status), why, at);
        }
        if status.weight != state.weight {
            let from = state.weight;
            let passed = self.holds(state, at) || state.allowed_from == Some(from);
            self.expose(state, status.weight, at);
            if from > PerMille::ZERO && !passed {
                let to = status.weight;
                let text = format!("the platform went on to {to} without a pass at {from}");
                return self.turn_back(state, CauseKind::Unsure, text, at);
            }
        } else if state.is_exposed() {
            match self.judged(state, seen, judge) {
                Err(text) => return self.turn_back(state, CauseKind::Verdict, text, at),
                Ok(doubt) => {
                    let unwatched = !self.alarms.is_empty() && status.alarms == Monitor::Disabled;
                    let text = || "the platform does not watch the alarms".to_owned();
                    state.doubt = doubt.or_else(|| unwatched.then(text));
                }
            }
            if state.doubt.is_none() {
                state.last_pass = Some(began);
                state.passed_full |= state.weight == PerMille::FULL;
            }
        }
        self.paused(state, status, at);
    }

    /// At a pause the deployment goes on when the new version was just judged well, or has no traffic yet.
    fn paused(&self, state: &mut NativeState, status: &NativeStatus, at: Timestamp) {
        let Some(pause) = &status.pause else {
            state.pause = None;
            return;
        };
        let since = match &state.pause {
            Some((hook, since)) if *hook == pause.hook => *since,
            _ => at,
        };
        state.pause = Some((pause.hook.clone(), since));
        // What the platform says of the weights may be older than the pause. After a shift that it was allowed, only a
        // pass at a greater share counts.
        if let Some((answered, from)) = &state.shifting
            && *answered != pause.hook
            && state.weight <= *from
        {
            state.doubt =
                Some(format!("the platform does not yet say that it went on from {from}"));
        }
        let untouched = !state.is_exposed()
            && status.stage == Some(LifecycleStage::PreProductionTrafficShift)
            && state.shifting.as_ref().is_none_or(|(answered, _)| *answered == pause.hook);
        if untouched || state.is_exposed() && state.doubt.is_none() {
            state.enter(Phase::Proceed { hook: pause.hook.clone() });
        } else if at >= after(since, self.patience) {
            let why = state.doubt.clone().unwrap_or_default();
            let text = format!("no conclusive verdict within {:?}: {why}", self.patience);
            self.turn_back(state, CauseKind::Unsure, text, at);
        }
    }

    /// From now on the new version is known to have this share.
    fn expose(&self, state: &mut NativeState, weight: PerMille, at: Timestamp) {
        state.weight = weight;
        state.exposed_since = (weight > PerMille::ZERO).then_some(at);
        // It may have had it since right after the look before this one.
        state.counts_from = state.last_seen.unwrap_or(state.begun_at).max(state.begun_at);
        state.judged_until = None;
        state.last_pass = None;
        state.doubt = Some(format!("nobody has looked at it at {weight} yet"));
    }

    /// Takes the judgement in. `Err` is a reason to go back, and what is within `Ok` keeps it from being a pass.
    fn judged(
        &self,
        state: &mut NativeState,
        seen: &NativeSeen,
        judge: Option<&JudgeRequest>,
    ) -> Result<Option<String>, String> {
        let (Some(judgement), Some(started)) = (&seen.judgement, state.exposed_since) else {
            return Ok(Some("the metrics were not judged".to_owned()));
        };
        if judge.is_none_or(|judge| judge.started != started) {
            return Ok(Some("the metrics are of another share of traffic".to_owned()));
        }
        let covered = judgement.covered;
        let mut verdict = judgement.verdict.clone();
        let judged_until = state.judged_until.unwrap_or(started);
        let inconclusive = |why: &str, of: &Verdict| Verdict::Inconclusive {
            why: why.to_owned(),
            missing: vec!["all metrics".to_owned()],
            evidence: of.evidence().to_vec(),
        };
        // An answer from before the step, or from before the last judgement, is a stale one.
        if covered.from < started || !covered.is_empty() && covered.to < judged_until {
            verdict = inconclusive("the metrics are older than the step", &verdict);
        } else {
            state.carried = judgement.carried.clone();
            if !covered.is_empty() {
                state.judged_until = Some(covered.to);
            } else if verdict.is_pass() {
                verdict = inconclusive("no closed metric period lies in the step yet", &verdict);
            }
        }
        let broken = |finding: &&petswipe_monitor::Finding| finding.result == FindingResult::Broken;
        let said = match &verdict {
            Verdict::Pass { .. } => Ok(None),
            Verdict::Inconclusive { why, .. } => Ok(Some(why.clone())),
            Verdict::Fail { evidence } => {
                let findings: Vec<_> =
                    evidence.iter().filter(broken).map(ToString::to_string).collect();
                Err(format!("not healthy at {}: {}", state.weight, findings.join("; ")))
            }
        };
        if let Some(stage) = state.stages.last_mut() {
            stage.verdict = Some(verdict);
        }
        said
    }

    /// Whether a pass at the present share still holds.
    fn holds(&self, state: &NativeState, at: Timestamp) -> bool {
        state.last_pass.is_some_and(|pass| at <= after(pass, self.patience))
    }

    /// Every wait has a deadline.
    fn deadlines(&self, state: &mut NativeState, at: Timestamp) {
        if state.is_back() {
            if at >= after(state.turned_at, self.rollback_deadline) {
                let text = format!("not back after {:?}", self.rollback_deadline);
                self.give_up(state, text, at);
            }
            return;
        }
        let Some(exposed) = state.exposed_since else {
            if at >= after(state.begun_at, self.start_deadline) {
                let failure = state.last_failure.as_ref();
                let why = failure.map_or(String::new(), |why| format!("; a task failed: {why}"));
                let text = format!("no traffic after {:?}{why}", self.start_deadline);
                self.turn_back(state, CauseKind::Capacity, text, at);
            }
            return;
        };
        let (weight, full) = (state.weight, state.weight == PerMille::FULL);
        let bake = self.bake_of(weight);
        let status = state.last_status.as_ref();
        let cleaning = status.is_some_and(|it| it.stage == Some(LifecycleStage::CleanUp));
        let waits = status.is_some_and(|status| status.pause.is_some());
        let by_itself = full || self.holding == Holding::Watching;
        let latest = after(state.counts_from, bake.saturating_sub(self.margin));
        if by_itself && !waits && !cleaning && at >= latest && !self.holds(state, at) {
            let why = state.doubt.clone().unwrap_or_default();
            let text =
                format!("no conclusive verdict at {weight} before the platform goes on: {why}");
            return self.turn_back(state, CauseKind::Unsure, text, at);
        }
        let slack = self.patience + self.start_deadline;
        let since = exposed.max(state.counts_from);
        if at < after(since, bake + slack) {
            return;
        }
        if cleaning && state.passed_full {
            let left = "The new version serves; the old one is not yet stopped";
            state.suspended =
                Some(format!("the platform does not come to an end. {left}; resume the operation"));
        } else {
            let text = format!("the platform does not go on from {weight}");
            self.turn_back(state, CauseKind::Unsure, text, at);
        }
    }
}

fn unread(seen: &NativeSeen) -> String {
    match seen.problems.first() {
        Some(problem) => problem.clone(),
        None => "the deployment could not be read".to_owned(),
    }
}

fn after(time: Timestamp, span: std::time::Duration) -> Timestamp {
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// Keeps what was seen, and a record of every stage.
fn note(state: &mut NativeState, status: &NativeStatus, at: Timestamp) {
    let known = state.last_status.as_ref();
    let same = known.is_some_and(|known| {
        (known.stage, known.weight, known.state) == (status.stage, status.weight, status.state)
    });
    if !same {
        if let Some(open) = state.stages.last_mut().filter(|stage| stage.ended_at.is_none()) {
            open.ended_at = Some(at);
        }
        if !status.state.is_over() {
            let going_back =
                matches!(status.state, Status::RollbackRequested | Status::RollbackInProgress);
            let name = match status.stage {
                _ if going_back => "rollback".to_owned(),
                Some(stage) => stage.as_str().to_lowercase().replace('_', " "),
                None => "pending".to_owned(),
            };
            let weight = status.weight.whole();
            let record =
                StageRecord { name, weight, started_at: at, ended_at: None, verdict: None };
            state.stages.push(record);
        }
    }
    state.last_status = Some(status.clone());
}

/// Why the platform does what it does, as far as it says so.
fn why(status: &NativeStatus, state: &NativeState) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !status.triggered_alarms.is_empty() {
        parts.push(format!("alarm {}", status.triggered_alarms.join(", ")));
    }
    if !status.failed_hooks.is_empty() {
        parts.push(format!("hook {}", status.failed_hooks.join(", ")));
    }
    parts.extend(status.reason.clone());
    if status.circuit_breaker == Monitor::Triggered {
        parts.push("too many tasks failed".to_owned());
        parts.extend(state.last_failure.clone());
    }
    if parts.is_empty() {
        parts.push("it gives no reason".to_owned());
    }
    parts.join("; ")
}

fn cause_of(status: &NativeStatus) -> CauseKind {
    if status.alarms == Monitor::Triggered {
        CauseKind::Verdict
    } else if !status.failed_hooks.is_empty() {
        CauseKind::Hook
    } else {
        CauseKind::Tasks
    }
}
