//! What is left of the error budget? Objectives from an OpenSLO file, as they stand, as rules and as alarms.
//!
//! ```sh
//! cargo run --example slo -- --file examples/slo/petswipe.yaml --rules rules.yaml
//! cargo run --example slo -- --file examples/slo/petswipe.yaml --cloud http://…      # as local_cloud prints it
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::slo::{Flags, run};
use petswipe_examples::{Exit, finish};

fn main() -> ExitCode {
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(&flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
