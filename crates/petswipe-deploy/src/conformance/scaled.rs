//! The suites of scaling operations over what there is in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Fence, OperationId};

use super::databases::DatabaseWorld;
use super::tests::Jumping;
use super::tracking::TrackingWorld;
use crate::scaling::memory::{MemoryDatabases, MemoryTracking};
use crate::scaling::{DatabaseInstance, DatabaseInstances, TargetTracking};
use crate::{Authority, Environment};

fn next(authorities: &AtomicU64) -> Authority {
    let number = authorities.fetch_add(1, Ordering::Relaxed);
    let operation = OperationId::new(format!("conformance-{number}")).unwrap();
    Authority { operation, fence: Fence(number) }
}

struct Tracked {
    tracking: MemoryTracking,
    environments: [Environment; 2],
    authorities: AtomicU64,
}

fn tracked() -> Tracked {
    let environments = ["shop-blue", "shop-red"].map(|name| Environment::new(name).unwrap());
    let tracking = MemoryTracking::new([environments[0].clone()]);
    Tracked { tracking, environments, authorities: AtomicU64::new(1) }
}

impl TrackingWorld for Tracked {
    fn tracking(&self) -> &dyn TargetTracking {
        &self.tracking
    }

    fn environment(&self) -> &Environment {
        &self.environments[0]
    }

    fn unknown_environment(&self) -> &Environment {
        &self.environments[1]
    }

    fn authority(&self) -> Authority {
        next(&self.authorities)
    }
}

struct Stored {
    databases: MemoryDatabases,
    clock: Jumping,
    authorities: AtomicU64,
}

fn stored() -> Stored {
    let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
    let databases = MemoryDatabases::new(clock.clone(), ["db.t3.medium", "db.t3.large"]);
    databases.add(DatabaseInstance {
        name: "shop-postgres".to_owned(),
        class: "db.t3.medium".to_owned(),
        status: DatabaseInstance::AVAILABLE.to_owned(),
        pending_class: None,
        pending: Vec::new(),
        multi_az: false,
        engine: "postgres 16.3".to_owned(),
    });
    Stored { databases, clock: Jumping(clock), authorities: AtomicU64::new(1) }
}

impl DatabaseWorld for Stored {
    fn databases(&self) -> &dyn DatabaseInstances {
        &self.databases
    }

    fn instance(&self) -> &str {
        "shop-postgres"
    }

    fn other_class(&self) -> &str {
        "db.t3.large"
    }

    fn impossible_class(&self) -> Option<&str> {
        Some("db.t3.giant")
    }

    fn takes_time(&self) -> bool {
        true
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn authority(&self) -> Authority {
        next(&self.authorities)
    }
}

crate::tracking_conformance!(tracking_in_memory, tracked());
crate::database_conformance!(databases_in_memory, stored());
