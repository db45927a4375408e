//! The regular look at the new version while it takes traffic: go on, wait, or go back.

use jiff::Timestamp;
use petswipe_monitor::{FindingResult, Verdict};
use petswipe_runbook::{Failure, Underway};

use super::look::counted;
use crate::Percent;
use crate::rollout::script::Hold;
use crate::rollout::state::{Direction, State};
use crate::rollout::{Cause, CauseKind, Effect, Output, Plan, Seen};

/// What is known after a look that gave no reason to go back.
struct Known {
    /// What could not be read or is missing.
    lack: Option<String>,
    /// Why the numbers do not say that the new version is healthy, if they do not.
    doubt: Option<String>,
}

impl Plan {
    /// A look was answered, or not.
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
                match self.weigh(state, seen, settled.began) {
                    Err(cause) => return self.turn_back(state, cause, at),
                    Ok(known) => known,
                }
            }
            Ok(_) => return,
            Err(failure) => Known { lack: Some(failure.message.clone()), doubt: None },
        };
        let lacks = known.lack.is_some();
        // What is undone was asked for by somebody who knows why: it takes no evidence, only tasks.
        let doubt = known.doubt.filter(|_| self.undoes.is_none());
        state.watch.doubt = known.lack.or(doubt);
        let Some(holding) = &state.hold else { return };
        let good = match holding.hold {
            Hold::Stage(_) | Hold::Bake => state.watch.doubt.is_none(),
            Hold::ScaleDownDelay => !lacks,
        };
        let over = match holding.hold {
            Hold::Stage(stage) => self.is_over(state, stage, holding.until, settled.began),
            _ => settled.began >= holding.until,
        };
        if good && over {
            return self.advance(state, at);
        }
        let latest = holding.until.saturating_add(self.patience).unwrap_or(Timestamp::MAX);
        if at >= latest {
            let why = state.watch.doubt.clone().unwrap_or_default();
            self.unsure(state, &why, at);
        }
    }

    /// Whether a stage is over: its time, or enough of it where the gate has seen all that it has to.
    fn is_over(&self, state: &State, stage: usize, until: Timestamp, began: Timestamp) -> bool {
        // From the end, which a time without a driver puts off: that time has not been watched.
        let spared = self.early.filter(|_| state.watch.settled).zip(self.stages.get(stage));
        let spared = spared.map(|(least, stage)| stage.duration.saturating_sub(least));
        let enough = until.saturating_sub(spared.unwrap_or_default()).unwrap_or(until);
        began >= enough
    }

    /// Nobody could say for too long that the new version is healthy.
    pub(super) fn unsure(&self, state: &mut State, why: &str, at: Timestamp) {
        let text = format!("no conclusive verdict {:?} after its time: {why}", self.patience);
        self.turn_back(state, Cause::new(CauseKind::Unsure, text), at);
    }

    /// What a look says about the new version: a reason to go back, or what is known.
    fn weigh(&self, state: &mut State, seen: &Seen, began: Timestamp) -> Result<Known, Cause> {
        let Some(before) = &state.before else {
            return Ok(Known { lack: Some("nothing is known yet".to_owned()), doubt: None });
        };
        let candidate = self.candidate(before);
        let side = seen.side(candidate);
        let service = side.and_then(|side| side.service.as_ref());
        let service = service.filter(|service| service.observed_at >= began);
        let runs_new = service.is_some_and(|service| service.revision == state.revision);
        if let Some(service) = service.filter(|_| runs_new || self.is_rolling())
            && let Some(cause) = self.broken(state, service)
        {
            return Err(cause);
        }
        let unread = || "health and weights could not be read".to_owned();
        let read = seen.route.as_ref().is_some_and(|route| route.observed_at >= began);
        let mut lack = (!read || !runs_new).then(unread);
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
                    let last = service.and_then(|service| counted(state, service).last());
                    if let Some(failure) = last {
                        text.push_str(&format!("; the last task failed: {}", failure.reason));
                    }
                    if self.undoes.is_none() {
                        return Err(Cause::new(CauseKind::Capacity, text));
                    }
                    // The other side is worse: that is why it is undone.
                    lack.get_or_insert(text);
                }
                Some(_) => {}
                None => lack = lack.or_else(|| Some(unread())),
            }
        }
        Ok(Known { lack, doubt: self.judge(state, seen)? })
    }

    /// Takes the judgement in, if it is about the present share of traffic. Says what keeps it from being a pass.
    fn judge(&self, state: &mut State, seen: &Seen) -> Result<Option<String>, Cause> {
        let (Some(judgement), Some(started)) = (&seen.judgement, state.exposed_since) else {
            return Ok(Some("the metrics were not judged".to_owned()));
        };
        state.watch.settled = false;
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
            state.watch.settled = judgement.settled;
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
        let doubt = match &verdict {
            Verdict::Pass { .. } => None,
            Verdict::Inconclusive { why, .. } => Some(why.clone()),
            Verdict::Fail { .. } => Some("it is not healthy".to_owned()),
        };
        let failed = if verdict.is_fail() { self.not_healthy(state, &verdict) } else { None };
        if let Some(stage) = state.stages.last_mut()
            && stage.ended_at.is_none()
        {
            stage.verdict = Some(verdict);
        }
        failed.map_or(Ok(doubt), Err)
    }

    /// The reason to go back that a failing verdict is.
    fn not_healthy(&self, state: &State, verdict: &Verdict) -> Option<Cause> {
        // The numbers of a rolling update that is undone may be those of what it takes out of service.
        if self.is_rolling() && self.undoes.is_some() {
            return None;
        }
        let broken = |finding: &&petswipe_monitor::Finding| finding.result == FindingResult::Broken;
        let findings: Vec<_> =
            verdict.evidence().iter().filter(broken).map(ToString::to_string).collect();
        let text = format!("not healthy at {}: {}", state.weight, findings.join("; "));
        Some(Cause::new(CauseKind::Verdict, text))
    }
}
