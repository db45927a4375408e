//! Sources and gates that break one sentence each: the suites find every one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use super::tests::MemoryWorld;
use super::{MetricWorld, gate, source};
use crate::{
    AbsolutePolicy, Carried, Comparison, Error, Finding, FindingResult, Gate, Judgement,
    MetricSource, NoData, Observation, Step, Subject, Verdict, Window,
};

/// How a source in memory is made to answer wrongly.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    AnotherSubject,
    WiderThanAsked,
    OpenPeriods,
    NotOnAPeriod,
    FailuresForgotten,
    RequestsTwice,
    ZeroForUnknown,
    UnknownForZero,
    LastPeriodForgotten,
}

/// A world that is watched by a source that answers wrongly.
struct WrongWorld(MemoryWorld, Wrong);

#[async_trait]
impl MetricSource for WrongWorld {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let source = self.0.source();
        let period = self.resolution();
        let known = source.observe(subject, window, now).await;
        let mut seen = match (known, self.1) {
            (Err(Error::NotFound { .. }), Wrong::ZeroForUnknown) => {
                Observation::missing(subject.clone(), Window::empty(window.from))
            }
            (known, _) => known?,
        };
        match self.1 {
            Wrong::AnotherSubject => seen.subject.revision = Some("7".to_owned()),
            Wrong::WiderThanAsked => seen.window.from -= period,
            Wrong::OpenPeriods => {
                let wider = Window { from: window.from, to: window.to.min(now) + period };
                seen = source.observe(subject, wider, now + period).await?;
                seen.window.to = seen.window.to.min(window.to);
            }
            Wrong::NotOnAPeriod if !seen.window.is_empty() => {
                seen.window.to -= Duration::from_millis(1);
            }
            Wrong::FailuresForgotten => seen.errors.server = seen.errors.server.map(|_| 0),
            Wrong::RequestsTwice => seen.requests = seen.requests.map(|count| count * 2),
            Wrong::ZeroForUnknown => seen.requests = seen.requests.or(Some(0)),
            Wrong::UnknownForZero => seen.requests = seen.requests.filter(|count| *count > 0),
            Wrong::LastPeriodForgotten => {
                let closed = seen.window;
                let shorter =
                    Window { from: closed.from, to: (closed.to - period).max(closed.from) };
                seen = source.observe(subject, shorter, now).await?;
                seen.window = closed;
            }
            Wrong::NotOnAPeriod => {}
        }
        Ok(seen)
    }

    fn resolution(&self) -> Duration {
        self.0.source().resolution()
    }

    fn lag(&self) -> Duration {
        self.0.source().lag()
    }

    fn name(&self) -> String {
        format!("{:?}", self.1)
    }
}

#[async_trait]
impl MetricWorld for WrongWorld {
    fn source(&self) -> &dyn MetricSource {
        self
    }

    fn subject(&self) -> Subject {
        self.0.subject()
    }

    fn idle_subject(&self) -> Option<Subject> {
        self.0.idle_subject()
    }

