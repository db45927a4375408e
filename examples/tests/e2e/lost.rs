//! What a rollout stands on goes away: the cloud, the journal, the disk, the tool itself.

use rustix::process::Signal;

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

const LONG: [&str; 7] = ["--json", "--stages", "50,100", "--stage-duration", "60", "--rate", "50"];
const FAST: [&str; 6] = ["--stages", "50,100", "--stage-duration", "1", "--bake", "1"];

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_dies_leaves_a_message_and_no_process() {
    let mut cloud = CloudProcess::start().await;
    let directory = directory();
    let mut running = Tool::new("canary", &directory).on(&cloud).args(LONG).start().await;
    running.says("stage 1: 50 %").await;
    let processes = cloud.processes().await;
    assert!(processes.len() >= 4, "two sides and the cloud: {processes:?}");
    cloud.kill().await;
    let began = std::time::Instant::now();
    let done = running.end().await.with(3);
    let took = began.elapsed();
    assert!(took < DEADLINE, "it took {took:?}: {done}");
    let split = "petswipe-production-blue 50 %, petswipe-production-green 50 %";
    done.says(["stopped half-way", "--resume", split]);
    assert_eq!(text(&done.json(), "outcome"), "unfinished");
    all_gone(&processes).await;
    let resumed = Tool::new("canary", &directory).on(&cloud).args(["--resume"]).run().await;
    resumed.with(2).says(["no cloud at http://127.0.0.1:"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_tool_leaves_no_process_of_its_own_cloud() {
    let directory = directory();
    let mut running = Tool::new("canary", &directory).args(LONG).start().await;
    running.says("stage 1: 50 %").await;
    let children = children(running.id());
    assert!(children.len() > 6, "four tasks, two new ones, a watchdog: {children:?}");
    running.signal(Signal::KILL);
    assert_eq!(running.end().await.code, None);
    all_gone(&children).await;

    // Its journal does not stand in the way of the next one, and can't be resumed.
    let resumed = Tool::new("canary", &directory).args(["--resume"]).without_cloud();
    resumed.run().await.with(2).says(["--resume needs --cloud"]);
    let mut next = Tool::new("canary", &directory).args(LONG).start().await;
    next.says("stage 1: 50 %").await;
    next.signal(Signal::INT);
    next.end().await.with(1);
    assert_eq!(files(&directory).len(), 2, "{:?}", files(&directory));
}

/// All processes that a process has started and that still have it as their parent.
fn children(id: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{id}/task")).unwrap() {
        let listed = std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap();
        found.extend(listed.split_whitespace().map(|id| id.parse::<i32>().unwrap()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_can_not_be_written_stops_the_operation_before_it_acts() {
    let cloud = CloudProcess::start().await;
    let load = cloud.load(100.0);
    // Room enough to get going, not enough for all; in blocks of 512 bytes.
    for (blocks, version) in [(20, "petswipe:2"), (36, "petswipe:3")] {
        let directory = directory();
        let tool = Tool::on_small_disk("canary", &directory, blocks).on(&cloud);
        let done = tool.args(FAST).args(["--json", "--rate", "0"]).run().await.with(3);
        done.says(["appending to .petswipe/canary.jsonl", "stopped half-way", "--resume"]);
        assert_eq!(text(&done.json(), "outcome"), "unfinished");
        let tool = Tool::new("canary", &directory).on(&cloud);
        let done = tool.args(["--resume", "--json", "--rate", "0"]).run().await.with(0);
        assert_eq!(text(&done.json()["final_state"], "serving"), version);
        cloud.comes_to_rest().await;
    }
    let seen = load.stop().await;
    assert_eq!(seen.total.failed, 0, "{:?}", seen.failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_removed_stops_the_operation() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let mut running = Tool::new("canary", &directory).on(&cloud).args(LONG).start().await;
    running.says("stage 1: 50 %").await;
    std::fs::remove_dir_all(directory.path().join(".petswipe")).unwrap();
    let done = running.end().await.with(3);
    let split = "petswipe-production-blue 50 %, petswipe-production-green 50 %";
    done.says([".petswipe/canary.jsonl", "removed or replaced", split]);
    assert_eq!(cloud.green_share().await, 50, "nothing is done that is not written down");
    assert_none_failed(&done.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_listens_is_no_reason_to_stop_half_way() {
    let directory = directory();
    let tool = Tool::new("canary", &directory).args(FAST).args(["--rate", "100"]);
    let mut running = tool.start().await;
    running.says("stage 1: 50 %").await;
    let journal = directory.path().join(".petswipe/canary.jsonl");
    running.is_left_alone();
    assert_eq!(running.end().await.code, Some(0));
    let ended = history(&journal).await;
    assert!(matches!(ended.outcome(), Some(petswipe_deploy::Outcome::Promoted { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_can_not_be_written_does_not_hide_how_it_ended() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let arguments = ["--json", "--rate", "100", "--report", "file/below.json"];
    let done = Tool::new("canary", &directory).on(&cloud).args(FAST).args(arguments);
    let done = done.run().await.with(1);
    done.says(["the report", "file/below.json", "could not be written"]);
    assert_eq!(text(&done.json(), "outcome"), "promoted");
    assert_eq!(cloud.comes_to_rest().await, cloud.green);
}
