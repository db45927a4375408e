//! Calls that fail, and what is gone when it is looked at.

use std::time::Duration;

use petswipe_aws::script::{Answer, Call, Fault, Refusal, Service, Wire};
use petswipe_cost::aws::{AwsInventory, AwsSpend, AwsUsage, Metering};
use petswipe_cost::{Error, InventorySource, Kind, SpendSource, UsageSource, Window, explain};
use serde_json::json;

use crate::account::{ABROAD, HOME};
use crate::elb;
use crate::world::{NOW, World, at, home, ids, region};

/// The first call of each kind by IAM's name, without which nothing of it can be listed.
const FIRST: [(&str, Kind); 16] = [
    ("ec2:DescribeInstances", Kind::Instance),
    ("ec2:DescribeVolumes", Kind::Volume),
    ("ec2:DescribeSnapshots", Kind::Snapshot),
    ("ec2:DescribeImages", Kind::Image),
    ("ec2:DescribeLaunchTemplateVersions", Kind::LaunchTemplate),
    ("ec2:DescribeAddresses", Kind::Address),
    ("ec2:DescribeNatGateways", Kind::NatGateway),
    ("ec2:DescribeVpcEndpoints", Kind::VpcEndpoint),
    ("ec2:DescribeSubnets", Kind::Subnet),
    ("ec2:DescribeRouteTables", Kind::RouteTable),
    ("rds:DescribeDBInstances", Kind::Database),
    ("rds:DescribeDBSnapshots", Kind::DatabaseSnapshot),
    ("elasticloadbalancing:DescribeLoadBalancers", Kind::LoadBalancer),
    ("s3:ListAllMyBuckets", Kind::Bucket),
    ("logs:DescribeLogGroups", Kind::LogGroup),
    ("ecs:ListClusters", Kind::Service),
];

fn fails(world: &World, action: &'static str, fault: Fault) {
    world.wire.fate(move |call| (call.action == action).then_some(fault));
}

#[tokio::test]
async fn what_is_denied_names_the_action_that_is_missing() {
    let world = World::full();
    let others = [
        ("elasticloadbalancing:DescribeTags", Kind::LoadBalancer),
        ("rds:DescribeDBClusterSnapshots", Kind::DatabaseSnapshot),
        ("ecs:ListServices", Kind::Service),
        ("ecs:DescribeServices", Kind::Service),
        ("ecs:DescribeTaskDefinition", Kind::Service),
        ("s3:GetBucketLocation", Kind::Bucket),
    ];
    for (action, kind) in FIRST.into_iter().chain(others) {
        fails(&world, action, Fault::Denied);
        let error = world.list(kind).await.unwrap_err();
        assert_eq!(error.missing_action(), Some(action), "{}", explain(&error));
        world.wire.fate(|_| None);
        assert!(world.list(kind).await.is_ok(), "{action}");
    }
}

#[tokio::test]
async fn what_is_throttled_says_so() {
    let world = World::full();
    for (action, kind) in FIRST {
        fails(&world, action, Fault::Throttled(Some(30)));
        let error = world.list(kind).await.unwrap_err();
        let Error::Throttled { action: named, retry_after } = &error else {
            panic!("{action}: {error:?}")
        };
        assert_eq!((named.as_str(), *retry_after), (action, Some(Duration::from_secs(30))));
        fails(&world, action, Fault::Broken);
        let error = world.list(kind).await.unwrap_err();
        assert!(matches!(error, Error::Backend { .. }) && error.is_retryable(), "{error:?}");
        fails(&world, action, Fault::LostAnswer);
        assert!(world.list(kind).await.unwrap_err().is_retryable());
    }
}

/// A cloud in which nobody knows the credentials.
struct Strangers;

impl Service for Strangers {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let code = match call.action.split(':').next() {
            Some("ec2") => "AuthFailure",
            Some("s3") => "InvalidAccessKeyId",
            Some("ecs" | "logs" | "ce") => "UnrecognizedClientException",
            _ => "InvalidClientTokenId",
        };
        Err(Refusal { status: 403, ..code.into() })
    }
}

