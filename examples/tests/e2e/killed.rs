//! The tool is killed, over and over, at every stage of its work, while users go on.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use petswipe_deploy::{Environment, Outcome};
use petswipe_local::load::{Load, LoadReport};
use petswipe_runbook::Event;
use serde_json::Value;
use tempfile::TempDir;

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

/// When the tool is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// As soon as its journal holds so many records.
    Records(usize),
    /// So many milliseconds after its start.
    Milliseconds(u64),
}

/// An example whose operations are killed.
struct Kind {
    name: &'static str,
    /// How they are begun. Whoever goes on gives none of it.
    begin: &'static [&'static str],
    /// The stages of one that goes well.
    stages: &'static [&'static str],
    /// Whether traffic goes to the other side.
    changes_sides: bool,
}

const CANARY: Kind = Kind {
    name: "canary",
    begin: &["--stages", "50,100", "--stage-duration", "1", "--bake", "1"],
    stages: &["stage 1", "stage 2", "bake", "scale-down delay"],
    changes_sides: true,
};

const BLUE_GREEN: Kind = Kind {
    name: "blue_green",
    begin: &["--auto-promote=true", "--smoke-test-duration", "1", "--bake", "1"],
    stages: &["stage 1", "bake", "scale-down delay"],
    changes_sides: true,
};

/// So that a bad version gets as far as its users.
const UNTESTED: Kind = Kind {
    begin: &["--auto-promote=true", "--smoke-test-duration", "0", "--bake", "1"],
    ..BLUE_GREEN
};

const ROLLING: Kind =
    Kind { name: "rolling", begin: &["--bake", "2"], stages: &["bake"], changes_sides: false };

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// One life of an operation.
#[derive(Clone, Copy, Debug)]
struct Case {
    kind: &'static Kind,
    moment: Moment,
    /// Whether the new version is bad.
    bad: bool,
    /// Whether whoever resumes it is killed as well, so many records later.
    then: Option<usize>,
}

/// Over all of an operation: some records long before anything is touched, the last ones after its end.
fn cases() -> VecDeque<Case> {
    fn at(kind: &'static Kind, bad: bool, moments: &[usize]) -> Vec<Case> {
        let case = |count: &usize| Case { kind, moment: Moment::Records(*count), bad, then: None };
        moments.iter().map(case).collect()
    }
    let timed =
        |time| Case { kind: &CANARY, moment: Moment::Milliseconds(time), bad: false, then: None };
    let mut cases = VecDeque::new();
    // The longest ones at the front, so that no worker is left alone with one.
    cases.extend(at(&BLUE_GREEN, false, &[1, 4, 8, 12, 17, 21, 24, 28, 33, 40]));
    cases.extend(at(&UNTESTED, true, &[6, 12, 17, 20]));
    cases.extend(at(&CANARY, false, &(1..=53).step_by(2).collect::<Vec<_>>()));
    cases.extend([20, 120, 400, 1100, 2300, 3700].map(timed));
    cases.extend(at(&CANARY, true, &[8, 14, 17, 21, 23, 24, 25, 27, 29]));
    cases.extend(at(&ROLLING, false, &[1, 4, 7, 10, 14, 18]));
    cases.extend(at(&ROLLING, true, &[5, 8, 11, 14]));
    for (index, case) in cases.iter_mut().enumerate() {
        case.then = (index % 4 == 3).then_some(index % 7 + 1);
    }
    cases
}

