//! Commands for an AWS account: the CLI of AWS, with the names of the account in them. They are text; no SDK is needed.

use std::collections::BTreeMap;

use super::{Command, Commands, NextStep, psql, quoted};

/// What an environment is on AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsEnvironment {
    /// The name of its ECS service.
    pub service: String,
    /// The ARN of its target group.
    pub target_group: String,
    /// The log group of its tasks.
    pub log_group: String,
}

/// Commands for an account, by the AWS CLI.
///
/// ```
/// use petswipe_monitor::diagnosis::{AwsCommands, AwsEnvironment, Commands, Effect, NextStep};
/// let arn = |name: &str| format!("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/73e2d6bc24d8a067");
/// let environment = |name: &str| AwsEnvironment { target_group: arn(name), ..AwsEnvironment::default() };
/// let commands = AwsCommands {
///     region: "eu-west-1".to_owned(),
///     listener: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/1/2".to_owned(),
///     environments: ["blue", "green"].map(|name| (name.to_owned(), environment(name))).into(),
///     ..AwsCommands::default()
/// };
/// let back = commands.command(&NextStep::SwitchBack { from: "green".to_owned(), to: "blue".to_owned() });
/// assert!(back.line.starts_with("aws elbv2 modify-listener --region eu-west-1 --listener-arn arn:aws:"));
/// assert!(back.line.ends_with("--default-actions Type=forward,TargetGroupArn=arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/73e2d6bc24d8a067"));
/// assert_eq!(back.effect, Effect::Changes);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsCommands {
    /// The region.
    pub region: String,
    /// The name of the ECS cluster.
    pub cluster: String,
    /// The ARN of the listener whose default action divides traffic.
    pub listener: String,
    /// The database instance.
    pub database: String,
    /// What each environment is.
    pub environments: BTreeMap<String, AwsEnvironment>,
}

impl AwsCommands {
    fn of(&self, environment: &str) -> AwsEnvironment {
        let unknown = || AwsEnvironment {
            service: environment.to_owned(),
            target_group: format!("{environment}-tg"),
            log_group: format!("/ecs/{environment}"),
        };
        self.environments.get(environment).cloned().unwrap_or_else(unknown)
    }

    /// `aws SERVICE OPERATION --region … --flag value …`
    fn aws(&self, operation: &str, flags: &[(&str, &str)]) -> String {
        let mut line = format!("aws {operation}");
        let region = Some(("region", self.region.as_str())).filter(|(_, name)| !name.is_empty());
        for (flag, value) in region.iter().chain(flags) {
            line.push_str(&format!(" --{flag} {}", quoted(value)));
        }
        line
    }

    fn scalable(&self, operation: &str, environment: &str, more: &[(&str, &str)]) -> String {
        let resource = format!("service/{}/{}", self.cluster, self.of(environment).service);
        let flags = [("service-namespace", "ecs"), ("resource-id", resource.as_str())];
        let dimension = [("scalable-dimension", "ecs:service:DesiredCount")];
        let all = [&flags[..], &dimension, more].concat();
        self.aws(&format!("application-autoscaling {operation}"), &all)
    }
}

impl Commands for AwsCommands {
    fn command(&self, step: &NextStep) -> Command {
        let cluster = self.cluster.as_str();
        match step {
            NextStep::ShowLogs { environment, stream } => {
                let mut line = format!("aws logs tail {}", quoted(&self.of(environment).log_group));
                if let Some(stream) = stream {
                    line.push_str(&format!(" --log-stream-names {}", quoted(stream)));
                }
                if !self.region.is_empty() {
                    line.push_str(&format!(" --region {}", quoted(&self.region)));
                }
                Command::reads(format!("{line} --since 30m"))
            }
            NextStep::ShowTargets(environment) => {
                let group = self.of(environment).target_group;
                let flags = [("target-group-arn", group.as_str())];
                Command::reads(self.aws("elbv2 describe-target-health", &flags))
            }
            NextStep::ShowService(environment) => {
                let service = self.of(environment).service;
                let flags = [
                    ("cluster", cluster),
                    ("services", &service),
                    ("query", "services[].[deployments,events[:10]]"),
                ];
                Command::reads(self.aws("ecs describe-services", &flags))
            }
            NextStep::ShowTask { task, .. } => {
                let flags = [("cluster", cluster), ("tasks", task.as_str())];
                Command::reads(self.aws("ecs describe-tasks", &flags))
            }
            NextStep::ShowRevision { revision, .. } => {
                let flags = [("task-definition", revision.as_str())];
                Command::reads(self.aws("ecs describe-task-definition", &flags))
            }
            NextStep::SwitchBack { to, .. } => {
                let action = format!("Type=forward,TargetGroupArn={}", self.of(to).target_group);
                let flags =
                    [("listener-arn", self.listener.as_str()), ("default-actions", &action)];
                Command::changes(self.aws("elbv2 modify-listener", &flags))
            }
            NextStep::DeployBefore { environment, revision: Some(revision) } => {
                let service = self.of(environment).service;
                let flags = [
                    ("cluster", cluster),
                    ("service", service.as_str()),
                    ("task-definition", revision.as_str()),
                ];
                Command::changes(self.aws("ecs update-service", &flags))
            }
            NextStep::DeployBefore { environment, revision: None } => {
                let service = self.of(environment).service;
                let flags = [
                    ("cluster", cluster),
                    ("services", service.as_str()),
                    ("query", "services[].deployments[].[status,taskDefinition,rolloutState]"),
                ];
                Command::reads(self.aws("ecs describe-services", &flags))
            }
            NextStep::ShowScaling(environment) => {
                Command::reads(self.scalable("describe-scaling-activities", environment, &[]))
            }
            NextStep::RaiseMaximum { environment, to } => {
                let to = to.to_string();
                let more = [("max-capacity", to.as_str())];
                Command::changes(self.scalable("register-scalable-target", environment, &more))
            }
            NextStep::ResumeScaling(environment) => {
                let state = "DynamicScalingInSuspended=false,DynamicScalingOutSuspended=false,ScheduledScalingSuspended=false";
                let more = [("suspended-state", state)];
                Command::changes(self.scalable("register-scalable-target", environment, &more))
            }
            NextStep::AddTasks { environment, to } => {
                let (service, to) = (self.of(environment).service, to.to_string());
                let flags = [
                    ("cluster", cluster),
                    ("service", service.as_str()),
                    ("desired-count", to.as_str()),
                ];
                Command::changes(self.aws("ecs update-service", &flags))
            }
            NextStep::ShowDatabaseLoad(instance) => {
                let flags = [("db-instance-identifier", instance.as_str())];
                Command::reads(self.aws("rds describe-db-instances", &flags))
            }
            NextStep::Query { sql, effect } => psql(sql, *effect),
        }
    }
}
