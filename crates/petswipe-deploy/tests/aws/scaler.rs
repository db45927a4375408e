//! Application Auto Scaling of the services of a cloud in memory, over JSON 1.1, as strict as its API reference.

use std::collections::BTreeMap;
use std::sync::Arc;

use petswipe_aws::script::{Answer, Call, Refusal, Service};
use petswipe_deploy::Environment;
use petswipe_deploy::memory::MemoryCloud;
use serde_json::{Value, json};

/// A scalable target.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub limits: (u32, u32),
    /// `[in, out, scheduled]`.
    pub suspended: [bool; 3],
}

/// The service, with the scalable targets and policies it keeps by resource id.
pub struct Scaler {
    cloud: Arc<MemoryCloud>,
    services: BTreeMap<String, Environment>,
    pub targets: BTreeMap<String, Target>,
    /// By resource id and name: the policy as it was put.
    pub policies: BTreeMap<(String, String), Value>,
    /// It answers changes, and makes none.
    pub idle: bool,
}

const FLAGS: [&str; 3] =
    ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

fn missing(what: &str) -> Refusal {
    Refusal::new("ObjectNotFoundException", format!("No {what} found"))
}

impl Scaler {
    pub fn new(cloud: Arc<MemoryCloud>, services: BTreeMap<String, Environment>) -> Self {
        let (targets, policies) = (BTreeMap::new(), BTreeMap::new());
        Self { cloud, services, targets, policies, idle: false }
    }

    fn desired(&self, resource: &str) -> u32 {
        self.cloud.configuration().sides[&self.services[resource]].1
    }

    /// Moves the desired count into the limits.
    fn adjust(&self, resource: &str) {
        let (minimum, maximum) = self.targets[resource].limits;
        let desired = self.desired(resource).clamp(minimum, maximum);
        self.cloud.rescale(&self.services[resource], desired);
    }

    /// What scaling policies would do meanwhile: never from 0, never while suspended.
    fn act(&self) {
        for (resource, target) in &self.targets {
            if target.suspended == [false; 3] && self.desired(resource) > 0 {
                self.adjust(resource);
            }
        }
    }

    fn resource(&self, request: &Value) -> Result<String, Refusal> {
        if request["ServiceNamespace"] != "ecs"
            || request["ScalableDimension"] != "ecs:service:DesiredCount"
        {
            return Err(invalid("Unsupported service namespace or scalable dimension"));
        }
        let resource = request["ResourceId"].as_str().unwrap_or_default();
        match self.services.contains_key(resource) {
            true => Ok(resource.to_owned()),
            false => Err(invalid(format!("ECS service doesn't exist: {resource}"))),
        }
    }

    fn register(&mut self, request: &Value) -> Result<Value, Refusal> {
        let resource = self.resource(request)?;
        let capacity = |name: &str| request[name].as_u64().map(|count| count as u32);
        let (minimum, maximum) = (capacity("MinCapacity"), capacity("MaxCapacity"));
        let known = self.targets.get(&resource).cloned();
        let mut target = match (known, minimum, maximum) {
            (Some(known), _, _) => known,
            (None, Some(minimum), Some(maximum)) => {
                Target { limits: (minimum, maximum), suspended: [false; 3] }
            }
            _ => return Err(invalid("MinCapacity and MaxCapacity are required")),
        };
        let (old_minimum, old_maximum) = target.limits;
        target.limits = (minimum.unwrap_or(old_minimum), maximum.unwrap_or(old_maximum));
        if target.limits.0 > target.limits.1 {
            return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
        }
        if let Some(flags) = request["SuspendedState"].as_object() {
            target.suspended = FLAGS.map(|flag| flags.get(flag).is_some_and(|flag| flag == true));
        }
        if !self.idle {
            self.targets.insert(resource.clone(), target);
            self.adjust(&resource);
        }
        Ok(json!({ "ScalableTargetARN": arn(&resource) }))
    }

