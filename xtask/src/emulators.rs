//! Two servers that stand in for AWS: installed once, started for a test run, gone with it.
//!
//! `install.rs` makes the Python environment they live in, `server.rs` starts and ends one of them. What they are good
//! for, and where they differ from AWS, is in docs/aws-fidelity.md.

use std::process::{Command, Stdio};

mod install;
mod server;

use server::{Kind, Server};

use crate::servers::Servers;

/// moto: Elastic Load Balancing, Application Auto Scaling, EC2, RDS, logs.
const MOTO: Kind = Kind {
    name: "moto",
    variable: "PETSWIPE_MOTO",
    module: "moto.server",
    arguments: |port| ["-H", "127.0.0.1", "-p", port].map(str::to_owned).to_vec(),
    environment: |_| Vec::new(),
    health: "/moto-api/data.json",
};

/// ministack: ECS, CloudWatch, S3. It gets no Docker even where there is one, so it behaves the same everywhere.
const MINISTACK: Kind = Kind {
    name: "ministack",
    variable: "PETSWIPE_MINISTACK",
    module: "ministack",
    arguments: |_| Vec::new(),
    environment: |port| {
        vec![
            ("BIND_HOST", "127.0.0.1".to_owned()),
            ("GATEWAY_PORT", port.to_owned()),
            ("DOCKER_HOST", "unix:///nonexistent/docker.sock".to_owned()),
            ("IOT_MTLS_ENABLED", "0".to_owned()),
            ("SFTP_ENABLED", "0".to_owned()),
        ]
    },
    health: "/_ministack/health",
};

/// Both servers, running. They end when this is dropped, and also when this process is killed.
pub(crate) struct Emulators {
    servers: [Server; 2],
    /// The interpreter of their environment, in which boto3 is, a client of AWS that is none of ours.
    python: String,
}

impl Emulators {
    /// Installs them if they are not there yet, starts them, and waits until they answer.
    pub(crate) fn start() -> Result<Emulators, String> {
        let python = install::environment()?;
        let moto = Server::start(&python, &MOTO)?;
        let ministack = Server::start(&python, &MINISTACK)?;
        Ok(Emulators { servers: [moto, ministack], python: python.display().to_string() })
    }

    /// What tells the tests where they are.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let servers = self.servers.iter().map(|server| (server.variable(), server.url()));
        servers.chain([("PETSWIPE_PYTHON", self.python.as_str())])
    }
}

/// Starts both and runs a command with their addresses, or keeps them until this program is ended.
pub(crate) fn run(command: &[String]) -> Result<bool, String> {
    let servers = Servers::find()?;
    let emulators = Emulators::start()?;
    let variables: Vec<_> = emulators.variables().chain(servers.variables()).collect();
    for (name, value) in &variables {
        println!("export {name}={value}");
    }
    let Some((program, arguments)) = command.split_first() else {
        println!("# they run until Ctrl-C");
        loop {
            std::thread::park();
        }
    };
    let status = Command::new(program)
        .args(arguments)
        .envs(variables)
        .stdin(Stdio::inherit())
        .status()
        .map_err(|error| format!("{program} did not start: {error}"))?;
    Ok(status.success())
}
