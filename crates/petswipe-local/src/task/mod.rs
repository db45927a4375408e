//! Tasks are processes: how they start, how they are watched, and why none is ever left behind.
//!
//! Every task is started through a *shim*: this same program, re-executed, which waits for a word on its standard
//! input before it does anything. Between start and word, the process group of the task is made known to a *watchdog*,
//! another process that kills all groups it knows as soon as the pipe to it closes. So at no instant is there a task
//! that would outlive a cloud that dies, however it dies.

mod launch;
mod output;
mod process;
mod role;
mod watchdog;

pub(crate) use launch::{Launcher, Spec};
pub(crate) use process::Process;
pub use role::run_task_if_asked;
pub(crate) use role::{ROLE_VARIABLE, asked_role};
