//! Each action: what is asked for, that twice is once, and what refusals mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use petswipe_aws::script::{Fault, Wire};
use petswipe_aws::{CallBudget, budgeted};
use petswipe_cost::aws::{AwsRemover, removal_policy};
use petswipe_cost::removal::Remover;
use petswipe_cost::{Action, Error};
use petswipe_runbook::SystemClock;

use super::cloud::{Cloud, Snapshot, Volume};
use super::{World, said};
use crate::account::{ACCOUNT, CLOSED};
use crate::world::{home, region};

const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/1";

fn fill(cloud: &mut Cloud) {
    cloud.snapshots.push(Snapshot {
        id: "snap-old".to_owned(),
        volume: "vol-1".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        looks: 0,
        failed: false,
    });
    cloud.addresses.insert("eipalloc-1".to_owned(), None);
    cloud.instances.insert("i-1".to_owned(), "running");
    cloud.others.extend(
        [ARN, "old", "nat-1", "before-upgrade", "cluster before-upgrade"].map(str::to_owned),
    );
    cloud.retention.insert("/shop/web".to_owned(), None);
    cloud.volumes.insert("vol-gp2".to_owned(), Volume::of("gp2"));
}

/// Every action with the call that carries it out, and a code by which that is refused for what uses it.
fn actions() -> Vec<(Action, &'static str, Option<&'static str>)> {
    let text = str::to_owned;
    vec![
        (Action::DeleteVolume { volume: text("vol-1") }, "ec2:DeleteVolume", Some("VolumeInUse")),
        (
            Action::ReleaseAddress { allocation: text("eipalloc-1") },
            "ec2:ReleaseAddress",
            Some("InvalidIPAddress.InUse"),
        ),
        (
            Action::DeleteSnapshot { snapshot: text("snap-old") },
            "ec2:DeleteSnapshot",
            Some("InvalidSnapshot.InUse"),
        ),
        (
            Action::DeleteDatabaseSnapshot { snapshot: text("before-upgrade") },
            "rds:DeleteDBSnapshot",
            Some("InvalidDBSnapshotState"),
        ),
        (
            Action::DeleteClusterSnapshot { snapshot: text("before-upgrade") },
            "rds:DeleteDBClusterSnapshot",
            Some("InvalidDBClusterSnapshotStateFault"),
        ),
        (
            Action::DeleteLoadBalancer { balancer: text(ARN) },
            "elasticloadbalancing:DeleteLoadBalancer",
            Some("OperationNotPermitted"),
        ),
        (
            Action::DeleteLoadBalancer { balancer: text("old") },
            "elasticloadbalancing:DeleteLoadBalancer",
            None,
        ),
        (
            Action::DeleteNatGateway { gateway: text("nat-1") },
            "ec2:DeleteNatGateway",
            Some("DependencyViolation"),
        ),
        (
            Action::StopInstance { instance: text("i-1") },
            "ec2:StopInstances",
            Some("OperationNotPermitted"),
        ),
        (
            Action::ConvertVolume { volume: text("vol-gp2"), iops: 3000, throughput_mib: 125 },
            "ec2:ModifyVolume",
            Some("VolumeModificationRateExceeded"),
        ),
        (
            Action::SetRetention { group: text("/shop/web"), days: 365 },
            "logs:PutRetentionPolicy",
            None,
        ),
    ]
}

#[tokio::test]
async fn each_action_does_what_it_says_and_twice_is_once() {
    let world = World::new();
    world.wire.with(fill);
    for _ in 0..2 {
        for (action, ..) in actions() {
            world.act(action.clone()).await.unwrap_or_else(|error| panic!("{action}: {error:?}"));
        }
        world.wire.with(|cloud| {
            assert_eq!(
                cloud.volumes.keys().collect::<Vec<_>>(),
                ["vol-attached", "vol-gp2"],
                "what is attached is still there"
            );
            assert!(cloud.snapshots.is_empty() && cloud.addresses.is_empty());
            assert!(cloud.others.is_empty(), "{:?}", cloud.others);
            assert_eq!(cloud.instances["i-1"], "stopped");
            assert_eq!(cloud.volumes["vol-gp2"].modifying, Some((3000, 125)));
            assert_eq!(cloud.retention["/shop/web"], Some(365));
        });
    }
}

#[tokio::test]
async fn what_does_not_exist_is_done() {
    let world = World::new();
    world.wire.with(|cloud| cloud.volumes.clear());
    for (action, ..) in actions() {
        world.act(action.clone()).await.unwrap_or_else(|error| panic!("{action}: {error:?}"));
    }
}

#[tokio::test]
async fn what_is_in_use_is_a_conflict_and_what_is_refused_changed_nothing() {
    for (action, call, in_use) in actions() {
        let world = World::new();
        world.wire.with(fill);
        if let Some(code) = in_use {
            world.refuse(call, code);
            let error = world.act(action.clone()).await.unwrap_err();
            let Error::Conflict { what } = &error else { panic!("{action}: {error:?}") };
            assert!(what.starts_with(&format!("{call} of ")) && what.contains(code), "{what}");
        }
        world.refuse(call, "InvalidParameterValue");
        let error = world.act(action.clone()).await.unwrap_err();
        let Error::Refused { action: named, .. } = &error else { panic!("{action}: {error:?}") };
        assert_eq!(named, call);
        world.act(action).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_denied_throttled_or_lost_says_so() {
    for (action, call, _) in actions() {
        let world = World::new();
        world.wire.with(fill);
        let fails = |fault: Fault| {
            let call = call.to_owned();
            world.wire.fate(move |one| (one.action == call).then_some(fault));
        };
        fails(Fault::Denied);
        assert_eq!(world.act(action.clone()).await.unwrap_err().missing_action(), Some(call));
        fails(Fault::Throttled(Some(7)));
        let error = world.act(action.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Throttled { .. }), "{action}: {error:?}");
        fails(Fault::LostAnswer);
        let error = world.act(action.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Backend { .. }), "{action}: {error:?}");
        // It did happen; to do it again is no mistake.
        world.wire.fate(|_| None);
        world.act(action.clone()).await.unwrap_or_else(|error| panic!("{action}: {error:?}"));
    }
}

