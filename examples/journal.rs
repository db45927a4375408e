//! Which journal an example writes, and what becomes of an older one in its place.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use petswipe_deploy::Plan;
use petswipe_deploy::native::NativePlan;
use petswipe_deploy::scaling::ScalePlan;
use petswipe_runbook::journal::{FileJournal, Journal};
use petswipe_runbook::{Error, EventLog, History, Journaled, OperationId, Runbook};

use crate::cli::Backend;
use crate::going_on::{noun, place};
use crate::{BAD_USAGE, Exit, HELD};

/// How a driver is called whose cloud ends with its process, so that nothing of it is left to resume.
pub(crate) const OWN_CLOUD: &str = "own cloud";

/// A plan that says where it belongs.
pub(crate) trait Located: Runbook {
    /// The cloud or account; empty when nobody says.
    fn location(&self) -> &str;
}

impl Located for Plan {
    fn location(&self) -> &str {
        &self.location
    }
}

impl Located for NativePlan {
    fn location(&self) -> &str {
        &self.location
    }
}

impl Located for ScalePlan {
    fn location(&self) -> &str {
        &self.location
    }
}

impl Located for petswipe_cost::removal::RemovalPlan {
    fn location(&self) -> &str {
        self.account.as_deref().unwrap_or_default()
    }
}

/// An open journal and what it held.
pub(crate) struct Opened<R: Runbook> {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) history: Option<History<R>>,
}

/// Opens a journal and reads what is in it.
///
/// # Errors
/// Exit code 4 when another process has it open, 2 when it is a journal of something else.
pub(crate) async fn open<R: Runbook>(path: &Path) -> Result<Opened<R>, Exit> {
    let journal: Arc<dyn Journal> =
        Arc::new(FileJournal::open(path).map_err(|error| exit(&error))?);
    let log = Journaled(Arc::clone(&journal));
    let history = EventLog::<R>::load(&log).await.map_err(|error| exit(&error))?;
    Ok(Opened { journal, history })
}

/// Opens a journal that has to be there.
///
/// # Errors
/// As [`open`], and exit code 2 when there is none.
pub(crate) async fn open_existing<R: Runbook>(path: &Path) -> Result<Opened<R>, Exit> {
    if !path.exists() {
        return Err(Exit::usage(format!(
            "journal {} was not found; name the one to go on with by --journal",
            path.display()
        )));
    }
    open(path).await
}

/// Whether a new operation may begin at that path. Nothing is changed yet.
///
/// # Errors
/// As [`open`], and exit code 2 when an operation waits there to be resumed.
pub(crate) async fn check_free<R: Located>(
    path: &Path,
    backend: Backend,
    here: &str,
) -> Result<(), Exit> {
    if !path.exists() {
        return Ok(());
    }
    match open::<R>(path).await?.history {
        Some(history) => has_ended(path, backend, here, &history),
        None => Ok(()),
    }
}

/// A journal for a new operation. An operation in its place that has ended, or whose cloud is gone, is put aside under
/// its own name; one that can still be resumed is left alone.
///
/// # Errors
/// As [`check_free`].
pub(crate) async fn fresh<R: Located>(
    path: &Path,
    backend: Backend,
    here: &str,
) -> Result<Arc<dyn Journal>, Exit> {
    let opened = open::<R>(path).await?;
    let Some(history) = opened.history else { return Ok(opened.journal) };
    has_ended(path, backend, here, &history)?;
    let operation = &history.opening.operation;
    drop(opened.journal);
    let aside = path.with_file_name(format!("{operation}.jsonl"));
    std::fs::rename(path, &aside)
        .map_err(|error| Exit::usage(format!("moving {} aside: {error}", path.display())))?;
    Ok(open::<R>(path).await?.journal)
}

/// Takes a journal away again in which nothing was written.
pub(crate) fn discard_empty(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) {
        // What is left is an empty file, which is no journal of anything.
        let _ = std::fs::remove_file(path);
    }
}

/// `here` is the cloud that a new operation would be begun on.
fn has_ended<R: Located>(
    path: &Path,
    backend: Backend,
    here: &str,
    history: &History<R>,
) -> Result<(), Exit> {
    let operation = &history.opening.operation;
    // Nobody has the journal open, so the process that was also the cloud is gone.
    let gone = history.opening.holder.contains(OWN_CLOUD);
    if history.outcome().is_some() || gone {
        return Ok(());
    }
    let there = history.opening.plan.location();
    let (of, how) = match there.is_empty() || there == here {
        true => (String::new(), "go on with it by --resume".to_owned()),
        false => (
            format!(" of {}", noun(backend, there)),
            format!("go on with it there by --resume ({})", place(backend, here)),
        ),
    };
    Err(Exit::usage(format!(
        "{} holds operation {operation}{of}, which has not ended: {how}, or name another --journal",
        path.display()
    )))
}

/// A new name for an operation, such as `canary-20261123T031038Z-7f3a`.
///
/// # Errors
/// When the example's name is no part of such a name.
pub(crate) fn new_operation(example: &str) -> Result<OperationId, Exit> {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let id = format!("{example}-{now}-{:04x}", fastrand::u16(..));
    OperationId::new(id).map_err(Exit::usage)
}

/// An error before anything was touched.
pub(crate) fn exit(error: &Error) -> Exit {
    let code = if error.is_held() { HELD } else { BAD_USAGE };
    Exit { code, message: petswipe_monitor::explain(error) }
}