/// What came of all cases.
#[derive(Debug, Default)]
struct Tally {
    /// Times at which a tool was killed in the middle of its work.
    killed: usize,
    /// Those it had ended before.
    too_late: usize,
    promoted: usize,
    rolled_back: usize,
    requests: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_can_be_resumed() {
    let cases = Arc::new(Mutex::new(cases()));
    let tally = Arc::new(Mutex::new(Tally::default()));
    let all = cases.lock().unwrap().len();
    let work = || tokio::spawn(worker(Arc::clone(&cases), Arc::clone(&tally)));
    for worker in [work(), work(), work()] {
        worker.await.unwrap();
    }
    let tally = tally.lock().unwrap();
    println!("killed at {} moments in {all} operations: {tally:?}", tally.killed);
    assert!(tally.killed >= 48, "{tally:?}");
    assert_eq!(tally.promoted + tally.rolled_back, all);
}

/// Takes case after case to one cloud, whose users never stop.
async fn worker(cases: Arc<Mutex<VecDeque<Case>>>, tally: Arc<Mutex<Tally>>) {
    let cloud = CloudProcess::start().await;
    let load = cloud.load(100.0);
    loop {
        let Some(case) = cases.lock().unwrap().pop_front() else { break };
        one(&cloud, &load, case, &tally).await;
    }
    tally.lock().unwrap().requests += load.stop().await.total.requests;
    cloud.stop().await;
}

fn tool(cloud: &CloudProcess, directory: &TempDir, case: Case) -> Tool {
    Tool::new(case.kind.name, directory).on(cloud).args(["--json", "--rate", "0"])
}

async fn one(cloud: &CloudProcess, load: &Load, case: Case, tally: &Mutex<Tally>) {
    let directory = directory();
    let journal = directory.path().join(format!(".petswipe/{}.jsonl", case.kind.name));
    let live = cloud.comes_to_rest().await;
    let before = cloud.state().await;
    let revisions = cloud.client.revisions().await.unwrap().len();
    let users = load.snapshot();

    let mut running = tool(cloud, &directory, case).args(begin(case)).start().await;
    match case.moment {
        Moment::Records(count) => running.writes(&journal, count).await,
        Moment::Milliseconds(time) => tokio::time::sleep(Duration::from_millis(time)).await,
    }
    let mut kills = kill(running, tally).await;
    let mut done = go_on(cloud, &directory, case, &journal);
    if let Some(more) = case.then {
        let mut running = done.start().await;
        running.writes(&journal, records(&journal).max(1) + more).await;
        kills += kill(running, tally).await;
        done = go_on(cloud, &directory, case, &journal);
    }
    let mut done = done.run().await;
    if done.code == Some(4) {
        // It was killed between taking the lease and writing its name down: who holds it can't be known, so it ends
        // by itself.
        assert_eq!(records(&journal), 0, "{case:?}: {done}");
        eventually("the lease ends", async || (!cloud.is_held().await).then_some(())).await;
        done = go_on(cloud, &directory, case, &journal).run().await;
    }
    let done = done.with(if case.bad { 1 } else { 0 });
    let report = done.json();
    let now = cloud.comes_to_rest().await;
    println!(
        "{case:?}: {kills} kills, {} of {} records",
        text(&report, "outcome"),
        records(&journal)
    );
    check_outcome(case, &report, &live, &now);
    let registered = cloud.client.revisions().await.unwrap().len() - revisions;
    assert_eq!(registered, 1, "{case:?}: a revision was registered twice");
    check_journal(&journal, kills).await;
    if case.bad {
        assert_eq!(cloud.state().await, before, "{case:?}");
        tally.lock().unwrap().rolled_back += 1;
    } else {
        tally.lock().unwrap().promoted += 1;
    }
    check_users(case, &report, &users, &load.snapshot());
}

/// Kills it, and says how many times that hit somebody at work.
async fn kill(mut running: Running, tally: &Mutex<Tally>) -> u32 {
    let ended = running.has_ended();
    running.kill().await;
    let mut tally = tally.lock().unwrap();
    let count = if ended { &mut tally.too_late } else { &mut tally.killed };
    *count += 1;
    u32::from(!ended)
}

/// Whoever comes next resumes what was begun; what has left no trace is begun anew.
fn go_on(cloud: &CloudProcess, directory: &TempDir, case: Case, journal: &Path) -> Tool {
    let tool = tool(cloud, directory, case);
    if records(journal) == 0 { tool.args(begin(case)) } else { tool.args(["--resume"]) }
}

fn begin(case: Case) -> impl Iterator<Item = &'static str> {
    let fault: &[_] = if case.bad { &["--fault", "error-rate=0.5"] } else { &[] };
    case.kind.begin.iter().chain(fault).copied()
}

fn check_outcome(case: Case, report: &Value, live: &Environment, now: &Environment) {
    if case.bad {
        assert_eq!(text(report, "outcome"), "rolled-back", "{case:?}");
        assert_as_before(report);
        assert_eq!(now, live, "{case:?}");
        return;
    }
    assert_eq!(text(report, "outcome"), "promoted", "{case:?}");
    assert_eq!(stages(report), case.kind.stages, "{case:?}");
    assert_eq!(now != live, case.kind.changes_sides, "{case:?}");
}

/// No stage twice, no way forward that was not there before, and one end.
async fn check_journal(journal: &Path, kills: u32) {
    let history = history(journal).await;
    let state = history.state();
    let mut names: Vec<_> = state.stages.iter().map(|stage| stage.name.clone()).collect();
    let weights: Vec<_> = state.stages.iter().map(|stage| stage.weight).collect();
    assert!(weights.is_sorted(), "{weights:?}");
    let begun = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), begun, "a stage was repeated: {:?}", state.stages);
    let count = |wanted: fn(&petswipe_runbook::EventOf<petswipe_deploy::Plan>) -> bool| {
        history.records.iter().filter(|recorded| wanted(&recorded.event)).count()
    };
    assert_eq!(count(|event| matches!(event, Event::Finished { .. })), 1);
    assert!(count(|event| matches!(event, Event::Resumed { .. })) <= kills as usize);
    assert!(matches!(
        history.outcome(),
        Some(Outcome::Promoted { .. } | Outcome::RolledBack { .. })
    ));
    let fences: Vec<_> = history.records.iter().map(|recorded| recorded.fence).collect();
    assert!(fences.is_sorted(), "{fences:?}");
}

/// Only a bad version's own answers may have failed.
fn check_users(case: Case, report: &Value, before: &LoadReport, now: &LoadReport) {
    let failed = |seen: &LoadReport| seen.total.failed;
    if !case.bad {
        let failures = now.failures.iter().skip(before.failures.len());
        let failures: Vec<_> = failures.collect();
        assert_eq!(failed(now), failed(before), "{case:?}: {failures:?}\n{report:#}");
        return;
    }
    let good = |seen: &LoadReport, version: &str| {
        seen.versions.get(version).map_or(0, |held| held.tally.failed)
    };
    let side = text(&report["final_state"], "serving");
    let images = report["final_state"]["environments"].as_object().unwrap();
    let served = images.values().find(|held| held["revision"] == side && held["desired"] != 0);
    let (_, version) = text(served.unwrap(), "image").split_once(':').unwrap();
    for version in [version, "none"] {
        assert_eq!(good(now, version), good(before, version), "{case:?}: {version}: {now:?}");
    }
}
