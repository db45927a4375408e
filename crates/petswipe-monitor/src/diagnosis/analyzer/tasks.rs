//! Tasks that ended: what the platform says, and what their containers left behind.
//!
//! Sources: "Stopped tasks error codes", "View Amazon ECS stopped task errors", "CannotPullContainer task errors",
//! "ResourceInitializationError errors" (Amazon ECS Developer Guide); exit codes above 128 are 128 and the number of the
//! signal (POSIX shells), and 137 is SIGKILL, by which a container ends that exceeds its memory.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::{Cause, EnvironmentEvidence, NextStep, StoppedTask};
use super::{Case, Draft, Evidence};

/// A task that ran for less and was never seen healthy ended at its start.
const START: Duration = Duration::from_secs(60);
/// So many tasks are named.
const NAMED: usize = 4;

/// Why a task ended; `None` where that is as it should be, or unknown.
pub(super) fn cause_of(task: &StoppedTask) -> Option<Cause> {
    let mut text = task.reason.as_str().to_owned();
    for reason in task.containers.iter().filter_map(|container| container.reason.as_ref()) {
        text.push(' ');
        text.push_str(reason.as_str());
    }
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let codes = || task.containers.iter().filter_map(|container| container.exit_code);
    if says(&["CannotPull", "ImageNotFound", "manifest unknown"]) {
        return Some(Cause::ImageNotPulled);
    }
    if says_memory(task) {
        return Some(Cause::OutOfMemory);
    }
    if says(&[
        "ResourceInitializationError",
        "CannotCreate",
        "CannotStartContainer",
        "CannotInspectContainer",
        "ContainerRuntimeTimeout",
        "DockerTimeout",
    ]) {
        return Some(Cause::TaskNotInitialized);
    }
    if says(&["failed container health checks"]) {
        return Some(Cause::ContainerHealthCheck);
    }
    if says(&["failed ELB health checks", "failed health checks"]) {
        let silent = says(&["Target.Timeout", "timed out"]);
        return Some(if silent { Cause::TargetUnreachable } else { Cause::TargetHealthCheck });
    }
    if says(&["Capacity is unavailable", "RESOURCE:", "ENI provisioning"]) {
        return Some(Cause::NoCapacity);
    }
    // Stopped on purpose: scaled in, replaced, or by hand. The containers were ended by that and not the other way round.
    if says(&[
        "Scaling activity initiated",
        "stopped by user",
        "UserInitiated",
        "Spot",
        "TerminationNotice",
        "maintenance",
        "Host EC2",
    ]) {
        return None;
    }
    let failed = |code: i32| code != 0 && code != 143;
    let crashed = task.containers.iter().any(|one| one.exit_code.is_some_and(failed));
    let ended = says(&["Essential container in task exited", "exited with", "killed by signal"]);
    if !crashed && !ended {
        return None;
    }
    // Where another container ended by itself, SIGKILL is how the platform stopped the rest.
    let killed = codes().any(|code| code == 137) && codes().all(|code| [137, 143].contains(&code));
    if killed && !says(&["killed by signal"]) && task.ran_for().is_some_and(|ran| ran >= START) {
        return Some(Cause::OutOfMemory);
    }
    Some(match (task.was_healthy, task.ran_for()) {
        (Some(true), _) => Cause::CrashWhileRunning,
        (None, Some(ran)) if ran >= START => Cause::CrashWhileRunning,
        (Some(false), Some(ran)) if ran >= START * 5 => Cause::CrashWhileRunning,
        _ => Cause::CrashAtStart,
    })
}

/// Whether the platform says that memory was the reason.
fn says_memory(task: &StoppedTask) -> bool {
    let reasons = task.containers.iter().filter_map(|container| container.reason.as_ref());
    [&task.reason]
        .into_iter()
        .chain(reasons)
        .any(|reason| ["OutOfMemory", "OOM"].iter().any(|word| reason.as_str().contains(word)))
}

