//! Answers that take long: of one version, since a deployment, only at the start, for want of CPU, or for something else.

use std::time::Duration;

use super::super::{Cause, EnvironmentEvidence, NextStep};
use super::beside::{together, way_back};
use super::capacity::saturation;
use super::errors::{around, before, deployed};
use super::limits::{lasting, percent};
use super::{Case, Draft, Evidence};
use crate::{Histogram, Observation};

/// The quantile that is looked at.
const QUANTILE: f64 = 0.95;
/// How much slower than the other version, or than before, one has to be.
const SLOWER: u32 = 2;
/// CPU use up to which it is certainly not the CPU.
const IDLE: f64 = 0.6;

/// The 95th percentile over some parts; `None` for too few requests.
fn quantile<'a>(parts: impl IntoIterator<Item = &'a Observation>, fewest: u64) -> Option<Duration> {
    let mut all = Histogram::new();
    for latency in parts.into_iter().filter_map(|part| part.latency.as_ref()) {
        all.merge(latency);
    }
    (all.count() >= fewest.max(1)).then(|| all.quantile(QUANTILE)).flatten()
}

pub(super) fn rules(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    drafts: &mut Vec<Draft>,
) {
    let Some(parts) = seen.metrics.seen() else { return };
    let (fewest, limit) = (case.limits.requests, case.limits.latency);
    let by_part: Vec<_> =
        parts.iter().filter_map(|part| Some((part, quantile([part], fewest)?))).collect();
    let source = format!("metrics of {environment}");
    let shown = |name: &str, time: Duration| {
        Evidence::new(
            format!("metrics of {name}"),
            format!("95 % of the requests took up to {}", lasting(time)),
        )
    };
    // How it is now counts: what is over is another matter.
    let now = match by_part.last() {
        Some((_, now)) if *now <= limit => {
            return started_slowly(case, environment, seen, &by_part, drafts);
        }
        Some((_, now)) => *now,
        None => return,
    };
    // What became slow a moment ago is not slow over the whole time.
    let slow = quantile(parts, fewest).filter(|slow| *slow > limit).unwrap_or(now);
    let mut evidence = vec![shown(environment, slow)];
    let saturation = saturation(seen);
    if let Some(cpu) = saturation.cpu {
        evidence.push(Evidence::new(&source, format!("CPU use {}", percent(cpu))));
    }
    let better = case.others(environment).find_map(|(name, other)| {
        let (own, beside) = together(parts, other.metrics.seen()?);
        let (slow, their) = (quantile(own, fewest)?, quantile(beside, fewest)?);
        (their <= limit && their * SLOWER < slow).then(|| (name.clone(), other, their))
    });
    let since = deployed(case, seen).and_then(|(at, revision)| {
        let (earlier, later) = around(parts, at);
        let was = quantile(earlier, fewest)?;
        let is = quantile(later.iter().copied(), fewest)?;
        // What becomes slow only later is not put down to the deployment.
        let at_once = later.iter().find_map(|part| quantile([*part], fewest))? > limit;
        (at_once && was <= limit && was * SLOWER < is).then_some((at, revision, was, is))
    });
    let (cause, confidence, why, summary, step) = match (better, since, saturation.cpu) {
        (Some((other, beside, their)), ..) => {
            evidence.push(shown(&other, their));
            (
                Cause::SlowVersion,
                88,
                "two versions serve at the same time, and only one is slow",
                format!(
                    "{environment} takes {} where {other} beside it takes {}: its version is slow",
                    lasting(slow),
                    lasting(their)
                ),
                way_back((environment, seen), (&other, beside)),
            )
        }
        (None, Some((at, revision, was, is)), _) => {
            let text = format!("deployment of {revision} began; before it took {}", lasting(was));
            evidence.push(Evidence::new(format!("service {environment}"), text).at(at));
            (
                Cause::SlowVersion,
                82,
                "it became slow with the deployment",
                format!(
                    "{environment} takes {} since {revision} was deployed, and took {} before",
                    lasting(is),
                    lasting(was)
                ),
                NextStep::DeployBefore {
                    environment: environment.to_owned(),
                    revision: before(seen),
                },
            )
        }
        // The rule for saturation says it.
        (None, None, Some(cpu)) if cpu > case.limits.cpu => return,
        (None, None, cpu) => {
            let (confidence, why, how) = match cpu {
                Some(cpu) if cpu <= IDLE => (
                    65,
                    "it is slow while its CPU has little to do, so it waits",
                    "with an idle CPU",
                ),
                Some(_) => {
                    (45, "it is slow; the CPU is busy, and not at its limit", "with a busy CPU")
                }
                None => (
                    45,
                    "it is slow; how busy the CPU is was not measured",
                    "for an unknown reason",
                ),
            };
            (
                Cause::SlowDependency,
                confidence,
                why,
                format!(
                    "{environment} takes {} {how}: look at what it waits for, first the database",
                    lasting(slow)
                ),
                NextStep::ShowTraces {
                    environment: environment.to_owned(),
                    window: case.seen.scope.window,
                    above: limit,
                },
            )
        }
    };
    let environment = Some(environment.to_owned());
    let next = case.command(step);
    drafts.push(Draft { cause, environment, summary, confidence, why, evidence, next });
}

/// It was slow, and is not any more. Caches that were cold are one reason, a rush that is over another.
fn started_slowly(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    by_part: &[(&Observation, Duration)],
    drafts: &mut Vec<Draft>,
) {
    let limit = case.limits.latency;
    let Some((first, slow)) = by_part.iter().find(|(_, time)| *time > limit) else { return };
    let slowest = by_part.iter().map(|(_, time)| *time).max().unwrap_or(*slow);
    let now = by_part.last().map_or(Duration::ZERO, |(_, time)| *time);
    let source = format!("metrics of {environment}");
    let mut evidence: Vec<_> = by_part
        .iter()
        .map(|(part, time)| {
            Evidence::new(&source, format!("95 % took up to {}", lasting(*time)))
                .at(part.window.from)
        })
        .collect();
    // Either the first requests that were seen at all were slow, or the first after a deployment.
    let is_first = by_part.first().is_some_and(|(part, _)| part.window == first.window);
    let deployed = deployed(case, seen);
    let began = deployed.as_ref().is_some_and(|(at, _)| first.window.to > *at);
    if let Some((at, revision)) = deployed.filter(|_| began) {
        evidence.push(
            Evidence::new(
                format!("service {environment}"),
                format!("deployment of {revision} began"),
            )
            .at(at),
        );
    }
    let (confidence, why) = match (is_first && began, began) {
        (true, _) => {
            (78, "its first requests after a deployment were slow, and the later ones are not")
        }
        (false, true) => (60, "it was slow for a while after a deployment"),
        _ => (40, "it was slow for a while; no deployment began in the time that was looked at"),
    };
    drafts.push(Draft {
        cause: Cause::SlowStart,
        environment: Some(environment.to_owned()),
        summary: format!(
            "{environment} was slow at its start ({}) and takes {} now: cold caches or connections; warm up before traffic comes",
            lasting(slowest),
            lasting(now)
        ),
        confidence,
        why,
        evidence,
        next: case.command(NextStep::ShowService(environment.to_owned())),
    });
}
