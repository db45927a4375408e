//! petswipe-runbook
mod abort;
mod approval;
mod clock;
mod driver;
mod error;
mod id;
pub mod journal;
pub mod lease;
mod log;
mod observer;
mod retry;
mod runbook;

pub use abort::{AbortHandle, AbortRequest};
pub use approval::{
    Answer, Approver, AutoApprover, ChannelApprover, FileApprover, NobodyApproves, Question,
    Questions,
};
pub use clock::{Clock, Sleep, SystemClock};
pub use driver::{Completed, Driver, EffectContext, Halted, LeaseTerms, Performer};
pub use error::{Cause, Error};
pub use id::{EffectId, Fence, OperationId};
pub use log::{EventLog, History, Journaled, Opening};
pub use observer::{EventStream, Observer};
pub use retry::Retry;
pub use runbook::{
    Decision, Event, EventOf, Failure, FailureKind, InFlight, Recorded, Runbook, Settled, Step,
};
