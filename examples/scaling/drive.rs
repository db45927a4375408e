//! Driving a scaling operation to its end, and handing its report out.

use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::scaling::{Outcome, Output, ScalePlan, ScaleReport, State};
use petswipe_monitor::explain;
use petswipe_runbook::journal::Journal;
use petswipe_runbook::{
    AbortHandle, Completed, Driver, Error, Event, EventLog, EventOf, Halted, Journaled,
    OperationId, Recorded,
};

use super::Manners;
use super::report;
use super::target::Target;
use crate::cli::{Backend, ENVIRONMENT, PROJECT};
use crate::going_on::quoted;
use crate::last_look::last_look;
use crate::leases::{LEASES, holder};
use crate::signals::Signals;
use crate::telemetry::Watch;
use crate::{BAD_USAGE, DONE, Exit, HALF_WAY, HELD, NOT_AS_ASKED, print, say};

/// How long a halted operation waits for the cloud to say how things stand.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// An operation that is being carried out.
pub(super) struct Running<'a> {
    manners: &'a Manners,
    target: &'a Target,
    driver: Driver<ScalePlan>,
    log: Journaled,
    abort: AbortHandle,
    watch: Option<Watch<ScalePlan>>,
}

impl<'a> Running<'a> {
    pub(super) fn new(
        manners: &'a Manners,
        target: &'a Target,
        plan: &ScalePlan,
        journal: Arc<dyn Journal>,
        watch: Watch<ScalePlan>,
    ) -> Self {
        let parts = &target.parts;
        let abort = AbortHandle::new();
        let performer = Arc::new(parts.performer.clone());
        let log = Arc::new(Journaled(Arc::clone(&journal)));
        let mut driver = Driver::with_clock(log, performer, Arc::clone(&parts.clock))
            .abort(abort.clone())
            .holder(holder(target.is_own()))
            .lease(parts.leases.terms(plan.lease_key()));
        if !manners.quiet {
            say(&format!("the journal is {}", manners.journal.display()));
            driver = driver.observer(Arc::new(notice));
        }
        let driver = watch.over(driver);
        Self { manners, target, driver, log: Journaled(journal), abort, watch: Some(watch) }
    }

    /// Begins an operation, or goes on with the one in the journal.
    pub(super) async fn drive(
        mut self,
        start: Option<(OperationId, ScalePlan)>,
    ) -> Result<u8, Exit> {
        let going_on = match self.target.is_own() {
            true => "its cloud ends with it, so nothing is left to resume".to_owned(),
            false => format!("to go on: {}", self.command("--resume")),
        };
        let signals = Signals::listen()?;
        let listening = tokio::spawn(signals.obey(self.abort.clone(), going_on.clone()));
        let result = match start {
            Some((operation, plan)) => self.driver.start(operation, plan).await,
            None => self.driver.resume().await,
        };
        // From here on a signal finds nothing half-way.
        listening.abort();
        if let Some(watch) = self.watch.take() {
            watch.end(result.as_ref().err().map(|halted| &halted.error)).await;
        }
        let code = code_of(&result);
        if let Err(halted) = &result {
            let message = format!("{halted}: {}", explain(&halted.error));
            if !halted.touched {
                return Err(Exit { code, message });
            }
            say(&format!("{message}\n{}\n{going_on}", self.what_is_left(halted).await));
        }
        let loaded = EventLog::<ScalePlan>::load(&self.log).await;
        let history = loaded.map_err(|error| Exit { code, message: explain(&error) })?;
        let Some(history) = history else { return Ok(code) };
        let mut report = ScaleReport::of(&history);
        report.calls = (self.target.parts.calls)();
        let code = self.publish(&report, code)?;
        if let Ok(completed) = &result
            && completed.outcome.has_changed()
            && !(self.target.is_own() || self.manners.quiet)
        {
            say(&format!("to put back what was there before: {}", self.command("--undo")));
        }
        Ok(code)
    }

    /// What state the system is in after a halt: as it is, or else as it was last seen.
    async fn what_is_left(&self, halted: &Halted<ScalePlan>) -> String {
        let Some((plan, state)) = halted.left.as_deref() else {
            return "how it is could not be found out".to_owned();
        };
        let look = self.target.parts.performer.first_look(plan);
        match (last_look(LAST_LOOK, look).await, &state.last) {
            (Ok(seen), _) => format!("now {seen}"),
            (Err(unknown), Some(seen)) => format!("{unknown}; at the last look {seen}"),
            (Err(unknown), None) => format!("{unknown}; nothing was changed"),
        }
    }

    /// The command that goes on with what is in the journal. The token of the cloud stays in its variable.
    fn command(&self, flag: &str) -> String {
        let manners = self.manners;
        let mut command = "cargo run --example scale".to_owned();
        command += match manners.backend {
            Backend::Local => " -- --cloud \"$PETSWIPE_CLOUD\"",
            Backend::Aws => " --features aws -- --backend aws",
        };
        let mut add = |name: &str, value: &str| command += &format!(" {name} {}", quoted(value));
        if manners.backend == Backend::Aws {
            add("--region", &manners.region);
            if let Some(cluster) = &manners.cluster {
                add("--cluster", cluster);
            }
            let leases = manners.leases.to_string();
            if leases != LEASES {
                add("--leases", &leases);
            }
        }
        add("--journal", &manners.journal.display().to_string());
        if manners.project != PROJECT {
            add("--project", &manners.project);
        }
        if manners.environment != ENVIRONMENT {
            add("--environment", &manners.environment);
        }
        format!("{command} {flag}")
    }

    /// Hands the report out. The exit code stays that of the operation, unless only the report is missing of all that
    /// was asked for.
    fn publish(&self, report: &ScaleReport, code: u8) -> Result<u8, Exit> {
        if self.manners.json {
            print(&serde_json::to_string_pretty(report).map_err(Exit::usage)?);
        } else {
            print(&report::summary(report));
        }
        let Some(path) = &self.manners.report else { return Ok(code) };
        match report::write(path, report) {
            Ok(()) => Ok(code),
            Err(error) => {
                say(&explain(&error));
                Ok(if code == DONE { NOT_AS_ASKED } else { code })
            }
        }
    }
}

/// One plain line per event that matters.
fn notice(plan: &ScalePlan, recorded: &Recorded<EventOf<ScalePlan>>, _: &State) {
    let time = recorded.at.strftime("%H:%M:%S");
    match &recorded.event {
        Event::Intended { effect, .. } if effect.is_change() => say(&format!("{time} {effect}")),
        Event::Succeeded { output: Output::Seen(seen), .. } => say(&format!("{time} now {seen}")),
        Event::Failed { failure, .. } => say(&format!("{time} {}", failure.message)),
        Event::AbortRequested { by, .. } => {
            say(&format!("{time} {by}: {} is left as it is", plan.change));
        }
        Event::Finished { outcome } => say(&format!("{time} {}", outcome.word())),
        _ => {}
    }
}

fn code_of(result: &Result<Completed<ScalePlan>, Halted<ScalePlan>>) -> u8 {
    match result {
        Ok(completed) => match completed.outcome {
            Outcome::Done { .. } => DONE,
            Outcome::Aborted { .. } => NOT_AS_ASKED,
            Outcome::Refused { .. } => BAD_USAGE,
            Outcome::Stopped { .. } => HALF_WAY,
        },
        // Refused before this driver did anything; the operation that holds the lease goes on.
        Err(Halted { error: Error::Held { .. }, .. }) => HELD,
        Err(halted) if halted.touched => HALF_WAY,
        Err(halted) if halted.error.is_held() => HELD,
        Err(_) => BAD_USAGE,
    }
}
