//! Somebody else changes the weights while a rollout goes on.

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

#[tokio::test(flavor = "multi_thread")]
async fn weights_that_somebody_else_changed_are_left_alone() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let arguments = ["--stages", "50,100", "--stage-duration", "10", "--rate", "50"];
    let tool = Tool::new("canary", &directory).on(&cloud).args(arguments).args(["--json"]);
    let mut running = tool.start().await;
    running.says("stage 1: 50 %").await;
    cloud.green_gets(50).await;
    cloud.somebody_else_sets(30).await;
    let done = running.end().await.with(3);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "failed");
    let reason = text(&report, "reason");
    let found = "petswipe-production-blue 70 %, petswipe-production-green 30 %";
    let expected = "petswipe-production-blue 50 %, petswipe-production-green 50 %";
    for words in [found, expected, "somebody else changed them", "set all traffic to one side"] {
        assert!(reason.contains(words), "{words:?} is not in {reason:?}");
    }
    done.says([found, expected]);
    assert_eq!(cloud.green_share().await, 30, "the weights stay as the other set them");
    assert_eq!(number(&report["final_state"]["weights"], "petswipe-production-green"), 30);
    assert_none_failed(&report);

    // It has ended: there is nothing to resume, and no way forward before the weights are put in order.
    let again = ["--resume", "--json"];
    Tool::new("canary", &directory).on(&cloud).args(again).run().await.with(3);
    let next = Tool::new("canary", &directory).on(&cloud).args(arguments).run().await.with(2);
    next.says(["both sides are live", "allowed: 100 % to either"]);
    assert_eq!(cloud.green_share().await, 30);
}
