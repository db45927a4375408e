//! A blue-green deployment: the new version is started at full size on the idle side, tested through test traffic,
//! approved, switched to at once, and watched.
//!
//! ```sh
//! cargo run --example blue_green -- --auto-promote=true
//! ```

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use petswipe_deploy::{ApprovalPlan, ApprovalPoint, Plan};
use petswipe_examples::cli::{
    Common, EXIT_CODES, journal_help, milliseconds, percent, seconds, some_seconds, truth,
};
use petswipe_examples::rollout::{Job, at_pace, policies};
use petswipe_examples::{Exit, finish};

/// Deploy to the idle side, test it, switch all at once
#[derive(Parser)]
#[command(after_help = EXIT_CODES, mut_arg("journal", |flag| flag.help(journal_help("blue_green"))))]
struct Flags {
    /// Seconds between two looks for healthy tasks [default: 1 locally, 10 on AWS]
    #[arg(long, env = "HEALTH_CHECK_INTERVAL", value_name = "SECONDS", value_parser = some_seconds)]
    health_check_interval: Option<Duration>,
    /// Seconds within which the tasks must be healthy [default: 20 locally, 300 on AWS]
    #[arg(long, env = "HEALTH_CHECK_TIMEOUT", value_name = "SECONDS", value_parser = some_seconds)]
    health_check_timeout: Option<Duration>,
    /// Seconds of requests to the new side before it takes production traffic; 0 for none [default: 5 locally, 60 on AWS]
    #[arg(long, env = "SMOKE_TEST_DURATION", value_name = "SECONDS", value_parser = seconds)]
    smoke_test_duration: Option<Duration>,
    /// Seconds the new version is judged after the switch [default: 10 locally, 60 on AWS]
    #[arg(long, env = "BAKE_DURATION", value_name = "SECONDS", value_parser = seconds)]
    bake: Option<Duration>,
    /// Seconds the old side is kept at full size after that, for a quick way back [default: 2 locally, 60 on AWS]
    #[arg(long, env = "SCALE_DOWN_DELAY", value_name = "SECONDS", value_parser = seconds)]
    scale_down_delay: Option<Duration>,
    /// The most failed requests, in percent
    #[arg(long, env = "ERROR_THRESHOLD", default_value = "5", value_parser = percent)]
    error_threshold: f64,
    /// The most that 99 % of the requests may take, in milliseconds
    #[arg(long, env = "LATENCY_THRESHOLD", default_value = "1000", value_parser = milliseconds)]
    latency_threshold: u64,
    /// Switch without asking
    #[arg(long, env = "AUTO_PROMOTE", num_args = 0..=1, default_value = "false", default_missing_value = "true",
        value_parser = truth)]
    auto_promote: bool,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    petswipe_local::run_task_if_asked();
    let flags = Flags::parse();
    let job = Job {
        name: "blue_green",
        plan: |common: &Common, environments, target| {
            let mut plan = Plan::blue_green(&common.service(), environments, target);
            at_pace(common, &mut plan);
            plan.capacity.poll = common.time(flags.health_check_interval.or(common.poll), 1, 10);
            plan.capacity.deadline = common.time(flags.health_check_timeout, 20, 300);
            for stage in &mut plan.stages {
                stage.duration = common.time(None, 5, 60);
            }
            plan.bake = common.time(flags.bake, 10, 60);
            plan.scale_down_delay = common.time(flags.scale_down_delay, 2, 60);
            let tested = common.time(flags.smoke_test_duration, 5, 60);
            plan.policies =
                policies(common, plan.strategy, flags.error_threshold, flags.latency_threshold);
            match &mut plan.smoke {
                Some(smoke) if !tested.is_zero() => {
                    smoke.duration = tested;
                    smoke.interval = common.time(None, 1, 2);
                }
                smoke => *smoke = None,
            }
            plan.approval = (!flags.auto_promote).then_some(ApprovalPlan {
                before: ApprovalPoint::FirstTraffic,
                within: common.approval_timeout,
            });
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
