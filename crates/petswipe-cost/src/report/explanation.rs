//! Why one resource is flagged, or not, and what could not be said of it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::near::near;
use super::{ReportOptions, totals};
use crate::{
    Area, Assessment, Confidence, Evidence, Kind, NotAnalysed, Region, Remediation, Resource, Risk,
    Saving, Scan, Verdict,
};

/// What is known of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// What was asked for: an id, a name, or the id of a finding.
    pub asked: String,
    /// The account; `None` where nobody would say.
    pub account: Option<String>,
    /// Whether there is such a resource among what was listed.
    pub found: bool,
    /// What each area says of it.
    pub said: Vec<Explained>,
    /// What was not analysed and may be about it. Of what was not found that is everything that was not listed.
    pub not_analysed: Vec<NotAnalysed>,
    /// Ids and names like that of what was not found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<String>,
    /// How many resources were looked at.
    pub resources: u64,
}

/// What an area says of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// The id that its finding has or would have.
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
    /// Idle, improvable, busy, or unknown.
    pub verdict: Verdict,
    /// In a sentence, why.
    pub reason: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// How sure it is, of what is flagged.
    pub confidence: Option<Confidence>,
    /// What it would save in a month, where there is something to save and its prices are known.
    pub monthly_saving: Option<Saving>,
    /// The keys of the prices that are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_price_for: Vec<String>,
    /// The risk of acting.
    pub risk: Option<Risk>,
    /// How to act.
    pub remediation: Option<Remediation>,
    /// Why it is in no report although it is flagged or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_reported: Option<NotReported>,
}

/// Why something is not reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotReported {
    /// It carries this tag.
    Excluded(String),
    /// Somebody knows of it.
    Suppressed {
        /// Up to which day.
        until: Date,
        /// Why.
        reason: String,
    },
}

impl Explanation {
    /// Whether something may be missing in it.
    pub fn is_partial(&self) -> bool {
        !self.not_analysed.is_empty()
    }

    /// What a scan knows of a resource, by its id, its name, or the id of a finding.
    pub fn of(scan: &Scan, options: &ReportOptions, asked: &str) -> Self {
        let mut all = Vec::new();
        scan.assess(&mut |assessment| {
            let named = assessment.name.as_deref() == Some(asked);
            let id = &assessment.resource;
            let is = id.id == asked || totals::bill(id) == asked;
            if named || is || assessment.id() == asked {
                all.push(assessment);
            }
        });
        let mut about: BTreeSet<(Kind, Region)> = all
            .iter()
            .map(|one: &Assessment| (one.resource.kind, one.resource.region.clone()))
            .collect();
        let finding = Wanted::of(scan, asked);
        for resource in scan.inventory.resources() {
            if finding.is(resource, asked) {
                about.insert((resource.kind(), resource.region().clone()));
            }
        }
        let found = !about.is_empty();
        let relevant = |missing: &&NotAnalysed| match &finding.place {
            _ if missing.area == Area::SPEND => false,
            Some((area, region)) => missing.area == *area && missing.region == *region,
            None if !found => true,
            None => about.iter().any(|(kind, region)| {
                missing.region == *region && scan.needs(&missing.area, *kind)
            }),
        };
        let not_analysed: Vec<_> = scan.not_analysed.iter().filter(relevant).cloned().collect();
        let names = |resource: &dyn Resource| {
            let name = resource.tags().and_then(|tags| tags.get("Name")).cloned();
            std::iter::once(resource.id().to_owned()).chain(name)
        };
        let near = if found {
            Vec::new()
        } else {
            let known: Vec<String> = scan.inventory.resources().flat_map(names).collect();
            near(finding.resource, known.iter().map(String::as_str))
        };
        let today = scan.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        Self {
            asked: asked.to_owned(),
            account: scan.account.clone(),
            found,
            said: all.into_iter().map(|one| Explained::of(one, options, today)).collect(),
            not_analysed,
            near,
            resources: scan.inventory.len() as u64,
        }
    }
}

/// What was asked for, if it is the id of a finding.
struct Wanted<'a> {
    place: Option<(Area, Region)>,
    resource: &'a str,
}

impl<'a> Wanted<'a> {
    fn of(scan: &Scan, asked: &'a str) -> Self {
        let parts: Vec<_> = asked.splitn(3, ':').collect();
        if let [area, region, resource] = parts[..]
            && let Some(area) = scan.areas().into_iter().find(|known| known.as_str() == area)
            && let Ok(region) = Region::new(region)
        {
            return Self { place: Some((area, region)), resource };
        }
        Self { place: None, resource: asked }
    }

    fn is(&self, resource: &dyn Resource, asked: &str) -> bool {
        let named = |wanted: &str| {
            let name = resource.tags().and_then(|tags| tags.get("Name"));
            resource.id() == wanted || name.is_some_and(|name| name == wanted)
        };
        match &self.place {
            Some((_, region)) => resource.region() == region && resource.id() == self.resource,
            None => named(asked),
        }
    }
}

impl Explained {
    fn of(assessment: Assessment, options: &ReportOptions, today: Date) -> Self {
        let id = assessment.id();
        let excluded =
            options.excluding(&assessment).map(|tag| NotReported::Excluded(tag.to_string()));
        let suppressed = options.suppressions.of(&id, today).map(|known| NotReported::Suppressed {
            until: known.until,
            reason: known.reason.clone(),
        });
        let is_busy = assessment.verdict == Verdict::Busy;
        let not_reported = excluded.or(suppressed).filter(|_| !is_busy);
        let Assessment { area, resource, name, verdict, reason, evidence, advice, .. } = assessment;
        let mut explained = Self {
            id,
            area,
            kind: resource.kind,
            resource: resource.id,
            region: resource.region,
            name,
            verdict,
            reason,
            evidence,
            confidence: None,
            monthly_saving: None,
            no_price_for: Vec::new(),
            risk: None,
            remediation: None,
            not_reported,
        };
        if let Some(advice) = advice {
            match advice.saving {
                Ok(saving) => explained.monthly_saving = Some(saving),
                Err(missing) => explained.no_price_for = missing,
            }
            explained.confidence = Some(advice.confidence);
            explained.risk = Some(advice.risk);
            explained.remediation = Some(advice.remediation);
        }
        explained
    }
}
