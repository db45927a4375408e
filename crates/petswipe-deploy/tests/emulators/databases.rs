//! Database instances on moto, which changes them at once, takes every class and has lists of classes of its own: what it
//! can't show is shown by the scripted RDS.

use std::sync::atomic::{AtomicU64, Ordering};

use petswipe_deploy::Authority;
use petswipe_deploy::aws::RdsInstances;
use petswipe_deploy::conformance::databases::{self, DatabaseWorld};
use petswipe_deploy::scaling::DatabaseInstances;
use petswipe_runbook::{Clock, Fence, OperationId, SystemClock};

use crate::moto;

struct Stored {
    rds: RdsInstances,
    name: String,
    clock: SystemClock,
    authorities: AtomicU64,
}

fn stored() -> Stored {
    let name = moto::unique("shop-postgres");
    let body = format!(
        "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier={name}&DBInstanceClass=db.t3.medium\
         &Engine=postgres&AllocatedStorage=20&MasterUsername=shop&MasterUserPassword=not-a-secret"
    );
    moto::post("rds", &[("Content-Type", "application/x-www-form-urlencoded")], &body);
    let rds = RdsInstances::new(&moto::config());
    Stored { rds, name, clock: SystemClock::new(), authorities: AtomicU64::new(1) }
}

impl DatabaseWorld for Stored {
    fn databases(&self) -> &dyn DatabaseInstances {
        &self.rds
    }

    fn instance(&self) -> &str {
        &self.name
    }

    fn other_class(&self) -> &str {
        "db.t3.large"
    }

    fn impossible_class(&self) -> Option<&str> {
        None
    }

    fn takes_time(&self) -> bool {
        false
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("operation-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

#[tokio::test]
async fn the_class_becomes_what_was_asked() {
    databases::an_unknown_instance_is_not_found(&stored()).await;
    databases::the_class_becomes_what_was_asked(&stored()).await;
}
