//! Commands for an AWS account: the CLI of AWS, with the names of the account in them. They are text; no SDK is needed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

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

    /// What to look at where the ARN of a target group is not known.
    fn find_target_group(&self, name: &str, environment: &str) -> Command {
        let otherwise = format!("{environment}-tg");
        let name = if name.is_empty() || is_arn(name) { &otherwise } else { name };
        Command::reads(self.aws("elbv2 describe-target-groups", &[("names", name)]))
    }

    fn scalable(&self, operation: &str, environment: &str, more: &[(&str, &str)]) -> String {
        let resource = format!("service/{}/{}", self.cluster, self.of(environment).service);
        let flags = [("service-namespace", "ecs"), ("resource-id", resource.as_str())];
        let dimension = [("scalable-dimension", "ecs:service:DesiredCount")];
        let all = [&flags[..], &dimension, more].concat();
        self.aws(&format!("application-autoscaling {operation}"), &all)
    }
}

fn is_arn(name: &str) -> bool {
    name.starts_with("arn:")
}

/// `2026-05-04T12:00:00Z`
fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
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
                match is_arn(&group) {
                    true => {
                        let flags = [("target-group-arn", group.as_str())];
                        Command::reads(self.aws("elbv2 describe-target-health", &flags))
                    }
                    // Only its name is known, by which nothing can be asked about its targets.
                    false => self.find_target_group(&group, environment),
                }
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
                let group = self.of(to).target_group;
                if !is_arn(&group) || !is_arn(&self.listener) {
                    return self.find_target_group(&group, to);
                }
                let action = format!("Type=forward,TargetGroupArn={group}");
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
                // Scaling in and by schedule may be suspended for a reason.
                let more = [("suspended-state", "DynamicScalingOutSuspended=false")];
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
            NextStep::ShowTraces { window, above, .. } => {
                // A day is enough to page through.
                let from = window.from.max(window.to - Duration::from_secs(86_400));
                let filter = format!("responsetime > {}", above.as_secs_f64());
                let (from, to) = (seconds(from), seconds(window.to));
                let flags = [
                    ("start-time", from.as_str()),
                    ("end-time", &to),
                    ("filter-expression", &filter),
                    ("query", "TraceSummaries[].[Id,ResponseTime,HasFault,Http.HttpURL]"),
                ];
                Command::reads(self.aws("xray get-trace-summaries", &flags))
            }
            NextStep::ShowSecurityGroups(environment) => {
                let service = self.of(environment).service;
                let flags = [
                    ("cluster", cluster),
                    ("services", service.as_str()),
                    (
                        "query",
                        "services[].networkConfiguration.awsvpcConfiguration.securityGroups[]",
                    ),
                    ("output", "text"),
                ];
                let groups = self.aws("ecs describe-services", &flags);
                let query = [("query", "SecurityGroups[].[GroupId,GroupName,IpPermissions]")];
                let show = self.aws("ec2 describe-security-groups", &query);
                Command::reads(format!("{show} --group-ids $({groups})"))
            }
            NextStep::ShowDatabaseLoad { instance, metric, window } => {
                let dimension = format!("Name=DBInstanceIdentifier,Value={instance}");
                let (from, to) = (seconds(window.from), seconds(window.to));
                let flags = [
                    ("namespace", "AWS/RDS"),
                    ("metric-name", metric.as_str()),
                    ("dimensions", &dimension),
                    ("start-time", &from),
                    ("end-time", &to),
                    ("period", "300"),
                ];
                let line = self.aws("cloudwatch get-metric-statistics", &flags);
                Command::reads(format!("{line} --statistics Minimum Average Maximum"))
            }
            NextStep::Query { sql, effect } => psql(sql, *effect),
        }
    }
}
