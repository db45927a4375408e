//! What a collector of OpenTelemetry and a reader of the metrics file learn about a rollout, and that it goes on without
//! them.

use std::collections::BTreeSet;

use petswipe_runbook::OperationId;
use petswipe_runbook::telemetry::{parent_span_id, trace_id};
use rustix::process::Signal;
use tokio::net::TcpListener;

use super::cloud::CloudProcess;
use super::collector::*;
use super::report::*;
use super::support::*;
use super::tool::*;

const QUICK: [&str; 7] = ["--json", "--stages", "50,100", "--stage-duration", "2", "--rate", "100"];

fn trace_of(operation: &str) -> Vec<u8> {
    trace_id(&OperationId::new(operation).unwrap()).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_goes_back_is_one_trace_with_its_verdicts_and_effects() {
    let collector = Collector::start().await;
    let directory = directory();
    let tool = Tool::new("canary", &directory)
        .args(QUICK)
        .args(["--fault", "error-rate=0.5", "--metrics-file", "canary.prom"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer hunter2");
    let done = tool.run().await.with(1);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "rolled-back");
    assert!(!done.all().contains("hunter2") && !done.all().contains("telemetry"), "{done}");
    let seen = collector.seen();
    assert_eq!(seen.authorizations, BTreeSet::from(["Bearer hunter2".to_owned()]));

    let operation = text(&report, "operation");
    for span in &seen.spans {
        assert_eq!(span.trace_id, trace_of(operation), "{}", span.name);
    }
    let wholes = seen.named("petswipe rollout");
    let [whole] = wholes.as_slice() else { panic!("{} operation spans", wholes.len()) };
    let parent = parent_span_id(&OperationId::new(operation).unwrap());
    assert_eq!(whole.parent_span_id, parent);
    assert_eq!(attribute(&whole.attributes, "petswipe.operation"), operation);
    assert_eq!(attribute(&whole.attributes, "petswipe.outcome"), "rolled-back");
    assert_eq!(attribute(&whole.attributes, "petswipe.strategy"), "canary");
    assert_eq!(attribute(&whole.attributes, "petswipe.plan.weights"), "50,100");
    assert!(is_error(whole), "{:?}", whole.status);

    let verdicts: Vec<_> =
        whole.events.iter().filter(|event| event.name == "petswipe.verdict").collect();
    let last = verdicts.last().expect("a verdict");
    assert_eq!(attribute(&last.attributes, "petswipe.verdict"), "fail");
    assert_eq!(attribute(&last.attributes, "petswipe.stage"), "stage 1");
    assert_eq!(attribute(&last.attributes, "petswipe.weight"), "50");
    assert!(attribute(&last.attributes, "petswipe.verdict.why").contains("error rate"));
    let places = whole.events.iter().filter(|event| event.name == "petswipe.place");
    let ways: Vec<_> =
        places.map(|event| attribute(&event.attributes, "petswipe.direction")).collect();
    assert!(ways.contains(&"forward".to_owned()) && ways.contains(&"back".to_owned()), "{ways:?}");

    let effects: Vec<_> = seen.spans.iter().filter(|span| span.name != whole.name).collect();
    for effect in &effects {
        assert_eq!(effect.parent_span_id, whole.span_id, "{}", effect.name);
        assert!(whole.start_time_unix_nano <= effect.start_time_unix_nano, "{}", effect.name);
        assert!(effect.start_time_unix_nano <= effect.end_time_unix_nano, "{}", effect.name);
        assert!(effect.end_time_unix_nano <= whole.end_time_unix_nano, "{}", effect.name);
    }
    // The times are those of the journal, to the nanosecond.
    let history = history(&directory.path().join(".petswipe/canary.jsonl")).await;
    let intents = history.records.iter().filter_map(|recorded| match &recorded.event {
        petswipe_runbook::Event::Intended { .. } => Some(recorded.at.as_nanosecond()),
        _ => None,
    });
    let begins = effects.iter().map(|effect| i128::from(effect.start_time_unix_nano));
    assert_eq!(begins.collect::<BTreeSet<_>>(), intents.collect::<BTreeSet<_>>());
    let shifts: Vec<_> = effects.iter().filter(|effect| effect.name == "shift").collect();
    let ways = shifts.iter().map(|effect| attribute(&effect.attributes, "petswipe.direction"));
    assert_eq!(ways.collect::<BTreeSet<_>>(), BTreeSet::from(["forward".into(), "back".into()]));
    assert!(shifts.iter().all(|it| attribute(&it.attributes, "petswipe.effect.changes") == "true"));

    for name in ["petswipe.effects", "petswipe.effect.duration", "petswipe.rollout.weight"] {
        assert!(seen.metrics.contains(name), "{name} is not among {:?}", seen.metrics);
    }
    let metrics = std::fs::read_to_string(directory.path().join("canary.prom")).unwrap();
    for line in [
        "petswipe_operations_total{kind=\"petswipe rollout\",outcome=\"rolled-back\",",
        "petswipe_verdicts_total{kind=\"petswipe rollout\",service=\"petswipe-production\",strategy=\"canary\",verdict=\"fail\"} ",
        "petswipe_rollout_weight_ratio{kind=\"petswipe rollout\",service=\"petswipe-production\",strategy=\"canary\",version=\"new\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let left: Vec<_> = files(&directory).into_iter().filter(|name| name.contains("prom")).collect();
    assert_eq!(left, ["canary.prom"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_is_killed_and_resumed_stays_in_its_trace() {
    let collector = Collector::start().await;
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let tool = || {
        Tool::new("canary", &directory)
            .on(&cloud)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
            .env("OTEL_BSP_SCHEDULE_DELAY", "50")
    };
    let mut running = tool().args(QUICK).start().await;
    running.says("stage 1: 50 %").await;
    eventually("its first spans", async || (!collector.seen().spans.is_empty()).then_some(()))
        .await;
    running.kill().await;
    let before = collector.seen().spans.len();
    assert!(collector.seen().named("petswipe rollout").is_empty(), "its part did not end");
    let done = tool().args(["--resume", "--json", "--rate", "100"]).run().await.with(0);
    let report = done.json();
    let seen = collector.seen();
    assert!(seen.spans.len() > before);
    for span in &seen.spans {
        assert_eq!(span.trace_id, trace_of(text(&report, "operation")), "{}", span.name);
    }
    let wholes = seen.named("petswipe rollout");
    let [whole] = wholes.as_slice() else { panic!("{} operation spans", wholes.len()) };
    assert_eq!(attribute(&whole.attributes, "petswipe.resumed"), "true");
    assert_eq!(attribute(&whole.attributes, "petswipe.outcome"), "promoted");
    assert!(!is_error(whole));
    assert!(whole.events.iter().any(|event| event.name == "petswipe.resumed"));
    let ids = seen.spans.iter().map(|span| &span.span_id).collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), seen.spans.len(), "no span is told twice");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_is_told_as_well() {
    let collector = Collector::start().await;
    let directory = directory();
    let long = ["--json", "--stages", "50,100", "--stage-duration", "60"];
    let tool = Tool::new("canary", &directory).args(long).args(["--otlp", &collector.url]);
    let mut running = tool.start().await;
    running.says("stage 1: 50 %").await;
    running.signal(Signal::INT);
    assert_eq!(text(&running.end().await.with(1).json(), "outcome"), "aborted");
    let seen = collector.seen();
    let wholes = seen.named("petswipe rollout");
    let [whole] = wholes.as_slice() else { panic!("{} operation spans", wholes.len()) };
    assert_eq!(attribute(&whole.attributes, "petswipe.outcome"), "aborted");
    assert!(whole.events.iter().any(|event| event.name == "petswipe.abort"));
}

/// Once nobody listens there; once somebody does who never answers; once one who is not content.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_can_not_be_reached_changes_nothing_and_is_mentioned_once() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let unwilling = Collector::unwilling().await;
    let one = async |url: String, fault: &str, code: i32, outcome: &str| {
        let directory = directory();
        let tool = Tool::new("canary", &directory).args(QUICK).args(["--fault", fault]);
        let tool = tool.args(["--otlp", &url]).env("OTEL_BSP_SCHEDULE_DELAY", "200");
        let done = tool.run().await.with(code);
        assert_eq!(text(&done.json(), "outcome"), outcome);
        assert_none_failed_unless(code, &done.json());
        let lines: Vec<_> = done.stderr.lines().filter(|line| line.contains("telemetry")).collect();
        assert_eq!(lines.len(), 1, "{done}");
        assert!(lines[0].contains(&url), "{done}");
    };
    tokio::join!(
        one(format!("http://{nobody}"), "none", 0, "promoted"),
        one(format!("http://{}", silent.local_addr().unwrap()), "error-rate=0.5", 1, "rolled-back"),
        one(unwilling.url.clone(), "none", 0, "promoted"),
    );
}

fn assert_none_failed_unless(code: i32, report: &serde_json::Value) {
    if code == 0 {
        assert_none_failed(report);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_flags_are_refused_before_anything_is_begun() {
    let directory = directory();
    for (arguments, words) in [
        (["--otlp", "https://collector.example"], &["--otlp", "allowed: http://HOST:PORT"][..]),
        (["--metrics-file", "missing/canary.prom"], &["--metrics-file", "no directory missing"]),
        (["--metrics-file", "."], &["--metrics-file", "allowed: a file"]),
    ] {
        let tool = Tool::new("canary", &directory).without_cloud().args(arguments);
        assert_eq!(tool.run().await.is_no_refusal(words), None);
    }
    assert!(files(&directory).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_for_other_programs_of_the_machine_keeps_nobody_from_a_rollout() {
    let directory = directory();
    let tool = Tool::new("canary", &directory).args(["--dry-run"]);
    let done =
        tool.env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:hunter2@shared").run().await.with(0);
    let said: Vec<_> = done.stderr.lines().filter(|line| line.contains("without")).collect();
    assert_eq!(said.len(), 1, "{done}");
    assert!(said[0].contains("--otlp") && !done.all().contains("hunter2"), "{done}");
}
