//! Flagger, as its tutorials set it up.

use super::{Since, success};
use crate::lab::{Next, RolloutPolicy, Second};

/// Flagger's canary tutorial: every minute 10 % more up to 50 %, if at least 99 % of the last minute's requests went well. A
/// minute without requests is a failed check. Failed checks are counted over the whole rollout and not forgotten; with five of
/// them it goes back, which is tested before a minute's analysis and so a minute late.
///
/// Source: Flagger, "Istio Canary Deployments" (interval 1m, threshold 5, maxWeight 50, stepWeight 10, request-success-rate
/// 99), and `pkg/controller/scheduler.go`, which tests `FailedChecks >= threshold` before it analyses.
#[derive(Clone, Debug, Default)]
pub struct Flagger {
    weight: u8,
    failed: u32,
    since: Since,
}

impl RolloutPolicy for Flagger {
    fn name(&self) -> String {
        "Flagger tutorial".to_owned()
    }

    fn begin(&mut self) -> u8 {
        self.weight = 10;
        self.weight
    }

    fn tick(&mut self, elapsed: u32, second: &Second) -> Next {
        self.since.add(second);
        if !elapsed.is_multiple_of(60) {
            return Next::Weight(self.weight);
        }
        let minute = self.since.take();
        if self.failed >= 5 {
            return Next::RollBack;
        }
        match success(minute.candidate) {
            Some(success) if success >= 0.99 => {
                if self.weight >= 50 {
                    return Next::Promote;
                }
                self.weight += 10;
            }
            _ => self.failed += 1,
        }
        Next::Weight(self.weight)
    }
}
