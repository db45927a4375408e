//! The last runs of canaries on the wire: what is asked, paging, what is none of a canary's runs, and what is refused.

use std::time::Duration;

use jiff::Timestamp;
use petswipe_aws::script::{Answer, Call, Fault, Refusal, Service, Wire};
use petswipe_monitor::Error;
use petswipe_monitor::aws::CloudWatchSynthetics;
use petswipe_monitor::probe::{Canaries, CanaryRun, CanaryState, Standing};
use serde_json::{Value, json};

const BEGIN: i64 = 1_791_028_807;

/// Synthetics as far as "DescribeCanariesLastRun" goes: at most five names, pages, and only what was asked for.
struct Synthetics {
    runs: Vec<Value>,
    page: usize,
    goes_round: bool,
}

impl Service for Synthetics {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        assert_eq!(call.action, "synthetics:DescribeCanariesLastRun");
        let asked = call.json();
        let names = asked["Names"].as_array().unwrap();
        if names.is_empty() || names.len() > 5 {
            return Err("ValidationException".into());
        }
        let found: Vec<_> =
            self.runs.iter().filter(|run| names.contains(&run["CanaryName"])).collect();
        let from: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let shown: Vec<_> = found.iter().skip(from).take(self.page).collect();
        let mut answer = json!({ "CanariesLastRun": shown });
        if self.goes_round {
            answer["NextToken"] = json!("1");
        } else if from + self.page < found.len() {
            answer["NextToken"] = json!((from + self.page).to_string());
        }
        Ok(Answer::Json(answer))
    }
}

fn ran(name: &str, state: &str, started: i64) -> Value {
    json!({"CanaryName": name, "LastRun": {
        "Id": "9f2b4a50-0000-4000-8000-000000000000",
        "Name": name,
        "Status": {"State": state, "StateReason": "", "StateReasonCode": ""},
        "Timeline": {"Started": started, "Completed": started as f64 + 12.5},
    }})
}

