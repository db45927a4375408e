//! The contract of [`Approver`], sentence by sentence.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use jiff::Timestamp;

use crate::approval::{Answer, Approver, Question};

/// Makes a module of tests which hold an approver to the contract of [`Approver`].
///
/// The expression gives an approver together with whatever must live as long as it does. If it needs a person, that
/// must be a task which answers each question within a second; one that never answers anything conforms as well. The
/// calling crate needs `tokio` with `macros`, `rt-multi-thread` and `time`.
///
/// ```
/// petswipe_runbook::approver_conformance!(nobody, (petswipe_runbook::NobodyApproves, ()));
/// ```
#[macro_export]
macro_rules! approver_conformance {
    ($module:ident, $fresh:expr) => {
        $crate::conformance_tests!(
            $module,
            $fresh,
            $crate::conformance::approval,
            $crate::Approver,
            [an_answer_is_given_once_per_question, a_withdrawn_question_does_not_disturb_the_next,]
        );
    };
}

/// The future ends with one answer or never, also while other questions are open; it does not panic when dropped.
pub async fn an_answer_is_given_once_per_question(approver: Arc<dyn Approver>) {
    let alone = within_reason(&*approver, &question("alone")).await;
    let questions: Vec<_> = ["a", "b", "c"].map(question).into();
    let together = join_all(questions.iter().map(|each| within_reason(&*approver, each))).await;
    for (question, answer) in questions.iter().zip(together) {
        assert_eq!(
            answer.is_some(),
            alone.is_some(),
            "question {} is answered like one alone: {answer:?}",
            question.key
        );
    }
    if let Some(answer) = alone {
        assert!(!answer.by.is_empty(), "an answer is somebody's");
    }
    // Never polled, and polled once.
    drop(approver.ask(&question("never polled")));
    glance(&*approver, &question("polled once")).await;
}

/// After a future was dropped, the next question is answered, or not, as if the dropped one had never been asked.
pub async fn a_withdrawn_question_does_not_disturb_the_next(approver: Arc<dyn Approver>) {
    let undisturbed = within_reason(&*approver, &question("first")).await;
    glance(&*approver, &question("withdrawn")).await;
    let next = within_reason(&*approver, &question("next")).await;
    assert_eq!(next.is_some(), undisturbed.is_some(), "after a withdrawn question: {next:?}");
    // Withdrawn while another one is open.
    let (_, other) = join(
        glance(&*approver, &question("withdrawn")),
        within_reason(&*approver, &question("other")),
    )
    .await;
    assert_eq!(other.is_some(), undisturbed.is_some(), "beside a withdrawn question: {other:?}");
}

fn question(key: &str) -> Question {
    Question { key: key.to_owned(), text: format!("{key}?"), deadline: Timestamp::MAX }
}

async fn within_reason(approver: &dyn Approver, question: &Question) -> Option<Answer> {
    tokio::time::timeout(Duration::from_secs(30), approver.ask(question)).await.ok()
}

/// Asks, looks once, and withdraws the question.
async fn glance(approver: &dyn Approver, question: &Question) {
    let _ = approver.ask(question).now_or_never();
}
