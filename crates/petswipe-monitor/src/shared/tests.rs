//! What a hundred gates cost, who may give up, and what is kept.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::{Errors, MemorySource};

/// Answers when it is let, counts its calls, and fails as often as it is told.
struct Counted {
    calls: AtomicU32,
    failing: AtomicU32,
    open: Semaphore,
    known: bool,
    /// Whether it knows what became of the requests.
    told: bool,
    /// How many of its calls are under way.
    under_way: Arc<()>,
}

impl Counted {
    fn new(open: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicU32::new(0),
            failing: AtomicU32::new(0),
            open: Semaphore::new(open),
            known: true,
            told: true,
            under_way: Arc::new(()),
        })
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    fn under_way(&self) -> usize {
        Arc::strong_count(&self.under_way) - 1
    }
}

#[async_trait]
impl MetricSource for Counted {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        _: Timestamp,
    ) -> Result<Observation, Error> {
        let _under_way = self.under_way.clone();
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.open.acquire().await.unwrap().forget();
        if number <= self.failing.load(Ordering::SeqCst) {
            return Err(Error::backend("looking", format!("call {number} failed")));
        }
        let requests = self.known.then_some(u64::from(number));
        let errors = Errors { client: Some(0), server: Some(0), balancer: Some(0) };
        let errors = if self.told { errors } else { Errors::default() };
        Ok(Observation { requests, errors, ..Observation::missing(subject.clone(), window) })
    }

    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    fn name(&self) -> String {
        "counted".to_owned()
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn green() -> Subject {
    Subject::environment("green")
}

async fn ask(shared: &Shared, from: i64, to: i64, now: i64) -> Result<Option<u64>, String> {
    let window = Window { from: at(from), to: at(to) };
    let seen = shared.observe(&green(), window, at(now)).await;
    seen.map(|seen| seen.requests).map_err(|error| crate::explain(&error))
}

#[tokio::test]
async fn a_hundred_gates_that_ask_the_same_at_once_are_one_call() {
    let source = Counted::new(0);
    let shared = Shared::new(source.clone());
    // Each at a moment of its own, within the same closed seconds.
    let asking = join_all((0..100).map(|gate| ask(&shared, -gate, 10_000 + gate, 10_000 + gate)));
    let opening = async {
        tokio::task::yield_now().await;
        source.open.add_permits(1);
    };
    let (answers, ()) = tokio::join!(asking, opening);
    assert!(answers.iter().all(|answer| *answer == Ok(Some(1))), "{answers:?}");
    assert_eq!(source.calls(), 1);
    assert_eq!(ask(&shared, 0, 10_000, 900_000).await, Ok(Some(1)), "closed periods do not change");
    source.open.add_permits(2);
    assert_eq!(ask(&shared, 0, 11_000, 11_000).await, Ok(Some(2)), "another window");
    let blue = Subject::environment("blue");
    let window = Window { from: at(0), to: at(10_000) };
    assert_eq!(shared.observe(&blue, window, at(10_000)).await.unwrap().requests, Some(3));
}

#[tokio::test]
async fn who_asked_first_may_give_up() {
    let source = Counted::new(0);
    let shared = Arc::new(Shared::new(source.clone()));
    let ask = |shared: Arc<Shared>| tokio::spawn(async move { ask(&shared, 0, 1000, 1000).await });
    let (first, second) = (ask(shared.clone()), ask(shared.clone()));
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    source.open.add_permits(1);
    let second = tokio::time::timeout(Duration::from_secs(20), second).await;
    assert_eq!(second.unwrap().unwrap(), Ok(Some(1)));
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn an_error_and_an_answer_that_knows_nothing_are_kept_for_a_moment_only() {
    let source = Counted::new(9);
    source.failing.store(1, Ordering::SeqCst);
    let shared = Shared::new(source.clone());
    let failed = Err("looking failed: call 1 failed".to_owned());
    assert_eq!(ask(&shared, 0, 1000, 1000).await, failed);
    assert_eq!(ask(&shared, 0, 1000, 1999).await, failed);
    assert_eq!(ask(&shared, 0, 1000, 2000).await, Ok(Some(2)));
    let mut unknown = Counted::new(9);
    Arc::get_mut(&mut unknown).unwrap().known = false;
    let shared = Shared::new(unknown.clone());
    for (now, calls) in [(1000, 1), (1500, 1), (2000, 2)] {
        assert_eq!(ask(&shared, 0, 1000, now).await, Ok(None));
        assert_eq!(unknown.calls(), calls);
    }
}

#[tokio::test]
async fn a_spent_budget_is_an_error_and_not_silence() {
    let source = Counted::new(9);
    let shared = Shared::new(source.clone()).with_budget(2, Duration::from_secs(10)).unwrap();
    for to in [1000, 2000] {
        ask(&shared, 0, to, 5000).await.unwrap();
    }
    let window = Window { from: at(0), to: at(3000) };
    let error = shared.observe(&green(), window, at(5000)).await.unwrap_err();
    let Error::Throttled { retry_after: Some(wait), .. } = error else { panic!("{error:?}") };
    assert_eq!(wait, Duration::from_secs(5));
    assert_eq!(ask(&shared, 0, 1000, 5000).await, Ok(Some(1)), "what is known costs nothing");
    assert_eq!(ask(&shared, 0, 3000, 10_000).await, Ok(Some(3)));
    assert_eq!(source.calls(), 3);
}

#[tokio::test]
async fn the_answer_that_was_not_asked_for_the_longest_makes_room() {
    let source = Counted::new(9);
    let shared = Shared::new(source.clone()).with_capacity(2);
    for (to, number) in [(1000, 1), (2000, 2), (1000, 1), (3000, 3), (1000, 1), (2000, 4)] {
        assert_eq!(ask(&shared, 0, to, 9000).await, Ok(Some(number)), "{to}");
    }
}

#[tokio::test]
async fn no_whole_period_costs_no_call() {
    let source = Counted::new(9);
    let shared = Shared::new(source.clone());
    assert_eq!(ask(&shared, 100, 900, 9000).await, Ok(None));
    assert_eq!(source.calls(), 0);
    assert_eq!(Shared::new(MemorySource::per_second()).resolution(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods)] // Time is virtual.
async fn who_waits_for_a_source_that_hangs_waits_until_a_deadline_of_its_own() {
    let source = Counted::new(0);
    let shared = Shared::new(source.clone()).with_deadline(Duration::from_secs(30));
    let begun = tokio::time::Instant::now();
    let after = async |seconds| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let answer = ask(&shared, 0, 1000, 1000).await;
        (answer, begun.elapsed().as_secs())
    };
    // The third one comes when the first has given up the call: it begins a new one, which the source answers.
    let opening = async {
        tokio::time::sleep(Duration::from_secs(50)).await;
        assert_eq!((source.calls(), source.under_way()), (2, 1), "that of nobody is given up");
        source.open.add_permits(1);
    };
    let (first, second, third, ()) = tokio::join!(after(0), after(10), after(35), opening);
    let late = Err("counted did not answer within 30s".to_owned());
    assert_eq!((first, second), ((late.clone(), 30), (late, 40)));
    assert_eq!(third, (Ok(Some(2)), 50));
    assert_eq!(source.under_way(), 0);
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods)] // Time is virtual.
async fn a_call_for_which_nobody_waits_any_more_is_given_up() {
    let source = Counted::new(0);
    let shared = Arc::new(Shared::new(source.clone()));
    let ask = |shared: Arc<Shared>| tokio::spawn(async move { ask(&shared, 0, 1000, 1000).await });
    let both = [ask(shared.clone()), ask(shared.clone())];
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((source.calls(), source.under_way()), (1, 1));
    for one in both {
        one.abort();
        assert!(one.await.unwrap_err().is_cancelled());
    }
    assert_eq!(source.under_way(), 0);
    source.open.add_permits(1);
    assert_eq!(ask(shared.clone()).await.unwrap(), Ok(Some(2)), "and the next one begins anew");
}

#[tokio::test]
async fn an_answer_that_does_not_know_what_became_of_the_requests_is_asked_for_again() {
    let mut late = Counted::new(9);
    Arc::get_mut(&mut late).unwrap().told = false;
    let shared = Shared::new(late.clone());
    for (now, number) in [(1000, 1), (1500, 1), (2000, 2)] {
        assert_eq!(ask(&shared, 0, 1000, now).await, Ok(Some(number)));
    }
}
