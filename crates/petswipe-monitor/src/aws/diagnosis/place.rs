//! Where the parts of a service are, and what looking at them needs.

use std::collections::BTreeMap;

use petswipe_aws::{Policy, Statement};

use crate::Error;
use crate::diagnosis::AwsEnvironment;

/// An ECS cluster and the environments in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsPlace {
    /// The name of the cluster.
    pub cluster: String,
    /// What each environment is.
    pub environments: BTreeMap<String, AwsEnvironment>,
}

impl AwsPlace {
    /// What an environment is.
    pub(super) fn environment(&self, name: &str) -> Result<&AwsEnvironment, Error> {
        let what = || Error::NotFound { what: format!("environment {name}") };
        self.environments.get(name).ok_or_else(what)
    }

    /// Refuses names that AWS would refuse.
    pub(super) fn check(&self) -> Result<(), Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let in_logs = |c: char| c.is_ascii_alphanumeric() || "-_/.#".contains(c);
        name("cluster", &self.cluster, 255, plain)?;
        for environment in self.environments.values() {
            name("service", &environment.service, 255, plain)?;
            name("log group", &environment.log_group, 512, in_logs)?;
            let group = &environment.target_group;
            let is_arn = group.starts_with("arn:") && group.contains(":targetgroup/");
            if !(is_arn || group.is_empty()) {
                let allowed = "the ARN of a target group, or nothing where it is not known";
                return Err(Error::invalid("target group", group, allowed));
            }
        }
        Ok(())
    }
}

fn name(
    field: &str,
    value: &str,
    longest: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), Error> {
    if value.is_empty() || value.len() > longest || !value.chars().all(allowed) {
        let allowed = format!("1 to {longest} letters, digits, hyphens and underscores");
        return Err(Error::invalid(field, value, allowed));
    }
    Ok(())
}

/// What a whole diagnosis of a place needs: it only reads. `scope` is the partition, region and account of ARNs, such as
/// `("aws", "eu-central-1", "123456789012")`; the account may be `*`.
///
/// Sources: "Actions, resources, and condition keys" for Amazon CloudWatch, Amazon CloudWatch Logs, Amazon ECS, Elastic
/// Load Balancing V2 and AWS Application Auto Scaling, Service Authorization Reference. `DescribeTargetHealth` and what is asked
/// about auto scaling can't be kept to resources; tasks are kept to those of the cluster.
pub fn diagnosis_policy(place: &AwsPlace, scope: (&str, &str, &str)) -> Policy {
    let (partition, region, account) = scope;
    let arn =
        |service: &str, rest: &str| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
    let cluster = &place.cluster;
    let environments = || place.environments.values();
    let logs = environments().map(|one| arn("logs", &format!("log-group:{}:*", one.log_group)));
    let services =
        environments().map(|one| arn("ecs", &format!("service/{cluster}/{}", one.service)));
    let in_cluster = Statement::allow("ReadTasks", ["ecs:ListTasks"], ["*"]);
    let in_cluster =
        in_cluster.when("ArnEquals", "ecs:cluster", [arn("ecs", &format!("cluster/{cluster}"))]);
    Policy::new([
        Statement::allow("ReadMetrics", ["cloudwatch:GetMetricData"], ["*"]),
        Statement::allow("ReadLogs", ["logs:FilterLogEvents"], logs),
        Statement::allow("ReadTargets", ["elasticloadbalancing:DescribeTargetHealth"], ["*"]),
        Statement::allow("ReadServices", ["ecs:DescribeServices"], services),
        in_cluster,
        Statement::allow(
            "ReadTask",
            ["ecs:DescribeTasks"],
            [arn("ecs", &format!("task/{cluster}/*"))],
        ),
        Statement::allow(
            "ReadScaling",
            [
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:DescribeScalingActivities",
            ],
            ["*"],
        ),
    ])
}
