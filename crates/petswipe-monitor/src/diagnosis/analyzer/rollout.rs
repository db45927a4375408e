//! A rollout that nobody goes on with: traffic that was left divided, or an operation whose journal has no end.
//!
//! Source: the entry "Deployment stuck" of the guide. Nothing is said while somebody holds the lease of the service: then it is
//! under way, or its process died a moment ago, which shows when the lease ends.

use super::super::{Cause, Looked, RolloutReport};
use super::limits::lasting;
use super::{Case, Draft, Evidence};

pub(super) fn rules(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    let Some(report) = case.seen.rollout.seen() else { return };
    let is_divided = report.weights.values().filter(|weight| **weight > 0).count() > 1;
    if matches!(report.driver, Looked::Seen(Some(_)))
        || (!is_divided && report.unfinished.is_none())
    {
        return;
    }
    let is_free = matches!(report.driver, Looked::Seen(None));
    let (summary, confidence, why) = match (&report.unfinished, is_free) {
        (Some(operation), true) => (
            format!(
                "{} has begun and not ended, and no living process drives it: {}",
                operation.name,
                state(report, is_divided)
            ),
            93,
            "its journal has no end, and nobody holds the lease of the service",
        ),
        (Some(operation), false) => (
            format!("{} has begun and not ended: {}", operation.name, state(report, is_divided)),
            60,
            "its journal has no end; whether somebody drives it could not be asked",
        ),
        (None, true) => (
            format!("a rollout was left half-way: {}", state(report, is_divided)),
            65,
            "nobody holds the lease of the service; no journal here says who divided traffic: it may be on purpose, or be journaled \
             where it was begun",
        ),
        (None, false) => (
            format!("a rollout may have been left half-way: {}", state(report, is_divided)),
            40,
            "who divided traffic and whether somebody is at work could not be told",
        ),
    };
    drafts.push(Draft {
        cause: Cause::DeploymentStuck,
        environment: None,
        summary,
        confidence,
        why,
        evidence: evidence(case, report),
        next: report.next.clone(),
    });
}

/// Where users are.
fn state(report: &RolloutReport, is_divided: bool) -> String {
    match is_divided {
        true => format!("users are divided, {}", weights(report)),
        false => format!("all users are on one side, {}", weights(report)),
    }
}

fn weights(report: &RolloutReport) -> String {
    let shown = report.weights.iter().filter(|(_, weight)| **weight > 0);
    let shown: Vec<_> = shown.map(|(side, weight)| format!("{side} {weight} %")).collect();
    shown.join(" and ")
}

fn evidence(case: &Case<'_>, report: &RolloutReport) -> Vec<Evidence> {
    let mut all = vec![Evidence::new("load balancer", format!("traffic: {}", weights(report)))];
    if let Some(operation) = &report.unfinished {
        let since = case.seen.scope.now.duration_since(operation.last_record_at);
        let since = lasting(since.try_into().unwrap_or_default());
        let text = format!(
            "{} began at {:.0}, and nothing was written for {since}",
            operation.name, operation.began_at
        );
        let source = format!("journal {}", operation.journal);
        all.push(Evidence::new(source, text).at(operation.last_record_at));
    }
    match &report.driver {
        Looked::Seen(_) => all.push(Evidence::new("leases", "nobody holds the service")),
        Looked::Missing(why) => {
            all.push(Evidence::new("leases", format!("could not be asked: {why}")));
        }
        Looked::NotAsked => {}
    }
    all.push(Evidence::new("the command below", report.hint.clone()));
    all
}
