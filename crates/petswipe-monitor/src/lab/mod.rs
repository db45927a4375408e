//! A laboratory for rollout policies: what would this one have done, how fast, and at what cost to the users?
//!
//! A [`World`] is made of seconds: requests arrive at random (Poisson), are divided by the weight, and fail at random
//! (Bernoulli), those of the new version at their own rate. A [`RolloutPolicy`] sees each second after it is over and says
//! which weight holds next. [`run`] plays one rollout, [`Row::of`] many of them, from seeds, and [`replay`] takes the
//! seconds from a recorded trace instead.
//!
//! What other tools do by default is in [`policies`], from their documented algorithms, and so are this crate's gates; one's
//! own policy is compared with them by implementing the trait.
//!
//! ```
//! use petswipe_monitor::lab::{Row, World, policies};
//! let world = World { fault_error_rate: Some(0.2), ..World::steady(100.0, 0.001) };
//! let ours = Row::of(&world, 50, || Box::new(policies::Gated::by_default()));
//! let flagger = Row::of(&world, 50, || Box::new(policies::Flagger::default()));
//! assert_eq!((ours.rollback_share, flagger.rollback_share), (1.0, 1.0));
//! assert!(ours.mean_failed_requests * 10.0 < flagger.mean_failed_requests);
//! ```

use serde::{Deserialize, Serialize};

use crate::evidence::Arm;

pub mod policies;
mod replay;
mod world;

pub use replay::{Recorded, Replayed, read, replay};
pub use world::{Load, World};

/// What happened in one second, to each of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// The new version.
    pub candidate: Arm,
    /// The version it replaces.
    pub reference: Arm,
}

/// What holds for the next second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The new version gets this share, in whole percent.
    Weight(u8),
    /// All traffic goes back.
    RollBack,
    /// The new version is promoted, and nobody watches any more.
    Promote,
}

/// A way to roll out: which weight when, and when to go back.
pub trait RolloutPolicy {
    /// Its name, for tables.
    fn name(&self) -> String;

    /// The share of the new version in the first second, in whole percent.
    fn begin(&mut self) -> u8;

    /// What happened in the second that ended `elapsed` seconds after the start, and what holds next.
    fn tick(&mut self, elapsed: u32, second: &Second) -> Next;
}

/// How one rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Whether it went back.
    pub rolled_back: bool,
    /// After how many seconds it ended.
    pub seconds: u32,
    /// Requests that the new version failed until then.
    pub failed_requests: u64,
}

/// No rollout is watched for longer.
const LONGEST: u32 = 86_400;

/// Plays one rollout in a world. The same seed gives the same rollout.
pub fn run(world: &World, policy: &mut dyn RolloutPolicy, seed: u64) -> Ended {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut weight = policy.begin();
    let mut failed_requests = 0;
    for elapsed in 1..=LONGEST {
        let second = world.second(&mut random, elapsed, weight);
        failed_requests += second.candidate.failed;
        match policy.tick(elapsed, &second) {
            Next::Weight(next) => weight = next,
            Next::RollBack => {
                return Ended { rolled_back: true, seconds: elapsed, failed_requests };
            }
            Next::Promote => {
                return Ended { rolled_back: false, seconds: elapsed, failed_requests };
            }
        }
    }
    Ended { rolled_back: false, seconds: LONGEST, failed_requests }
}

/// Many rollouts of one policy in one world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The policy.
    pub policy: String,
    /// Traffic.
    pub requests_per_second: f64,
    /// The share of the old version's requests that fail.
    pub baseline_error_rate: f64,
    /// The share of the new version's requests that fail.
    pub fault_error_rate: f64,
    /// How many rollouts.
    pub runs: u32,
    /// The share of them that went back.
    pub rollback_share: f64,
    /// The median time until they did; `None` when none did.
    pub median_seconds: Option<f64>,
    /// The mean number of requests that the new version failed, over all rollouts.
    pub mean_failed_requests: f64,
    /// The median time until the others were promoted; `None` when none was.
    pub median_seconds_to_promote: Option<f64>,
}

impl Row {
    /// Plays `runs` rollouts, with the seeds from 0.
    pub fn of(world: &World, runs: u32, policy: impl Fn() -> Box<dyn RolloutPolicy>) -> Self {
        let ended: Vec<_> =
            (0..runs).map(|seed| run(world, policy().as_mut(), u64::from(seed))).collect();
        let seconds = |back: bool| {
            let some = ended.iter().filter(|ended| ended.rolled_back == back);
            median(some.map(|ended| ended.seconds).collect())
        };
        let back = ended.iter().filter(|ended| ended.rolled_back).count();
        let failed: u64 = ended.iter().map(|ended| ended.failed_requests).sum();
        let all = f64::from(runs.max(1));
        Self {
            policy: policy().name(),
            requests_per_second: world.requests_per_second,
            baseline_error_rate: world.baseline_error_rate,
            fault_error_rate: world.candidate_error_rate(),
            runs,
            rollback_share: back as f64 / all,
            median_seconds: seconds(true),
            mean_failed_requests: failed as f64 / all,
            median_seconds_to_promote: seconds(false),
        }
    }
}

fn median(mut seconds: Vec<u32>) -> Option<f64> {
    seconds.sort_unstable();
    let upper = *seconds.get(seconds.len() / 2)?;
    let lower = *seconds.get((seconds.len() - 1) / 2)?;
    Some(f64::midpoint(f64::from(lower), f64::from(upper)))
}

#[cfg(test)]
mod tests;
