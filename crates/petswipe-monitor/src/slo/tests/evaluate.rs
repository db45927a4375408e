//! What is said about a month in memory.

use std::time::Duration;

use super::{END, MINUTE, at, minute, month, shop};
use crate::slo::{AlertState, Objective, SloStatus, evaluate, evaluate_all};
use crate::{Error, Errors, MemorySource, MetricSource, Observation, Subject, Window};

#[tokio::test]
async fn each_burn_rate_calls_for_what_it_should() {
    // Bad minutes at the end, failures in 1000 requests a minute, states of the four alerts, status.
    use AlertState::{Firing, Quiet};
    for (bad, failed, states, status) in [
        (60, 15, [Firing, Quiet, Quiet, Quiet], SloStatus::Page),
        (60, 14, [Quiet; 4], SloStatus::Ok),
        (6 * 60, 7, [Quiet, Firing, Quiet, Quiet], SloStatus::Page),
        (24 * 60, 4, [Quiet, Quiet, Firing, Firing], SloStatus::Burning),
        (24 * 60, 3, [Quiet; 4], SloStatus::Ok),
        (3 * 24 * 60, 2, [Quiet, Quiet, Quiet, Firing], SloStatus::Burning),
        // Exactly as fast as allowed holds.
        (3 * 24 * 60, 1, [Quiet; 4], SloStatus::Ok),
        // Over and over enough to have spent everything.
        (30 * 24 * 60, 2, [Quiet, Quiet, Quiet, Firing], SloStatus::Burning),
    ] {
        let report = evaluate(&month(bad, 1000, failed, 0), &shop(), at(END)).await.unwrap();
        let found: Vec<_> = report.objectives[0].alerts.iter().map(|alert| alert.state).collect();
        let status_of = (report.objectives[0].status(), report.objectives[1].status());
        if bad == 24 * 60 && failed == 4 {
            // 4x over a day is 1.33x over three.
            assert_eq!(report.objectives[0].alerts[3].long, Some(4.0 / 3.0));
        }
        assert_eq!(found, states, "{bad} min with {failed}: {report}");
        assert_eq!(status_of, (status, SloStatus::Ok), "{bad} min with {failed}");
    }
}

#[tokio::test]
async fn an_outage_that_is_over_no_longer_pages() {
    let source = MemorySource::new(MINUTE, Duration::ZERO);
    let mut last = Vec::new();
    for n in 0..END {
        let failed = if (END - 30..END - 15).contains(&n) { 100 } else { 0 };
        source.record(minute(n, 100, failed, 0)).unwrap();
    }
    for now in [END - 16, END - 10, END - 9] {
        let report = evaluate(&source, &shop(), at(now)).await.unwrap();
        // Asked before the end, the month is one of less than 30 days: a part of its budget is known.
        let partly = report.objectives[0].partly.as_ref().expect("a part");
        assert!(partly.known_share() > 0.98 && !partly.is_whole, "{report}");
        last.push(report.objectives[0].alerts[0].state);
    }
    assert_eq!(last, [AlertState::Firing, AlertState::Quiet, AlertState::Quiet]);
}

#[tokio::test]
async fn slow_requests_burn_the_budget_of_the_latency_alone() {
    let report = evaluate(&month(60, 100, 0, 20), &shop(), at(END)).await.unwrap();
    let [available, fast] = &report.objectives[..] else { panic!("{report}") };
    assert_eq!((available.status(), fast.status()), (SloStatus::Ok, SloStatus::Page));
    assert_eq!(fast.alerts[0].long, Some(20.0));
    let budget = fast.budget.unwrap();
    assert_eq!((budget.spent(), budget.events().total()), (1200, 4_320_000));
    assert_eq!(report.status(), SloStatus::Page);
}

#[tokio::test]
async fn what_is_missing_is_unknown_and_never_ok() {
    // Nothing at all; a gap; errors of the load balancer that nobody counted; requests without times.
    let silent = MemorySource::new(MINUTE, Duration::ZERO);
    let gap = MemorySource::new(MINUTE, Duration::ZERO);
    let half = MemorySource::new(MINUTE, Duration::ZERO);
    for n in 0..END {
        if n != END - 100 {
            gap.record(minute(n, 100, 0, 0)).unwrap();
        }
        let seen = minute(n, 100, 0, 0);
        let errors = Errors { balancer: None, ..seen.errors };
        half.record(Observation { errors, latency: None, ..seen }).unwrap();
    }
    for (source, known) in [(&silent, 0), (&half, 0), (&gap, 1)] {
        let report = evaluate(source, &shop(), at(END)).await.unwrap();
        assert_eq!(report.status(), SloStatus::Unknown);
        for objective in &report.objectives {
            assert_eq!(objective.status(), SloStatus::Unknown, "{objective}");
            assert_eq!(objective.budget.is_some(), known == 1, "{objective}");
            let quiet = objective.alerts.iter().filter(|alert| alert.state == AlertState::Quiet);
            // Five minutes and one hour are after the gap; the other short ones are quiet, too.
            assert_eq!(quiet.count() > 0, known == 1, "{objective}");
        }
    }
    let report = evaluate(&silent, &shop(), at(END)).await.unwrap();
    assert_eq!(report.doubts, ["not known: a metric of shop was not found"]);
}

