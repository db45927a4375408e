//! The sources of a diagnosis on the wire: their contracts, paging, what is refused, and a whole diagnosis.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_aws::script::{Answer, Call, Fault, Refusal, Service, Wire};
use petswipe_monitor::aws::{
    AwsPlace, CloudWatchLogs, EcsEvents, ElbTargets, RdsLoad, ScalingHistory, diagnosis_policy,
};
use petswipe_monitor::conformance::diagnosis::{
    LoadWorld, LogWorld, ScalingWorld, ServiceWorld, TargetWorld,
};
use petswipe_monitor::diagnosis::*;
use petswipe_monitor::{Error, Window};
use serde_json::{Value, json};

use crate::cloudwatch::CloudWatch;

const GROUP: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-green/6d0ecf831eec9f09";
const BEGIN: i64 = 1_791_028_807;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn place() -> AwsPlace {
    let environment = |service: &str| AwsEnvironment {
        service: service.to_owned(),
        target_group: GROUP.to_owned(),
        log_group: "/ecs/shop".to_owned(),
    };
    AwsPlace {
        cluster: "shop".to_owned(),
        environments: ["green", "gone", "unscaled"]
            .map(|name| (name.to_owned(), environment(&format!("shop-{name}"))))
            .into(),
    }
}

/// What the services know. Each is as strict as its API reference about what it is asked.
struct Shop {
    now: i64,
    lines: Vec<(i64, String)>,
    /// So many lines are on a page, and how many pages without any come first.
    page: usize,
    empty_pages: usize,
    targets: Vec<(&'static str, &'static str, &'static str)>,
    deployments: Vec<(String, i64)>,
    events: Vec<(String, i64)>,
    stopped: Vec<Value>,
}

impl Shop {
    fn new() -> Self {
        Self {
            now: BEGIN,
            lines: Vec::new(),
            page: 2,
            empty_pages: 1,
            targets: vec![("10.0.0.1", "healthy", ""), ("10.0.0.2", "healthy", "")],
            deployments: vec![("shop:1".to_owned(), BEGIN - 900)],
            events: vec![(
                "(service shop-green) has reached a steady state.".to_owned(),
                BEGIN - 800,
            )],
            stopped: Vec::new(),
        }
    }

    fn crash(&mut self, second: i64) {
        let number = self.stopped.len();
        self.stopped.push(json!({
            "taskArn": format!("arn:aws:ecs:eu-central-1:123456789012:task/shop/{number:032x}"),
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:123456789012:task-definition/shop:2",
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "startedAt": second - 5,
            "stoppedAt": second,
            "containers": [{"name": "app", "exitCode": 1}],
        }));
    }

