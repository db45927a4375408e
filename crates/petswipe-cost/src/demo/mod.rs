//! An account of any size with waste that was planted in it, and the true answer: so that a report can be tried without AWS, and
//! what analyzers find can be held against what there is.

mod compute;
mod data;
mod network;
mod spend;
mod storage;

use std::collections::BTreeSet;

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::inventory::{Instance, Inventory};
use crate::memory::MemoryAccount;
use crate::{
    Area, Commitment, CommitmentKind, Commitments, Currency, Error, HOURS_PER_MONTH, Measure,
    Money, Period, Prices, Region, Series, Tags, Usage, Window,
};

/// The tag that keeps what carries it out of a report.
pub const KEEP: &str = "petswipe:keep";

/// The account's number.
const ACCOUNT: &str = "123456789012";

/// How many days of the past are measured.
const DAYS: u16 = 32;

/// An account with planted waste.
///
/// Beside the waste there is what looks like it and is none: a machine that works for an hour a day, a snapshot that only a
/// disabled image needs, a load balancer that is silent because its metrics are missing. For the default thresholds.
///
/// ```
/// use petswipe_cost::demo::Demo;
/// let now = "2026-11-28T12:00:00Z".parse().unwrap();
/// let demo = Demo::new(500, 7, now).unwrap();
/// assert!(demo.account.inventory().len() >= 500);
/// assert!(demo.planted.iter().any(|id| id.starts_with("ebs-unused:us-east-1:vol-")));
/// assert_eq!(Demo::new(500, 7, now).unwrap().planted, demo.planted, "the same seed gives the same account");
/// ```
#[derive(Debug)]
pub struct Demo {
    /// The account.
    pub account: MemoryAccount,
    /// Its regions.
    pub regions: Vec<Region>,
    /// What it pays: in each of its regions what `us-east-1` costs, as that is the only one of which every price is embedded.
    pub prices: Prices,
    /// The ids of the findings that were planted, without those that carry the tag [`KEEP`].
    pub planted: BTreeSet<String>,
    /// The ids of what was planted and carries the tag.
    pub kept: BTreeSet<String>,
    /// The ids of what too little is known of.
    pub unknown: BTreeSet<String>,
    /// The service whose costs jump, and the day of it.
    pub jump: (String, jiff::civil::Date),
}

impl Demo {
    /// An account of about so many resources (at least 100), as it is at `now`; the same seed gives the same account.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than 10,000,000 resources.
    pub fn new(resources: usize, seed: u64, now: Timestamp) -> Result<Self, Error> {
        if resources > 10_000_000 {
            return Err(Error::invalid("resources", resources, "at most 10000000"));
        }
        let regions = ["us-east-1", "us-west-2", "eu-west-1"];
        let regions = regions.map(Region::new).into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut builder = Builder {
            rng: fastrand::Rng::with_seed(seed),
            now,
            regions: regions.clone(),
            inventory: Inventory::default(),
            usage: Usage::default(),
            planted: BTreeSet::new(),
            kept: BTreeSet::new(),
            unknown: BTreeSet::new(),
            next: 0,
        };
        // One of each case first, so that a small account has them all.
        let cases: Vec<Case> = compute::CASES
            .iter()
            .chain(data::CASES)
            .chain(network::CASES)
            .chain(storage::CASES)
            .copied()
            .collect();
        cases.iter().for_each(|case| builder.place(case));
        let weights: u32 = cases.iter().map(|case| case.weight).sum();
        while builder.inventory.len() < resources {
            let mut drawn = builder.rng.u32(..weights);
            let case = cases.iter().find(|case| match drawn.checked_sub(case.weight) {
                Some(left) => {
                    drawn = left;
                    false
                }
                None => true,
            });
            if let Some(case) = case {
                builder.place(case);
            }
        }
        let window = Window::days_before(now, 30);
        for id in ["savings-plans/coverage", "reservations/utilisation"] {
            builder.planted.insert(format!("{}:{}:{id}", Area::COMMITMENTS, Region::global()));
        }
        let is_small = |one: &&Instance| {
            builder.planted.contains(&format!("{}:{}:{}", Area::EC2, one.region, one.id))
        };
        let small = builder.inventory.instances.iter().filter(is_small).take(2);
        let small: Vec<Instance> = small.cloned().collect();
        let account = MemoryAccount::new(ACCOUNT, regions.clone())
            .with_inventory(builder.inventory)
            .with_usage(builder.usage)
            .with_commitments(commitments(window));
        spend::fill(account.spend(), &mut builder.rng, now);
        let Builder { planted, kept, unknown, .. } = builder;
        let mut prices = Prices::none(Currency::USD);
        let north_virginia = Prices::embedded();
        for region in &regions {
            let table = north_virginia.table(&regions[0]);
            table.map_or(Ok(()), |table| prices.overlay(table.elsewhere(region.clone())))?;
        }
        let cost = |instance: Instance| {
            let hour =
                prices.quotes(&instance.region).get(format!("ec2:{}", instance.instance_type));
            let month = hour.unwrap_or_default() * Decimal::from(HOURS_PER_MONTH);
            (instance, Money::rounded(month))
        };
        let small: Vec<_> = small.into_iter().map(cost).collect();
        spend::opinion(account.spend(), ACCOUNT, &small, now);
        let (service, ago) = spend::JUMP;
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let jump = (service.to_owned(), today.saturating_sub(jiff::Span::new().days(ago)));
        Ok(Self { account, regions, prices, planted, kept, unknown, jump })
    }
}

