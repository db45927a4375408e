//! The minimal stack that the rollouts need, in an AWS account: cluster, services, load balancer, scaling, alarms.
//!
//! ```sh
//! cargo run --features aws --example stack -- --dry-run …    # only what is missing
//! cargo run --features aws --example stack -- …              # creates what is missing, changes nothing that is there
//! cargo run --features aws --example stack -- --destroy      # deletes what carries the stack's tags
//! ```

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use petswipe_examples::aws::Account;
use petswipe_examples::aws::stack::{Names, Run, Settings, create, destroy, policy};
use petswipe_examples::cli::{some_seconds, stack_tasks, truth};
use petswipe_examples::{DONE, Exit, finish, notice, print, until_stopped};

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 done as asked (also when nothing had to be done), 2 bad usage or something in the \
                          way and nothing was touched, 3 stopped half-way (the message says what was done; the same \
                          command again goes on)";

/// Create the minimal stack that the rollouts need, or delete it again
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Flags {
    /// The AWS region
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// The first part of resource names
    #[arg(long, env = "PROJECT", default_value = "petswipe")]
    project: String,
    /// The second part of resource names
    #[arg(long, env = "ENVIRONMENT", default_value = "production")]
    environment: String,
    /// The image of the first version, with its registry and tag
    #[arg(long, env = "IMAGE_TAG", required_unless_present_any = ["destroy", "iam_policy"])]
    image: Option<String>,
    /// The name of the container that runs it
    #[arg(long, env = "CONTAINER", default_value = "app")]
    container: String,
    /// Tasks on the live side
    #[arg(long, env = "TASKS", default_value = "2", value_parser = stack_tasks)]
    tasks: i32,
    /// A subnet of the tasks and the load balancer; two or more, each in another availability zone
    #[arg(
        long = "subnet",
        env = "SUBNETS",
        value_name = "SUBNET",
        value_delimiter = ',',
        required_unless_present_any = ["destroy", "iam_policy"]
    )]
    subnets: Vec<String>,
    /// A security group of both: it lets port 80 (or 443) in from users, and 8080 from itself
    #[arg(
        long = "security-group",
        env = "SECURITY_GROUPS",
        value_name = "GROUP",
        value_delimiter = ',',
        required_unless_present_any = ["destroy", "iam_policy"]
    )]
    security_groups: Vec<String>,
    /// The network of all that
    #[arg(long, env = "VPC", required_unless_present_any = ["destroy", "iam_policy"])]
    vpc: Option<String>,
    /// The role with which ECS pulls the image and writes logs; it may create the log group
    #[arg(long, env = "EXECUTION_ROLE", value_name = "ARN", required_unless_present_any = ["destroy", "iam_policy"])]
    execution_role: Option<String>,
    /// The role of the program in the container
    #[arg(long, env = "TASK_ROLE", value_name = "ARN")]
    task_role: Option<String>,
    /// The certificate of an HTTPS listener on port 443 [default: HTTP on port 80]
    #[arg(long, env = "CERTIFICATE", value_name = "ARN")]
    certificate: Option<String>,
    /// What a healthy task answers with 200
    #[arg(long, env = "HEALTH_PATH", default_value = "/health", value_name = "PATH")]
    health_path: String,
    /// Give tasks public addresses: in public subnets there is no other way to the image
    #[arg(long, env = "PUBLIC_IP", num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", value_parser = truth)]
    public_ip: bool,
    /// How long something may take to come or to go, in seconds
    #[arg(long, env = "PATIENCE", default_value = "600", value_name = "SECONDS", value_parser = some_seconds)]
    patience: Duration,
    /// Print what would be done and change nothing
    #[arg(long, alias = "plan", env = "DRY_RUN", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", value_parser = truth)]
    dry_run: bool,
    /// Delete everything that carries the stack's tags, and nothing else
    #[arg(long)]
    destroy: bool,
    /// Print the IAM policy document of whoever creates and destroys it, and call nothing
    #[arg(long)]
    iam_policy: bool,
    /// Print the result as one JSON document on stdout, and nothing else there
    #[arg(long)]
    json: bool,
    /// No progress
    #[arg(long, short)]
    quiet: bool,
}

impl Flags {
    /// The roles of the tasks, as far as they are named.
    fn roles(&self) -> Vec<String> {
        let named = [&self.execution_role, &self.task_role].into_iter().flatten();
        named.filter(|arn| !arn.is_empty()).cloned().collect()
    }

    fn settings(&self) -> Result<Settings, Exit> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let settings = Settings {
            region: self.region.clone(),
            image: text(&self.image),
            container: self.container.clone(),
            tasks: self.tasks,
            subnets: self.subnets.clone(),
            security_groups: self.security_groups.clone(),
            vpc: text(&self.vpc),
            execution_role: text(&self.execution_role),
            task_role: given(&self.task_role),
            certificate: given(&self.certificate),
            health_path: self.health_path.clone(),
            public_ip: self.public_ip,
        };
        settings.validate()?;
        Ok(settings)
    }
}

async fn run(flags: &Flags) -> Result<u8, Exit> {
    let names = Names::new(&flags.project, &flags.environment)?;
    if flags.iam_policy {
        print(&policy(&flags.region, &names, &flags.roles())?.to_string());
        return Ok(DONE);
    }
    let settings = if flags.destroy { None } else { Some(flags.settings()?) };
    let stop = until_stopped("the same command again goes on")?;
    let account = Account::open(&flags.region).await?;
    let progress = |line: &str| {
        if !flags.quiet {
            notice(line);
        }
    };
    let (dry_run, patience) = (flags.dry_run, flags.patience);
    let run = Run {
        account: &account,
        names: &names,
        dry_run,
        patience,
        stop: &stop,
        progress: &progress,
    };
    let report = match &settings {
        Some(settings) => create(&run, settings).await,
        None => destroy(&run).await,
    };
    if flags.json {
        print(&serde_json::to_string_pretty(&report).map_err(Exit::usage)?);
    } else if report.code() == 0 {
        print(&report.text());
    }
    match report.reason.clone() {
        Some(message) => Err(Exit { code: report.code(), message }),
        None => Ok(report.code()),
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(&flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
