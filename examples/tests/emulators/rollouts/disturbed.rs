//! Rollouts that are killed, cut off from AWS, or told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use super::support::{World, on, signalled};
use crate::fixture::{Fault, run};

pub async fn a_killed_canary_is_gone_on_with_and_promoted() {
    let world = World::new().await;
    let before = world.standing().await;
    let child = world.half_way(world.canary(&[])).await;
    assert_eq!(signalled(child, Signal::KILL).await.code, None);
    // Who does not know of it is told, and changes nothing.
    let again = run(world.canary(&[])).await.with(2);
    again.says(&["which has not ended", "--resume"]);
    let report = world.resume().await.with(0).json();
    assert_eq!((&report["outcome"], &report["resumed"]), (&"promoted".into(), &1.into()));
    world.is_promoted(&before).await;
    let family = world.fixture.base();
    let all = world.fixture.clients.ecs.list_task_definitions().family_prefix(family);
    let all = all.send().await.unwrap();
    assert_eq!(all.task_definition_arns().len(), 2, "{all:?}");
}

pub async fn ctrl_c_brings_everything_back() {
    goes_back_by_itself(Signal::INT, "Ctrl-C").await;
}

pub async fn sigterm_brings_everything_back() {
    goes_back_by_itself(Signal::TERM, "SIGTERM").await;
}

/// A canary with half of the traffic is told by that signal to end.
async fn goes_back_by_itself(signal: Signal, word: &str) {
    let world = World::new().await;
    let before = world.standing().await;
    let child = world.half_way(world.canary(&[])).await;
    let done = signalled(child, signal).await.with(1);
    let report = done.json();
    assert_eq!(report["outcome"], "aborted", "{done}");
    assert!(report["reason"].as_str().unwrap().contains(word), "{}", report["reason"]);
    assert_eq!(world.standing().await, before, "{done}");
}

/// From the first shift of traffic on nothing gets through, until the next run. Everything is then as before.
async fn is_cut_off(example: &str, given: &[&str], fault: Fault, why: &str) {
    let world = World::new().await;
    let before = world.standing().await;
    let cut = Arc::new(AtomicBool::new(false));
    let lines = world.fixture.lines(move |asked| {
        if asked.action == "ModifyListener" {
            cut.store(true, Ordering::Relaxed);
        }
        cut.load(Ordering::Relaxed).then(|| fault.clone())
    });
    let mut command = on(world.rollout(example), &lines);
    command.args(["--image", "v2", "--json", "--journal", "cut off.jsonl"]).args(given);
    let done = run(command).await.with(3);
    let report = done.json();
    assert_eq!(report["outcome"], "unfinished", "{done}");
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("the weights were last set to"), "{reason}");
    let project = &world.fixture.project;
    let flags = format!(
        "--backend aws --resume --journal 'cut off.jsonl' --region us-east-1 --project {project} --environment test \
         --port 80 --metric-lag 0"
    );
    let going_on = format!("to go on: cargo run --features aws --example {example} -- {flags}");
    let refused = "the cloud refuses to say how it is now";
    let done = done.says(&[refused, "it was told to", why, &going_on]);
    assert!(!done.stderr.contains("does not answer"), "{done}");

    // The command that was printed, and nothing else of what was given.
    let mut command = world.fixture.program(example);
    command.env_remove("PROJECT").env_remove("ENVIRONMENT");
    let words = flags.replace("'cut off.jsonl'", "cut_off.jsonl");
    command.args(words.split(' ').map(|word| word.replace("cut_off", "cut off")));
    command.arg("--json");
    let resumed = run(command).await.with(1);
    assert_eq!(resumed.json()["outcome"], "rolled-back", "{resumed}");
    assert_eq!(world.standing().await, before, "{done} {resumed}");
}

pub async fn credentials_that_expire_half_way_leave_it_to_be_gone_on_with() {
    let code = "ExpiredTokenException";
    let why = format!("({code}) was denied");
    is_cut_off("canary", &["--stages", "50,100"], Fault::Refused(code), &why).await;
}
