//! Two operators on two machines: the lease on S3 lets one of them at the service.

use std::path::Path;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use super::support::{World, signalled};
use crate::fixture::run;

/// A program on another machine: with another directory, and nothing in it.
fn elsewhere(mut command: Command, machine: &TempDir) -> Command {
    command.current_dir(machine.path()).env("HOME", machine.path());
    command
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

pub async fn a_lease_on_s3_keeps_operators_of_other_machines_out() {
    let world = World::new().await;
    let before = world.standing().await;
    let leases = format!("s3://{}/team/leases", world.fixture.bucket());
    let mut first = world.canary(&[]);
    first.env("LEASES", &leases).env("USER", "ana");
    let child = world.half_way(first).await;
    let half_way = world.standing().await;

    let machine = tempfile::tempdir().unwrap();
    let second = || {
        let mut canary = elsewhere(world.rollout("canary"), &machine);
        canary.args(["--image", "registry/shop:v3", "--stages", "50,100", "--leases", &leases]);
        canary
    };
    let mut scale = elsewhere(world.fixture.program("scale"), &machine);
    scale.args(["--backend", "aws", "--leases", &leases, "service", "--desired", "3"]);
    let words = ["is held by operation canary-", "(ana on ", "until "];
    run(second()).await.with(4).says(&words);
    run(scale).await.with(4).says(&words);
    assert!(is_empty(machine.path()));
    assert_eq!(world.standing().await, half_way);

    // Nobody else gets it at once from one that was killed; whoever goes on with the same operation does.
    assert_eq!(signalled(child, Signal::KILL).await.code, None);
    run(second()).await.with(4).says(&words);
    let mut resume = world.rollout("canary");
    resume.args(["--resume", "--json"]).env("LEASES", &leases);
    let report = run(resume).await.with(0).json();
    assert_eq!((&report["outcome"], &report["resumed"]), (&"promoted".into(), &1.into()));
    world.is_promoted(&before).await;

    // It was given back, so now the other one may.
    let mut scale = elsewhere(world.fixture.program("scale"), &machine);
    scale.args(["--backend", "aws", "--leases", &leases, "service", "--side", "green"]);
    let done = run_to(scale, 3).await;
    let undo = format!("--leases {leases} ");
    assert!(done.contains("to put back what was there before: ") && done.contains(&undo), "{done}");
    assert_eq!(world.standing().await.desired, [0, 3], "{done}");
}

/// Scales to that many tasks, and gives what was said.
async fn run_to(mut scale: Command, tasks: u32) -> String {
    scale.args(["--desired", &tasks.to_string(), "--poll", "0.5"]);
    run(scale).await.with(0).stderr
}