fn commitments(window: Window) -> Commitments {
    let kind = |kind, coverage, on_demand: i64, utilisation, unused: i64| Commitment {
        kind,
        coverage_percent: Some(coverage),
        on_demand: Money::rounded(on_demand.into()),
        utilisation_percent: Some(utilisation),
        unused: Money::rounded(unused.into()),
        currency: Currency::USD,
    };
    let kinds = vec![
        kind(CommitmentKind::SavingsPlans, 41.5, 2140, 97.0, 12),
        kind(CommitmentKind::Reservations, 88.0, 130, 55.0, 310),
    ];
    Commitments { window, kinds }
}

/// A kind of thing to place: how often, and how.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    weight: u32,
    place: fn(&mut Builder, Region, Tags),
}

/// The account while it is made.
pub(crate) struct Builder {
    rng: fastrand::Rng,
    now: Timestamp,
    regions: Vec<Region>,
    inventory: Inventory,
    usage: Usage,
    planted: BTreeSet<String>,
    kept: BTreeSet<String>,
    unknown: BTreeSet<String>,
    next: u32,
}

impl Builder {
    fn place(&mut self, case: &Case) {
        let region = self.regions[self.rng.usize(..self.regions.len())].clone();
        let teams = ["web", "data", "platform", "mobile"];
        let mut tags =
            tags(&[("team", teams[self.rng.usize(..teams.len())]), ("Environment", "production")]);
        if self.rng.u32(..20) == 0 {
            tags.insert(KEEP.to_owned(), "agreed with finance".to_owned());
        }
        (case.place)(self, region, tags);
    }

    /// An id that no other resource has.
    fn id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}-{:08x}{:08x}", self.next, self.rng.u32(..))
    }

    fn days_ago(&self, days: i64) -> Timestamp {
        Timestamp::from_second(self.now.as_second() - days * 86_400 - 3_600).unwrap_or(self.now)
    }

    /// Waste, which is to be found.
    fn plant(&mut self, area: &Area, region: &Region, id: &str, tags: &Tags) {
        let list = if tags.contains_key(KEEP) { &mut self.kept } else { &mut self.planted };
        list.insert(format!("{area}:{region}:{id}"));
    }

    /// What too little is known of.
    fn hide(&mut self, area: &Area, region: &Region, id: &str, tags: &Tags) {
        if !tags.contains_key(KEEP) {
            self.unknown.insert(format!("{area}:{region}:{id}"));
        }
    }

    /// Every period of the past has about that value.
    fn measure(&mut self, measure: Measure, value: f64) {
        let rng = &mut self.rng;
        let values = std::iter::repeat_with(|| value * (0.9 + 0.2 * rng.f64()));
        let periods = usize::from(DAYS) * (86_400 / measure.period.seconds() as usize);
        let values: Vec<f64> = values.take(periods).collect();
        self.measure_each(measure, values);
    }

    /// The periods of the past have those values, the last ones for a shorter list.
    fn measure_each(&mut self, measure: Measure, values: Vec<f64>) {
        let full = Window::days_before(self.now, DAYS);
        let seconds = i64::from(measure.period.seconds());
        let from = full.to.as_second() - i64::try_from(values.len()).unwrap_or_default() * seconds;
        let from = Timestamp::from_second(from).unwrap_or(full.from);
        let series = Series::of(Window { from, to: full.to }, measure.period, values);
        self.usage.insert(measure, series);
    }

    /// For each hour of the past what `value` gives for its weekday (0 is Monday) and hour of UTC.
    fn measure_hours(&mut self, measure: Measure, value: impl Fn(i64, i64) -> f64) {
        debug_assert_eq!(measure.period, Period::Hour);
        let from = Window::days_before(self.now, DAYS).from.as_second();
        let hours = 0..i64::from(DAYS) * 24;
        // The first of January 1970 was a Thursday.
        let values =
            hours.map(|hour| from / 3600 + hour).map(|hour| value((hour / 24 + 3) % 7, hour % 24));
        self.measure_each(measure, values.collect());
    }
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The same, of what is no production.
fn for_testing(mut tags: Tags) -> Tags {
    tags.insert("Environment".to_owned(), "staging".to_owned());
    tags
}

/// Whether somebody works in that hour.
fn is_working(weekday: i64, hour: i64) -> bool {
    weekday < 5 && (7..19).contains(&hour)
}
