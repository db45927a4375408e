//! What can't be begun is refused before anything is changed.

use std::time::Duration;

use petswipe_runbook::OperationId;
use petswipe_runbook::lease::{LeaseRequest, LeaseStore};
use serde_json::json;

use crate::world::World;

const CANARY: [&str; 2] = ["--image", "v2"];

/// The example with these arguments is refused with these words, and changes nothing.
#[track_caller]
fn is_refused(world: &World, arguments: &[&str], words: &[&str]) {
    for dry_run in [&[][..], &["--dry-run"]] {
        let said = world.refuses(2, &[&CANARY[..], arguments, dry_run].concat());
        for word in words {
            assert!(said.contains(word), "{said}");
        }
    }
    assert_eq!(world.changes(), [""; 0]);
    assert!(!world.path("native.jsonl").exists());
}

#[test]
fn a_service_that_ecs_can_only_roll_says_what_it_lacks() {
    let world = World::new();
    world.wire.with(|account| account.deployer.alternate = false);
    let words = [
        "alternate target group of service shop-production of cluster shop-production-cluster is missing",
        "allowed: one of shop-production-blue-tg and shop-production-green-tg",
    ];
    is_refused(&world, &[], &words);
}

#[test]
fn what_is_not_there_or_somebody_elses_is_named() {
    let world = World::new();
    let missing = ["was not found; looked for in eu-central-1", "--service"];
    is_refused(&world, &["--service", "pets"], &missing);
    is_refused(&world, &["--port", "81"], &["listener on port 81", "--port"]);
    is_refused(&world, &["--load-balancer", "none"], &["load balancer none", "--load-balancer"]);
    is_refused(&world, &["--tag", "Team=pets"], &["tag Team of service", "allowed: pets"]);
    let groups = ["--target-group", "one,two"];
    is_refused(&world, &groups, &["target group and alternate target group", "one and two"]);
}

#[test]
fn a_deployment_of_somebody_else_in_progress_is_waited_for() {
    let world = World::new();
    world.killed(&CANARY, Duration::from_secs(300));
    // Seen from another machine, a minute later: neither the journal nor a lease tells of it.
    std::fs::remove_file(world.path("native.jsonl")).unwrap();
    world.clock.advance(Duration::from_secs(60));
    let changes = world.changes();
    let said = world.refuses(2, &CANARY);
    let words = "another deployment is in progress on shop-production; wait until it is done";
    assert!(said.contains(words), "{said}");
    assert_eq!(world.changes(), changes);
    assert!(!world.path("native.jsonl").exists());
}

#[test]
fn a_pause_of_somebody_else_is_named() {
    let world = World::new();
    world.wire.with(|account| {
        account.deployer.configuration["lifecycleHooks"] =
            json!([{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}]);
    });
    is_refused(&world, &[], &["waits for somebody else at POST_SCALE_UP"]);
}

#[test]
fn an_image_that_moves_or_is_not_there_is_refused() {
    let world = World::new();
    let said = world.refuses(2, &["--image", "latest"]);
    assert!(said.contains("allowed: a tag that is never moved, or a digest"), "{said}");
    let said = world.refuses(2, &["--image", "v9"]);
    assert!(said.contains("shop:v9") && said.contains("was not found"), "{said}");
    let said = world.refuses(2, &[]);
    assert!(said.contains("--image is missing"), "{said}");
    assert_eq!(world.changes(), [""; 0]);
}

#[test]
fn who_holds_the_service_is_left_alone() {
    let world = World::new();
    let request = LeaseRequest {
        key: "service/shop-production".to_owned(),
        operation: OperationId::new("canary-1").unwrap(),
        holder: "ann".to_owned(),
        ttl: Duration::from_secs(600),
    };
    let now = petswipe_runbook::Clock::now(&*world.clock);
    let taken = world.leases.acquire(&request, now);
    futures_util::FutureExt::now_or_never(taken).unwrap().unwrap();
    let said = world.refuses(4, &CANARY);
    assert!(said.contains("canary-1") && said.contains("ann"), "{said}");
    assert_eq!(world.changes(), [""; 0]);
}

#[test]
fn a_journal_is_gone_on_with_where_it_was_begun() {
    let world = World::new();
    let said = world.refuses(2, &["--resume"]);
    assert!(said.contains("native.jsonl was not found"), "{said}");
    world.killed(&CANARY, Duration::from_secs(60));
    let said = world.refuses(2, &["--resume", "--dry-run"]);
    assert!(said.contains("--resume goes on for real"), "{said}");
    let said = world.refuses(2, &["--undo"]);
    assert!(said.contains("holds no deployment that has ended"), "{said}");
}
