//! Going on with an operation in a journal, by `--resume` or `--undo`: the command for it, and when it is refused.

use std::path::Path;

use petswipe_deploy::{Direction, Move, Plan, State, Target as Wanted};
use petswipe_local::Fault;
use petswipe_runbook::History;

use crate::Exit;
use crate::cli::{Common, ENVIRONMENT, PROJECT};

/// The command that goes on with what is in a journal. The token of the cloud stays in its variable.
pub(crate) fn command(example: &str, common: &Common, flag: &str, journal: &Path) -> String {
    let mut command =
        format!("cargo run --example {example} -- --cloud \"$PETSWIPE_CLOUD\" {flag}");
    let mut add = |name: &str, value: &str| command += &format!(" {name} {}", quoted(value));
    add("--journal", &journal.display().to_string());
    if common.project != PROJECT {
        add("--project", &common.project);
    }
    if common.environment != ENVIRONMENT {
        add("--environment", &common.environment);
    }
    if let Some(file) = common.approval_file.as_ref().filter(|_| flag == "--resume") {
        add("--approval-file", &file.display().to_string());
    }
    command
}

/// For a shell: what has nothing special in it stays as it is.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Refuses to go on with an operation on another cloud than where it was begun: there it would find other sides, other
/// revisions and other weights than those it knows.
///
/// # Errors
/// Exit code 2, with both clouds.
pub(crate) fn same_cloud(path: &Path, history: &History<Plan>, here: &str) -> Result<(), Exit> {
    let there = &history.opening.plan.location;
    // Journals of older versions do not say where they belong.
    if there.is_empty() || there == here {
        return Ok(());
    }
    Err(Exit::usage(format!(
        "--cloud is cloud {here}, but {} holds operation {} of cloud {there}; allowed: that cloud. One that was stopped is \
         gone, with everything that was begun on it",
        path.display(),
        history.opening.operation
    )))
}

/// Refuses a fault that the new version does not get: what is deployed was decided when the operation was begun.
///
/// # Errors
/// Exit code 2, with both faults.
pub(crate) fn same_fault(wanted: Fault, plan: &Plan) -> Result<(), Exit> {
    let Wanted::Image(image) = &plan.target else { return Ok(()) };
    let (_, held) = Fault::of(image)?;
    let held = held.unwrap_or_default();
    if wanted == Fault::None || wanted == held {
        return Ok(());
    }
    Err(Exit::usage(format!(
        "--fault is {wanted}, but the new version in the journal has {held}; allowed: {held}, or no --fault"
    )))
}

/// Whether a person will still be asked.
pub(crate) fn asks(plan: &Plan, state: &State) -> bool {
    let ahead = state.script.iter().skip(state.cursor);
    match state.direction {
        _ if state.ended.is_some() => false,
        Direction::Starting => plan.approval.is_some(),
        Direction::Forward => ahead.into_iter().any(|step| matches!(step, Move::Approve { .. })),
        Direction::Back(_) | Direction::Stopping { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_to_a_shell_is_quoted() {
        for plain in [".petswipe/canary.jsonl", "/tmp/a-b_c.jsonl"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted("my journal"), "'my journal'");
        assert_eq!(quoted("it's; $HOME"), "'it'\\''s; $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
