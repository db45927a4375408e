//! What a scaling operation acts through on an AWS account: every resource by its name and tags.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use petswipe_deploy::aws::{AppAutoScaling, EcsCompute, EcsServices, ImagePolicy, RdsInstances};
use petswipe_deploy::scaling::ScalePerformer;
use petswipe_runbook::SystemClock;
use petswipe_runbook::lease::FileLeases;

use super::account::within_budget;
use crate::Exit;
use crate::scaling::{Manners, Parts};

/// Speaks to the services and databases of the ambient account. Nothing is called yet.
///
/// # Errors
/// Names that are none.
pub(crate) async fn open(manners: &Manners) -> Result<Parts, Exit> {
    let (config, budget) = within_budget(&manners.region).await;
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
    // It keeps the operations of one machine apart: AWS has no place for a lease that would be there already.
    let leases = FileLeases::open(Path::new(".petswipe").join("leases"));
    let leases = leases.map_err(|error| crate::journal::exit(&error))?;
    let id = format!("{}/{cluster}", manners.region);
    let calls = Arc::new(move || budget.calls());
    Ok(Parts { id, performer, leases: Arc::new(leases), calls })
}
