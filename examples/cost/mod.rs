//! The example `cost_report`: a scan of an account, as a table, JSON, Markdown, CSV, or a page.

use std::sync::Arc;

use jiff::Timestamp;
use petswipe_cost::analyzer::{self, Analyzer};
use petswipe_cost::demo::Demo;
use petswipe_cost::memory::MemoryAccount;
use petswipe_cost::{
    Area, InventorySource, Prices, Region, Report, ReportOptions, Scan, Scanner, SpendReport,
    SpendSource, UsageSource, explain,
};

use crate::signals::Signals;
use crate::{DONE, Exit, HALF_WAY, NOT_AS_ASKED, print, say};

pub use flags::{Backend, ExportCost, ExportFormat, Flags, MaxRisk, Metering};

#[cfg(feature = "aws-cost")]
mod account;
mod command;
mod csv;
mod explained;
#[cfg(feature = "exports")]
mod exported;
#[cfg(not(feature = "exports"))]
#[path = "not_exported.rs"]
mod exported;
mod files;
mod flags;
mod html;
mod markdown;
mod opinion;
mod output;
mod removal;
mod spend;
mod text;
mod words;

/// An account to look at, and to act upon.
struct Place {
    inventory: Arc<dyn InventorySource>,
    usage: Arc<dyn UsageSource>,
    spend: Arc<dyn SpendSource>,
    /// Who acts upon it.
    remover: removal::Hand,
    prices: Prices,
    regions: Vec<Region>,
    calls: Box<dyn Fn() -> std::collections::BTreeMap<String, u64> + Send + Sync>,
}

/// Scans and reports, as it was asked for.
///
/// # Errors
/// Bad usage, and a file that can't be read or written.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    let ended = reported(flags).await;
    // What is said of files and answers has others' words in it.
    ended.map_err(|exit| Exit { message: words::lines(&exit.message), ..exit })
}

async fn reported(flags: &Flags) -> Result<u8, Exit> {
    if flags.iam_policy {
        return iam_policy(flags.remove.is_some());
    }
    if flags.areas.iter().any(|name| name == "help") {
        print(&known_areas().join("\n"));
        return Ok(DONE);
    }
    let now = Timestamp::now();
    if let Some(table) = &flags.athena_sql {
        print(&exported::sql(flags, table, now).await?);
        return Ok(DONE);
    }
    let wanted = flags.wanted();
    let analyzers = areas(&wanted)?;
    // Everything that was given is read and checked before anything is asked.
    let limits = files::thresholds(flags.preset.as_deref(), flags.thresholds.as_deref())?;
    let suppressions = files::suppressions(flags.suppressions.as_deref())?;
    let baseline = flags.baseline.as_deref().map(files::baseline).transpose()?;
    let outputs = output::formats(&flags.report)?;
    let exclude = flags.excluded().map_err(|error| Exit::usage(explain(&error)))?;
    let removal = match &flags.remove {
        Some(path) => {
            let mut plan = removal::read(path)?;
            removal::same_limits(flags, &plan, &limits)?;
            plan.criteria.also_exclude(exclude.clone());
            plan.criteria.also_suppress(suppressions.suppressions.clone());
            Some(plan)
        }
        None => None,
    };
    let exported = match flags.export.is_empty() {
        true => None,
        false => Some(exported::spend(flags, now).await?),
    };
    let place = match flags.backend {
        Backend::Demo if flags.files_alone() => nowhere(),
        Backend::Demo => demo(flags, now).await?,
        #[cfg(feature = "aws-cost")]
        Backend::Aws => {
            let limits = removal.as_ref().map_or(&limits, |plan| &plan.criteria.thresholds);
            account::open(flags, limits, now).await?
        }
        #[cfg(not(feature = "aws-cost"))]
        Backend::Aws => {
            return Err(Exit::usage(
                "--backend aws needs a program that was built with --features aws-cost",
            ));
        }
    };
    if let (Some(path), Some(plan)) = (&flags.remove, removal) {
        return removal::run(flags, path, plan, place).await;
    }
    let scanner = Scanner::new(place.inventory.clone(), place.usage.clone(), place.prices.clone())
        .with_spend(place.spend.clone())
        .with_analyzers(analyzers)
        .with_limits(limits)
        .map_err(|error| Exit::usage(explain(&error)))?;
    let scanner = asking(flags, &wanted, scanner, exported.is_some());
    let scan = scanned(flags, &scanner, &place.regions, now).await?;
    let options = ReportOptions {
        exclude,
        suppressions,
        by_tag: flags.by_tag.clone(),
        calls: (place.calls)(),
    };
    if let Some(resource) = &flags.explain {
        return explained::tell(flags, &scan, &options, resource);
    }
    let mut report = Report::of(&scan, &options);
    if let Some(spend) = &exported {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let spend = SpendReport::of_export(spend, today);
        report.spend = Some(spend.map_err(|error| Exit::usage(explain(&error)))?);
    }
    if flags.files_alone() {
        // Of which account the files are, they say in many ways, or not at all.
        report.account = None;
    }
    if let Some(baseline) = &baseline {
        report = report.compared_with(baseline).map_err(|error| Exit::usage(explain(&error)))?;
    }
    output::write(&report, &outputs)?;
    if let Some(path) = &flags.plan_removal {
        removal::write(flags, path, &report)?;
    }
    match flags.json {
        true => print(&serde_json::to_string_pretty(&report).map_err(Exit::usage)?),
        false => print(&text::report(&words::cleaned(&report)?, flags.top)),
    }
    Ok(code(flags, &report))
}

