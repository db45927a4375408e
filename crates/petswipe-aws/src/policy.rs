//! IAM policy documents.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

/// An identity-based policy that allows what its statements say, and nothing else.
///
/// Its `Display` is the JSON that IAM takes. Source: "IAM JSON policy elements reference".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    #[serde(rename = "Version")]
    version: &'static str,
    #[serde(rename = "Statement")]
    statements: Vec<Statement>,
}

/// Some actions on some resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// What it is for: letters and digits.
    pub sid: String,
    effect: &'static str,
    #[serde(rename = "Action")]
    actions: BTreeSet<String>,
    #[serde(rename = "Resource")]
    resources: Vec<String>,
    #[serde(rename = "Condition", skip_serializing_if = "BTreeMap::is_empty")]
    conditions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Statement {
    /// Allows `actions` on `resources` (ARNs, possibly with `*`).
    pub fn allow<A: Into<String>, R: Into<String>>(
        sid: impl Into<String>,
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            sid: sid.into(),
            effect: "Allow",
            actions: actions.into_iter().map(Into::into).collect(),
            resources: resources.into_iter().map(Into::into).collect(),
            conditions: BTreeMap::new(),
        }
    }

    /// The same under a condition, such as `StringEquals` of `iam:PassedToService`.
    #[must_use]
    pub fn when<V: Into<String>>(
        mut self,
        operator: &str,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.conditions.entry(operator.to_owned()).or_default().insert(key.to_owned(), values);
        self
    }

    /// What it allows.
    pub fn actions(&self) -> &BTreeSet<String> {
        &self.actions
    }

    /// Whether only under a condition.
    pub fn is_conditional(&self) -> bool {
        !self.conditions.is_empty()
    }

    /// On what.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }
}

impl Policy {
    /// A policy of these statements.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { version: "2012-10-17", statements: statements.into_iter().collect() }
    }

    /// Its statements.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Everything that it allows on something.
    pub fn actions(&self) -> BTreeSet<String> {
        self.statements.iter().flat_map(|statement| statement.actions.iter().cloned()).collect()
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?;
        f.write_str(&json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_json_that_iam_takes() {
        let pass = Statement::allow("PassRoles", ["iam:PassRole"], ["arn:aws:iam::*:role/shop-*"]);
        let pass = pass.when("StringEquals", "iam:PassedToService", ["ecs-tasks.amazonaws.com"]);
        let policy = Policy::new([pass]);
        let json: serde_json::Value = serde_json::from_str(&policy.to_string()).unwrap();
        let wanted = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "PassRoles",
                "Effect": "Allow",
                "Action": ["iam:PassRole"],
                "Resource": ["arn:aws:iam::*:role/shop-*"],
                "Condition": {"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com"]}},
            }],
        });
        assert_eq!(json, wanted);
    }
}
