//! The pure core: from the plan and what was seen to what is done next. Nothing here waits, reads a clock or touches the
//! network.

mod decide;
mod effect;
mod evolve;
mod plan;
mod preview;
mod state;

pub use effect::{NativeEffect, NativeOutput, NativeSeen, NativeSurvey};
pub use plan::{Holding, NativePlan};
pub use preview::{NativePreview, NativeStep};
pub use state::{NativeState, Phase};
