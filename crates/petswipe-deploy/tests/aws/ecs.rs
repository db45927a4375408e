//! What the contract does not say of services on Amazon ECS.

use std::sync::Arc;
use std::time::Duration;

use petswipe_aws::script::Fault;
use petswipe_deploy::aws::{EcsCompute, EcsServices, ImagePolicy};
use petswipe_deploy::conformance::CloudWorld;
use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{
    Compute, Deployment, DeploymentState, Error, Image, RevisionId, compute_conformance,
};
use serde_json::{Value, json};

use crate::cluster::{REGISTRY, full_definition};
use crate::world::{World, blue, green, image, services};

compute_conformance!(contract, World::new());

fn revision(number: u32) -> RevisionId {
    RevisionId::new(format!("revision:{number}")).unwrap()
}

fn compute(world: &World, services: EcsServices) -> EcsCompute {
    EcsCompute::new(&world.wire.config(), services, world.clock.clone()).unwrap()
}

fn tag(tags: &Value, key: &str) -> Option<String> {
    let tags = tags.as_array().unwrap();
    let tag = tags.iter().find(|tag| tag["key"] == key)?;
    Some(tag["value"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_registration_has_every_field_of_the_old_one_and_the_operation_in_a_tag() {
    let world = World::new();
    let authority = world.authority();
    let made = world.compute.register(&authority, &revision(1), &image("shop:v2")).await.unwrap();
    assert_eq!(made, revision(2));
    let (definition, tags) = world.cluster(|cluster| cluster.definitions[&2].clone());
    assert_eq!(definition, full_definition(&image("shop:v2")));
    assert_eq!(tag(&tags, "Owner").as_deref(), Some("pets"));
    assert_eq!(tag(&tags, "Project").as_deref(), Some("shop"));
    assert_eq!(tag(&tags, "petswipe:operation").as_deref(), Some(authority.operation.as_str()));
    assert_eq!(tag(&tags, "aws:cloudformation:stack-name"), None, "AWS refuses tags of its own");
}

#[tokio::test]
async fn a_registration_whose_answer_was_lost_is_found_again() {
    let world = World::new();
    let authority = world.authority();
    world
        .wire
        .fate(|call| (call.operation() == "RegisterTaskDefinition").then_some(Fault::LostAnswer));
    let lost = world.compute.register(&authority, &revision(1), &image("shop:v2")).await;
    assert!(matches!(lost, Err(Error::Backend { .. })), "{lost:?}");
    world.wire.fate(|_| None);
    let found = world.compute.register(&authority, &revision(1), &image("shop:v2")).await.unwrap();
    assert_eq!(found, revision(2));
    // That of another operation is not taken for it.
    let other = world.compute.register(&world.authority(), &revision(1), &image("shop:v2")).await;
    assert_eq!(other.unwrap(), revision(3));
    assert_eq!(world.cluster(|cluster| cluster.definitions.len()), 3);
}

#[tokio::test]
async fn a_container_has_to_be_chosen_where_there_are_several() {
    let world = World::new();
    for (container, said) in [(None, "not chosen"), (Some("web".to_owned()), "web")] {
        let compute = compute(&world, EcsServices { container, ..services() });
        let refused = compute.service(&blue()).await.unwrap_err().to_string();
        let wanted = format!(
            "container of task definition revision:1 is {said}; allowed: app or log-router"
        );
        assert_eq!(refused, wanted);
    }
}

#[tokio::test]
async fn images_are_refused_whose_tags_move_and_pinned_to_their_digest_when_asked() {
    let world = World::new();
    for name in ["shop", "shop:latest", "elsewhere.example/shop:stable"] {
        let refused = world.compute.resolve(&Image::new(name).unwrap()).await;
        let Err(Error::InvalidPlan { field, value, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((field.as_str(), value.as_str()), ("image", name));
    }
    assert!(world.wire.operations().is_empty());
    let digest = Image::new("elsewhere.example/shop@sha256:ab").unwrap();
    assert_eq!(world.compute.resolve(&digest).await.unwrap(), digest);

    let images = ImagePolicy { moving_tags: true, pin_digest: true };
    let pinning = compute(&world, EcsServices { images, ..services() });
    let pinned = pinning.resolve(&image("shop:v2")).await.unwrap();
    assert_eq!(pinned.as_str(), format!("{REGISTRY}/shop@sha256:v2"));
    let elsewhere = pinning.resolve(&Image::new("elsewhere.example/shop:v2").unwrap()).await;
    assert!(matches!(elsewhere, Err(Error::Unsupported { .. })), "{elsewhere:?}");
    let taking = compute(
        &world,
        EcsServices { images: ImagePolicy { pin_digest: false, ..images }, ..services() },
    );
    assert!(taking.resolve(&Image::new("shop:latest").unwrap()).await.is_ok());
}

#[tokio::test]
async fn stopped_tasks_say_why() {
    let world = World::new();
    let task = |number: u32, more: Value| {
        let mut task = json!({
            "taskArn": format!("arn:aws:ecs:eu-central-1:123456789012:task/c/{number}"),
            "startedBy": format!("ecs-svc/{}-1", blue()),
            "lastStatus": "STOPPED",
            "stoppedAt": number,
        });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    };
    world.cluster(|cluster| {
        let service = cluster.services.get_mut(blue().as_str()).unwrap();
        service.stopped = vec![
            task(3, json!({
                "stopCode": "TaskFailedToStart",
                "stoppedReason": "Task failed to start",
                "containers": [{"name": "app", "reason": "CannotPullContainerError: not found"}],
            })),
            task(2, json!({
                "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "app", "exitCode": 137, "reason": "OutOfMemoryError"}, {"name": "side", "exitCode": 0}],
            })),
            task(4, json!({
                "stopCode": "ServiceSchedulerInitiated",
                "stoppedReason": "Task failed ELB health checks in (target-group arn:x)",
            })),
            task(5, json!({
                "stopCode": "ServiceSchedulerInitiated",
                "stoppedReason": "Scaling activity initiated by (deployment ecs-svc/1)",
            })),
            task(6, json!({"stopCode": "UserInitiated", "stoppedReason": "stopped by hand"})),
            task(7, json!({"stopCode": "SpotInterruption", "stoppedReason": "taken away"})),
            task(8, json!({"stopCode": "EssentialContainerExited", "startedBy": "ecs-svc/older"})),
        ];
        service.events = vec![
            json!({"id": "1", "createdAt": 9, "message": "(service x) was unable to place a task because no capacity"}),
            json!({"id": "3", "createdAt": 10, "message": "(service x) is unable to consistently start tasks successfully."}),
            json!({"id": "2", "createdAt": 9, "message": "(service x) has reached a steady state."}),
        ];
    });
    let status = world.compute.service(&blue()).await.unwrap();
    let reasons: Vec<_> = status.failures.iter().map(|failure| failure.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "Essential container in task exited; container app exited with 137: OutOfMemoryError",
            "Task failed to start; container app: CannotPullContainerError: not found",
            "Task failed ELB health checks in (target-group arn:x)",
            "(service x) was unable to place a task because no capacity",
            "(service x) is unable to consistently start tasks successfully.",
        ]
    );
    // What was read once is not asked for again.
    world.wire.forget();
    assert_eq!(world.compute.service(&blue()).await.unwrap().failures, status.failures);
    assert!(!world.wire.operations().contains(&"DescribeTasks".to_owned()));
}

#[tokio::test]
async fn a_task_that_has_not_stopped_yet_is_read_again_until_it_has() {
    let world = World::new();
    let mut task = json!({
        "taskArn": "arn:aws:ecs:eu-central-1:123456789012:task/c/1",
        "startedBy": format!("ecs-svc/{}-1", blue()),
        "lastStatus": "DEPROVISIONING",
        "stoppingAt": 5,
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "app"}],
    });
    let reasons = async |task: &Value| {
        world.cluster(|cluster| {
            let service = cluster.services.get_mut(blue().as_str()).unwrap();
            service.stopped = vec![task.clone()];
        });
        let failures = world.compute.service(&blue()).await.unwrap().failures;
        failures.into_iter().map(|failure| failure.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&task).await, ["Essential container in task exited"]);
    task["lastStatus"] = "STOPPED".into();
    task["containers"][0]["exitCode"] = 137.into();
    let whole = ["Essential container in task exited; container app exited with 137"];
    assert_eq!(reasons(&task).await, whole);
    world.wire.forget();
    assert_eq!(reasons(&task).await, whole);
    assert!(!world.wire.operations().contains(&"DescribeTasks".to_owned()));
}

#[tokio::test]
async fn a_deployment_that_the_circuit_breaker_took_back_has_failed_with_its_reason() {
    let world = World::new();
    let crash = Behaviour { crash_after: Some(Duration::ZERO), ..Behaviour::default() };
    world.cloud.add_image(image("shop:v2"), crash);
    let authority = world.authority();
    let made = world.compute.register(&authority, &revision(1), &image("shop:v2")).await.unwrap();
    let deployment = Deployment { circuit_breaker: Some(true), ..Deployment::new(made.clone(), 2) };
    world.compute.deploy(&authority, &blue(), &deployment).await.unwrap();
    let breaker = world.cluster(|cluster| {
        cluster.services[blue().as_str()].configuration["deploymentCircuitBreaker"].clone()
    });
    assert_eq!(breaker, json!({"enable": true, "rollback": true}));
    world.clock.advance(Duration::from_secs(300));
    let status = world.compute.service(&blue()).await.unwrap();
    let DeploymentState::Failed { reason } = &status.deployment else { panic!("{status:?}") };
    assert!(reason.contains("failed to start"), "{reason}");
    assert_eq!(status.revision, Some(revision(1)));
    assert!(!status.failures.is_empty());

    // The failed one is described for a while, also beside the next: that has not failed.
    let next = world.compute.register(&authority, &revision(1), &image("shop:v1")).await.unwrap();
    world.compute.deploy(&authority, &blue(), &Deployment::new(next.clone(), 2)).await.unwrap();
    let status = world.compute.service(&blue()).await.unwrap();
    assert_eq!((status.revision, status.deployment), (Some(next), DeploymentState::InProgress));
    assert_eq!(status.failures, []);
}

#[tokio::test]
async fn alarms_are_part_of_a_deployment_and_the_services_own_are_kept_without() {
    let world = World::new();
    let own = json!({"enable": true, "rollback": false, "alarmNames": ["own"]});
    world.cluster(|cluster| {
        cluster.services.values_mut().for_each(|one| one.configuration["alarms"] = own.clone());
    });
    let alarms_after = async |alarms: Vec<String>, desired| {
        let compute = compute(&world, EcsServices { alarms, ..services() });
        let deployment = Deployment::new(revision(1), desired);
        compute.deploy(&world.authority(), &green(), &deployment).await.unwrap();
        world.cluster(|cluster| cluster.services[green().as_str()].configuration["alarms"].clone())
    };
    assert_eq!(alarms_after(Vec::new(), 1).await, own);
    let ours = json!({"enable": true, "rollback": true, "alarmNames": ["errors"]});
    assert_eq!(alarms_after(vec!["errors".to_owned()], 2).await, ours);
}

#[tokio::test]
async fn services_are_described_together_and_changes_made_only_where_there_is_one() {
    let world = World::new();
    let (a, b) = (blue(), green());
    let (one, other) = tokio::join!(world.compute.service(&a), world.compute.service(&b));
    one.unwrap();
    other.unwrap();
    let described = |world: &World| {
        world.wire.operations().iter().filter(|one| *one == "DescribeServices").count()
    };
    assert_eq!(described(&world), 1);
    world.compute.scale(&world.authority(), &a, 2).await.unwrap();
    assert!(!world.wire.operations().contains(&"UpdateService".to_owned()));
}

#[tokio::test]
async fn a_service_that_is_gone_going_or_not_ours_is_refused() {
    let world = World::new();
    let refused = async |world: &World| world.compute.service(&blue()).await.unwrap_err();
    world.cluster(|cluster| cluster.services.values_mut().for_each(|one| one.status = "DRAINING"));
    let gone = refused(&world).await;
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    world.cluster(|cluster| {
        cluster.services.values_mut().for_each(|one| {
            one.status = "ACTIVE";
            one.tags = json!([{"key": "Project", "value": "other"}]);
        });
    });
    let foreign = refused(&world).await.to_string();
    let wanted = "tag Project of service shop-production-blue of cluster shop-production-cluster is other; allowed: shop";
    assert_eq!(foreign, wanted);
    world.cluster(|cluster| {
        cluster.services.values_mut().for_each(|one| {
            one.tags = json!([{"key": "Project", "value": "shop"}]);
            one.controller = "CODE_DEPLOY";
        });
    });
    let other = refused(&world).await;
    assert!(matches!(other, Error::Unsupported { .. }), "{other}");
    let elsewhere = compute(&world, EcsServices { cluster: "other".to_owned(), ..services() });
    let cluster = elsewhere.service(&blue()).await.unwrap_err();
    assert!(matches!(cluster, Error::NotFound { .. }), "{cluster}");
}

#[tokio::test]
async fn an_inactive_task_definition_is_not_deployed() {
    let world = World::new();
    world.cluster(|cluster| {
        cluster.definitions.get_mut(&1).unwrap().0["status"] = "INACTIVE".into()
    });
    let deployment = Deployment::new(revision(1), 1);
    let refused = world.compute.deploy(&world.authority(), &green(), &deployment).await;
    let text = refused.unwrap_err().to_string();
    assert_eq!(text, "status of task definition revision:1 is INACTIVE; allowed: ACTIVE");
}

#[tokio::test]
async fn an_error_says_what_can_be_done_about_it() {
    for (fault, kind) in [
        (Fault::Denied, "denied"),
        (Fault::Expired, "denied"),
        (Fault::Throttled(Some(7)), "throttled"),
        (Fault::Broken, "backend"),
        (Fault::Unreachable, "backend"),
        (Fault::LostAnswer, "backend"),
    ] {
        let world = World::new();
        world.wire.fate(move |_| Some(fault));
        let error = world.compute.scale(&world.authority(), &blue(), 3).await.unwrap_err();
        let found = match error {
            Error::Denied { .. } => "denied",
            Error::Throttled { retry_after, .. } => {
                assert_eq!(retry_after, Some(Duration::from_secs(7)));
                "throttled"
            }
            Error::Backend { .. } => "backend",
            _ => "other",
        };
        assert_eq!(found, kind, "{fault:?}");
    }
}

#[test]
fn names_that_make_no_sense_are_refused_before_any_call() {
    let world = World::new();
    let new = |services| {
        EcsCompute::new(&world.wire.config(), services, Arc::clone(&world.clock) as _).err()
    };
    let none = EcsServices { services: [].into(), ..services() };
    assert_eq!(new(none).unwrap().to_string(), "number of services is 0; allowed: at least 1");
    let twice = EcsServices {
        services: [blue(), green()].map(|side| (side, "same".to_owned())).into(),
        ..services()
    };
    let wanted = "service is same; allowed: a different one for each environment";
    assert_eq!(new(twice).unwrap().to_string(), wanted);
}