#[tokio::test]
async fn no_requests_that_were_counted_spend_nothing_and_show_nothing() {
    let report = evaluate(&month(60, 0, 0, 0), &shop(), at(END)).await.unwrap();
    assert_eq!(report.status(), SloStatus::Unknown, "{report}");
    assert_eq!(report.objectives[0].budget.unwrap().spent_share(), 0.0);
}

#[tokio::test]
async fn a_source_that_publishes_late_is_asked_about_what_is_published() {
    let source = MemorySource::new(MINUTE, 3 * MINUTE);
    for n in -10..END {
        source.record(minute(n, 100, u64::from(n >= END - 60) * 2, 0)).unwrap();
    }
    let report = evaluate(&source, &shop(), at(END) + MINUTE / 2).await.unwrap();
    assert_eq!(report.at, at(END - 3));
    assert_eq!(report.objectives[0].alerts[0].short, Some(20.0));
    assert_eq!(report.objectives[0].alerts[0].long, Some(19.0));
    assert!(report.objectives[0].budget.is_some());
}

/// Answers about another time or subject than it was asked about.
struct Wrong(MemorySource, bool);

#[async_trait::async_trait]
impl MetricSource for Wrong {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: jiff::Timestamp,
    ) -> Result<Observation, Error> {
        let seen = self.0.observe(subject, window, now).await?;
        match self.1 {
            true => Ok(Observation { subject: Subject::environment("blog"), ..seen }),
            false => Ok(Observation {
                window: Window { from: window.from + MINUTE, to: window.to },
                ..seen
            }),
        }
    }
    fn resolution(&self) -> Duration {
        self.0.resolution()
    }
    fn lag(&self) -> Duration {
        self.0.lag()
    }
    fn name(&self) -> String {
        "wrong".to_owned()
    }
}

#[tokio::test]
async fn an_answer_about_something_else_is_no_answer() {
    for other_subject in [true, false] {
        let source = Wrong(month(0, 100, 0, 0), other_subject);
        let report = evaluate(&source, &shop(), at(END)).await.unwrap();
        assert_eq!(report.status(), SloStatus::Unknown);
    }
}

#[tokio::test]
async fn many_are_evaluated_as_one_would_be() {
    let source = month(60, 1000, 15, 0);
    let promise = Objective::availability(0.99).unwrap();
    let slos: Vec<_> = (0..250)
        .map(|n| {
            let slo =
                crate::slo::Slo::new(format!("slo-{n}"), "shop", [promise], crate::slo::DAYS_30);
            slo.unwrap().about(Subject::environment(if n % 2 == 0 { "shop" } else { "blog" }))
        })
        .collect();
    let all = evaluate_all(&source, &slos, at(END)).await.unwrap();
    assert_eq!(all.len(), 250);
    for (slo, report) in slos.iter().zip(&all).take(3).chain(slos.iter().zip(&all).skip(248)) {
        assert_eq!(report, &evaluate(&source, slo, at(END)).await.unwrap());
    }
}

/// Thirty days with 100 requests a minute and one failure in each hour, without the minutes `gaps`.
fn with_gaps(gaps: &[std::ops::Range<i64>]) -> MemorySource {
    let source = MemorySource::new(MINUTE, Duration::ZERO);
    for n in (0..END).filter(|n| !gaps.iter().any(|gap| gap.contains(n))) {
        source.record(minute(n, 100, u64::from(n % 60 == 0), 0)).unwrap();
    }
    source
}

