//! An alarm or a dashboard as data.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::Owner;
use crate::alarms::Alarm;

/// An alarm or a dashboard as data: what shall be there, or what is there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Definition {
    /// Its name, unique in its store.
    pub name: String,
    /// What it is: the request that creates an alarm without its name and tags, or the body of a dashboard.
    pub body: Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The names of those that have to be there before it, and until it is gone: the alarms in the rule of a composite one.
    pub depends_on: Vec<String>,
    /// Where its store has it, such as an Amazon Resource Name; `None` before it is there. It is not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Definition {
    /// A definition without tags that depends on nothing.
    pub fn new(name: impl Into<String>, body: Value) -> Self {
        Self {
            name: name.into(),
            body,
            tags: BTreeMap::new(),
            depends_on: Vec::new(),
            address: None,
        }
    }

    /// The same with the tags of its owner.
    #[must_use]
    pub fn owned_by(mut self, owner: &Owner) -> Self {
        self.tags.extend(owner.tags());
        self
    }
}

impl From<&Alarm> for Definition {
    fn from(alarm: &Alarm) -> Self {
        // An alarm is texts and finite numbers, which JSON can say.
        let mut body = serde_json::to_value(alarm).unwrap_or_default();
        if let Some(members) = body.as_object_mut() {
            members.remove("AlarmName");
            members.remove("Tags");
        }
        Self {
            name: alarm.name().to_owned(),
            body,
            tags: alarm.tags().clone(),
            depends_on: alarm.depends_on().into_iter().map(str::to_owned).collect(),
            address: None,
        }
    }
}
