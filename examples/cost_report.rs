//! Where does the money of an account go, and what of it is waste? A demo account with planted waste, or an AWS account.
//!
//! ```sh
//! cargo run --example cost_report                                     # a demo account, no AWS needed
//! cargo run --example cost_report -- --report report.html --by-tag team
//! cargo run --example cost_report -- --explain vol-0abc
//! cargo run --features exports --example cost_report -- --export exports/ --by-tag team   # FOCUS 1.x or CUR 2.0, CSV or Parquet
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::cost::{Flags, run};
use petswipe_examples::{Exit, finish};

fn main() -> ExitCode {
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(&flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
