//! Prices as they are now, asked for what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use futures_util::future::FusedFuture;
use futures_util::{FutureExt as _, pin_mut, select_biased};

use super::{Scan, Scanner};
use crate::{PriceSource, Region, explain};

/// With other prices something else may be found, which may need further prices. More often it is not asked.
const ROUNDS: usize = 3;

impl Scanner {
    /// The same, asking a source for the prices that what is found rests on. They go before those of the tables, each with its day;
    /// what the source does not know, or does not say, is as in the tables, and a note says so.
    #[must_use]
    pub fn with_price_source(mut self, source: Arc<dyn PriceSource>) -> Self {
        self.price_source = Some(source);
        self
    }

    pub(super) async fn price<S>(&self, scan: &mut Scan, mut stop: &mut S)
    where
        S: Future<Output = ()> + FusedFuture + Unpin,
    {
        let Some(source) = &self.price_source else { return };
        let mut asked: BTreeSet<(Region, String)> = BTreeSet::new();
        let mut silent: BTreeSet<Region> = BTreeSet::new();
        for _ in 0..ROUNDS {
            let mut wanted: BTreeMap<Region, BTreeSet<String>> = BTreeMap::new();
            for (region, key) in scan.price_keys() {
                let is_new =
                    !silent.contains(&region) && asked.insert((region.clone(), key.clone()));
                if is_new {
                    wanted.entry(region).or_default().insert(key);
                }
            }
            if wanted.is_empty() {
                return;
            }
            for (region, keys) in wanted {
                let answer = source.prices(&region, scan.prices.currency(), &keys).fuse();
                pin_mut!(answer);
                let taken = select_biased! {
                    () = stop => {
                        scan.interrupted = true;
                        let why = "the scan was stopped before they were asked for";
                        scan.notes.push(format!("prices are those of the tables: {why}"));
                        return;
                    }
                    answer = answer => answer.and_then(|quotes| scan.prices.take(&region, quotes)),
                };
                if let Err(error) = taken {
                    let why = explain(&error);
                    scan.notes.push(format!("prices of {region} are those of the tables: {why}"));
                    silent.insert(region.clone());
                }
            }
        }
    }
}

impl Scan {
    /// The prices that what was found rests on, and those that it lacks.
    fn price_keys(&self) -> BTreeSet<(Region, String)> {
        let mut keys = BTreeSet::new();
        self.assess(&mut |assessment| {
            let Some(advice) = assessment.advice else { return };
            let region = &assessment.resource.region;
            let (used, missing) = match advice.saving {
                Ok(saving) => (saving.prices, Vec::new()),
                Err(missing) => (Vec::new(), missing),
            };
            let used = used.into_iter().map(|quote| quote.key);
            keys.extend(used.chain(missing).map(|key| (region.clone(), key)));
        });
        keys
    }
}
