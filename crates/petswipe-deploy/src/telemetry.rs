//! What rollouts, native deployments and scaling operations are called in spans and metrics.
//!
//! Labels are the service, the strategy, and words out of small fixed sets; images, environments and reasons are attributes
//! of spans. Nothing here is told that the journal does not hold.

use petswipe_monitor::{Judgement, Verdict};
use petswipe_runbook::telemetry::{
    Attribute, Describe, Described, Ending, Instrument, Kind, Label, Measure, Moment,
};
use petswipe_runbook::{Event, EventOf};

use crate::native::{NativeEffect, NativeOutput, NativePlan, NativeState};
use crate::rollout::{
    Direction, Effect, Outcome, Output, Plan, Purpose, StageRecord, State, Strategy, Target,
};
use crate::scaling::{self, ScalePlan};
use crate::{Percent, RevisionId};

static WEIGHT: Instrument = Instrument {
    name: "petswipe.rollout.weight",
    help: "Share of production traffic of the new and the old version, as it was read back.",
    kind: Kind::Ratio,
};

static STAGE: Instrument = Instrument {
    name: "petswipe.rollout.stage",
    help: "How many stages were begun, bake and scale-down delay included.",
    kind: Kind::Gauge,
};

static DIRECTION: Instrument = Instrument {
    name: "petswipe.rollout.direction",
    help: "1 for the direction in which a rollout goes, 0 for the others.",
    kind: Kind::Gauge,
};

static VERDICTS: Instrument = Instrument {
    name: "petswipe.verdicts",
    help: "Judgements of the new version, by verdict.",
    kind: Kind::Counter,
};

static EVIDENCE: Instrument = Instrument {
    name: "petswipe.evidence",
    help: "What the gate has found, as how many times likelier than chance, by what it looked at.",
    kind: Kind::Gauge,
};

static EVIDENCE_LIMIT: Instrument = Instrument {
    name: "petswipe.evidence.limit",
    help: "At how many times likelier than chance the gate decides, by what it looked at.",
    kind: Kind::Gauge,
};

/// The unit of findings that are e-values.
const TIMES: &str = "times";

/// The metrics that rollouts and native deployments have beside those of every operation.
pub static ROLLOUT_INSTRUMENTS: [&Instrument; 6] =
    [&WEIGHT, &STAGE, &DIRECTION, &VERDICTS, &EVIDENCE, &EVIDENCE_LIMIT];

const DIRECTIONS: [&str; 4] = ["starting", "forward", "back", "stopping"];

impl Describe for Plan {
    fn labels(&self) -> Vec<Label> {
        labels(&self.service, self.strategy.name())
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes =
            about(&self.service, &self.location, &self.target, self.undoes.as_ref());
        attributes.push(Attribute::text("petswipe.strategy", self.strategy.name()));
        let weights: Vec<_> = self.stages.iter().map(|it| it.weight.get().to_string()).collect();
        attributes.push(Attribute::text("petswipe.plan.weights", weights.join(",")));
        attributes
    }

    fn effect(effect: &Effect) -> Described {
        let name = match effect {
            Effect::Survey { .. } => "survey",
            Effect::Look(look) => match look.purpose {
                Purpose::Watch => "watch",
                Purpose::Capacity => "look_for_capacity",
                Purpose::Guard => "guard",
                Purpose::ReadBack => "read_back",
                Purpose::Recheck => "recheck",
            },
            Effect::SuspendScaling { .. } => "suspend_scaling",
            Effect::RestoreScaling { .. } => "restore_scaling",
            Effect::Register { .. } => "register",
            Effect::Deploy { .. } => "deploy",
            Effect::SetBack { .. } => "set_back",
            Effect::Scale { .. } => "scale",
            Effect::Shift { .. } => "shift",
            Effect::TestRoute { .. } => "test_route",
            Effect::Probe { .. } => "probe",
            Effect::Hook { .. } => "hook",
        };
        let target = match effect {
            Effect::SuspendScaling { environment }
            | Effect::RestoreScaling { environment, .. }
            | Effect::Deploy { environment, .. }
            | Effect::SetBack { environment, .. }
            | Effect::Scale { environment, .. }
            | Effect::Probe { environment } => Some(environment.to_string()),
            Effect::Hook { point, .. } => Some(point.to_string()),
            Effect::Survey { .. }
            | Effect::Look(_)
            | Effect::Register { .. }
            | Effect::Shift { .. }
            | Effect::TestRoute { .. } => None,
        };
        described(name, target, effect.is_change(), effect)
    }

    fn answer(output: &Output) -> Vec<Attribute> {
        match output {
            Output::Seen(seen) => looked(seen.judgement.as_ref(), &seen.problems),
            Output::Registered(revision) => vec![registered(revision)],
            Output::Done | Output::Surveyed(_) | Output::Probed(_) | Output::Hook(_) => Vec::new(),
        }
    }

    fn place(&self, state: &State) -> Vec<Attribute> {
        place(&state.direction, &state.stages, f64::from(self.share(state).get()))
    }

