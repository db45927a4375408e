//! From YAML.

use std::time::Duration;

use serde_json::{Map, Value};

use super::fields::{Fields, short};
use super::{ALERTS, Document, Indicator, OWN_TYPE, OpenSlo, SloDocument, alerts};
use crate::slo::{BurnRateAlert, Objective, Slo};
use crate::{Error, Subject};

/// Kinds that are kept as they are.
const KEPT: [&str; 6] =
    ["SLI", "DataSource", "Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"];

/// Reads a file of one or more documents.
///
/// # Errors
/// [`Error::InvalidPolicy`] with the path of the field that is wrong or not supported, for YAML that can't be read, for a file
/// without any document, and for two documents of one kind and name.
pub fn read(text: &str) -> Result<OpenSlo, Error> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| Error::invalid("the file", first_line(&error.to_string()), "YAML"))?;
    let mut known: Vec<(String, Value)> = Vec::new();
    let mut names = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        if document.is_null() {
            continue;
        }
        let whose = format!(" of document {}", index + 1);
        let mut head = Fields::new("", &whose, document.clone()).map_err(|_| {
            Error::invalid(format!("document {}", index + 1), short(&document), "a map")
        })?;
        let version = head.required_text("apiVersion")?;
        if version != "openslo/v1" {
            return Err(head.wrong("apiVersion", version, "openslo/v1"));
        }
        let kind = head.required_text("kind")?;
        if kind != "SLO" && !KEPT.contains(&kind.as_str()) {
            return Err(head.wrong("kind", kind, &format!("SLO, {}", KEPT.join(", "))));
        }
        let name = head.map("metadata")?.required_text("name")?;
        if names.contains(&(kind.clone(), name.clone())) {
            return Err(Error::invalid(
                "metadata.name",
                name,
                format!("each name of a {kind} once"),
            ));
        }
        names.push((kind.clone(), name));
        known.push((kind, document));
    }
    if known.is_empty() {
        return Err(Error::invalid("the file", "empty", "one or more documents of OpenSLO"));
    }
    let indicators: Vec<Value> = known
        .iter()
        .filter(|(kind, _)| kind == "SLI")
        .map(|(_, document)| document.clone())
        .collect();
    let document = |(kind, value): (String, Value)| match kind.as_str() {
        "SLO" => Ok(Document::Slo(Box::new(slo(value, &indicators)?))),
        _ => Ok(Document::Other(value)),
    };
    Ok(OpenSlo { documents: known.into_iter().map(document).collect::<Result<_, Error>>()? })
}

/// What is wrong and where, without the picture below it.
fn first_line(error: &str) -> &str {
    error.lines().next().unwrap_or_default()
}

fn slo(value: Value, indicators: &[Value]) -> Result<SloDocument, Error> {
    let mut document = Fields::new("", "", value)?;
    document.take("apiVersion");
    document.take("kind");
    let mut metadata = document.map("metadata")?;
    let name = metadata.required_text("name")?;
    let whose = format!(" of the SLO {name}");
    document.whose(whose.clone());
    metadata.whose(whose);
    let mut spec = document.map("spec")?;
    document.end()?;

    let mut metadata = metadata.rest();
    let own_alerts = annotation(&mut metadata);
    let service = spec.required_text("service")?;
    let description = spec.text("description")?.unwrap_or_default();
    let method = spec.required_text("budgetingMethod")?;
    if method != "Occurrences" {
        let allowed = "Occurrences: budgets are counted in requests here";
        return Err(spec.wrong("budgetingMethod", method, allowed));
    }
    let period = window(spec.only_item("timeWindow", "one rolling window")?)?;
    let (indicator, metric) = indicator(&mut spec, indicators)?;
    let (objective, display_name) = objective(&mut spec, &metric)?;
    let alert_policies = spec.take("alertPolicies");
    spec.end()?;

    let standard = match own_alerts {
        Some(text) => alerts::read(&text)?,
        None => BurnRateAlert::standard(period)?,
    };
    let subject = metric.subject.unwrap_or_else(|| Subject::environment(service.clone()));
    let slo = Slo::unalerted(name, service, [objective], period)?;
    let slo = slo.with_alerts(standard)?.about(subject).described(description);
    Ok(SloDocument { slo, metadata, indicator, display_name, alert_policies })
}

/// Takes this crate's annotation out of the metadata.
fn annotation(metadata: &mut Map<String, Value>) -> Option<String> {
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.remove(ALERTS)?;
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    Some(text.as_str().map_or_else(|| text.to_string(), str::to_owned))
}

fn window(mut window: Fields) -> Result<Duration, Error> {
    let duration = window.required_text("duration")?;
    if let Some(calendar) = window.take("calendar") {
        let allowed = "nothing: budgets are of rolling windows here, such as a duration of 30d with isRolling: true";
        return Err(window.wrong("calendar", short(&calendar), allowed));
    }
    match window.take("isRolling") {
        Some(Value::Bool(true)) => {}
        Some(other) => return Err(window.wrong("isRolling", short(&other), "true")),
        None => return Err(window.wrong("isRolling", "missing", "true")),
    }
    let allowed =
        "a number and m, h, d or w, such as 30d; months, quarters and years have no fixed length";
    let minutes = duration.char_indices().last().and_then(|(last, unit)| {
        let minutes: u64 = match unit {
            'm' => 1,
            'h' => 60,
            'd' => 24 * 60,
            'w' => 7 * 24 * 60,
            _ => return None,
        };
        duration[..last].parse::<u64>().ok()?.checked_mul(minutes)?.checked_mul(60)
    });
    match minutes {
        Some(seconds) => {
            window.end()?;
            Ok(Duration::from_secs(seconds))
        }
        None => Err(window.wrong("duration", duration, allowed)),
    }
}

