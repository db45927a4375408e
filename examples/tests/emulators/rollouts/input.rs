//! What can't be begun is refused before anything is changed, and says what is wrong with which value.

use std::sync::{Arc, Mutex};

use aws_sdk_ecs::types::ContainerDefinition;
use tokio::process::Command;

use super::support::{World, on};
use crate::fixture::{Asked, Fault, run};

/// Runs it to its refusal, over lines on which that happens, and gives everything that was said.
async fn refused(
    world: &World,
    command: Command,
    words: &[&str],
    fate: impl Fn(&Asked) -> Option<Fault> + Clone + Send + 'static,
) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let made = Arc::clone(&calls);
    let lines = world.fixture.lines(move |asked| {
        made.lock().unwrap().push(asked.action.clone());
        fate(asked)
    });
    let before = world.standing().await;
    let done = run(on(command, &lines)).await;
    let done = done.with(2).says(words);
    let calls = calls.lock().unwrap().clone();
    let reads =
        |action: &String| ["Describe", "Get", "List"].iter().any(|verb| action.starts_with(verb));
    assert!(calls.iter().all(reads), "{calls:?}: {done}");
    assert_eq!(world.standing().await, before, "{done}");
}

async fn is_refused(world: &World, arguments: &[&str], words: &[&str]) {
    refused(world, world.canary(arguments), words, |_| None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named() {
    let world = World::new().await;
    let name = |end: &str| world.fixture.name(end);
    is_refused(
        &world,
        &["--project", "nobody"],
        &["cluster nobody-test-cluster was not found", "us-east-1", "--project"],
    )
    .await;
    is_refused(&world, &["--cluster", "nowhere"], &["cluster nowhere was not found", "--cluster"])
        .await;
    is_refused(
        &world,
        &["--load-balancer", "none"],
        &["load balancer none was not found", "--load-balancer"],
    )
    .await;
    is_refused(&world, &["--port", "81"], &["listener on port 81", "was not found", "--port"])
        .await;
    is_refused(
        &world,
        &["--rule", "7"],
        &["priority 7 among the rules on port 80", "was not found"],
    )
    .await;
    is_refused(
        &world,
        &["--tag", "Team=pets"],
        &["tag Team of service", "is missing", "allowed: pets"],
    )
    .await;
    let wrong = [format!("Project={}", world.fixture.project), "Environment=live".to_owned()];
    is_refused(
        &world,
        &["--tag", &wrong.join(",")],
        &["tag Environment", "is test; allowed: live"],
    )
    .await;
    let group = name("blue-tg");
    refused(&world, world.canary(&[]), &[&group, "not found"], |asked| {
        let missing = asked.action == "DescribeTargetGroups";
        missing.then_some(Fault::Refused("TargetGroupNotFound"))
    })
    .await;
    let service = name("green");
    let green = world.fixture.clients.ecs.delete_service().cluster(name("cluster"));
    green.service(&service).force(true).send().await.unwrap();
    run(world.canary(&[])).await.with(2).says(&[&service, "was not found"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_no_version_is_refused() {
    let world = World::new().await;
    for image in ["latest", "registry/shop:latest", "registry/shop"] {
        let mut command = world.rollout("canary");
        command.args(["--image", image]);
        let words = ["image is registry/shop", "allowed: a tag that is never moved, or a digest"];
        refused(&world, command, &words, |_| None).await;
    }
    refused(&world, world.rollout("canary"), &["--image is missing", "allowed"], |_| None).await;
    let words = ["--fault is unhealthy", "--backend is aws", "allowed: none"];
    is_refused(&world, &["--fault", "unhealthy"], &words).await;
    is_refused(&world, &["--resume"], &["canary.jsonl was not found", "--journal"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_cannot_be_taken_are_refused() {
    let world = World::new().await;
    for place in ["s3://shop", "s3://Shop/leases", "s3://shop//leases", "https://shop/leases"] {
        let done = run(world.canary(&["--leases", place])).await.with(2);
        done.says(&[
            &format!("'{place}'"),
            "--leases",
            "allowed: a directory, or s3://BUCKET/PREFIX",
        ]);
    }
    let nowhere = format!("s3://{}/leases", world.fixture.name("nowhere"));
    let is = format!("--leases is {nowhere}, and S3 in us-east-1 says ");
    is_refused(&world, &["--leases", &nowhere], &[&is, "NoSuchBucket", "allowed: a bucket"]).await;
    let leases = format!("s3://{}/leases", world.fixture.bucket());
    let denied = |call: &'static str| {
        move |asked: &Asked| (asked.action == call).then_some(Fault::Refused("AccessDenied"))
    };
    let command = world.canary(&["--leases", &leases]);
    refused(&world, command, &["AccessDenied: scripted", "s3:GetObject"], denied("GetObject"))
        .await;
    let lines = world.fixture.lines(denied("PutObject"));
    let before = world.standing().await;
    let whole = ["--image", "registry/shop:v2", "--leases", &leases];
    let mut command = world.rollout("canary");
    command.args(whole);
    let done = run(on(command, &lines)).await.with(2).says(&["writing ", "AccessDenied"]);
    assert_eq!(world.standing().await, before, "{done}");
    // Nothing is left of it that would have to be gone on with.
    is_refused(&world, &["--resume"], &["canary.jsonl was not found"]).await;
    let policy = run(world.canary(&["--iam-policy", "--leases", &leases])).await.with(0).stdout;
    for words in ["s3:GetObject", "s3:PutObject", "s3:ListBucket", &format!("{}/*", &leases[5..])] {
        assert!(policy.contains(words), "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deploys_several_containers_says_which_one_is_meant() {
    let world = World::new().await;
    let (ecs, family) = (&world.fixture.clients.ecs, world.fixture.base());
    let (old, _) = world.definition(&family).await;
    let beside = ContainerDefinition::builder().name("beside").image("registry/beside:v1").build();
    let register = ecs.register_task_definition().family(&family);
    let register = register.container_definitions(old.container_definitions()[0].clone());
    let answer = register.container_definitions(beside).send().await.unwrap();
    let both = answer.task_definition().unwrap().task_definition_arn().unwrap().to_owned();
    let update = ecs.update_service().cluster(world.fixture.name("cluster"));
    let update = update.service(world.fixture.name("blue")).task_definition(both);
    update.send().await.unwrap();
    is_refused(
        &world,
        &[],
        &["container of task definition", "is not chosen; allowed: app or beside"],
    )
    .await;
    is_refused(&world, &["--container", "other"], &["is other; allowed: app or beside"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_is_not_at_rest_is_refused() {
    let world = World::new().await;
    let blue = world.fixture.name("blue");
    world.divide(60, 40).await;
    is_refused(&world, &[], &["--image is v2", "traffic is divided", "allowed"]).await;
    let mut whole = world.rollout("canary");
    whole.args(["--image", "registry/shop:v2"]);
    refused(&world, whole, &["60", "40", "allowed: 100 %"], |_| None).await;
    world.divide(100, 0).await;
    let update = world.fixture.clients.ecs.update_service().cluster(world.fixture.name("cluster"));
    update.service(&blue).desired_count(0).send().await.unwrap();
    is_refused(&world, &[], &[&blue, "desired count of 0", "allowed: at least 1"]).await;
}
