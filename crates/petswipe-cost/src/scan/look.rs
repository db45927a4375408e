//! Listing, asking, and handing it all to the analyzers.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use futures_util::{FutureExt as _, pin_mut, select_biased};
use jiff::Timestamp;

use super::missing::{Gap, Gaps, NotAnalysed};
use super::spent::Asked;
use crate::analyzer::{self, Analyzer, Scene};
use crate::{
    Anomaly, Area, Assessment, Commitments, Error, Inventory, InventorySource, Kind, Measure,
    Period, PriceSource, Prices, Region, Rightsizing, Series, Spend, SpendSource, Thresholds,
    Usage, UsageSource, Window,
};

/// At most so many listings and questions at a time; how fast calls are made is the call budget's matter.
const AT_ONCE: usize = 16;

/// How many days of commitments are looked at.
const COMMITMENT_DAYS: u16 = 30;

/// Looks at an account.
///
/// ```
/// use petswipe_cost::{Prices, Region, Report, ReportOptions, Scanner, memory::MemoryAccount};
/// # use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let account = Arc::new(MemoryAccount::example());
/// let scanner = Scanner::new(account.clone(), account, Prices::embedded());
/// let now = "2026-11-28T12:00:00Z".parse().unwrap();
/// let scan = scanner.scan(&[Region::new("us-east-1")?], now, std::future::pending()).await;
/// let report = Report::of(&scan, &ReportOptions::default());
/// assert_eq!(report.findings[0].id, "ebs-unused:us-east-1:vol-unused");
/// assert_eq!(report.totals.monthly_saving.high.to_string(), "10.00");
/// # Ok::<(), petswipe_cost::Error>(()) }).unwrap();
/// ```
pub struct Scanner {
    inventory: Arc<dyn InventorySource>,
    usage: Arc<dyn UsageSource>,
    pub(super) spend: Option<Arc<dyn SpendSource>>,
    prices: Prices,
    limits: Thresholds,
    analyzers: Vec<Arc<dyn Analyzer>>,
    /// What the source of spend is asked beyond commitments.
    pub(super) asked: Asked,
    pub(super) price_source: Option<Arc<dyn PriceSource>>,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("analyzers", &self.analyzers).finish_non_exhaustive()
    }
}

/// What a look found, and what the analyzers make of it.
#[derive(Debug)]
pub struct Scan {
    /// The account; `None` where nobody would say.
    pub account: Option<String>,
    /// The regions that were to be looked at.
    pub regions: Vec<Region>,
    /// When it began.
    pub now: Timestamp,
    /// What there is.
    pub inventory: Inventory,
    /// What was measured.
    pub usage: Usage,
    /// What is reserved and committed.
    pub commitments: Option<Commitments>,
    /// What was spent, if that was asked for.
    pub spend: Option<Spend>,
    /// The anomalies that the cloud itself has found, if that was asked for.
    pub anomalies: Option<Vec<Anomaly>>,
    /// What the cloud itself would size otherwise, if that was asked for.
    pub rightsizing: Option<Vec<Rightsizing>>,
    /// What there is none of in this account, such as an opinion of the cloud's that is not switched on.
    pub notes: Vec<String>,
    /// What was not looked at: for each area and region each reason once, and each action that the credentials lack.
    pub not_analysed: Vec<NotAnalysed>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// How many metrics were asked for in each region, which is what CloudWatch charges for.
    pub metrics_asked: BTreeMap<Region, u64>,
    pub(crate) prices: Prices,
    pub(crate) limits: Thresholds,
    pub(crate) analyzers: Vec<Arc<dyn Analyzer>>,
    /// Where an area would be judged by an inventory that is not whole.
    unlisted: BTreeSet<(Area, Region)>,
}

impl Scanner {
    /// With all analyzers and the default thresholds, and without a source of spend.
    pub fn new(
        inventory: Arc<dyn InventorySource>,
        usage: Arc<dyn UsageSource>,
        prices: Prices,
    ) -> Self {
        let (limits, analyzers) = (Thresholds::default(), analyzer::all());
        let (asked, price_source) = (Asked::default(), None);
        Self { inventory, usage, spend: None, prices, limits, analyzers, asked, price_source }
    }

    /// The same with a source of spend, for what is reserved and committed.
    #[must_use]
    pub fn with_spend(mut self, spend: Arc<dyn SpendSource>) -> Self {
        self.spend = Some(spend);
        self
    }

    /// The same with other thresholds.
    ///
    /// # Errors
    /// [`Error::Invalid`] for some that can't be met.
    pub fn with_limits(mut self, limits: Thresholds) -> Result<Self, Error> {
        limits.check()?;
        self.limits = limits;
        Ok(self)
    }

    /// The same with those analyzers only.
    #[must_use]
    pub fn with_analyzers(mut self, analyzers: Vec<Arc<dyn Analyzer>>) -> Self {
        self.analyzers = analyzers;
        self
    }

