//! Service deployments of Amazon ECS: one service with two target groups, which is deployed in memory.
//!
//! Shapes and errors: Amazon ECS API Reference, version 2014-11-13, the pages of UpdateService, ListServiceDeployments,
//! DescribeServiceDeployments, DescribeServiceRevisions, StopServiceDeployment and ContinueServiceDeployment; hooks:
//! Developer Guide, "Pause hooks for Amazon ECS service deployments".

use std::sync::Arc;

use futures_util::FutureExt;
use jiff::Timestamp;
use petswipe_aws::script::{Answer, Call, Refusal, Service};
use petswipe_deploy::memory::{MemoryCloud, MemoryNative};
use petswipe_deploy::native::{
    DeploymentId, DeploymentStatus, LambdaHook, LifecycleStage, Monitor, NativeDeployment,
    NativeDeployments, NativeService, NativeStatus, NativeStrategy, PerMille,
};
use petswipe_deploy::{Authority, Compute, Environment, Error, RevisionId};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Fence, OperationId};
use serde_json::{Value, json};

use crate::balancer::group_arn;
use crate::cluster::{Cluster, FAMILY};

const ACCOUNT: &str = "arn:aws:ecs:eu-central-1:123456789012";
pub const CLUSTER: &str = "shop-production-cluster";
pub const SERVICE: &str = "shop-production";

/// A service revision.
struct Revised {
    revision: RevisionId,
    side: Environment,
}

/// One service deployment.
struct Deployed {
    id: String,
    created: Timestamp,
    /// Of the platform in memory; `None` for what was there at first.
    inner: Option<DeploymentId>,
    source: usize,
    target: usize,
    configuration: Value,
}

/// The service.
pub struct Deployer {
    pub cluster: Cluster,
    pub cloud: Arc<MemoryCloud>,
    pub platform: Arc<MemoryNative>,
    clock: Arc<SimClock>,
    pub configuration: Value,
    pub sides: [Environment; 2],
    /// Whether the service has an alternate target group.
    pub alternate: bool,
    /// At which look at a service deployment somebody else deploys what.
    pub redeploy_at: Option<(u32, RevisionId)>,
    /// Whether the newest service deployment is not listed yet.
    pub unlisted: bool,
    revisions: Vec<Revised>,
    deployments: Vec<Deployed>,
    made: u64,
}

fn now<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().unwrap()
}

fn seconds(at: Timestamp) -> Value {
    (at.as_millisecond() as f64 / 1000.0).into()
}

fn conflict(error: Error) -> Refusal {
    match error {
        Error::NotFound { what } => Refusal::new("ServiceDeploymentNotFoundException", what),
        other => Refusal::new("ConflictException", other.to_string()),
    }
}

