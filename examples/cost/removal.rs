//! Acting on findings: writing a plan, showing what it would do, and carrying it out.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use petswipe_cost::removal::{
    Outcome, Rechecker, Removal, RemovalOptions, RemovalPerformer, RemovalPlan, Remover, State,
    StepState,
};
use petswipe_cost::{Report, Thresholds, explain};
use petswipe_runbook::{
    AbortHandle, Clock, Driver, Error, Event, EventOf, Halted, Recorded, SystemClock,
};

use super::command::command;
use super::{Flags, Place, text, words};
use crate::cli::Backend as Where;
use crate::journal;
use crate::signals::Signals;
use crate::{BAD_USAGE, DONE, Exit, HALF_WAY, NOT_AS_ASKED, print, say};

/// Writes a plan of what was found, for a person to review.
pub(super) fn write(flags: &Flags, path: &Path, report: &Report) -> Result<(), Exit> {
    let options = RemovalOptions {
        at_most: flags.max_removals,
        only: flags.only.clone(),
        risk: flags.max_risk.into(),
    };
    let plan = RemovalPlan::of(report, &options);
    if !flags.only.is_empty() && plan.steps.is_empty() && plan.by_hand.is_empty() {
        let such = report.findings.first().map_or("AREA:REGION:RESOURCE", |one| one.id.as_str());
        return Err(Exit::usage(format!(
            "--only is {}, and no finding has such an id; allowed: ids such as {such}, in which * stands for anything",
            flags.only.join(",")
        )));
    }
    if plan.account.is_none() {
        return Err(Exit::usage(
            "--plan-removal needs to know the account, which is not known; allow sts:GetCallerIdentity",
        ));
    }
    let json = serde_json::to_string_pretty(&plan).map_err(Exit::usage)? + "\n";
    crate::report::replace(path, &json).map_err(|error| Exit::usage(explain(&error)))?;
    say(&format!(
        "wrote {}: {} that save {} a month, and {} by hand. Review it; then: {} shows what it would do, and --execute does it",
        path.display(),
        text::counted(plan.steps.len(), "step", "steps"),
        text::range(plan.saves()),
        plan.by_hand.len(),
        command(flags, &["--remove", &path.display().to_string()]),
    ));
    Ok(())
}

