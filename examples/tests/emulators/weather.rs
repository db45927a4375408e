//! What happens on the way to AWS and takes its time there: throttling, lost answers, denials, states between two others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::fixture::{Asked, Fault, Fixture, parts, run, until};

/// One call in ten is throttled, one in twenty happens and its answer is lost, one in fifty finds a broken service.
fn storm(seed: u64) -> impl FnMut(&Asked) -> Option<Fault> + Clone + Send + 'static {
    let mut random = fastrand::Rng::with_seed(seed);
    move |asked| match random.u32(0..100) {
        0..10 => Some(Fault::Throttled),
        // moto gives a second load balancer the same name, where AWS says DuplicateLoadBalancerName.
        10..15 if asked.action != "CreateLoadBalancer" => Some(Fault::LostAnswer),
        15..17 => Some(Fault::Broken),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_the_same_command_again_always_comes_to_an_end() {
    let lives = (1..=4).map(|seed| {
        tokio::spawn(async move {
            let fixture = Fixture::with_twins().await;
            let lines = fixture.lines(storm(seed));
            for (arguments, count) in
                [(&["--json"][..], "kept"), (&["--json", "--destroy"][..], "deleted")]
            {
                let mut tries = 0;
                while run(fixture.stack_on(&lines, arguments)).await.code != Some(0) {
                    tries += 1;
                    assert!(tries < 20, "seed {seed}: it never comes to an end");
                }
                // In good weather nothing is left to be done, whatever was lost on the way.
                let report = fixture.stack_report(&arguments[1..], 0).await;
                assert_eq!(report["outcome"], "unchanged", "seed {seed}: {report:#}");
                if count == "kept" {
                    assert_eq!(parts(&report, count).len(), 20, "seed {seed}");
                }
            }
        })
    });
    for life in lives.collect::<Vec<_>>() {
        life.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_until_the_load_balancer_is_active() {
    let fixture = Fixture::with_twins().await;
    // The first look by name finds none; the second one is that of the wait.
    let lines = fixture.lines(|asked| {
        let waiting = asked.action == "DescribeLoadBalancers" && asked.before == 1;
        waiting.then_some(Fault::Instead("<Code>active</Code>", "<Code>provisioning</Code>"))
    });
    let began = Instant::now();
    run(fixture.stack_on(&lines, &[])).await.with(0);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());

    let fixture = Fixture::with_twins().await;
    let lines = fixture.lines(|asked| {
        let waiting = asked.action == "DescribeLoadBalancers" && asked.before > 0;
        waiting.then_some(Fault::Instead("<Code>active</Code>", "<Code>provisioning</Code>"))
    });
    let done = run(fixture.stack_on(&lines, &["--patience", "3"])).await.with(3);
    done.says(&["to be active", "after 3 s", "Created so far: ", "goes on from there"]);
    assert_eq!(fixture.stack_report(&[], 0).await["outcome"], "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_everything_that_takes_its_time_to_go() {
    let fixture = Fixture::with_stack().await;
    let lines = fixture.lines(|asked| match (asked.action.as_str(), asked.before) {
        // The first one is the survey's.
        ("DescribeServices", 1) => Some(Fault::Instead("INACTIVE", "DRAINING")),
        ("DeleteTargetGroup", 0) => Some(Fault::Refused("ResourceInUse")),
        ("DeleteCluster", 0) => Some(Fault::Refused("ClusterContainsTasksException")),
        _ => None,
    });
    let done = run(fixture.stack_on(&lines, &["--destroy", "--json"])).await.with(0);
    assert_eq!(parts(&done.json(), "deleted").len(), 20);
    assert_eq!(fixture.stack_report(&["--destroy"], 0).await["outcome"], "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_in_time_is_named() {
    let fixture = Fixture::with_stack().await;
    let lines = fixture.lines(|asked| {
        (asked.action == "DeleteTargetGroup").then_some(Fault::Refused("ResourceInUse"))
    });
    let done = run(fixture.stack_on(&lines, &["--destroy", "--patience", "1"])).await.with(3);
    done.says(&["target group", "to be in use no more", "Deleted so far: ", "goes on from there"]);
    assert_eq!(fixture.stack_report(&["--destroy"], 0).await["outcome"], "destroyed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_going_is_in_the_way_of_a_new_stack() {
    let fixture = Fixture::with_stack().await;
    let lines = fixture.lines(|asked| {
        (asked.action == "DescribeServices")
            .then_some(Fault::Instead(r#""ACTIVE""#, r#""DRAINING""#))
    });
    let done = run(fixture.stack_on(&lines, &[])).await.with(2);
    done.says(&["is being deleted; try again when it is gone", "Nothing was touched"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_create_anything_is_told_so_and_who_may_not_create_all_is_told_what_is_there() {
    let fixture = Fixture::with_twins().await;
    let denied = |action: &'static str| {
        fixture.lines(move |asked| {
            (asked.action == action).then_some(Fault::Refused("AccessDeniedException"))
        })
    };
    let done = run(fixture.stack_on(&denied("CreateCluster"), &[])).await.with(2);
    done.says(&["CreateCluster of ", "AccessDeniedException", "Nothing was touched"]);
    let done = run(fixture.stack_on(&denied("PutMetricAlarm"), &[])).await.with(3);
    done.says(&["PutMetricAlarm of ", "AccessDeniedException", "Created so far: cluster "]);
    // Credentials that expire half-way are an error like any other; the next run has new ones.
    let expired = fixture.lines(|asked| {
        let late = asked.action == "PutMetricAlarm" && asked.before > 2;
        late.then_some(Fault::Refused("ExpiredTokenException"))
    });
    let done = run(fixture.stack_on(&expired, &[])).await.with(3);
    done.says(&["ExpiredTokenException", "Created so far: alarm ", "goes on from there"]);
    let report = fixture.stack_report(&[], 0).await;
    assert_eq!((parts(&report, "kept").len(), parts(&report, "created").len()), (17, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_it_after_the_step_under_way() {
    let fixture = Fixture::with_twins().await;
    let (begun, may_end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let step = (Arc::clone(&begun), Arc::clone(&may_end));
    let lines = fixture.lines(move |asked| {
        if asked.action == "RegisterTaskDefinition" {
            step.0.store(true, Ordering::Relaxed);
            while !step.1.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        None
    });
    let mut child = fixture.stack_on(&lines, &["--json"]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    until("the second step is under way", async || begun.load(Ordering::Relaxed)).await;
    let id = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let mut rest = Vec::new();
    while let Some(line) = said.next_line().await.unwrap() {
        if line.starts_with("Ctrl-C: it ends after the step") {
            may_end.store(true, Ordering::Relaxed);
        }
        rest.push(line);
    }
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3), "{rest:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(parts(&report, "created").len(), 2, "{report:#}");
    assert!(rest.last().unwrap().contains("goes on from there"), "{rest:?}");
    assert_eq!(parts(&fixture.stack_report(&[], 0).await, "kept").len(), 2);
}
