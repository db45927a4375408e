//! Alarms and dashboards as code: the difference first, then the changes, and nothing that somebody else owns.
//!
//! ```sh
//! cargo run --example watch -- --grafana provisioning/dashboards      # the dashboards of Grafana, as files
//! cargo run --example watch -- --out watch …                          # everything as JSON, without any cloud
//! cargo run --features aws --example watch -- --backend aws --dry-run …
//! cargo run --features aws --example watch -- --backend aws --destroy # deletes what carries our tags
//! ```

use std::process::ExitCode;

use clap::Parser;
use petswipe_examples::watch::{Flags, run};
use petswipe_examples::{Exit, finish};

fn main() -> ExitCode {
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(&flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
