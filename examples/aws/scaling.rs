//! What a scaling operation acts through on an AWS account: every resource by its name and tags.

use std::sync::Arc;

use petswipe_aws::Policy;
use petswipe_deploy::aws::{
    AppAutoScaling, EcsCompute, EcsServices, ImagePolicy, RdsInstances, scale_database_policy,
    scale_service_policy, scale_tracking_dependencies, scale_tracking_policy,
};
use petswipe_deploy::scaling::ScalePerformer;
use petswipe_runbook::SystemClock;

use super::account::{place_in_any_account, within_budget};
use super::leases;
use crate::Exit;
use crate::scaling::{Manners, Parts, What};

/// Speaks to the services and databases of the ambient account. Only leases on S3 are asked for.
///
/// # Errors
/// Names that are none, and leases that can't be read.
pub(crate) async fn open(manners: &Manners) -> Result<Parts, Exit> {
    let (config, budget) = within_budget(&manners.region).await?;
    let clock = Arc::new(SystemClock::new());
    let services = services(manners)?;
    let (cluster, names) = (services.cluster.clone(), services.services.clone());
    let compute = EcsCompute::new(&config, services, clock.clone())?;
    let scaling = Arc::new(AppAutoScaling::new(&config, cluster.clone(), names)?);
    let performer = ScalePerformer::new("AWS")
        .service(Arc::new(compute), scaling.clone())
        .tracking(scaling)
        .databases(Arc::new(RdsInstances::new(&config)));
    let leases = leases::open(&config, &manners.leases).await?;
    let id = format!("{}/{cluster}", manners.region);
    let calls = Arc::new(move || budget.calls());
    Ok(Parts { id, performer, leases, clock, calls })
}

/// The policy document of whoever scales that.
///
/// # Errors
/// For names that are none.
pub(crate) fn policy(what: &What, manners: &Manners) -> Result<Policy, Exit> {
    let place = place_in_any_account(&manners.region);
    Ok(match what {
        What::Service(_) => scale_service_policy(&place, &services(manners)?),
        What::Database(flags) => scale_database_policy(&place, &flags.instance(manners)),
        What::Tracking(_) => {
            let services = services(manners)?;
            let own = scale_tracking_policy(&place, &services);
            let besides = scale_tracking_dependencies(&place, &services);
            Policy::new(own.statements().iter().cloned().chain(besides))
        }
    })
}

/// Both sides: traffic moves between them, and what scales the one today scales the other tomorrow.
fn services(manners: &Manners) -> Result<EcsServices, Exit> {
    let sides = [manners.side("blue")?, manners.side("green")?];
    let own = [("Project", &manners.project), ("Environment", &manners.environment)];
    Ok(EcsServices {
        cluster: manners.cluster(),
        services: sides.map(|side| (side.clone(), side.to_string())).into(),
        container: None,
        tags: own.map(|(key, value)| (key.to_owned(), value.clone())).into(),
        alarms: Vec::new(),
        images: ImagePolicy::default(),
    })
}
