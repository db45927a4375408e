//! This crate's gates, asked as a rollout asks them.

use std::time::Duration;

use jiff::Timestamp;

use super::{STAGE, STAGES};
use crate::evidence::Arm;
use crate::gate::{All, Carried, Comparison, EvidencePolicy, Gate, Policy, Step, Verdict};
use crate::lab::{Next, RolloutPolicy, Second};
use crate::observe::is_older;
use crate::planner::{Forecast, Question};
use crate::{Errors, Histogram, Observation, Subject, Window};

/// Any [`Gate`] of this crate or one's own, asked as `petswipe-deploy` does: at every check, over the windows it wants, in stages
/// that end when their time is over and the last verdict is a pass, early where that is allowed and the judgement is settled, and
/// go back on a fail or when no pass comes within the patience.
pub struct Gated {
    name: String,
    gate: All,
    stages: Vec<(u8, u32)>,
    check_interval: u32,
    patience: u32,
    early: Option<u32>,
    /// What happened in each second from the beginning.
    seconds: Vec<Second>,
    resolution: u32,
    lag: u32,
    stage: usize,
    began: u32,
    judged_until: u32,
    carried: Carried,
}

impl Gated {
    /// The default of a canary: limits and evidence, the guide's stages, a look every ten seconds at data of ten seconds.
    pub fn by_default() -> Self {
        Self::of(EvidencePolicy::default())
    }

    /// The default of a canary with that evidence.
    pub fn of(evidence: EvidencePolicy) -> Self {
        let gate = Policy::gate(&Policy::standard(evidence));
        Self::new("petswipe default", gate, guide())
    }

    /// The same on CloudWatch: sums of whole minutes that are known a minute late, a look every half a minute, limits that look
    /// back as far as they have to.
    pub fn on_minutes(evidence: EvidencePolicy) -> Self {
        let mut policies = Policy::standard(evidence);
        for policy in &mut policies {
            if let Policy::Absolute(limits) = policy {
                limits.lookback = Duration::from_secs(180);
            }
        }
        let gate = Policy::gate(&policies);
        Self::new("petswipe default, 60 s data, 60 s late", gate, guide()).data(60, 60, 30)
    }

    /// The default gate in stages that are planned for a service, as the [`planner`](crate::planner) proposed them.
    pub fn planned(question: &Question, planned: &Forecast) -> Self {
        let gate = Policy::gate(&question.policies(&planned.stages));
        let stages: Vec<_> =
            planned.stages.iter().map(|stage| (stage.weight, seconds(stage.duration))).collect();
        let longest = stages.iter().map(|(_, seconds)| *seconds).max().unwrap_or_default();
        Self::new("petswipe default, planned stages", gate, stages).patience(longest)
    }

    /// A gate with stages, each a weight in percent and seconds.
    pub fn new(name: &str, gate: All, stages: Vec<(u8, u32)>) -> Self {
        Self {
            name: name.to_owned(),
            gate,
            stages,
            check_interval: 10,
            patience: 600,
            early: None,
            seconds: Vec::new(),
            resolution: 10,
            lag: 0,
            stage: 0,
            began: 0,
            judged_until: 0,
            carried: Carried::default(),
        }
    }

    /// Data in sums of `resolution` seconds, known `lag` seconds late; a look every `check_interval` seconds.
    #[must_use]
    pub fn data(mut self, resolution: u32, lag: u32, check_interval: u32) -> Self {
        self.resolution = resolution.max(1);
        self.lag = lag;
        self.check_interval = check_interval.max(1);
        self
    }

    /// How long a stage waits for a pass after its time.
    #[must_use]
    pub fn patience(mut self, seconds: u32) -> Self {
        self.patience = seconds;
        self
    }

    /// Stages end early, but not before so many seconds.
    #[must_use]
    pub fn early(mut self, seconds: u32) -> Self {
        self.early = Some(seconds);
        self
    }

