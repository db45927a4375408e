//! Which requests an objective counts, and which of them as bad.

use std::time::Duration;

use super::{END, MINUTE, at, minute, shop};
use crate::slo::{AlertState, Events, Objective, SloStatus, evaluate};
use crate::{Errors, Histogram, MemorySource, Observation};

fn fast() -> Objective {
    Objective::latency(0.99, Duration::from_millis(250)).unwrap()
}

/// So many requests, of which so many were answered by the load balancer, so many timed, and so many of those too slow.
fn seen(requests: Option<u64>, balancer: Option<u64>, timed: u64, slow: u64) -> Observation {
    let errors = Errors { client: Some(0), server: Some(0), balancer };
    Observation { requests, errors, ..minute(0, timed, 0, slow) }
}

#[test]
fn requests_that_nobody_timed_are_bad_where_they_are_few_and_else_unknown() {
    let all = Some(1000);
    for (seen, expected) in [
        (seen(all, Some(0), 1000, 0), Some((1000, 0))),
        (seen(all, Some(0), 1000, 7), Some((1000, 7))),
        // One in a hundred, and one more.
        (seen(all, Some(0), 990, 7), Some((1000, 17))),
        (seen(all, Some(0), 989, 7), None),
        (seen(all, Some(0), 10, 0), None),
        (seen(all, Some(0), 0, 0), None),
        // What the load balancer answers itself has no time of the service, and is availability's business.
        (seen(all, Some(600), 400, 4), Some((400, 4))),
        (seen(all, Some(600), 395, 4), Some((400, 9))),
        (seen(all, Some(600), 389, 4), None),
        (seen(all, Some(1000), 0, 0), None),
        // Not known whether it was the load balancer.
        (seen(all, None, 400, 4), None),
        (seen(all, None, 995, 4), Some((1000, 9))),
        // More times than requests: those that were answered just before.
        (seen(all, Some(0), 1003, 3), Some((1003, 3))),
        // Only the times are known, or nothing is.
        (seen(None, None, 400, 4), Some((400, 4))),
        (seen(None, None, 0, 0), None),
        (seen(Some(0), Some(0), 0, 0), Some((0, 0))),
    ] {
        let expected = expected.and_then(|(total, bad)| Events::new(total, bad));
        assert_eq!(fast().events(&seen), expected, "{seen:?}");
    }
    let untimed = Observation { latency: None, ..minute(0, 1000, 0, 0) };
    assert_eq!(fast().events(&untimed), None);
}

#[test]
fn failures_that_are_not_known_are_not_none() {
    let available = Objective::availability(0.999).unwrap();
    let with = |errors| Observation { errors, ..minute(0, 1000, 0, 0) };
    let errors = |server, balancer| Errors { client: Some(5), server, balancer };
    for (errors, bad) in [
        (errors(Some(3), Some(4)), Some(7)),
        (errors(Some(3), None), None),
        (errors(None, Some(4)), None),
        (Errors::default(), None),
    ] {
        let expected = bad.and_then(|bad| Events::new(1000, bad));
        assert_eq!(available.events(&with(errors)), expected, "{errors:?}");
    }
    let none = Observation { requests: None, ..minute(0, 1000, 0, 0) };
    assert_eq!(available.events(&none), None);
}

/// A request of just the threshold is in time; what is longer by more than a bucket of the histogram is not.
#[test]
fn what_takes_longer_than_the_threshold_is_bad_and_nothing_else() {
    for (millis, bad) in [(1, 0), (200, 0), (250, 0), (262, 1), (300, 1), (60_000, 1)] {
        let mut latency = Histogram::new();
        latency.record(Duration::from_millis(millis));
        let seen = Observation { latency: Some(latency), ..minute(0, 1, 0, 0) };
        assert_eq!(fast().events(&seen), Events::new(1, bad), "{millis} ms");
    }
}

/// A source that counts no requests and has times of none of them.
#[tokio::test]
async fn a_histogram_without_anything_in_it_is_no_quiet_service() {
    for (requests, timed) in [(None, 0), (Some(100), 0), (Some(100), 50)] {
        let source = MemorySource::new(MINUTE, Duration::ZERO);
        for n in 0..END {
            let known = minute(n, timed, 0, 0);
            source.record(Observation { requests, ..known }).unwrap();
        }
        let report = evaluate(&source, &shop(), at(END)).await.unwrap();
        let fast = &report.objectives[1];
        assert_eq!((fast.status(), fast.budget), (SloStatus::Unknown, None), "{requests:?}");
        assert!(fast.alerts.iter().all(|alert| alert.state == AlertState::Unknown), "{requests:?}");
    }
}