    fn moment(&self, event: &EventOf<Self>, state: &State) -> Option<Moment> {
        match event {
            Event::Succeeded { output: Output::Seen(seen), .. } => {
                let weight = f64::from(self.share(state).get());
                judged(seen.judgement.as_ref()?, &state.stages, weight)
            }
            _ => None,
        }
    }

    fn measures(&self, event: &EventOf<Self>, state: &State) -> Vec<Measure> {
        let judgement = match event {
            Event::Succeeded { output: Output::Seen(seen), .. } => seen.judgement.as_ref(),
            Event::Intended { .. } => return Vec::new(),
            _ => None,
        };
        let share = f64::from(self.share(state).get()) / 100.0;
        measures(judgement, &state.direction, &state.stages, share)
    }

    fn ending(outcome: &Outcome) -> Ending {
        ending(outcome)
    }
}

impl Plan {
    /// The new version's share of traffic. The state's own weight is how far it came; on the way back the weights say more.
    fn share(&self, state: &State) -> Percent {
        let shifts = !matches!(self.strategy, Strategy::Rolling { .. });
        let before = state.before.as_ref().filter(|_| shifts);
        match (before.zip(state.known_split()), &state.ended) {
            (Some((before, split)), _) => split.share(&before.candidate),
            (None, Some(Outcome::RolledBack { .. } | Outcome::Aborted { .. })) => Percent::ZERO,
            (None, _) => state.weight,
        }
    }
}

impl Describe for NativePlan {
    fn labels(&self) -> Vec<Label> {
        labels(&self.service, self.strategy.name())
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes =
            about(&self.service, &self.location, &self.target, self.undoes.as_ref());
        attributes.push(Attribute::text("petswipe.strategy", self.strategy.name()));
        attributes
    }

    fn effect(effect: &NativeEffect) -> Described {
        let name = match effect {
            NativeEffect::Survey { .. } => "survey",
            NativeEffect::Register { .. } => "register",
            NativeEffect::Begin { .. } => "begin",
            NativeEffect::Look { judge: None, .. } => "look",
            NativeEffect::Look { .. } => "watch",
            NativeEffect::Proceed { .. } => "proceed",
            NativeEffect::Stop { .. } => "stop",
            NativeEffect::Restore { .. } => "restore",
        };
        described(name, None, effect.is_change(), effect)
    }

    fn answer(output: &NativeOutput) -> Vec<Attribute> {
        match output {
            NativeOutput::Seen(seen) => looked(seen.judgement.as_ref(), &seen.problems),
            NativeOutput::Registered(revision) => vec![registered(revision)],
            NativeOutput::Done | NativeOutput::Surveyed(_) | NativeOutput::Begun(_) => Vec::new(),
        }
    }

    fn place(&self, state: &NativeState) -> Vec<Attribute> {
        place(&state.direction, &state.stages, state.weight.percent())
    }

    fn moment(&self, event: &EventOf<Self>, state: &NativeState) -> Option<Moment> {
        match event {
            Event::Succeeded { output: NativeOutput::Seen(seen), .. } => {
                judged(seen.judgement.as_ref()?, &state.stages, state.weight.percent())
            }
            _ => None,
        }
    }

    fn measures(&self, event: &EventOf<Self>, state: &NativeState) -> Vec<Measure> {
        let judgement = match event {
            Event::Succeeded { output: NativeOutput::Seen(seen), .. } => seen.judgement.as_ref(),
            Event::Intended { .. } => return Vec::new(),
            _ => None,
        };
        measures(judgement, &state.direction, &state.stages, state.weight.percent() / 100.0)
    }

    fn ending(outcome: &Outcome) -> Ending {
        ending(outcome)
    }
}

impl Describe for ScalePlan {
    fn labels(&self) -> Vec<Label> {
        let change = match self.change {
            scaling::Change::Service { .. } => "scale-service",
            scaling::Change::Database { .. } => "scale-database",
            scaling::Change::Tracking { .. } => "scale-tracking",
        };
        labels(&self.service, change)
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![
            Attribute::text("petswipe.service", &self.service),
            Attribute::text("petswipe.location", &self.location),
            Attribute::text("petswipe.change", self.change.to_string()),
        ]
    }

    fn effect(effect: &scaling::Effect) -> Described {
        let name = match effect {
            scaling::Effect::LookAtService { .. } => "look_at_service",
            scaling::Effect::LookAtDatabase { .. } => "look_at_database",
            scaling::Effect::LookAtTracking { .. } => "look_at_tracking",
            scaling::Effect::Scale { .. } => "scale",
            scaling::Effect::ModifyClass { .. } => "modify_class",
            scaling::Effect::Register { .. } => "register_limits",
            scaling::Effect::Deregister { .. } => "deregister_limits",
            scaling::Effect::PutPolicy { .. } => "put_policy",
            scaling::Effect::DeletePolicy { .. } => "delete_policy",
        };
        described(name, None, effect.is_change(), effect)
    }

    fn ending(outcome: &scaling::Outcome) -> Ending {
        let good = matches!(outcome, scaling::Outcome::Done { .. });
        Ending { word: outcome.word().into(), good: Some(good), why: outcome.to_string() }
    }
}

