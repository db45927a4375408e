//! What is asked, and in how many calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::{join, join_all};
use petswipe_aws::{CallBudget, Policy, budgeted};
use petswipe_monitor::aws::{CloudWatchMetrics, CloudWatchSource, Revisions};
use petswipe_monitor::{
    AbsolutePolicy, Carried, Error, MetricSource, Reference, Step, Subject, Window,
    observe_and_judge,
};
use serde_json::Value;

use crate::cloudwatch::name;
use crate::world::{World, at, blue, green, metrics, of_balancer, of_group, of_service};

/// The queries of each call.
fn asked(world: &World) -> Vec<Value> {
    world.wire.calls().iter().map(|call| call.cbor()).collect()
}

fn queries(call: &Value) -> &[Value] {
    call["MetricDataQueries"].as_array().unwrap()
}

#[tokio::test]
async fn each_metric_is_asked_for_by_its_dimensions_and_statistic_in_minutes() {
    let world = World::new();
    world.pass(600);
    world.seen(&green(), 8).await.unwrap();
    let calls = asked(&world);
    assert_eq!(calls.len(), 1);
    let (from, to) = (calls[0]["StartTime"].as_i64(), calls[0]["EndTime"].as_i64());
    // Of eight minutes the last is open and the two before are not published.
    let minute = world.second().div_euclid(60) * 60;
    assert_eq!((from, to), (Some(minute - 7 * 60), Some(minute - 2 * 60)));
    let mut seen = BTreeSet::new();
    for query in queries(&calls[0]) {
        let stat = &query["MetricStat"];
        assert_eq!(stat["Period"], 60);
        assert_eq!(stat.get("Unit"), None, "a unit that does not match finds nothing");
        seen.insert((name(stat), stat["Stat"].as_str().unwrap().to_owned()));
    }
    let sum = |name: String| (name, "Sum".to_owned());
    let mut wanted: BTreeSet<_> = [2, 3, 4, 5]
        .map(|class| sum(of_group(&format!("HTTPCode_Target_{class}XX_Count"), &green())))
        .into();
    wanted.extend([502, 503, 504].map(|s| sum(of_balancer(&format!("HTTPCode_ELB_{s}_Count")))));
    wanted.insert(sum(of_group("RequestCount", &green())));
    for (metric, statistic) in [("HealthyHostCount", "Minimum"), ("UnHealthyHostCount", "Maximum")]
    {
        wanted.insert((of_group(metric, &green()), statistic.to_owned()));
    }
    for metric in ["CPUUtilization", "MemoryUtilization"] {
        wanted.insert((of_service(metric, &green()), "Average".to_owned()));
    }
    let time = of_group("TargetResponseTime", &green());
    for statistic in ["SampleCount", "Maximum"] {
        wanted.insert((time.clone(), statistic.to_owned()));
    }
    let ranges: Vec<_> = seen.iter().filter(|(_, statistic)| statistic.starts_with("TC")).collect();
    assert_eq!(ranges.len(), 12);
    assert!(ranges.iter().all(|(name, _)| *name == time));
    // From nothing to the last bound without a gap.
    let parts = ranges.iter().map(|(_, statistic)| {
        let range = statistic.trim_start_matches("TC(").trim_end_matches(')');
        range.split_once(':').unwrap()
    });
    let ends: BTreeMap<_, _> = parts.collect();
    let (mut end, mut steps) = ("", 0);
    while let Some(next) = ends.get(end) {
        (end, steps) = (next, steps + 1);
    }
    assert_eq!((end, steps), ("9.975792", 12));
    let others = seen.iter().filter(|(_, statistic)| !statistic.starts_with("TC"));
    assert_eq!(others.cloned().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(seen.len(), 26);
}

#[tokio::test]
async fn two_subjects_asked_together_are_one_call_that_asks_for_nothing_twice() {
    let world = World::new();
    world.pass(600);
    let (blue, green) = (blue(), green());
    let (one, other) = join(world.seen(&blue, 8), world.seen(&green, 8)).await;
    assert_eq!((one.unwrap().subject, other.unwrap().subject), (blue, green));
    let calls = asked(&world);
    assert_eq!(calls.len(), 1);
    // Twice 26, and three of them are the load balancer's.
    assert_eq!(queries(&calls[0]).len(), 49);
}

#[tokio::test]
async fn windows_asked_together_are_a_call_each() {
    let world = World::new();
    world.pass(600);
    let (blue, green) = (blue(), green());
    let (long, short) = join(world.seen(&blue, 8), world.seen(&green, 5)).await;
    let (long, short) = (long.unwrap(), short.unwrap());
    assert_eq!(long.window.length(), Duration::from_secs(300));
    assert_eq!(short.window.length(), Duration::from_secs(120));
    assert_eq!(asked(&world).len(), 2);
}

#[tokio::test]
async fn more_than_five_hundred_queries_are_several_calls() {
    let groups = (0..40).map(|n| (format!("service-{n}"), format!("targetgroup/service-{n}/1")));
    let world = World::with(CloudWatchMetrics::new("app/shop/50dc6c495c0c9188", groups));
    world.pass(600);
    let subjects: Vec<_> = (0..40).map(|n| Subject::environment(format!("service-{n}"))).collect();
    for seen in join_all(subjects.iter().map(|subject| world.seen(subject, 8))).await {
        seen.unwrap();
    }
    let calls = asked(&world);
    assert!(calls.iter().all(|call| queries(call).len() <= 500));
    assert_eq!(calls.len(), 3);
}

#[tokio::test]
async fn a_judgement_of_two_sides_is_one_call() {
    let world = World::new();
    let started = at(world.second());
    for _ in 0..5 {
        world.answer(&green(), 100, 2, 0.03);
        world.answer(&blue(), 900, 2, 0.03);
        world.pass(60);
    }
    let step = Step {
        started,
        judged_until: started,
        now: at(world.second()),
        weight: 10,
        reference_weight: 90,
    };
    let gate = AbsolutePolicy { lookback: Duration::from_secs(240), ..AbsolutePolicy::default() };
    let (blue, green) = (blue(), green());
    let carried = Carried::default();
    let judged = observe_and_judge(
        &world.source,
        &gate,
        &step,
        &green,
        Some(Reference::Beside(&blue)),
        &carried,
    )
    .await;
    assert!(judged.verdict.is_pass(), "{}", judged.verdict);
    assert_eq!(asked(&world).len(), 1);
}

#[tokio::test]
async fn what_can_only_be_missing_is_not_asked_for() {
    let world = World::new();
    world.pass(600);
    let now = world.second();
    let day = 86_400;
    for (from, to) in [(now - 90, now), (now - 15 * day - 60, now), (now, now + day), (now, now)] {
        let window = Window { from: at(from), to: at(to) };
        let seen = world.source.observe(&green(), window, at(now)).await.unwrap();
        assert!(seen.is_missing(), "{from} to {to}");
    }
    let old = Window { from: at(now - 15 * day), to: at(now) };
    world.source.observe(&green(), old, at(now)).await.unwrap();
    assert_eq!(asked(&world).len(), 1);
    let red = Subject::environment("shop-production-red");
    let error = world.seen(&red, 8).await.unwrap_err();
    assert_eq!(error.to_string(), "a metric of shop-production-red was not found");
    assert_eq!(asked(&world).len(), 1);
}

#[tokio::test]
async fn a_revision_is_not_found_unless_it_is_to_be_answered_for_as_its_environment() {
    let revision = Subject { revision: Some("shop:7".to_owned()), ..green() };
    let world = World::new();
    world.answer(&green(), 5, 2, 0.03);
    world.pass(600);
    let error = world.seen(&revision, 13).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("CloudWatch knows target groups, no revisions"), "{error}");
    let mut metrics = metrics();
    metrics.revisions = Revisions::AsEnvironment;
    let world = World::with(metrics);
    world.answer(&green(), 5, 2, 0.03);
    world.pass(600);
    let seen = world.seen(&revision, 11).await.unwrap();
    assert_eq!((seen.subject, seen.requests), (revision, Some(5)));
}

#[tokio::test]
async fn the_policy_allows_what_is_called_and_nothing_else() {
    let world = World::new();
    world.pass(600);
    let budget = CallBudget::default();
    let config = budgeted(&world.wire.config(), &budget);
    let source = CloudWatchSource::new(&config, metrics()).unwrap();
    let now = at(world.second());
    let window = Window { from: now - Duration::from_secs(480), to: now };
    source.observe(&green(), window, now).await.unwrap();
    let called: BTreeSet<_> = budget.calls().into_keys().collect();
    assert_eq!(Policy::new([CloudWatchSource::policy()]).actions(), called);
    assert_eq!(CloudWatchSource::policy().resources(), ["*"]);
}

#[test]
fn what_cloudwatch_would_refuse_is_refused_before() {
    let wire = World::new().wire;
    let mut wrong = metrics();
    wrong.load_balancer = "shop".to_owned();
    let error = CloudWatchSource::new(&wire.config(), wrong).unwrap_err();
    let said = "load balancer is shop; allowed: app/name/id, the end of its ARN";
    assert_eq!(error.to_string(), said);
}
