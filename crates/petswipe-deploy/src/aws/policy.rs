//! What a rollout, a native deployment or a scaling operation on AWS has to be allowed to do.

use petswipe_aws::{Policy, Statement};

#[cfg(feature = "aws-rds")]
use super::RdsInstances;
use super::{AlbRouting, AppAutoScaling, EcsServices, ProductionRule};

/// Where a policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `aws`, or that of another partition, such as `aws-cn`.
    pub partition: String,
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The account's twelve digits, or `*`.
    pub account: String,
}

impl Place {
    /// The ARN of a resource here, such as `cluster/shop` of `ecs`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Self { partition, region, account } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The policy document of rollouts of some services behind a load balancer: exactly the actions that
/// [`EcsCompute`](super::EcsCompute), [`AlbRouter`](super::AlbRouter), [`AppAutoScaling`] and
/// [`AwsPreflight`](super::AwsPreflight) call. The metrics need theirs besides, and so do the
/// [dependencies](rollout_dependencies).
///
/// Actions without a resource in IAM are on `*`.
///
/// Source: "Actions, resources, and condition keys" of Amazon ECS, Amazon ECR, Elastic Load Balancing V2, Amazon CloudWatch and
/// AWS Application Auto Scaling, Service Authorization Reference.
pub fn rollout_policy(place: &Place, services: &EcsServices, routing: &AlbRouting) -> Policy {
    let balancer = &routing.load_balancer;
    let elb =
        |resource: &str| place.arn("elasticloadbalancing", &format!("{resource}/app/{balancer}/*"));
    let mut statements = vec![
        change_services("Services", place, services),
        Statement::allow(
            "ReadLoadBalancers",
            [
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            ["*"],
        ),
        Statement::allow("Alarms", ["cloudwatch:DescribeAlarms"], ["*"]),
    ];
    statements.extend(revisions(place, services));
    statements.push(Statement::allow(
        "TestRules",
        [
            "elasticloadbalancing:CreateRule",
            "elasticloadbalancing:DeleteRule",
            "elasticloadbalancing:ModifyRule",
        ],
        [elb("listener"), elb("listener-rule")],
    ));
    // A rule with a priority is divided as the test rules are changed.
    if routing.rule == ProductionRule::Default {
        let modify = ["elasticloadbalancing:ModifyListener"];
        statements.push(Statement::allow("Weights", modify, [elb("listener")]));
    }
    statements.extend(AppAutoScaling::statements());
    Policy::new(statements)
}

/// Reading and registering revisions, and reading the tasks that run them.
fn revisions(place: &Place, services: &EcsServices) -> Vec<Statement> {
    let [list_tasks, tasks] = read_tasks(place, services);
    vec![
        Statement::allow(
            "TaskDefinitions",
            ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition"],
            ["*"],
        ),
        list_tasks,
        tasks,
        Statement::allow(
            "Images",
            ["ecr:DescribeImages"],
            [format!("arn:{}:ecr:*:*:repository/*", place.partition)],
        ),
    ]
}

/// The policy document of native deployments of some services: exactly the actions that [`EcsNative`](super::EcsNative) and
/// the [`EcsCompute`](super::EcsCompute) it shares call, and those by which [`AlbRouter::found`](super::AlbRouter::found)
/// finds whose metrics are judged. The metrics need theirs besides, and so do the [dependencies](native_dependencies).
///
/// Source: "Actions, resources, and condition keys" of Amazon ECS, Amazon ECR and Elastic Load Balancing V2, Service
/// Authorization Reference.
pub fn native_policy(place: &Place, services: &EcsServices) -> Policy {
    let EcsServices { cluster, services: names, .. } = services;
    let each = |kind: &str, end: &str| -> Vec<_> {
        let arn = |name: &String| place.arn("ecs", &format!("{kind}/{cluster}/{name}{end}"));
        names.values().map(arn).collect()
    };
    let mut statements = vec![
        Statement::allow(
            "Services",
            ["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"],
            each("service", ""),
        ),
        Statement::allow(
            "ServiceDeployments",
            [
                "ecs:ContinueServiceDeployment",
                "ecs:DescribeServiceDeployments",
                "ecs:StopServiceDeployment",
            ],
            each("service-deployment", "/*"),
        ),
        Statement::allow(
            "ServiceRevisions",
            ["ecs:DescribeServiceRevisions"],
            each("service-revision", "/*"),
        ),
        Statement::allow(
            "ReadLoadBalancers",
            [
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroups",
            ],
            ["*"],
        ),
    ];
    statements.extend(revisions(place, services));
    Policy::new(statements)
}

/// What the caller of a native deployment must be allowed besides, as of a rollout: tasks have roles, ECS calls the functions
/// of hooks with others, and what is registered is tagged.
///
/// `roles` are the names of all of these roles, possibly with `*`. Sources: those of [`rollout_dependencies`], and
/// "Permissions required for Lambda functions in Amazon ECS blue/green deployments" (Amazon ECS Developer Guide).
pub fn native_dependencies(place: &Place, roles: &[String]) -> Vec<Statement> {
    let principals = ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"];
    vec![pass_roles(place, roles, &principals), tag_definitions(place)]
}

fn pass_roles(place: &Place, roles: &[String], to: &[&str]) -> Statement {
    let Place { partition, account, .. } = place;
    let role = |name: &String| format!("arn:{partition}:iam::{account}:role/{name}");
    Statement::allow("RolesOfTasks", ["iam:PassRole"], roles.iter().map(role)).when(
        "StringEquals",
        "iam:PassedToService",
        to.iter().copied(),
    )
}

fn tag_definitions(place: &Place) -> Statement {
    let definitions = [place.arn("ecs", "task-definition/*")];
    Statement::allow("TagTaskDefinitions", ["ecs:TagResource"], definitions).when(
        "StringEquals",
        "ecs:CreateAction",
        ["RegisterTaskDefinition"],
    )
}

/// What the caller must be allowed besides, though it calls none of it: AWS checks it in the course of other calls. Services
/// run tasks with roles, and what is registered or made is tagged.
///
/// `roles` are the names of the roles of the tasks, possibly with `*`.
///
/// Sources: "Grant permission to tag resources on creation" (Amazon ECS Developer Guide), "CreateRule" (Elastic Load Balancing
/// API Reference), "Grant a user permissions to pass a role to an AWS service" (IAM User Guide).
pub fn rollout_dependencies(
    place: &Place,
    services: &EcsServices,
    routing: &AlbRouting,
    roles: &[String],
) -> Vec<Statement> {
    let rules = format!("listener-rule/app/{}/*", routing.load_balancer);
    let mut statements =
        vec![pass_roles(place, roles, &["ecs-tasks.amazonaws.com"]), tag_definitions(place)];
    if !routing.tags.is_empty() {
        statements.push(
            Statement::allow(
                "TagTestRules",
                ["elasticloadbalancing:AddTags"],
                [place.arn("elasticloadbalancing", &rules)],
            )
            .when("StringEquals", "elasticloadbalancing:CreateAction", ["CreateRule"]),
        );
    }
    statements.push(scaling_of(place, services));
    statements
}

/// The policy document of changing how many tasks of some services run, and of undoing that: exactly the actions that
/// [`EcsCompute`](super::EcsCompute) and [`AppAutoScaling`] call for it.
///
/// Sources: as of [`rollout_policy`].
pub fn scale_service_policy(place: &Place, services: &EcsServices) -> Policy {
    let mut statements = vec![change_services("Services", place, services)];
    statements.extend(read_revisions(place, services));
    statements.push(AppAutoScaling::reading());
    Policy::new(statements)
}

/// The policy document of setting limits and target tracking of some services, and of undoing that: exactly the actions that
/// [`EcsCompute`](super::EcsCompute) and [`AppAutoScaling`] call for it. The
/// [dependencies](scale_tracking_dependencies) are needed besides.
///
/// Sources: as of [`rollout_policy`].
pub fn scale_tracking_policy(place: &Place, services: &EcsServices) -> Policy {
    let read = ["ecs:DescribeServices"];
    let mut statements = vec![Statement::allow("Services", read, arns(place, services))];
    statements.extend(read_revisions(place, services));
    statements.extend(AppAutoScaling::tracking_statements());
    Policy::new(statements)
}

/// What the caller must be allowed besides to set limits and target tracking, though it calls none of it: Application Auto
/// Scaling checks that the caller may do what it will do itself, makes the alarms of the policies with the caller's
/// permissions, and in a new account its role.
///
/// Sources: "Permissions validation for Application Auto Scaling API calls on target resources" and "Service-linked roles for
/// Application Auto Scaling" (Application Auto Scaling User Guide), "IAM permissions required for Amazon ECS service auto
/// scaling" (Amazon ECS Developer Guide).
pub fn scale_tracking_dependencies(place: &Place, services: &EcsServices) -> Vec<Statement> {
    let EcsServices { cluster, services: names, .. } = services;
    let alarm = |name: &String| {
        place.arn("cloudwatch", &format!("alarm:TargetTracking-service/{cluster}/{name}-*"))
    };
    let alarms =
        ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"];
    vec![
        scaling_of(place, services),
        Statement::allow("AlarmsOfPolicies", alarms, names.values().map(alarm)),
        service_linked_role(place, "RoleOfScaling", SCALING_OF_ECS),
    ]
}

/// The policy document of giving a database instance another class, and of undoing that: exactly the actions that
/// [`RdsInstances`] calls for it.
#[cfg(feature = "aws-rds")]
pub fn scale_database_policy(place: &Place, instance: &str) -> Policy {
    Policy::new(RdsInstances::statements(place, instance))
}

/// The service that Application Auto Scaling scales services of Amazon ECS as.
const SCALING_OF_ECS: &str = "ecs.application-autoscaling.amazonaws.com";

/// Lets a service of AWS make its own role in an account that does not have it yet.
///
/// Source: "Service-linked role permissions" (IAM User Guide).
pub fn service_linked_role(place: &Place, sid: &str, service: &str) -> Statement {
    let Place { partition, account, .. } = place;
    let role = format!("arn:{partition}:iam::{account}:role/aws-service-role/{service}/*");
    let allowed = Statement::allow(sid, ["iam:CreateServiceLinkedRole"], [role]);
    allowed.when("StringEquals", "iam:AWSServiceName", [service])
}

/// What Application Auto Scaling may do to services only if the caller may.
fn scaling_of(place: &Place, services: &EcsServices) -> Statement {
    change_services("ScalingOfServices", place, services)
}

fn change_services(sid: &str, place: &Place, services: &EcsServices) -> Statement {
    let actions = ["ecs:DescribeServices", "ecs:UpdateService"];
    Statement::allow(sid, actions, arns(place, services))
}

fn arns(place: &Place, services: &EcsServices) -> Vec<String> {
    let EcsServices { cluster, services: names, .. } = services;
    names.values().map(|name| place.arn("ecs", &format!("service/{cluster}/{name}"))).collect()
}

/// What stands in the description of a service besides the service itself.
fn read_revisions(place: &Place, services: &EcsServices) -> [Statement; 3] {
    let revisions = Statement::allow("TaskDefinitions", ["ecs:DescribeTaskDefinition"], ["*"]);
    let [list_tasks, tasks] = read_tasks(place, services);
    [revisions, list_tasks, tasks]
}

fn read_tasks(place: &Place, services: &EcsServices) -> [Statement; 2] {
    let cluster = &services.cluster;
    let in_cluster = place.arn("ecs", &format!("cluster/{cluster}"));
    let list = Statement::allow("ListTasks", ["ecs:ListTasks"], ["*"]);
    let tasks = [place.arn("ecs", &format!("task/{cluster}/*"))];
    [
        list.when("ArnEquals", "ecs:cluster", [in_cluster]),
        Statement::allow("Tasks", ["ecs:DescribeTasks"], tasks),
    ]
}
