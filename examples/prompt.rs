//! Asking the person at the terminal.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use async_trait::async_trait;
use petswipe_runbook::{Answer, Approver, AutoApprover, FileApprover, Question, SystemClock};

use crate::Exit;
use crate::cli::Common;

/// Asks on stderr and reads a line from stdin.
struct Terminal;

#[async_trait]
impl Approver for Terminal {
    async fn ask(&self, question: &Question) -> Answer {
        match ask(question.text.clone()).await {
            Some(true) => Answer::yes("terminal"),
            Some(false) => Answer::no("terminal", "not approved"),
            None => Answer::no("terminal", "the terminal could not be read"),
        }
    }
}

/// Asks on stderr, and reads the answer from stdin; `None` when it can't be read.
pub(crate) async fn ask(text: String) -> Option<bool> {
    // A read can't be cancelled: if a deadline comes first, its thread waits on until the program ends.
    let asked = tokio::task::spawn_blocking(move || {
        let mut stderr = std::io::stderr();
        let mut line = String::new();
        let _ = write!(stderr, "\n{text} [y/N] ").and_then(|()| stderr.flush());
        let read = std::io::stdin().read_line(&mut line);
        read.map(|_| line.trim().to_lowercase())
    });
    let line = asked.await.ok()?.ok()?;
    Some(line == "y" || line == "yes")
}

/// For a plan that asks nobody.
pub(crate) fn nobody() -> Arc<dyn Approver> {
    Arc::new(AutoApprover { by: "auto-promote".to_owned() })
}

/// Whoever answers the questions of this run. `otherwise` is how to go on without one.
///
/// # Errors
/// When there is nobody to answer them.
pub(crate) fn somebody(common: &Common, otherwise: &str) -> Result<Arc<dyn Approver>, Exit> {
    if let Some(path) = &common.approval_file {
        return Ok(Arc::new(FileApprover::new(path, Arc::new(SystemClock::new()))));
    }
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        return Ok(Arc::new(Terminal));
    }
    Err(Exit::usage(format!(
        "this rollout asks for approval, but there is no terminal; give --approval-file FILE{otherwise}"
    )))
}