    /// Looks at those regions, all at once, until it is done or `stop` is: then what is there is what is analysed, and the rest is
    /// named as not analysed.
    pub async fn scan(
        &self,
        regions: &[Region],
        now: Timestamp,
        stop: impl Future<Output = ()>,
    ) -> Scan {
        let stop = stop.fuse();
        pin_mut!(stop);
        let mut scan = Scan {
            account: None,
            regions: regions.to_vec(),
            now,
            inventory: Inventory::default(),
            usage: Usage::default(),
            commitments: None,
            spend: None,
            anomalies: None,
            rightsizing: None,
            notes: Vec::new(),
            not_analysed: Vec::new(),
            interrupted: false,
            metrics_asked: BTreeMap::new(),
            prices: self.prices.clone(),
            limits: self.limits.clone(),
            analyzers: self.analyzers.clone(),
            unlisted: BTreeSet::new(),
        };
        let account = self.inventory.account().fuse();
        pin_mut!(account);
        // Who can't say whose account it is may still be let look at it.
        select_biased! {
            () = stop => scan.interrupted = true,
            answer = account => scan.account = answer.ok(),
        }
        let mut gaps = Gaps::default();
        self.list(&mut scan, &mut gaps, &mut stop).await;
        self.ask(&mut scan, &mut gaps, &mut stop).await;
        self.commitments(&mut scan, &mut gaps, &mut stop).await;
        self.spent(&mut scan, &mut gaps, &mut stop).await;
        self.price(&mut scan, &mut stop).await;
        gaps.into_scan(&mut scan);
        scan
    }

    async fn list<S>(&self, scan: &mut Scan, gaps: &mut Gaps, mut stop: &mut S)
    where
        S: Future<Output = ()> + futures_util::future::FusedFuture + Unpin,
    {
        let kinds: BTreeSet<Kind> =
            self.analyzers.iter().flat_map(|one| one.kinds()).copied().collect();
        let mut open: BTreeSet<(Region, Kind)> = BTreeSet::new();
        for region in &scan.regions {
            open.extend(kinds.iter().map(|kind| (region.clone(), *kind)));
        }
        let wanted: Vec<_> = open.iter().cloned().collect();
        let listings = stream::iter(wanted).map(|(region, kind)| async move {
            let listing = self.inventory.list(&region, kind).await;
            (region, kind, listing)
        });
        let mut listings = listings.buffer_unordered(AT_ONCE).fuse();
        while !scan.interrupted {
            let (region, kind, listing) = select_biased! {
                () = stop => { scan.interrupted = true; break }
                next = listings.next() => match next { Some(listed) => listed, None => break },
            };
            open.remove(&(region.clone(), kind));
            match listing {
                Ok(listing) => {
                    self.unread(gaps, &region, kind, &listing);
                    scan.inventory.absorb(listing);
                }
                Err(error) => self.unlisted(scan, gaps, &region, kind, Gap::of(&error)),
            }
        }
        for (region, kind) in open {
            self.unlisted(scan, gaps, &region, kind, Gap::interrupted());
        }
    }

    /// What could not be read of what was listed: areas that need it are judged by the rest.
    fn unread(&self, gaps: &mut Gaps, region: &Region, kind: Kind, listing: &Inventory) {
        for unread in &listing.unread {
            for analyzer in self.analyzers.iter().filter(|one| one.kinds().contains(&kind)) {
                gaps.add(analyzer.area(), region, Gap::unread(unread));
            }
        }
    }

    fn unlisted(&self, scan: &mut Scan, gaps: &mut Gaps, region: &Region, kind: Kind, gap: Gap) {
        for analyzer in self.analyzers.iter().filter(|one| one.kinds().contains(&kind)) {
            scan.unlisted.insert((analyzer.area(), region.clone()));
            gaps.add(analyzer.area(), region, gap.clone());
        }
    }

