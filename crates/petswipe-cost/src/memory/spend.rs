//! Costs in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::{
    Anomaly, Commitment, Commitments, Currency, Error, Line, Rightsizing, Spend, SpendSource, Tags,
    Window,
};

/// A source of spend that knows what was put in.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use jiff::civil::date;
/// use petswipe_cost::{Currency, SpendSource, Tags, Window, memory::MemorySpend};
/// let source = MemorySpend::new(Currency::USD);
/// let tags = Tags::from([("team".to_owned(), "shop".to_owned())]);
/// source.charge(date(2026, 11, 3), "AmazonEC2", tags, "12.5".parse().unwrap());
/// let november = Window::of_days(date(2026, 11, 1), date(2026, 12, 1));
/// let spend = source.costs(november, Some("team")).await?;
/// assert_eq!(spend.by_tag().of(&Some("shop")).to_string(), "12.5");
/// assert_eq!(spend.days(), 30);
/// # Ok::<(), petswipe_cost::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct MemorySpend {
    currency: Currency,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    charges: Vec<(Date, String, Tags, Decimal)>,
    commitments: Vec<Commitment>,
    anomalies: Vec<Anomaly>,
    rightsizing: Vec<Rightsizing>,
}

impl MemorySpend {
    /// In which nothing was spent yet.
    pub fn new(currency: Currency) -> Self {
        Self { currency, held: Mutex::default() }
    }

    /// Puts in a cost of a resource with these tags.
    pub fn charge(&self, day: Date, service: &str, tags: Tags, amount: Decimal) {
        self.held().charges.push((day, service.to_owned(), tags, amount));
    }

    /// Puts in what a kind of commitment comes to, in every window. It replaces what was said of that kind.
    pub fn commit(&self, commitment: Commitment) {
        let mut held = self.held();
        held.commitments.retain(|known| known.kind != commitment.kind);
        held.commitments.push(commitment);
    }

    /// Puts in an anomaly. It replaces one of the same id.
    pub fn report(&self, anomaly: Anomaly) {
        let mut held = self.held();
        held.anomalies.retain(|known| known.id != anomaly.id);
        held.anomalies.push(anomaly);
    }

    /// Puts in a recommendation. It replaces one for the same instance.
    pub fn recommend(&self, rightsizing: Rightsizing) {
        let mut held = self.held();
        held.rightsizing.retain(|known| known.instance != rightsizing.instance);
        held.rightsizing.push(rightsizing);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SpendSource for MemorySpend {
    async fn costs<'a>(&self, window: Window, by_tag: Option<&'a str>) -> Result<Spend, Error> {
        let (from, to) = window.days()?;
        let mut spend = Spend::new(self.currency, from, to).by_key(by_tag);
        for (day, service, tags, amount) in &self.held().charges {
            if (from..to).contains(day) {
                let tag = by_tag.and_then(|key| tags.get(key)).cloned();
                let line = Line { day: *day, service: service.clone(), tag, amount: *amount };
                spend.add(line)?;
            }
        }
        Ok(spend)
    }

    async fn commitments(&self, window: Window) -> Result<Commitments, Error> {
        window.days()?;
        Ok(Commitments { window, kinds: self.held().commitments.clone() })
    }

    async fn anomalies(&self, window: Window) -> Result<Vec<Anomaly>, Error> {
        let (from, to) = window.days()?;
        let mut found = self.held().anomalies.clone();
        found.retain(|anomaly| anomaly.touches(from, to));
        found.sort_by_key(|anomaly| std::cmp::Reverse(anomaly.from));
        Ok(found)
    }

    async fn rightsizing(&self) -> Result<Vec<Rightsizing>, Error> {
        let mut found = self.held().rightsizing.clone();
        found.sort_by_key(|rightsizing| std::cmp::Reverse(rightsizing.monthly_saving));
        Ok(found)
    }
}
