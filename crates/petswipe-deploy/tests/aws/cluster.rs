//! Amazon ECS and ECR as far as a rollout needs them: one cluster whose tasks run in memory, the task definitions of one
//! family, one registry.
//!
//! Shapes and errors: Amazon ECS API Reference, version 2014-11-13, and Amazon ECR API Reference, version 2015-09-21, the
//! pages of each action; messages of events: Amazon ECS Developer Guide, "Amazon ECS service event messages".

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use jiff::Timestamp;
use petswipe_aws::script::{Answer, Call, Refusal};
use petswipe_deploy::memory::MemoryCloud;
use petswipe_deploy::{
    Authority, Compute, Deployment, DeploymentState, Environment, Image, RevisionId, ServiceStatus,
};
use petswipe_runbook::{Fence, OperationId};
use serde_json::{Value, json};

use crate::balancer::group_arn;

const ACCOUNT: &str = "arn:aws:ecs:eu-central-1:123456789012";
/// The family of the task definitions, called as the cloud in memory calls its revisions.
pub const FAMILY: &str = "revision";
pub const REGISTRY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// One deployment of a service.
#[derive(Clone, Debug)]
struct Deployed {
    id: String,
    revision: RevisionId,
    at: Timestamp,
    failed: Option<String>,
}

/// What the script knows of a service beside its tasks.
pub struct Service {
    pub environment: Environment,
    pub status: &'static str,
    pub controller: &'static str,
    pub configuration: Value,
    pub tags: Value,
    pub events: Vec<Value>,
    /// The target group and the port that is registered there.
    pub group: String,
    pub port: u16,
    /// Stopped tasks beside those that failed in memory.
    pub stopped: Vec<Value>,
    deployments: Vec<Deployed>,
}

pub struct Cluster {
    pub cloud: Arc<MemoryCloud>,
    pub services: BTreeMap<String, Service>,
    /// By revision number, with their tags.
    pub definitions: BTreeMap<u32, (Value, Value)>,
    /// Whether updates are answered and not done.
    pub asleep: bool,
    made: u64,
}

/// A task definition in which every field is set that a registration can have.
pub fn full_definition(image: &Image) -> Value {
    let text = include_str!("definition.json");
    let mut definition: Value = serde_json::from_str(text).unwrap();
    definition["containerDefinitions"][0]["image"] = image.as_str().into();
    definition
}

impl Cluster {
    pub fn new(cloud: Arc<MemoryCloud>, sides: &[Environment], image: &Image) -> Self {
        let service = |side: &Environment| {
            let service = Service {
                environment: side.clone(),
                status: "ACTIVE",
                controller: "ECS",
                configuration: json!({
                    "maximumPercent": 200,
                    "minimumHealthyPercent": 100,
                    "deploymentCircuitBreaker": {"enable": false, "rollback": false},
                }),
                tags: json!([{"key": "Project", "value": "shop"}]),
                events: Vec::new(),
                group: group_arn(side),
                port: 8080,
                stopped: Vec::new(),
                deployments: vec![Deployed {
                    id: format!("ecs-svc/{side}-1"),
                    revision: RevisionId::new("revision:1").unwrap(),
                    at: Timestamp::UNIX_EPOCH,
                    failed: None,
                }],
            };
            (side.to_string(), service)
        };
        let tags = json!([{"key": "Owner", "value": "pets"}, {"key": "aws:cloudformation:stack-name", "value": "s"}]);
        Self {
            cloud,
            services: sides.iter().map(service).collect(),
            definitions: BTreeMap::from([(1, (full_definition(image), tags))]),
            asleep: false,
            made: 1,
        }
    }

    /// The answer to a call, if it is one to ECS or ECR.
    pub fn answer(&mut self, call: &Call) -> Option<Result<Answer, Refusal>> {
        let request = call.json();
        let answer = match call.action.as_str() {
            "ecs:DescribeServices" => self.describe_services(&request),
            "ecs:DescribeTaskDefinition" => self.describe_definition(&request),
            "ecs:ListTaskDefinitions" => Ok(self.list_definitions(&request)),
            "ecs:RegisterTaskDefinition" => self.register(&request),
            "ecs:UpdateService" => self.update(&request),
            "ecs:ListTasks" => self.list_tasks(&request),
            "ecs:DescribeTasks" => Ok(self.describe_tasks(&request)),
            "ecr:DescribeImages" => self.describe_images(&request),
            _ => return None,
        };
        Some(answer.map(Answer::Json))
    }

