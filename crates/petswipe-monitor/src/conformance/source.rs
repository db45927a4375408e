//! The contract of [`MetricSource`], sentence by sentence, in a world where requests are served and time passes.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Error, Histogram, MetricSource, Observation, Subject, Window};

/// Makes a module of tests which hold a source to the contract of [`MetricSource`].
///
/// The expression gives a new [`MetricWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! metric_source_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            async $module,
            $world,
            [
                the_answer_lies_within_the_window_asked,
                an_open_period_is_never_in_the_answer,
                what_happened_is_counted,
                no_measurement_is_none_and_not_zero,
                a_quiet_period_that_was_measured_is_zero,
                adjacent_windows_add_up_to_the_whole,
                time_that_passes_is_on_the_clock,
            ]
        );
    };
}

/// What a suite needs to watch a source: somebody who is served, and time that passes.
///
/// It may be a simulation with a clock of its own, or real processes behind a real load balancer on the clock of the
/// wall. So no test relies on a request falling into a certain period: each asks from the beginning of the period in
/// which it starts until the period of its last request is closed.
///
/// # Contract
/// - `time_that_passes_is_on_the_clock`: after [`let_time_pass`](Self::let_time_pass) [`now`](Self::now) is at least as
///   many periods later, and it never goes back.
#[async_trait]
pub trait MetricWorld: Send + Sync {
    /// The source that watches this world.
    fn source(&self) -> &dyn MetricSource;

    /// Who is [served](Self::serve): known to the source from the period on in which the world began.
    fn subject(&self) -> Subject;

    /// Somebody known to the source who is never served. `None` if the source can't tell a period without requests from
    /// one that it did not measure.
    fn idle_subject(&self) -> Option<Subject>;

    /// Somebody who does not exist.
    fn unknown_subject(&self) -> Subject;

    /// The time, by the clock of the source.
    fn now(&self) -> Timestamp;

    /// Has the subject serve so many requests, and fail with a 5xx at `failed` of them. Returns when they are answered.
    /// The subject serves no others.
    async fn serve(&self, requests: u64, failed: u64);

    /// Returns so many periods of the source later, or more.
    async fn let_time_pass(&self, periods: u32);
}

/// See [`MetricSource`]: the answer is about the subject and within the window asked.
pub async fn the_answer_lies_within_the_window_asked(world: &dyn MetricWorld) {
    let begin = this_period(world);
    world.serve(6, 2).await;
    close(world).await;
    let now = world.now();
    let period = world.source().resolution();
    let third = period / 3;
    for subject in [Some(world.subject()), world.idle_subject()].into_iter().flatten() {
        for (from, to) in [
            (begin, now),
            (begin + third, now - third),
            (begin + third, begin + third * 2),
            (begin, begin),
            (begin - period * 20, now),
            (begin, now + period * 20),
            (now + period * 5, now + period * 10),
            (long_ago(now), long_ago(now) + period * 5),
        ] {
            let asked = Window { from, to };
            let seen = observe(world, &subject, asked, now).await;
            assert_eq!(seen.subject, subject);
            assert!(asked.covers(&seen.window), "{} in {asked}", seen.window);
        }
    }
}

/// See [`MetricSource`]: the answer consists of whole periods that are over and do not change any more.
pub async fn an_open_period_is_never_in_the_answer(world: &dyn MetricWorld) {
    let begin = this_period(world);
    let period = world.source().resolution();
    let mut known: Vec<Observation> = Vec::new();
    for failed in 0..3 {
        world.serve(3, failed).await;
        let now = world.now();
        let asked = Window { from: begin, to: now + period * 10 };
        let seen = observe(world, &world.subject(), asked, now).await;
        assert_is_closed(world, &seen, now);
        known.push(seen);
        // The same, as of the time before all that.
        let before = observe(world, &world.subject(), asked, begin).await;
        assert_is_closed(world, &before, begin);
        let this = this_period(world);
        let short = Window { from: this + period / 4, to: this + period / 4 * 3 };
        let short = observe(world, &world.subject(), short, now).await;
        assert!(short.window.is_empty(), "{}", short.window);
        assert!(short.is_missing(), "{short:?}");
        close(world).await;
    }
    for before in known.iter().filter(|seen| !seen.window.is_empty()) {
        let now = world.now();
        let after = observe(world, &world.subject(), before.window, now).await;
        assert_eq!(after.window, before.window);
        assert_eq!(counts(&after), counts(before), "{}", before.window);
    }
}

