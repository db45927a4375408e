//! What whoever creates and destroys a stack has to be allowed to do.

use std::collections::BTreeMap;

use petswipe_aws::{Policy, Statement};
use petswipe_deploy::Environment;
use petswipe_deploy::aws::{
    AppAutoScaling, EcsServices, ImagePolicy, Place, scale_tracking_dependencies,
    service_linked_role,
};

use super::resource::{Names, Resource, Side};
use crate::Exit;
use crate::aws::account::place_in_any_account;

/// The policy document of whoever creates a stack in that region, creates it again, and destroys it. `roles` are the ARNs of
/// its tasks' roles; without any, all roles that begin with the project's name.
///
/// # Errors
/// For names that are none.
pub fn policy(region: &str, names: &Names, roles: &[String]) -> Result<Policy, Exit> {
    let place = place_in_any_account(region);
    let mut all = statements(&place, names);
    all.extend(dependencies(&place, names, roles)?);
    Ok(Policy::new(all))
}

/// What is called: exactly that. Actions without a resource in IAM are on `*`, and so is what can't be named before it is there.
///
/// Source: "Actions, resources, and condition keys" of Amazon ECS, Elastic Load Balancing V2, Amazon CloudWatch and AWS
/// Application Auto Scaling, Service Authorization Reference.
fn statements(place: &Place, names: &Names) -> Vec<Statement> {
    let elb = |resource: String| place.arn("elasticloadbalancing", &resource);
    let balancer = names.of(Resource::LoadBalancer);
    let loadbalancer = elb(format!("loadbalancer/app/{balancer}/*"));
    let ecs = |actions: &[&str]| actions.iter().map(|name| format!("ecs:{name}")).collect();
    let balancing = |actions: &[&str]| -> Vec<String> {
        actions.iter().map(|name| format!("elasticloadbalancing:{name}")).collect()
    };
    let allow = |sid: &str, actions: Vec<String>, resources: Vec<String>| {
        Statement::allow(sid, actions, resources)
    };
    let any = || vec!["*".to_owned()];
    let revisions = [
        "DeleteTaskDefinitions",
        "DeregisterTaskDefinition",
        "DescribeTaskDefinition",
        "ListTaskDefinitions",
        "RegisterTaskDefinition",
    ];
    let reading =
        ["DescribeListeners", "DescribeLoadBalancers", "DescribeTags", "DescribeTargetGroups"];
    let mut all = vec![
        allow(
            "Cluster",
            ecs(&["CreateCluster", "DeleteCluster", "DescribeClusters"]),
            vec![cluster(place, names)],
        ),
        allow("Services", ecs(&["CreateService", "DeleteService", "DescribeServices"]), {
            services(place, names)
        }),
        allow("TaskDefinitions", ecs(&revisions), any()),
        allow("ReadLoadBalancers", balancing(&reading), any()),
        allow("TargetGroups", balancing(&["CreateTargetGroup", "DeleteTargetGroup"]), {
            target_groups(place, names)
        }),
        allow(
            "LoadBalancer",
            balancing(&["CreateLoadBalancer", "DeleteLoadBalancer"]),
            vec![loadbalancer.clone()],
        ),
        allow("CreateListener", balancing(&["CreateListener"]), vec![loadbalancer]),
        allow("DeleteListener", balancing(&["DeleteListener"]), vec![listener(place, names)]),
        Statement::allow("ReadAlarms", ["cloudwatch:DescribeAlarms"], ["*"]),
        Statement::allow(
            "Alarms",
            [
                "cloudwatch:DeleteAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutMetricAlarm",
            ],
            [alarms(place, names)],
        ),
    ];
    all.extend(AppAutoScaling::tracking_statements());
    all
}