    fn logs(&self, asked: &Value) -> Result<Answer, Refusal> {
        if asked["logGroupName"] != "/ecs/shop" {
            return Err("ResourceNotFoundException".into());
        }
        let (from, to) = (asked["startTime"].as_i64().unwrap(), asked["endTime"].as_i64().unwrap());
        assert!(from >= 0 && from <= to && asked["limit"].as_i64().unwrap() <= 10_000);
        let terms: Vec<String> = asked["filterPattern"]
            .as_str()
            .unwrap()
            .split(" ?")
            .map(|term| term.trim_start_matches('?').trim_matches('"').to_owned())
            .collect();
        // The end is included, unlike in ours.
        let wanted = |(second, text): &&(i64, String)| {
            let millis = second * 1000;
            from <= millis && millis <= to && terms.iter().any(|term| text.contains(term.as_str()))
        };
        let mut found: Vec<_> = self.lines.iter().filter(wanted).collect();
        found.sort_by_key(|(second, _)| *second);
        let number: usize = asked["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let full = number.saturating_sub(self.empty_pages);
        let shown: Vec<_> = match number < self.empty_pages {
            true => Vec::new(),
            false => found.iter().skip(full * self.page).take(self.page).collect(),
        };
        let more = number < self.empty_pages || (full + 1) * self.page < found.len();
        let events: Vec<_> = shown
            .iter()
            .map(|(second, text)| json!({"logStreamName": "app/1", "timestamp": second * 1000, "message": text, "eventId": "1"}))
            .collect();
        let mut answer = json!({ "events": events });
        if more {
            answer["nextToken"] = json!((number + 1).to_string());
        }
        Ok(Answer::Json(answer))
    }

    fn services(&self, asked: &Value) -> Answer {
        assert_eq!(asked["cluster"], "shop");
        if asked["services"][0] == "shop-gone" {
            return Answer::Json(json!({"services": [], "failures": [{"reason": "MISSING"}]}));
        }
        let deployments: Vec<_> = self
            .deployments
            .iter()
            .map(|(revision, began)| {
                let definition = format!("arn:aws:ecs:eu-central-1:123456789012:task-definition/{revision}");
                json!({
                    "id": format!("ecs-svc/{began}"), "status": "PRIMARY", "taskDefinition": definition,
                    "desiredCount": 2, "runningCount": 1, "failedTasks": 3, "createdAt": began,
                    "rolloutState": "IN_PROGRESS",
                })
            })
            .collect();
        let events: Vec<_> = self
            .events
            .iter()
            .map(|(message, at)| json!({"id": "1", "createdAt": at, "message": message}))
            .collect();
        Answer::Json(json!({"failures": [], "services": [{
            "serviceName": asked["services"][0], "status": "ACTIVE", "desiredCount": 2,
            "runningCount": 1, "deployments": deployments, "events": events,
        }]}))
    }
}

impl Service for Shop {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let asked = call.json();
        match call.action.as_str() {
            "logs:FilterLogEvents" => self.logs(&asked),
            "elasticloadbalancing:DescribeTargetHealth" => {
                let targets: String = self
                    .targets
                    .iter()
                    .map(|(id, state, reason)| {
                        let why = match reason.is_empty() {
                            true => String::new(),
                            false => format!("<Reason>{reason}</Reason><Description>Request timed out</Description>"),
                        };
                        format!(
                            "<member><Target><Id>{id}</Id><Port>80</Port></Target>\
                             <TargetHealth><State>{state}</State>{why}</TargetHealth></member>"
                        )
                    })
                    .collect();
                Ok(Answer::Xml(format!(
                    "<TargetHealthDescriptions>{targets}</TargetHealthDescriptions>"
                )))
            }
            "ecs:DescribeServices" => Ok(self.services(&asked)),
            "ecs:ListTasks" => {
                assert_eq!(asked["desiredStatus"], "STOPPED");
                if asked["serviceName"] == "shop-gone" {
                    return Err("ServiceNotFoundException".into());
                }
                let first: usize =
                    asked["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let arns: Vec<_> =
                    self.stopped.iter().map(|task| task["taskArn"].clone()).collect();
                let page: Vec<_> = arns.iter().skip(first).take(100).cloned().collect();
                let mut answer = json!({ "taskArns": page });
                if first + 100 < arns.len() {
                    answer["nextToken"] = json!((first + 100).to_string());
                }
                Ok(Answer::Json(answer))
            }
            "ecs:DescribeTasks" => {
                let wanted = asked["tasks"].as_array().unwrap();
                assert!((1..=100).contains(&wanted.len()));
                let tasks: Vec<_> =
                    self.stopped.iter().filter(|task| wanted.contains(&task["taskArn"])).collect();
                Ok(Answer::Json(json!({ "tasks": tasks, "failures": [] })))
            }
            "application-autoscaling:DescribeScalableTargets" => {
                let resource = asked["ResourceIds"][0].as_str().unwrap();
                let target = json!({
                    "ServiceNamespace": "ecs", "ResourceId": resource,
                    "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 2,
                    "MaxCapacity": 20, "RoleARN": "arn:aws:iam::123456789012:role/x", "CreationTime": BEGIN,
                });
                let targets =
                    if resource.ends_with("unscaled") { json!([]) } else { json!([target]) };
                Ok(Answer::Json(json!({ "ScalableTargets": targets })))
            }
            "application-autoscaling:DescribeScalingActivities" => {
                let activity = |at: i64, status: &str| {
                    json!({
                        "ActivityId": "1", "ServiceNamespace": "ecs", "ResourceId": asked["ResourceId"],
                        "ScalableDimension": "ecs:service:DesiredCount", "Cause": "alarm",
                        "Description": "Setting desired count to 9.", "StartTime": at,
                        "StatusCode": status, "StatusMessage": "Failed to set desired count to 9.",
                    })
                };
                let activities = [
                    activity(BEGIN - 60, "Successful"),
                    activity(BEGIN - 30, "Failed"),
                    activity(BEGIN - 90, "Overridden"),
                ];
                Ok(Answer::Json(json!({ "ScalingActivities": activities })))
            }
            other => Err(Refusal::new("InvalidAction", other)),
        }
    }
}

struct World {
    wire: Wire<Shop>,
    logs: CloudWatchLogs,
    targets: ElbTargets,
    services: EcsEvents,
    scaling: ScalingHistory,
}

impl World {
    fn new() -> Self {
        let wire = Wire::new(Shop::new());
        let config = wire.config();
        Self {
            logs: CloudWatchLogs::new(&config, place()).unwrap(),
            targets: ElbTargets::new(&config, place()).unwrap(),
            services: EcsEvents::new(&config, place()).unwrap(),
            scaling: ScalingHistory::new(&config, place()).unwrap(),
            wire,
        }
    }
}

impl LogWorld for World {
    fn logs(&self) -> &dyn LogSearch {
        &self.logs
    }
    fn now(&self) -> Timestamp {
        at(self.wire.with(|shop| shop.now))
    }
    async fn write(&self, lines: usize) {
        self.wire.with(|shop| {
            for _ in 0..lines {
                shop.now += 1;
                let line = (shop.now, "the database timed out".to_owned());
                shop.lines.insert(0, line);
                shop.lines.push((shop.now, "all is well".to_owned()));
            }
        });
    }
}

impl TargetWorld for World {
    fn targets(&self) -> &dyn TargetHealth {
        &self.targets
    }
    fn count(&self) -> usize {
        2
    }
    async fn trouble(&self) {
        self.wire.with(|shop| shop.targets[1] = ("10.0.0.2", "unhealthy", "Target.Timeout"));
    }
}

impl ServiceWorld for World {
    fn services(&self) -> &dyn ServiceEvents {
        &self.services
    }
    fn unknown(&self) -> String {
        "gone".to_owned()
    }
    async fn deploy(&self) -> String {
        self.wire.with(|shop| {
            shop.deployments.push(("shop:2".to_owned(), BEGIN - 100));
            shop.events.push(("(service shop-green) has begun".to_owned(), BEGIN - 99));
        });
        "shop:2".to_owned()
    }
    async fn crash(&self) {
        self.wire.with(|shop| [30, 10, 20].map(|before| shop.crash(BEGIN - before)));
    }
}

impl ScalingWorld for World {
    fn scaling(&self) -> &dyn ScalingActivities {
        &self.scaling
    }
    fn scaled(&self) -> (String, u32, u32) {
        ("green".to_owned(), 2, 20)
    }
    fn unscaled(&self) -> String {
        "unscaled".to_owned()
    }
}

petswipe_monitor::log_search_conformance!(logs, World::new());
petswipe_monitor::target_health_conformance!(targets, World::new());
petswipe_monitor::service_events_conformance!(services, World::new());
petswipe_monitor::scaling_activities_conformance!(scaling, World::new());

struct Instance {
    wire: Wire<CloudWatch>,
    load: RdsLoad,
}

impl Instance {
    fn new() -> Self {
        let wire = Wire::new(CloudWatch::new(BEGIN + 3600));
        let load = RdsLoad::new(&wire.config(), "shop-db").unwrap();
        Self { wire, load }
    }
}

impl LoadWorld for Instance {
    fn load(&self) -> &dyn DatabaseLoad {
        &self.load
    }
    fn minute(&self) -> Timestamp {
        at(BEGIN / 60 * 60)
    }
    fn measure_cpu(&self, minute: Timestamp, cpu: f64) {
        let name = "AWS/RDS CPUUtilization DBInstanceIdentifier=shop-db";
        self.wire.with(|cloudwatch| cloudwatch.put(name, minute.as_second(), cpu * 100.0, 1));
    }
}

petswipe_monitor::database_load_conformance!(load, Instance::new());

fn all(world: &World) -> Sources {
    let config = world.wire.config();
    Sources {
        logs: Some(Arc::new(CloudWatchLogs::new(&config, place()).unwrap())),
        targets: Some(Arc::new(ElbTargets::new(&config, place()).unwrap())),
        services: Some(Arc::new(EcsEvents::new(&config, place()).unwrap())),
        scaling: Some(Arc::new(ScalingHistory::new(&config, place()).unwrap())),
        ..Sources::default()
    }
}

fn scope() -> Scope {
    Scope::new(["green"], Window { from: at(BEGIN - 1800), to: at(BEGIN) }, at(BEGIN))
}

#[tokio::test]
async fn a_whole_diagnosis_calls_nothing_that_its_policy_does_not_allow_and_only_reads() {
    let world = World::new();
    ServiceWorld::crash(&world).await;
    let seen = collect(&all(&world), &scope(), Deadlines::default()).await;
    let commands = AwsCommands {
        region: "eu-central-1".to_owned(),
        cluster: "shop".to_owned(),
        environments: place().environments,
        ..AwsCommands::default()
    };
    let found = diagnose(&seen, &Limits::default(), &commands);
    assert_eq!(found.missing, []);
    assert_eq!(found.hypotheses[0].cause, Cause::CrashAtStart);
    let next = &found.hypotheses[0].next_command;
    assert_eq!(next.line, "aws logs tail /ecs/shop --region eu-central-1 --since 30m");
    assert!(found.hypotheses.iter().any(|one| one.cause == Cause::ScalingFailed));
    let policy = diagnosis_policy(&place(), ("aws", "eu-central-1", "*"));
    let mut allowed = policy.actions();
    allowed.remove("cloudwatch:GetMetricData");
    let called = world.wire.calls().into_iter().map(|call| call.action).collect();
    assert_eq!(allowed, called);
    let reads = |action: &String| {
        let operation = action.split(':').nth(1).unwrap();
        ["Describe", "List", "Filter"].iter().any(|verb| operation.starts_with(verb))
    };
    assert!(allowed.iter().all(reads), "{allowed:?}");
}

#[tokio::test]
async fn a_service_that_throttles_or_denies_is_missing_with_that_and_the_others_are_there() {
    for (fault, words) in [
        (Fault::Throttled(None), "throttles"),
        (Fault::Denied, "was denied"),
        (Fault::Unreachable, "failed"),
    ] {
        let world = World::new();
        let about =
            |call: &Call| call.action.starts_with("ecs:") || call.action.starts_with("logs:");
        world.wire.fate(move |call| about(call).then_some(fault));
        let seen = collect(&all(&world), &scope(), Deadlines::default()).await;
        let green = &seen.environments["green"];
        for missing in [green.service.missing(), green.stopped.missing(), green.logs.missing()] {
            let missing = missing.unwrap().as_str();
            assert!(missing.contains(words), "{missing}");
        }
        assert_eq!(green.targets.seen().unwrap().len(), 2);
        assert!(green.scaling.seen().unwrap().is_some());
    }
}

#[tokio::test]
async fn pages_are_followed_and_a_search_without_end_is_given_up_and_said() {
    let world = World::new();
    world.wire.with(|shop| {
        (0..250).for_each(|second| shop.crash(BEGIN - 300 + second));
        shop.page = 1;
        (0..100).for_each(|second| shop.lines.push((BEGIN - 200 + second, "ERROR".to_owned())));
    });
    let stopped = world.services.stopped_tasks("green").await.unwrap();
    assert_eq!((stopped.tasks.len(), stopped.left_out), (250, 0));
    // No more than 300 are looked at; that others were left out is told.
    world.wire.with(|shop| (0..77).for_each(|second| shop.crash(BEGIN - 300 + second)));
    let stopped = world.services.stopped_tasks("green").await.unwrap();
    assert_eq!((stopped.tasks.len(), stopped.left_out), (300, 27));
    world.wire.forget();
    let query = LogQuery {
        environment: "green".to_owned(),
        window: scope().window,
        words: vec!["ERROR".to_owned()],
        most: 1000,
    };
    let found = world.logs.search(&query).await.unwrap();
    assert!(!found.complete && found.lines.len() < 100, "{}", found.lines.len());
    assert_eq!(world.wire.calls().len(), 20);
}

#[tokio::test]
async fn names_that_aws_would_refuse_are_refused_before_a_call() {
    let world = World::new();
    let config = world.wire.config();
    let with = |change: fn(&mut AwsPlace)| {
        let mut place = place();
        change(&mut place);
        EcsEvents::new(&config, place).map(drop)
    };
    let group = |place: &mut AwsPlace| {
        place.environments.get_mut("green").unwrap().target_group = "shop-green".to_owned();
    };
    for (refused, words) in [
        (with(|place| place.cluster = "a b".to_owned()), "cluster is a b"),
        (with(group), "target group is shop-green"),
        (RdsLoad::new(&config, "a;b").map(drop), "database instance is a;b"),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::InvalidPolicy { .. }), "{error:?}");
        assert!(error.to_string().starts_with(words), "{error}");
    }
    assert!(world.wire.calls().is_empty());
}

#[tokio::test]
async fn gauges_say_percent_as_shares_and_nothing_of_an_open_minute() {
    let instance = Instance::new();
    instance.measure_cpu(instance.minute(), 0.97);
    let window =
        Window { from: instance.minute(), to: instance.minute() + Duration::from_secs(59) };
    let now = instance.minute() + Duration::from_secs(59);
    assert_eq!(instance.load.gauges(window, now).await.unwrap().cpu, None);
    assert!(instance.wire.calls().is_empty());
    let window = Window { to: window.from + Duration::from_secs(60), ..window };
    let gauges = instance.load.gauges(window, window.to).await.unwrap();
    assert_eq!((gauges.cpu, gauges.instance.as_str()), (Some(0.97), "shop-db"));
}
