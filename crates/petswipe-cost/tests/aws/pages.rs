//! Listings that come in pages, however small, and tokens that do not last.

use petswipe_aws::script::Fault;
use petswipe_cost::aws::AwsInventory;
use petswipe_cost::{Error, InventorySource, Kind, explain};

use crate::account::HOME;
use crate::ec2::volume;
use crate::world::{NOW, World, at, fill, home, ids};

/// An account with everything, of which a page never has more than one entry.
fn crumbs() -> World {
    World::new(|account| {
        fill(account);
        account.page = Some(1);
    })
}

#[tokio::test]
async fn small_pages_have_the_same_as_large_ones() {
    let (small, large) = (crumbs(), World::full());
    for kind in Kind::LISTED {
        assert_eq!(small.list(kind).await.unwrap(), large.list(kind).await.unwrap(), "{kind}");
    }
    assert!(small.wire.calls().len() > large.wire.calls().len() + 10);
}

/// What each call says about the size of its pages, by the largest that the API reference allows.
const SIZES: [(&str, &str, u32); 20] = [
    ("ec2:DescribeImages", "MaxResults", 1000),
    ("ec2:DescribeInstances", "MaxResults", 1000),
    ("ec2:DescribeLaunchTemplateVersions", "MaxResults", 200),
    ("ec2:DescribeNatGateways", "MaxResults", 1000),
    ("ec2:DescribeRouteTables", "MaxResults", 100),
    ("ec2:DescribeSnapshots", "MaxResults", 1000),
    ("ec2:DescribeSubnets", "MaxResults", 1000),
    ("ec2:DescribeVolumes", "MaxResults", 500),
    ("ec2:DescribeVpcEndpoints", "MaxResults", 1000),
    ("ecs:ListClusters", "maxResults", 100),
    ("ecs:ListServices", "maxResults", 100),
    ("elasticloadbalancing:DescribeLoadBalancers", "PageSize", 400),
    ("elasticloadbalancing:DescribeTargetGroups", "PageSize", 400),
    ("logs:DescribeLogGroups", "limit", 50),
    ("rds:DescribeDBInstances", "MaxRecords", 100),
    ("rds:DescribeDBSnapshots", "MaxRecords", 100),
    ("s3:ListAllMyBuckets", "max-buckets", 1000),
    ("s3:ListBucketMultipartUploads", "max-uploads", 1000),
    ("s3:ListMultipartUploadParts", "max-parts", 1000),
    ("ec2:DescribeAddresses", "MaxResults", 0),
];

#[tokio::test]
async fn pages_are_as_large_as_they_may_be() {
    let world = crumbs();
    for kind in Kind::LISTED {
        world.list(kind).await.unwrap();
    }
    let calls = world.wire.calls();
    for (action, parameter, size) in SIZES {
        let of: Vec<_> = calls.iter().filter(|call| call.action == action).collect();
        assert!(!of.is_empty(), "{action}");
        for call in of {
            let in_query = call.s3().2.get(parameter).map(str::to_owned);
            let in_form = call.form().get(parameter).map(str::to_owned);
            let in_json = call.json()[parameter].as_u64().map(|size| size.to_string());
            let asked = in_query.or(in_form).or(in_json);
            let wanted = (size > 0).then(|| size.to_string());
            assert_eq!(asked, wanted, "{action} in {}", call.region);
        }
    }
}

/// The actions that have pages, with the kind that asks for them.
const PAGED: [(&str, Kind); 14] = [
    ("ec2:DescribeVolumes", Kind::Volume),
    ("ec2:DescribeSnapshots", Kind::Snapshot),
    ("ec2:DescribeInstances", Kind::Instance),
    ("ec2:DescribeImages", Kind::Image),
    ("ec2:DescribeLaunchTemplateVersions", Kind::LaunchTemplate),
    ("ec2:DescribeNatGateways", Kind::NatGateway),
    ("ec2:DescribeVpcEndpoints", Kind::VpcEndpoint),
    ("rds:DescribeDBInstances", Kind::Database),
    ("rds:DescribeDBSnapshots", Kind::DatabaseSnapshot),
    ("elasticloadbalancing:DescribeLoadBalancers", Kind::LoadBalancer),
    ("elasticloadbalancing:DescribeTargetGroups", Kind::LoadBalancer),
    ("ecs:ListServices", Kind::Service),
    ("logs:DescribeLogGroups", Kind::LogGroup),
    ("s3:ListAllMyBuckets", Kind::Bucket),
];

#[tokio::test]
async fn a_token_that_expires_begins_the_listing_once_more() {
    for (action, kind) in PAGED {
        let world = crumbs();
        let whole = world.list(kind).await.unwrap();
        world.wire.with(|account| account.expiring.insert(action.to_owned()));
        world.wire.forget();
        // The list of buckets is that of the first time until somebody asks again.
        let again = world.list(kind).await.unwrap();
        assert_eq!(again, whole, "{action}");
        assert!(world.wire.with(|account| account.expiring.is_empty()), "{action}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_again_and_again_is_an_error() {
    let world = crumbs();
    world.wire.fate(|call| {
        let refused =
            call.action == "ec2:DescribeVolumes" && call.form().get("NextToken").is_some();
        refused.then_some(Fault::Refused)
    });
    let error = world.list(Kind::Volume).await.unwrap_err();
    assert!(matches!(error, Error::Backend { .. }), "{}", explain(&error));
    assert_eq!(world.calls("DescribeVolumes"), 4);
}

#[tokio::test]
async fn pages_that_go_round_in_circles_end() {
    for (action, kind) in PAGED {
        let world = crumbs();
        world.wire.with(|account| account.circling.insert(action.to_owned()));
        let listed = world.list(kind).await;
        if action == "elasticloadbalancing:DescribeTargetGroups" {
            // How many targets there are is unknown then.
            assert!(listed.unwrap().load_balancers.iter().any(|one| one.targets.is_none()));
            continue;
        }
        let error = listed.unwrap_err();
        assert!(explain(&error).contains("circles"), "{action}: {}", explain(&error));
    }
}

#[tokio::test]
async fn what_is_on_two_pages_is_there_once() {
    let world = World::new(|account| {
        for id in ["vol-1", "vol-2", "vol-1"] {
            account.put(HOME, "volumeSet", id, volume(id, "gp3", 8, "in-use", ""));
        }
    });
    assert_eq!(world.ids(Kind::Volume).await, ["vol-1", "vol-2"]);
}

#[tokio::test]
async fn a_throttled_page_is_asked_for_again() {
    let world = crumbs();
    let mut first = true;
    world.wire.fate(move |call| {
        let throttled = call.action == "ec2:DescribeVolumes" && std::mem::take(&mut first);
        throttled.then_some(Fault::Throttled(None))
    });
    let patient = AwsInventory::new(&world.wire.retrying(3), at(NOW));
    let volumes = patient.list(&home(), Kind::Volume).await.unwrap();
    assert_eq!(ids(&volumes), ["vol-1", "vol-2"]);
    assert_eq!(world.calls("DescribeVolumes"), 3);
}
