//! Each fault of the local cloud is found, and is the first hypothesis.

use std::time::Duration;

use petswipe_deploy::{Authority, Compute, Deployment, Percent, Split, TrafficRouter};
use petswipe_local::load::Load;
use petswipe_monitor::{MetricSource, Subject, Window};
use petswipe_runbook::{Fence, OperationId};
use serde_json::Value;

use super::cloud::CloudProcess;
use super::support::*;
use super::tool::*;

const GREEN: &str = "petswipe-production-green";

fn authority() -> Authority {
    Authority { operation: OperationId::new("diagnosis").unwrap(), fence: Fence(1) }
}

/// A second version with that fault on the idle side.
async fn deploys(cloud: &CloudProcess, fault: &str) {
    let faulty = cloud.client.clone().with_fault(fault.parse().unwrap());
    let live = cloud.client.service(&cloud.blue).await.unwrap();
    let (from, image) = (live.revision.unwrap(), live.image.unwrap());
    let revision = faulty.register(&authority(), &from, &image).await.unwrap();
    let deployment = Deployment::new(revision, 2);
    cloud.client.deploy(&authority(), &cloud.green, &deployment).await.unwrap();
}

/// Half of the traffic for it, as soon as it runs.
async fn serves(cloud: &CloudProcess) -> Load {
    eventually("green runs", async || {
        let service = cloud.client.service(&cloud.green).await.unwrap();
        (service.running == 2).then_some(())
    })
    .await;
    let load = cloud.load(60.0);
    let now = cloud.client.route().await.unwrap().split;
    let half = Split::between(cloud.green.clone(), Percent::new(50).unwrap(), cloud.blue.clone());
    cloud.client.set_split(&authority(), &[now], &half).await.unwrap();
    load
}

/// Asks until the first hypothesis is that one, because evidence takes seconds to come together.
async fn finds(cloud: &CloudProcess, arguments: &[&str], cause: &str) -> Value {
    let directory = directory();
    eventually(&format!("{cause} is found"), async || {
        let tool = Tool::new("diagnose", &directory).on(cloud).args(["--json"]);
        let done = tool.args(arguments.iter().copied()).run().await;
        let found = done.with_any(&[0, 1, 3]).json();
        let first = found["hypotheses"].get(0)?;
        assert_eq!(first["rank"], 1);
        assert!(!has_secret(&found.to_string()));
        (first["cause"] == cause && first["environment"] == GREEN).then_some(first.clone())
    })
    .await
}

