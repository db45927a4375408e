//! What is left of a budget that several subjects share.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{DAY, END, HOUR, MINUTE, at, minute, month, shop};
use crate::slo::{Events, Slo, Spending};
use crate::{Error, MemorySource, MetricSource, Observation, Subject, Window};

fn side(name: &str) -> Subject {
    Subject::environment(name)
}

async fn read(source: &dyn MetricSource, slo: &Slo, objective: usize) -> Result<Spending, Error> {
    let objective = &slo.objectives()[objective];
    Spending::read(source, slo, objective, &[side("shop")], &[side("idle")], at(END)).await
}

/// Minutes from there to the end for that side, of which each has so many requests and so many of them fail.
fn record(source: &MemorySource, side: &str, from: i64, requests: u64, failed: u64) {
    for n in from..END {
        let seen = minute(n, requests, failed, 0);
        source.record(Observation { subject: self::side(side), ..seen }).unwrap();
    }
}

fn memory() -> MemorySource {
    MemorySource::new(MINUTE, Duration::ZERO)
}

#[tokio::test]
async fn all_of_the_period_is_counted_where_it_is_known() {
    let source = month(60, 1000, 15, 20);
    for (objective, bad, left) in [(0, 900, 42_300.0), (1, 1200, 430_800.0)] {
        let spent = read(&source, &shop(), objective).await.unwrap();
        assert_eq!(spent.budget.events(), Events::new(43_200_000, bad).unwrap());
        assert_eq!(spent.budget.left(), left);
        assert_eq!((spent.is_whole, spent.counted), (true, vec![side("shop")]));
        assert_eq!(spent.window, Window::new(at(0), at(END)).unwrap());
    }
}

#[tokio::test]
async fn both_sides_of_a_service_spend_one_budget() {
    let source = memory();
    record(&source, "shop", 0, 10, 0);
    record(&source, "idle", 0, 30, 1);
    let spent = read(&source, &shop(), 0).await.unwrap();
    assert_eq!(spent.budget.events(), Events::new(40 * 43_200, 43_200).unwrap());
    assert!(spent.budget.is_overspent() && spent.is_whole);
    assert_eq!(spent.counted, [side("shop"), side("idle")]);
}

#[tokio::test]
async fn of_a_part_of_the_period_the_longest_window_that_is_known_counts() {
    for (minutes, known) in [
        // Eight times a 120th of the period and more are found before the window.
        (20 * 24 * 60, 19 * DAY + 21 * HOUR),
        (25 * 60, DAY),
        (7 * 60, 6 * HOUR),
        (29, 5 * MINUTE),
        (5, 5 * MINUTE),
    ] {
        let source = memory();
        record(&source, "shop", END - minutes, 100, 1);
        let spent = read(&source, &shop(), 0).await.unwrap();
        assert_eq!((spent.window.length(), spent.is_whole), (known, false), "{minutes}");
        let whole = known.as_secs() / 60;
        assert_eq!(spent.budget.events(), Events::new(100 * whole, whole).unwrap());
        assert!(spent.to_string().ends_with("what was before of its 30d is not known"));
    }
}

#[tokio::test]
async fn without_any_known_window_there_is_no_budget() {
    let unknown = |source: MemorySource| async move {
        read(&source, &shop(), 0).await.unwrap_err().to_string()
    };
    let short = memory();
    record(&short, "shop", END - 4, 100, 1);
    let said = unknown(short).await;
    assert!(
        said.contains("error budget of checkout is not known: nothing is known of shop;"),
        "{said}"
    );
    // What serves nobody does not stand in for what serves.
    let other = memory();
    record(&other, "idle", 0, 100, 0);
    assert!(unknown(other).await.contains("not known: a metric of shop was not found; allowed: "));
    let quiet = memory();
    record(&quiet, "shop", 0, 0, 0);
    assert!(unknown(quiet).await.contains("not known: nothing was served; allowed: "));
    // Requests whose failures nobody counts.
    let half = memory();
    for n in 0..END {
        let mut seen = minute(n, 10, 0, 0);
        seen.errors.balancer = None;
        half.record(seen).unwrap();
    }
    assert!(unknown(half).await.contains("not known: nothing is known of shop; allowed: "));
}