#[tokio::test]
async fn an_address_that_is_associated_is_never_released() {
    let world = World::new();
    let user = Some("eipassoc-1".to_owned());
    world.wire.with(|cloud| cloud.addresses.insert("eipalloc-1".to_owned(), user));
    let action = Action::ReleaseAddress { allocation: "eipalloc-1".to_owned() };
    let error = world.act(action).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict { what } if what.contains("eipassoc-1")), "{error:?}");
    assert_eq!(world.calls("ReleaseAddress"), 0);
    let bare = Action::ReleaseAddress { allocation: "203.0.113.1".to_owned() };
    let error = world.act(bare).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn an_instance_that_cannot_be_stopped_is_a_conflict_unless_it_is_gone() {
    let stop = || Action::StopInstance { instance: "i-1".to_owned() };
    for (state, gone) in [("terminated", true), ("shutting-down", true), ("pending", false)] {
        let world = World::new();
        world.wire.with(|cloud| cloud.instances.insert("i-1".to_owned(), state));
        match world.act(stop()).await {
            Ok(()) => assert!(gone, "{state}"),
            Err(error) => {
                assert!(matches!(error, Error::Conflict { .. }) && !gone, "{state}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_volume_that_somebody_else_changed_is_left_alone() {
    let convert =
        || Action::ConvertVolume { volume: "vol-gp2".to_owned(), iops: 3000, throughput_mib: 125 };
    let with = |volume: Volume| {
        let world = World::new();
        world.wire.with(|cloud| cloud.volumes.insert("vol-gp2".to_owned(), volume));
        world
    };
    let done = with(Volume { iops: 3000, ..Volume::of("gp3") });
    done.act(convert()).await.unwrap();
    assert_eq!(done.calls("ModifyVolume"), 0);
    let faster = with(Volume { iops: 9000, ..Volume::of("gp3") });
    assert!(said(faster.act(convert()).await).contains("vol-gp2 is gp3 by now, not gp2"));
    let under_way = with(Volume { modifying: Some((9000, 125)), ..Volume::of("gp2") });
    let error = under_way.act(convert()).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
}

#[tokio::test]
async fn two_changes_of_a_log_group_at_a_time_are_tried_again() {
    let world = World::new();
    world.wire.with(fill);
    world.refuse("logs:PutRetentionPolicy", "OperationAbortedException");
    let action = Action::SetRetention { group: "/shop/web".to_owned(), days: 365 };
    assert!(world.act(action).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn credentials_of_another_account_change_nothing() {
    let world = World::new();
    world.wire.with(fill);
    world.wire.with(|cloud| cloud.account = "999999999999");
    for (action, ..) in actions() {
        let error = world.act(action).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    }
    let said = said(world.snapshot("removal-1/vol-1").await);
    let wanted = "account of the credentials is 999999999999; allowed: 123456789012, for which this was planned";
    assert_eq!(said, wanted);
    // Nor do those of which nobody knows whose they are, or a region that is not enabled.
    world.wire.fate(|call| (call.action == "sts:GetCallerIdentity").then_some(Fault::Broken));
    world.snapshot("removal-1/vol-1").await.unwrap_err();
    world.wire.fate(|_| None);
    let closed = region(CLOSED);
    world.remover.act(&closed, &actions()[0].0).await.unwrap_err();
    assert!(world.wire.operations().iter().all(|operation| operation == "GetCallerIdentity"));
}

#[tokio::test]
async fn the_policy_has_exactly_what_is_called() {
    let wire = Wire::new(Cloud::default());
    wire.with(fill);
    let budget = CallBudget::default();
    let config = budgeted(&wire.config(), &budget);
    let remover = AwsRemover::new(&config, ACCOUNT, Arc::new(SystemClock::new()));
    wire.with(|cloud| cloud.looks = 0);
    remover.snapshot(&home(), "vol-1", "removal-1/vol-1").await.unwrap();
    for (action, ..) in actions() {
        remover.act(&home(), &action).await.unwrap();
    }
    // What is looked at only after a refusal.
    wire.with(|cloud| cloud.instances.insert("i-1".to_owned(), "terminated"));
    for number in [8, 9] {
        remover.act(&home(), &actions()[number].0).await.unwrap();
    }
    let called: BTreeSet<String> = budget.calls().into_keys().collect();
    let mut allowed = removal_policy().actions();
    // It is the right to give tags to what CreateSnapshot makes.
    assert!(allowed.remove("ec2:CreateTags"));
    assert_eq!(called, allowed);
    let policy = removal_policy();
    let tags = policy.statements().iter().find(|one| one.actions().contains("ec2:CreateTags"));
    assert!(tags.unwrap().is_conditional());
}
