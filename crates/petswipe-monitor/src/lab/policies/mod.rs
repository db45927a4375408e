//! Policies to compare: what other tools do by default, by their documentation, and what this crate does.

mod argo;
mod ecs;
mod flagger;
mod gated;
mod guide;
mod ratio;

pub use argo::Argo;
pub use ecs::EcsCanary;
pub use flagger::Flagger;
pub use gated::Gated;
pub use guide::GuideScript;
pub use ratio::RateRatioOnly;

use super::Second;
use crate::evidence::Arm;

/// The stages of the guide: weight in percent, each for 300 s.
pub(super) const STAGES: [u8; 5] = [5, 10, 25, 50, 100];
/// How long each of them lasts, in seconds.
pub(super) const STAGE: u32 = 300;

/// What the candidate did since the last time somebody asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since(Second);

impl Since {
    pub(super) fn add(&mut self, second: &Second) {
        self.0.candidate = self.0.candidate.plus(second.candidate);
        self.0.reference = self.0.reference.plus(second.reference);
    }

    pub(super) fn take(&mut self) -> Second {
        std::mem::take(&mut self.0)
    }
}

/// The share of requests that went well; `None` without requests.
pub(super) fn success(arm: Arm) -> Option<f64> {
    arm.rate().map(|rate| 1.0 - rate)
}
