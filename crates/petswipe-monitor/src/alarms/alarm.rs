//! An alarm, which can't be built unless CloudWatch would take it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::{Measure, Query, Rule, Threshold, check};
use crate::Error;

/// A definition of an alarm.
///
/// Two that are equal are the same alarm. As JSON it is the request that creates it, and it is read from there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct Alarm {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) condition: Condition,
    pub(super) actions: Actions,
    pub(super) tags: BTreeMap<String, String>,
}

/// What an alarm watches.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// One metric.
    Metric(Measure, Threshold),
    /// A number calculated from several.
    Math(Vec<Query>, Threshold),
    /// The states of other alarms.
    Composite(Rule),
}

/// Who is told of a change of state: Amazon Resource Names, at most five for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// When it is in `ALARM`.
    pub alarm: Vec<String>,
    /// When it is `OK` again.
    pub ok: Vec<String>,
    /// When nothing is known.
    pub insufficient_data: Vec<String>,
}

impl Alarm {
    /// An alarm on one metric.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for what CloudWatch would refuse: see "PutMetricAlarm", "Dimension" and "MetricStat" of its
    /// API reference.
    pub fn on_metric(
        name: impl Into<String>,
        measure: Measure,
        threshold: Threshold,
    ) -> Result<Self, Error> {
        Self::new(name, Condition::Metric(measure, threshold))
    }

    /// An alarm on a number that is calculated from several metrics.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for what CloudWatch would refuse: see "PutMetricAlarm" and "MetricDataQuery" of its API
    /// reference: at most ten metrics and ten expressions, one of which is watched. Stricter than that, all metrics
    /// have the same period, and every name in an expression is that of an entry.
    pub fn on_math(
        name: impl Into<String>,
        queries: impl IntoIterator<Item = Query>,
        threshold: Threshold,
    ) -> Result<Self, Error> {
        Self::new(name, Condition::Math(queries.into_iter().collect(), threshold))
    }

    /// An alarm on the states of other alarms.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for what CloudWatch would refuse: see "PutCompositeAlarm" of its API reference.
    pub fn composite(name: impl Into<String>, rule: Rule) -> Result<Self, Error> {
        Self::new(name, Condition::Composite(rule))
    }

    fn new(name: impl Into<String>, condition: Condition) -> Result<Self, Error> {
        let alarm = Self {
            name: name.into(),
            description: String::new(),
            condition,
            actions: Actions::default(),
            tags: BTreeMap::new(),
        };
        alarm.checked()
    }

    /// The same with a description: what is wrong when it goes off, and what to do.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] beyond 1024 characters.
    pub fn described(mut self, description: impl Into<String>) -> Result<Self, Error> {
        self.description = description.into();
        self.checked()
    }

    /// The same, and that topic is told when it goes off and when it is over.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] if it is no Amazon Resource Name, or the sixth.
    pub fn notifying(mut self, topic: impl Into<String>) -> Result<Self, Error> {
        let topic = topic.into();
        self.actions.alarm.push(topic.clone());
        self.actions.ok.push(topic);
        self.checked()
    }

    /// The same with these actions.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] if one is no Amazon Resource Name, or there are more than five for a state.
    pub fn with_actions(mut self, actions: Actions) -> Result<Self, Error> {
        self.actions = actions;
        self.checked()
    }

    /// The same with one more tag; a tag of that key is replaced.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for keys and values that are not allowed, and for the fifty-first.
    pub fn tagged(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        self.tags.insert(key.into(), value.into());
        self.checked()
    }

    pub(super) fn checked(self) -> Result<Self, Error> {
        check::alarm(&self)?;
        Ok(self)
    }

    /// Its name, unique in its account and region.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says to people.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What it watches.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Whom it tells.
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// Its tags.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// The names of the alarms that it depends on, without repetition.
    pub fn depends_on(&self) -> Vec<&str> {
        match &self.condition {
            Condition::Composite(rule) => rule.alarms(),
            Condition::Metric(..) | Condition::Math(..) => Vec::new(),
        }
    }
}
