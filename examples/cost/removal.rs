//! Acting on findings: writing a plan, showing what it would do, and carrying it out.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use petswipe_cost::demo::KEEP;
use petswipe_cost::removal::{
    Outcome, Rechecker, RemovalOptions, RemovalPerformer, RemovalPlan, Remover, State, StepState,
};
use petswipe_cost::{Report, ReportOptions, Thresholds, explain};
use petswipe_runbook::{
    AbortHandle, Clock, Driver, Error, Event, EventOf, Halted, Recorded, SystemClock,
};

use super::{Backend, Flags, PRESET, Place, text};
use crate::cli::Backend as Where;
use crate::going_on::quoted;
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
    let json = serde_json::to_string_pretty(&plan).map_err(Exit::usage)? + "\n";
    crate::report::replace(path, &json).map_err(|error| Exit::usage(explain(&error)))?;
    say(&format!(
        "wrote {}: {} that save {} a month, and {} by hand. Review it; then: cost_report --remove {} shows what it would do, and --execute does it",
        path.display(),
        text::counted(plan.steps.len(), "step", "steps"),
        text::range(plan.saves()),
        plan.by_hand.len(),
        shown(path),
    ));
    Ok(())
}

/// The plan in a file.
pub(super) fn read(path: &Path) -> Result<RemovalPlan, Exit> {
    let refused = |why: String| Exit::usage(format!("--remove is {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    RemovalPlan::from_json(&text).map_err(|error| refused(explain(&error)))
}

/// Shows a plan, or carries it out.
pub(super) async fn run(
    flags: &Flags,
    path: &Path,
    plan: RemovalPlan,
    place: Place,
    limits: Thresholds,
    options: &ReportOptions,
) -> Result<u8, Exit> {
    if !flags.execute {
        if flags.resume {
            return Err(Exit::usage("--resume goes on for real; give --execute with it"));
        }
        match flags.json {
            true => print(&serde_json::to_string_pretty(&plan).map_err(Exit::usage)?),
            false => print(&preview(&plan, path)),
        }
        return Ok(DONE);
    }
    let here = place.inventory.account().await.map_err(|error| {
        let why = explain(&error);
        Exit::usage(format!("nobody says whose account this is: {why}; nothing was touched"))
    })?;
    let file = flags.journal.as_path();
    let going_on = going_on(flags, path);
    let (journal, plan, operation) = if flags.resume {
        let opened = journal::open_existing::<RemovalPlan>(file).await?;
        let Some(history) = opened.history else {
            return Err(Exit::usage(format!("{} holds no operation", file.display())));
        };
        let plan = history.opening.plan;
        is_for(&plan, &here, flags.backend)?;
        (opened.journal, plan, None)
    } else {
        is_for(&plan, &here, flags.backend)?;
        journal::check_free::<RemovalPlan>(file, Where::Aws, &here).await?;
        let operation = journal::new_operation("removal")?;
        (journal::fresh::<RemovalPlan>(file, Where::Aws, &here).await?, plan, Some(operation))
    };
    let recheck = Rechecker::new(
        place.inventory,
        place.usage,
        place.prices,
        limits,
        petswipe_cost::analyzer::all(),
        options,
    );
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
            let summary = summary(&done.plan, &done.state, &done.outcome);
            match flags.json {
                true => print(&json(&done.plan, &done.state, &done.outcome)?),
                false => print(&summary),
            }
            Ok(if done.outcome.done == done.plan.steps.len() { DONE } else { NOT_AS_ASKED })
        }
        Err(halted) => Err(halt(&halted, &going_on)),
    }
}

/// Refuses a plan for another account. On AWS a plan has to say for which one it is.
fn is_for(plan: &RemovalPlan, here: &str, backend: Backend) -> Result<(), Exit> {
    match &plan.account {
        Some(planned) if planned == here => Ok(()),
        Some(planned) => Err(Exit::usage(format!(
            "the plan is for account {planned}, and this is {here}; nothing was touched"
        ))),
        None if backend == Backend::Aws => Err(Exit::usage(format!(
            "the plan names no account, and this is {here}; make it again with credentials that may say whose they are. Nothing \
             was touched"
        ))),
        None => Ok(()),
    }
}