    /// Loses the evidence that the gate carried, as a careless caller would.
    #[cfg(test)]
    pub(crate) fn forget(&mut self) {
        let mut nothing = crate::evidence::RateRatio::default();
        nothing.begin_stage();
        if let Some(state) = self.carried.0.get_mut(1) {
            state["errors"] = serde_json::to_value(nothing).unwrap();
        }
    }

    fn judge(&mut self, elapsed: u32) -> crate::Judgement {
        let weight = self.stages[self.stage].0;
        let step = Step {
            started: at(self.began),
            judged_until: at(self.judged_until),
            now: at(elapsed),
            weight,
            reference_weight: 100 - weight,
        };
        let windows = self.gate.windows(&step, &self.carried);
        let seen: Vec<_> = windows.into_iter().map(|window| self.see(window, &step)).collect();
        let judged = self.gate.judge(&step, &seen, &self.carried);
        self.carried = judged.carried.clone();
        if !judged.covered.is_empty() {
            self.judged_until = second(judged.covered.to);
        }
        judged
    }

    /// What a source would answer about a window.
    fn see(&self, window: Window, step: &Step) -> Comparison {
        let [resolution, lag] =
            [self.resolution, self.lag].map(|seconds| Duration::from_secs(seconds.into()));
        let closed = window.closed(resolution, lag, step.now);
        let range = second(closed.from) as usize..second(closed.to) as usize;
        let known = self.seconds.get(range).filter(|known| !known.is_empty());
        let of = |name: &str, arm: fn(&Second) -> Arm| {
            let subject = Subject::environment(name);
            let Some(known) = known else {
                return Observation::missing(subject, Window::empty(closed.from));
            };
            let sum = known.iter().map(arm).fold(Arm::default(), Arm::plus);
            Observation {
                requests: Some(sum.requests),
                errors: Errors { client: Some(0), server: Some(sum.failed), balancer: Some(0) },
                latency: Some(latency(sum.requests)),
                ..Observation::missing(subject, closed)
            }
        };
        let candidate = of("candidate", |second| second.candidate);
        let reference = of("reference", |second| second.reference);
        let beside = step.reference_weight > 0 || is_older(window, step);
        let reference = beside.then_some(reference);
        Comparison::new(candidate, reference)
    }
}

/// The guide's stages.
fn guide() -> Vec<(u8, u32)> {
    STAGES.iter().map(|weight| (*weight, STAGE)).collect()
}

/// Nobody asks here how latency is judged: every request takes the same time.
fn latency(requests: u64) -> Histogram {
    let mut latency = Histogram::new();
    latency.record_many(Duration::from_millis(20), requests);
    latency
}

fn at(second: u32) -> Timestamp {
    Timestamp::from_second(second.into()).unwrap_or(Timestamp::MAX)
}

fn second(at: Timestamp) -> u32 {
    u32::try_from(at.as_second()).unwrap_or_default()
}

impl RolloutPolicy for Gated {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn begin(&mut self) -> u8 {
        self.stages.first().map_or(100, |stage| stage.0)
    }

    fn tick(&mut self, elapsed: u32, second: &Second) -> Next {
        self.seconds.push(*second);
        let Some((weight, duration)) = self.stages.get(self.stage).copied() else {
            return Next::Promote;
        };
        let until = self.began + duration;
        let due = (elapsed - self.began).is_multiple_of(self.check_interval) || elapsed == until;
        if !due {
            return Next::Weight(weight);
        }
        let judged = self.judge(elapsed);
        if judged.verdict.is_fail() {
            return Next::RollBack;
        }
        let early = self.early.filter(|least| judged.settled && elapsed >= self.began + least);
        if judged.verdict.is_pass() && (elapsed >= until || early.is_some()) {
            self.stage += 1;
            (self.began, self.judged_until) = (elapsed, elapsed);
            return self.stages.get(self.stage).map_or(Next::Promote, |next| Next::Weight(next.0));
        }
        if elapsed >= until + self.patience
            && matches!(judged.verdict, Verdict::Inconclusive { .. })
        {
            return Next::RollBack;
        }
        Next::Weight(weight)
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
