//! A snapshot is made once for each wish, whatever happens on the way, and waited for.

use std::time::Duration;

use petswipe_aws::script::Fault;
use petswipe_cost::Error;
use petswipe_cost::removal::Remover;

use super::{World, said};
use crate::world::home;

const TOKEN: &str = "removal-1/vol-1";

#[tokio::test]
async fn it_is_complete_when_it_is_given_and_says_what_it_is() {
    let world = World::new();
    assert_eq!(world.snapshot(TOKEN).await.unwrap(), "snap-1");
    world.wire.with(|cloud| {
        let one = &cloud.snapshots[0];
        assert_eq!((one.looks, one.failed), (0, false));
        assert_eq!(one.description, "Made by petswipe before vol-1 was deleted");
        let tags: Vec<_> = one.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(tags, ["petswipe:snapshot-of=vol-1", "petswipe:token=removal-1/vol-1"]);
    });
    assert_eq!(
        world.wire.operations(),
        [
            "GetCallerIdentity",
            "DescribeSnapshots",
            "CreateSnapshot",
            "DescribeSnapshots",
            "DescribeSnapshots"
        ]
    );
    assert_eq!(world.waited(), Duration::from_secs(2));
}

#[tokio::test]
async fn the_same_wish_gives_the_same_snapshot_and_another_one_another() {
    let world = World::new();
    let first = world.snapshot(TOKEN).await.unwrap();
    assert_eq!(world.snapshot(TOKEN).await.unwrap(), first);
    // To a filter this is like the one before.
    assert_ne!(world.snapshot("removal-1/*").await.unwrap(), first);
    assert_eq!(world.calls("CreateSnapshot"), 2);
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_one() {
    // The SDK would try again three times by itself.
    let world = World::of(|wire| wire.retrying(4));
    world.wire.fate(|call| (call.action == "ec2:CreateSnapshot").then_some(Fault::LostAnswer));
    world.wire.with(|cloud| cloud.unseen = 3);
    assert_eq!(world.snapshot(TOKEN).await.unwrap(), "snap-1");
    assert_eq!(world.calls("CreateSnapshot"), 1);
    assert_eq!(world.wire.with(|cloud| cloud.snapshots.len()), 1);
}

#[tokio::test]
async fn what_nobody_can_find_may_exist_and_has_a_tag() {
    let world = World::new();
    world.wire.fate(|call| (call.action == "ec2:CreateSnapshot").then_some(Fault::LostAnswer));
    world.wire.with(|cloud| cloud.unseen = 6);
    let error = world.snapshot(TOKEN).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let said = said::<()>(Err(error));
    for part in ["ec2:CreateSnapshot of vol-1", "may exist", "petswipe:token=removal-1/vol-1"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    // Whoever goes on finds it.
    world.wire.fate(|_| None);
    assert_eq!(world.snapshot(TOKEN).await.unwrap(), "snap-1");
    assert_eq!(world.calls("CreateSnapshot"), 1);
}

#[tokio::test]
async fn one_that_takes_too_long_is_named_with_its_tag() {
    let world = World::new();
    world.wire.with(|cloud| cloud.looks = usize::MAX);
    let error = world.snapshot(TOKEN).await.unwrap_err();
    assert!(matches!(error, Error::Backend { .. }), "{error:?}");
    assert_eq!(world.waited(), Duration::from_secs(5 * 3600));
    let said = said::<()>(Err(error));
    let wanted = "snapshot snap-1 of vol-1 failed: it was not complete after 18000 s (it is at 40%); it goes on, and has the tag \
                  petswipe:token=removal-1/vol-1";
    assert_eq!(said, wanted);
    let calls = world.calls("DescribeSnapshots");
    assert!(calls < 320, "{calls} looks in five hours");
}

#[tokio::test]
async fn one_that_failed_says_why_and_the_next_try_makes_another() {
    let world = World::new();
    world.wire.with(|cloud| cloud.failing = 1);
    let said = said(world.snapshot(TOKEN).await);
    assert!(
        said.contains("snapshot snap-1 of vol-1 failed: it failed (no key), holds nothing"),
        "{said}"
    );
    assert_eq!(world.snapshot(TOKEN).await.unwrap(), "snap-2");
}

#[tokio::test]
async fn a_look_that_fails_is_made_again_and_one_that_is_denied_is_not() {
    let world = World::new();
    let mut looks = 0;
    world.wire.fate(move |call| {
        looks += usize::from(call.action == "ec2:DescribeSnapshots");
        match looks {
            2 => Some(Fault::Throttled(None)),
            3 => Some(Fault::Broken),
            _ => None,
        }
    });
    assert_eq!(world.snapshot(TOKEN).await.unwrap(), "snap-1");
    let mut looks = 0;
    world.wire.fate(move |call| {
        looks += usize::from(call.action == "ec2:DescribeSnapshots");
        (looks >= 2).then_some(Fault::Denied)
    });
    let error = world.snapshot("removal-2/vol-1").await.unwrap_err();
    assert_eq!(error.missing_action(), Some("ec2:DescribeSnapshots"));
    let said = said::<()>(Err(error));
    assert!(said.contains("snapshot snap-2 of vol-1 was begun"), "{said}");
}

#[tokio::test]
async fn too_many_at_a_time_are_waited_for_and_then_said() {
    let world = World::new();
    for code in ["SnapshotCreationPerVolumeRateExceeded", "ConcurrentSnapshotLimitExceeded"] {
        world.refuse("ec2:CreateSnapshot", code);
    }
    assert_eq!(world.snapshot(TOKEN).await.unwrap(), "snap-1");
    assert_eq!(world.waited(), Duration::from_secs(15 + 15 + 2));
    for _ in 0..4 {
        world.refuse("ec2:CreateSnapshot", "SnapshotCreationPerVolumeRateExceeded");
    }
    let error = world.snapshot("removal-2/vol-1").await.unwrap_err();
    let Error::Throttled { action, retry_after } = error else { panic!("{error:?}") };
    assert_eq!(action, "ec2:CreateSnapshot");
    assert_eq!(retry_after, Some(Duration::from_secs(15)));
}

#[tokio::test]
async fn what_is_refused_or_denied_made_nothing() {
    let world = World::new();
    let missing = world.remover.snapshot(&home(), "vol-none", TOKEN).await.unwrap_err();
    assert!(matches!(&missing, Error::NotFound { what } if what == "vol-none"), "{missing:?}");
    for action in ["ec2:DescribeSnapshots", "ec2:CreateSnapshot"] {
        world.wire.fate(move |call| (call.action == action).then_some(Fault::Denied));
        assert_eq!(world.snapshot(TOKEN).await.unwrap_err().missing_action(), Some(action));
    }
    world.wire.fate(|_| None);
    world.refuse("ec2:CreateSnapshot", "SnapshotLimitExceeded");
    let refused = world.snapshot(TOKEN).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }) && !refused.is_retryable(), "{refused:?}");
    assert!(world.wire.with(|cloud| cloud.snapshots.is_empty()));
}
