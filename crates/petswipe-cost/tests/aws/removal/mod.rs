//! What acts upon an account, and what it makes of refusals.

mod changes;
mod cloud;
mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_aws::script::Wire;
use petswipe_cost::aws::AwsRemover;
use petswipe_cost::removal::Remover;
use petswipe_cost::{Action, Error, explain};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Sleep};

use crate::account::ACCOUNT;
use crate::world::home;
use cloud::Cloud;

/// Time that nobody waits for.
struct Jumping(SimClock);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        self.0.advance_to(time);
        Box::pin(std::future::ready(()))
    }
}

struct World {
    wire: Wire<Cloud>,
    clock: Arc<Jumping>,
    remover: AwsRemover,
}

impl World {
    fn new() -> Self {
        Self::of(|wire| wire.config())
    }

    fn of(config: impl FnOnce(&Wire<Cloud>) -> aws_types::SdkConfig) -> Self {
        let wire = Wire::new(Cloud::default());
        let clock = Arc::new(Jumping(SimClock::new(Timestamp::UNIX_EPOCH)));
        let remover = AwsRemover::new(&config(&wire), ACCOUNT, clock.clone());
        Self { wire, clock, remover }
    }

    async fn act(&self, action: Action) -> Result<(), Error> {
        self.remover.act(&home(), &action).await
    }

    async fn snapshot(&self, token: &str) -> Result<String, Error> {
        self.remover.snapshot(&home(), "vol-1", token).await
    }

    fn calls(&self, operation: &str) -> usize {
        self.wire.operations().iter().filter(|one| *one == operation).count()
    }

    /// The next call of an action is refused with that code.
    fn refuse(&self, action: &str, code: &'static str) {
        self.wire.with(|cloud| cloud.refusing.entry(action.to_owned()).or_default().push(code));
    }

    /// How long was waited.
    fn waited(&self) -> Duration {
        self.clock.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }
}

/// An error, all of it.
#[track_caller]
fn said<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    explain(&answer.unwrap_err())
}
