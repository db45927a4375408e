//! What would this way to roll out have done? Rollout policies compared in random worlds, or on a recorded trace.
//!
//! ```sh
//! cargo run --release --example gate_lab
//! cargo run --release --example gate_lab -- --fault 0.3 --runs 1000 --report lab.html
//! cargo run --example gate_lab -- --trace tuesday.jsonl
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::finish;
use petswipe_examples::lab::{Flags, run};

fn main() -> ExitCode {
    finish(run(&Flags::parse()))
}
