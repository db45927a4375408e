//! Reports made by hand: what the tests render.

pub(crate) mod markup;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use petswipe_deploy::{
    ActionReport, CheckReport, Effect, Environment, Percent, Report, SideReport, Split,
    StageReport, StateReport, TrafficPoint, TrafficReport,
};
use petswipe_monitor::{Finding, FindingResult};

const START: &str = "2026-05-04T12:00:00.250Z";
pub(crate) const BLUE: &str = "petswipe-production-blue";
pub(crate) const GREEN: &str = "petswipe-production-green";

pub(crate) fn at(seconds: f64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    start + SignedDuration::from_millis((seconds * 1000.0) as i64)
}

pub(crate) fn environment(name: &str) -> Environment {
    Environment::new(name).unwrap()
}

pub(crate) fn percent(share: u8) -> Percent {
    Percent::new(share).unwrap()
}

pub(crate) fn finding(metric: &str, value: Option<f64>, limit: f64, unit: &str) -> Finding {
    let result = match value {
        Some(value) if value <= limit => FindingResult::Holds,
        Some(_) => FindingResult::Broken,
        None => FindingResult::Missing,
    };
    let (metric, unit) = (metric.to_owned().into(), unit.to_owned().into());
    Finding { metric, value, limit, unit, samples: 412, result, detail: String::new() }
}

pub(crate) fn evidence(errors: f64, p99: f64) -> Vec<Finding> {
    vec![
        finding("error rate", Some(errors), 5.0, "%"),
        finding("p99 latency", Some(p99), 1000.0, "ms"),
    ]
}

pub(crate) fn stage(
    name: &str,
    weight: u8,
    from: f64,
    to: Option<f64>,
    verdict: &str,
) -> StageReport {
    StageReport {
        name: name.to_owned(),
        weight: percent(weight),
        started_at: at(from),
        ended_at: to.map(at),
        verdict: (!verdict.is_empty()).then(|| verdict.to_owned()),
        evidence: match verdict {
            "pass" => evidence(0.4, 38.0),
            "fail" => evidence(21.43, 41.0),
            "inconclusive" => vec![finding("error rate", None, 5.0, "%")],
            _ => Vec::new(),
        },
    }
}

pub(crate) fn check(seconds: f64, weight: u8, verdict: &str) -> CheckReport {
    let evidence = stage("", weight, seconds, None, verdict).evidence;
    let list: Vec<_> = evidence.iter().map(Finding::to_string).collect();
    let text = format!("{verdict}: {}", list.join("; "));
    CheckReport {
        at: at(seconds),
        weight: percent(weight),
        verdict: verdict.to_owned(),
        text,
        evidence,
        sources: Vec::new(),
    }
}

pub(crate) fn action(seconds: f64, took: Option<u64>, action: &str) -> ActionReport {
    let result = if took.is_some() { "done" } else { "unknown: the driver died meanwhile" };
    ActionReport {
        at: at(seconds),
        duration_ms: took,
        action: action.to_owned(),
        weights: None,
        result: result.to_owned(),
    }
}

/// Named as the rollout itself names it, so that a change of words there is noticed here.
pub(crate) fn shift(seconds: f64, took: u64, green: u8) -> ActionReport {
    let to = Split::between(environment(GREEN), percent(green), environment(BLUE));
    let effect = Effect::Shift { expected: Vec::new(), to: to.clone() };
    ActionReport { weights: Some(to), ..action(seconds, Some(took), &effect.to_string()) }
}

fn side(revision: u32, image: &str, tasks: u32) -> SideReport {
    SideReport {
        revision: Some(format!("petswipe:{revision}").parse().unwrap()),
        image: Some(image.parse().unwrap()),
        desired: tasks,
        running: tasks,
        healthy: tasks,
    }
}

pub(crate) fn state(green: u8, sides: [SideReport; 2]) -> StateReport {
    let serving = match green {
        0 => sides[0].revision.clone(),
        100 => sides[1].revision.clone(),
        _ => None,
    };
    let [blue, green_side] = sides;
    StateReport {
        weights: [(environment(BLUE), percent(100 - green)), (environment(GREEN), percent(green))]
            .into(),
        environments: [(environment(BLUE), blue), (environment(GREEN), green_side)].into(),
        serving,
    }
}

