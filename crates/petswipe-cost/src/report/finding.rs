//! Findings as they stand in a report.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    Area, Assessment, Confidence, Evidence, Kind, Money, Part, Region, Remediation, ResourceRef,
    Risk, Saving, Tags, Verdict,
};

/// Something that could be saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `AREA:REGION:RESOURCE`, the same in every report.
    pub id: String,
    /// The area.
    pub area: Area,
    /// The kind of the resource.
    pub kind: Kind,
    /// By what commands know it.
    pub resource: String,
    /// Where it is.
    pub region: Region,
    /// Its name, where it has one beside its id.
    pub name: Option<String>,
    /// Its tags, as far as they are known.
    pub tags: Tags,
    /// Idle or improvable.
    pub verdict: Verdict,
    /// In a sentence, why.
    pub reason: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it saves in a month; `None` where a price is not known.
    pub monthly_saving: Option<Saving>,
    /// The keys of the prices that are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_price_for: Vec<String>,
    /// Whether it is in the totals: one without a price is not, neither is an alternative to another finding, one about the rate that is
    /// paid, and one in another currency than the totals.
    pub counted: bool,
    /// The finding that is in the totals in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_to: Option<String>,
    /// What part of the resource's bill it is about.
    pub part: Part,
    /// The risk of acting.
    pub risk: Risk,
    /// How to act.
    pub remediation: Remediation,
}

impl Finding {
    /// What an assessment says, if it flags something worth a cent.
    pub(super) fn of(assessment: Assessment) -> Option<Self> {
        let id = assessment.id();
        let Assessment { area, resource, name, tags, verdict, reason, evidence, advice } =
            assessment;
        let ResourceRef { kind, region, id: resource } = resource;
        let advice = advice?;
        let (monthly_saving, no_price_for) = match advice.saving {
            Ok(saving) if saving.high == Money::ZERO => return None,
            Ok(saving) => (Some(saving), Vec::new()),
            Err(missing) => (None, missing),
        };
        Some(Self {
            id,
            area,
            kind,
            resource,
            region,
            name,
            tags: tags.unwrap_or_default(),
            verdict,
            reason,
            evidence,
            confidence: advice.confidence,
            counted: monthly_saving.is_some() && advice.part != Part::Rate,
            monthly_saving,
            no_price_for,
            alternative_to: None,
            part: advice.part,
            risk: advice.risk,
            remediation: advice.remediation,
        })
    }

    /// The bounds of what it saves; nothing where that is not known.
    pub(crate) fn weight(&self) -> (Money, Money) {
        self.monthly_saving
            .as_ref()
            .map_or_else(Default::default, |saving| (saving.low, saving.high))
    }

    /// Which resource it is about.
    pub fn reference(&self) -> ResourceRef {
        ResourceRef { kind: self.kind, region: self.region.clone(), id: self.resource.clone() }
    }
}

/// A resource of which too little is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unknown {
    /// The id a finding about it would have.
    pub id: String,
    /// The area.
    pub area: Area,
    /// By what commands know it.
    pub resource: String,
    /// Where it is.
    pub region: Region,
    /// What is missing.
    pub reason: String,
    /// What is known.
    pub evidence: Vec<Evidence>,
}

impl Unknown {
    pub(super) fn of(assessment: Assessment) -> Self {
        let id = assessment.id();
        let Assessment { area, resource, reason, evidence, .. } = assessment;
        Self { id, area, resource: resource.id, region: resource.region, reason, evidence }
    }

    /// What would be a finding, if only it were known that no tag excludes it.
    pub(super) fn untagged(assessment: Assessment) -> Self {
        let reason = format!(
            "its tags could not be read, so nobody knows whether it is excluded; else: {}",
            assessment.reason
        );
        Self { reason, ..Self::of(assessment) }
    }
}

/// What would be a finding, and somebody knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// The id of the finding.
    pub id: String,
    /// Why it is not reported.
    pub reason: String,
    /// Up to which day.
    pub until: Date,
}
