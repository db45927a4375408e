//! The simulator: the same core and the same driver, in virtual time, with everything going wrong.
//!
//! A [`World`] is what the runbook acts upon, with promises that are checked after every effect and every record.
//! [`simulate`] runs one operation in it under a [`FaultPlan`]: effects fail before or after they happen, or never
//! answer; observations are stale; the process dies around any append and another one resumes; a frozen driver wakes
//! up after it has been replaced. One seed decides all of it, so the same seed gives the same [`Trace`].
//!
//! The crate-level documentation simulates the small runbook that it builds. A suite runs thousands of seeds through
//! [`check_seeds`], adds up what [`Struck`], and compares the traces of a few seeds with a second run of the same.
//!
//! What is not here: two drivers that act at the same moment, effects that arrive after their deadline, and lease
//! stores that fail.

use std::sync::Arc;

use crate::approval::{Approver, AutoApprover};
use crate::driver::Performer;
use crate::runbook::{EventOf, Recorded, Runbook};

mod clock;
mod faults;
mod log;
mod purity;
mod run;
mod seeds;
mod trace;

pub use clock::SimClock;
pub use faults::FaultPlan;
pub use seeds::{SeedTest, SeedsFailed, check_seeds};
pub use trace::{Struck, Trace, Violation};

use run::Simulation;

/// What a runbook acts upon in a simulation, with what must always hold in it.
pub trait World<R: Runbook>: Performer<R> + 'static {
    /// What must hold at every moment. Called after every effect that happened.
    ///
    /// # Errors
    /// The broken promise, in words.
    fn check(&self) -> Result<(), String>;

    /// What must hold between history and world. Called after every record.
    ///
    /// # Errors
    /// The broken promise, in words.
    fn check_record(
        &self,
        plan: &R,
        recorded: &Recorded<EventOf<R>>,
        state: &R::State,
    ) -> Result<(), String> {
        let _ = (plan, recorded, state);
        Ok(())
    }

    /// What must hold when the operation has ended.
    ///
    /// # Errors
    /// The broken promise, in words.
    fn check_end(&self, plan: &R, outcome: &R::Outcome) -> Result<(), String>;

    /// What an observation might answer if the read is stale: something that was true before. `None` for changes and
    /// where nothing was observed before.
    fn stale(&self, effect: &R::Effect) -> Option<R::Output> {
        let _ = effect;
        None
    }
}

/// Runs one operation to its end in a simulated world.
///
/// `world` gets the virtual clock, which begins at `2026-01-01T00:00:00Z`. Questions are answered with yes.
///
/// # Errors
/// The first [`Violation`]: a promise of the world, an effect before its intent was durable, a core that got stuck, a
/// replaced driver that went on acting, a plan or event that its JSON form changes, a core that says something else when
/// it is asked again, or an operation that does not end.
pub fn simulate<R: Runbook, W: World<R>>(
    seed: u64,
    plan: &R,
    faults: &FaultPlan,
    world: impl FnOnce(Arc<SimClock>) -> Arc<W>,
) -> Result<Trace<R>, Box<Violation>> {
    let approver = Arc::new(AutoApprover { by: "simulation".to_owned() });
    simulate_with(seed, plan, faults, approver, world)
}

/// Like [`simulate`], with somebody of one's own who answers questions.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_with<R: Runbook, W: World<R>>(
    seed: u64,
    plan: &R,
    faults: &FaultPlan,
    approver: Arc<dyn Approver>,
    world: impl FnOnce(Arc<SimClock>) -> Arc<W>,
) -> Result<Trace<R>, Box<Violation>> {
    Simulation::new(seed, plan, faults, approver, world).run()
}
