//! A local cloud that outlives the tools that use it: processes behind a real load balancer, on loopback.
//!
//! ```sh
//! cargo run --example local_cloud
//! export PETSWIPE_CLOUD=http://…      # as it prints it
//! cargo run --example canary
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use petswipe_deploy::Image;
use petswipe_examples::cli::tasks;
use petswipe_examples::{DONE, Exit, finish, notice, print};
use petswipe_local::balancer::BalancerConfig;
use petswipe_local::{Cloud, CloudConfig, Fault};

/// How long is waited for a first version that shall have a fault.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keep a small cloud running on loopback until Ctrl-C or a call of its shutdown endpoint
#[derive(Parser)]
struct Flags {
    /// The first part of resource names
    #[arg(long, env = "PROJECT", default_value = "petswipe")]
    project: String,
    /// The second part of resource names
    #[arg(long, env = "ENVIRONMENT", default_value = "production")]
    environment: String,
    /// The image that is live at the start
    #[arg(long, default_value = "petswipe:v1")]
    image: String,
    /// How many tasks are live at the start
    #[arg(long, env = "TASKS", default_value = "4", value_parser = tasks)]
    tasks: u32,
    /// The port of the load balancer; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The port of the control API; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// What is wrong with the first version: none, error-rate=0.2, latency=800ms, crash-on-boot, crash-after=10s,
    /// slow-start=5s, or unhealthy. The cloud runs, also where no task of it gets into service
    #[arg(long, default_value = "none")]
    fault: Fault,
    /// Print the addresses as one JSON document
    #[arg(long)]
    json: bool,
}

async fn run(flags: Flags) -> Result<u8, Exit> {
    let mut config = CloudConfig {
        project: flags.project,
        environment: flags.environment,
        image: Image::new(flags.image)?,
        tasks: flags.tasks,
        balancer: BalancerConfig { port: flags.port, ..BalancerConfig::default() },
        control_address: SocketAddr::from((Ipv4Addr::LOCALHOST, flags.control_port)),
        ..CloudConfig::default()
    };
    let mut warning = None;
    let cloud = if flags.fault == Fault::None {
        Cloud::start(config).await?
    } else {
        config.variables.insert(petswipe_local::FAULT_VARIABLE.to_owned(), flags.fault.to_string());
        let cloud = Cloud::launch(config).await?;
        if tokio::time::timeout(PATIENCE, cloud.until_live()).await.is_err() {
            let why = cloud.trouble().map_or(String::new(), |why| format!(" ({why})"));
            warning = Some(format!(
                "its first version is not in service after {PATIENCE:?}, by --fault {}{why}: requests fail until it is",
                flags.fault
            ));
        }
        cloud
    };
    // The one place where the token is printed: whoever started the cloud needs it to give it to a tool.
    let (url, balancer) = (cloud.url().reveal(), format!("http://{}", cloud.balancer_address()));
    if flags.json {
        print(&serde_json::json!({ "cloud": url, "balancer": balancer }).to_string());
    } else {
        print(&format!(
            "load balancer  {balancer}/api/pets?limit=3\n\
             for the tools  export PETSWIPE_CLOUD={url}\n\
             It runs until Ctrl-C."
        ));
    }
    if let Some(warning) = warning {
        notice(&format!("warning: {warning}"));
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(Exit::usage)?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        () = cloud.stop_asked() => {}
    }
    cloud.shutdown().await;
    Ok(DONE)
}

fn main() -> ExitCode {
    petswipe_local::run_task_if_asked();
    let flags = Flags::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => finish(runtime.block_on(run(flags))),
        Err(error) => finish(Err(Exit::usage(error))),
    }
}