/// See [`MetricSource`]: each request and each failure counts once.
pub async fn what_happened_is_counted(world: &dyn MetricWorld) {
    for parts in [&[(1, 0)][..], &[(3, 3)], &[(7, 2), (5, 0), (0, 0), (4, 1)]] {
        let begin = this_period(world);
        for (requests, failed) in parts {
            world.serve(*requests, *failed).await;
            world.let_time_pass(1).await;
        }
        close(world).await;
        let seen = since(world, &world.subject(), begin).await;
        let requests = parts.iter().map(|(requests, _)| requests).sum();
        let failed: u64 = parts.iter().map(|(_, failed)| failed).sum();
        assert_eq!(seen.requests, Some(requests), "{seen:?}");
        // A source that can't see one kind of failure knows only that there were at least those of the other.
        match seen.errors.failed() {
            Some(counted) => assert_eq!(counted, failed, "{seen:?}"),
            None => assert!(seen.errors.failed_at_least().unwrap_or(0) <= failed),
        }
        assert_eq!(seen.errors.client.unwrap_or(0), 0, "{seen:?}");
        if let Some(latency) = &seen.latency {
            assert!(latency.count() <= requests, "{latency:?}");
        }
    }
}

/// See [`MetricSource`]: what was not measured is `None`.
pub async fn no_measurement_is_none_and_not_zero(world: &dyn MetricWorld) {
    let begin = this_period(world);
    world.serve(2, 1).await;
    close(world).await;
    let now = world.now();
    let before =
        Window { from: long_ago(now), to: long_ago(now) + world.source().resolution() * 5 };
    let seen = observe(world, &world.subject(), before, now).await;
    assert!(seen.is_missing(), "{seen:?}");
    let asked = Window { from: begin, to: now };
    let unknown = world.unknown_subject();
    match world.source().observe(&unknown, asked, now).await {
        Err(Error::NotFound { .. }) => {}
        Err(error) => panic!("{unknown}: {}", crate::explain(&error)),
        Ok(seen) => assert!(seen.is_missing(), "{seen:?}"),
    }
}

/// See [`MetricSource`]: where the source saw that there were no requests, it says so.
pub async fn a_quiet_period_that_was_measured_is_zero(world: &dyn MetricWorld) {
    let begin = this_period(world);
    world.serve(4, 1).await;
    close(world).await;
    let quiet = this_period(world);
    world.let_time_pass(1).await;
    close(world).await;
    let idle = world.idle_subject();
    let mut silences = vec![(world.subject(), quiet, idle.is_some())];
    silences.extend(idle.map(|idle| (idle, begin, true)));
    for (subject, from, is_certain) in silences {
        let seen = since(world, &subject, from).await;
        match is_certain {
            true => assert_eq!(seen.requests, Some(0), "{seen:?}"),
            false => assert_eq!(seen.requests.unwrap_or(0), 0, "{seen:?}"),
        }
        assert_eq!(seen.errors.failed_at_least().unwrap_or(0), 0, "{seen:?}");
        assert_eq!(seen.error_rate(), None, "{seen:?}");
        assert!(seen.latency.is_none_or(|latency| latency.is_empty()));
    }
}

