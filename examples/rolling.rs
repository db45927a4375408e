//! A rolling update: the platform replaces the tasks of the live side one by one, watched, and goes back by itself or
//! because the gate says so.
//!
//! ```sh
//! cargo run --example rolling
//! ```

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use petswipe_deploy::{Plan, Strategy};
use petswipe_examples::cli::{
    Common, EXIT_CODES, journal_help, milliseconds, percent, seconds, whole_percent,
};
use petswipe_examples::rollout::{Job, at_pace, policies};
use petswipe_examples::{Exit, finish};

/// Replace the tasks of the live side one by one, watched
#[derive(Parser)]
#[command(after_help = EXIT_CODES, mut_arg("journal", |flag| flag.help(journal_help("rolling"))))]
struct Flags {
    /// How many more tasks than desired may run meanwhile, in percent of desired
    #[arg(long, env = "MAX_SURGE", default_value = "100", value_parser = whole_percent)]
    max_surge: u32,
    /// How many tasks stay healthy meanwhile, in percent of desired
    #[arg(long, env = "MIN_HEALTHY", default_value = "100", value_parser = whole_percent)]
    min_healthy: u32,
    /// Seconds the new version is judged when all tasks are replaced [default: 5 locally, 60 on AWS]
    #[arg(long, env = "BAKE_DURATION", value_name = "SECONDS", value_parser = seconds)]
    bake: Option<Duration>,
    /// The most failed requests, in percent
    #[arg(long, env = "ERROR_THRESHOLD", default_value = "5", value_parser = percent)]
    error_threshold: f64,
    /// The most that 99 % of the requests may take, in milliseconds
    #[arg(long, env = "LATENCY_THRESHOLD", default_value = "1000", value_parser = milliseconds)]
    latency_threshold: u64,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    petswipe_local::run_task_if_asked();
    let flags = Flags::parse();
    let job = Job {
        name: "rolling",
        plan: |common: &Common, environments, target| {
            let mut plan = Plan::rolling(&common.service(), environments, target);
            at_pace(common, &mut plan);
            plan.scale_down_delay = Duration::ZERO;
            plan.strategy = Strategy::Rolling {
                minimum_healthy_percent: flags.min_healthy,
                maximum_percent: flags.max_surge + 100,
            };
            plan.bake = common.time(flags.bake, 5, 60);
            plan.policies =
                policies(common, plan.strategy, flags.error_threshold, flags.latency_threshold);
            Ok(plan)
        },
    };
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let result = runtime.block_on(job.run(&flags.common));
            // A question that nobody will answer any more must not keep the program: its thread still reads the terminal.
            runtime.shutdown_background();
            finish(result)
        }
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