/// Answers about another window than it was asked, or fails.
struct Through<F>(MemorySource, F);

#[async_trait]
impl<F> MetricSource for Through<F>
where
    F: Fn(&Subject, Window) -> Result<Window, Error> + Send + Sync,
{
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        self.0.observe(subject, (self.1)(subject, window)?, now).await
    }

    fn resolution(&self) -> Duration {
        self.0.resolution()
    }

    fn lag(&self) -> Duration {
        self.0.lag()
    }

    fn name(&self) -> String {
        "a source in between".to_owned()
    }
}

#[tokio::test]
async fn of_a_side_that_is_new_counts_what_there_was() {
    let source = memory();
    record(&source, "shop", END - 10, 100, 1);
    record(&source, "idle", END - 3, 50, 0);
    // Windows are cut off at the beginning, as a local cloud does.
    let young = Through(source, |subject: &Subject, window: Window| {
        let since = if *subject == side("shop") { at(END - 10) } else { at(END - 3) };
        Ok(Window { from: window.from.max(since), ..window })
    });
    let spent = read(&young, &shop(), 0).await.unwrap();
    assert_eq!(spent.budget.events(), Events::new(1150, 10).unwrap());
    assert_eq!(
        (spent.window, spent.is_whole),
        (Window::new(at(END - 10), at(END)).unwrap(), false)
    );
    assert_eq!(
        spent.to_string(),
        "869.6 % of the error budget is spent: 10 of 1.15 bad requests in 1150 of shop and idle in the last 10m, and what was \
         before of its 30d is not known"
    );
}

/// Answers about another time or subject than it was asked.
struct Beside(fn(&mut Observation));

#[async_trait]
impl MetricSource for Beside {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        _: Timestamp,
    ) -> Result<Observation, Error> {
        let mut seen = Observation { subject: subject.clone(), window, ..minute(0, 100, 0, 0) };
        (self.0)(&mut seen);
        Ok(seen)
    }

    fn resolution(&self) -> Duration {
        MINUTE
    }

    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    fn name(&self) -> String {
        "a wrong source".to_owned()
    }
}

#[tokio::test]
async fn an_answer_about_something_else_says_nothing() {
    let wrong: [fn(&mut Observation); 4] = [
        |seen| seen.subject = side("blog"),
        |seen| seen.window.to = at(END - 1),
        |seen| seen.window.from = at(-1),
        |seen| seen.window.from = seen.window.to,
    ];
    for wrong in wrong {
        let said = read(&Beside(wrong), &shop(), 0).await.unwrap_err().to_string();
        assert!(said.contains("nothing is known of shop"), "{said}");
    }
    assert!(read(&Beside(|_| {}), &shop(), 0).await.unwrap().is_whole);
}

#[tokio::test]
async fn what_is_published_late_is_waited_for() {
    let source = MemorySource::new(MINUTE, 3 * MINUTE);
    record(&source, "shop", END - 60, 100, 1);
    let spent = read(&source, &shop(), 0).await.unwrap();
    assert_eq!(spent.window.to, at(END - 3));
}

#[tokio::test]
async fn what_could_not_be_read_this_time_may_be_all_that_was_spent() {
    let failing = |name: &'static str, error: fn() -> Error| {
        let source = memory();
        record(&source, "shop", 0, 10, 0);
        Through(source, move |subject: &Subject, window| match subject.environment == name {
            true => Err(error()),
            false => Ok(window),
        })
    };
    for name in ["shop", "idle"] {
        let source = failing(name, || Error::backend("asking", "503"));
        let said = read(&source, &shop(), 0).await.unwrap_err().to_string();
        assert!(said.contains("is not read: asking failed: 503; allowed:"), "{said}");
        assert!(said.ends_with("try again"), "{said}");
    }
    // What is refused for good is not known, and the budget is not that of the whole service.
    let refused = failing("idle", || Error::Refused {
        operation: "asking".to_owned(),
        source: "too long".into(),
    });
    assert!(!read(&refused, &shop(), 0).await.unwrap().is_whole);
    let nobody = failing("idle", || Error::NotFound { what: "idle".to_owned() });
    assert!(read(&nobody, &shop(), 0).await.unwrap().is_whole);
}