fn wire(runs: Vec<Value>) -> Wire<Synthetics> {
    Wire::new(Synthetics { runs, page: 2, goes_round: false })
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

async fn last(wire: &Wire<Synthetics>, all: &[&str]) -> Vec<CanaryRun> {
    CloudWatchSynthetics::new(&wire.config()).last_runs(&names(all)).await.unwrap()
}

#[tokio::test]
async fn it_keeps_the_contract_of_canaries() {
    use petswipe_monitor::conformance::canaries::*;
    let wire = wire(Vec::new());
    let canaries = CloudWatchSynthetics::new(&wire.config());
    let ran = |run: &CanaryRun| {
        let state = match run.state {
            CanaryState::Passed => "PASSED",
            CanaryState::Failed => "FAILED",
            CanaryState::Running => "RUNNING",
            CanaryState::Unknown => panic!("no state of a run"),
        };
        let seconds = |at: Option<Timestamp>| at.map(|at| at.as_millisecond() as f64 / 1000.0);
        let mut new = ran(&run.canary, state, 0);
        new["LastRun"]["Timeline"] =
            json!({"Started": seconds(run.started), "Completed": seconds(run.ended)});
        wire.with(|synthetics| {
            synthetics.runs.retain(|held| held["CanaryName"] != run.canary.as_str());
            synthetics.runs.push(new);
        });
    };
    every_name_has_its_answer_in_its_place(&canaries, &ran).await;
    a_canary_without_a_run_is_unknown(&canaries, &ran).await;
    a_last_run_is_told_as_it_was(&canaries, &ran).await;
}

#[tokio::test]
async fn every_name_has_an_answer_in_its_place_however_many_calls_and_pages_it_takes() {
    let all = ["a", "b", "c", "d", "e", "f", "never-ran"];
    let wire = wire(all[..6].iter().map(|name| ran(name, "PASSED", BEGIN)).collect());
    let runs = last(&wire, &all).await;
    assert_eq!(runs.iter().map(|run| run.canary.as_str()).collect::<Vec<_>>(), all);
    assert!(runs[..6].iter().all(|run| run.state == CanaryState::Passed), "{runs:?}");
    assert_eq!(runs[6], CanaryRun::unknown("never-ran"));
    // Five names on three pages, and two on one.
    assert_eq!(wire.calls().len(), 4);
    assert!(last(&wire, &[]).await.is_empty());
    assert_eq!(wire.calls().len(), 4, "nothing is asked about no canary");
}

#[tokio::test]
async fn times_states_and_reasons_are_those_of_the_answer() {
    let mut failed = ran("shop", "FAILED", BEGIN);
    failed["LastRun"]["Status"]["StateReasonCode"] = json!("CANARY_FAILURE");
    failed["LastRun"]["Status"]["StateReason"] = json!("login with password=hunter2 answered 500");
    let mut running = ran("slow", "RUNNING", BEGIN);
    running["LastRun"]["Timeline"] = json!({"Started": BEGIN});
    let wire = wire(vec![failed, running, ran("odd", "PAUSED", BEGIN)]);
    let runs = last(&wire, &["shop", "slow", "odd"]).await;

    let begin = Timestamp::from_second(BEGIN).unwrap();
    assert_eq!((runs[0].state, runs[0].started), (CanaryState::Failed, Some(begin)));
    assert_eq!(runs[0].ended, Some(begin + Duration::from_millis(12_500)));
    let now = begin + Duration::from_secs(60);
    let Standing::Failed { why } = runs[0].standing(now, Duration::from_secs(600)) else {
        panic!("{:?}", runs[0])
    };
    assert!(why.starts_with("CANARY_FAILURE: login") && !why.contains("hunter2"), "{why}");
    assert_eq!((runs[1].state, runs[1].ended), (CanaryState::Running, None));
    assert_eq!(runs[2].state, CanaryState::Unknown, "a state of later years is no pass");
}

#[tokio::test]
async fn of_several_browsers_the_worst_counts_and_a_dry_run_never() {
    let mut dry = ran("tried", "PASSED", BEGIN);
    dry["LastRun"]["DryRunConfig"] = json!({"DryRunId": "1"});
    let wire = wire(vec![
        ran("shop", "PASSED", BEGIN),
        ran("shop", "FAILED", BEGIN - 5),
        ran("shop", "RUNNING", BEGIN),
        dry,
    ]);
    let runs = last(&wire, &["shop", "tried"]).await;
    assert_eq!(runs[0].state, CanaryState::Failed);
    assert_eq!(runs[1], CanaryRun::unknown("tried"));
}

#[tokio::test]
async fn what_goes_wrong_is_an_error_and_never_a_run() {
    let wire = wire(vec![ran("shop", "PASSED", BEGIN)]);
    let canaries = CloudWatchSynthetics::new(&wire.config());
    let mut refused = Vec::new();
    for fault in [
        Fault::Denied,
        Fault::Throttled(None),
        Fault::Refused,
        Fault::Broken,
        Fault::Unreachable,
        Fault::LostAnswer,
    ] {
        wire.fate(move |_| Some(fault));
        let error = canaries.last_runs(&names(&["shop"])).await.unwrap_err();
        refused.push((fault, error));
    }
    let of = |wanted: Fault| &refused.iter().find(|(fault, _)| *fault == wanted).unwrap().1;
    assert!(matches!(of(Fault::Denied), Error::Denied { .. }), "{refused:?}");
    assert!(matches!(of(Fault::Throttled(None)), Error::Throttled { .. }), "{refused:?}");
    assert!(matches!(of(Fault::Refused), Error::Refused { .. }), "{refused:?}");
    assert!(of(Fault::Denied).to_string().contains("DescribeCanariesLastRun of shop"));
    wire.fate(|_| None);
    wire.with(|synthetics| synthetics.goes_round = true);
    let error = canaries.last_runs(&names(&["shop"])).await.unwrap_err();
    assert!(petswipe_monitor::explain(&error).contains("same page"), "{error:?}");
}

#[tokio::test]
async fn what_is_no_name_is_refused_before_a_call() {
    let wire = wire(Vec::new());
    let canaries = CloudWatchSynthetics::new(&wire.config());
    for name in ["", "Shop", "a b", &"a".repeat(256)] {
        let error = canaries.last_runs(&names(&["good", name])).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("canary is {name}; allowed: 1 to 255")));
    }
    assert!(wire.calls().is_empty());
}
