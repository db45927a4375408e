//! What a scaling operation acts through on an AWS account: every resource by its name and tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use petswipe_deploy::aws::{AppAutoScaling, EcsCompute, EcsServices, ImagePolicy, RdsInstances};
use petswipe_deploy::scaling::ScalePerformer;
use petswipe_runbook::SystemClock;

use super::account::within_budget;
use super::leases;
use crate::Exit;
use crate::scaling::{Manners, Parts};

/// Speaks to the services and databases of the ambient account. Only leases on S3 are asked for.
///
/// # Errors
/// Names that are none, and leases that can't be read.
pub(crate) async fn open(manners: &Manners) -> Result<Parts, Exit> {
    let (config, _) = within_budget(&manners.region).await;
    let cluster = manners.cluster();
    let sides = [manners.side("blue")?, manners.side("green")?];
    let names: BTreeMap<_, _> = sides.map(|side| (side.clone(), side.to_string())).into();
    let own = [("Project", &manners.project), ("Environment", &manners.environment)];
    let services = EcsServices {
        cluster: cluster.clone(),
        services: names.clone(),
        container: None,
        tags: own.map(|(key, value)| (key.to_owned(), value.clone())).into(),
        alarms: Vec::new(),
        images: ImagePolicy::default(),
    };
    let compute = EcsCompute::new(&config, services, Arc::new(SystemClock::default()))?;
    let scaling = Arc::new(AppAutoScaling::new(&config, cluster.clone(), names)?);
    let performer = ScalePerformer::new("AWS")
        .service(Arc::new(compute), scaling.clone())
        .tracking(scaling)
        .databases(Arc::new(RdsInstances::new(&config)));
    let leases = leases::open(&config, &manners.leases).await?;
    let id = format!("{}/{cluster}", manners.region);
    Ok(Parts { id, performer, leases })
}
