//! Requests that fail: in one version and not in the other, since a deployment, by the application or in its place.

use jiff::Timestamp;

use super::super::{
    Cause, DeploymentProgress, DeploymentReport, Effect, EnvironmentEvidence, NextStep,
};
use super::beside::{together, way_back};
use super::limits::percent;
use super::{Case, Draft, Evidence};
use crate::Observation;

/// How much worse than the other version, or than before, one has to be.
const WORSE: f64 = 3.0;
/// Fewer failures are no sign that something begins to fail.
const BEGINNING: u64 = 3;

/// Requests and failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) by_balancer: u64,
}

impl Tally {
    pub(super) fn of<'a>(parts: impl IntoIterator<Item = &'a Observation>) -> Self {
        let mut sum = Self::default();
        for part in parts {
            // Failures are counted only where the requests are known that they are among.
            if let (Some(requests), Some(failed)) = (part.requests, part.errors.failed_at_least()) {
                sum.requests += requests;
                sum.failed += failed;
                sum.by_balancer += part.errors.balancer.unwrap_or_default();
            }
        }
        sum
    }

    /// `None` for too few requests.
    pub(super) fn rate(self, fewest: u64) -> Option<f64> {
        (self.requests >= fewest.max(1)).then(|| self.failed as f64 / self.requests as f64)
    }
}

/// When the newest deployment began, if that is within what was looked at.
pub(super) fn deployed(case: &Case<'_>, seen: &EnvironmentEvidence) -> Option<(Timestamp, String)> {
    let newest = seen.service.seen()?.newest()?;
    (newest.started_at > case.seen.scope.window.from)
        .then(|| (newest.started_at, newest.revision.clone()))
}

/// The revision before the newest, where it is known. One whose deployment was given up or never ended is none to go back to:
/// after a rollback by the platform the newest is the good one, and the one before it the bad.
pub(super) fn before(seen: &EnvironmentEvidence) -> Option<String> {
    let deployments = &seen.service.seen()?.deployments;
    let newest = deployments.first()?;
    let worked = |other: &&DeploymentReport| {
        other.progress == DeploymentProgress::Completed && other.revision != newest.revision
    };
    Some(deployments.iter().skip(1).find(worked)?.revision.clone())
}

/// The parts before and after a time; the part in which it lies is in neither.
pub(super) fn around(
    parts: &[Observation],
    at: Timestamp,
) -> (Vec<&Observation>, Vec<&Observation>) {
    let before = parts.iter().filter(|part| part.window.to <= at).collect();
    let after = parts.iter().filter(|part| part.window.from >= at).collect();
    (before, after)
}

