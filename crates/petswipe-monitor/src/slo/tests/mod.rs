//! Tests of SLOs, and what they share.

mod bad_input;
mod cloudwatch;
mod counted;
mod evaluate;
#[cfg(feature = "openslo")]
mod openslo;
mod prometheus;
mod properties;
mod spending;
mod workbook;

use std::time::Duration;

use jiff::Timestamp;

use super::{DAYS_30, Objective, Slo};
use crate::{Errors, Histogram, MemorySource, Observation, Subject, Window};

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// The last minute of a month.
pub(super) const END: i64 = 43_200;

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

pub(super) fn shop() -> Slo {
    let promises = [
        Objective::availability(0.999).unwrap(),
        Objective::latency(0.99, Duration::from_millis(250)).unwrap(),
    ];
    Slo::new("checkout", "shop", promises, DAYS_30).unwrap()
}

/// What the shop did in one minute: so many requests, of which so many fail and so many take a second and not 20 ms.
pub(super) fn minute(minute: i64, requests: u64, failed: u64, slow: u64) -> Observation {
    let mut latency = Histogram::new();
    latency.record_many(Duration::from_millis(20), requests - slow);
    latency.record_many(Duration::from_secs(1), slow);
    let window = Window::new(at(minute), at(minute + 1)).unwrap();
    Observation {
        requests: Some(requests),
        errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
        latency: Some(latency),
        ..Observation::missing(Subject::environment("shop"), window)
    }
}

/// A month, of which the last minutes are bad in that way.
pub(super) fn month(bad_minutes: i64, requests: u64, failed: u64, slow: u64) -> MemorySource {
    let source = MemorySource::new(MINUTE, Duration::ZERO);
    for n in 0..43_200 {
        let bad = u64::from(n >= 43_200 - bad_minutes);
        source.record(minute(n, requests, failed * bad, slow * bad)).unwrap();
    }
    source
}
