//! The suite over the implementation in memory and the pointers to it, and what it would find in another.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::SpendWorld;
use crate::memory::MemorySpend;
use crate::{
    Anomaly, Commitment, Commitments, Currency, Error, Rightsizing, Spend, SpendSource, Tags,
    Window,
};

/// A source in memory, and how the suite reaches it.
struct World<T: SpendSource> {
    memory: Arc<MemorySpend>,
    source: T,
}

impl<T: SpendSource> World<T> {
    fn new(wrap: impl FnOnce(Arc<MemorySpend>) -> T) -> Self {
        let memory = Arc::new(MemorySpend::new(Currency::USD));
        Self { source: wrap(memory.clone()), memory }
    }
}

impl<T: SpendSource> SpendWorld for World<T> {
    fn source(&self) -> &dyn SpendSource {
        &self.source
    }

    fn charge(&self, day: Date, service: &str, tags: &Tags, amount: Decimal) {
        self.memory.charge(day, service, tags.clone(), amount);
    }

    fn commit(&self, commitment: &Commitment) {
        self.memory.commit(commitment.clone());
    }

    fn report(&self, anomaly: &Anomaly) {
        self.memory.report(anomaly.clone());
    }

    fn recommend(&self, rightsizing: &Rightsizing) {
        self.memory.recommend(rightsizing.clone());
    }
}

crate::spend_source_conformance!(memory_through_an_arc, World::new(|memory| memory));
crate::spend_source_conformance!(
    memory_through_a_box,
    World::new(|memory| { Box::new(memory) as Box<dyn SpendSource> })
);

/// A source that makes one mistake.
struct Wrong {
    memory: Arc<MemorySpend>,
    mistake: Mistake,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    /// The last day of the window is part of it no more.
    DropsTheLastDay,
    /// Days of which nothing is known are not there.
    DropsEmptyDays,
    /// What has no tag is not counted.
    DropsUntagged,
    /// What has no tag is under an empty value.
    EmptyTag,
    /// Only the last month of commitments is read.
    OneMonth,
    /// Anomalies are those that begin in the window.
    OnlyBeginnings,
    /// Each page is read twice.
    Twice,
}

#[async_trait]
impl SpendSource for Wrong {
    async fn costs<'a>(&self, window: Window, by_tag: Option<&'a str>) -> Result<Spend, Error> {
        let spend = self.memory.costs(window, by_tag).await?;
        let lines: Vec<_> = spend.lines().collect();
        let is_untagged = |tag: &Option<String>| by_tag.is_some() && tag.is_none();
        Ok(match self.mistake {
            Mistake::DropsTheLastDay => spend.until(spend.to().yesterday().unwrap()),
            Mistake::DropsEmptyDays => Spend::of(Currency::USD, lines).by_key(by_tag),
            Mistake::DropsUntagged | Mistake::EmptyTag => {
                let mut changed =
                    Spend::new(Currency::USD, spend.from(), spend.to()).by_key(by_tag);
                for line in lines {
                    match (is_untagged(&line.tag), self.mistake) {
                        (true, Mistake::DropsUntagged) => {}
                        (true, _) => changed.add(line.tagged(""))?,
                        (false, _) => changed.add(line)?,
                    }
                }
                changed
            }
            _ => spend,
        })
    }

    async fn commitments(&self, window: Window) -> Result<Commitments, Error> {
        let mut found = self.memory.commitments(window).await?;
        if self.mistake == Mistake::OneMonth {
            found.window.from =
                found.window.from.max(Window::of_days(date(2026, 10, 5), date(2026, 10, 6)).from);
        }
        Ok(found)
    }

    async fn anomalies(&self, window: Window) -> Result<Vec<Anomaly>, Error> {
        let mut found = self.memory.anomalies(window).await?;
        if self.mistake == Mistake::OnlyBeginnings {
            found.retain(|anomaly| anomaly.from >= window.days().unwrap().0);
        }
        Ok(found)
    }

    async fn rightsizing(&self) -> Result<Vec<Rightsizing>, Error> {
        let mut found = self.memory.rightsizing().await?;
        if self.mistake == Mistake::Twice {
            found.extend(found.clone());
        }
        Ok(found)
    }
}

#[test]
fn each_mistake_is_found() {
    macro_rules! finds {
        ($mistake:ident, $sentence:ident) => {{
            let failed = std::thread::spawn(|| {
                let world = World::new(|memory| Wrong { memory, mistake: Mistake::$mistake });
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(super::spend::$sentence(&world));
            });
            assert!(failed.join().is_err(), "{:?} is not found", Mistake::$mistake);
        }};
    }
    finds!(DropsTheLastDay, costs_are_of_the_days_asked);
    finds!(DropsEmptyDays, a_day_without_costs_is_a_day);
    finds!(DropsUntagged, costs_by_tag_add_up_to_the_costs);
    finds!(EmptyTag, what_lacks_the_tag_is_untagged);
    finds!(OneMonth, commitments_cover_the_window_asked);
    finds!(OnlyBeginnings, anomalies_touch_the_window_asked);
    finds!(Twice, each_instance_is_sized_once);
}
