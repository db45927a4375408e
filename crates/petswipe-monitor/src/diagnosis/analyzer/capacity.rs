//! CPU and memory at their limits, and auto scaling that does not help.

use super::super::{Cause, EnvironmentEvidence, NextStep, ScalingReport};
use super::limits::percent;
use super::{Case, Draft, Evidence};
use crate::Saturation;

/// The newest measurement.
pub(super) fn saturation(seen: &EnvironmentEvidence) -> Saturation {
    let measured = |part: &&crate::Observation| part.saturation != Saturation::default();
    let newest = seen.metrics.seen().and_then(|parts| parts.iter().rev().find(measured));
    newest.map(|part| part.saturation).unwrap_or_default()
}

pub(super) fn rules(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    drafts: &mut Vec<Draft>,
) {
    let saturation = saturation(seen);
    let full = |use_of: Option<f64>, limit: f64| use_of.filter(|share| *share > limit);
    let cpu = full(saturation.cpu, case.limits.cpu);
    let memory = full(saturation.memory, case.limits.memory);
    let desired = seen.service.seen().map(|service| service.desired);
    let more = more_tasks(environment, seen);
    let source = format!("metrics of {environment}");
    for (cause, name, share) in
        [(Cause::CpuSaturated, "CPU", cpu), (Cause::MemorySaturated, "memory", memory)]
    {
        let Some(share) = share else { continue };
        drafts.push(Draft {
            cause,
            environment: Some(environment.to_owned()),
            summary: format!(
                "{environment} uses {} of its {name}: it needs more tasks, or larger ones",
                percent(share)
            ),
            confidence: 80,
            why: "it was measured",
            evidence: vec![Evidence::new(&source, format!("{name} use {}", percent(share)))],
            next: case.command(more.clone()),
        });
    }
    let slow = drafts.iter().any(|draft| {
        matches!(
            draft.cause,
            Cause::SlowDependency
                | Cause::SlowVersion
                | Cause::CpuSaturated
                | Cause::MemorySaturated
        )
    });
    if let Some(scaling) = seen.scaling.seen().and_then(Option::as_ref) {
        auto_scaling(case, environment, scaling, desired, slow, drafts);
    }
}

/// Half as many tasks again, within what auto scaling may: beyond that it would take them away. Where it is not known how
/// many there are, a number might be fewer than now, so that is looked at first.
fn more_tasks(environment: &str, seen: &EnvironmentEvidence) -> NextStep {
    let environment = environment.to_owned();
    let Some(desired) = seen.service.seen().map(|service| service.desired) else {
        return NextStep::ShowService(environment);
    };
    let to = desired + desired.div_ceil(2).max(1);
    match seen.scaling.seen().and_then(Option::as_ref) {
        Some(scaling) if to > scaling.maximum => NextStep::RaiseMaximum { environment, to },
        _ => NextStep::AddTasks { environment, to },
    }
}

fn auto_scaling(
    case: &Case<'_>,
    environment: &str,
    scaling: &ScalingReport,
    desired: Option<u32>,
    in_need: bool,
    drafts: &mut Vec<Draft>,
) {
    let source = format!("auto scaling of {environment}");
    let from = case.seen.scope.window.from;
    let failed: Vec<_> = scaling
        .activities
        .iter()
        .filter(|activity| activity.failed && activity.at >= from)
        .collect();
    let still = scaling.activities.first().is_some_and(|newest| newest.failed);
    if let Some(newest) = failed.first() {
        let shown = failed.iter().take(3);
        drafts.push(Draft {
            cause: Cause::ScalingFailed,
            environment: Some(environment.to_owned()),
            summary: format!(
                "auto scaling of {environment} tried and failed {} times, at last: {}",
                failed.len(),
                newest.text
            ),
            confidence: if still { 86 } else { 40 },
            why: match still {
                true => "auto scaling says so itself",
                false => "auto scaling says so itself, and did not fail at its newest try",
            },
            evidence: shown
                .map(|one| Evidence::new(&source, one.text.as_str()).at(one.at))
                .collect(),
            next: case.command(NextStep::ShowScaling(environment.to_owned())),
        });
    }
    // Neither is wrong where nothing needs more tasks.
    if !in_need {
        return;
    }
    let limits = format!("{} to {} tasks", scaling.minimum, scaling.maximum);
    if scaling.suspended {
        drafts.push(Draft {
            cause: Cause::ScalingSuspended,
            environment: Some(environment.to_owned()),
            summary: format!(
                "auto scaling of {environment} is suspended while it is short of capacity"
            ),
            confidence: 81,
            why: "auto scaling says so itself; whether more tasks help is not shown",
            evidence: vec![Evidence::new(&source, format!("suspended, {limits}"))],
            next: case.command(NextStep::ResumeScaling(environment.to_owned())),
        });
    } else if let Some(desired) = desired.filter(|desired| *desired >= scaling.maximum) {
        let to = scaling.maximum + scaling.maximum.div_ceil(2).max(1);
        drafts.push(Draft {
            cause: Cause::ScalingAtMaximum,
            environment: Some(environment.to_owned()),
            summary: format!("{environment} runs {desired} tasks, the most that auto scaling may, and is short of capacity"),
            confidence: 83,
            why: "it is at its limit; whether more tasks help is not shown",
            evidence: vec![Evidence::new(&source, format!("{desired} tasks desired, {limits} allowed"))],
            next: case.command(NextStep::RaiseMaximum { environment: environment.to_owned(), to }),
        });
    }
}