/// What is not called, but checked by AWS in the course of other calls: tasks run with roles, everything is tagged as it is
/// created, a load balancer is put into a network, and a new account gets the roles of the services.
///
/// Sources: "Grant a user permissions to pass a role to an AWS service" (IAM User Guide), "Grant permission to tag resources on
/// creation" (Amazon ECS Developer Guide), "Resource tagging API permissions" and "Elastic Load Balancing API permissions"
/// (Elastic Load Balancing User Guide), "Alarms and tagging" (Amazon CloudWatch User Guide), "Tagging support for
/// Application Auto Scaling" (Application Auto Scaling User Guide).
fn dependencies(place: &Place, names: &Names, roles: &[String]) -> Result<Vec<Statement>, Exit> {
    let Place { partition, account, .. } = place;
    let of_project = || vec![format!("arn:{partition}:iam::{account}:role/{}-*", names.project())];
    let roles = if roles.is_empty() { of_project() } else { roles.to_vec() };
    let mut tagged_in_ecs = services(place, names);
    tagged_in_ecs.push(cluster(place, names));
    tagged_in_ecs.push(place.arn("ecs", &format!("task-definition/{}:*", names.base())));
    let mut tagged_in_elb = target_groups(place, names);
    let balancer = format!("loadbalancer/app/{}/*", names.of(Resource::LoadBalancer));
    tagged_in_elb.push(place.arn("elasticloadbalancing", &balancer));
    tagged_in_elb.push(listener(place, names));
    let network = ["AccountAttributes", "Addresses", "InternetGateways", "SecurityGroups"];
    let network = network.into_iter().chain(["Subnets", "Vpcs"]);
    let network = network.map(|what| format!("ec2:Describe{what}"));
    let mut all = vec![
        Statement::allow("RolesOfTasks", ["iam:PassRole"], roles).when(
            "StringEquals",
            "iam:PassedToService",
            ["ecs-tasks.amazonaws.com"],
        ),
        Statement::allow("TagInEcs", ["ecs:TagResource"], tagged_in_ecs).when(
            "StringEquals",
            "ecs:CreateAction",
            ["CreateCluster", "CreateService", "RegisterTaskDefinition"],
        ),
        Statement::allow("TagLoadBalancers", ["elasticloadbalancing:AddTags"], tagged_in_elb).when(
            "StringEquals",
            "elasticloadbalancing:CreateAction",
            ["CreateListener", "CreateLoadBalancer", "CreateTargetGroup"],
        ),
        Statement::allow(
            "TagScaling",
            ["application-autoscaling:TagResource"],
            [place.arn("application-autoscaling", "scalable-target/*")],
        ),
        Statement::allow("TagAlarms", ["cloudwatch:TagResource"], [alarms(place, names)]),
        Statement::allow("Network", network, ["*"]),
        service_linked_role(place, "RoleOfEcs", "ecs.amazonaws.com"),
        service_linked_role(place, "RoleOfLoadBalancing", "elasticloadbalancing.amazonaws.com"),
    ];
    let mut sides = BTreeMap::new();
    for side in Side::ALL {
        let name = names.of(Resource::Service(side));
        sides.insert(Environment::new(name.clone())?, name);
    }
    let scaled = EcsServices {
        cluster: names.of(Resource::Cluster),
        services: sides,
        container: None,
        tags: BTreeMap::new(),
        alarms: Vec::new(),
        images: ImagePolicy::default(),
    };
    all.extend(scale_tracking_dependencies(place, &scaled));
    Ok(all)
}

fn cluster(place: &Place, names: &Names) -> String {
    place.arn("ecs", &format!("cluster/{}", names.of(Resource::Cluster)))
}

fn services(place: &Place, names: &Names) -> Vec<String> {
    Side::ALL.map(|side| place.arn("ecs", &names.scaled(side))).to_vec()
}

fn target_groups(place: &Place, names: &Names) -> Vec<String> {
    let group = |side| format!("targetgroup/{}/*", names.of(Resource::TargetGroup(side)));
    Side::ALL.map(|side| place.arn("elasticloadbalancing", &group(side))).to_vec()
}

fn listener(place: &Place, names: &Names) -> String {
    let balancer = names.of(Resource::LoadBalancer);
    place.arn("elasticloadbalancing", &format!("listener/app/{balancer}/*"))
}

fn alarms(place: &Place, names: &Names) -> String {
    place.arn("cloudwatch", &format!("alarm:{}-*", names.base()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_is_on_the_resources_of_the_stack() {
        let names = Names::new("shop", "production").unwrap();
        for statement in statements(&place_in_any_account("eu-central-1"), &names) {
            let changes = statement.actions().iter().any(|action| {
                let (service, operation) = action.split_once(':').unwrap();
                let reads = ["Describe", "List"].iter().any(|verb| operation.starts_with(verb));
                // IAM knows no name of a task definition's revision or of a scalable target before it is there.
                let nameless = operation.contains("TaskDefinition");
                !reads && !nameless && service != "application-autoscaling"
            });
            let named = |resource: &String| resource.contains("shop-production-");
            assert!(!changes || statement.resources().iter().all(named), "{statement:?}");
        }
    }

    #[test]
    fn roles_are_those_that_are_named_or_the_projects() {
        let names = Names::new("shop", "production").unwrap();
        let roles = |given: &[String]| {
            let policy = policy("cn-north-1", &names, given).unwrap();
            let mut all = policy.statements().iter();
            all.find(|one| one.actions().contains("iam:PassRole")).unwrap().resources().to_vec()
        };
        assert_eq!(roles(&[]), ["arn:aws-cn:iam::*:role/shop-*"]);
        let named = "arn:aws-cn:iam::123456789012:role/run".to_owned();
        assert_eq!(roles(std::slice::from_ref(&named)), [named]);
    }
}
