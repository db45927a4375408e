//! What AWS itself says of spend, in words: its own opinion, beside the findings.

use petswipe_cost::{Anomaly, AwsOpinion, Rightsizing, RightsizingAction};

/// Above it, wherever it stands.
pub(super) const TITLE: &str = "AWS's own opinion, in no total";

/// A line each.
pub(super) fn lines(opinion: &AwsOpinion) -> Vec<String> {
    let mut lines = Vec::new();
    match opinion.anomalies.as_deref() {
        None => {}
        Some([]) => lines.push("anomalies: AWS has found none".to_owned()),
        Some(found) => lines.extend(found.iter().map(anomaly)),
    }
    match opinion.rightsizing.as_deref() {
        None => {}
        Some([]) => lines.push("sizes: AWS would change none".to_owned()),
        Some(found) => lines.extend(found.iter().map(size)),
    }
    lines
}

fn anomaly(one: &Anomaly) -> String {
    let what = one.service.as_deref().unwrap_or("some service");
    let usage = one.usage_type.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
    let place = one.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    let end = match one.to {
        Some(last) => format!("to {last}"),
        None => "and it goes on".to_owned(),
    };
    format!(
        "anomaly: {what}{usage}{place} from {} {end}: {} {} above what AWS expected, score {:.2}",
        one.from, one.impact, one.currency, one.score
    )
}

fn size(one: &Rightsizing) -> String {
    let place = one.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    let what = match &one.action {
        RightsizingAction::Terminate => "end it".to_owned(),
        RightsizingAction::Modify { to } => format!("make it {to}"),
        other => format!("{other:?}"),
    };
    format!(
        "size: {} ({}){place}: {what}, which saves {} {} a month by the account's own prices",
        one.instance, one.present, one.monthly_saving, one.currency
    )
}
