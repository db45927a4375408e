//! From the values of each minute to what happened in it. Pure; what nobody measured stays unknown.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::fetch::Series;
use super::queries::{Measure, PERIOD};
use crate::{Errors, Histogram, Observation, Saturation, Subject, Targets, Window};

/// What `subject` did in `window`, minute by minute.
pub(super) fn observed(
    subject: &Subject,
    window: Window,
    bounds: &[Duration],
    seen: &BTreeMap<Measure, Series>,
) -> Observation {
    let mut sum = Observation::missing(subject.clone(), Window::empty(window.from));
    while sum.window.to < window.to {
        let from = sum.window.to;
        let to = from + Duration::from_secs(PERIOD.unsigned_abs().into());
        let minute = Minute { seen, second: from.as_second() };
        sum = sum.then(minute.observed(subject, from, to, bounds));
    }
    sum
}

struct Minute<'a> {
    seen: &'a BTreeMap<Measure, Series>,
    second: i64,
}

impl Minute<'_> {
    fn value(&self, measure: Measure) -> Option<f64> {
        self.seen.get(&measure)?.get(&self.second).copied()
    }

    /// A count, rounded: sums of ones are whole.
    fn count(&self, measure: Measure) -> Option<u64> {
        self.value(measure).map(|value| value.round() as u64)
    }

    fn observed(
        &self,
        subject: &Subject,
        from: Timestamp,
        to: Timestamp,
        bounds: &[Duration],
    ) -> Observation {
        let mut minute = Observation::missing(subject.clone(), Window { from, to });
        let share = |measure| self.value(measure).map(|percent| percent / 100.0);
        minute.saturation = Saturation { cpu: share(Measure::Cpu), memory: share(Measure::Memory) };
        let hosts = |measure| Some(u32::try_from(self.count(measure)?).unwrap_or(u32::MAX));
        if let (Some(healthy), Some(unhealthy)) =
            (hosts(Measure::Healthy), hosts(Measure::Unhealthy))
        {
            minute.targets = Some(Targets { healthy, unhealthy });
        }
        // From here on what has no value is zero: either there were requests, and with them their metrics, or targets
        // were counted and no request was.
        let answers = [2, 3, 4, 5].map(|class| self.count(Measure::Answers(class)).unwrap_or(0));
        let answered = answers.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let published = minute.targets.is_some() && answered == 0;
        let Some(requests) = self.count(Measure::Requests).or(published.then_some(0)) else {
            return minute;
        };
        minute.requests = Some(requests);
        let by_balancer = [502, 503, 504]
            .map(|status| self.count(Measure::Balancer(status)).unwrap_or(0))
            .iter()
            .fold(0, |sum: u64, count| sum.saturating_add(*count));
        if answered == 0 && by_balancer < requests {
            // Some of them were answered by nobody, and no target answered any: then the answers of targets are not
            // published, rather than all of those abandoned. The load balancer's own are known all the same.
            minute.errors.balancer = (by_balancer > 0).then_some(by_balancer);
            return minute;
        }
        minute.errors = Errors {
            client: Some(answers[2]),
            server: Some(answers[3]),
            balancer: Some(requests.saturating_sub(answered).min(by_balancer)),
        };
        minute.latency = self.latency(answered, bounds);
        minute
    }

    /// How long the answers took, each request counted at the upper end of where it may lie. `None` where the counts
    /// contradict each other.
    fn latency(&self, answered: u64, bounds: &[Duration]) -> Option<Histogram> {
        let mut histogram = Histogram::new();
        let mut left = self.count(Measure::Samples).unwrap_or(0);
        if left == 0 {
            return (answered == 0).then_some(histogram);
        }
        let longest = Duration::try_from_secs_f64(self.value(Measure::Longest)?).ok()?;
        for (index, bound) in bounds.iter().enumerate() {
            let within = self.value(Measure::Within(index)).unwrap_or(0.0);
            // Should a count not be whole, what is cut off stays among the longest.
            let within = (within + 1e-6) as u64;
            left = left.checked_sub(within)?;
            histogram.record_many(longest.min(*bound), within);
        }
        histogram.record_many(longest, left);
        Some(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: [Duration; 2] = [Duration::from_micros(8192), Duration::from_micros(1 << 20)];

    fn minute(values: &[(Measure, f64)]) -> Observation {
        let seen = values.iter().map(|(measure, value)| (*measure, [(0, *value)].into())).collect();
        let at = |second| Timestamp::from_second(second).unwrap();
        let window = Window { from: at(0), to: at(60) };
        observed(&Subject::environment("green"), window, &BOUNDS, &seen)
    }

    const HOSTS: [(Measure, f64); 2] = [(Measure::Healthy, 2.0), (Measure::Unhealthy, 0.0)];

    fn with_hosts(values: &[(Measure, f64)]) -> Observation {
        minute(&[&HOSTS[..], values].concat())
    }

    #[test]
    fn nothing_is_zero_that_was_not_published() {
        assert!(minute(&[]).is_missing());
        // Whatever else the load balancer did.
        assert!(minute(&[(Measure::Balancer(502), 7.0)]).is_missing());
        let one_count = minute(&HOSTS[..1]);
        assert!(one_count.is_missing(), "{one_count:?}");
        let quiet = with_hosts(&[]);
        assert_eq!(quiet.requests, Some(0));
        assert_eq!(quiet.errors, Errors { client: Some(0), server: Some(0), balancer: Some(0) });
        assert_eq!(quiet.latency, Some(Histogram::new()));
        assert_eq!(quiet.targets, Some(Targets { healthy: 2, unhealthy: 0 }));
    }

    #[test]
    fn what_contradicts_itself_is_unknown() {
        // Answers without requests.
        let seen = with_hosts(&[(Measure::Answers(2), 9.0)]);
        assert_eq!((seen.requests, seen.errors), (None, Errors::default()));
        // Requests that nobody answered.
        let seen = with_hosts(&[(Measure::Requests, 9.0)]);
        assert_eq!((seen.requests, seen.errors), (Some(9), Errors::default()));
        assert_eq!(seen.latency, None);
        // Nor did the load balancer, but for some: of the others it is not known whether they failed.
        let seen = with_hosts(&[(Measure::Requests, 9.0), (Measure::Balancer(504), 4.0)]);
        assert_eq!(
            (seen.requests, seen.errors.server, seen.errors.failed()),
            (Some(9), None, None)
        );
        assert_eq!((seen.errors.client, seen.errors.failed_at_least()), (None, Some(4)));
        assert_eq!((seen.error_rate(), seen.latency), (None, None));
        // An absent class beside one that is published has nothing in it.
        let seen = with_hosts(&[(Measure::Requests, 9.0), (Measure::Answers(2), 9.0)]);
        assert_eq!(seen.errors, Errors { client: Some(0), server: Some(0), balancer: Some(0) });
        // And where the load balancer answered all, no target did.
        let seen = with_hosts(&[(Measure::Requests, 9.0), (Measure::Balancer(503), 9.0)]);
        assert_eq!((seen.errors.server, seen.errors.balancer), (Some(0), Some(9)));
        // Answers that took no time.
        let answered = [(Measure::Requests, 9.0), (Measure::Answers(2), 9.0)];
        assert_eq!(minute(&answered).latency, None);
        // More within the bounds than there are.
        let more = [
            (Measure::Samples, 9.0),
            (Measure::Longest, 0.01),
            (Measure::Within(0), 8.0),
            (Measure::Within(1), 2.0),
        ];
        assert_eq!(minute(&[&answered[..], &more].concat()).latency, None);
    }

    #[test]
    fn the_load_balancers_failures_are_those_that_no_target_answered_and_it_did() {
        for (requests, answered, by_balancer, failures) in [
            (100.0, 90.0, 10.0, 10),
            // Of another target group.
            (100.0, 100.0, 10.0, 0),
            (100.0, 97.0, 10.0, 3),
            // Abandoned by their clients.
            (100.0, 90.0, 4.0, 4),
            (100.0, 90.0, 0.0, 0),
            // Counted in the minute before.
            (100.0, 101.0, 5.0, 0),
        ] {
            let seen = minute(&[
                (Measure::Requests, requests),
                (Measure::Answers(2), answered),
                (Measure::Balancer(504), by_balancer),
            ]);
            assert_eq!(seen.errors.balancer, Some(failures), "{requests} {answered} {by_balancer}");
            assert_eq!(seen.errors.failed(), Some(failures));
        }
    }

    #[test]
    fn no_request_counts_as_quicker_than_it_was() {
        let seen = |within: &[(Measure, f64)], longest| {
            let values = [
                (Measure::Requests, 10.0),
                (Measure::Answers(2), 10.0),
                (Measure::Samples, 10.0),
                (Measure::Longest, longest),
            ];
            minute(&[&values[..], within].concat()).latency.unwrap()
        };
        let both = seen(&[(Measure::Within(0), 6.0), (Measure::Within(1), 3.0)], 7.5);
        assert_eq!(both.quantile(0.6), Some(BOUNDS[0]));
        assert_eq!(both.quantile(0.9), Some(BOUNDS[1]));
        assert_eq!(both.quantile(0.91), Some(Duration::from_millis(7500)));
        // A missing count, or half a request, is among the longest.
        let gap = seen(&[(Measure::Within(1), 3.5)], 7.5);
        assert_eq!((gap.count(), gap.count_above(BOUNDS[1])), (10, 7));
        // None took longer than the longest.
        let short = seen(&[(Measure::Within(0), 1.0), (Measure::Within(1), 9.0)], 0.02);
        assert_eq!(short.quantile(1.0), Some(Duration::from_millis(20)));
    }

    proptest! {
        /// Whatever the times, and whether or not a count of nothing is a value.
        #[test]
        fn a_quantile_is_never_below_the_exact_one_nor_above_the_next_bound(
            mut micros in prop::collection::vec(1u32..3_000_000, 1..60),
            q in 0.0f64..=1.0, counts_nothing in any::<bool>(),
        ) {
            micros.sort_unstable();
            let all = micros.len() as f64;
            let time = |micros: u32| Duration::from_micros(micros.into());
            let longest = time(micros[micros.len() - 1]);
            let mut values = vec![
                (Measure::Requests, all),
                (Measure::Answers(2), all),
                (Measure::Samples, all),
                (Measure::Longest, longest.as_secs_f64()),
            ];
            let mut low = Duration::ZERO;
            for (index, high) in BOUNDS.into_iter().enumerate() {
                let inside = micros.iter().filter(|m| time(**m) > low && time(**m) <= high).count();
                if inside > 0 || counts_nothing {
                    values.push((Measure::Within(index), inside as f64));
                }
                low = high;
            }
            let histogram = minute(&values).latency.unwrap();
            prop_assert_eq!(histogram.count(), micros.len() as u64);
            prop_assert_eq!(histogram.max(), Some(longest));
            let rank = ((q * all).ceil() as usize).clamp(1, micros.len());
            let exact = time(micros[rank - 1]);
            let next = BOUNDS.into_iter().find(|bound| *bound >= exact).unwrap_or(longest);
            let got = histogram.quantile(q).unwrap();
            prop_assert!(got >= exact && got <= next.min(longest), "{exact:?} {got:?} {next:?}");
        }
    }
}
