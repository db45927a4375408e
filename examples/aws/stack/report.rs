//! What became of each part of a stack, for a person and as JSON.

use serde::Serialize;

use super::resource::{Names, Resource};
use crate::{BAD_USAGE, DONE, HALF_WAY};

/// How an operation on a stack ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What was missing is there.
    Created,
    /// Nothing was missing, or nothing was there to be deleted.
    Unchanged,
    /// What was there is gone.
    Destroyed,
    /// Nothing was to be changed.
    Planned,
    /// It was not begun.
    Refused,
    /// It was begun and not finished.
    HalfWay,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It was missing and is there.
    Created,
    /// It was there and is as it was.
    Kept,
    /// It was there and is gone.
    Deleted,
    /// It is not the stack's, so nobody touched it.
    LeftAlone,
    /// It would be created.
    WouldCreate,
    /// It would be deleted.
    WouldDelete,
}

/// A part, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What it is.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
    /// What became of it.
    pub action: Action,
    /// Its ARN, or what else the service knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it was left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip)]
    described: String,
}

/// The end of an operation on a stack.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `create` or `destroy`.
    pub operation: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused or stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Every part that it has to do with, in the order in which it came to them.
    pub resources: Vec<Line>,
    /// Where users reach the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Report {
    pub(super) fn new(operation: &'static str) -> Self {
        let (outcome, resources) = (Outcome::Unchanged, Vec::new());
        Self { operation, outcome, reason: None, resources, address: None }
    }

    pub(super) fn line(
        &mut self,
        names: &Names,
        part: Resource,
        action: Action,
        id: Option<String>,
    ) {
        let (name, described) = (names.of(part), names.described(part));
        let line = Line { kind: part.kind(), name, action, id, reason: None, described };
        self.resources.push(line);
    }

    /// Something that stays because it is not the stack's.
    pub(super) fn left_alone(&mut self, kind: &'static str, name: String, reason: String) {
        let described = format!("{kind} {name}");
        let (action, reason) = (Action::LeftAlone, Some(reason));
        self.resources.push(Line { kind, name, action, id: None, reason, described });
    }

    /// It was not begun.
    pub(super) fn refused(mut self, reason: String) -> Self {
        (self.outcome, self.reason) = (Outcome::Refused, Some(reason));
        self
    }

    /// It was begun, perhaps, and not finished.
    pub(super) fn stopped(mut self, reason: String) -> Self {
        let changed = self.changed();
        let done = if changed.is_empty() {
            "Nothing is known to have been changed.".to_owned()
        } else {
            let verb = if self.operation == "create" { "Created" } else { "Deleted" };
            format!("{verb} so far: {}.", changed.join(", "))
        };
        self.outcome = Outcome::HalfWay;
        self.reason = Some(format!("{reason}. {done} The same command again goes on from there"));
        self
    }

    /// Every part that was changed.
    fn changed(&self) -> Vec<&str> {
        let changed = |line: &&Line| matches!(line.action, Action::Created | Action::Deleted);
        self.resources.iter().filter(changed).map(|line| line.described.as_str()).collect()
    }

    /// Whether a part was changed.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed().is_empty()
    }

    /// The exit code of the program.
    pub fn code(&self) -> u8 {
        match self.outcome {
            Outcome::Created | Outcome::Unchanged | Outcome::Destroyed | Outcome::Planned => DONE,
            Outcome::Refused => BAD_USAGE,
            Outcome::HalfWay => HALF_WAY,
        }
    }

    /// The result for a person.
    pub fn text(&self) -> String {
        let with = |action: Action| self.resources.iter().filter(move |line| line.action == action);
        let mut lines = Vec::new();
        for (title, action) in [
            ("Nothing is changed now. Missing, and would be created:", Action::WouldCreate),
            ("Nothing is changed now. Would be deleted:", Action::WouldDelete),
        ] {
            if with(action).next().is_some() {
                lines.push(title.to_owned());
                lines.extend(with(action).map(|line| format!("  {}", line.described)));
            }
        }
        let (kept, changed) = (with(Action::Kept).count(), self.changed().len());
        lines.extend(match (self.outcome, self.operation) {
            (Outcome::Created, _) => {
                Some(format!("created: {changed} parts are new, {kept} were there"))
            }
            (Outcome::Destroyed, _) => Some(format!("destroyed: {changed} parts are gone")),
            (Outcome::Unchanged, "create") => {
                Some(format!("unchanged: all {kept} parts are there, nothing was changed"))
            }
            (Outcome::Unchanged, _) => Some("unchanged: nothing of this stack is there".to_owned()),
            (Outcome::Planned, _) if kept > 0 => Some(format!("{kept} parts are there and stay")),
            _ => None,
        });
        lines.extend(with(Action::LeftAlone).map(|line| {
            let why = line.reason.as_deref().unwrap_or_default();
            format!("left alone: {}: {why}", line.described)
        }));
        lines.extend(self.address.iter().map(|address| format!("address: {address}")));
        lines.join("\n")
    }
}
