//! To YAML.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{ALERTS, Document, Indicator, OWN_TYPE, OpenSlo, SloDocument, alerts};
use crate::slo::{BurnRateAlert, Objective, Slo};
use crate::{Error, Subject};

/// Writes all documents of a file, in their order.
///
/// # Errors
/// [`Error::InvalidPolicy`] for an SLO with more than one objective, for which OpenSLO has no place: [`OpenSlo::of`] makes
/// several of it. [`Error::Backend`] for what can't be written as YAML.
pub fn write(file: &OpenSlo) -> Result<String, Error> {
    let mut text = String::new();
    for document in &file.documents {
        let value = match document {
            Document::Slo(document) => slo(document)?,
            Document::Other(value) => value.clone(),
        };
        if !text.is_empty() {
            text.push_str("---\n");
        }
        let yaml = serde_saphyr::to_string(&value);
        text.push_str(&yaml.map_err(|error| Error::backend("writing YAML", error.to_string()))?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

fn slo(document: &SloDocument) -> Result<Value, Error> {
    let slo = &document.slo;
    let [objective] = slo.objectives() else {
        let field = format!("objectives of the SLO {}", slo.name());
        return Err(Error::invalid(field, slo.objectives().len(), "one for each document"));
    };
    let mut metadata = document.metadata.clone();
    metadata.insert("name".to_owned(), slo.name().into());
    if BurnRateAlert::standard(slo.period()).ok().as_deref() != Some(slo.alerts()) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Map::new().into());
        annotations[ALERTS] = alerts::write(slo.alerts()).into();
    }
    let target = objective.target().share();
    let mut promised = match objective {
        Objective::Latency { threshold, .. } => {
            json!({ "op": "lte", "value": threshold.as_secs_f64(), "target": target })
        }
        Objective::Availability { .. } => json!({ "target": target }),
    };
    if let Some(name) = &document.display_name {
        promised["displayName"] = name.as_str().into();
    }
    let mut spec = json!({
        "service": slo.service(),
        "timeWindow": [{ "duration": shorthand(slo.period()), "isRolling": true }],
        "budgetingMethod": "Occurrences",
        "objectives": [promised],
    });
    if !slo.description().is_empty() {
        spec["description"] = slo.description().into();
    }
    match &document.indicator {
        Indicator::Inline(indicator) => spec["indicator"] = indicator.clone(),
        Indicator::Ref(name) => spec["indicatorRef"] = name.as_str().into(),
    }
    if let Some(policies) = &document.alert_policies {
        spec["alertPolicies"] = policies.clone();
    }
    Ok(json!({ "apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": spec }))
}

/// The largest unit in which it is a whole number.
fn shorthand(period: Duration) -> String {
    let minutes = period.as_secs() / 60;
    for (unit, letter) in [(24 * 60, 'd'), (60, 'h')] {
        if minutes.is_multiple_of(unit) {
            return format!("{}{letter}", minutes / unit);
        }
    }
    format!("{minutes}m")
}

/// The indicator of an SLO that was not read: whose requests are counted.
pub(super) fn indicator(slo: &Slo) -> Value {
    let Subject { environment, revision } = slo.subject();
    let source = |what: &str| {
        let mut spec = json!({ "environment": environment, "metric": what });
        if let Some(revision) = revision {
            spec["revision"] = revision.as_str().into();
        }
        json!({ "metricSource": { "type": OWN_TYPE, "spec": spec } })
    };
    let spec = match slo.objectives().first() {
        Some(Objective::Latency { .. }) => json!({ "thresholdMetric": source("latency") }),
        _ => json!({
            "ratioMetric": { "counter": true, "bad": source("failed"), "total": source("requests") }
        }),
    };
    json!({ "metadata": { "name": slo.name() }, "spec": spec })
}
