//! Deployments that don't end, or were given up, and what the platform says about room for tasks.
//!
//! Sources: "Amazon ECS service event messages", "How the Amazon ECS deployment circuit breaker detects failures"; "Edit target
//! group attributes for your Application Load Balancer" (the deregistration delay of 300 s).

use std::time::Duration;

use super::super::{
    Cause, DeploymentProgress, EnvironmentEvidence, NextStep, ServiceEvent, ServiceReport,
};
use super::errors::before;
use super::limits::lasting;
use super::{Case, Draft, Evidence};

/// A deployment all of whose tasks run is stuck after so many times the limit.
const WAITING: u32 = 3;

/// Whether a service came to rest, after which what was before is over.
fn is_rest(event: &ServiceEvent) -> bool {
    event.message.as_str().contains("has reached a steady state")
}

pub(super) fn rules(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    drafts: &mut Vec<Draft>,
) {
    let Some(service) = seen.service.seen() else { return };
    let from = case.seen.scope.window.from;
    let since: Vec<_> =
        service.events.iter().take_while(|event| !is_rest(event) && event.at >= from).collect();
    let source = format!("events of {environment}");
    let saying = |words: &[&str]| -> Vec<Evidence> {
        let about = since
            .iter()
            .filter(|event| words.iter().any(|word| event.message.as_str().contains(word)));
        about
            .take(3)
            .map(|event| Evidence::new(&source, event.message.as_str()).at(event.at))
            .collect()
    };
    let no_room = saying(&[
        "unable to place a task",
        "Capacity is unavailable",
        "RESOURCE:",
        "reached the limit on the number of tasks",
        "ENI provisioning",
    ]);
    if !no_room.is_empty() {
        drafts.retain(|draft| draft.cause != Cause::NoCapacity);
        drafts.push(Draft {
            cause: Cause::NoCapacity,
            environment: Some(environment.to_owned()),
            summary: format!("there is no room for tasks of {environment}: capacity, a quota, or a placement that fits nowhere"),
            confidence: 94,
            why: "the platform says so itself, and has not come to rest since",
            evidence: no_room,
            next: case.command(NextStep::ShowService(environment.to_owned())),
        });
    }
    let specific = drafts.iter().any(|draft| {
        draft.confidence >= 70
            && draft.cause.symptoms().contains(&super::super::Symptom::DeploymentStuck)
    });
    let inconsistent =
        saying(&["unable to consistently start tasks", "deployment failed", "rolling back"]);
    given_up_or_stuck(case, environment, seen, service, inconsistent, specific, drafts);
}

fn given_up_or_stuck(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    service: &ServiceReport,
    mut evidence: Vec<Evidence>,
    specific: bool,
    drafts: &mut Vec<Draft>,
) {
    let Some(newest) = service.newest() else { return };
    let source = format!("service {environment}");
    let text = format!(
        "{} of {} tasks of {} run, {} failed",
        newest.running,
        newest.desired,
        newest.revision,
        newest.failed_tasks.map_or("an unknown number".to_owned(), |failed| failed.to_string())
    );
    let given_up = service.deployments.iter().find_map(|one| match &one.progress {
        DeploymentProgress::Failed(reason) if one.started_at >= case.seen.scope.window.from => {
            Some((one, reason))
        }
        _ => None,
    });
    if let Some((failed, reason)) = given_up {
        evidence.insert(0, Evidence::new(&source, reason.as_str()).at(failed.started_at));
        drafts.push(Draft {
            cause: Cause::DeploymentFailed,
            environment: Some(environment.to_owned()),
            summary: format!(
                "the deployment of {} to {environment} was given up: {reason}",
                failed.revision
            ),
            confidence: if specific { 50 } else { 74 },
            why: "the platform gave it up; why its tasks fail is another hypothesis",
            evidence,
            next: case.command(NextStep::ShowService(environment.to_owned())),
        });
        return;
    }
    let now = case.seen.scope.now;
    let age = Duration::try_from(now.duration_since(newest.started_at)).unwrap_or_default();
    let short =
        newest.progress == DeploymentProgress::InProgress && newest.running < newest.desired;
    let failing = short && (newest.failed_tasks.unwrap_or(0) > 0 || !evidence.is_empty());
    // All tasks run, and it does not end: they are not healthy yet, or the old ones don't go. Letting these go takes 300 s on
    // AWS unless it is told otherwise, so that is no fault for a while.
    let waits = newest.progress == DeploymentProgress::InProgress
        && newest.desired > 0
        && !short
        && age > case.limits.deployment * WAITING;
    if !(short && age > case.limits.deployment || failing || waits) {
        return;
    }
    evidence.insert(0, Evidence::new(&source, text).at(newest.started_at));
    drafts.push(Draft {
        cause: Cause::DeploymentStuck,
        environment: Some(environment.to_owned()),
        summary: format!(
            "the deployment of {} to {environment} is under way for {} and has {} of {} tasks",
            newest.revision,
            lasting(age),
            newest.running,
            newest.desired
        ),
        confidence: match (specific, waits) {
            (true, _) => 45,
            (false, true) => 55,
            (false, false) => 70,
        },
        why: "the platform says that it has not ended; why is another hypothesis, or in the events",
        evidence,
        next: case.command(match before(seen) {
            Some(revision) if specific => NextStep::DeployBefore {
                environment: environment.to_owned(),
                revision: Some(revision),
            },
            _ => NextStep::ShowService(environment.to_owned()),
        }),
    });
}
