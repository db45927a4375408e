//! Ctrl-C and its relatives.

use rustix::process::Signal;

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

const LONG: [&str; 7] =
    ["--json", "--stages", "10,50,100", "--stage-duration", "3", "--rate", "100"];

async fn one_signal(signal: Signal, name: &str) {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let before = cloud.state().await;
    let mut running = Tool::new("canary", &directory).on(&cloud).args(LONG).start().await;
    running.says("stage 2: 50 %").await;
    running.signal(signal);
    let done = running.end().await.with(1);
    done.says([name, "bringing everything back to safety"]);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "aborted");
    assert!(text(&report, "reason").contains(name), "{report:#}");
    assert_as_before(&report);
    assert_none_failed(&report);
    cloud.comes_to_rest().await;
    assert_eq!(cloud.state().await, before);
}

/// The first signal comes while it goes forward, the second while it goes back.
async fn two_signals(first: Signal, second: Signal) {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let before = cloud.state().await;
    let load = cloud.load(100.0);
    let arguments = ["--json", "--stages", "50,100", "--stage-duration", "30", "--rate", "0"];
    let mut running = Tool::new("canary", &directory).on(&cloud).args(arguments).start().await;
    running.says("stage 1: 50 %").await;
    running.signal(first);
    running.says("bringing everything back to safety").await;
    running.signal(second);
    let done = running.end().await.with(3);
    done.says(["left half-way", "--resume --journal .petswipe/canary.jsonl"]);
    let arguments = ["--resume", "--json", "--rate", "0"];
    let done = Tool::new("canary", &directory).on(&cloud).args(arguments).run().await.with(1);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "aborted");
    assert_as_before(&report);
    cloud.comes_to_rest().await;
    assert_eq!(cloud.state().await, before);
    let seen = load.stop().await;
    assert_eq!(seen.total.failed, 0, "{:?}", seen.failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_goes_back_to_safety() {
    tokio::join!(
        one_signal(Signal::INT, "Ctrl-C"),
        one_signal(Signal::TERM, "SIGTERM"),
        one_signal(Signal::HUP, "SIGHUP"),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nohup_it_goes_on_without_a_terminal() {
    let directory = directory();
    let arguments = ["--json", "--stages", "100", "--stage-duration", "2", "--bake", "1"];
    let mut running = Tool::with_nohup("canary", &directory).args(arguments).start().await;
    running.says("stage 1: 100 %").await;
    running.signal(Signal::HUP);
    let report = running.end().await.with(0).json();
    assert_eq!(text(&report, "outcome"), "promoted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_leaves_at_once_and_says_how_to_resume() {
    tokio::join!(two_signals(Signal::INT, Signal::INT), two_signals(Signal::TERM, Signal::INT));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_before_the_first_change_leaves_no_trace_in_the_cloud() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let before = cloud.everything().await;
    let mut running = Tool::new("canary", &directory).on(&cloud).args(LONG).start().await;
    let journal = directory.path().join(".petswipe/canary.jsonl");
    // The journal is opened once the signals are listened to, and then traffic goes on for a while.
    eventually("the journal is there", async || journal.exists().then_some(())).await;
    eventually("it listens", async || listens(&running).then_some(())).await;
    running.signal(Signal::INT);
    assert!(!running.has_ended());
    let report = running.end().await.with(1).json();
    assert_eq!(text(&report, "outcome"), "aborted");
    assert_eq!(cloud.everything().await, before);
}

/// Whether the process has handlers for SIGINT and SIGTERM.
fn listens(running: &Running) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    [Signal::INT, Signal::TERM].iter().all(|signal| caught >> (signal.as_raw() - 1) & 1 == 1)
}