impl Deployer {
    pub fn new(
        cluster: Cluster,
        cloud: Arc<MemoryCloud>,
        platform: Arc<MemoryNative>,
        clock: Arc<SimClock>,
        sides: [Environment; 2],
    ) -> Self {
        let revision = RevisionId::new(format!("{FAMILY}:1")).unwrap();
        let first = Revised { revision, side: sides[0].clone() };
        let deployed = Deployed {
            id: "deployment-1".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            inner: None,
            source: 0,
            target: 0,
            configuration: json!({}),
        };
        Self {
            cluster,
            cloud,
            platform,
            clock,
            configuration: json!({
                "strategy": "ROLLING",
                "maximumPercent": 200,
                "minimumHealthyPercent": 100,
                "bakeTimeInMinutes": 0,
                "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            }),
            sides,
            alternate: true,
            redeploy_at: None,
            unlisted: false,
            revisions: vec![first],
            deployments: vec![deployed],
            made: 0,
        }
    }

    fn authority(&mut self) -> Authority {
        self.made += 1;
        Authority { operation: OperationId::new("ecs").unwrap(), fence: Fence(self.made) }
    }

    fn service(&self) -> NativeService {
        now(self.platform.service(&Environment::new(SERVICE).unwrap())).unwrap()
    }

    fn status(&self, deployed: &Deployed) -> Option<NativeStatus> {
        let inner = deployed.inner.as_ref()?;
        Some(now(self.platform.deployment(&Environment::new(SERVICE).unwrap(), inner)).unwrap())
    }

    fn arn(kind: &str, id: impl std::fmt::Display) -> String {
        format!("{ACCOUNT}:{kind}/{CLUSTER}/{SERVICE}/{id}")
    }

    /// Somebody else deploys a revision.
    pub fn redeploy(&mut self, revision: RevisionId) {
        let inner = self.platform.redeploy(revision.clone());
        let side = self.service().live;
        self.begun(revision, side, Some(inner));
    }

    fn begun(&mut self, revision: RevisionId, side: Environment, inner: Option<DeploymentId>) {
        let source = self.deployments.last().unwrap().target;
        self.revisions.push(Revised { revision, side });
        self.deployments.push(Deployed {
            id: format!("deployment-{}", self.deployments.len() + 1),
            created: self.clock.now(),
            inner,
            source,
            target: self.revisions.len() - 1,
            configuration: self.configuration.clone(),
        });
    }

    fn describe_services(&mut self, request: &Value) -> Result<Value, Refusal> {
        assert_eq!(request["cluster"], CLUSTER);
        if request["services"] != json!([SERVICE]) {
            let arn = format!("{ACCOUNT}:service/nothing");
            return Ok(json!({"services": [], "failures": [{"arn": arn, "reason": "MISSING"}]}));
        }
        Ok(json!({"services": [self.described()], "failures": []}))
    }

    fn described(&mut self) -> Value {
        let service = self.service();
        let definition =
            format!("{ACCOUNT}:task-definition/{}", service.revision.as_ref().unwrap());
        let [blue, green] = &self.sides;
        let mut balancer = json!({
            "targetGroupArn": group_arn(blue), "containerName": "app", "containerPort": 8080,
        });
        if self.alternate {
            balancer["advancedConfiguration"] = json!({
                "alternateTargetGroupArn": group_arn(green),
                "productionListenerRule": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/shop-alb/1/2/3",
                "roleArn": "arn:aws:iam::123456789012:role/ecs-infrastructure",
            });
        }
        json!({
            "serviceArn": format!("{ACCOUNT}:service/{CLUSTER}/{SERVICE}"),
            "serviceName": SERVICE,
            "status": "ACTIVE",
            "desiredCount": service.desired,
            "runningCount": service.running,
            "pendingCount": 0,
            "taskDefinition": definition,
            "loadBalancers": [balancer],
            "deploymentConfiguration": self.configuration,
            "deploymentController": {"type": "ECS"},
            "deployments": [{
                "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": definition,
                "desiredCount": service.desired, "runningCount": service.running,
                "failedTasks": 0, "createdAt": 0, "rolloutState": "IN_PROGRESS",
            }],
            "events": [],
            "tags": [{"key": "Project", "value": "shop"}],
        })
    }

    fn update(&mut self, request: &Value) -> Result<Value, Refusal> {
        assert_eq!(request["cluster"], CLUSTER);
        if request["service"] != SERVICE {
            return Err(Refusal::new("ServiceNotFoundException", "Service not found."));
        }
        if let Some(wanted) = request.get("deploymentConfiguration") {
            check(wanted)?;
            // What is not named stays as it is.
            for (key, value) in wanted.as_object().unwrap() {
                self.configuration[key] = value.clone();
            }
        }
        let service = self.service();
        let named = request["taskDefinition"].as_str().map(|it| RevisionId::new(it).unwrap());
        // Only another task definition starts a deployment.
        if let Some(revision) = named
            && service.revision.as_ref() != Some(&revision)
        {
            let deployment = self.deployment_of(revision.clone(), service.newest.clone());
            let authority = self.authority();
            let environment = Environment::new(SERVICE).unwrap();
            let inner = now(self.platform.begin(&authority, &environment, &deployment));
            let inner = inner.map_err(conflict)?;
            let [blue, green] = self.sides.clone();
            let side = if service.live == blue { green } else { blue };
            self.begun(revision, side, Some(inner));
        }
        Ok(json!({"service": self.described()}))
    }

    /// What the platform in memory is told.
    fn deployment_of(&self, revision: RevisionId, after: Option<DeploymentId>) -> NativeDeployment {
        let told = &self.configuration;
        let minutes = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
        let share = |value: &Value| PerMille::of_percent(value.as_f64().unwrap());
        let linear = &told["linearConfiguration"];
        let canary = &told["canaryConfiguration"];
        let strategy = match told["strategy"].as_str().unwrap() {
            "LINEAR" => NativeStrategy::Linear {
                step: share(&linear["stepPercent"]),
                step_bake_minutes: minutes(&linear["stepBakeTimeInMinutes"]),
            },
            "CANARY" => NativeStrategy::Canary {
                share: share(&canary["canaryPercent"]),
                canary_bake_minutes: minutes(&canary["canaryBakeTimeInMinutes"]),
            },
            _ => NativeStrategy::BlueGreen,
        };
        let hooks = told["lifecycleHooks"].as_array().into_iter().flatten();
        let stage =
            |name: &Value| -> LifecycleStage { serde_json::from_value(name.clone()).unwrap() };
        let mut pause_minutes = None;
        let mut lambdas = Vec::new();
        for hook in hooks {
            let limit = minutes(&hook["timeoutConfiguration"]["timeoutInMinutes"]);
            assert_eq!(hook["timeoutConfiguration"]["action"], "ROLLBACK");
            if hook["targetType"] == "PAUSE" {
                pause_minutes = Some(limit);
                continue;
            }
            lambdas.push(LambdaHook {
                function: hook["hookTargetArn"].as_str().unwrap().to_owned(),
                role: hook["roleArn"].as_str().unwrap().to_owned(),
                stages: hook["lifecycleStages"].as_array().unwrap().iter().map(stage).collect(),
                timeout_minutes: limit,
            });
        }
        let alarms = told["alarms"]["alarmNames"].as_array().into_iter().flatten();
        NativeDeployment {
            revision,
            strategy,
            bake_minutes: minutes(&told["bakeTimeInMinutes"]),
            hooks: lambdas,
            pause_minutes,
            alarms: alarms.map(|name| name.as_str().unwrap().to_owned()).collect(),
            after,
        }
    }

    /// One a page, in no order.
    fn list(&self, request: &Value) -> Result<Value, Refusal> {
        assert_eq!((&request["cluster"], &request["service"]), (&json!(CLUSTER), &json!(SERVICE)));
        let after = request["createdAt"]["after"].as_f64().unwrap_or(f64::MIN);
        let created = |deployed: &Deployed| seconds(deployed.created).as_f64().unwrap();
        let mut all: Vec<_> = self.deployments.iter().filter(|it| created(it) > after).collect();
        if self.unlisted {
            all.pop();
        }
        let at: usize = request["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let page: Vec<_> = all
            .get(at)
            .map(|deployed| {
                json!({
                    "serviceDeploymentArn": Self::arn("service-deployment", &deployed.id),
                    "serviceArn": format!("{ACCOUNT}:service/{CLUSTER}/{SERVICE}"),
                    "createdAt": seconds(deployed.created),
                    "targetServiceRevisionArn": Self::arn("service-revision", deployed.target),
                })
            })
            .into_iter()
            .collect();
        let next = (at + 1 < all.len()).then(|| (at + 1).to_string());
        Ok(json!({"serviceDeployments": page, "nextToken": next}))
    }

    fn named(&self, arn: &Value) -> Result<&Deployed, Refusal> {
        let arn = arn.as_str().unwrap_or_default();
        let found = self
            .deployments
            .iter()
            .find(|deployed| Self::arn("service-deployment", &deployed.id) == arn);
        found.ok_or_else(|| Refusal::new("ServiceDeploymentNotFoundException", "Not found."))
    }

    fn describe_deployments(&mut self, request: &Value) -> Result<Value, Refusal> {
        match self.redeploy_at.take() {
            Some((0, revision)) => self.redeploy(revision),
            Some((looks, revision)) => self.redeploy_at = Some((looks - 1, revision)),
            None => {}
        }
        let asked = request["serviceDeploymentArns"].as_array().unwrap();
        assert!(asked.len() <= 20, "DescribeServiceDeployments takes at most twenty");
        let found = asked.iter().filter_map(|arn| self.named(arn).ok());
        let found: Vec<_> = found.map(|deployed| self.deployment(deployed)).collect();
        Ok(json!({"serviceDeployments": found, "failures": []}))
    }

    fn deployment(&self, deployed: &Deployed) -> Value {
        let mut described = json!({
            "serviceDeploymentArn": Self::arn("service-deployment", &deployed.id),
            "serviceArn": format!("{ACCOUNT}:service/{CLUSTER}/{SERVICE}"),
            "createdAt": seconds(deployed.created),
            "status": "SUCCESSFUL",
            "deploymentConfiguration": deployed.configuration,
            "sourceServiceRevisions": [{"arn": Self::arn("service-revision", deployed.source)}],
            "targetServiceRevision": {"arn": Self::arn("service-revision", deployed.target)},
        });
        let inner = deployed.inner.as_ref();
        let known = inner.and_then(|inner| {
            now(self.platform.deployment(&Environment::new(SERVICE).unwrap(), inner)).ok()
        });
        let Some(status) = known else { return described };
        let word = |monitor: Monitor| serde_json::to_value(monitor).unwrap();
        let target = &mut described["targetServiceRevision"];
        target["requestedTaskCount"] = status.requested.into();
        target["runningTaskCount"] = status.running.into();
        target["pendingTaskCount"] = 0.into();
        target["requestedProductionTrafficWeight"] = status.weight.percent().into();
        described["status"] = status.state.word().into();
        described["statusReason"] = status.reason.clone().into();
        described["lifecycleStage"] = serde_json::to_value(status.stage).unwrap();
        described["deploymentCircuitBreaker"] = json!({
            "status": word(status.circuit_breaker), "failureCount": status.failures.len(), "threshold": 3,
        });
        described["alarms"] = json!({
            "status": word(status.alarms), "triggeredAlarmNames": status.triggered_alarms,
        });
        if matches!(status.state, DeploymentStatus::RollbackSuccessful) {
            described["rollback"] = json!({
                "reason": status.reason,
                "serviceRevisionArn": Self::arn("service-revision", deployed.source),
            });
        }
        let mut hooks = Vec::new();
        if let Some(pause) = &status.pause {
            hooks.push(json!({
                "hookId": pause.hook, "targetType": "PAUSE", "status": "AWAITING_ACTION",
                "expiresAt": pause.expires_at.map(seconds), "timeoutAction": "ROLLBACK",
            }));
        }
        hooks.extend(status.failed_hooks.iter().map(|arn| {
            json!({"hookId": "h", "targetType": "AWS_LAMBDA", "status": "FAILED", "targetArn": arn})
        }));
        described["lifecycleHookDetails"] = hooks.into();
        described
    }

    fn describe_revisions(&self, request: &Value) -> Value {
        let asked = request["serviceRevisionArns"].as_array().unwrap();
        let known = self.revisions.iter().enumerate();
        let known = known.map(|(index, it)| (Self::arn("service-revision", index), it));
        let found = known.filter(|(arn, _)| asked.contains(&json!(arn))).map(|(arn, revised)| {
            json!({
                "serviceRevisionArn": arn,
                "taskDefinition": format!("{ACCOUNT}:task-definition/{}", revised.revision),
                "resolvedConfiguration": {
                    "loadBalancers": [{"targetGroupArn": group_arn(&revised.side)}],
                },
            })
        });
        json!({"serviceRevisions": found.collect::<Vec<_>>(), "failures": []})
    }

    fn stop(&mut self, request: &Value) -> Result<Value, Refusal> {
        assert_eq!(request["stopType"], "ROLLBACK");
        let arn = &request["serviceDeploymentArn"];
        let over = || Refusal::new("ConflictException", "The service deployment is completed.");
        let deployed = self.named(arn)?;
        if self.status(deployed).is_none_or(|status| status.state.is_over()) {
            return Err(over());
        }
        let inner = deployed.inner.clone().ok_or_else(over)?;
        let authority = self.authority();
        let environment = Environment::new(SERVICE).unwrap();
        now(self.platform.stop(&authority, &environment, &inner)).map_err(conflict)?;
        Ok(json!({"serviceDeploymentArn": arn}))
    }

    fn proceed(&mut self, request: &Value) -> Result<Value, Refusal> {
        assert_eq!(request["action"], "CONTINUE");
        let arn = &request["serviceDeploymentArn"];
        let hook = request["hookId"].as_str().unwrap().to_owned();
        let deployed = self.named(arn)?;
        let odd = || Refusal::new("InvalidParameterException", "The hook awaits no action.");
        let waits = self.status(deployed).and_then(|status| status.pause);
        if waits.is_none_or(|pause| pause.hook != hook) {
            return Err(odd());
        }
        let inner = deployed.inner.clone().ok_or_else(odd)?;
        let authority = self.authority();
        let environment = Environment::new(SERVICE).unwrap();
        now(self.platform.proceed(&authority, &environment, &inner, &hook)).map_err(conflict)?;
        Ok(json!({"serviceDeploymentArn": arn}))
    }

    fn stopped_tasks(&self) -> Vec<Value> {
        let sides = self.sides.iter().filter_map(|side| now(self.cloud.service(side)).ok());
        let failures = sides.flat_map(|side| side.failures).enumerate();
        let task = |(index, failure): (usize, petswipe_deploy::TaskFailure)| {
            json!({
                "taskArn": format!("{ACCOUNT}:task/{CLUSTER}/task-{index}"),
                "startedBy": "ecs-svc/1",
                "lastStatus": "STOPPED",
                "stopCode": "EssentialContainerExited",
                "stoppedReason": failure.reason,
                "stoppedAt": seconds(failure.at),
            })
        };
        failures.map(task).collect()
    }
}

/// The ranges that AWS documents.
fn check(wanted: &Value) -> Result<(), Refusal> {
    let odd = |what: &str| Err(Refusal::new("InvalidParameterException", what));
    let strategy = wanted["strategy"].as_str().unwrap_or("ROLLING");
    for (kind, field, percent, least) in [
        ("LINEAR", "linearConfiguration", "stepPercent", 3.0),
        ("CANARY", "canaryConfiguration", "canaryPercent", 0.1),
    ] {
        if wanted[field].is_object() && strategy != kind {
            return odd("a configuration of another strategy");
        }
        let share = wanted[field][percent].as_f64().unwrap_or(100.0);
        if !(least..=100.0).contains(&share) {
            return odd("a percentage out of range");
        }
    }
    for hook in wanted["lifecycleHooks"].as_array().into_iter().flatten() {
        let stages = hook["lifecycleStages"].as_array().unwrap();
        let shift =
            |stage: &Value| stage == "TEST_TRAFFIC_SHIFT" || stage == "PRODUCTION_TRAFFIC_SHIFT";
        if hook["targetType"] == "PAUSE" && stages.iter().any(shift) {
            return odd("a pause where there can be none");
        }
    }
    Ok(())
}

impl Service for Deployer {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let request = call.json();
        let answer = match call.action.as_str() {
            "ecs:DescribeServices" => self.describe_services(&request),
            "ecs:UpdateService" => self.update(&request),
            "ecs:ListServiceDeployments" => self.list(&request),
            "ecs:DescribeServiceDeployments" => self.describe_deployments(&request),
            "ecs:DescribeServiceRevisions" => Ok(self.describe_revisions(&request)),
            "ecs:StopServiceDeployment" => self.stop(&request),
            "ecs:ContinueServiceDeployment" => self.proceed(&request),
            "ecs:ListTasks" => {
                let arns: Vec<_> =
                    self.stopped_tasks().iter().map(|task| task["taskArn"].clone()).collect();
                Ok(json!({"taskArns": arns}))
            }
            "ecs:DescribeTasks" => {
                let asked = request["tasks"].as_array().unwrap();
                let tasks = self.stopped_tasks();
                let tasks: Vec<_> =
                    tasks.into_iter().filter(|task| asked.contains(&task["taskArn"])).collect();
                Ok(json!({"tasks": tasks, "failures": []}))
            }
            _ => return self.cluster.answer(call).expect("a call that is scripted"),
        };
        answer.map(Answer::Json)
    }
}