fn labels(service: &str, strategy: &str) -> Vec<Label> {
    vec![("service", service.to_owned()), ("strategy", strategy.to_owned())]
}

fn about(
    service: &str,
    location: &str,
    target: &Target,
    undoes: Option<&RevisionId>,
) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::text("petswipe.service", service),
        Attribute::text("petswipe.location", location),
        match target {
            Target::Image(image) => Attribute::text("petswipe.image", image.as_str()),
            Target::Revision(revision) => {
                Attribute::text("petswipe.revision", revision.to_string())
            }
        },
    ];
    attributes
        .extend(undoes.map(|revision| Attribute::text("petswipe.undoes", revision.to_string())));
    attributes
}

fn described(
    name: &'static str,
    target: Option<String>,
    changes: bool,
    what: &dyn std::fmt::Display,
) -> Described {
    let attributes = vec![Attribute::text("petswipe.effect.what", what.to_string())];
    Described { target, changes: Some(changes), attributes, ..Described::named(name) }
}

fn looked(judgement: Option<&Judgement>, problems: &[String]) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    if let Some(judgement) = judgement {
        attributes.extend(verdict(&judgement.verdict));
    }
    if !problems.is_empty() {
        attributes.push(Attribute::text("petswipe.problems", problems.join("; ")));
    }
    attributes
}

fn verdict(verdict: &Verdict) -> [Attribute; 2] {
    [
        Attribute::text("petswipe.verdict", verdict.word()),
        Attribute::text("petswipe.verdict.why", verdict.to_string()),
    ]
}

fn registered(revision: &RevisionId) -> Attribute {
    Attribute::text("petswipe.revision", revision.to_string())
}

fn direction(direction: &Direction) -> &'static str {
    match direction {
        Direction::Starting => "starting",
        Direction::Forward => "forward",
        Direction::Back(_) => "back",
        Direction::Stopping { .. } => "stopping",
    }
}

/// The stage that is on.
fn stage(stages: &[StageRecord]) -> Option<&StageRecord> {
    stages.last().filter(|stage| stage.ended_at.is_none())
}

fn place(way: &Direction, stages: &[StageRecord], weight: f64) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::text("petswipe.direction", direction(way)),
        Attribute::number("petswipe.weight", weight),
    ];
    if let Direction::Back(cause) = way {
        attributes.push(Attribute::text("petswipe.cause", cause.to_string()));
    }
    if let Some(stage) = stage(stages) {
        attributes.push(Attribute::text("petswipe.stage", &stage.name));
        attributes.push(Attribute::integer("petswipe.stage.number", stages.len() as u64));
    }
    attributes
}

fn judged(judgement: &Judgement, stages: &[StageRecord], weight: f64) -> Option<Moment> {
    let mut attributes = verdict(&judgement.verdict).to_vec();
    attributes.push(Attribute::flag("petswipe.verdict.settled", judgement.settled));
    attributes.push(Attribute::number("petswipe.weight", weight));
    if let Some(stage) = stages.last() {
        attributes.push(Attribute::text("petswipe.stage", &stage.name));
    }
    Some(Moment { name: "petswipe.verdict", attributes })
}

fn measures(
    judgement: Option<&Judgement>,
    way: &Direction,
    stages: &[StageRecord],
    share: f64,
) -> Vec<Measure> {
    let mut measures = Vec::with_capacity(8);
    let mut measure = |instrument, value, labels: Option<Label>| {
        measures.push(Measure::new(instrument, value, labels.into_iter().collect()));
    };
    if let Some(judgement) = judgement {
        let word = judgement.verdict.word().to_owned();
        measure(&VERDICTS, 1.0, Some(("verdict", word)));
        let evidence = judgement.verdict.evidence().iter().filter(|it| it.unit == TIMES);
        for (finding, value) in evidence.filter_map(|it| Some((it, it.value?))) {
            let metric = || Some(("metric", finding.metric.to_string()));
            measure(&EVIDENCE, value, metric());
            measure(&EVIDENCE_LIMIT, finding.limit, metric());
        }
    }
    measure(&WEIGHT, share, Some(("version", "new".to_owned())));
    measure(&WEIGHT, 1.0 - share, Some(("version", "old".to_owned())));
    measure(&STAGE, stages.len() as f64, None);
    for one in DIRECTIONS {
        let value = f64::from(u8::from(one == direction(way)));
        measure(&DIRECTION, value, Some(("direction", one.to_owned())));
    }
    measures
}

fn ending(outcome: &Outcome) -> Ending {
    let word = match outcome {
        Outcome::Promoted { .. } => "promoted",
        Outcome::RolledBack { .. } => "rolled-back",
        Outcome::Aborted { .. } => "aborted",
        Outcome::Refused { .. } => "refused",
        Outcome::Stopped { .. } => "stopped",
    };
    let good = matches!(outcome, Outcome::Promoted { .. });
    Ending { word: word.into(), good: Some(good), why: outcome.to_string() }
}