/// The plan in a file.
pub(super) fn read(path: &Path) -> Result<RemovalPlan, Exit> {
    let refused = |why: String| Exit::usage(format!("--remove is {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    RemovalPlan::from_json(&text).map_err(|error| refused(explain(&error)))
}

/// Refuses thresholds that are other than those of the plan: it is judged by its own.
pub(super) fn same_limits(
    flags: &Flags,
    plan: &RemovalPlan,
    given: &Thresholds,
) -> Result<(), Exit> {
    let is_given = flags.preset.is_some() || flags.thresholds.is_some();
    if !is_given || *given == plan.criteria.thresholds {
        return Ok(());
    }
    Err(Exit::usage(
        "--preset and --thresholds are other than what the plan was made by; allowed: the same or none, or a new plan",
    ))
}

/// Shows a plan, or carries it out.
pub(super) async fn run(
    flags: &Flags,
    path: &Path,
    plan: RemovalPlan,
    place: Place,
) -> Result<u8, Exit> {
    if !flags.execute {
        if flags.resume {
            return Err(Exit::usage("--resume goes on for real; give --execute with it"));
        }
        match flags.json {
            true => print(&serde_json::to_string_pretty(&plan).map_err(Exit::usage)?),
            false => print(&preview(flags, &words::cleaned(&plan)?, path)),
        }
        return Ok(DONE);
    }
    let here = place.inventory.account().await.map_err(|error| {
        let why = explain(&error);
        Exit::usage(format!("nobody says whose account this is: {why}; nothing was touched"))
    })?;
    is_for(&plan, &here)?;
    let recheck =
        Rechecker::new(place.inventory, place.usage, place.prices, petswipe_cost::analyzer::all());
    let file = flags.journal.as_path();
    let (plan_file, journal_file) = (path.display().to_string(), file.display().to_string());
    let arguments = ["--remove", &plan_file, "--execute", "--resume", "--journal", &journal_file];
    let going_on = format!("to go on: {}", command(flags, &arguments));
    let (journal, plan, operation) = if flags.resume {
        let opened = journal::open_existing::<RemovalPlan>(file).await?;
        let Some(history) = opened.history else {
            return Err(Exit::usage(format!("{} holds no operation", file.display())));
        };
        let begun = history.opening.plan;
        if (&begun.steps, &begun.account) != (&plan.steps, &plan.account) {
            return Err(Exit::usage(format!(
                "--remove is {}, and {} holds another plan; allowed: the plan that was begun, or another --journal",
                path.display(),
                file.display()
            )));
        }
        // What is left out by now is left out, whenever it was said.
        (opened.journal, RemovalPlan { criteria: plan.criteria, ..begun }, None)
    } else {
        journal::check_free::<RemovalPlan>(file, Where::Aws, &here).await?;
        let operation = journal::new_operation("removal")?;
        (journal::fresh::<RemovalPlan>(file, Where::Aws, &here).await?, plan, Some(operation))
    };
    let clock = Arc::new(SystemClock::new());
    let remover = (place.remover)(&here, clock.clone());
    let performer = RemovalPerformer::new(plan.clone(), recheck, remover, clock);
    let abort = AbortHandle::new();
    let mut driver =
        Driver::<RemovalPlan>::new(Arc::clone(&journal), Arc::new(performer)).abort(abort.clone());
    if !flags.quiet {
        say(&format!("the journal is {}", file.display()));
        driver = driver.observer(Arc::new(notice));
    }
    let listening = tokio::spawn(Signals::listen()?.obey(abort, going_on.clone()));
    let result = match operation {
        Some(operation) => driver.start(operation, plan).await,
        None => driver.resume().await,
    };
    listening.abort();
    match result {
        Ok(done) => {
            match flags.json {
                true => print(&json(&done.plan, &done.state, &done.outcome)?),
                false => print(&summary(&done.plan, &done.state, &done.outcome)),
            }
            for line in in_doubt(&done.plan, &done.state) {
                say(&line);
            }
            Ok(match &done.outcome {
                outcome if outcome.unknown > 0 => HALF_WAY,
                outcome if outcome.done == done.plan.steps.len() => DONE,
                _ => NOT_AS_ASKED,
            })
        }
        Err(halted) => Err(halt(&halted, &going_on)),
    }
}

/// Refuses a plan for another account.
fn is_for(plan: &RemovalPlan, here: &str) -> Result<(), Exit> {
    match plan.account.as_deref() {
        Some(planned) if planned == here => Ok(()),
        planned => Err(Exit::usage(format!(
            "the plan is for account {}, and this is {here}; nothing was touched",
            planned.unwrap_or("nobody knows which")
        ))),
    }
}

fn halt(halted: &Halted<RemovalPlan>, going_on: &str) -> Exit {
    let mut message = format!("{halted}: {}", explain(&halted.error));
    if let Some((plan, state)) = halted.left.as_deref() {
        let told = lines(plan, state).into_iter().chain(in_doubt(plan, state));
        let _ = write!(message, "\n{}", told.collect::<Vec<_>>().join("\n"));
    }
    let begun = halted.touched || matches!(halted.error, Error::Suspended { .. });
    if begun {
        let _ = write!(message, "\n{going_on}");
    }
    let code = match &halted.error {
        Error::Held { .. } => crate::HELD,
        _ if begun => HALF_WAY,
        _ => BAD_USAGE,
    };
    Exit { code, message }
}

fn saved(plan: &RemovalPlan) -> String {
    text::range(plan.saves())
}

/// What a plan would do, in order, with the condition of each step.
fn preview(flags: &Flags, plan: &RemovalPlan, path: &Path) -> String {
    let mut out = format!(
        "{} would save {} a month; nothing is changed now\n",
        text::counted(plan.steps.len(), "step", "steps"),
        saved(plan)
    );
    for (index, step) in plan.steps.iter().enumerate() {
        let saves = step.saves.map_or("an amount not known".to_owned(), text::range);
        let undo = if step.reversible { "" } else { ", can't be undone" };
        let _ = write!(
            out,
            "{:>4}. {} in {}: saves {saves}{undo}\n      if {} still holds: {}\n      risk: {}\n",
            index + 1,
            step.action,
            step.region,
            step.finding,
            step.reason,
            step.risk
        );
    }
    if !plan.by_hand.is_empty() {
        let are = text::counted(plan.by_hand.len(), "finding is", "findings are");
        let _ = writeln!(out, "{are} left to people; the plan says why of each");
    }
    let _ = write!(
        out,
        "To do it: {}",
        command(flags, &["--remove", &path.display().to_string(), "--execute"])
    );
    out
}

/// How each step stands.
fn lines(plan: &RemovalPlan, state: &State) -> Vec<String> {
    let line = |(step, state): (&Removal, &StepState)| {
        let snapshot =
            state.snapshot().map(|id| format!("; the snapshot is {id}")).unwrap_or_default();
        let how = match state {
            StepState::Done { .. } => "done".to_owned(),
            StepState::Skipped { why, .. } => format!("left: {why}"),
            StepState::Failed { why, .. } => format!("failed: {why}"),
            StepState::Unknown { why, .. } => format!("nobody knows: {why}"),
            StepState::Waiting { .. } | StepState::Holds { .. } => "not done".to_owned(),
        };
        words::plain(&format!("{} in {}: {how}{snapshot}", step.action, step.region)).into_owned()
    };
    plan.steps.iter().zip(&state.steps).map(line).collect()
}

/// Of what nobody knows: what may be, and how to look.
fn in_doubt(plan: &RemovalPlan, state: &State) -> Vec<String> {
    let line = |(step, state): (&Removal, &StepState)| {
        let StepState::Unknown { of_snapshot, .. } = state else { return None };
        let snapshot = step.look_for_snapshot().filter(|_| *of_snapshot);
        let doubt = match (snapshot, step.action.snapshot_of()) {
            (Some(look), Some(volume)) => {
                format!(
                    "a snapshot of {volume} may have been made, and {volume} is as it was; look: {look}"
                )
            }
            _ => {
                format!(
                    "{} in {} may have been done, or not; look: {}",
                    step.action,
                    step.region,
                    step.look()
                )
            }
        };
        Some(words::plain(&doubt).into_owned())
    };
    plan.steps.iter().zip(&state.steps).filter_map(line).collect()
}

fn summary(plan: &RemovalPlan, state: &State, outcome: &Outcome) -> String {
    let Outcome { done, skipped, failed, unknown } = outcome;
    format!(
        "{}\n{done} done, {skipped} left, {failed} failed, {unknown} of unknown outcome",
        lines(plan, state).join("\n")
    )
}

fn json(plan: &RemovalPlan, state: &State, outcome: &Outcome) -> Result<String, Exit> {
    let steps: Vec<_> = plan
        .steps
        .iter()
        .zip(&state.steps)
        .map(|(step, state)| {
            let (word, why) = match state {
                StepState::Done { .. } => ("done", None),
                StepState::Skipped { why, .. } => ("skipped", Some(why)),
                StepState::Failed { why, .. } => ("failed", Some(why)),
                StepState::Unknown { why, .. } => ("unknown", Some(why)),
                StepState::Waiting { .. } | StepState::Holds { .. } => ("not-begun", None),
            };
            let look = match state {
                StepState::Unknown { of_snapshot: true, .. } => step.look_for_snapshot(),
                StepState::Unknown { .. } => Some(step.look()),
                _ => None,
            };
            serde_json::json!({
                "finding": step.finding, "action": step.action, "state": word, "why": why,
                "snapshot": state.snapshot(), "look": look,
            })
        })
        .collect();
    let report = serde_json::json!({"operation": "removal", "outcome": outcome, "steps": steps});
    serde_json::to_string_pretty(&report).map_err(Exit::usage)
}

/// One plain line per event that matters.
fn notice(plan: &RemovalPlan, recorded: &Recorded<EventOf<RemovalPlan>>, _: &State) {
    use petswipe_cost::removal::Effect;
    let time = recorded.at.strftime("%H:%M:%S");
    let say = |line: &str| say(&words::plain(line));
    let action = |index: &usize| {
        plan.steps.get(*index).map(|step| step.action.to_string()).unwrap_or_default()
    };
    match &recorded.event {
        Event::Intended { effect: Effect::Snapshot(index), .. } => {
            say(&format!("{time} a snapshot first: {}", action(index)));
        }
        Event::Intended { effect: Effect::Act(index), .. } => {
            say(&format!("{time} {}", action(index)))
        }
        Event::Failed { failure, .. } => say(&format!("{time} {}", failure.message)),
        Event::AbortRequested { by, .. } => {
            say(&format!("{time} {by}: it ends after the step that is under way"))
        }
        _ => {}
    }
}

/// Who acts upon an account, given its number and the time.
pub(super) type Hand = Box<dyn Fn(&str, Arc<dyn Clock>) -> Arc<dyn Remover> + Send + Sync>;

#[cfg(test)]
mod tests {
    use petswipe_cost::{Action, Area, Criteria, Region};

    use super::*;

    #[test]
    fn of_what_nobody_knows_it_says_what_may_be_and_how_to_look() {
        let step = |action| Removal {
            finding: "ebs-unused:eu-west-1:x".to_owned(),
            area: Area::VOLUMES,
            region: Region::global(),
            action,
            saves: None,
            risk: String::new(),
            reversible: false,
            reason: String::new(),
        };
        let plan = RemovalPlan {
            account: Some("123456789012".to_owned()),
            report_at: jiff::Timestamp::UNIX_EPOCH,
            criteria: Criteria::default(),
            prices: Vec::new(),
            steps: vec![
                step(Action::DeleteVolume { volume: "vol-1".to_owned() }),
                step(Action::DeleteVolume { volume: "vol-2".to_owned() }),
                step(Action::ReleaseAddress { allocation: "eipalloc-1\u{1b}".to_owned() }),
                step(Action::ReleaseAddress { allocation: "eipalloc-2".to_owned() }),
            ],
            by_hand: Vec::new(),
        };
        let unknown = |of_snapshot, snapshot: Option<&str>| StepState::Unknown {
            why: "no answer came".to_owned(),
            of_snapshot,
            snapshot: snapshot.map(str::to_owned),
        };
        let mut state = State::default();
        state.steps = vec![
            unknown(true, None),
            unknown(false, Some("snap-1")),
            unknown(false, None),
            StepState::Done { snapshot: None },
        ];
        let expected = [
            "a snapshot of vol-1 may have been made, and vol-1 is as it was; look: aws ec2 describe-snapshots --region global \
             --owner-ids self --filters Name=volume-id,Values=vol-1",
            "make a snapshot of vol-2, then delete it in global may have been done, or not; look: aws ec2 describe-volumes \
             --region global --volume-ids vol-2",
            "release eipalloc-1\u{fffd} in global may have been done, or not; look: aws ec2 describe-addresses --region global \
             --allocation-ids 'eipalloc-1\u{fffd}'",
        ];
        assert_eq!(in_doubt(&plan, &state), expected);
        assert!(
            lines(&plan, &state)[1]
                .ends_with("nobody knows: no answer came; the snapshot is snap-1")
        );
    }
}
