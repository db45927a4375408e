//! Two operations on one service at the same time.

use rustix::process::Signal;

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_operation_is_refused() {
    let cloud = CloudProcess::start().await;
    let (here, elsewhere) = (directory(), directory());
    let arguments = ["--stages", "50,100", "--stage-duration", "60", "--rate", "50"];
    let first = Tool::new("canary", &here).on(&cloud).args(arguments).args(["--json"]);
    let mut first = first.start().await;
    first.says("stage 1: 50 %").await;
    let operation = history_name(&here);
    let before = cloud.everything().await;
    let holder = format!("process {}", first.id());

    // With a journal of its own, with the same journal, and by another tool.
    let other = Tool::new("canary", &elsewhere).on(&cloud).args(arguments).run().await.with(4);
    other.says([operation.as_str(), holder.as_str(), "service/petswipe-production"]);
    let same = Tool::new("canary", &here).on(&cloud).args(arguments).run().await.with(4);
    same.says([".petswipe/canary.jsonl", "in use by another process"]);
    let resumed = ["--resume", "--rate", "0"];
    let resumed = Tool::new("canary", &here).on(&cloud).args(resumed).run().await.with(4);
    resumed.says([".petswipe/canary.jsonl", "in use by another process"]);
    let blue_green = ["--auto-promote=true"];
    let tool = Tool::new("blue_green", &elsewhere).on(&cloud).args(blue_green);
    tool.run().await.with(4).says([operation.as_str()]);

    assert_eq!(files(&elsewhere), [""; 0], "nothing was begun there");
    assert_eq!(cloud.everything().await, before, "nobody touched anything");
    first.signal(Signal::INT);
    let report = first.end().await.with(1).json();
    assert_eq!(text(&report, "outcome"), "aborted");
    assert_none_failed(&report);
    cloud.comes_to_rest().await;
}

/// The journal of one's own cloud is no reason to wait for another's, but a journal in use is.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_use_is_refused() {
    let directory = directory();
    let mut first = Tool::new("canary", &directory).args(SHORT).start().await;
    first.says("stage 1: 10 %").await;
    let second = Tool::new("canary", &directory).args(SHORT).run().await.with(4);
    second.says([".petswipe/canary.jsonl", "in use by another process"]);
    first.signal(Signal::TERM);
    first.end().await.with(1);
}

/// The operation in the journal of a running canary.
fn history_name(directory: &tempfile::TempDir) -> String {
    let text = std::fs::read_to_string(directory.path().join(".petswipe/canary.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    line["record"]["payload"]["operation"].as_str().unwrap().to_owned()
}
