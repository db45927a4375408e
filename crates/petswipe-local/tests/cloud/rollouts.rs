//! Rollouts by the driver, with real processes, under load.

use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::{Compute, TrafficRouter};
use petswipe_deploy::{Outcome, Percent, Plan, RolloutPerformer, SmokePlan, Split, Stage, Target};
use petswipe_local::load::{Load, LoadConfig, LoadReport};
use petswipe_local::{Cloud, Fault, LocalClient};
use petswipe_monitor::AbsolutePolicy;
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::{Driver, LeaseTerms, OperationId};

use super::support::*;

const SECOND: Duration = Duration::from_secs(1);

/// The plan at the pace of a test.
fn quick(mut plan: Plan) -> Plan {
    for stage in &mut plan.stages {
        stage.duration = SECOND;
    }
    plan.check_interval = SECOND / 4;
    plan.patience = 10 * SECOND;
    plan.capacity.poll = SECOND / 10;
    plan.capacity.deadline = 15 * SECOND;
    plan.bake = SECOND;
    plan.scale_down_delay = Duration::ZERO;
    plan.approval = None;
    plan.smoke =
        plan.smoke.map(|smoke| SmokePlan { duration: SECOND, interval: SECOND / 5, ..smoke });
    plan
}

async fn run(cloud: &Cloud, plan: Plan, fault: Fault) -> (Outcome, LoadReport) {
    let load = Load::start(LoadConfig {
        path: "/api/pets?limit=5".to_owned(),
        ..LoadConfig::new(cloud.balancer_address(), 200.0)
    })
    .unwrap();
    let client = Arc::new(cloud.client().with_fault(fault));
    let performer = RolloutPerformer::new(client.clone(), Arc::new(AbsolutePolicy::default()));
    let terms = LeaseTerms {
        store: client,
        key: "service/petswipe-production".to_owned(),
        ttl: 10 * SECOND,
    };
    let driver = Driver::new(Arc::new(MemoryJournal::new()), Arc::new(performer)).lease(terms);
    let completed = driver.start(OperationId::new("rollout").unwrap(), plan).await.unwrap();
    let report = load.stop().await;
    println!(
        "{fault}: {:?}; {} requests, {} failed",
        completed.outcome, report.total.requests, report.total.failed
    );
    (completed.outcome, report)
}

async fn is_as_before(cloud: &Cloud, client: &LocalClient) {
    let (blue, green) = (side(cloud, "blue"), side(cloud, "green"));
    assert_eq!(client.route().await.unwrap().split, Split::all_to(blue.clone()));
    assert_eq!(client.service(&green).await.unwrap().desired, 0);
    let live = completed(client, &blue).await;
    assert_eq!((live.desired, live.image), (2, Some(image("petswipe:v1"))));
}

fn v2() -> Target {
    Target::Image(image("petswipe:v2"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_without_a_fault_is_promoted_and_loses_no_request() {
    let cloud = cloud().await;
    let sides = [side(&cloud, "blue"), side(&cloud, "green")];
    let mut plan = quick(Plan::canary("petswipe", sides.clone(), v2()));
    plan.stages = Stage::list(&[25, 100], SECOND).unwrap();
    let (outcome, report) = run(&cloud, plan, Fault::None).await;
    assert!(matches!(&outcome, Outcome::Promoted { environment, .. } if *environment == sides[1]));
    assert_eq!(report.total.failed, 0, "{:?}", report.failures);
    let client = cloud.client();
    assert_eq!(client.route().await.unwrap().split, Split::all_to(sides[1].clone()));
    assert_eq!(client.service(&sides[0]).await.unwrap().desired, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_answers_errors_goes_back() {
    let cloud = cloud().await;
    let sides = [side(&cloud, "blue"), side(&cloud, "green")];
    let mut plan = quick(Plan::canary("petswipe", sides, v2()));
    plan.stages = Stage::list(&[25, 100], SECOND).unwrap();
    let (outcome, _) = run(&cloud, plan, Fault::ErrorRate(0.5)).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    is_as_before(&cloud, &cloud.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blue_green_deployment_is_tested_before_it_gets_traffic() {
    let cloud = cloud().await;
    let sides = [side(&cloud, "blue"), side(&cloud, "green")];
    let plan = quick(Plan::blue_green("petswipe", sides.clone(), v2()));
    let (outcome, report) = run(&cloud, plan.clone(), Fault::ErrorRate(1.0)).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(report.total.failed, 0, "{:?}", report.failures);
    is_as_before(&cloud, &cloud.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_that_crashes_goes_back_by_itself() {
    let cloud = cloud().await;
    let sides = [side(&cloud, "blue"), side(&cloud, "green")];
    let plan = quick(Plan::rolling("petswipe", sides, v2()));
    let (outcome, report) = run(&cloud, plan, Fault::CrashOnBoot).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(report.total.failed, 0, "{:?}", report.failures);
    is_as_before(&cloud, &cloud.client()).await;
    assert_eq!(
        cloud.client().route().await.unwrap().split.share(&side(&cloud, "blue")),
        Percent::FULL
    );
}
