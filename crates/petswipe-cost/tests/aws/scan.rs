//! A whole scan: how many calls it takes, and that the policy allows exactly them.

use std::collections::{BTreeMap, BTreeSet};

use petswipe_aws::{CallBudget, budgeted};
use petswipe_cost::aws::{AwsInventory, AwsSpend, AwsUsage, Metering, policy};
use petswipe_cost::{InventorySource, Kind, SpendSource, UsageSource, Window};

use crate::usage::reads;
use crate::world::{NOW, World, at, home};

#[tokio::test]
async fn a_scan_makes_exactly_the_calls_that_its_policy_allows() {
    let world = World::full();
    let budget = CallBudget::default();
    let config = budgeted(&world.wire.config(), &budget);
    let inventory = AwsInventory::new(&config, at(NOW));
    inventory.account().await.unwrap();
    for region in inventory.regions().await.unwrap() {
        for kind in Kind::LISTED {
            inventory.list(&region, kind).await.unwrap();
        }
    }
    let window = Window::days_before(at(NOW), 7);
    for metering in [Metering::MetricData, Metering::MetricStatistics] {
        let usage = AwsUsage::new(&config, metering);
        usage.statistics(&home(), &[reads("vol-1")], window).await.unwrap();
    }
    let spend = AwsSpend::new(&config);
    spend.commitments(window).await.unwrap();
    spend.costs(window, None).await.unwrap();
    // The script knows of anomalies in this window only.
    let autumn = Window { from: at("2026-10-20T00:00:00Z"), to: at("2026-11-19T00:00:00Z") };
    spend.anomalies(autumn).await.unwrap();
    spend.rightsizing().await.unwrap();

    let calls = budget.calls();
    let made: BTreeSet<String> = calls.keys().cloned().collect();
    assert_eq!(made, policy().actions());
    let expected: BTreeMap<String, u64> = [
        ("ce:GetAnomalies", 2),
        ("ce:GetCostAndUsage", 1),
        ("ce:GetReservationCoverage", 1),
        ("ce:GetReservationUtilization", 1),
        ("ce:GetRightsizingRecommendation", 1),
        ("ce:GetSavingsPlansCoverage", 1),
        ("ce:GetSavingsPlansUtilization", 1),
        ("cloudwatch:GetMetricData", 1),
        ("cloudwatch:GetMetricStatistics", 1),
        // Once in each of two regions.
        ("ec2:DescribeAddresses", 2),
        ("ec2:DescribeImages", 2),
        ("ec2:DescribeInstances", 2),
        // One template has versions that are neither its latest nor its default.
        ("ec2:DescribeLaunchTemplateVersions", 3),
        ("ec2:DescribeNatGateways", 2),
        ("ec2:DescribeRegions", 1),
        ("ec2:DescribeRouteTables", 2),
        ("ec2:DescribeSnapshots", 2),
        ("ec2:DescribeSubnets", 2),
        ("ec2:DescribeVolumes", 2),
        ("ec2:DescribeVpcEndpoints", 2),
        ("ecs:DescribeServices", 1),
        // Two services have the same definition.
        ("ecs:DescribeTaskDefinition", 1),
        ("ecs:ListClusters", 2),
        ("ecs:ListServices", 1),
        // Two generations in two regions.
        ("elasticloadbalancing:DescribeLoadBalancers", 4),
        ("elasticloadbalancing:DescribeTags", 2),
        ("elasticloadbalancing:DescribeTargetGroups", 1),
        ("elasticloadbalancing:DescribeTargetHealth", 1),
        ("logs:DescribeLogGroups", 2),
        ("logs:ListTagsForResource", 1),
        ("rds:DescribeDBClusterSnapshots", 2),
        ("rds:DescribeDBInstances", 2),
        ("rds:DescribeDBSnapshots", 2),
        ("s3:GetBucketLocation", 1),
        ("s3:GetBucketTagging", 2),
        ("s3:GetBucketVersioning", 2),
        ("s3:GetLifecycleConfiguration", 2),
        ("s3:ListAllMyBuckets", 1),
        ("s3:ListBucketMultipartUploads", 2),
        ("s3:ListMultipartUploadParts", 1),
        // Who it is, and whether the region abroad is enabled.
        ("sts:GetCallerIdentity", 2),
    ]
    .map(|(action, count)| (action.to_owned(), count))
    .into();
    assert_eq!(calls, expected);
}

#[test]
fn the_policy_only_reads() {
    for action in policy().actions() {
        let name = action.split(':').nth(1).unwrap();
        assert!(["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb)), "{action}");
    }
}