/// How it ended, in a line.
fn ending(task: &StoppedTask) -> String {
    let mut text = format!("task {}", task.id);
    if let Some(revision) = &task.revision {
        text.push_str(&format!(" of {revision}"));
    }
    text.push_str(&match task.ran_for() {
        Some(ran) => format!(" ended after {}", super::limits::lasting(ran)),
        None => " never ran".to_owned(),
    });
    for container in &task.containers {
        if let Some(code) = container.exit_code {
            text.push_str(&format!(", {}: exit code {code}", container.name));
            if code == 137 {
                text.push_str(" (SIGKILL)");
            }
        }
        if let Some(reason) = &container.reason {
            text.push_str(&format!(", {reason}"));
        }
    }
    format!("{text}: {}", task.reason)
}

pub(super) fn rules(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    drafts: &mut Vec<Draft>,
) {
    let Some(stopped) = seen.stopped.seen() else { return };
    let mut by_cause: BTreeMap<Cause, Vec<&StoppedTask>> = BTreeMap::new();
    for task in stopped.tasks.iter().filter(|task| task.stopped_at >= case.seen.scope.window.from) {
        if let Some(cause) = cause_of(task) {
            by_cause.entry(cause).or_default().push(task);
        }
    }
    for (cause, tasks) in by_cause {
        drafts.push(draft(case, environment, seen, cause, &tasks));
    }
}

fn draft(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    cause: Cause,
    tasks: &[&StoppedTask],
) -> Draft {
    let source = format!("stopped tasks of {environment}");
    let mut evidence: Vec<_> = tasks
        .iter()
        .take(NAMED)
        .map(|task| Evidence::new(&source, ending(task)).at(task.stopped_at))
        .collect();
    if tasks.len() > NAMED {
        evidence.push(Evidence::new(&source, format!("and {} more", tasks.len() - NAMED)));
    }
    evidence.extend(super::logs::evidence(environment, seen));
    let newest = tasks.first();
    let revision = newest.and_then(|task| task.revision.clone());
    let name = revision.clone().unwrap_or_else(|| environment.to_owned());
    let what = match cause {
        Cause::ImageNotPulled => {
            "its image can't be pulled: is the name right, may the task read it?"
        }
        Cause::OutOfMemory => "it takes more memory than it may",
        Cause::TaskNotInitialized => "secrets, log group, volume or network are not there for it",
        Cause::ContainerHealthCheck => "its container fails the health check of its own",
        Cause::TargetHealthCheck => "it answers the load balancer's health checks wrongly",
        Cause::TargetUnreachable => "it does not answer the load balancer's health checks in time",
        Cause::NoCapacity => "there was no room for it",
        Cause::CrashWhileRunning => "it ends although it was in service before",
        _ => "it ends before it is in service",
    };
    let step = match (cause, revision, newest) {
        (
            Cause::ImageNotPulled
            | Cause::OutOfMemory
            | Cause::TaskNotInitialized
            | Cause::ContainerHealthCheck,
            Some(revision),
            _,
        ) => NextStep::ShowRevision { environment: environment.to_owned(), revision },
        (Cause::CrashAtStart | Cause::CrashWhileRunning, _, _) => {
            NextStep::ShowLogs { environment: environment.to_owned(), stream: None }
        }
        (Cause::TargetHealthCheck | Cause::TargetUnreachable, _, _) => {
            NextStep::ShowTargets(environment.to_owned())
        }
        (_, _, Some(task)) => {
            NextStep::ShowTask { environment: environment.to_owned(), task: task.id.clone() }
        }
        _ => NextStep::ShowService(environment.to_owned()),
    };
    let guessed = cause == Cause::OutOfMemory && !tasks.iter().any(|task| says_memory(task));
    let (confidence, why) = match (guessed, tasks.len()) {
        (true, _) => (
            60,
            "they were killed after a while, as for want of memory; the platform does not say why",
        ),
        (_, 1) => (72, "the platform says so of one task, which may be an accident"),
        _ => (95, "the platform says so of several tasks"),
    };
    Draft {
        cause,
        environment: Some(environment.to_owned()),
        summary: format!("{} of {name} ended: {what}", counted(tasks.len())),
        confidence,
        why,
        evidence,
        next: case.command(step),
    }
}

fn counted(tasks: usize) -> String {
    match tasks {
        1 => "a task".to_owned(),
        many => format!("{many} tasks"),
    }
}
