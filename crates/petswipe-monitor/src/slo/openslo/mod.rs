//! Reading and writing OpenSLO v1, the YAML of the OpenSLO specification.
//!
//! A file may hold several documents. An `SLO` becomes an [`Slo`] with one objective: a `ratioMetric` promises availability, a
//! `thresholdMetric` with `op: lte` latency, its `value` in seconds. Its indicator may be in it or a document `SLI` of its own. What
//! has no meaning here (indicators' queries, labels, annotations, alert policies, documents of other kinds) is kept and
//! written again. What has a meaning that can't be kept is refused with the path of the field: budgets by time slices, windows
//! aligned to a calendar, several objectives for one indicator, and fields that the specification does not know.
//!
//! OpenSLO's alert conditions have one window and not two, so the alerts of an [`Slo`] are the standard ones, unless the annotation
//! `petswipe-alerts` says otherwise: `14.4x over 1h and 5m: page; 1x over 3d and 6h: ticket`, or `none`.
//!
//! ```
//! use petswipe_monitor::slo::openslo;
//! let text = "
//! apiVersion: openslo/v1
//! kind: SLO
//! metadata: {name: checkout}
//! spec:
//!   service: shop
//!   indicator:
//!     metadata: {name: checkout-errors}
//!     spec:
//!       ratioMetric:
//!         counter: true
//!         bad: {metricSource: {type: Prometheus, spec: {query: 'sum(http_requests_total{status=~\"5..\"})'}}}
//!         total: {metricSource: {type: Prometheus, spec: {query: 'sum(http_requests_total)'}}}
//!   timeWindow: [{duration: 30d, isRolling: true}]
//!   budgetingMethod: Occurrences
//!   objectives: [{target: 0.999}]
//! ";
//! let file = openslo::read(text)?;
//! let slo = &file.slos()[0];
//! assert_eq!(slo.objectives()[0].to_string(), "99.9 % of requests do not fail");
//! assert_eq!(openslo::read(&openslo::write(&file)?)?, file);
//!
//! let refused = openslo::read(&text.replace("Occurrences", "Timeslices")).unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "spec.budgetingMethod of the SLO checkout is Timeslices; allowed: Occurrences: budgets are counted in requests here"
//! );
//! # Ok::<(), petswipe_monitor::Error>(())
//! ```
//!
//! Source: the README of OpenSLO/OpenSLO, "Specification", v1.

use serde_json::{Map, Value};

use super::Slo;
use crate::Error;

mod alerts;
mod fields;
mod read;
mod write;

pub use read::read;
pub use write::write;

/// The documents of a file, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenSlo {
    /// The documents.
    pub documents: Vec<Document>,
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Document {
    /// An objective, with what is only kept.
    Slo(Box<SloDocument>),
    /// Anything else, as it was read: `SLI`, `DataSource`, `Service`, `AlertPolicy`, `AlertCondition`,
    /// `AlertNotificationTarget`.
    Other(Value),
}

/// An SLO of OpenSLO.
#[derive(Clone, Debug, PartialEq)]
pub struct SloDocument {
    /// What it says.
    pub slo: Slo,
    /// `metadata`, but for the name and this crate's annotation.
    pub metadata: Map<String, Value>,
    /// Where the numbers come from.
    pub indicator: Indicator,
    /// The objective's name for people.
    pub display_name: Option<String>,
    /// `spec.alertPolicies`, as they were read.
    pub alert_policies: Option<Value>,
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Indicator {
    /// As it was read.
    Inline(Value),
    /// The name of a document `SLI` in the same file.
    Ref(String),
}

impl OpenSlo {
    /// Documents for SLOs of one's own. OpenSLO has one indicator for each SLO: one with several objectives becomes several, with
    /// the name of the objective behind that of the SLO.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] when a name would be longer than 63 characters, or be there twice.
    pub fn of(slos: &[Slo]) -> Result<Self, Error> {
        let mut documents = Vec::new();
        for slo in slos {
            for one in slo.apart()? {
                documents.push(Document::Slo(Box::new(SloDocument::of(one))));
            }
        }
        let file = Self { documents };
        Slo::check_unique(&file.slos())?;
        Ok(file)
    }

    /// The SLOs, in their order.
    pub fn slos(&self) -> Vec<Slo> {
        let of = |document: &Document| match document {
            Document::Slo(document) => Some(document.slo.clone()),
            Document::Other(_) => None,
        };
        self.documents.iter().filter_map(of).collect()
    }
}

impl SloDocument {
    /// A document for an SLO with one objective, whose indicator says which subject is measured.
    fn of(slo: Slo) -> Self {
        let indicator = Indicator::Inline(write::indicator(&slo));
        Self { slo, metadata: Map::new(), indicator, display_name: None, alert_policies: None }
    }
}

/// The source type under which a subject is named in indicators that are written here.
const OWN_TYPE: &str = "petswipe";

/// The annotation with alerts that are not the standard ones.
const ALERTS: &str = "petswipe-alerts";
