//! Driving a rollout to its end, whoever disturbs it, and handing its report out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::{Outcome, Plan, Report, RolloutPerformer, StateReport};
use petswipe_local::load::Load;
use petswipe_monitor::explain;
use petswipe_runbook::journal::Journal;
use petswipe_runbook::{
    AbortHandle, Approver, Completed, Driver, Error, EventLog, Halted, History, Journaled,
    OperationId, Runbook,
};

use crate::cli::Common;
use crate::going_on::command;
use crate::last_look::last_look;
use crate::leases::holder;
use crate::progress::Progress;
use crate::signals::Signals;
use crate::target::{CallCount, Target, traffic};
use crate::telemetry::Watch;
use crate::{BAD_USAGE, DONE, Exit, HALF_WAY, HELD, NOT_AS_ASKED};
use crate::{print, report, say};

/// How long traffic goes on before and after, so that the report shows how it was and how it is now.
const LEAD: Duration = Duration::from_millis(1500);
/// How long a halted rollout waits for the cloud to say how things stand.
pub(crate) const LAST_LOOK: Duration = Duration::from_secs(3);

/// Where a rollout is written down.
pub(crate) struct Written<'a> {
    /// Of which example it is.
    pub(crate) example: &'static str,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) path: &'a Path,
}

/// Where a report is wanted.
pub(crate) struct Wanted<'a> {
    /// In that file.
    pub(crate) report: Option<&'a Path>,
    /// As JSON on stdout.
    pub(crate) json: bool,
    /// Without a word about the file.
    pub(crate) quiet: bool,
}

/// A rollout that is being carried out.
pub(crate) struct Running {
    driver: Driver<Plan>,
    log: Journaled,
    progress: Arc<Progress>,
    load: Option<Load>,
    abort: AbortHandle,
    performer: RolloutPerformer,
    calls: CallCount,
    /// How to go on after a halt.
    going_on: String,
    /// The command that goes back after a promotion, on a cloud that is still there then.
    undo: Option<String>,
    watch: Watch<Plan>,
}

impl Running {
    pub(crate) fn new(
        common: &Common,
        target: &Target,
        plan: &Plan,
        written: &Written<'_>,
        approver: Arc<dyn Approver>,
        watch: Watch<Plan>,
    ) -> Result<Self, Exit> {
        let performer = target.performer(plan);
        let progress = Progress::new(common.quiet);
        let abort = AbortHandle::new();
        let log = Arc::new(Journaled(Arc::clone(&written.journal)));
        let driver = Driver::with_clock(log, Arc::new(performer.clone()), target.clock.clone())
            .approver(approver)
            .observer(progress.clone())
            .abort(abort.clone())
            .holder(holder(target.is_own()))
            .lease(target.parts.leases.terms(plan.lease_key()));
        let driver = watch.over(driver);
        let load = target.start_load(common.rate)?;
        progress.line(&format!("the journal is {}", written.path.display()));
        let undo = command(written.example, common, "--undo", written.path);
        let undo = Some(undo).filter(|_| !target.is_own());
        let going_on = match target.is_own() {
            true => "its cloud ends with it, so nothing is left to resume".to_owned(),
            false => {
                let command = command(written.example, common, "--resume", written.path);
                format!("to go on: {command}")
            }
        };
        let log = Journaled(Arc::clone(&written.journal));
        let calls = target.calls.clone();
        Ok(Self { driver, log, progress, load, abort, performer, calls, going_on, undo, watch })
    }

    pub(crate) async fn drive(
        self,
        common: &Common,
        start: Option<(OperationId, Plan)>,
    ) -> Result<u8, Exit> {
        let signals = Signals::listen()?;
        let listening = tokio::spawn(signals.obey(self.abort.clone(), self.going_on.clone()));
        let loaded = self.load.is_some() && common.rate > 0.0;
        let driven = async {
            if loaded {
                tokio::time::sleep(LEAD).await;
            }
            match start {
                Some((operation, plan)) => self.driver.start(operation, plan).await,
                None => self.driver.resume().await,
            }
        };
        let mut driven = std::pin::pin!(driven);
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        let result = loop {
            tokio::select! {
                result = &mut driven => break result,
                _ = tick.tick() => self.progress.refresh(self.load.as_ref()),
            }
        };
        // From here on a signal finds nothing half-way.
        listening.abort();
        let touched = !matches!(&result, Err(halted) if !halted.touched);
        let lead = async {
            if loaded && touched {
                tokio::time::sleep(LEAD).await;
            }
        };
        let halted = result.as_ref().err().map(|halted| &halted.error);
        tokio::join!(lead, self.watch.end(halted));
        self.progress.done();
        let users = match self.load {
            Some(load) => Some(load.stop().await),
            None => None,
        };
        let code = code_of(&result);
        if let Err(halted) = &result
            && !halted.touched
        {
            let message = format!("{halted}: {}", explain(&halted.error));
            return Err(Exit { code, message });
        }
        let read = EventLog::<Plan>::load(&self.log).await;
        let mut report = read.as_ref().ok().and_then(Option::as_ref).map(Report::of);
        let mut unknown = None;
        if (code == HALF_WAY || code == HELD && touched)
            && let Some(report) = &mut report
            && let Ok(Some(history)) = &read
        {
            // The journal knows how it was at the last survey, which may be the one before the first change.
            let look = self.performer.first_look(&history.opening.plan);
            let survey = last_look(LAST_LOOK, look).await;
            report.final_state = survey.as_ref().ok().map(StateReport::of);
            unknown = survey.err();
        }
        if let Err(halted) = &result {
            let (cause, left) = (explain(&halted.error), what_is_left(report.as_ref(), unknown));
            say(&format!("{halted}: {cause}\n{left}\n{}", self.going_on));
        }
        if let Err(error) = &read {
            return Err(Exit { code, message: explain(error) });
        }
        match &mut report {
            None => Ok(code),
            Some(report) => {
                report.calls = (self.calls)();
                report.traffic = users.map(|users| traffic(&users, report));
                let wanted = Wanted {
                    report: common.report.as_deref(),
                    json: common.json,
                    quiet: common.quiet,
                };
                let code = publish(&wanted, report, code)?;
                if let (
                    Ok(Completed { outcome: Outcome::Promoted { .. }, .. }),
                    Ok(Some(history)),
                ) = (&result, &read)
                {
                    tell_the_way_back(common, history, self.undo.as_deref());
                }
                Ok(code)
            }
        }
    }
}

