//! Whose alarms and dashboards these are: how their names begin, and which tags they carry.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Error;

/// What `ManagedBy` says of everything that this crate creates.
pub const MANAGER: &str = "petswipe-monitor";

/// The set of definitions of an owner that names none.
const DEFAULT_SET: &str = "default";

/// A project in an environment: the owner of alarms and dashboards.
///
/// What is left of one's own without a definition is deleted. So definitions that are brought by themselves, such as those of
/// a service and those of its objectives, are each a [set](Self::in_set) of their own: no set touches what another one made.
///
/// Dashboards of CloudWatch are of an account and not of a region, so there an owner is [in a region](Self::in_region).
///
/// ```
/// use petswipe_monitor::Owner;
/// let owner = Owner::new("shop", "production")?;
/// assert_eq!(owner.name("sre"), "shop-production-sre");
/// assert_eq!(owner.tags()["ManagedBy"], "petswipe-monitor");
/// assert_eq!(owner.clone().in_region("eu-central-1")?.name("sre"), "shop-production-eu-central-1-sre");
/// let objectives = owner.clone().in_set("objectives")?;
/// assert_eq!(objectives.missing_in(&owner.tags()), ["DefinitionSet=objectives"]);
/// assert!(Owner::new("shop", "prod/eu").is_err());
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Owner {
    project: String,
    environment: String,
    set: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

impl Owner {
    /// That project in that environment.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] unless both are of 1 to 64 letters, digits and hyphens.
    pub fn new(project: impl Into<String>, environment: impl Into<String>) -> Result<Self, Error> {
        Ok(Self {
            project: part("project", project.into())?,
            environment: part("environment", environment.into())?,
            set: DEFAULT_SET.to_owned(),
            region: None,
        })
    }

    /// The same for a set of definitions that is brought by itself. Names stay as they are; the tag `DefinitionSet` tells.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] unless it is of 1 to 64 letters, digits and hyphens.
    pub fn in_set(mut self, set: impl Into<String>) -> Result<Self, Error> {
        self.set = part("set of definitions", set.into())?;
        Ok(self)
    }

    /// The same where a region has no place of its own: names begin with the region as well, and the tag `Region` tells.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] unless it is of 1 to 64 letters, digits and hyphens.
    pub fn in_region(mut self, region: impl Into<String>) -> Result<Self, Error> {
        self.region = Some(part("region", region.into())?);
        Ok(self)
    }

    /// The project.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The environment.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The set of definitions.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// The region, if it is in one.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// How the names of all that it owns begin: `project-environment-`, and in a region `project-environment-region-`.
    pub fn prefix(&self) -> String {
        let region = self.region.as_ref().map(|region| format!("{region}-")).unwrap_or_default();
        format!("{}-{}-{region}", self.project, self.environment)
    }

    /// The name of something that it owns.
    pub fn name(&self, of: &str) -> String {
        format!("{}{of}", self.prefix())
    }

    /// The tags of all that it owns: `ManagedBy`, `Project`, `Environment`, `DefinitionSet`, and in a region `Region`.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = [
            ("ManagedBy", MANAGER),
            ("Project", self.project.as_str()),
            ("Environment", self.environment.as_str()),
            ("DefinitionSet", self.set.as_str()),
        ];
        let region = self.region.as_deref().map(|region| ("Region", region));
        tags.into_iter()
            .chain(region)
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// The tags that something lacks to be its own, as `Key=value`. Nothing is missing from what it owns.
    pub fn missing_in(&self, tags: &BTreeMap<String, String>) -> Vec<String> {
        let missing = self.tags().into_iter().filter(|(key, value)| tags.get(key) != Some(value));
        missing.map(|(key, value)| format!("{key}={value}")).collect()
    }
}

fn part(field: &str, value: String) -> Result<String, Error> {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if value.is_empty() || value.len() > 64 || !value.chars().all(known) {
        return Err(Error::invalid(field, value, "1 to 64 letters, digits and hyphens"));
    }
    Ok(value)
}
