//! Driving a native deployment to its end, and handing its report out.

use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::native::{NativePerformer, NativePlan, NativeSurvey};
use petswipe_deploy::{Outcome, Report};
use petswipe_monitor::explain;
use petswipe_runbook::journal::Journal;
use petswipe_runbook::{AbortHandle, Completed, Driver, EventLog, Halted, Journaled, OperationId};

use super::Flags;
use super::account::Parts;
use super::going_on::command;
use super::progress::Watching;
use crate::drive::{LAST_LOOK, Wanted, code_of, publish};
use crate::leases::holder;
use crate::progress::Progress;
use crate::signals::Signals;
use crate::telemetry::Watch;
use crate::{Exit, HALF_WAY, HELD, say};

/// A deployment that is being carried out.
pub(super) struct Running<'a> {
    flags: &'a Flags,
    parts: &'a Parts,
    driver: Driver<NativePlan>,
    log: Journaled,
    progress: Arc<Progress>,
    abort: AbortHandle,
    performer: NativePerformer,
    watch: Option<Watch<NativePlan>>,
}

impl<'a> Running<'a> {
    pub(super) fn new(
        flags: &'a Flags,
        parts: &'a Parts,
        plan: &NativePlan,
        journal: Arc<dyn Journal>,
        watch: Watch<NativePlan>,
    ) -> Self {
        let performer = parts.performer(plan);
        let progress = Progress::new(flags.quiet);
        let abort = AbortHandle::new();
        let log = Arc::new(Journaled(Arc::clone(&journal)));
        let driver = Driver::with_clock(log, Arc::new(performer.clone()), parts.clock.clone())
            .observer(Arc::new(Watching::new(progress.clone())))
            .abort(abort.clone())
            .holder(holder(false))
            .lease(parts.leases.terms(plan.lease_key()));
        let driver = watch.over(driver);
        progress.line(&format!("the journal is {}", flags.journal.display()));
        let (log, watch) = (Journaled(journal), Some(watch));
        Self { flags, parts, driver, log, progress, abort, performer, watch }
    }

    /// Begins a deployment, or goes on with the one in the journal.
    pub(super) async fn drive(
        mut self,
        start: Option<(OperationId, NativePlan)>,
    ) -> Result<u8, Exit> {
        let going_on = format!("to go on: {}", command(self.flags, "--resume"));
        let signals = Signals::listen()?;
        let listening = tokio::spawn(signals.obey(self.abort.clone(), going_on.clone()));
        let driven = async {
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
                _ = tick.tick() => self.progress.refresh(None),
            }
        };
        // From here on a signal finds nothing half-way.
        listening.abort();
        self.progress.done();
        if let Some(watch) = self.watch.take() {
            watch.end(result.as_ref().err().map(|halted| &halted.error)).await;
        }
        let code = code_of(&result);
        if let Err(halted) = &result
            && !halted.touched
        {
            return Err(Exit { code, message: format!("{halted}: {}", explain(&halted.error)) });
        }
        let read = EventLog::<NativePlan>::load(&self.log).await;
        let mut report = read.as_ref().ok().and_then(Option::as_ref).map(NativePlan::report);
        if let Err(halted) = &result {
            let survey = self.survey(halted).await;
            // The journal knows how it was at the last survey, which may be the one before the first change.
            if let (Some(report), Some((plan, _))) = (&mut report, halted.left.as_deref())
                && matches!(code, HALF_WAY | HELD)
            {
                report.final_state = survey.as_ref().map(|survey| plan.state_report(survey));
            }
            let left = what_is_left(halted, survey.as_ref());
            say(&format!("{halted}: {}\n{left}\n{going_on}", explain(&halted.error)));
        }
        if let Err(error) = &read {
            return Err(Exit { code, message: explain(error) });
        }
        let Some(mut report) = report else { return Ok(code) };
        report.calls = self.parts.budget.calls();
        self.publish(&report, result.as_ref().ok(), code)
    }

    fn publish(
        &self,
        report: &Report,
        completed: Option<&Completed<NativePlan>>,
        code: u8,
    ) -> Result<u8, Exit> {
        let Flags { json, quiet, .. } = *self.flags;
        let code =
            publish(&Wanted { report: self.flags.report.as_deref(), json, quiet }, report, code)?;
        if let Some(Completed { outcome: Outcome::Promoted { .. }, plan, .. }) = completed
            && plan.undoes.is_none()
            && !quiet
        {
            let undo = command(self.flags, "--undo");
            say(&format!("to deploy the revision before once more, all at once: {undo}"));
        }
        Ok(code)
    }

    /// How the service is after a halt, if it can be asked.
    async fn survey(&self, halted: &Halted<NativePlan>) -> Option<NativeSurvey> {
        let (plan, _) = halted.left.as_deref()?;
        let look = tokio::time::timeout(LAST_LOOK, self.performer.first_look(plan)).await;
        look.ok()?.ok()
    }
}

/// What state the system is in after a halt: as it is, or else as it was last seen.
fn what_is_left(halted: &Halted<NativePlan>, survey: Option<&NativeSurvey>) -> String {
    let Some((plan, state)) = halted.left.as_deref() else {
        return "how it is could not be found out".to_owned();
    };
    let environment = &plan.environment;
    let mut left = match (survey, &state.last_status) {
        (Some(survey), _) => {
            let service = &survey.service;
            let going = if service.in_progress { "a deployment goes on" } else { "none goes on" };
            let asks = service.revision.as_ref().map_or("nothing", |revision| revision.as_str());
            format!(
                "now {environment} asks for {asks} and served by {} before; {going}",
                service.live
            )
        }
        (None, Some(status)) => format!(
            "nobody answers; at the last look the deployment of {environment} was {} with {} of the traffic",
            status.state.word(),
            status.weight
        ),
        (None, None) => format!("nobody answers; {environment} was not yet seen in a deployment"),
    };
    let pause = state.last_status.as_ref().and_then(|status| status.pause.as_ref());
    if let Some(until) = pause.and_then(|pause| pause.expires_at) {
        let until = until.strftime("%Y-%m-%d %H:%M:%S UTC");
        left += &format!("; it waited for an answer, and goes back by itself at {until}");
    }
    left
}