fn evidence(hypothesis: &Value) -> String {
    let pieces = hypothesis["evidence"].as_array().unwrap().iter();
    pieces.map(|one| format!("{}: {}\n", one["source"], one["text"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_is_told_apart_and_the_way_back_is_labelled() {
    let cloud = CloudProcess::start().await;
    deploys(&cloud, "error-rate=0.3").await;
    let load = serves(&cloud).await;
    let first = finds(&cloud, &["--since", "15"], "failing-version").await;
    assert!(evidence(&first).contains("fault error-rate"), "{first:#}");
    assert!(evidence(&first).contains("petswipe-production-blue"), "{first:#}");
    assert_eq!(first["next_command"], "cargo run --example canary -- --undo");
    assert_eq!(first["next_command_effect"], "changes");

    let directory = directory();
    let text = Tool::new("diagnose", &directory).on(&cloud).run().await.with(1).stdout;
    assert!(text.starts_with("Most likely: petswipe-production-green fails "), "{text}");
    assert!(text.contains("next, CHANGES the system:\n"), "{text}");
    assert!(!has_secret(&text));

    // Whoever sees something else is told, too.
    let asked = ["--symptom", "high-latency", "--since", "15"];
    let beside = Tool::new("diagnose", &directory).on(&cloud).args(asked).args(["--json"]);
    let beside = beside.run().await.with(1).json();
    let all = beside["hypotheses"].as_array().unwrap().iter();
    let bad: Vec<_> = all.filter(|one| one["cause"] == "failing-version").collect();
    assert_eq!((bad.len(), &bad[0]["beside"]), (1, &Value::Bool(true)), "{beside:#}");
    let text = Tool::new("diagnose", &directory).on(&cloud).args(asked).run().await.with(1).stdout;
    let (_, beside) = text.split_once("\nFound beside, ").unwrap_or_else(|| panic!("{text}"));
    assert!(beside.contains("failing-version (nearly certain, 90 of 100: "), "{text}");
    assert!(beside.contains("canary -- --undo"), "{text}");
    drop(load);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_slow_is_told_apart() {
    let cloud = CloudProcess::start().await;
    deploys(&cloud, "latency=800ms").await;
    let load = serves(&cloud).await;
    let first = finds(&cloud, &["--since", "15"], "slow-version").await;
    assert!(evidence(&first).contains("95 % of the requests took up to"), "{first:#}");
    drop(load);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_start_is_over_and_found() {
    let cloud = CloudProcess::start().await;
    deploys(&cloud, "slow-start=4s").await;
    let load = serves(&cloud).await;
    let first = finds(&cloud, &["--since", "40"], "slow-start").await;
    assert!(first["summary"].as_str().unwrap().contains("cold caches"), "{first:#}");
    drop(load);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_the_start_is_found_with_its_last_words_and_the_command_shows_them() {
    let cloud = CloudProcess::start().await;
    deploys(&cloud, "crash-on-boot").await;
    let first = finds(&cloud, &["--symptom", "deployment-stuck"], "crash-at-start").await;
    assert!(evidence(&first).contains("exit code 1"), "{first:#}");
    assert!(evidence(&first).contains("fault crash-on-boot"), "{first:#}");
    let command = first["next_command"].as_str().unwrap();
    assert_eq!(first["next_command_effect"], "reads");
    let shown = Tool::shell(command, &directory()).on(&cloud).run().await.with(0);
    assert!(shown.stdout.contains("booting failed: fault crash-on-boot"), "{}", shown.stdout);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_a_while_is_no_crash_at_the_start() {
    let cloud = CloudProcess::start().await;
    deploys(&cloud, "crash-after=2s").await;
    let first = finds(&cloud, &[], "crash-while-running").await;
    assert!(evidence(&first).contains("fault crash-after=2s"), "{first:#}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_health_checks_are_found_by_their_code() {
    let cloud = CloudProcess::start().await;
    deploys(&cloud, "unhealthy").await;
    let symptom = ["--symptom", "failed-health-checks"];
    let first = finds(&cloud, &symptom, "target-health-check").await;
    assert!(evidence(&first).contains("Target.ResponseCodeMismatch"), "{first:#}");
    assert!(evidence(&first).contains("[500]"), "{first:#}");
    let events = cloud.client.service(&cloud.green).await.unwrap();
    assert!(!events.failures.is_empty());
    let report =
        petswipe_monitor::diagnosis::ServiceEvents::service(&cloud.client, GREEN).await.unwrap();
    assert!(report.events[0].at >= report.events.last().unwrap().at);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_nothing_is_found() {
    let cloud = CloudProcess::start().await;
    let load = cloud.load(60.0);
    let directory = directory();
    eventually("traffic was measured", async || {
        let now = jiff::Timestamp::now();
        let window = Window { from: now - Duration::from_secs(20), to: now };
        let blue = Subject::environment(cloud.blue.as_str());
        let seen = cloud.client.observe(&blue, window, now).await.unwrap();
        seen.requests.filter(|requests| *requests > 100)
    })
    .await;
    let tool = Tool::new("diagnose", &directory).on(&cloud).args(["--json", "--since", "30"]);
    let found = tool.run().await.with(0).json();
    assert_eq!(found["complete"], true, "{found:#}");
    assert_eq!(found["hypotheses"], serde_json::json!([]));
    assert_eq!(found["missing"], serde_json::json!([]));
    assert_eq!(found["looked_at"].as_array().unwrap().len(), 13);
    assert_eq!(found["verdict"], "nothing-found");
    assert_eq!(found["not_asked"], serde_json::json!(["database activity", "database metrics"]));
    drop(load);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_nobody_asked_anything_is_not_called_healthy() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let tool = || Tool::new("diagnose", &directory).on(&cloud);
    let found = tool().args(["--json"]).run().await.with(3).json();
    assert_eq!(found["hypotheses"], serde_json::json!([]), "{found:#}");
    assert_eq!((&found["complete"], &found["verdict"]), (&false.into(), &"not-known".into()));
    let text = tool().run().await.with(3).stdout;
    assert!(text.starts_with("It is not known whether something is wrong"), "{text}");
    assert!(!text.contains("othing wrong"), "{text}");
    // In its first second the cloud has measured nothing, and then that there was nothing.
    eventually("it was measured that nobody came", async || {
        let text = tool().run().await.with(3).stdout;
        text.contains("not a single request was served").then_some(())
    })
    .await;
    // A database that nobody named is no healthy one.
    let text = tool().args(["--symptom", "database"]).run().await.with(3).stdout;
    assert!(text.contains("database: none was named"), "{text}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_whose_process_was_killed_is_found_and_its_command_goes_on_with_it() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let flags = ["--stages", "50,100", "--stage-duration", "2", "--bake", "1", "--rate", "60"];
    let mut running = Tool::new("canary", &directory).on(&cloud).args(flags).start().await;
    running.says("stage 1: 50 %").await;
    let tool = || Tool::new("diagnose", &directory).on(&cloud).args(["--json"]);
    // While somebody is at work nothing is stuck.
    let found = tool().run().await.with_any(&[1, 3]).json();
    assert_eq!(stuck(&found), None, "{found:#}");
    assert!(found["hidden"].to_string().contains(" holds the service until "), "{found:#}");
    running.kill().await;
    let first = eventually("the rollout is found", async || {
        let found = tool().run().await.with_any(&[1, 3]).json();
        stuck(&found).cloned()
    })
    .await;
    assert!(evidence(&first).contains("nothing was written for"), "{first:#}");
    assert!(evidence(&first).contains("petswipe-production-green 50 %"), "{first:#}");
    assert_eq!(first["next_command_effect"], "changes");
    let command = first["next_command"].as_str().unwrap();
    let wanted = " canary -- --cloud \"$PETSWIPE_CLOUD\" --resume --journal .petswipe/canary.jsonl";
    assert!(command.ends_with(wanted), "{command}");
    assert!(evidence(&first).contains("add what else it was begun with"), "{first:#}");
    Tool::shell(command, &directory).on(&cloud).run().await.with(0);
    let found = tool().run().await.with_any(&[0, 1, 3]).json();
    assert_eq!(stuck(&found), None, "{found:#}");
    // One that is not there tells of no rollout; what is no journal is told, and stops nothing else.
    let found = tool().args(["--journal", "no.jsonl"]).run().await.with_any(&[0, 1, 3]).json();
    assert!(!found["missing"].to_string().contains("rollout"), "{found:#}");
    std::fs::write(directory.path().join("no.jsonl"), "hello\nworld\n").unwrap();
    let found = tool().args(["--journal", "no.jsonl"]).run().await.with_any(&[1, 3]).json();
    let missing = found["missing"].as_array().unwrap();
    assert_eq!(missing[0]["question"], "rollout", "{found:#}");
    assert!(missing[0]["cause"].as_str().unwrap().contains("no.jsonl"), "{found:#}");
    cloud.stop().await;
}

/// The hypothesis about an operation that nobody drives.
fn stuck(found: &Value) -> Option<&Value> {
    let mut all = found["hypotheses"].as_array().unwrap().iter();
    all.find(|one| one["cause"] == "deployment-stuck" && one["environment"].is_null())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_whose_first_version_is_unhealthy_is_up_and_says_so() {
    let cloud = CloudProcess::with(&["--fault", "unhealthy"]).await;
    let directory = directory();
    let blue = eventually("unhealthy targets are found", async || {
        let tool = Tool::new("diagnose", &directory).on(&cloud).args(["--json"]);
        let found = tool.run().await.with_any(&[1, 3]).json();
        let mut all = found["hypotheses"].as_array().unwrap().iter();
        all.find(|one| one["cause"] == "target-health-check").cloned()
    })
    .await;
    assert_eq!(blue["environment"], cloud.blue.as_str(), "{blue:#}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_answers_it_says_so_and_bad_flags_are_refused() {
    let directory = directory();
    let gone = format!("http://{FAKE_TOKEN}@127.0.0.1:9");
    let tool = Tool::new("diagnose", &directory).without_cloud().env("PETSWIPE_CLOUD", &gone);
    let done = tool.run().await.with(3);
    assert!(done.stdout.contains("NOT looked at"), "{}", done.stdout);
    assert!(!done.stdout.contains(FAKE_TOKEN));
    for (arguments, words) in [
        (&["--symptom", "slow"][..], &["--symptom", "high-latency"][..]),
        (&["--since", "0"], &["--since", "above 0"]),
        (&["--error-threshold", "0"], &["error rate is 0", "above 0"]),
        (&[], &["--cloud is missing", "local_cloud"]),
    ] {
        let tool = Tool::new("diagnose", &directory).without_cloud();
        if let Some(wrong) = tool.args(arguments.iter().copied()).run().await.is_no_refusal(words) {
            panic!("{arguments:?}: {wrong}");
        }
    }
}

#[cfg(feature = "postgres-tls")]
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_asks_for_tls_is_never_spoken_to_without() {
    let directory = directory();
    let ask = |url: &str, arguments: &[&str]| {
        let tool = Tool::new("diagnose", &directory).without_cloud();
        tool.args(["--database-url", url]).args(arguments.iter().copied())
    };
    for (url, arguments, words) in [
        (
            "postgres://w:FAKE@127.0.0.1:9/pets?sslmode=require",
            &["--database-ca", "/no/such/file"][..],
            &["--database-ca is /no/such/file", "can't be read"][..],
        ),
        (
            "postgres://w@127.0.0.1:9/pets",
            &["--database-ca", "/no/such/file"],
            &["does not ask for TLS", "sslmode=require"],
        ),
        ("postgres://w@127.0.0.1:9/pets?sslmode=verify-full", &[], &["--database-url is no URL"]),
    ] {
        if let Some(wrong) = ask(url, arguments).run().await.is_no_refusal(words) {
            panic!("{url}: {wrong}");
        }
    }
    // A server that can't be reached is a source that is missing.
    let url = "postgres://w:FAKE@127.0.0.1:9/pets?sslmode=require";
    let done = ask(url, &[]).run().await.with(3);
    assert!(done.stdout.contains("database activity: "), "{}", done.stdout);
    assert!(!done.stdout.contains("FAKE"));
}
