//! Calls that fail, and answers that are not whole.

use std::time::Duration;

use futures_util::future::join;
use petswipe_aws::script::Fault;
use petswipe_monitor::{Error, explain};

use crate::world::{World, blue, green};

fn served() -> World {
    let world = World::new();
    world.answer(&green(), 100, 2, 0.03);
    world.pass(180);
    world
}

async fn under(fault: Fault) -> Error {
    let world = served();
    world.wire.fate(move |_| Some(fault));
    let error = world.seen(&green(), 4).await.unwrap_err();
    world.wire.fate(|_| None);
    // The next look is as if nothing had been.
    assert_eq!(world.seen(&green(), 4).await.unwrap().requests, Some(100));
    assert_eq!(world.wire.operations(), ["GetMetricData"; 2]);
    error
}

#[tokio::test]
async fn an_error_says_what_can_be_done_about_it() {
    let error = under(Fault::Throttled(Some(30))).await;
    let Error::Throttled { source_name, retry_after } = &error else { panic!("{error:?}") };
    assert_eq!(source_name, "GetMetricData of targetgroup/shop-production-green/1");
    assert_eq!(*retry_after, Some(Duration::from_secs(30)));
    assert!(error.is_retryable());
    for fault in [Fault::Denied, Fault::Expired] {
        let error = under(fault).await;
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
        assert!(!error.is_retryable());
    }
    let error = under(Fault::Refused).await;
    assert!(matches!(error, Error::Refused { .. }) && !error.is_retryable(), "{error:?}");
    let said = "GetMetricData of targetgroup/shop-production-green/1 was refused";
    assert!(explain(&error).starts_with(said), "{}", explain(&error));
    for fault in [Fault::Broken, Fault::Unreachable, Fault::LostAnswer] {
        let error = under(fault).await;
        assert!(matches!(error, Error::Backend { .. }) && error.is_retryable(), "{error:?}");
        assert!(
            explain(&error).starts_with("GetMetricData of targetgroup/shop-production-green/1")
        );
    }
}

#[tokio::test]
async fn all_who_waited_for_a_call_hear_that_it_failed() {
    let world = served();
    world.wire.fate(|_| Some(Fault::Denied));
    let (blue, green) = (blue(), green());
    let (one, other) = join(world.seen(&blue, 4), world.seen(&green, 4)).await;
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    }
    assert_eq!(world.wire.calls().len(), 1);
}

#[tokio::test]
async fn a_part_is_not_taken_for_the_whole_and_no_failure_for_zero() {
    for (status, message, said) in [
        ("PartialData", None, "PartialData"),
        ("InternalError", None, "InternalError"),
        ("Forbidden", Some("not this account"), "not this account"),
        ("Complete", Some("one data point was dropped"), "one data point was dropped"),
    ] {
        let world = served();
        world.wire.with(|cloudwatch| {
            let metric = "HTTPCode_Target_5XX_Count".to_owned();
            let message = message.map(str::to_owned);
            cloudwatch.status = Some((metric, status.to_owned(), message));
        });
        let error = world.seen(&green(), 4).await.unwrap_err();
        let explained = explain(&error);
        assert!(explained.contains("HTTPCode_Target_5XX_Count"), "{explained}");
        assert!(explained.contains(said) && error.is_retryable(), "{explained}");
    }
}

#[tokio::test]
async fn one_subjects_missing_part_does_not_take_the_others_answer_away() {
    let world = served();
    world.wire.with(|cloudwatch| {
        let metric = "TargetGroup=targetgroup/shop-production-blue/1".to_owned();
        cloudwatch.status = Some((metric, "InternalError".to_owned(), None));
    });
    let (blue, green) = (blue(), green());
    let (one, other) = join(world.seen(&blue, 4), world.seen(&green, 4)).await;
    assert!(matches!(one.unwrap_err(), Error::Backend { .. }));
    assert_eq!(other.unwrap().requests, Some(100));
}

#[tokio::test]
async fn a_message_about_the_answer_means_that_a_part_is_missing() {
    let world = served();
    world.wire.with(|cloudwatch| {
        cloudwatch.message = Some("Maximum number of allowed metrics exceeded".to_owned());
    });
    let error = explain(&world.seen(&green(), 4).await.unwrap_err());
    assert!(error.ends_with("Note: Maximum number of allowed metrics exceeded"), "{error}");
}

#[tokio::test]
async fn a_failure_on_a_later_page_is_a_failure_of_all() {
    let world = World::paged(2);
    world.answer(&green(), 100, 2, 0.03);
    world.pass(180);
    let mut calls = 0;
    world.wire.fate(move |_| {
        calls += 1;
        (calls == 3).then_some(Fault::Broken)
    });
    assert!(world.seen(&green(), 4).await.is_err());
    assert_eq!(world.wire.calls().len(), 3);
}

/// 10 % of the calls are throttled, 5 % lose their answer, 2 % break; each answer has several pages.
#[tokio::test]
async fn under_faults_an_answer_is_the_truth_or_an_error() {
    let (mut answered, mut failed) = (0, 0);
    for seed in 0..200 {
        let world = World::paged(8);
        world.answer(&green(), 90, 2, 0.03);
        world.answer(&green(), 5, 5, 2.5);
        world.fail(&green(), 5, 504);
        world.pass(180);
        let mut random = fastrand::Rng::with_seed(seed);
        world.wire.fate(move |_| match random.u8(0..100) {
            ..10 => Some(Fault::Throttled(None)),
            10..15 => Some(Fault::LostAnswer),
            15..17 => Some(Fault::Broken),
            _ => None,
        });
        let (blue, green) = (blue(), green());
        let (quiet, busy) = join(world.seen(&blue, 4), world.seen(&green, 4)).await;
        match (quiet, busy) {
            (Ok(quiet), Ok(busy)) => {
                answered += 1;
                assert_eq!((quiet.requests, quiet.errors.failed()), (Some(0), Some(0)), "{seed}");
                assert_eq!((busy.requests, busy.errors.failed()), (Some(100), Some(10)), "{seed}");
                assert_eq!(busy.latency.unwrap().count_above(Duration::from_secs(2)), 5, "{seed}");
            }
            (Err(one), Err(other)) => {
                failed += 1;
                assert!(one.is_retryable() && other.is_retryable(), "{seed}: {one} and {other}");
            }
            (one, other) => panic!("{seed}: {one:?} and {other:?}"),
        }
    }
    println!("of 200 looks {answered} were answered and {failed} failed");
    assert!(answered >= 20 && failed >= 20, "{answered} answered, {failed} failed");
}
