//! The suites over what is in memory, and over what points to it.

use std::sync::Arc;

use super::account::AccountWorld;
use crate::demo::Demo;
use crate::memory::MemoryAccount;
use crate::{
    Inventory, InventorySource, Measure, Metric, Period, Region, Series, Statistic, Usage,
    UsageSource, Window,
};

struct World<P> {
    source: P,
    contents: Inventory,
    measured: (Measure, f64, Window),
}

fn world<P>(wrap: impl FnOnce(MemoryAccount) -> P) -> World<P> {
    let now = "2026-11-28T12:00:00Z".parse().unwrap();
    let Demo { account, regions, .. } = Demo::new(400, 11, now).unwrap();
    let window = Window::days_before(now, 5);
    let measure =
        Measure::daily(&regions[0], "i-measured", Metric::InstanceCpu, Statistic::Maximum);
    let series = Series::of(window, Period::Day, [1.0, 2.0, 3.0, 4.0, 7.5]);
    let usage: Usage = [(measure.clone(), series)].into_iter().collect();
    let contents = account.inventory().clone();
    World { source: wrap(account.with_usage(usage)), contents, measured: (measure, 7.5, window) }
}

impl<P: InventorySource + UsageSource> AccountWorld for World<P> {
    fn inventory(&self) -> &dyn InventorySource {
        &self.source
    }

    fn usage(&self) -> &dyn UsageSource {
        &self.source
    }

    fn contents(&self) -> &Inventory {
        &self.contents
    }

    fn disabled(&self) -> Region {
        Region::new("ap-east-1").unwrap()
    }

    fn measured(&self) -> (Measure, f64, Window) {
        self.measured.clone()
    }
}

crate::account_conformance!(in_memory, world(|account| account));
crate::account_conformance!(behind_an_arc, world(Arc::new));
crate::account_conformance!(behind_a_box, world(Box::new));

#[cfg(feature = "removal")]
mod removing {
    use super::*;
    use crate::conformance::removal::RemovalWorld;
    use crate::inventory::{Volume, VolumeState};
    use crate::removal::Remover;

    struct Removing<P>(P, Arc<MemoryAccount>);

    fn removing<P>(wrap: impl FnOnce(Arc<MemoryAccount>) -> P) -> Removing<P> {
        let account = Arc::new(MemoryAccount::example());
        account.change(|inventory| {
            let unused = inventory.volumes[0].clone();
            let (id, state) = ("vol-attached".to_owned(), VolumeState::InUse);
            inventory.volumes.push(Volume { id, state, ..unused });
        });
        Removing(wrap(account.clone()), account)
    }

    impl<P: Remover> RemovalWorld for Removing<P> {
        fn remover(&self) -> &dyn Remover {
            &self.0
        }

        fn region(&self) -> Region {
            Region::new("us-east-1").unwrap()
        }

        fn unused(&self) -> String {
            "vol-unused".to_owned()
        }

        fn attached(&self) -> String {
            "vol-attached".to_owned()
        }

        async fn contents(&self) -> Inventory {
            self.1.inventory()
        }
    }

    crate::removal_conformance!(behind_an_arc, removing(|account| account));
    crate::removal_conformance!(behind_a_box, removing(Box::new));
}
