//! Sources that fail or answer something else, and what is made of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use super::Reference;
use crate::{
    AbsolutePolicy, All, Carried, Comparison, Error, Errors, Gate, Histogram, Judgement,
    LatencyRegression, MetricSource, NoData, Observation, Step, Subject, Verdict, Window,
    observe_and_judge,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn window(from: i64, to: i64) -> Window {
    Window::new(at(from), at(to)).unwrap()
}

fn step() -> Step {
    Step {
        started: at(1_000),
        judged_until: at(1_000),
        now: at(1_060),
        weight: 5,
        reference_weight: 95,
    }
}

fn green() -> Subject {
    Subject::environment("green")
}

fn blue() -> Subject {
    Subject::environment("blue")
}

/// All is measured, and all is well.
fn healthy(subject: &Subject, window: Window) -> Observation {
    let mut latency = Histogram::new();
    latency.record_many(Duration::from_millis(20), 1_000);
    Observation {
        requests: Some(1_000),
        errors: Errors { client: Some(0), server: Some(0), balancer: Some(0) },
        latency: Some(latency),
        ..Observation::missing(subject.clone(), window)
    }
}

/// Answers with what a function makes of the question, in seconds that are known two seconds later.
struct Answers<F>(F, AtomicUsize);

#[async_trait]
impl<F> MetricSource for Answers<F>
where
    F: Fn(&Subject, Window) -> Result<Observation, Error> + Send + Sync,
{
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        assert_eq!(now, step().now);
        self.1.fetch_add(1, Ordering::Relaxed);
        (self.0)(subject, window)
    }

    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn lag(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn name(&self) -> String {
        "answers".to_owned()
    }
}

fn answers<F>(answer: F) -> Answers<F>
where
    F: Fn(&Subject, Window) -> Result<Observation, Error>,
{
    Answers(answer, AtomicUsize::new(0))
}

async fn judge(source: &dyn MetricSource, gate: &dyn Gate, reference: bool) -> Judgement {
    let carried = Carried(json!({ "kept": 7 }));
    let blue = blue();
    let reference = reference.then_some(Reference::Beside(&blue));
    observe_and_judge(source, gate, &step(), &green(), reference, &carried).await
}

#[tokio::test]
async fn a_judgement_says_which_of_several_sources_the_numbers_are_from() {
    let seen = |subject: &Subject| {
        let provenance = Some("quick; not slow: refused".to_owned());
        Ok(Observation { provenance, ..healthy(subject, window(1000, 1058)) })
    };
    let gate = AbsolutePolicy::default();
    let judged = judge(&answers(move |subject, _| seen(subject)), &gate, true).await;
    assert_eq!(
        judged.sources,
        ["green", "blue"].map(|it| format!("{it}: quick; not slow: refused"))
    );
    let read: Judgement = serde_json::from_str(&serde_json::to_string(&judged).unwrap()).unwrap();
    assert_eq!(read, judged);
    let one = answers(|subject, _| Ok(healthy(subject, window(1000, 1058))));
    let judged = judge(&one, &gate, true).await;
    assert!(judged.sources.is_empty());
    assert!(!serde_json::to_string(&judged).unwrap().contains("sources"));
}

#[tokio::test]
async fn a_source_that_fails_is_inconclusive_with_its_cause_and_the_state_is_kept() {
    let ignore = AbsolutePolicy { no_data: NoData::Ignore, ..AbsolutePolicy::default() };
    let gate = All::new(vec![Box::new(ignore), Box::new(LatencyRegression::default())]);
    let broken = || Error::backend("GetMetricData", std::io::Error::other("connection reset"));
    for (calls, failing) in [(1, green()), (2, blue())] {
        let source = answers(move |subject, _| match *subject == failing {
            true => Err(broken()),
            false => Ok(healthy(subject, window(1000, 1058))),
        });
        let judged = judge(&source, &gate, true).await;
        assert_eq!(
            judged.verdict,
            Verdict::Inconclusive {
                why: "answers could not be read: GetMetricData failed: connection reset".to_owned(),
                missing: vec!["all metrics".to_owned()],
                evidence: Vec::new(),
            }
        );
        assert_eq!(judged.carried, Carried(json!({ "kept": 7 })));
        assert_eq!(judged.covered, window(1000, 1000));
        assert_eq!(source.1.load(Ordering::Relaxed), calls);
    }
}

#[tokio::test]
async fn an_answer_to_another_question_counts_as_missing() {
    let gate = AbsolutePolicy::default();
    let word = async |subject: Subject, from, to| {
        let source = answers(move |_, _| Ok(healthy(&subject, window(from, to))));
        let judged = judge(&source, &gate, false).await;
        assert_eq!(judged.carried, Carried(json!({ "kept": 7 })));
        let covered = judged.verdict.is_pass().then_some(window(from, to));
        assert_eq!(judged.covered, covered.unwrap_or(window(1000, 1000)));
        judged.verdict.word()
    };
    assert_eq!(word(green(), 1000, 1058).await, "pass");
    assert_eq!(word(green(), 1010, 1020).await, "pass");
    // Of another subject, or another revision of it.
    assert_eq!(word(blue(), 1000, 1058).await, "inconclusive");
    let revision = Subject { revision: Some("7".to_owned()), ..green() };
    assert_eq!(word(revision, 1000, 1058).await, "inconclusive");
    // From before the step, of no time at all, of another time, and of periods that are still open.
    assert_eq!(word(green(), 999, 1058).await, "inconclusive");
    assert_eq!(word(green(), 1000, 1000).await, "inconclusive");
    assert_eq!(word(green(), 0, 0).await, "inconclusive");
    assert_eq!(word(green(), 900, 960).await, "inconclusive");
    assert_eq!(word(green(), 1000, 1059).await, "inconclusive");
    assert_eq!(word(green(), 1000, 1060).await, "inconclusive");
    assert_eq!(word(green(), 1000, 2000).await, "inconclusive");
}

/// Believes whatever it is shown, and asks for the minute before the step as well.
struct Gullible;

impl Gate for Gullible {
    fn name(&self) -> String {
        "gullible".to_owned()
    }

    fn windows(&self, _: &Step, _: &Carried) -> Vec<Window> {
        vec![window(940, 1058), window(1000, 1058)]
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let known = seen.iter().map(|seen| !seen.candidate.is_missing());
        let reference = seen.iter().map(|seen| seen.reference.is_some());
        let known: Vec<_> = known.zip(reference).collect();
        assert_eq!(known, [(false, true), (true, true)]);
        let verdict = Verdict::Pass { evidence: Vec::new() };
        Judgement::new(verdict, carried.clone(), Window::empty(step.started))
    }
}

#[tokio::test]
async fn a_gate_is_not_shown_what_was_before_the_step() {
    let source = answers(|subject, asked| Ok(healthy(subject, asked)));
    assert!(judge(&source, &Gullible, true).await.verdict.is_pass());
}

#[tokio::test]
async fn a_window_that_several_gates_ask_for_is_read_once() {
    let source = answers(|subject, _| Ok(healthy(subject, window(1000, 1058))));
    let gate = All::new(vec![
        Box::new(AbsolutePolicy::default()),
        Box::new(LatencyRegression::default()),
        Box::new(AbsolutePolicy {
            lookback: Duration::from_secs(600),
            ..AbsolutePolicy::default()
        }),
    ]);
    assert!(judge(&source, &gate, true).await.verdict.is_pass());
    assert_eq!(source.1.load(Ordering::Relaxed), 2);
    assert!(judge(&source, &gate, false).await.verdict.is_pass());
    assert_eq!(source.1.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn pointers_forward() {
    let source = answers(|subject, _| Ok(healthy(subject, window(1000, 1058))));
    let source: std::sync::Arc<dyn MetricSource> = std::sync::Arc::new(Box::new(source));
    assert_eq!(source.name(), "answers");
    assert_eq!((source.resolution().as_secs(), source.lag().as_secs()), (1, 2));
    let gate: Box<dyn Gate> = Box::new(std::sync::Arc::new(AbsolutePolicy::default()));
    assert_eq!(gate.name(), "absolute");
    assert!(judge(&source, &gate, false).await.verdict.is_pass());
}

#[cfg(feature = "mock")]
#[tokio::test]
async fn a_source_that_throttles_is_inconclusive() {
    let mut source = crate::MockMetricSource::new();
    source.expect_observe().times(1).returning(|_, _, _| {
        Err(Error::Throttled {
            source_name: "CloudWatch".to_owned(),
            retry_after: Some(Duration::from_secs(3)),
        })
    });
    source.expect_name().return_const("metrics of production");
    let judged = judge(&source, &AbsolutePolicy::default(), false).await;
    assert_eq!(
        judged.verdict.to_string(),
        "inconclusive: metrics of production could not be read: CloudWatch throttles"
    );
    assert_eq!(judged.carried, Carried(json!({ "kept": 7 })));
}

#[tokio::test]
async fn two_that_are_known_of_different_times_are_compared_in_the_time_that_both_know() {
    // What is known of green and of blue, and what is compared of a window from 1000 to 1058.
    for (green_known, blue_known, compared, looks) in [
        ([(1000, 1058), (1000, 1058)], [(1000, 1058); 2], (1000, 1058), 2),
        ([(1000, 1030), (1035, 1058)], [(1000, 1058); 2], (1000, 1030), 4),
        ([(1000, 1058); 2], [(1000, 1020), (1022, 1058)], (1000, 1020), 4),
        ([(1000, 1040), (1044, 1058)], [(1000, 1020), (1022, 1058)], (1000, 1020), 4),
        // The one is known before a time in which the other is not, and the other only after it.
        ([(1000, 1010), (1015, 1058)], [(1012, 1058); 2], (1015, 1058), 6),
    ] {
        let known = |subject: &Subject| if *subject == green() { green_known } else { blue_known };
        let source = answers(|subject, asked| {
            let parts = known(subject).map(|(from, to)| window(from, to));
            let inside = parts.map(|part| Window {
                from: part.from.max(asked.from),
                to: part.to.min(asked.to).min(at(1058)),
            });
            let first = inside.into_iter().find(|part| !part.is_empty());
            Ok(healthy(subject, first.unwrap_or(Window::empty(asked.from))))
        });
        let gate = crate::EvidencePolicy::default();
        let judged = judge_by(&source, &gate).await;
        assert_eq!(judged.covered, window(compared.0, compared.1), "{}", judged.verdict);
        assert_eq!(source.1.load(Ordering::Relaxed), looks, "{compared:?}");
    }
}

#[tokio::test]
async fn limits_see_all_that_is_known_of_the_candidate() {
    // Of blue nothing is known from 1020, and from then on green fails.
    let source = answers(|subject, asked| {
        let known = if *subject == green() { 1058 } else { 1020 };
        let seen = healthy(subject, Window { to: asked.to.min(at(known)), ..asked });
        if seen.window.to == at(1058) {
            return Ok(Observation {
                errors: Errors { server: seen.requests, ..seen.errors },
                ..seen
            });
        }
        Ok(seen)
    });
    let judged = judge_by(&source, &AbsolutePolicy::default()).await;
    assert!(judged.verdict.is_fail(), "{}", judged.verdict);
    assert_eq!(judged.covered, window(1000, 1058));
    // Only what is of the same time is compared.
    let judged = judge_by(&source, &crate::EvidencePolicy::default()).await;
    assert_eq!(judged.carried.0["until"], json!(at(1020)));
}

async fn judge_by(source: &dyn MetricSource, gate: &dyn Gate) -> Judgement {
    let (green, blue) = (green(), blue());
    let carried = Carried::default();
    observe_and_judge(source, gate, &step(), &green, Some(Reference::Beside(&blue)), &carried).await
}

/// A gate that asks for the step and for ten seconds before it, and keeps what it saw.
struct LooksBack(std::sync::Mutex<Vec<Comparison>>);

impl Gate for LooksBack {
    fn name(&self) -> String {
        "looks back".to_owned()
    }

    fn windows(&self, step: &Step, _: &Carried) -> Vec<Window> {
        let older = step.started - Duration::from_secs(10);
        vec![Window { from: step.started, to: step.now }, Window { from: older, to: step.started }]
    }

    fn judge(&self, step: &Step, seen: &[Comparison], _: &Carried) -> Judgement {
        *self.0.lock().unwrap() = seen.to_vec();
        let holds = AbsolutePolicy::default().judge(step, &seen[..1], &Carried::default());
        Judgement::new(holds.verdict, Carried::default(), holds.covered)
    }
}

#[tokio::test]
async fn a_source_that_fails_about_a_step_before_does_not_keep_this_one_from_being_judged() {
    let started = step().started;
    let known = |subject: &Subject, asked: Window| {
        let to = asked.to.min(at(1_058));
        healthy(subject, Window { to, ..asked })
    };
    let fails = answers(move |subject: &Subject, window: Window| match window.to <= started {
        true => Err(Error::invalid("window", "old", "a newer one")),
        false => Ok(known(subject, window)),
    });
    let knows = answers(move |subject: &Subject, window: Window| Ok(known(subject, window)));
    let gate = LooksBack(std::sync::Mutex::default());
    assert!(judge(&fails, &gate, true).await.verdict.is_pass());
    let older = gate.0.lock().unwrap()[1].clone();
    assert!(older.candidate.is_missing() && older.candidate.window.is_empty(), "{older:?}");
    assert!(judge(&knows, &gate, true).await.verdict.is_pass());
    let older = gate.0.lock().unwrap()[1].clone();
    let beside = older.reference.unwrap();
    assert_eq!((older.candidate.window, beside.window.to), (beside.window, started));
    assert_eq!(beside.subject, blue());
}