/// The same scanner with what the source of spend is asked, each of which Cost Explorer charges for.
fn asking(flags: &Flags, wanted: &[String], scanner: Scanner, exported: bool) -> Scanner {
    let is_wanted = |area| is_wanted(wanted, &area);
    let mut scanner = scanner;
    if is_wanted(Area::SPEND) && !exported {
        scanner = scanner.with_costs(flags.days(), flags.by_tag.as_deref());
    }
    if is_wanted(Area::AWS_ANOMALIES) {
        scanner = scanner.with_anomalies(flags.days());
    }
    if is_wanted(Area::AWS_RIGHTSIZING) {
        scanner = scanner.with_rightsizing();
    }
    scanner
}

#[cfg(feature = "aws-cost")]
fn iam_policy(removes: bool) -> Result<u8, Exit> {
    print(&account::iam_policy(removes));
    Ok(DONE)
}

#[cfg(not(feature = "aws-cost"))]
fn iam_policy(_: bool) -> Result<u8, Exit> {
    Err(Exit::usage("--iam-policy needs a program that was built with --features aws-cost"))
}

fn code(flags: &Flags, report: &Report) -> u8 {
    let saving = report.totals.monthly_saving;
    if let Some(limit) = flags.fail_above.filter(|limit| saving.low > *limit) {
        let currency = saving.currency;
        say(&format!(
            "the findings save at least {} {currency} a month, more than --fail-above {limit}",
            saving.low
        ));
        return NOT_AS_ASKED;
    }
    if report.partial {
        say("this is a part: something was not looked at");
        return HALF_WAY;
    }
    DONE
}

/// The names of all areas; those of what was spent have no analyzer.
fn known_areas() -> Vec<String> {
    let areas = analyzer::all().into_iter().map(|one| one.area());
    areas
        .chain([Area::SPEND, Area::AWS_ANOMALIES, Area::AWS_RIGHTSIZING])
        .map(|area| area.to_string())
        .collect()
}

/// The analyzers of those areas, or all of them.
fn areas(names: &[String]) -> Result<Vec<Arc<dyn Analyzer>>, Exit> {
    let known = known_areas();
    if let Some(wrong) = names.iter().find(|name| !known.contains(name)) {
        return Err(Exit::usage(format!("--areas is {wrong}; allowed: {}", known.join(", "))));
    }
    let wanted = |one: &Arc<dyn Analyzer>| is_wanted(names, &one.area());
    Ok(analyzer::all().into_iter().filter(wanted).collect())
}

fn is_wanted(names: &[String], area: &Area) -> bool {
    names.is_empty() || names.iter().any(|name| name == area.as_str())
}

/// An account with nothing in it, for a report of files alone.
fn nowhere() -> Place {
    let account = Arc::new(MemoryAccount::new("", []));
    let hand = account.clone();
    Place {
        inventory: account.clone(),
        usage: account.clone(),
        spend: account,
        remover: Box::new(move |_, _| hand.clone()),
        prices: Prices::embedded(),
        regions: Vec::new(),
        calls: Box::new(std::collections::BTreeMap::new),
    }
}

async fn demo(flags: &Flags, now: Timestamp) -> Result<Place, Exit> {
    let failed = |error: petswipe_cost::Error| Exit::usage(explain(&error));
    let Demo { account, regions: known, mut prices, .. } =
        Demo::new(flags.demo_resources, flags.demo_seed, now).map_err(failed)?;
    for path in &flags.prices {
        prices.overlay(files::prices(path)?).map_err(failed)?;
    }
    let account = Arc::new(account);
    let regions = match flags.regions.as_slice() {
        [] => known,
        [all] if all == "all" => account.regions().await.map_err(failed)?,
        named => named.iter().map(Region::new).collect::<Result<_, _>>().map_err(failed)?,
    };
    let hand = account.clone();
    Ok(Place {
        inventory: account.clone(),
        usage: account.clone(),
        spend: account.clone(),
        remover: Box::new(move |_, _| hand.clone()),
        prices,
        regions,
        calls: Box::new(move || account.calls()),
    })
}

/// Looks at it all, until it is done or somebody wants it to end: then the report is of what there is by then.
async fn scanned(
    flags: &Flags,
    scanner: &Scanner,
    regions: &[Region],
    now: Timestamp,
) -> Result<Scan, Exit> {
    let mut signals = Signals::listen()?;
    if !flags.quiet && !regions.is_empty() {
        let names: Vec<_> = regions.iter().map(Region::as_str).collect();
        say(&format!("looking at {}", names.join(", ")));
    }
    let stop = async {
        let by = signals.next().await;
        say(&format!("{by}: the report is of what there is by now"));
    };
    Ok(scanner.scan(regions, now, stop).await)
}
