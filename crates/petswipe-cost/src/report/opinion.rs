//! What AWS itself says of spend: beside the findings, and never added to them.

use serde::{Deserialize, Serialize};

use crate::{Anomaly, Rightsizing, Scan};

/// What AWS itself says. It is `None` where it was not asked, or gave no answer: then that is among what was not analysed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsOpinion {
    /// The anomalies that its detector has found, the latest first.
    pub anomalies: Option<Vec<Anomaly>>,
    /// The instances that it would end or size otherwise, by the account's own prices, the greatest saving first.
    pub rightsizing: Option<Vec<Rightsizing>>,
}

impl AwsOpinion {
    pub(super) fn of(scan: &Scan) -> Option<Self> {
        let (anomalies, rightsizing) = (scan.anomalies.clone(), scan.rightsizing.clone());
        let asked = anomalies.is_some() || rightsizing.is_some();
        asked.then_some(Self { anomalies, rightsizing })
    }
}