#[tokio::test]
async fn wrong_credentials_are_denied_and_no_disabled_region() {
    let config = Wire::new(Strangers).config();
    let inventory = AwsInventory::new(&config, at(NOW));
    assert!(matches!(inventory.account().await, Err(Error::Denied { .. })));
    assert!(matches!(inventory.regions().await, Err(Error::Denied { .. })));
    for (action, kind) in FIRST {
        let error = inventory.list(&home(), kind).await.unwrap_err();
        assert_eq!(error.missing_action(), Some(action), "{}", explain(&error));
    }
    let week = Window::days_before(at(NOW), 7);
    let error = AwsSpend::new(&config).commitments(week).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    let usage = AwsUsage::new(&config, Metering::MetricData);
    let measure = crate::usage::reads("vol-1");
    let error = usage.statistics(&home(), &[measure], week).await.unwrap_err();
    assert_eq!(error.missing_action(), Some("cloudwatch:GetMetricData"));
}

/// A cloud in which only STS knows the credentials.
struct HalfStrangers;

impl Service for HalfStrangers {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        match call.action.as_str() {
            "sts:GetCallerIdentity" => {
                Ok(Answer::Xml("<Account>123456789012</Account>".to_owned()))
            }
            _ => Strangers.answer(call),
        }
    }
}

#[tokio::test]
async fn the_own_region_is_enabled_whatever_else_is_wrong() {
    let inventory = AwsInventory::new(&Wire::new(HalfStrangers).config(), at(NOW));
    let error = inventory.list(&home(), Kind::Volume).await.unwrap_err();
    assert_eq!(error.missing_action(), Some("ec2:DescribeVolumes"));
    let error = inventory.list(&region(ABROAD), Kind::Volume).await.unwrap_err();
    assert!(matches!(error, Error::Disabled { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_gone_between_two_calls_is_left_out() {
    let world = World::full();
    world.wire.with(|account| {
        // A service is deleted, then a cluster, a definition, a log group, a bucket, and load balancers.
        account.gone.insert(account.lists[&(HOME.to_owned(), "services")][1].0.clone());
        account.gone.insert(account.lists[&(HOME.to_owned(), "LoadBalancers")][1].0.clone());
        let empty = account.cluster(HOME, "empty");
        account.gone.insert(empty);
        let definition = account.task_definition(HOME, "old:1", json!({"cpu": "1"}));
        account.gone.insert(definition);
        account.service(HOME, "shop/old", "old:1", json!({"launchType": "EC2"}));
        account.gone.insert("/shop/web".to_owned());
        account.gone.insert("logs".to_owned());
        account.gone.insert("old".to_owned());
    });
    for kind in Kind::LISTED {
        assert!(
            world.list(kind).await.unwrap().unread.is_empty(),
            "{kind}: what is gone is no gap"
        );
    }
    assert_eq!(world.ids(Kind::Service).await, ["shop/web"]);
    assert_eq!(world.ids(Kind::LogGroup).await, ["/shop/batch"]);
    assert!(world.ids(Kind::Bucket).await.is_empty());
    assert_eq!(world.ids(Kind::LoadBalancer).await, [elb::arn("app", "web")]);
}

#[tokio::test]
async fn whatever_fails_a_listing_is_whole_or_an_error() {
    let (mut whole, mut failed) = (0, 0);
    for seed in 0..40 {
        let world = World::full();
        world.wire.with(|account| account.page = Some(1));
        let mut random = fastrand::Rng::with_seed(seed);
        world.wire.fate(move |_| match random.u8(0..100) {
            ..6 => Some(Fault::Throttled(None)),
            6..10 => Some(Fault::LostAnswer),
            10..14 => Some(Fault::Broken),
            14..18 => Some(Fault::Refused),
            18..20 => Some(Fault::Denied),
            _ => None,
        });
        for kind in Kind::LISTED {
            let wanted = World::full().ids(kind).await;
            match world.list(kind).await {
                Ok(listed) => {
                    whole += 1;
                    assert_eq!(ids(&listed), wanted, "{kind} with seed {seed}");
                }
                Err(_) => failed += 1,
            }
        }
    }
    assert!(whole >= 100 && failed >= 100, "{whole} were whole and {failed} failed");
}

#[tokio::test]
async fn an_entry_that_makes_no_sense_is_an_error_and_not_left_out() {
    let world = World::new(|account| {
        account.put(HOME, "volumeSet", "vol-1", "<volumeId>vol-1</volumeId>");
        account.put(HOME, "snapshotSet", "snap-1", "<snapshotId>snap-1</snapshotId>");
    });
    for kind in [Kind::Volume, Kind::Snapshot] {
        let error = world.list(kind).await.unwrap_err();
        assert!(matches!(error, Error::Backend { .. }), "{}", explain(&error));
    }
}