/// See [`MetricSource`]: the counts of two parts are those of the whole.
pub async fn adjacent_windows_add_up_to_the_whole(world: &dyn MetricWorld) {
    let begin = this_period(world);
    for requests in 1..=3 {
        world.serve(requests, requests - 1).await;
        world.let_time_pass(1).await;
    }
    close(world).await;
    let now = world.now();
    let asked = Window { from: begin, to: now };
    let whole = observe(world, &world.subject(), asked, now).await;
    assert_eq!(whole.requests, Some(6), "{whole:?}");
    // In at most ten parts, so that a source that is far away is not asked forever.
    let period = nanos(world.source()).unsigned_abs();
    let periods = whole.window.length().as_nanos() / period;
    let part = world.source().resolution() * u32::try_from(periods / 10 + 1).unwrap_or(u32::MAX);
    let bounds = (0..=10).map(|parts| whole.window.from + part * parts);
    for middle in bounds.take_while(|bound| *bound <= whole.window.to) {
        let part = async |from, to| {
            let part = Window { from, to };
            observe(world, &world.subject(), part, now).await
        };
        let first = part(whole.window.from, middle).await;
        let second = part(middle, whole.window.to).await;
        let sum = first.then(second);
        assert_eq!(sum.window, whole.window, "parted at {middle}");
        assert_eq!(counts(&sum), counts(&whole), "parted at {middle}");
    }
}

/// See [`MetricWorld`]: time goes on, and by as much as it was let.
pub async fn time_that_passes_is_on_the_clock(world: &dyn MetricWorld) {
    for periods in [1, 2] {
        let before = world.now();
        world.serve(1, 0).await;
        let served = world.now();
        world.let_time_pass(periods).await;
        let after = world.now();
        assert!(served >= before, "{served} after {before}");
        let least = world.source().resolution() * periods;
        assert!(after >= served + least, "{after} after {served}");
    }
}

async fn observe(
    world: &dyn MetricWorld,
    subject: &Subject,
    window: Window,
    now: Timestamp,
) -> Observation {
    match world.source().observe(subject, window, now).await {
        Ok(seen) => seen,
        Err(error) => panic!("{subject} from {window}: {}", crate::explain(&error)),
    }
}

/// What happened since `from`, as known now.
async fn since(world: &dyn MetricWorld, subject: &Subject, from: Timestamp) -> Observation {
    let to = world.now();
    observe(world, subject, Window { from, to }, to).await
}

/// Waits until the present period can't change any more.
async fn close(world: &dyn MetricWorld) {
    let source = world.source();
    let periods = source.lag().as_nanos().div_ceil(nanos(source).unsigned_abs());
    let periods = u32::try_from(periods).expect("a lag of fewer periods");
    world.let_time_pass(periods + 1).await;
}

/// When the present period began.
fn this_period(world: &dyn MetricWorld) -> Timestamp {
    let nanos = nanos(world.source());
    let start = world.now().as_nanosecond().div_euclid(nanos) * nanos;
    Timestamp::from_nanosecond(start).expect("a world of our time")
}

fn nanos(source: &dyn MetricSource) -> i128 {
    i128::try_from(source.resolution().as_nanos().max(1)).expect("shorter periods")
}

/// Ten years before, when nobody measured anything.
fn long_ago(now: Timestamp) -> Timestamp {
    now - Duration::from_secs(10 * 365 * 24 * 60 * 60)
}

fn assert_is_closed(world: &dyn MetricWorld, seen: &Observation, now: Timestamp) {
    let window = seen.window;
    if window.is_empty() {
        assert!(seen.is_missing(), "{seen:?}");
        return;
    }
    let (source, nanos) = (world.source(), nanos(world.source()));
    assert!(window.to + source.lag() <= now, "{window} at {now}");
    for bound in [window.from, window.to] {
        let rest = bound.as_nanosecond().rem_euclid(nanos);
        assert_eq!(rest, 0, "{bound} is no multiple of {:?}", source.resolution());
    }
}

type Counts = (Option<u64>, crate::Errors, Option<u64>);

fn counts(seen: &Observation) -> Counts {
    let latency = seen.latency.as_ref().map(Histogram::count);
    (seen.requests, seen.errors, latency)
}