/// Until when a promotion can be undone, and by which command.
fn tell_the_way_back(common: &Common, history: &History<Plan>, undo: Option<&str>) {
    let plan = &history.opening.plan;
    if plan.undoes.is_some() {
        return;
    }
    let window = plan.rollback_window;
    let until = history.last_at().saturating_add(window).unwrap_or(Timestamp::MAX);
    if let Some(undo) = undo.filter(|_| !window.is_zero() && !common.quiet) {
        let until = until.strftime("%Y-%m-%d %H:%M:%S UTC");
        say(&format!("to go back to the version before, until {until}: {undo}"));
    }
}

/// What state the system is in after a halt: as it is, or else as it was left, and why that is all that is known.
fn what_is_left(report: Option<&Report>, unknown: Option<String>) -> String {
    let Some(report) = report else {
        return "the journal can't be read, so nobody knows what was changed".to_owned();
    };
    if let Some(state) = &report.final_state {
        let weights = state.weights.iter();
        let weights: Vec<_> = weights.map(|(side, weight)| format!("{side} {weight}")).collect();
        return format!("the weights are now {}", weights.join(", "));
    }
    let unknown = unknown.unwrap_or_else(|| "nobody has looked how it is now".to_owned());
    let actions = report.actions.as_slice();
    let shift = actions.iter().rev().find(|action| action.weights.is_some());
    let Some(last) = actions.last() else {
        return format!("{unknown}; nothing was changed");
    };
    let weights = match shift {
        Some(shift) => {
            format!("at {} it was told to {} ({})", shift.at, shift.action, shift.result)
        }
        None => "the weights were not changed".to_owned(),
    };
    format!("{unknown}; {weights}; the last change was to {} ({})", last.action, last.result)
}

/// The exit code of how an operation ended, or halted.
pub(crate) fn code_of<R: Runbook<Outcome = Outcome>>(
    result: &Result<Completed<R>, Halted<R>>,
) -> u8 {
    match result {
        Ok(completed) => match completed.outcome {
            Outcome::Promoted { .. } => DONE,
            Outcome::RolledBack { .. } | Outcome::Aborted { .. } => NOT_AS_ASKED,
            Outcome::Refused { .. } => BAD_USAGE,
            Outcome::Stopped { .. } => HALF_WAY,
        },
        // Refused before this driver did anything; the operation that holds the lease goes on.
        Err(Halted { error: Error::Held { .. }, .. }) => HELD,
        // A lease that is lost on the way leaves as much undone as any other halt.
        Err(halted) if halted.touched => HALF_WAY,
        Err(halted) if halted.error.is_held() => HELD,
        Err(Halted { error: Error::Suspended { .. }, .. }) => HALF_WAY,
        Err(_) => BAD_USAGE,
    }
}

/// Hands the report out. The exit code stays that of the operation, unless only the report is missing of all that was
/// asked for.
///
/// # Errors
/// A report that is no JSON.
pub(crate) fn publish(wanted: &Wanted<'_>, report: &Report, code: u8) -> Result<u8, Exit> {
    let written = wanted.report.map_or(Ok(()), |path| report::write(path, report));
    if wanted.json {
        print(&serde_json::to_string_pretty(report).map_err(Exit::usage)?);
    } else {
        print(&report::summary(report));
    }
    let Err(error) = written else {
        if let Some(path) = wanted.report.filter(|_| !wanted.quiet) {
            say(&format!("the report is {}", path.display()));
        }
        return Ok(code);
    };
    say(&explain(&error));
    Ok(if code == DONE { NOT_AS_ASKED } else { code })
}
