//! Targets that fail the load balancer's health checks, by its reason codes.
//!
//! Source: "Health checks for Application Load Balancer target groups", Health check reason codes.

use std::collections::BTreeMap;

use super::super::{Cause, EnvironmentEvidence, NextStep, TargetCondition, TargetReport};
use super::{Case, Draft, Evidence};

/// What a code means: the cause, and what to look at.
fn meaning(code: &str, description: &str) -> (Cause, &'static str) {
    match code {
        "Target.ResponseCodeMismatch" => (
            Cause::TargetHealthCheck,
            "they answer with another status than the health check wants: its path and matcher, or the application",
        ),
        "Target.Timeout" => (
            Cause::TargetUnreachable,
            "they don't answer in time: security groups between load balancer and task, its port, or too slow",
        ),
        "Target.FailedHealthChecks" if description.contains("refused") => (
            Cause::TargetUnreachable,
            "nothing listens on their port: the application's port, or it has ended",
        ),
        "Target.FailedHealthChecks" => (
            Cause::TargetUnreachable,
            "the connection fails or is cut: security groups, port and protocol of the target group",
        ),
        "Target.DeregistrationInProgress" | "Target.NotRegistered" | "Target.NotInUse" => {
            (Cause::TargetHealthCheck, "they are not in use")
        }
        "Target.InvalidState" => (Cause::TargetUnreachable, "their instance is stopped or gone"),
        "Target.IpUnusable" => (
            Cause::TargetUnreachable,
            "their address can't be a target: it is the load balancer's own",
        ),
        code if code.starts_with("Elb.") => {
            (Cause::TargetHealthCheck, "the load balancer itself failed or is not ready")
        }
        _ => (Cause::TargetHealthCheck, "they fail their health checks"),
    }
}

pub(super) fn rules(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    drafts: &mut Vec<Draft>,
) {
    let Some(targets) = seen.targets.seen() else { return };
    let ailing = |target: &&TargetReport| match target.condition {
        TargetCondition::Unhealthy => true,
        // That is how it was set up.
        TargetCondition::Unavailable => {
            target.code.as_deref() != Some("Target.HealthCheckDisabled")
        }
        _ => false,
    };
    let mut by_code: BTreeMap<&str, Vec<&TargetReport>> = BTreeMap::new();
    for target in targets.iter().filter(ailing) {
        by_code.entry(target.code.as_deref().unwrap_or("no reason code")).or_default().push(target);
    }
    let checked = targets.iter().filter(|target| target.condition != TargetCondition::Draining);
    let all = checked.count();
    let source = format!("targets of {environment}");
    let running = seen.service.seen().map_or(0, |service| service.running);
    if all == 0 && running > 0 {
        drafts.push(unregistered(case, environment, running));
    }
    // Two codes may have the same cause; both are told.
    let mut earlier = std::mem::take(drafts);
    for (code, ailing) in by_code {
        let description = |target: &TargetReport| {
            target.description.as_ref().map_or("", |text| text.as_str()).to_owned()
        };
        let (cause, what) =
            meaning(code, &ailing.first().map_or(String::new(), |one| description(one)));
        let mut evidence: Vec<_> = ailing
            .iter()
            .take(4)
            .map(|one| Evidence::new(&source, format!("{}: {code} {}", one.id, description(one))))
            .collect();
        evidence.extend(events(environment, seen, case));
        // The platform ends such tasks for that; then both say the same.
        earlier.retain(|draft| {
            let same = draft.cause == cause;
            if same {
                evidence.extend(draft.evidence.iter().take(2).cloned());
            }
            !same
        });
        let is_unhealthy = ailing.iter().any(|one| one.condition == TargetCondition::Unhealthy);
        let (state, confidence, why) = match (is_unhealthy, ailing.len() == all) {
            (true, true) => ("unhealthy", 96, "the load balancer says so of every target"),
            (true, false) => ("unhealthy", 90, "the load balancer says so of some targets"),
            (false, _) => (
                "not available",
                50,
                "the load balancer says neither that they are healthy nor that they are not",
            ),
        };
        drafts.push(Draft {
            cause,
            environment: Some(environment.to_owned()),
            summary: format!(
                "{} of {all} targets of {environment} are {state} ({code}): {what}",
                ailing.len()
            ),
            confidence,
            why,
            evidence,
            next: case.command(match cause {
                Cause::TargetUnreachable => NextStep::ShowSecurityGroups(environment.to_owned()),
                _ => NextStep::ShowLogs { environment: environment.to_owned(), stream: None },
            }),
        });
    }
    drafts.append(&mut earlier);
}

/// Tasks that no traffic can reach.
fn unregistered(case: &Case<'_>, environment: &str, running: u32) -> Draft {
    Draft {
        cause: Cause::TargetUnreachable,
        environment: Some(environment.to_owned()),
        summary: format!(
            "{running} tasks of {environment} run, and none is registered with its target group: the service has another one, or \
             can't register"
        ),
        confidence: 75,
        why: "the load balancer knows no target, and the platform says that tasks run",
        evidence: vec![
            Evidence::new(format!("targets of {environment}"), "no target is registered"),
            Evidence::new(format!("service {environment}"), format!("{running} tasks run")),
        ],
        next: case.command(NextStep::ShowService(environment.to_owned())),
    }
}

/// What the service says about unhealthy targets.
fn events(environment: &str, seen: &EnvironmentEvidence, case: &Case<'_>) -> Vec<Evidence> {
    let Some(service) = seen.service.seen() else { return Vec::new() };
    let from = case.seen.scope.window.from;
    let about = service.events.iter().filter(|event| {
        event.at >= from
            && (event.message.as_str().contains("unhealthy")
                || event.message.as_str().contains("health check"))
    });
    let source = format!("events of {environment}");
    about.take(2).map(|event| Evidence::new(&source, event.message.as_str()).at(event.at)).collect()
}
