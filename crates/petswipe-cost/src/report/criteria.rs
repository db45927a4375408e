//! By what findings are judged, so that who looks again later judges as a report did.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::exclusion::{Suppression, Suppressions, TagFilter};
use crate::{Error, Thresholds};

/// What decides, beside the account itself, whether something is a finding.
///
/// ```
/// use petswipe_cost::Criteria;
/// let mut criteria = Criteria::default();
/// criteria.also_exclude(["petswipe:keep".parse()?]);
/// let json = serde_json::to_string(&criteria).unwrap();
/// assert!(json.contains(r#""exclude":["petswipe:keep"]"#));
/// assert_eq!(serde_json::from_str::<Criteria>(&json).unwrap(), criteria);
/// # Ok::<(), petswipe_cost::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criteria {
    /// What carries one of these tags is no finding.
    pub exclude: Vec<TagFilter>,
    /// The suppressions that were in force, each with its end.
    pub suppressions: Vec<Suppression>,
    /// What counts as idle, old, or too much.
    pub thresholds: Thresholds,
}

impl Criteria {
    /// Of a report made on that day.
    pub(super) fn of(
        exclude: &[TagFilter],
        suppressions: &Suppressions,
        thresholds: &Thresholds,
        today: Date,
    ) -> Self {
        let suppressions = suppressions.in_force(today).cloned().collect();
        Self { exclude: exclude.to_vec(), suppressions, thresholds: thresholds.clone() }
    }

    /// Takes in further tags.
    pub fn also_exclude(&mut self, tags: impl IntoIterator<Item = TagFilter>) {
        for tag in tags {
            if !self.exclude.contains(&tag) {
                self.exclude.push(tag);
            }
        }
    }

    /// Takes in further suppressions.
    pub fn also_suppress(&mut self, suppressions: impl IntoIterator<Item = Suppression>) {
        for suppression in suppressions {
            if !self.suppressions.contains(&suppression) {
                self.suppressions.push(suppression);
            }
        }
    }

    /// Checks that they can be met.
    ///
    /// # Errors
    /// [`Error::Invalid`] for thresholds that can't.
    pub fn check(&self) -> Result<(), Error> {
        self.thresholds.check()
    }
}
