//! The shell script of the guide this project began with.

use super::{STAGE, STAGES, Since};
use crate::evidence::Arm;
use crate::lab::{Next, RolloutPolicy, Second};

/// The guide's canary script, with the arithmetic mended that made it stop: 5, 10, 25, 50 and 100 % for 300 s each, a check every
/// 30 s that the error rate is at most 5 %, and one bad check rolls back. The rate is that of the newest minute of the clock; as
/// in the script, errors and requests are those of different minutes when the newest one of either list is not the same.
#[derive(Clone, Debug, Default)]
pub struct GuideScript {
    since: Since,
    newest: Option<Arm>,
    before: Option<Arm>,
}

impl RolloutPolicy for GuideScript {
    fn name(&self) -> String {
        "guide script".to_owned()
    }

    fn begin(&mut self) -> u8 {
        STAGES[0]
    }

    fn tick(&mut self, elapsed: u32, second: &Second) -> Next {
        self.since.add(second);
        if elapsed.is_multiple_of(60) {
            self.before = self.newest.replace(self.since.take().candidate);
        }
        if elapsed.is_multiple_of(30)
            && let Some(newest) = self.newest
        {
            let requests = self.before.unwrap_or(newest).requests;
            if newest.failed as f64 > requests as f64 * 0.05 {
                return Next::RollBack;
            }
        }
        match STAGES.get((elapsed / STAGE) as usize) {
            Some(weight) => Next::Weight(*weight),
            None => Next::Promote,
        }
    }
}
