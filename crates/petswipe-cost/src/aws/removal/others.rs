//! What is not of EC2: load balancers, log groups, and snapshots of databases.

use petswipe_aws::CallError;

use super::answer::done;
use crate::Error;
use crate::aws::places::Place;

/// Of an application, network or gateway load balancer the ARN, of a classic one the name. What does not exist is deleted already.
///
/// Sources: "DeleteLoadBalancer" of both API references; deletion protection is `OperationNotPermitted`, and one that an endpoint
/// service leads to `ResourceInUse`.
pub(super) async fn delete_load_balancer(place: &Place, balancer: &str) -> Result<(), Error> {
    let action = "elasticloadbalancing:DeleteLoadBalancer";
    if balancer.starts_with("arn:") {
        let answer = place.elb().delete_load_balancer().load_balancer_arn(balancer).send().await;
        let answer = answer.map_err(|error| CallError::new(action, balancer, error));
        return done(answer, &["OperationNotPermitted", "ResourceInUse"]);
    }
    let answer = place.classic().delete_load_balancer().load_balancer_name(balancer).send().await;
    done(answer.map_err(|error| CallError::new(action, balancer, error)), &[])
}

/// Source: "PutRetentionPolicy": `OperationAbortedException` is that of two changes at a time, so it can be asked for again.
pub(super) async fn set_retention(place: &Place, group: &str, days: u32) -> Result<(), Error> {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let put = place.logs().put_retention_policy().log_group_name(group).retention_in_days(days);
    let answer = put.send().await;
    let answer = answer.map_err(|error| CallError::new("logs:PutRetentionPolicy", group, error));
    match answer {
        Err(error) if error.code() == Some("OperationAbortedException") => {
            let operation = format!("{} of {group}", error.action());
            Err(Error::backend(operation, error))
        }
        answer => done(answer, &[]),
    }
}

/// Source: "DeleteDBSnapshot": only one that is available and was not made automatically.
#[cfg(feature = "aws-rds")]
pub(super) async fn delete_database_snapshot(place: &Place, snapshot: &str) -> Result<(), Error> {
    let answer = place.rds().delete_db_snapshot().db_snapshot_identifier(snapshot).send().await;
    let answer = answer.map_err(|error| CallError::new("rds:DeleteDBSnapshot", snapshot, error));
    done(answer, &["InvalidDBSnapshotState"])
}

/// Source: "DeleteDBClusterSnapshot": the same of a cluster's.
#[cfg(feature = "aws-rds")]
pub(super) async fn delete_cluster_snapshot(place: &Place, snapshot: &str) -> Result<(), Error> {
    let delete = place.rds().delete_db_cluster_snapshot();
    let answer = delete.db_cluster_snapshot_identifier(snapshot).send().await;
    let answer =
        answer.map_err(|error| CallError::new("rds:DeleteDBClusterSnapshot", snapshot, error));
    done(answer, &["InvalidDBClusterSnapshotStateFault"])
}

#[cfg(not(feature = "aws-rds"))]
pub(super) async fn delete_cluster_snapshot(_: &Place, snapshot: &str) -> Result<(), Error> {
    Err(super::without("aws-rds", &format!("to delete the cluster snapshot {snapshot}")))
}

#[cfg(not(feature = "aws-rds"))]
pub(super) async fn delete_database_snapshot(_: &Place, snapshot: &str) -> Result<(), Error> {
    Err(super::without("aws-rds", &format!("to delete the database snapshot {snapshot}")))
}