    fn status(&self, environment: &Environment) -> ServiceStatus {
        self.cloud.service(environment).now_or_never().unwrap().unwrap()
    }

    fn check_cluster(request: &Value) -> Result<(), Refusal> {
        match request["cluster"].as_str() {
            Some("shop-production-cluster") => Ok(()),
            _ => Err(Refusal::new("ClusterNotFoundException", "Cluster not found.")),
        }
    }

    fn describe_services(&mut self, request: &Value) -> Result<Value, Refusal> {
        Self::check_cluster(request)?;
        let names: Vec<_> =
            request["services"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(names.len() <= 10, "DescribeServices takes at most ten");
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for name in names {
            if self.services.contains_key(name) {
                services.push(self.described(name));
            } else {
                failures
                    .push(json!({"arn": format!("{ACCOUNT}:service/{name}"), "reason": "MISSING"}));
            }
        }
        Ok(json!({"services": services, "failures": failures}))
    }

    fn described(&mut self, name: &str) -> Value {
        let status = self.status(&self.services[name].environment);
        let service = self.services.get_mut(name).unwrap();
        // Somebody else deployed, or the circuit breaker went back.
        let newest = service.deployments.last().unwrap().clone();
        if status.revision.as_ref() != Some(&newest.revision) {
            let id = format!("ecs-svc/{name}-{}", service.deployments.len() + 1);
            if let DeploymentState::Failed { reason } = &status.deployment {
                service.deployments.last_mut().unwrap().failed = Some(reason.clone());
                let at = seconds(status.observed_at);
                for message in [
                    format!(
                        "(service {name}) (deployment {}) deployment failed: {reason}",
                        newest.id
                    ),
                    format!("(service {name}) rolling back to deployment {id}."),
                ] {
                    service
                        .events
                        .insert(0, json!({"id": "e", "createdAt": at, "message": message}));
                }
            }
            let revision = status.revision.clone().unwrap();
            service.deployments.push(Deployed {
                id,
                revision,
                at: status.observed_at,
                failed: None,
            });
        }
        let count = service.deployments.len();
        let deployments =
            service.deployments.iter().enumerate().rev().take(3).map(|(index, deployed)| {
                let primary = index + 1 == count;
                let state = match (&deployed.failed, &status.deployment) {
                    (Some(_), _) => "FAILED",
                    (None, DeploymentState::InProgress) if primary => "IN_PROGRESS",
                    (None, DeploymentState::Failed { .. }) if primary && index == 0 => "FAILED",
                    _ => "COMPLETED",
                };
                json!({
                    "id": deployed.id,
                    "status": if primary { "PRIMARY" } else { "ACTIVE" },
                    "taskDefinition": arn_of(&deployed.revision),
                    "desiredCount": status.desired,
                    "runningCount": if primary { status.running } else { 0 },
                    "pendingCount": 0,
                    "failedTasks": if primary { status.failures.len() } else { 0 },
                    "createdAt": seconds(deployed.at),
                    "rolloutState": state,
                    "rolloutStateReason": deployed.failed.clone().unwrap_or_default(),
                })
            });
        let deployments: Vec<_> = deployments.collect();
        json!({
            "serviceArn": format!("{ACCOUNT}:service/shop-production-cluster/{name}"),
            "serviceName": name,
            "status": service.status,
            "desiredCount": status.desired,
            "runningCount": status.running,
            "pendingCount": 0,
            "taskDefinition": deployments[0]["taskDefinition"],
            "deploymentConfiguration": service.configuration,
            "deploymentController": {"type": service.controller},
            "deployments": deployments,
            "events": service.events,
            "tags": service.tags,
            "loadBalancers": [{
                "targetGroupArn": service.group,
                "containerName": "app",
                "containerPort": service.port,
            }],
        })
    }

    fn describe_definition(&self, request: &Value) -> Result<Value, Refusal> {
        let named = request["taskDefinition"].as_str().unwrap_or_default();
        let (number, (definition, tags)) = self.definition(named)?;
        let mut described = definition.clone();
        let about = described.as_object_mut().unwrap();
        about.insert("revision".to_owned(), number.into());
        about.insert(
            "taskDefinitionArn".to_owned(),
            format!("{ACCOUNT}:task-definition/{FAMILY}:{number}").into(),
        );
        about.entry("status").or_insert("ACTIVE".into());
        about.insert("registeredAt".to_owned(), 1_790_000_000.5.into());
        about.insert("registeredBy".to_owned(), "arn:aws:iam::123456789012:user/somebody".into());
        about.insert("compatibilities".to_owned(), json!(["EC2", "FARGATE"]));
        about.insert("requiresAttributes".to_owned(), json!([{"name": "ecs.capability.task-eni"}]));
        let tags = if request["include"] == json!(["TAGS"]) { tags.clone() } else { json!([]) };
        Ok(json!({"taskDefinition": described, "tags": tags}))
    }

    fn definition(&self, named: &str) -> Result<(u32, &(Value, Value)), Refusal> {
        let missing = || Refusal::new("ClientException", "Unable to describe task definition.");
        let name = named.rsplit('/').next().unwrap_or_default();
        let number = name.strip_prefix("revision:").and_then(|number| number.parse().ok());
        let number: u32 = number.ok_or_else(missing)?;
        Ok((number, self.definitions.get(&number).ok_or_else(missing)?))
    }

    fn list_definitions(&self, request: &Value) -> Value {
        let family = request["familyPrefix"].as_str().unwrap();
        let mut numbers: Vec<_> = self.definitions.keys().collect();
        numbers.retain(|_| family == FAMILY);
        if request["sort"] == "DESC" {
            numbers.reverse();
        }
        // One a page.
        let at: usize = request["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let arns: Vec<_> = numbers
            .get(at)
            .map(|number| format!("{ACCOUNT}:task-definition/{FAMILY}:{number}"))
            .into_iter()
            .collect();
        let next = (at + 1 < numbers.len()).then(|| (at + 1).to_string());
        json!({"taskDefinitionArns": arns, "nextToken": next})
    }

    fn register(&mut self, request: &Value) -> Result<Value, Refusal> {
        let mut definition = request.clone();
        let tags = definition.as_object_mut().unwrap().remove("tags").unwrap_or_default();
        for tag in tags.as_array().into_iter().flatten() {
            if tag["key"].as_str().unwrap_or_default().starts_with("aws:") {
                return Err(Refusal::new(
                    "InvalidParameterException",
                    "Tag keys must not begin with aws:",
                ));
            }
        }
        let number = self.definitions.keys().max().unwrap() + 1;
        let app = definition["containerDefinitions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["name"] == "app");
        let image = Image::new(app.unwrap()["image"].as_str().unwrap()).unwrap();
        let revision = RevisionId::new(format!("{FAMILY}:{number}")).unwrap();
        self.cloud.add_revision(revision, image);
        self.definitions.insert(number, (definition, tags));
        self.describe_definition(
            &json!({"taskDefinition": format!("{FAMILY}:{number}"), "include": ["TAGS"]}),
        )
    }

    fn update(&mut self, request: &Value) -> Result<Value, Refusal> {
        Self::check_cluster(request)?;
        let name = request["service"].as_str().unwrap_or_default().to_owned();
        let Some(service) =
            self.services.get_mut(&name).filter(|service| service.status == "ACTIVE")
        else {
            return Err(Refusal::new("ServiceNotFoundException", "Service not found."));
        };
        let environment = service.environment.clone();
        if self.asleep {
            return Ok(json!({"service": self.described(&name)}));
        }
        if let Some(configuration) = request.get("deploymentConfiguration") {
            for (key, value) in configuration.as_object().unwrap() {
                service.configuration[key] = value.clone();
            }
        }
        self.made += 1;
        let authority = Authority {
            operation: OperationId::new("ecs").unwrap(),
            fence: Fence(1_000_000 + self.made),
        };
        let now = self.status(&environment);
        let desired = request["desiredCount"]
            .as_u64()
            .map_or(now.desired, |count| u32::try_from(count).unwrap());
        let done = match request["taskDefinition"].as_str() {
            None => self.cloud.scale(&authority, &environment, desired).now_or_never(),
            Some(named) => {
                let (number, _) = self.definition(named)?;
                let revision = RevisionId::new(format!("{FAMILY}:{number}")).unwrap();
                let service = self.services.get_mut(&name).unwrap();
                if service.deployments.last().unwrap().revision != revision {
                    let id = format!("ecs-svc/{name}-{}", service.deployments.len() + 1);
                    let at = now.observed_at;
                    service.deployments.push(Deployed {
                        id,
                        revision: revision.clone(),
                        at,
                        failed: None,
                    });
                }
                let percent = |field: &str| {
                    let percent = service.configuration[field].as_u64();
                    percent.map(|percent| u32::try_from(percent).unwrap())
                };
                let breaker = &service.configuration["deploymentCircuitBreaker"];
                let deployment = Deployment {
                    revision,
                    desired,
                    minimum_healthy_percent: percent("minimumHealthyPercent"),
                    maximum_percent: percent("maximumPercent"),
                    circuit_breaker: Some(breaker["enable"] == true && breaker["rollback"] == true),
                    set_back: None,
                };
                self.cloud.deploy(&authority, &environment, &deployment).now_or_never()
            }
        };
        done.unwrap()
            .map_err(|error| Refusal::new("InvalidParameterException", error.to_string()))?;
        Ok(json!({"service": self.described(&name)}))
    }

    /// Stopped tasks of a service: those that failed in memory, and those of the test.
    fn stopped(&self, name: &str) -> Vec<Value> {
        let service = &self.services[name];
        let status = self.status(&service.environment);
        let failed = service.deployments.iter().rev().find(|deployed| deployed.failed.is_some());
        let newest = failed.or(service.deployments.last()).unwrap();
        let failures = status.failures.iter().enumerate().map(|(index, failure)| {
            json!({
                "taskArn": format!("{ACCOUNT}:task/shop-production-cluster/{}-{index}", newest.id.replace('/', "-")),
                "startedBy": newest.id,
                "lastStatus": "STOPPED",
                "stopCode": "EssentialContainerExited",
                "stoppedReason": failure.reason,
                "stoppedAt": seconds(failure.at),
            })
        });
        failures.chain(service.stopped.iter().cloned()).collect()
    }

    fn list_tasks(&mut self, request: &Value) -> Result<Value, Refusal> {
        Self::check_cluster(request)?;
        assert_eq!(request["desiredStatus"], "STOPPED");
        let name = request["serviceName"].as_str().unwrap();
        if !self.services.contains_key(name) {
            return Err(Refusal::new("ServiceNotFoundException", "Service not found."));
        }
        let arns: Vec<_> = self.stopped(name).iter().map(|task| task["taskArn"].clone()).collect();
        Ok(json!({"taskArns": arns}))
    }

    fn describe_tasks(&self, request: &Value) -> Value {
        let asked = request["tasks"].as_array().unwrap();
        let all = self.services.keys().flat_map(|name| self.stopped(name));
        let tasks: Vec<_> = all.filter(|task| asked.contains(&task["taskArn"])).collect();
        json!({"tasks": tasks, "failures": []})
    }

    fn describe_images(&self, request: &Value) -> Result<Value, Refusal> {
        assert_eq!(request["registryId"], "123456789012");
        let repository = request["repositoryName"].as_str().unwrap();
        let tag = request["imageIds"][0]["imageTag"].as_str().unwrap();
        let image = Image::new(format!("{REGISTRY}/{repository}:{tag}")).unwrap();
        match self.cloud.resolve(&image).now_or_never().unwrap() {
            Ok(_) => Ok(
                json!({"imageDetails": [{"imageDigest": format!("sha256:{tag}"), "imageTags": [tag]}]}),
            ),
            Err(_) => Err(Refusal::new("ImageNotFoundException", "The image does not exist.")),
        }
    }
}

fn arn_of(revision: &RevisionId) -> String {
    format!("{ACCOUNT}:task-definition/{revision}")
}

fn seconds(at: Timestamp) -> Value {
    (at.as_millisecond() as f64 / 1000.0).into()
}
