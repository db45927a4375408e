//! What is wrong, how do we know, and what to type next: evidence from all sources at once, and ranked hypotheses. It reads
//! only.
//!
//! ```sh
//! export PETSWIPE_CLOUD=http://…      # as `local_cloud` prints it
//! cargo run --example diagnose
//! cargo run --example diagnose -- --symptom high-error-rate --since 120 --json
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::diagnosis::{Flags, run};
use petswipe_examples::{Exit, finish};

fn main() -> ExitCode {
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(&flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
