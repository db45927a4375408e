//! Amazon ECS's native canary, with a CloudWatch alarm.

use super::Since;
use crate::lab::{Next, RolloutPolicy, Second};

/// Amazon ECS's canary deployment: 5 % for ten minutes, then everything, and five minutes of bake time. An alarm on more than ten
/// 5xx of the new target group in a minute of the clock, which is seen a minute after it is over, goes back.
///
/// Source: Amazon ECS, "Canary deployments" (canary percent 5, canary bake time 10 minutes) and "How CloudWatch alarms detect
/// Amazon ECS deployment failures".
#[derive(Clone, Debug, Default)]
pub struct EcsCanary {
    since: Since,
    /// The minute before the one that goes on.
    last: u64,
}

const CANARY: u32 = 600;
/// Five minutes of bake time, and the minute after which their last one is seen.
const END: u32 = CANARY + 360;

impl RolloutPolicy for EcsCanary {
    fn name(&self) -> String {
        "ECS canary + alarm".to_owned()
    }

    fn begin(&mut self) -> u8 {
        5
    }

    fn tick(&mut self, elapsed: u32, second: &Second) -> Next {
        self.since.add(second);
        if elapsed.is_multiple_of(60) {
            let seen = std::mem::replace(&mut self.last, self.since.take().candidate.failed);
            if seen > 10 {
                return Next::RollBack;
            }
        }
        match elapsed {
            END.. => Next::Promote,
            CANARY.. => Next::Weight(100),
            _ => Next::Weight(5),
        }
    }
}