pub(super) fn rules(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    drafts: &mut Vec<Draft>,
) {
    let (fewest, limit) = (case.limits.requests, case.limits.error_rate);
    let Some(parts) = seen.metrics.seen() else { return };
    let all = Tally::of(parts);
    let newest = parts.iter().rev().map(|part| Tally::of([part]));
    let newest = newest.into_iter().find_map(|tally| Some((tally, tally.rate(fewest)?)));
    // What began a moment ago is little over the whole time.
    let begins = newest
        .filter(|(tally, rate)| tally.failed >= BEGINNING && *rate > limit)
        .map(|(_, rate)| rate);
    let Some(rate) = all.rate(fewest).filter(|rate| *rate > limit).or(begins) else { return };
    let source = format!("metrics of {environment}");
    let counted = |name: &str, tally: Tally, rate: f64| {
        let (failed, requests) = (tally.failed, tally.requests);
        Evidence::new(
            format!("metrics of {name}"),
            format!("{failed} of {requests} requests failed ({})", percent(rate)),
        )
    };
    let mut evidence = vec![counted(environment, all, rate)];
    if all.by_balancer > 0 {
        let text = format!("{} of them were answered by the load balancer itself", all.by_balancer);
        evidence.push(Evidence::new(&source, text));
    }
    if let Some((tally, rate)) = newest {
        let mut now = counted(environment, tally, rate);
        now.text.push_str(" in the newest part of the time");
        evidence.push(now);
    }
    let better = case.others(environment).find_map(|(name, other)| {
        let (own, beside) = together(parts, other.metrics.seen()?);
        let tally = Tally::of(beside);
        let (rate, their) = (Tally::of(own).rate(fewest)?, tally.rate(fewest)?);
        (their * WORSE < rate && their <= limit).then(|| (name.clone(), other, tally, their, rate))
    });
    let since = deployed(case, seen).and_then(|(at, revision)| {
        let (before, after) = around(parts, at);
        // What begins to fail only later is not put down to the deployment.
        let first = after.iter().find_map(|part| Tally::of([*part]).rate(fewest))?;
        let (before, after) = (Tally::of(before), Tally::of(after));
        let (was, is) = (before.rate(fewest)?, after.rate(fewest)?);
        let worse = was * WORSE < is && was <= limit && is > limit && first > limit;
        worse.then_some((at, revision, before, was, is))
    });
    let draft = match (better, since) {
        (Some((other, beside, tally, their, rate)), _) => {
            evidence.push(counted(&other, tally, their));
            Draft {
                cause: Cause::FailingVersion,
                environment: Some(environment.to_owned()),
                summary: format!(
                    "{environment} fails {} of its requests, {other} beside it {}: its version is bad",
                    percent(rate),
                    percent(their)
                ),
                confidence: 90,
                why: "two versions serve at the same time, and only one fails",
                evidence,
                next: case.command(way_back((environment, seen), (&other, beside))),
            }
        }
        (None, Some((at, revision, before_it, was, is))) => {
            evidence.push(counted(environment, before_it, was));
            evidence.push(
                Evidence::new(
                    format!("service {environment}"),
                    format!("deployment of {revision} began"),
                )
                .at(at),
            );
            Draft {
                cause: Cause::FailingVersion,
                environment: Some(environment.to_owned()),
                summary: format!(
                    "{environment} failed {} of its requests before {revision} was deployed, and {} after it",
                    percent(was),
                    percent(is)
                ),
                confidence: 84,
                why: "the failures began with the deployment",
                evidence,
                next: case.command(NextStep::DeployBefore {
                    environment: environment.to_owned(),
                    revision: before(seen),
                }),
            }
        }
        (None, None) => plain(case, environment, all, rate, evidence),
    };
    let mut draft = draft;
    if newest.is_some_and(|(_, rate)| rate <= limit) {
        draft.confidence = draft.confidence.min(40);
        draft.why = "it is over: in the newest part of the time hardly a request fails";
        draft.summary.push_str("; by now it does not any more");
        // Nothing has to be taken back.
        if draft.next.effect != Effect::Reads {
            let environment = environment.to_owned();
            draft.next = case.command(NextStep::ShowLogs { environment, stream: None });
        }
    }
    draft.evidence.extend(super::logs::evidence(environment, seen));
    drafts.push(draft);
}

/// Nothing to compare with.
fn plain(
    case: &Case<'_>,
    environment: &str,
    all: Tally,
    rate: f64,
    evidence: Vec<Evidence>,
) -> Draft {
    let mostly_balancer = all.by_balancer * 2 > all.failed;
    let (cause, who, step) = match mostly_balancer {
        true => (
            Cause::BalancerErrors,
            "the load balancer answers in the place of targets that are gone, cut connections, or are too slow",
            NextStep::ShowTargets(environment.to_owned()),
        ),
        false => (
            Cause::ApplicationErrors,
            "the application itself answers with errors",
            NextStep::ShowLogs { environment: environment.to_owned(), stream: None },
        ),
    };
    Draft {
        cause,
        environment: Some(environment.to_owned()),
        summary: format!("{environment} fails {} of its requests: {who}", percent(rate)),
        confidence: 60,
        why: "that requests fail was measured; who is to blame is a guess without another version or time to compare with",
        evidence,
        next: case.command(step),
    }
}