/// What an indicator measures.
struct Measured {
    is_latency: bool,
    subject: Option<Subject>,
}

fn indicator(spec: &mut Fields, indicators: &[Value]) -> Result<(Indicator, Measured), Error> {
    match (spec.take("indicator"), spec.text("indicatorRef")?) {
        (Some(inline), None) => {
            let measured = measured(spec, "indicator", &inline)?;
            Ok((Indicator::Inline(inline), measured))
        }
        (None, Some(name)) => {
            let named = |value: &&Value| value["metadata"]["name"] == name.as_str();
            let Some(found) = indicators.iter().find(named) else {
                return Err(spec.wrong(
                    "indicatorRef",
                    name,
                    "the name of a document SLI in the same file",
                ));
            };
            let measured = measured(spec, "indicatorRef", found)?;
            Ok((Indicator::Ref(name), measured))
        }
        _ => Err(spec.wrong(
            "indicator",
            "missing or there twice",
            "either indicator or indicatorRef",
        )),
    }
}

fn measured(spec: &Fields, field: &str, indicator: &Value) -> Result<Measured, Error> {
    let metric = &indicator["spec"];
    let wrong = |path: &str, value: &str, allowed: &str| {
        spec.wrong(&format!("{field}.spec{path}"), value, allowed)
    };
    let (ratio, threshold) = (&metric["ratioMetric"], &metric["thresholdMetric"]);
    let source = match (ratio.is_object(), threshold.is_object()) {
        (true, false) => {
            if !ratio["raw"].is_null() {
                let allowed =
                    "good or bad with total: a ratio alone does not say of how many requests";
                return Err(wrong(".ratioMetric.raw", "there", allowed));
            }
            let parts = ["good", "bad"].map(|part| ratio[part].is_object());
            if !ratio["total"].is_object() || parts[0] == parts[1] {
                let allowed = "total, and one of good and bad";
                return Err(wrong(".ratioMetric", "incomplete", allowed));
            }
            &ratio["total"]["metricSource"]
        }
        (false, true) => &threshold["metricSource"],
        _ => return Err(wrong("", "incomplete", "either ratioMetric or thresholdMetric")),
    };
    let own = source["type"] == OWN_TYPE;
    let text = |name: &str| source["spec"][name].as_str().map(str::to_owned);
    let subject = match (own, text("environment")) {
        (true, Some(environment)) => Some(Subject { environment, revision: text("revision") }),
        (true, None) => {
            let allowed = "a spec with the name of an environment";
            return Err(wrong(" (metricSource of the type petswipe)", "incomplete", allowed));
        }
        (false, _) => None,
    };
    Ok(Measured { is_latency: threshold.is_object(), subject })
}

fn objective(spec: &mut Fields, metric: &Measured) -> Result<(Objective, Option<String>), Error> {
    let mut objective = spec.only_item("objectives", "one objective for each SLO")?;
    let display_name = objective.text("displayName")?;
    let share = match (objective.number("target")?, objective.number("targetPercent")?) {
        (Some(share), None) => share,
        // 99.9 / 100 is not 0.999.
        (None, Some(percent)) => (percent / 100.0 * 1e12).round() / 1e12,
        _ => {
            let allowed = "either target or targetPercent";
            return Err(objective.wrong("target", "missing or there twice", allowed));
        }
    };
    for name in ["timeSliceTarget", "timeSliceWindow"] {
        if let Some(value) = objective.take(name) {
            let allowed = "nothing: budgets are counted in requests here";
            return Err(objective.wrong(name, short(&value), allowed));
        }
    }
    let (op, value) = (objective.text("op")?, objective.number("value")?);
    let promised = match (metric.is_latency, op.as_deref(), value) {
        (false, None, None) => Objective::availability(share),
        (false, ..) => {
            return Err(objective.wrong("op", op.unwrap_or_default(), "nothing for a ratioMetric"));
        }
        (true, Some("lte"), Some(seconds)) => match Duration::try_from_secs_f64(seconds) {
            Ok(threshold) => Objective::latency(share, threshold),
            Err(_) => return Err(objective.wrong("value", seconds, "a time in seconds")),
        },
        (true, op, _) => {
            let allowed = "lte and a value in seconds for a thresholdMetric";
            return Err(objective.wrong("op", op.unwrap_or("missing"), allowed));
        }
    };
    let promised = promised.map_err(|error| match error {
        Error::InvalidPolicy { value, allowed, .. } => objective.wrong("target", value, &allowed),
        other => other,
    })?;
    objective.end()?;
    Ok((promised, display_name))
}
