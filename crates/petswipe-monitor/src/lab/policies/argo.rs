//! Argo Rollouts, with a background analysis.

use std::collections::VecDeque;

use super::success;
use crate::evidence::Arm;
use crate::lab::{Next, RolloutPolicy, Second};

/// Argo Rollouts' background analysis: 20, 40, 60 and 80 % for ten minutes each; from the second weight on, every five minutes,
/// at least 95 % of the last five minutes' requests must have gone well. The fourth failed measurement aborts. A measurement
/// without requests is an error, measured again after ten seconds, and the fifth error in a row aborts.
///
/// Source: Argo Rollouts, "Analysis & Progressive Delivery" (background analysis with `startingStep: 2`, interval 5m,
/// failureLimit 3, the query over 5m), `consecutiveErrorLimit` 4 by default.
#[derive(Clone, Debug, Default)]
pub struct Argo {
    last: VecDeque<Arm>,
    failed: u32,
    errors: u32,
    next: u32,
}

const WEIGHTS: [u8; 4] = [20, 40, 60, 80];
const STEP: u32 = 600;
const INTERVAL: u32 = 300;

impl RolloutPolicy for Argo {
    fn name(&self) -> String {
        "Argo background analysis".to_owned()
    }

    fn begin(&mut self) -> u8 {
        self.next = STEP;
        WEIGHTS[0]
    }

    fn tick(&mut self, elapsed: u32, second: &Second) -> Next {
        self.last.push_back(second.candidate);
        if self.last.len() > INTERVAL as usize {
            self.last.pop_front();
        }
        if elapsed >= STEP * WEIGHTS.len() as u32 {
            return Next::Promote;
        }
        if elapsed == self.next {
            let seen = self.last.iter().fold(Arm::default(), |sum, arm| sum.plus(*arm));
            self.next = elapsed + INTERVAL;
            match success(seen) {
                Some(success) => {
                    self.errors = 0;
                    self.failed += u32::from(success < 0.95);
                }
                None => {
                    self.errors += 1;
                    self.next = elapsed + 10;
                }
            }
            if self.failed > 3 || self.errors > 4 {
                return Next::RollBack;
            }
        }
        Next::Weight(WEIGHTS[(elapsed / STEP) as usize])
    }
}
