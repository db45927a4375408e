//! A deployment that Amazon ECS carries out by itself, decided by our gates: canary, linear or blue/green.
//!
//! ```sh
//! cargo run -p petswipe-examples --features aws --example native -- --image v43 --strategy canary --dry-run
//! cargo run -p petswipe-examples --features aws --example native -- --image v43 --strategy canary
//! cargo run -p petswipe-examples --features aws --example native -- --undo      # the revision before, once more
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::native::{Flags, run};
use petswipe_examples::{Exit, finish};

fn main() -> ExitCode {
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let result = runtime.block_on(run(&flags));
            // A question that nobody will answer any more must not keep the program: its thread still reads the terminal.
            runtime.shutdown_background();
            finish(result)
        }
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
