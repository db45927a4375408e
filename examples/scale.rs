//! Scaling operations: the number of tasks of a service, the class of a database, the settings of auto scaling. Each looks
//! first, refuses with reasons, changes, waits until it is true, and can be undone.
//!
//! ```sh
//! cargo run --example scale -- service --desired 6
//! cargo run --example scale -- service --desired 6 --plan
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::scaling::{Flags, run};
use petswipe_examples::{Exit, finish};

fn main() -> ExitCode {
    petswipe_local::run_task_if_asked();
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(&flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
