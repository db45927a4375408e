//! Conformance suites: one test per sentence of the backend traits' contracts, for every implementation, here or elsewhere.
//!
//! [`compute_conformance!`](crate::compute_conformance), [`router_conformance!`](crate::router_conformance),
//! [`scaling_conformance!`](crate::scaling_conformance), [`smoke_conformance!`](crate::smoke_conformance),
//! [`preflight_conformance!`](crate::preflight_conformance) and [`hooks_conformance!`](crate::hooks_conformance) make a
//! module of tests each, every one of them in a fresh [`CloudWorld`]; so does
//! [`native_conformance!`](crate::native_conformance) in a [`NativeWorld`](native::NativeWorld), while
//! [`tracking_conformance!`](crate::tracking_conformance) and [`database_conformance!`](crate::database_conformance) need less
//! of a world. The functions behind them are public, for those who need another harness; they panic with what was found when
//! the sentence does not hold.
//!
//! What a backend can't do is data in its [`Setting`]; a sentence that can't be tried there says so on standard error.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a conformance test fails by panicking, wherever it is compiled"
)]

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use petswipe_runbook::{Clock, Fence, OperationId};

use crate::{
    AlwaysContinue, Authority, AutoScaling, Compute, Deployment, DeploymentState, Environment,
    Error, Hooks, Image, Objection, Preflight, RevisionId, ServiceStatus, SmokeTest, Split,
    TrafficRouter,
};

pub mod compute;
pub mod databases;
pub mod hooks;
pub mod native;
pub mod preflight;
pub mod router;
pub mod scaling;
pub mod smoke;
pub mod tracking;

#[cfg(test)]
mod scaled;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong;

/// An answer that may take a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the suites need: a cloud with two sides, of which one serves, and a way to let time pass.
///
/// It may be a cloud in memory in virtual time, or a real one on the clock of the wall. Every test gets a fresh one.
pub trait CloudWorld: Send + Sync {
    /// Runs revisions.
    fn compute(&self) -> &dyn Compute;

    /// Divides traffic.
    fn router(&self) -> &dyn TrafficRouter;

    /// Scales.
    fn scaling(&self) -> &dyn AutoScaling;

    /// Sends requests through the test route.
    fn smoke(&self) -> &dyn SmokeTest;

    /// Is called at points of a rollout.
    fn hooks(&self) -> &dyn Hooks {
        &AlwaysContinue
    }

    /// Examines the cloud before a rollout.
    fn preflight(&self) -> &dyn Preflight {
        &NothingToExamine
    }

    /// Lets time pass: the cloud goes on while somebody waits for it.
    fn clock(&self) -> &dyn Clock;

    /// What is there when a test begins.
    fn setting(&self) -> &Setting;

    /// A new operation at each call, with a fence of at least 2 that is higher than all before it.
    fn authority(&self) -> Authority;

    /// Everything that a revision says beside its image, in any form that can be compared; `None` where a revision is
    /// no more than its image.
    fn definition<'a>(&'a self, revision: &'a RevisionId) -> Later<'a, Option<String>> {
        let _ = revision;
        Box::pin(async { None })
    }
}

/// For clouds that know nothing which the other traits do not tell.
struct NothingToExamine;

#[async_trait::async_trait]
impl Preflight for NothingToExamine {
    async fn objections(&self) -> Result<Vec<Objection>, Error> {
        Ok(Vec::new())
    }
}

/// What is there when a test begins, and what the backend can't do.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Takes all traffic and runs at least one healthy task of `image`; its newest deployment is complete.
    pub live: Environment,
    /// Takes no traffic and runs no task.
    pub idle: Environment,
    /// What the live side runs.
    pub image: Image,
    /// Another image whose tasks become healthy and answer well.
    pub second_image: Image,
    /// An image whose tasks exit soon; `None` if there is none.
    pub crashing_image: Option<Image>,
    /// An image whose tasks run and never pass a health check; `None` if there is none.
    pub unhealthy_image: Option<Image>,
    /// An environment that does not exist.
    pub unknown_environment: Environment,
    /// An image that does not exist.
    pub unknown_image: Image,
    /// A revision that does not exist.
    pub unknown_revision: RevisionId,
    /// An environment without tasks that has active auto scaling with a minimum of at least 2; `None` if there is none.
    pub scaled: Option<Environment>,
    /// An environment without auto scaling; `None` if there is none.
    pub unscaled: Option<Environment>,
    /// Whether the backend keeps the highest fence it has seen.
    pub fencing: bool,
    /// Time between two looks.
    pub poll: Duration,
    /// Within this time everything comes true that is commanded.
    pub deadline: Duration,
}

