//! Target tracking on moto. It keeps the policies of a target that is deregistered, so that sentence is not tried there.

use std::sync::atomic::{AtomicU64, Ordering};

use petswipe_deploy::aws::AppAutoScaling;
use petswipe_deploy::conformance::tracking::{self, TrackingWorld};
use petswipe_deploy::scaling::TargetTracking;
use petswipe_deploy::{Authority, Environment};
use petswipe_runbook::{Fence, OperationId};

use crate::moto;

struct Tracked {
    scaling: AppAutoScaling,
    environments: [Environment; 2],
    authorities: AtomicU64,
}

fn tracked() -> Tracked {
    let cluster = moto::unique("tracked");
    let name = format!("{cluster}-blue");
    moto::services(&cluster, &[&name]);
    let environments = [name, "shop-red".to_owned()].map(|name| Environment::new(name).unwrap());
    let services = [(environments[0].clone(), environments[0].to_string())].into();
    let scaling = AppAutoScaling::new(&moto::config(), cluster, services).unwrap();
    Tracked { scaling, environments, authorities: AtomicU64::new(1) }
}

impl TrackingWorld for Tracked {
    fn tracking(&self) -> &dyn TargetTracking {
        &self.scaling
    }

    fn environment(&self) -> &Environment {
        &self.environments[0]
    }

    fn unknown_environment(&self) -> &Environment {
        &self.environments[1]
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("operation-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

#[tokio::test]
async fn the_contract_but_for_deregistering() {
    tracking::nothing_configured_is_none(&tracked()).await;
    tracking::registering_sets_only_the_limits(&tracked()).await;
    tracking::a_policy_is_read_back_as_put(&tracked()).await;
    tracking::deleting_what_is_absent_changes_nothing(&tracked()).await;
}