    async fn ask<S>(&self, scan: &mut Scan, gaps: &mut Gaps, mut stop: &mut S)
    where
        S: Future<Output = ()> + futures_util::future::FusedFuture + Unpin,
    {
        // No metric is asked for twice, however many analyzers need it: for as many days as the one that needs most.
        let mut days: BTreeMap<(Region, Period), (u16, BTreeSet<Measure>)> = BTreeMap::new();
        let mut askers: BTreeMap<(Region, Period), BTreeSet<Area>> = BTreeMap::new();
        for analyzer in &self.analyzers {
            let area = analyzer.area();
            analyzer.questions(&scan.inventory, &self.limits, &mut |question| {
                let measure = question.measure;
                if scan.unlisted.contains(&(area.clone(), measure.region.clone())) {
                    return;
                }
                let key = (measure.region.clone(), measure.period);
                askers.entry(key.clone()).or_default().insert(area.clone());
                let group = days.entry(key).or_default();
                group.0 = group.0.max(question.days);
                group.1.insert(measure);
            });
        }
        let mut open: BTreeSet<(Region, Period)> = days.keys().cloned().collect();
        let now = scan.now;
        let questions = stream::iter(days).map(|((region, period), (days, measures))| async move {
            let measures: Vec<_> = measures.into_iter().collect();
            let window = Window::days_before(now, days);
            let answer = self.usage.statistics(&region, &measures, window).await;
            (region, period, measures, answer)
        });
        let mut questions = questions.buffer_unordered(AT_ONCE).fuse();
        let failed = |gaps: &mut Gaps, key: (Region, Period), gap: &Gap| {
            for area in askers.get(&key).into_iter().flatten() {
                gaps.add(area.clone(), &key.0, gap.clone());
            }
        };
        while !scan.interrupted {
            let (region, period, measures, answer) = select_biased! {
                () = stop => { scan.interrupted = true; break }
                next = questions.next() => match next { Some(answer) => answer, None => break },
            };
            open.remove(&(region.clone(), period));
            let asked = measures.len();
            *scan.metrics_asked.entry(region.clone()).or_default() +=
                u64::try_from(asked).unwrap_or_default();
            match answer {
                Ok(series) if series.len() == asked => {
                    self.unmeasured(scan, gaps, &measures, &series);
                    // What could not be read was not answered: some analyzers tell that from an answer without data.
                    let read = measures.into_iter().zip(series);
                    let read = read.filter(|(_, series)| series.failure().is_none());
                    scan.usage.absorb(read.collect());
                }
                Ok(series) => {
                    let problem = format!("{} series came for {asked} measures", series.len());
                    let error = Error::backend("asking for statistics", problem);
                    failed(gaps, (region, period), &Gap::of(&error));
                }
                Err(error) => failed(gaps, (region, period), &Gap::of(&error)),
            }
        }
        for key in open {
            failed(gaps, key, &Gap::interrupted());
        }
    }

    /// Names series that could not be read, to whoever asked for them.
    fn unmeasured(&self, scan: &Scan, gaps: &mut Gaps, measures: &[Measure], series: &[Series]) {
        let failed = measures.iter().zip(series);
        let failed: BTreeMap<&Measure, &str> =
            failed.filter_map(|(measure, series)| Some((measure, series.failure()?))).collect();
        if failed.is_empty() {
            return;
        }
        for analyzer in &self.analyzers {
            let mut lacking: BTreeMap<Region, BTreeSet<&Measure>> = BTreeMap::new();
            analyzer.questions(&scan.inventory, &self.limits, &mut |question| {
                if let Some((measure, _)) = failed.get_key_value(&question.measure) {
                    lacking.entry(measure.region.clone()).or_default().insert(*measure);
                }
            });
            for (region, measures) in lacking {
                let first = measures.first().and_then(|first| failed.get(*first));
                let gap = Gap::series(first.copied().unwrap_or_default(), measures.len());
                gaps.add(analyzer.area(), &region, gap);
            }
        }
    }

    async fn commitments<S>(&self, scan: &mut Scan, gaps: &mut Gaps, mut stop: &mut S)
    where
        S: Future<Output = ()> + futures_util::future::FusedFuture + Unpin,
    {
        let needing = self.analyzers.iter().filter(|one| one.needs_commitments());
        let needing: Vec<_> = needing.map(|one| one.area()).collect();
        if needing.is_empty() {
            return;
        }
        let window = Window::days_before(scan.now, COMMITMENT_DAYS);
        let answer = match &self.spend {
            None => Err(Gap::of(&Error::Unsupported {
                what: "without a source of spend, this".to_owned(),
            })),
            Some(_) if scan.interrupted => Err(Gap::interrupted()),
            Some(spend) => {
                let answer = spend.commitments(window).fuse();
                pin_mut!(answer);
                select_biased! {
                    () = stop => { scan.interrupted = true; Err(Gap::interrupted()) }
                    answer = answer => answer.map_err(|error| Gap::of(&error)),
                }
            }
        };
        match answer {
            Ok(commitments) => scan.commitments = Some(commitments),
            Err(gap) => {
                for area in needing {
                    gaps.add(area, &Region::global(), gap.clone());
                }
            }
        }
    }
}

impl Scan {
    /// Hands out what every analyzer says of every resource, but for where it lacks a listing.
    ///
    /// It is worked out anew each time: of a large account it is much, and nearly all of it is that nothing is to be done.
    pub fn assess(&self, tell: &mut dyn FnMut(Assessment)) {
        let scene = Scene {
            inventory: &self.inventory,
            usage: &self.usage,
            prices: &self.prices,
            limits: &self.limits,
            commitments: self.commitments.as_ref(),
            now: self.now,
        };
        for analyzer in &self.analyzers {
            let area = analyzer.area();
            let blind: BTreeSet<&Region> = self
                .unlisted
                .iter()
                .filter(|(of, _)| *of == area)
                .map(|(_, region)| region)
                .collect();
            analyzer.assess(&scene, &mut |assessment| {
                if !blind.contains(&assessment.resource.region) {
                    tell(assessment);
                }
            });
        }
    }

    /// Whether an area looks at what is of that kind.
    pub(crate) fn needs(&self, area: &Area, kind: Kind) -> bool {
        self.analyzers.iter().any(|one| one.area() == *area && one.kinds().contains(&kind))
    }

    /// The names of the areas that were to be looked at.
    pub fn areas(&self) -> Vec<Area> {
        self.analyzers.iter().map(|analyzer| analyzer.area()).collect()
    }
}
