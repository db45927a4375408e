//! Asking a person.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// A question of the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Which of the core's questions, so that the answer finds it.
    pub key: String,
    /// For the person: what happens on yes, and what on no.
    pub text: String,
    /// Without an answer by then the core goes its safe way.
    pub deadline: Timestamp,
}

/// A person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Yes or no.
    pub approved: bool,
    /// Who answered.
    pub by: String,
    /// Why, if they said.
    pub reason: String,
}

impl Answer {
    /// Yes.
    pub fn yes(by: impl Into<String>) -> Self {
        Self { approved: true, by: by.into(), reason: String::new() }
    }

    /// No.
    pub fn no(by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { approved: false, by: by.into(), reason: reason.into() }
    }
}

/// Somebody who can be asked. An approver need not answer: the core goes its safe way at the question's deadline, and
/// the future is dropped then.
///
/// # Contract
/// - `an_answer_is_given_once_per_question`: the future ends with one answer or never, also while other questions are
///   open; it does not panic when dropped.
/// - `a_withdrawn_question_does_not_disturb_the_next`: after a future was dropped, the next question is answered, or
///   not, as if the dropped one had never been asked.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Asks and waits for the answer.
    async fn ask(&self, question: &Question) -> Answer;
}

/// Says yes to everything, in the name of whoever set it up.
#[derive(Clone, Debug)]
pub struct AutoApprover {
    /// In whose name.
    pub by: String,
}

#[async_trait]
impl Approver for AutoApprover {
    async fn ask(&self, _question: &Question) -> Answer {
        Answer::yes(&self.by)
    }
}

/// Says no to everything: for runs in which nobody can be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodyApproves;

#[async_trait]
impl Approver for NobodyApproves {
    async fn ask(&self, _question: &Question) -> Answer {
        Answer::no("nobody", "no approver is configured")
    }
}

/// Answers given by code: an endpoint of one's own service, a chat command, a test.
#[derive(Debug)]
pub struct ChannelApprover {
    questions: tokio::sync::mpsc::UnboundedSender<(Question, tokio::sync::oneshot::Sender<Answer>)>,
}

/// The other end of a [`ChannelApprover`]: each question with the place for its answer.
pub type Questions =
    tokio::sync::mpsc::UnboundedReceiver<(Question, tokio::sync::oneshot::Sender<Answer>)>;

impl ChannelApprover {
    /// An approver, and the questions it is asked. When the receiver is gone nobody answers any more.
    pub fn new() -> (Self, Questions) {
        let (questions, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Self { questions }, receiver)
    }
}

#[async_trait]
impl Approver for ChannelApprover {
    async fn ask(&self, question: &Question) -> Answer {
        let (answer, receiver) = tokio::sync::oneshot::channel();
        if self.questions.send((question.clone(), answer)).is_ok()
            && let Ok(answer) = receiver.await
        {
            return answer;
        }
        // Nobody listens: that is no answer, and the deadline decides.
        std::future::pending().await
    }
}

/// Reads the answer from a file that a person or a webhook handler writes: its first word is `approve` or `deny`,
/// the rest of the line is the reason. The file is read every second and removed before each question, so that an old
/// answer never counts. One question is asked at a time: the next one waits until this one is answered or withdrawn, so
/// that one answer never counts for two.
pub struct FileApprover {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    asking: tokio::sync::Mutex<()>,
}

impl FileApprover {
    /// An approver that looks at `path`.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { path: path.into(), clock, asking: tokio::sync::Mutex::new(()) }
    }

    fn read(&self) -> Option<Answer> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let line = text.lines().next()?.trim();
        let (word, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let by = format!("file {}", self.path.display());
        match word {
            "approve" => Some(Answer { approved: true, by, reason: reason.trim().to_owned() }),
            "deny" => Some(Answer { approved: false, by, reason: reason.trim().to_owned() }),
            _ => None,
        }
    }
}

#[async_trait]
impl Approver for FileApprover {
    async fn ask(&self, _question: &Question) -> Answer {
        let _asking = self.asking.lock().await;
        let removed = std::fs::remove_file(&self.path);
        if removed.is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound) {
            // An old answer that can't be removed would count as a new one; better none at all.
            return std::future::pending().await;
        }
        loop {
            if let Some(answer) = self.read() {
                return answer;
            }
            let next = self.clock.now().saturating_add(std::time::Duration::from_secs(1));
            self.clock.sleep_until(next.unwrap_or(Timestamp::MAX)).await;
        }
    }
}
