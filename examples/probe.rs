//! Is the service well, as its users see it? Health, user flows and how fast both are, every five minutes.
//!
//! ```sh
//! cargo run --example probe                                  # against a small cloud of its own, once
//! cargo run --example probe -- --url http://127.0.0.1:8080 --checks checks.json --runs 12
//! cargo run --example probe -- --url https://shop.example.com --forever --metrics-file probe.prom
//! cargo run --example probe -- --url https://shop.example.com --baseline-file shop.json --report probe.html
//! cargo run --features aws --example probe -- --synthetics shop,cart     # what CloudWatch Synthetics found
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::probing::{Flags, run};
use petswipe_examples::{Exit, finish};

fn main() -> ExitCode {
    petswipe_local::run_task_if_asked();
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(&flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
