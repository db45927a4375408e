//! What has to be done: a pure function of what shall be and what is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::Definition;
use super::difference::{Difference, between};
use crate::{Error, Owner};

/// What is done with one alarm or dashboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is not there.
    Create,
    /// It is there and differs.
    Update(Vec<Difference>),
    /// It is there as it shall be.
    Leave,
    /// It is its owner's, and no definition is left of it.
    Delete,
}

/// One alarm or dashboard, and what is done with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What shall be there; for a deletion what is there.
    pub definition: Definition,
    /// What is there.
    #[serde(skip)]
    pub held: Option<Definition>,
    /// What is done.
    pub change: Change,
}

/// What has to be done, in the order in which it is done: first what others depend on; deletions last, and the other way round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Of what: "alarm".
    pub kind: String,
    /// Every definition, and everything that is deleted.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.to_do().next().is_none()
    }

    /// What has to be done.
    pub fn to_do(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.change != Change::Leave)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step { definition, change, .. } in self.to_do() {
            let word = match change {
                Change::Create => "create",
                Change::Update(_) => "change",
                Change::Leave => "leave alone",
                Change::Delete => "delete",
            };
            writeln!(f, "{word} {} {}", self.kind, definition.name)?;
            if let Change::Update(differences) = change {
                for difference in differences {
                    writeln!(f, "  {difference}")?;
                }
            }
        }
        Ok(())
    }
}

/// Compares what an owner wants with what is there under its prefix.
///
/// # Errors
/// [`Error::InvalidPolicy`] for definitions whose names do not begin with the prefix of the owner, are not unique, lack its
/// tags, or depend on each other in a circle or on what will not be there. [`Error::NotOurs`] if a name is taken by
/// something that lacks the owner's tags.
pub fn plan(
    kind: &str,
    owner: &Owner,
    wanted: &[Definition],
    held: &[Definition],
) -> Result<Plan, Error> {
    check(kind, owner, wanted)?;
    let held: BTreeMap<&str, &Definition> =
        held.iter().map(|definition| (definition.name.as_str(), definition)).collect();
    let names: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    let mut foreign = Vec::new();
    for name in &names {
        if let Some(missing) = held.get(name).map(|held| owner.missing_in(&held.tags))
            && !missing.is_empty()
        {
            foreign.push(format!("{kind} {name} (it lacks {})", missing.join(", ")));
        }
    }
    if !foreign.is_empty() {
        return Err(Error::NotOurs { what: foreign.join("; ") });
    }
    let doomed: Vec<&Definition> = held
        .values()
        .filter(|held| {
            owner.missing_in(&held.tags).is_empty() && !names.contains(held.name.as_str())
        })
        .copied()
        .collect();
    for definition in wanted {
        let prefix = owner.prefix();
        let will_be = |name: &&String| {
            !name.starts_with(&prefix)
                || names.contains(name.as_str())
                || held.contains_key(name.as_str())
                    && !doomed.iter().any(|doomed| doomed.name == **name)
        };
        if let Some(absent) = definition.depends_on.iter().find(|name| !will_be(name)) {
            let field = format!("what {kind} {} depends on", definition.name);
            return Err(Error::invalid(field, absent, "names that are defined as well"));
        }
    }
    let stays = |held: &&&Definition| {
        !names.contains(held.name.as_str()) && !doomed.iter().any(|doomed| doomed.name == held.name)
    };
    for user in held.values().filter(stays) {
        if let Some(needed) = doomed.iter().find(|doomed| user.depends_on.contains(&doomed.name)) {
            let what = format!("{kind} {}, which depends on {}", user.name, needed.name);
            return Err(Error::NotOurs { what });
        }
    }
    let mut steps = Vec::new();
    for definition in in_order(kind, wanted.iter().collect(), true)? {
        let before = held.get(definition.name.as_str());
        let change = match before {
            None => Change::Create,
            Some(held) => match between(held, definition) {
                differences if differences.is_empty() => Change::Leave,
                differences => Change::Update(differences),
            },
        };
        let held = before.map(|held| (*held).clone());
        steps.push(Step { definition: definition.clone(), held, change });
    }
    // A circle among these is for the store to refuse.
    let deletions = in_order(kind, doomed, false)?.into_iter().rev();
    steps.extend(deletions.map(|held| Step {
        definition: held.clone(),
        held: Some(held.clone()),
        change: Change::Delete,
    }));
    Ok(Plan { kind: kind.to_owned(), steps })
}

fn check(kind: &str, owner: &Owner, wanted: &[Definition]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for definition in wanted {
        let name = definition.name.as_str();
        let field = || format!("name of a defined {kind}");
        if !name.starts_with(&owner.prefix()) || name == owner.prefix() {
            let allowed = format!("names that begin with {}", owner.prefix());
            return Err(Error::invalid(field(), name, allowed));
        }
        if !seen.insert(name) {
            return Err(Error::invalid(field(), name, "each name once"));
        }
        let missing = owner.missing_in(&definition.tags);
        if !missing.is_empty() {
            let allowed = format!("the tags of its owner, so also {}", missing.join(", "));
            return Err(Error::invalid(format!("tags of {kind} {name}"), "incomplete", allowed));
        }
    }
    Ok(())
}

/// Each after those that it depends on, else as given. A circle is an error, or left as it is.
fn in_order<'a>(
    kind: &str,
    mut waiting: Vec<&'a Definition>,
    strict: bool,
) -> Result<Vec<&'a Definition>, Error> {
    let mut ordered: Vec<&Definition> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_free = |definition: &&Definition| {
            let mut needs = definition.depends_on.iter();
            !needs.any(|needed| waiting.iter().any(|other| other.name == *needed))
        };
        let (free, bound): (Vec<_>, Vec<_>) = waiting.iter().copied().partition(is_free);
        if free.is_empty() {
            if !strict {
                ordered.extend(bound);
                break;
            }
            let names: Vec<_> = bound.iter().map(|bound| bound.name.as_str()).collect();
            let field = format!("dependencies of {kind}s");
            return Err(Error::invalid(field, names.join(", "), "no circle"));
        }
        ordered.extend(free);
        waiting = bound;
    }
    Ok(ordered)
}
