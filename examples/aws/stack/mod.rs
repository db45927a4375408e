//! The minimal stack that a rollout needs, in an empty account: created, created again without a change, and destroyed.
//!
//! Nothing is changed that is there already, and nothing is touched that does not carry the stack's tags. `survey/` looks,
//! `create/` and `destroy.rs` act, part after part; a run that stopped half-way is gone on with by the next one, because
//! each begins with a look.

mod create;
mod destroy;
mod policy;
mod report;
mod resource;
mod settings;
mod survey;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use create::create;
pub use destroy::destroy;
pub use policy::policy;
pub use report::{Action, Line, Outcome, Report};
pub use resource::{Measure, Names, Resource, Side, Trouble};
pub use settings::{Settings, TASKS};

use super::account::Account;
use super::failed::Failed;

/// How often something that comes or goes is looked at, at least; a random part is added.
const POLL: Duration = Duration::from_secs(2);

/// What an operation on a stack acts with.
pub struct Run<'a> {
    /// Where the stack is.
    pub account: &'a Account,
    /// What it is called.
    pub names: &'a Names,
    /// Only say what would be done.
    pub dry_run: bool,
    /// How long may be waited for something to come or to go.
    pub patience: Duration,
    /// Once it is set, nothing more is begun.
    pub stop: &'a AtomicBool,
    /// Told of every change.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

impl Run<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Asks until it is so, or until patience or the operator ends.
    async fn until<A>(&self, what: &str, mut is_so: A) -> Result<(), Failed>
    where
        A: AsyncFnMut() -> Result<bool, Failed>,
    {
        let began = Instant::now();
        loop {
            // What fails here is not the call that acted.
            if is_so().await.map_err(Failed::after_acting)? {
                return Ok(());
            }
            if self.is_stopped() {
                return Err(Failed::wait(what, "the operator wants it to end"));
            }
            if began.elapsed() >= self.patience {
                let waited = format!("not so after {} s", self.patience.as_secs());
                return Err(Failed::wait(what, &waited));
            }
            tokio::time::sleep(POLL.mul_f64(1.0 + fastrand::f64() / 4.0)).await;
        }
    }
}
