//! Carrying out a plan: one change after the other, each told of.

use serde::Serialize;

use super::plan::{Change, Plan, Step, plan};
use super::{Definition, DefinitionStore};
use crate::{Error, Owner};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Names of what was created, in this order.
    pub created: Vec<String>,
    /// Names of what was changed.
    pub changed: Vec<String>,
    /// Names of what was deleted.
    pub deleted: Vec<String>,
    /// Names of what was as it shall be.
    pub left_alone: Vec<String>,
}

/// A plan that stopped half-way. The same again goes on: what was done is then left alone.
#[derive(Debug, thiserror::Error)]
#[error(
    "stopped at {kind} {failed}, and it is not known whether that was done; {}; left to do: {}; the same again goes on",
    done(.report),
    list(.left)
)]
pub struct Interrupted {
    /// Of what: "alarm".
    pub kind: String,
    /// What was done.
    pub report: Report,
    /// What failed: the names of what was to be put or deleted together.
    pub failed: String,
    /// The names of what was not begun.
    pub left: Vec<String>,
    /// Why.
    #[source]
    pub source: Error,
}

fn done(report: &Report) -> String {
    let [created, changed, deleted] =
        [&report.created, &report.changed, &report.deleted].map(|names| list(names));
    format!("created: {created}; changed: {changed}; deleted: {deleted}")
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// What has to be done in a store so that it holds these definitions of that owner. Without definitions it is the deletion of all
/// that it owns there.
///
/// # Errors
/// As [`plan`] and [`DefinitionStore::list`].
pub async fn look(
    store: &dyn DefinitionStore,
    owner: &Owner,
    wanted: &[Definition],
) -> Result<Plan, Error> {
    let held = store.list(&owner.prefix()).await?;
    plan(store.kind(), owner, wanted, &held)
}

/// Does what a plan says, in its order, and tells `progress` of each step when it is done.
///
/// # Errors
/// [`Interrupted`] at the first change that fails, with what was done before.
pub async fn apply(
    store: &dyn DefinitionStore,
    plan: &Plan,
    progress: &mut (dyn FnMut(&Step) + Send),
) -> Result<Report, Interrupted> {
    let mut report = Report::default();
    let mut rest = plan.steps.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(batch(rest, store.together()));
        let done = match now {
            [step] if step.change != Change::Delete => put(store, step).await,
            steps => {
                let doomed: Vec<_> = steps.iter().map(|step| step.definition.clone()).collect();
                store.delete(&doomed).await
            }
        };
        if let Err(source) = done {
            let names = |steps: &[Step]| {
                let to_do = steps.iter().filter(|step| step.change != Change::Leave);
                to_do.map(|step| step.definition.name.clone()).collect::<Vec<_>>()
            };
            return Err(Interrupted {
                kind: plan.kind.clone(),
                report,
                failed: names(now).join(", "),
                left: names(later),
                source,
            });
        }
        for step in now {
            let names = match step.change {
                Change::Create => &mut report.created,
                Change::Update(_) => &mut report.changed,
                Change::Leave => &mut report.left_alone,
                Change::Delete => &mut report.deleted,
            };
            names.push(step.definition.name.clone());
            progress(step);
        }
        rest = later;
    }
    Ok(report)
}

async fn put(store: &dyn DefinitionStore, step: &Step) -> Result<(), Error> {
    match &step.change {
        Change::Create | Change::Update(_) => store.put(&step.definition, step.held.as_ref()).await,
        Change::Leave | Change::Delete => Ok(()),
    }
}

/// How many of the first steps are one: deletions go together, up to `together` of them, unless one depends on something.
fn batch(steps: &[Step], together: usize) -> usize {
    let goes_along =
        |step: &Step| step.change == Change::Delete && step.definition.depends_on.is_empty();
    steps.iter().take(together).take_while(|step| goes_along(step)).count().max(1)
}
