//! What telemetry says of rollouts on the cloud in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use petswipe_deploy::memory::{Behaviour, MemoryCloud};
use petswipe_deploy::{Environment, Image, Plan, RolloutPerformer, Target};
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::telemetry::{
    Attribute, Ending, PrometheusText, Signal, Sink, Telemetry, Value,
};
use petswipe_runbook::{Driver, Journaled, OperationId};

#[derive(Default)]
struct Kept(Mutex<Vec<Signal>>);

impl Sink for Kept {
    fn take(&self, _: &OperationId, signal: &Signal) {
        self.0.lock().unwrap().push(signal.clone());
    }
}

fn roll_out(behaviour: Behaviour) -> (Vec<Signal>, String) {
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let sides = ["shop-blue", "shop-green"].map(|side| Environment::new(side).unwrap());
    let old = Image::new("shop:v1").unwrap();
    let cloud = Arc::new(MemoryCloud::new(clock.clone(), &sides, old, 4).unwrap());
    let image = Image::new("shop:v2").unwrap();
    cloud.add_image(image.clone(), behaviour);
    let plan = Plan::canary("shop", sides, Target::Image(image));
    let performer = Arc::new(RolloutPerformer::new(cloud, Arc::new(plan.gate())));
    let operation = OperationId::new("canary-1").unwrap();
    let (kept, text) = (Arc::new(Kept::default()), Arc::new(PrometheusText::new()));
    let told = Telemetry::new(&operation).sink(kept.clone()).sink(text.clone());
    let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
    let driver = Driver::with_clock(log, performer, clock.clone()).observer(Arc::new(told));
    clock.run(driver.start(operation, plan)).unwrap().unwrap();
    let signals = kept.0.lock().unwrap().clone();
    (signals, text.render())
}

fn text(attributes: &[Attribute], key: &str) -> Option<String> {
    let value = attributes.iter().find(|it| it.key == key).map(|it| &it.value)?;
    Some(match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
    })
}

/// The attribute of all events of that name, in order, without repetitions.
fn course(signals: &[Signal], name: &str, key: &str) -> Vec<String> {
    let of = |signal: &Signal| match signal {
        Signal::Happened { moment, .. } if moment.name == name => text(&moment.attributes, key),
        _ => None,
    };
    let mut values: Vec<_> = signals.iter().filter_map(of).collect();
    values.dedup();
    values
}

fn ending(signals: &[Signal]) -> &Ending {
    match signals.last() {
        Some(Signal::Ended { ending, .. }) => ending,
        other => panic!("{other:?}"),
    }
}

const LABELS: &str = "kind=\"petswipe rollout\",service=\"shop\",strategy=\"canary\"";

#[test]
fn a_good_version_goes_through_its_stages_and_weights() {
    let (signals, metrics) = roll_out(Behaviour::default());
    let place = |key| course(&signals, "petswipe.place", key);
    assert_eq!(place("petswipe.weight"), ["0", "5", "10", "25", "50", "100"]);
    assert_eq!(place("petswipe.direction"), ["starting", "forward"]);
    let stages = ["stage 1", "stage 2", "stage 3", "stage 4", "stage 5", "bake"];
    assert_eq!(place("petswipe.stage")[..6], stages);
    assert_eq!(course(&signals, "petswipe.verdict", "petswipe.verdict").last().unwrap(), "pass");
    let ending = ending(&signals);
    assert_eq!((&*ending.word, ending.good), ("promoted", Some(true)));
    for line in [
        format!("petswipe_rollout_weight_ratio{{{LABELS},version=\"new\"}} 1\n"),
        format!("petswipe_rollout_weight_ratio{{{LABELS},version=\"old\"}} 0\n"),
        format!("petswipe_rollout_direction{{direction=\"forward\",{LABELS}}} 1\n"),
        format!("petswipe_rollout_direction{{direction=\"back\",{LABELS}}} 0\n"),
        format!("petswipe_rollout_stage{{{LABELS}}} 7\n"),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn a_bad_version_says_why_it_goes_back() {
    let (signals, metrics) = roll_out(Behaviour { error_rate: 0.2, ..Behaviour::default() });
    assert_eq!(course(&signals, "petswipe.verdict", "petswipe.verdict").last().unwrap(), "fail");
    let whys = course(&signals, "petswipe.verdict", "petswipe.verdict.why");
    assert!(whys.last().unwrap().contains("error rate 20"), "{whys:?}");
    let directions = course(&signals, "petswipe.place", "petswipe.direction");
    assert_eq!(directions, ["starting", "forward", "back"]);
    assert_eq!(course(&signals, "petswipe.place", "petswipe.weight"), ["0", "5", "0"]);
    assert!(course(&signals, "petswipe.place", "petswipe.cause")[0].starts_with("not healthy"));
    let ending = ending(&signals);
    assert_eq!((&*ending.word, ending.good), ("rolled-back", Some(false)));
    assert!(ending.why.starts_with("rolled back: not healthy at 5 %"), "{}", ending.why);
    let shifts = signals.iter().filter_map(|signal| match signal {
        Signal::Effect(effect) if effect.name == "shift" => {
            text(&effect.attributes, "petswipe.direction")
        }
        _ => None,
    });
    assert_eq!(shifts.collect::<BTreeSet<_>>(), BTreeSet::from(["back".into(), "forward".into()]));
    for line in [
        format!("petswipe_verdicts_total{{{LABELS},verdict=\"fail\"}} 1\n"),
        "petswipe_operations_total{kind=\"petswipe rollout\",outcome=\"rolled-back\",".to_owned(),
        format!("petswipe_rollout_weight_ratio{{{LABELS},version=\"new\"}} 0\n"),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
}

/// The value of a gauge about the errors beside the live version.
fn evidence(metrics: &str, name: &str) -> f64 {
    let line = format!(
        "{name}{{kind=\"petswipe rollout\",metric=\"error evidence\",service=\"shop\",strategy=\"canary\"}} "
    );
    let found = metrics.lines().find_map(|said| said.strip_prefix(line.as_str()));
    found.unwrap_or_else(|| panic!("{line} is not in\n{metrics}")).parse().unwrap()
}

#[test]
fn evidence_and_where_it_decides_are_metrics() {
    let (_, good) = roll_out(Behaviour::default());
    assert!(evidence(&good, "petswipe_evidence") < evidence(&good, "petswipe_evidence_limit"));
    let (_, bad) = roll_out(Behaviour { error_rate: 0.2, ..Behaviour::default() });
    assert!(evidence(&bad, "petswipe_evidence") >= evidence(&bad, "petswipe_evidence_limit"));
    assert_eq!(
        evidence(&bad, "petswipe_evidence_limit"),
        evidence(&good, "petswipe_evidence_limit")
    );
}

/// Labels are few: what may be anything is in no metric.
#[test]
fn images_environments_and_reasons_are_in_no_metric() {
    let (_, metrics) = roll_out(Behaviour { error_rate: 0.2, ..Behaviour::default() });
    for word in ["shop:v2", "shop-blue", "not healthy", "canary-1"] {
        assert!(!metrics.contains(word), "{word}");
    }
    assert!(metrics.lines().count() < 400, "{}", metrics.lines().count());
}