    fn describe(&self, request: &Value) -> Value {
        // A page may be empty though others follow.
        if request["NextToken"].is_null() {
            return json!({ "ScalableTargets": [], "NextToken": "second" });
        }
        let asked = request["ResourceIds"].as_array();
        let asked = |resource: &str| asked.is_none_or(|ids| ids.iter().any(|id| id == resource));
        let targets = self.targets.iter().filter(|(resource, _)| asked(resource));
        let written = targets.map(|(resource, target)| {
            let flags = FLAGS.iter().zip(target.suspended);
            let flags: serde_json::Map<_, _> =
                flags.map(|(name, flag)| ((*name).to_owned(), flag.into())).collect();
            json!({
                "ServiceNamespace": "ecs",
                "ResourceId": resource,
                "ScalableDimension": "ecs:service:DesiredCount",
                "MinCapacity": target.limits.0,
                "MaxCapacity": target.limits.1,
                "RoleARN": "arn:aws:iam::123456789012:role/aws-service-role/ecs",
                "CreationTime": 1_767_225_600.0,
                "SuspendedState": flags,
                "ScalableTargetARN": arn(resource),
            })
        });
        json!({ "ScalableTargets": written.collect::<Vec<_>>() })
    }

    fn describe_policies(&self, request: &Value) -> Value {
        let mine =
            self.policies.iter().filter(|((resource, _), _)| request["ResourceId"] == **resource);
        // One policy a page.
        let from = request["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let mut rest = mine.skip(from);
        let written = rest.next().map(|((resource, name), put)| {
            let mut policy = put.clone();
            policy["PolicyARN"] = format!("{}:policyName/{name}", arn(resource)).into();
            policy["CreationTime"] = json!(1_767_225_600.0);
            policy
        });
        let next = rest.next().map(|_| (from + 1).to_string());
        json!({ "ScalingPolicies": Vec::from_iter(written), "NextToken": next })
    }

    fn put_policy(&mut self, request: &Value) -> Result<Value, Refusal> {
        let resource = self.resource(request)?;
        if !self.targets.contains_key(&resource) {
            return Err(missing("scalable target"));
        }
        let name = request["PolicyName"].as_str().unwrap_or_default().to_owned();
        let metric = |policy: &Value| {
            let tracked = &policy["TargetTrackingScalingPolicyConfiguration"];
            tracked["PredefinedMetricSpecification"]["PredefinedMetricType"].clone()
        };
        let same = self.policies.iter().any(|((of, other), policy)| {
            *of == resource && *other != name && metric(policy) == metric(request)
        });
        if same {
            return Err(invalid("Only one TargetTrackingScaling policy for a given metric"));
        }
        if !self.idle {
            self.policies.insert((resource.clone(), name.clone()), request.clone());
        }
        Ok(json!({ "PolicyARN": format!("{}:policyName/{name}", arn(&resource)), "Alarms": [] }))
    }

    fn delete_policy(&mut self, request: &Value) -> Result<Value, Refusal> {
        let resource = self.resource(request)?;
        let name = request["PolicyName"].as_str().unwrap_or_default().to_owned();
        self.policies
            .remove(&(resource, name))
            .map_or(Err(missing("scaling policy")), |_| Ok(json!({})))
    }

    fn deregister(&mut self, request: &Value) -> Result<Value, Refusal> {
        let resource = self.resource(request)?;
        self.targets.remove(&resource).ok_or_else(|| missing("scalable target"))?;
        self.policies.retain(|(of, _), _| *of != resource);
        Ok(json!({}))
    }
}

fn arn(resource: &str) -> String {
    let id: u32 = resource.bytes().map(u32::from).sum();
    format!("arn:aws:application-autoscaling:eu-central-1:123456789012:scalable-target/{id}")
}

impl Service for Scaler {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        self.act();
        let request = call.json();
        let answer = match call.operation() {
            "DescribeScalableTargets" => Ok(self.describe(&request)),
            "RegisterScalableTarget" => self.register(&request),
            "DescribeScalingPolicies" => Ok(self.describe_policies(&request)),
            "PutScalingPolicy" => self.put_policy(&request),
            "DeleteScalingPolicy" => self.delete_policy(&request),
            "DeregisterScalableTarget" => self.deregister(&request),
            other => panic!("{other} is not scripted"),
        };
        answer.map(Answer::Json)
    }
}
