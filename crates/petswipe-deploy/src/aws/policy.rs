//! What a rollout or a native deployment on AWS has to be allowed to do.

use petswipe_aws::{Policy, Statement};

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
    fn arn(&self, service: &str, resource: &str) -> String {
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
    let EcsServices { cluster, services: names, .. } = services;
    let balancer = &routing.load_balancer;
    let each: Vec<_> =
        names.values().map(|name| place.arn("ecs", &format!("service/{cluster}/{name}"))).collect();
    let elb =
        |resource: &str| place.arn("elasticloadbalancing", &format!("{resource}/app/{balancer}/*"));
    let mut statements = vec![
        Statement::allow("Services", ["ecs:DescribeServices", "ecs:UpdateService"], each),
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
    statements.extend(revisions(place, cluster));
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
fn revisions(place: &Place, cluster: &str) -> Vec<Statement> {
    let in_cluster = place.arn("ecs", &format!("cluster/{cluster}"));
    vec![
        Statement::allow(
            "TaskDefinitions",
            ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition"],
            ["*"],
        ),
        Statement::allow("ListTasks", ["ecs:ListTasks"], ["*"]).when(
            "ArnEquals",
            "ecs:cluster",
            [in_cluster],
        ),
        Statement::allow(
            "Tasks",
            ["ecs:DescribeTasks"],
            [place.arn("ecs", &format!("task/{cluster}/*"))],
        ),
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
    statements.extend(revisions(place, cluster));
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
    let names = services.services.values();
    let names: Vec<_> = names
        .map(|name| place.arn("ecs", &format!("service/{}/{name}", services.cluster)))
        .collect();
    let scaling = ["ecs:DescribeServices", "ecs:UpdateService"];
    statements.push(Statement::allow("ScalingOfServices", scaling, names));
    statements
}