fn before() -> StateReport {
    state(0, [side(41, "petswipe:v1", 4), side(40, "petswipe:v0", 0)])
}

/// Requests of 200 a second, divided as `share` says, with the failures of the new version that `failing` says.
pub(crate) fn traffic(
    seconds: u32,
    share: &dyn Fn(f64) -> f64,
    failing: &dyn Fn(f64) -> f64,
    stages: &[StageReport],
) -> TrafficReport {
    let mut report = TrafficReport::default();
    for second in 0..seconds {
        let time = f64::from(second);
        // Some unrest, without chance.
        let wave = (time * 1.7).sin() + (time * 0.61).cos();
        let all = (200.0 + 6.0 * wave).round();
        let new = (all * share(time)).round();
        for (version, requests) in [("v1", all - new), ("v2", new)] {
            if requests < 1.0 {
                continue;
            }
            let failed = if version == "v2" { (requests * failing(time)).round() } else { 0.0 };
            let p50 = if version == "v1" { 11.0 } else { 8.5 } + wave * 0.4;
            let point = TrafficPoint {
                at: at(time - 0.25),
                version: version.to_owned(),
                requests: requests as u64,
                failed: failed as u64,
                p50_ms: p50,
                p99_ms: p50 * 3.2 + wave * 3.0 + if failed > 0.0 { 90.0 } else { 0.0 },
            };
            count(&mut report, &point, stages);
            report.series.push(point);
        }
    }
    report
}

fn count(report: &mut TrafficReport, point: &TrafficPoint, stages: &[StageReport]) {
    report.requests += point.requests;
    report.failed += point.failed;
    *report.requests_by_version.entry(point.version.clone()).or_default() += point.requests;
    *report.failed_by_version.entry(point.version.clone()).or_default() += point.failed;
    let stage = stages.iter().rev().find(|stage| stage.started_at <= point.at);
    let name = stage.map_or("before", |stage| &stage.name);
    match report.by_stage.iter_mut().find(|(known, ..)| known == name) {
        Some((_, requests, failed)) => {
            *requests += point.requests;
            *failed += point.failed;
        }
        None => report.by_stage.push((name.to_owned(), point.requests, point.failed)),
    }
}

/// A canary in four stages that all passed, with a bake.
pub(crate) fn promoted() -> Report {
    let weights = [5, 25, 50, 100];
    let begins = [8.0, 15.0, 22.0, 29.0];
    let mut stages = Vec::new();
    let mut actions = vec![
        action(0.4, Some(310), "register petswipe:41 with image petswipe:v2 as a new revision"),
        action(0.8, Some(620), "deploy petswipe:42 to petswipe-production-green with 4 tasks"),
    ];
    let mut checks = Vec::new();
    for (index, (weight, from)) in weights.into_iter().zip(begins).enumerate() {
        actions.push(shift(from - 0.4, 210, weight));
        stages.push(stage(&format!("stage {}", index + 1), weight, from, Some(from + 6.2), "pass"));
        checks.push(check(from + 1.0, weight, "inconclusive"));
        checks.extend([2.6, 4.4, 6.1].map(|later| check(from + later, weight, "pass")));
    }
    stages.push(stage("bake", 100, 35.2, Some(39.2), "pass"));
    checks.extend([36.8, 38.9].map(|time| check(time, 100, "pass")));
    actions.push(action(39.5, Some(480), "scale petswipe-production-blue to 0"));
    let share = |time: f64| {
        let step = begins.iter().rposition(|from| time >= *from);
        step.map_or(0.0, |step| f64::from(weights[step]) / 100.0)
    };
    let failing = |time: f64| if (24.0..25.0).contains(&time) { 0.02 } else { 0.0 };
    Report {
        operation: "petswipe-production-canary-20260504-120000".to_owned(),
        service: "petswipe-production".to_owned(),
        strategy: "canary".to_owned(),
        undoes: None,
        outcome: "promoted".to_owned(),
        reason: "petswipe:42 serves all traffic from petswipe-production-green".to_owned(),
        started_at: at(0.0),
        finished_at: at(41.3),
        resumed: 0,
        traffic: Some(traffic(41, &share, &failing, &stages)),
        calls: std::collections::BTreeMap::new(),
        stages,
        checks,
        budgets: Vec::new(),
        actions,
        initial_state: Some(before()),
        final_state: Some(state(100, [side(41, "petswipe:v1", 0), side(42, "petswipe:v2", 4)])),
    }
}