#[tokio::test]
async fn around_a_gap_the_clean_parts_of_the_period_are_summed_and_what_is_not_known_is_said() {
    // Ten days ago a target was lost for three minutes.
    let day = 24 * 60;
    let gap = END - 10 * day..END - 10 * day + 3;
    let report = evaluate(&with_gaps(std::slice::from_ref(&gap)), &shop(), at(END)).await.unwrap();
    let available = &report.objectives[0];
    assert_eq!(report.status(), SloStatus::Ok, "{report}");
    let partly = available.partly.as_ref().expect("a part");
    let (known, total) = (partly.known.as_secs() / 60, available.budget.unwrap().events().total());
    // Six hours at most are lost with it, on either side, and each minute that is known is counted once.
    assert!((END - 12 * 60..END - 3).contains(&i64::try_from(known).unwrap()), "{report}");
    assert_eq!(total, known * 100);
    let spent = available.budget.unwrap().spent();
    assert!((720 - 12..720).contains(&spent), "{spent}");
    assert_eq!(partly.window, Window::new(at(0), at(END)).unwrap());
    assert_eq!(available.known_share(), known as f64 / END as f64);
    let said = report.to_string();
    assert!(said.contains("of the last 30d, and the rest of its 30d is not known ("), "{said}");
    assert!(said.contains(" % of it is known)"), "{said}");
}

#[tokio::test]
async fn an_alert_with_a_gap_in_its_windows_stays_unknown_though_the_budget_is_known_in_part() {
    let gap = END - 100..END - 99;
    let report = evaluate(&with_gaps(&[gap]), &shop(), at(END)).await.unwrap();
    let available = &report.objectives[0];
    let states: Vec<_> = available.alerts.iter().map(|alert| alert.state).collect();
    assert_eq!(states[2..], [AlertState::Unknown, AlertState::Unknown]);
    assert_eq!((available.alerts[2].long, available.alerts[2].short), (None, None));
    assert_eq!(available.status(), SloStatus::Unknown);
    assert!(available.known_share() > 0.98, "{report}");
}

#[tokio::test]
async fn a_budget_that_is_spent_in_the_parts_that_are_known_is_spent() {
    let source = MemorySource::new(MINUTE, Duration::ZERO);
    for n in (0..END).filter(|n| *n != END / 2) {
        source.record(minute(n, 100, if n < 5000 { 10 } else { 0 }, 0)).unwrap();
    }
    let report = evaluate(&source, &shop(), at(END)).await.unwrap();
    assert_eq!(report.objectives[0].status(), SloStatus::Burning, "{report}");
}

#[tokio::test]
async fn a_budget_of_which_too_little_is_known_says_neither_that_all_is_well_nor_that_it_is_spent()
{
    let day = 24 * 60;
    let at_the_end = |known: i64, failed: u64| {
        let source = MemorySource::new(MINUTE, Duration::ZERO);
        // The last failure is older than the windows of the alerts.
        for n in END - known..END {
            let failed = if n < END - 4 * day { failed } else { 0 };
            source.record(minute(n, 1000, failed, 0)).unwrap();
        }
        source
    };
    for (known, failed, status) in [
        (14 * day, 0, SloStatus::Ok),
        (14 * day, 2, SloStatus::Burning),
        (10 * day, 0, SloStatus::Unknown),
        (10 * day, 2, SloStatus::Unknown),
        // Ten times what may fail, for six of thirty days, is more than thirty days may have.
        (10 * day, 10, SloStatus::Burning),
    ] {
        let report = evaluate(&at_the_end(known, failed), &shop(), at(END)).await.unwrap();
        let one = &report.objectives[0];
        assert!(one.alerts.iter().all(|alert| alert.state == AlertState::Quiet), "{report}");
        assert_eq!((one.known_share() * 30.0).round() as i64 * day, known, "{report}");
        assert_eq!(one.status(), status, "{report}");
    }
}

#[tokio::test]
async fn many_gaps_are_looked_around_with_a_limited_number_of_questions() {
    let gaps: Vec<_> = (0..120).map(|n| n * 360..n * 360 + 1).collect();
    let counted = Counting(with_gaps(&gaps), std::sync::atomic::AtomicUsize::new(0));
    let report = evaluate(&counted, &shop(), at(END)).await.unwrap();
    assert_eq!(report.status(), SloStatus::Unknown);
    let asked = counted.1.load(std::sync::atomic::Ordering::Relaxed);
    // The windows once, and for each of two objectives those up to the end, and 40 more.
    assert!(asked <= 8 + 2 * (8 + 40), "{asked}");
}

/// Counts what it is asked.
struct Counting(MemorySource, std::sync::atomic::AtomicUsize);

#[async_trait::async_trait]
impl MetricSource for Counting {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: jiff::Timestamp,
    ) -> Result<Observation, Error> {
        self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.observe(subject, window, now).await
    }
    fn resolution(&self) -> Duration {
        self.0.resolution()
    }
    fn lag(&self) -> Duration {
        self.0.lag()
    }
    fn name(&self) -> String {
        "counting".to_owned()
    }
}
