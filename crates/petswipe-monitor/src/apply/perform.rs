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
    "stopped at {kind} {failed}, {}; {}; left to do: {}; the same again goes on",
    if *.begun { "and it is not known whether that was done" } else { "of which nothing was done" },
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
    /// Whether that was begun: whether it was done is then not known. Else it was found to be another one than planned, or could
    /// not be looked at once more.
    pub begun: bool,
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
/// As [`plan`] and [`DefinitionStore::list`]. [`Error::InvalidPolicy`] for an owner without a region where the store
/// [spans regions](DefinitionStore::spans_regions).
pub async fn look(
    store: &dyn DefinitionStore,
    owner: &Owner,
    wanted: &[Definition],
) -> Result<Plan, Error> {
    if store.spans_regions() && owner.region().is_none() {
        let field = format!("owner of each {}", store.kind());
        let allowed =
            "an owner in a region: here all regions of an account have their names together";
        return Err(Error::invalid(field, owner.prefix().trim_end_matches('-'), allowed));
    }
    let held = store.list(&owner.prefix()).await?;
    plan(store.kind(), owner, wanted, &held)
}

/// Does what a plan says, in its order, and tells `progress` of each step when it is done.
///
/// Right before each change what it is about is looked at once more. If it is another one than when the plan was made, by its
/// body or its tags, it is left alone, and this stops. What is gone already need not be deleted. A store has no way to make
/// a change depend on what is there (CloudWatch has no conditional Put or Delete, and a directory none either), so what somebody
/// else does between that look and the change, within about the time of one call, is overwritten.
///
/// # Errors
/// [`Interrupted`] at the first change that fails, with what was done before; by [`Error::Changed`] for what is another one by now.
pub async fn apply(
    store: &dyn DefinitionStore,
    plan: &Plan,
    progress: &mut (dyn FnMut(&Step) + Send),
) -> Result<Report, Interrupted> {
    let mut report = Report::default();
    let mut rest = plan.steps.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(batch(rest, store.together()));
        let done = match still_there(store, now).await {
            Err(error) => Err((false, error)),
            Ok(doomed) => match now {
                [step] if step.change != Change::Delete => put(store, step).await,
                _ if doomed.is_empty() => Ok(()),
                _ => store.delete(&doomed).await,
            }
            .map_err(|error| (true, error)),
        };
        if let Err((begun, source)) = done {
            let names = |steps: &[Step]| {
                let to_do = steps.iter().filter(|step| step.change != Change::Leave);
                to_do.map(|step| step.definition.name.clone()).collect::<Vec<_>>()
            };
            return Err(Interrupted {
                kind: plan.kind.clone(),
                report,
                failed: names(now).join(", "),
                begun,
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

/// Checks that what is changed is as it was when the plan was made, and gives what there is of it to be deleted.
async fn still_there(
    store: &dyn DefinitionStore,
    steps: &[Step],
) -> Result<Vec<Definition>, Error> {
    let mut doomed = Vec::new();
    for step in steps.iter().filter(|step| step.change != Change::Leave) {
        let name = &step.definition.name;
        let now = store.list(name).await?.into_iter().find(|found| found.name == *name);
        let is_same = match (&step.held, &now) {
            (Some(before), Some(now)) => before.body == now.body && before.tags == now.tags,
            (None, None) => true,
            (Some(_), None) => step.change == Change::Delete,
            (None, Some(_)) => false,
        };
        if !is_same {
            return Err(Error::Changed { what: format!("{} {name}", store.kind()) });
        }
        if step.change == Change::Delete {
            doomed.extend(now);
        }
    }
    Ok(doomed)
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