    fn unknown_subject(&self) -> Subject {
        self.0.unknown_subject()
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn serve(&self, requests: u64, failed: u64) {
        self.0.serve(requests, failed).await;
    }

    async fn let_time_pass(&self, periods: u32) {
        self.0.let_time_pass(periods).await;
    }
}

/// Whether a sentence is found to be broken in a wrong world.
macro_rules! is_found {
    ($sentence:ident, $wrong:expr) => {{
        let task = tokio::spawn(async {
            let world = WrongWorld(MemoryWorld::new(10, 20, Duration::ZERO), $wrong);
            source::$sentence(&world).await;
        });
        task.await.is_err_and(|error| error.is_panic())
    }};
}

#[tokio::test]
async fn a_source_that_answers_wrongly_is_found() {
    use Wrong::*;
    assert!(is_found!(the_answer_lies_within_the_window_asked, AnotherSubject));
    assert!(is_found!(the_answer_lies_within_the_window_asked, WiderThanAsked));
    assert!(is_found!(an_open_period_is_never_in_the_answer, OpenPeriods));
    assert!(is_found!(an_open_period_is_never_in_the_answer, NotOnAPeriod));
    assert!(is_found!(what_happened_is_counted, FailuresForgotten));
    assert!(is_found!(what_happened_is_counted, RequestsTwice));
    assert!(is_found!(no_measurement_is_none_and_not_zero, ZeroForUnknown));
    assert!(is_found!(a_quiet_period_that_was_measured_is_zero, UnknownForZero));
    assert!(is_found!(adjacent_windows_add_up_to_the_whole, LastPeriodForgotten));
    // And a right one is not.
    assert!(!is_found!(what_happened_is_counted, NotOnAPeriod));
}

fn finding(value: f64) -> Finding {
    Finding {
        metric: "error rate".into(),
        value: Some(value),
        limit: 5.0,
        unit: "%".into(),
        samples: 100,
        result: FindingResult::Holds,
        detail: String::new(),
    }
}

/// A gate that asks for the whole step and judges with a function.
struct Judges<F>(F);

impl<F> Gate for Judges<F>
where
    F: Fn(&Step, &[Comparison]) -> Verdict + Send + Sync,
{
    fn name(&self) -> String {
        "judges".to_owned()
    }

    fn windows(&self, step: &Step, _: &Carried) -> Vec<Window> {
        let to = step.now.max(step.started);
        let from = step.started;
        vec![Window { from, to }]
    }

    fn judge(&self, step: &Step, seen: &[Comparison], _: &Carried) -> Judgement {
        let carried = Carried(json!({ "kept": 1 }));
        Judgement::new((self.0)(step, seen), carried, Window::empty(step.started))
    }
}

/// A gate that looks back without regard to the step.
struct LooksBack;

impl Gate for LooksBack {
    fn name(&self) -> String {
        "looks back".to_owned()
    }

    fn windows(&self, step: &Step, _: &Carried) -> Vec<Window> {
        vec![Window { from: step.now - Duration::from_secs(60), to: step.now }]
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        AbsolutePolicy::default().judge(step, seen, carried)
    }
}

fn is_broken(sentence: fn(&dyn Gate), gate: &dyn Gate) -> bool {
    catch_unwind(AssertUnwindSafe(|| sentence(gate))).is_err()
}

#[test]
fn a_gate_that_judges_wrongly_is_found() {
    // Not above the limit is healthy, and so is what nobody measured.
    let no_data_is_fine = Judges(|_: &Step, seen: &[Comparison]| {
        let rate = seen.first().and_then(|seen| seen.candidate.error_rate());
        let evidence = vec![finding(rate.unwrap_or(0.0))];
        match rate.is_some_and(|rate| rate > 0.05) {
            true => Verdict::Fail { evidence },
            false => Verdict::Pass { evidence },
        }
    });
    let sentence = gate::a_gate_without_observations_never_passes;
    assert!(is_broken(sentence, &no_data_is_fine));
    assert!(!is_broken(sentence, &LooksBack));

    let turn = AtomicBool::new(false);
    let every_other_time = Judges(move |_: &Step, _: &[Comparison]| Verdict::Fail {
        evidence: match turn.fetch_xor(true, Ordering::Relaxed) {
            true => vec![finding(7.0)],
            false => Vec::new(),
        },
    });
    let sentence = gate::a_gate_is_a_pure_function;
    assert!(is_broken(sentence, &every_other_time));
    assert!(!is_broken(sentence, &no_data_is_fine));

    let sentence = gate::a_gate_looks_at_nothing_older_than_the_step;
    assert!(is_broken(sentence, &LooksBack));
    assert!(is_broken(sentence, &no_data_is_fine));
    assert!(!is_broken(sentence, &every_other_time));

    let no_number = Judges(|_: &Step, _: &[Comparison]| Verdict::Fail {
        evidence: vec![finding(f64::INFINITY)],
    });
    let sentence = gate::a_judgement_survives_the_journal;
    assert!(is_broken(sentence, &no_number));
    let ignores = AbsolutePolicy { no_data: NoData::Ignore, ..AbsolutePolicy::default() };
    assert!(!is_broken(sentence, &ignores));
}
