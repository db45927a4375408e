//! Two versions that serve at the same time: whether they do, and whether the better one can take all traffic.

use super::super::{EnvironmentEvidence, NextStep, TargetCondition};
use crate::Observation;

/// The parts of the time in which both served, of the one and of the other.
pub(super) fn together<'a>(
    own: &'a [Observation],
    other: &'a [Observation],
) -> (Vec<&'a Observation>, Vec<&'a Observation>) {
    let pairs = own.iter().filter(|part| served(part)).filter_map(|part| {
        let beside = other.iter().find(|one| one.window == part.window && served(one))?;
        Some((part, beside))
    });
    pairs.unzip()
}

fn served(part: &Observation) -> bool {
    let latencies = part.latency.as_ref().map_or(0, crate::Histogram::count);
    part.requests.is_some_and(|requests| requests > 0) || latencies > 0
}

/// The way back to the better one. It is a look at that one first where it is known to have no task or no healthy target,
/// fewer than half of the tasks, or no traffic any more: it might not bear what it would get.
pub(super) fn way_back(
    (from, own): (&str, &EnvironmentEvidence),
    (to, other): (&str, &EnvironmentEvidence),
) -> NextStep {
    let running = |seen: &EnvironmentEvidence| seen.service.seen().map(|service| service.running);
    let is_small = match (running(own), running(other)) {
        (_, Some(0)) => true,
        (Some(own), Some(other)) => other.saturating_mul(2) < own,
        _ => false,
    };
    if is_small {
        return NextStep::ShowService(to.to_owned());
    }
    let healthy = |seen: &EnvironmentEvidence| {
        seen.targets.seen().map(|targets| {
            targets.iter().any(|target| target.condition == TargetCondition::Healthy)
        })
    };
    let newest = |seen: &EnvironmentEvidence| {
        let parts = seen.metrics.seen()?;
        parts.iter().rev().find(|part| served(part)).map(|part| part.window.to)
    };
    if healthy(other) == Some(false) || newest(other) < newest(own) {
        return NextStep::ShowTargets(to.to_owned());
    }
    NextStep::SwitchBack { from: from.to_owned(), to: to.to_owned() }
}
