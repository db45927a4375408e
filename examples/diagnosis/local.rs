//! A running local cloud as the source of everything but a database.

use std::sync::Arc;

use petswipe_local::LocalClient;
use petswipe_monitor::diagnosis::{LocalCommands, Sources};

use super::rollout::{self, Rollouts};
use super::{Flags, Place};
use crate::Exit;
use crate::cli::CloudText;
use crate::leases::Leases;
use crate::slo::Service;

/// The sources of the cloud that was named. Without one there is only a database to look at, if one was named.
pub(super) fn open(flags: &Flags) -> Result<Place, Exit> {
    let url = flags.cloud.as_ref().map_or(Ok(None), CloudText::url)?;
    if url.is_none() && flags.database_url.is_none() {
        return Err(Exit::usage(
            "--cloud is missing; allowed: a running local cloud, as `cargo run --example local_cloud` prints it, or \
             --database-url alone, or --backend aws",
        ));
    }
    let commands = Box::new(LocalCommands::new(flags.project.as_str(), flags.environment.as_str()));
    let Some(url) = url else {
        let sources = Sources::default();
        return Ok(Place { sources, environments: Vec::new(), commands, rollouts: None });
    };
    let client = Arc::new(LocalClient::new(url).with_timeout(flags.deadline));
    let sides = Service::new(&flags.project, &flags.environment).sides();
    let environments = sides.map(|side| side.environment);
    let sources = Sources {
        metrics: Some(client.clone()),
        logs: Some(client.clone()),
        targets: Some(client.clone()),
        services: Some(client.clone()),
        scaling: Some(client.clone()),
        ..Sources::default()
    };
    let rollouts = Rollouts {
        router: client.clone(),
        leases: Ok(Leases::near(client.clone())),
        place: rollout::Place::Local(client),
    };
    let rollouts = Some(Ok(rollouts));
    Ok(Place { sources, environments: environments.to_vec(), commands, rollouts })
}