/// The command that goes on, with all that decides whether a finding still holds.
fn going_on(flags: &Flags, path: &Path) -> String {
    let mut command = format!("to go on: cost_report --remove {}", shown(path));
    let mut add = |name: &str, value: &str| command += &format!(" {name} {}", quoted(value));
    if flags.backend == Backend::Aws {
        add("--backend", "aws");
        for region in &flags.regions {
            add("--region", region);
        }
    }
    if flags.preset != PRESET {
        add("--preset", &flags.preset);
    }
    let excluded: Vec<_> = flags.exclude.iter().map(ToString::to_string).collect();
    if excluded != [KEEP] {
        excluded.iter().for_each(|tag| add("--exclude-tag", tag));
    }
    let files = [("--thresholds", &flags.thresholds), ("--suppressions", &flags.suppressions)];
    for (name, file) in files {
        if let Some(file) = file {
            add(name, &file.display().to_string());
        }
    }
    for file in &flags.prices {
        add("--prices", &file.display().to_string());
    }
    format!("{command} --execute --resume --journal {}", shown(&flags.journal))
}

/// A path for a shell.
fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}

fn halt(halted: &Halted<RemovalPlan>, going_on: &str) -> Exit {
    let mut message = format!("{halted}: {}", explain(&halted.error));
    if let Some((plan, state)) = halted.left.as_deref() {
        let _ = write!(message, "\n{}", lines(plan, state).join("\n"));
    }
    if halted.touched {
        let _ = write!(message, "\n{going_on}");
    }
    let code = match &halted.error {
        Error::Held { .. } => crate::HELD,
        _ if halted.touched => HALF_WAY,
        _ => BAD_USAGE,
    };
    Exit { code, message }
}

fn saved(plan: &RemovalPlan) -> String {
    text::range(plan.saves())
}

/// What a plan would do, in order, with the condition of each step.
fn preview(plan: &RemovalPlan, path: &Path) -> String {
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
    let _ = write!(out, "To do it: cost_report --remove {} --execute", shown(path));
    out
}

/// How each step stands.
fn lines(plan: &RemovalPlan, state: &State) -> Vec<String> {
    let line = |(step, state): (&petswipe_cost::removal::Removal, &StepState)| {
        let snapshot =
            state.snapshot().map(|id| format!("; the snapshot is {id}")).unwrap_or_default();
        let how = match state {
            StepState::Done { .. } => "done".to_owned(),
            StepState::Skipped { why, .. } => format!("left: {why}"),
            StepState::Failed { why, .. } => format!("failed: {why}"),
            StepState::Waiting { .. } | StepState::Holds { .. } => "not done".to_owned(),
        };
        format!("{} in {}: {how}{snapshot}", step.action, step.region)
    };
    plan.steps.iter().zip(&state.steps).map(line).collect()
}

fn summary(plan: &RemovalPlan, state: &State, outcome: &Outcome) -> String {
    let Outcome { done, skipped, failed, not_begun } = outcome;
    format!(
        "{}\n{done} done, {skipped} left, {failed} failed, {not_begun} not begun",
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
                StepState::Waiting { .. } | StepState::Holds { .. } => ("not-begun", None),
            };
            serde_json::json!({"finding": step.finding, "action": step.action, "state": word, "why": why, "snapshot": state.snapshot()})
        })
        .collect();
    let report = serde_json::json!({"operation": "removal", "outcome": outcome, "steps": steps});
    serde_json::to_string_pretty(&report).map_err(Exit::usage)
}

/// One plain line per event that matters.
fn notice(plan: &RemovalPlan, recorded: &Recorded<EventOf<RemovalPlan>>, _: &State) {
    use petswipe_cost::removal::Effect;
    let time = recorded.at.strftime("%H:%M:%S");
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
