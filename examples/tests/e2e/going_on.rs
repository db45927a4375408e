//! Going on with what another run has begun: where, with which new version, and who is asked.

use petswipe_local::Fault;

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

const FAST: [&str; 8] =
    ["--stages", "50,100", "--stage-duration", "1", "--bake", "1", "--rate", "0"];

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_gone_on_with_only_on_the_cloud_it_was_begun_on() {
    let (here, elsewhere) = tokio::join!(CloudProcess::start(), CloudProcess::start());
    let ids = [here.id().await, elsewhere.id().await];
    let load = here.load(100.0);
    let directory = directory();
    let journal = directory.path().join(".petswipe/canary.jsonl");
    let mut running = Tool::new("canary", &directory).on(&here).args(FAST).start().await;
    running.says("stage 1: 50 %").await;
    running.kill().await;
    let before = elsewhere.everything().await;
    let refused = async |arguments: &[&str], words: &[&str]| {
        let written = std::fs::read(&journal).unwrap();
        let tool = Tool::new("canary", &directory).on(&elsewhere).args(["--rate", "0"]);
        let done = tool.args(arguments.iter().copied()).run().await;
        let words = [&[ids[0].as_str(), &ids[1], ".petswipe/canary.jsonl"], words].concat();
        assert_eq!(done.is_no_refusal(&words), None);
        assert!(std::fs::read(&journal).unwrap() == written, "the journal was changed: {done}");
        assert_eq!(elsewhere.everything().await, before, "{done}");
    };
    refused(&["--resume"], &["allowed: that cloud"]).await;
    refused(&[], &["has not ended", "go on with it there by --resume"]).await;

    let resume = Tool::new("canary", &directory).on(&here).args(["--resume", "--rate", "0"]);
    let done = resume.run().await.with(0);
    // What was done before is told in one line, and not once more.
    done.says(["going on where the last driver stopped: stage 1 (50 %) begun"]);
    assert!(!done.stderr.contains("stage 1: 50 % to the new version"), "{done}");
    done.says(["stage 1 passed", "stage 2: 100 % to the new version"]);

    refused(&["--undo"], &["allowed: that cloud"]).await;
    refused(&["--undo", "--dry-run"], &["allowed: that cloud"]).await;
    Tool::new("canary", &directory).on(&here).args(["--undo", "--rate", "0"]).run().await.with(0);
    assert_eq!(here.comes_to_rest().await, here.blue);
    let seen = load.stop().await;
    assert_eq!(seen.total.failed, 0, "{:?}", seen.failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_plan_in_the_journal_decides_who_is_asked() {
    let cloud = CloudProcess::start().await;
    let load = cloud.load(100.0);
    let directory = directory();
    let quick = ["--smoke-test-duration", "1", "--bake", "1", "--rate", "0"];
    let tool = |arguments: &[&'static str]| {
        let tool = Tool::new("blue_green", &directory).on(&cloud).args(["--rate", "0"]);
        tool.args(arguments.iter().copied())
    };
    // Begun without a question: none is asked by whoever goes on, although its own flags would ask one.
    let begin = Tool::new("blue_green", &directory).on(&cloud).args(quick);
    let mut running = begin.args(["--auto-promote=true"]).start().await;
    running.says("stage 1: 100 %").await;
    running.kill().await;
    tool(&["--resume"]).run().await.with(0);
    assert_eq!(cloud.comes_to_rest().await, cloud.green);
    // The way back asks nobody either.
    tool(&["--undo"]).run().await.with(0);
    assert_eq!(cloud.comes_to_rest().await, cloud.blue);

    // Begun with a question that is still to be asked: the flags can't take it away.
    let begin = Tool::new("blue_green", &directory).on(&cloud).args(quick);
    let mut running = begin.args(["--approval-file", "answer"]).start().await;
    running.says("of production traffic of petswipe-production").await;
    running.kill().await;
    for arguments in [&["--resume"][..], &["--resume", "--auto-promote=true"]] {
        let refused = tool(arguments).run().await;
        assert_eq!(refused.is_no_refusal(&["no terminal", "--approval-file"]), None);
    }
    assert_eq!(cloud.green_share().await, 0);
    let mut running = tool(&["--resume", "--approval-file", "answer"]).start().await;
    running.says("of production traffic of petswipe-production").await;
    std::fs::write(directory.path().join("answer"), "approve").unwrap();
    running.says("stage 1: 100 %").await;
    running.kill().await;
    // It was answered: nobody is needed any more.
    tool(&["--resume"]).run().await.with(0);
    assert_eq!(cloud.comes_to_rest().await, cloud.green);
    let seen = load.stop().await;
    assert_eq!(seen.total.failed, 0, "{:?}", seen.failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_rollout_deploys_the_version_that_was_bad_at_its_start() {
    let cloud = CloudProcess::start().await;
    let load = cloud.load(100.0);
    let directory = directory();
    let before = cloud.state().await;
    // Too little room for the record before the first change, so nothing is registered yet.
    let tool = Tool::on_small_disk("canary", &directory, 4).on(&cloud).args(FAST);
    tool.args(["--fault", "error-rate=0.5"]).run().await.with(3);
    assert_eq!(cloud.client.revisions().await.unwrap().len(), 1, "it has registered something");

    let resume = || Tool::new("canary", &directory).on(&cloud).args(["--resume", "--rate", "0"]);
    let refused = resume().args(["--fault", "unhealthy"]).run().await;
    let words = ["--fault is unhealthy", "the journal has error-rate=0.5", "or no --fault"];
    assert_eq!(refused.is_no_refusal(&words), None);
    let report = resume().args(["--json"]).run().await.with(1).json();
    assert_eq!(text(&report, "outcome"), "rolled-back");
    assert!(text(&report, "reason").contains("error rate"), "{report:#}");
    assert_eq!(cloud.comes_to_rest().await, cloud.blue);
    assert_eq!(cloud.state().await, before);
    let revisions = cloud.client.revisions().await.unwrap();
    assert_eq!(revisions.len(), 2);
    assert_eq!(revisions[1].image.as_str(), "petswipe:v2");
    assert_eq!(revisions[1].variables["PETSWIPE_FAULT"], "error-rate=0.5");
    assert!(load.stop().await.total.failed > 0, "users saw nothing of the fault");
}

/// A variable that is still set from the rollout before does not spoil the version that is gone back to.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_has_no_fault() {
    let cloud = CloudProcess::start().await;
    let load = cloud.load(100.0);
    let directory = directory();
    let fault = Fault::Latency(std::time::Duration::from_millis(5)).to_string();
    let tool = || Tool::new("canary", &directory).on(&cloud).env("FAULT", &fault);
    let done = tool().args(FAST).run().await.with(0);
    done.says(["the journal is .petswipe/canary.jsonl"]);
    let undo = command(&done.stderr, "to go back to the version before, until ", "UTC: ");
    assert!(undo.contains("--undo --journal .petswipe/canary.jsonl"), "{undo}");
    let undone = Tool::shell(&undo, &directory).on(&cloud).env("FAULT", "unhealthy").run().await;
    undone.with(0).says(["stage 1: 100 % to petswipe:1"]);
    assert_eq!(cloud.comes_to_rest().await, cloud.blue);
    assert_eq!(load.stop().await.total.failed, 0);
    let live = petswipe_deploy::Compute::service(&cloud.client, &cloud.blue).await.unwrap();
    assert_eq!(live.image.unwrap().as_str(), "petswipe:v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_it_prints_goes_on() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    std::fs::create_dir(directory.path().join("my journals")).unwrap();
    let tool = Tool::new("canary", &directory).on(&cloud).args(FAST);
    let mut running = tool.args(["--journal", "my journals/it's one.jsonl"]).start().await;
    running.says("stage 1: 50 %").await;
    running.signal(rustix::process::Signal::INT);
    running.says("bringing everything back to safety").await;
    running.signal(rustix::process::Signal::INT);
    let done = running.end().await.with(3);
    let resume = command(&done.stderr, "left half-way", "to go on: ");
    assert!(resume.starts_with("cargo run --example canary -- --cloud \"$PETSWIPE_CLOUD\""));
    let done = Tool::shell(&resume, &directory).on(&cloud).run().await.with(1);
    done.says(["going on where the last driver stopped"]);
    assert_eq!(cloud.comes_to_rest().await, cloud.blue);
}

/// What stands behind these words in the line with that beginning.
fn command(stderr: &str, line: &str, words: &str) -> String {
    let line = stderr.lines().find(|said| said.starts_with(line));
    let found = line.and_then(|line| line.split_once(words));
    found.unwrap_or_else(|| panic!("no command in:\n{stderr}")).1.to_owned()
}
