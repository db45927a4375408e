//! Whose alarms and dashboards these are: how their names begin, and which tags they carry.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Error;

/// What `ManagedBy` says of everything that this crate creates.
pub const MANAGER: &str = "petswipe-monitor";

/// A project in an environment: the owner of alarms and dashboards.
///
/// ```
/// use petswipe_monitor::Owner;
/// let owner = Owner::new("shop", "production")?;
/// assert_eq!(owner.name("sre"), "shop-production-sre");
/// assert_eq!(owner.tags()["ManagedBy"], "petswipe-monitor");
/// assert!(Owner::new("shop", "prod/eu").is_err());
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Owner {
    project: String,
    environment: String,
}

impl Owner {
    /// That project in that environment.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] unless both are of 1 to 64 letters, digits and hyphens.
    pub fn new(project: impl Into<String>, environment: impl Into<String>) -> Result<Self, Error> {
        let owner = Self { project: project.into(), environment: environment.into() };
        for (field, value) in [("project", &owner.project), ("environment", &owner.environment)] {
            let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if value.is_empty() || value.len() > 64 || !value.chars().all(known) {
                return Err(Error::invalid(field, value, "1 to 64 letters, digits and hyphens"));
            }
        }
        Ok(owner)
    }

    /// The project.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The environment.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// How the names of all that it owns begin: `project-environment-`.
    pub fn prefix(&self) -> String {
        format!("{}-{}-", self.project, self.environment)
    }

    /// The name of something that it owns.
    pub fn name(&self, of: &str) -> String {
        format!("{}{of}", self.prefix())
    }

    /// The tags of all that it owns: `ManagedBy`, `Project` and `Environment`.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = [
            ("ManagedBy", MANAGER),
            ("Project", self.project.as_str()),
            ("Environment", self.environment.as_str()),
        ];
        tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The tags that something lacks to be its own, as `Key=value`. Nothing is missing from what it owns.
    pub fn missing_in(&self, tags: &BTreeMap<String, String>) -> Vec<String> {
        let missing = self.tags().into_iter().filter(|(key, value)| tags.get(key) != Some(value));
        missing.map(|(key, value)| format!("{key}={value}")).collect()
    }
}
