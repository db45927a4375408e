//! A canary rollout: the new version gets its traffic in stages, each judged, and everything goes back if it is bad.
//!
//! ```sh
//! cargo run --example canary                                 # on a small cloud of its own
//! cargo run --example canary -- --fault error-rate=0.2       # a bad version: rolled back, exit code 1
//! cargo run --example canary -- --dry-run                    # only the plan
//! ```

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use petswipe_deploy::{ApprovalPlan, ApprovalPoint, Plan, Stage};
use petswipe_examples::cli::{
    Common, EXIT_CODES, journal_help, milliseconds, percent, seconds, some_seconds, truth, weight,
};
use petswipe_examples::forecast::ForecastFlags;
use petswipe_examples::rollout::{Job, at_pace, policies};
use petswipe_examples::{Exit, finish};

/// Roll a new version out in stages, each judged
#[derive(Parser)]
#[command(after_help = EXIT_CODES, mut_arg("journal", |flag| flag.help(journal_help("canary"))))]
struct Flags {
    /// The new version's shares of traffic in percent, rising, the last one 100
    #[arg(long, env = "CANARY_STAGES", default_value = "5,10,25,50,100", value_delimiter = ',',
        value_parser = weight)]
    stages: Vec<u8>,
    /// Seconds each stage is judged at least [default: 5 locally, 300 on AWS]
    #[arg(long, env = "STAGE_DURATION", value_name = "SECONDS", value_parser = some_seconds)]
    stage_duration: Option<Duration>,
    /// Let a stage end before its time, though not before so many seconds, once the new version is shown to be good
    #[arg(long, env = "EARLY", value_name = "SECONDS", value_parser = some_seconds)]
    early: Option<Duration>,
    /// The most failed requests, in percent
    #[arg(long, env = "ERROR_THRESHOLD", default_value = "5", value_parser = percent)]
    error_threshold: f64,
    /// The most that 99 % of the requests may take, in milliseconds
    #[arg(long, env = "LATENCY_THRESHOLD", default_value = "1000", value_parser = milliseconds)]
    latency_threshold: u64,
    /// Go to 100 % without asking
    #[arg(long, env = "AUTO_PROMOTE", num_args = 0..=1, default_value = "true", default_missing_value = "true",
        value_parser = truth)]
    auto_promote: bool,
    /// Seconds the new version is judged at 100 % before the old one may go [default: 5 locally, 300 on AWS]
    #[arg(long, env = "BAKE_DURATION", value_name = "SECONDS", value_parser = seconds)]
    bake: Option<Duration>,
    /// Seconds the old side is kept at full size after that, for a quick way back [default: 2 locally, 60 on AWS]
    #[arg(long, env = "SCALE_DOWN_DELAY", value_name = "SECONDS", value_parser = seconds)]
    scale_down_delay: Option<Duration>,
    #[command(flatten)]
    common: Common,
    /// What the stages have to show
    #[command(flatten)]
    forecast: ForecastFlags,
}

fn main() -> ExitCode {
    petswipe_local::run_task_if_asked();
    let flags = Flags::parse();
    let job = Job {
        name: "canary",
        plan: |common: &Common, environments, target| {
            let mut plan = Plan::canary(&common.service(), environments, target);
            at_pace(common, &mut plan);
            let each = common.time(flags.stage_duration, 5, 300);
            plan.stages = Stage::list(&flags.stages, each)?;
            plan.early = flags.early;
            plan.bake = common.time(flags.bake, 5, 300);
            plan.scale_down_delay = common.time(flags.scale_down_delay, 2, 60);
            let limits =
                policies(common, plan.strategy, flags.error_threshold, flags.latency_threshold);
            plan.policies = flags.forecast.suit(limits, &plan.stages);
            plan.approval = (!flags.auto_promote).then_some(ApprovalPlan {
                before: ApprovalPoint::AllTraffic,
                within: common.approval_timeout,
            });
            Ok(plan)
        },
    };
    let each = flags.common.time(flags.stage_duration, 5, 300);
    if let Err(exit) = flags.forecast.check(&flags.common, &flags.stages, each) {
        return finish(Err(exit));
    }
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