/// The third stage fails, and traffic is back within a second.
pub(crate) fn rolled_back() -> Report {
    let mut report = promoted();
    report.outcome = "rolled-back".to_owned();
    report.reason = "rolled back: error rate 21.43 % (limit 5.00 %, 412 samples)".to_owned();
    report.stages.truncate(3);
    report.stages[2] = stage("stage 3", 50, 22.0, Some(24.6), "fail");
    report.checks.retain(|check| check.at < at(23.5));
    report.checks.push(check(24.6, 50, "fail"));
    report.actions.retain(|action| action.at < at(24.0));
    report.actions.push(shift(24.7, 230, 0));
    report.actions.push(action(25.2, Some(540), "scale petswipe-production-green to 0"));
    report.finished_at = at(33.4);
    let share = |time: f64| match time {
        ..8.0 => 0.0,
        ..15.0 => 0.05,
        ..22.0 => 0.25,
        ..25.0 => 0.5,
        _ => 0.0,
    };
    let failing = |time: f64| if time >= 22.0 { 0.21 } else { 0.0 };
    report.traffic = Some(traffic(34, &share, &failing, &report.stages));
    report.final_state = Some(before());
    report
}

/// Nothing was touched.
pub(crate) fn refused() -> Report {
    Report {
        outcome: "failed".to_owned(),
        reason: "refused: image petswipe:v2 does not exist; the weights are not all on one side"
            .to_owned(),
        finished_at: at(0.35),
        stages: Vec::new(),
        checks: Vec::new(),
        actions: Vec::new(),
        traffic: None,
        calls: std::collections::BTreeMap::new(),
        initial_state: None,
        final_state: None,
        ..promoted()
    }
}

/// Stopped half-way, in its second stage, by a driver that died; nobody counted requests.
pub(crate) fn resumed() -> Report {
    let mut report = promoted();
    report.outcome = "unfinished".to_owned();
    report.reason = "it stopped half-way; resume it".to_owned();
    report.resumed = 2;
    report.finished_at = at(19.6);
    report.stages.truncate(2);
    report.stages[1].ended_at = None;
    report.checks.retain(|check| check.at < at(19.6));
    report.actions.retain(|action| action.at < at(19.0));
    report.actions.push(action(
        19.5,
        None,
        "set the weights to petswipe-production-blue 50 %, petswipe-production-green 50 %",
    ));
    report.traffic = None;
    report.final_state = Some(before());
    report
}

/// One environment whose tasks are replaced one after the other: no weights, only a bake.
pub(crate) fn rolling() -> Report {
    let only = |revision: u32, image: &str| StateReport {
        weights: [(environment(BLUE), Percent::FULL)].into(),
        environments: [(environment(BLUE), side(revision, image, 4))].into(),
        serving: Some(format!("petswipe:{revision}").parse().unwrap()),
    };
    let stages = vec![stage("bake", 100, 20.0, Some(32.0), "pass")];
    let share = |time: f64| ((time - 4.0) / 4.0).floor().clamp(0.0, 4.0) / 4.0;
    Report {
        strategy: "rolling".to_owned(),
        reason: "petswipe:42 serves all traffic from petswipe-production-blue".to_owned(),
        finished_at: at(33.0),
        checks: [6.0, 10.0, 14.0, 18.0, 22.0, 27.0, 31.8]
            .map(|time| check(time, 100, "pass"))
            .to_vec(),
        actions: vec![
            action(0.4, Some(310), "register petswipe:41 with image petswipe:v2 as a new revision"),
            action(0.8, Some(620), "deploy petswipe:42 to petswipe-production-blue with 4 tasks"),
        ],
        traffic: Some(traffic(33, &share, &|_| 0.0, &stages)),
        calls: std::collections::BTreeMap::new(),
        stages,
        initial_state: Some(only(41, "petswipe:v1")),
        final_state: Some(only(42, "petswipe:v2")),
        ..promoted()
    }
}

pub(crate) fn all() -> BTreeMap<&'static str, Report> {
    [
        ("promoted", promoted()),
        ("rolled_back", rolled_back()),
        ("refused", refused()),
        ("resumed", resumed()),
        ("rolling", rolling()),
    ]
    .into()
}