/// Expands to a module with one test per listed function. Use the macros that list them.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($module:ident, $world:expr, $suite:path, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[::tokio::test]
                async fn $sentence() {
                    use $suite as suite;
                    let world = $world;
                    suite::$sentence(&world).await;
                }
            )*
        }
    };
}

/// Asks again and again until there is an answer.
async fn eventually<T>(
    world: &dyn CloudWorld,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let (clock, setting) = (world.clock(), world.setting());
    let latest = clock.now() + setting.deadline;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(clock.now() < latest, "{what}: not within {:?}", setting.deadline);
        clock.sleep_until(clock.now() + setting.poll).await;
    }
}

/// Looks for a while, and at least ten times, whether something stays as it is.
async fn meanwhile(world: &dyn CloudWorld, mut look: impl AsyncFnMut()) {
    for _ in 0..10 {
        look().await;
        world.clock().sleep_until(world.clock().now() + world.setting().poll).await;
    }
    look().await;
}

async fn status(world: &dyn CloudWorld, environment: &Environment) -> ServiceStatus {
    world.compute().service(environment).await.unwrap()
}

async fn split(world: &dyn CloudWorld) -> Split {
    world.router().route().await.unwrap().split
}

/// Healthy and unhealthy targets.
async fn targets(world: &dyn CloudWorld, environment: &Environment) -> (u32, u32) {
    let health = world.router().health(environment).await.unwrap();
    (health.healthy, health.unhealthy)
}

/// What the live side runs.
async fn live_revision(world: &dyn CloudWorld) -> RevisionId {
    status(world, &world.setting().live).await.revision.unwrap()
}

/// A revision of `image`, otherwise like that of the live side.
async fn registered(world: &dyn CloudWorld, image: &Image) -> RevisionId {
    let image = world.compute().resolve(image).await.unwrap();
    let from = live_revision(world).await;
    world.compute().register(&world.authority(), &from, &image).await.unwrap()
}

/// Commands so many tasks of a revision in the idle environment.
async fn deploy(world: &dyn CloudWorld, revision: &RevisionId, desired: u32) {
    let deployment = Deployment::new(revision.clone(), desired);
    let (authority, idle) = (world.authority(), &world.setting().idle);
    world.compute().deploy(&authority, idle, &deployment).await.unwrap();
}

/// Waits until the idle environment runs so many healthy tasks of a revision, and no others.
async fn runs(world: &dyn CloudWorld, revision: &RevisionId, count: u32) -> ServiceStatus {
    let idle = &world.setting().idle;
    eventually(world, &format!("{idle} runs {count} healthy tasks of {revision}"), async || {
        let now = status(world, idle).await;
        let complete = now.deployment == DeploymentState::Completed
            && now.revision.as_ref() == Some(revision)
            && (now.desired, now.running) == (count, count);
        (complete && targets(world, idle).await == (count, 0)).then_some(now)
    })
    .await
}

/// The same operation with an older driver, and an older operation.
fn older(world: &dyn CloudWorld, than: &Authority) -> [Authority; 2] {
    let fence = Fence(than.fence.0 - 1);
    let other: OperationId = world.authority().operation;
    [than.operation.clone(), other].map(|operation| Authority { operation, fence })
}

fn assert_not_found<T: Debug>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::NotFound { .. })), "not found, not {answer:?}");
}

fn assert_fenced<T: Debug>(answer: Result<T, Error>, newest: Fence) {
    match answer {
        Err(Error::Fenced { fence, newest: seen }) => assert!(fence < seen && seen >= newest),
        other => panic!("fenced, not {other:?}"),
    }
}

/// What a backend can't do is said aloud.
fn skipped(sentence: &str, why: &str) {
    eprintln!("NOT TRIED: {sentence}: this backend has {why}");
}
