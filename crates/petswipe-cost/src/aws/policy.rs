//! What the sources have to be allowed.

use petswipe_aws::{Policy, Statement};

/// All actions of a scan, every one of them a read: for [`AwsInventory`](super::AwsInventory), [`AwsUsage`](super::AwsUsage) and
/// [`AwsSpend`](super::AwsSpend), with all features.
///
/// Most of these actions know no resources, so they are allowed on all. `sts:GetCallerIdentity` needs no permission; it is here
/// for policies that limit everything, such as those of an organization.
///
/// Source: "Actions, resources, and condition keys for AWS services", Service Authorization Reference.
///
/// ```
/// let policy = petswipe_cost::aws::policy();
/// assert!(policy.actions().contains("ec2:DescribeVolumes"));
/// ```
pub fn policy() -> Policy {
    Policy::new([
        all(
            "Inventory",
            &[
                "ec2:DescribeAddresses",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeNatGateways",
                "ec2:DescribeRegions",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSnapshots",
                "ec2:DescribeSubnets",
                "ec2:DescribeVolumes",
                "ec2:DescribeVpcEndpoints",
                "ecs:DescribeServices",
                "ecs:DescribeTaskDefinition",
                "ecs:ListClusters",
                "ecs:ListServices",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "logs:DescribeLogGroups",
                "logs:ListTagsForResource",
                "rds:DescribeDBClusterSnapshots",
                "rds:DescribeDBInstances",
                "rds:DescribeDBSnapshots",
                "s3:GetBucketLocation",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetLifecycleConfiguration",
                "s3:ListAllMyBuckets",
                "s3:ListBucketMultipartUploads",
                "s3:ListMultipartUploadParts",
                "sts:GetCallerIdentity",
            ],
        ),
        all("Usage", &["cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"]),
        all(
            "Spend",
            &[
                "ce:GetAnomalies",
                "ce:GetCostAndUsage",
                "ce:GetReservationCoverage",
                "ce:GetReservationUtilization",
                "ce:GetRightsizingRecommendation",
                "ce:GetSavingsPlansCoverage",
                "ce:GetSavingsPlansUtilization",
            ],
        ),
    ])
}

/// All actions of [`AwsRemover`](super::AwsRemover), with all features: what it changes, and what it looks at for that. Whoever checks
/// findings again before, as a removal does, needs those of [`policy`] too.
///
/// `ec2:CreateTags` is no call of its own: it allows the tags of a snapshot that is being made, and no others. Source: "Grant
/// permission to tag Amazon EC2 resources during creation".
///
/// ```
/// let policy = petswipe_cost::aws::removal_policy();
/// assert!(policy.actions().contains("ec2:DeleteVolume"));
/// ```
#[cfg(feature = "removal")]
pub fn removal_policy() -> Policy {
    let tags = Statement::allow("TagSnapshots", ["ec2:CreateTags"], ["*"]);
    Policy::new([
        all(
            "Removal",
            &[
                "ec2:CreateSnapshot",
                "ec2:DeleteNatGateway",
                "ec2:DeleteSnapshot",
                "ec2:DeleteVolume",
                "ec2:ModifyVolume",
                "ec2:ReleaseAddress",
                "ec2:StopInstances",
                "elasticloadbalancing:DeleteLoadBalancer",
                "logs:PutRetentionPolicy",
                "rds:DeleteDBClusterSnapshot",
                "rds:DeleteDBSnapshot",
            ],
        ),
        tags.when("StringEquals", "ec2:CreateAction", ["CreateSnapshot"]),
        all(
            "LookBefore",
            &[
                "ec2:DescribeAddresses",
                "ec2:DescribeInstances",
                "ec2:DescribeSnapshots",
                "ec2:DescribeVolumes",
                "ec2:DescribeVolumesModifications",
                "sts:GetCallerIdentity",
            ],
        ),
    ])
}

fn all(sid: &str, actions: &[&str]) -> Statement {
    Statement::allow(sid, actions.iter().copied().map(str::to_owned), ["*"])
}
