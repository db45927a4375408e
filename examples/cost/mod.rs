//! The example `cost_report`: a scan of an account, as a table, JSON, Markdown, CSV, or a page.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use jiff::Timestamp;
use petswipe_cost::analyzer::{self, Analyzer};
use petswipe_cost::demo::{Demo, KEEP};
use petswipe_cost::{
    Area, InventorySource, Money, Prices, Region, Report, ReportOptions, RiskLevel, Scan, Scanner,
    SpendSource, TagFilter, UsageSource, explain,
};

use crate::signals::Signals;
use crate::{DONE, Exit, HALF_WAY, NOT_AS_ASKED, print, say};

#[cfg(feature = "aws-cost")]
mod account;
mod csv;
mod files;
mod html;
mod markdown;
mod output;
mod removal;
mod spend;
mod text;

/// The preset of thresholds, if nobody chooses another one.
const PRESET: &str = "guide";

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 everything was looked at; 1 the findings save at least more than --fail-above; 2 bad usage or a file \
    that can't be read or written; 3 something was not looked at, and the report says what. \
    With --remove --execute: 0 every step was done, 1 some were left or failed, 3 stopped half-way (the message says how to go on)";

/// Find what an account pays for and does not use
#[derive(Parser, Clone, Debug)]
#[command(name = "cost_report", after_help = EXIT_CODES)]
pub struct Flags {
    /// What to look at: a demo account with planted waste, or an AWS account, which is only read but by --remove --execute
    #[arg(long, env = "BACKEND", default_value = "demo")]
    pub backend: Backend,
    /// The regions, or `all` that are enabled [default: all of the demo account, else us-east-1]
    #[arg(long = "region", env = "AWS_REGION", value_name = "REGION", value_delimiter = ',')]
    pub regions: Vec<String>,
    /// Only these areas; `cost_report --areas help` lists them
    #[arg(long, env = "AREAS", value_name = "AREA", value_delimiter = ',')]
    pub areas: Vec<String>,
    /// Leave out what carries this tag
    #[arg(long = "exclude-tag", env = "EXCLUDE_TAGS", value_name = "KEY[=VALUE]", value_delimiter = ',', default_value = KEEP)]
    pub exclude: Vec<TagFilter>,
    /// Findings that are known and accepted, each with a reason and an end: a YAML file
    #[arg(long, env = "SUPPRESSIONS", value_name = "FILE")]
    pub suppressions: Option<PathBuf>,
    /// What counts as idle: guide, trusted-advisor or compute-optimizer
    #[arg(long, env = "PRESET", default_value = PRESET)]
    pub preset: String,
    /// Thresholds that are different from the preset: a YAML file
    #[arg(long, env = "THRESHOLDS", value_name = "FILE")]
    pub thresholds: Option<PathBuf>,
    /// Prices that go before the embedded ones: a YAML or JSON file for each region
    #[arg(long = "prices", env = "PRICES", value_name = "FILE", value_delimiter = ',')]
    pub prices: Vec<PathBuf>,
    /// An older report in JSON, to say what is new, gone and grown
    #[arg(long, env = "BASELINE", value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Sum savings by the values of this tag
    #[arg(long, env = "BY_TAG", value_name = "KEY")]
    pub by_tag: Option<String>,
    /// For how many days back to say what was spent, its trend, a forecast and what stands out. At most 390, as far as Cost Explorer goes
    #[arg(long, env = "SPEND_DAYS", value_name = "DAYS", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..=390))]
    pub spend_days: u16,
    /// End with 1 if the findings save at least more than this a month
    #[arg(long, env = "FAIL_ABOVE", value_name = "AMOUNT")]
    pub fail_above: Option<Money>,
    /// Only say of one resource, by its id, its name or the id of a finding, why it is flagged or not
    #[arg(long, value_name = "RESOURCE")]
    pub explain: Option<String>,
    /// How CloudWatch is asked on AWS: 500 metrics a call, which are charged, or one call for each metric, which is free up to a limit
    #[arg(
        long,
        env = "METERING",
        default_value = "metric-data",
        help_heading = "On an AWS account"
    )]
    pub metering: Metering,
    /// Print the IAM policy document of whoever runs this on AWS, with --remove of whoever acts there, and call nothing
    #[arg(long, help_heading = "On an AWS account")]
    pub iam_policy: bool,
    /// How many findings the table shows; 0 for all
    #[arg(long, env = "TOP", default_value_t = 20)]
    pub top: usize,
    /// Write the report; the ending chooses the format: .json, .html, .md or .csv. May be given several times
    #[arg(long, env = "REPORT", value_name = "FILE", value_delimiter = ',')]
    pub report: Vec<PathBuf>,
    /// Write a plan that acts on the findings, the safest first, for a person to review: a JSON file
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "remove",
        help_heading = "Acting on findings"
    )]
    pub plan_removal: Option<PathBuf>,
    /// At most so many steps in that plan
    #[arg(
        long,
        env = "MAX_REMOVALS",
        value_name = "STEPS",
        default_value_t = 50,
        help_heading = "Acting on findings"
    )]
    pub max_removals: usize,
    /// Only findings with such ids in that plan; * stands for anything
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "Acting on findings")]
    pub only: Vec<String>,
    /// No step with a greater risk in that plan
    #[arg(
        long,
        env = "MAX_RISK",
        value_name = "RISK",
        default_value = "medium",
        help_heading = "Acting on findings"
    )]
    pub max_risk: MaxRisk,
    /// Show what that plan would do, and change nothing
    #[arg(long, value_name = "FILE", help_heading = "Acting on findings")]
    pub remove: Option<PathBuf>,
    /// With --remove: do it. Each finding is checked again right before, and what is deleted has a snapshot first where that is possible
    #[arg(long, requires = "remove", help_heading = "Acting on findings")]
    pub execute: bool,
    /// With --execute: go on with the plan in the journal
    #[arg(long, requires = "remove", help_heading = "Acting on findings")]
    pub resume: bool,
    /// Where what is done is journaled
    #[arg(
        long,
        env = "JOURNAL",
        value_name = "FILE",
        default_value = ".petswipe/cost_report.jsonl",
        help_heading = "Acting on findings"
    )]
    pub journal: PathBuf,
    /// Print the report as one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
    /// How many resources the demo account has
    #[arg(long, env = "DEMO_RESOURCES", default_value_t = 1000)]
    pub demo_resources: usize,
    /// The seed of the demo account: the same one gives the same account
    #[arg(long, env = "DEMO_SEED", default_value_t = 1)]
    pub demo_seed: u64,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// An account in memory.
    Demo,
    /// The account of the ambient AWS configuration. Needs `--features aws-cost`.
    Aws,
}

/// How metrics are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Metering {
    /// Five hundred a call, each of which is charged.
    MetricData,
    /// One call for each metric, within the free tier of the API.
    MetricStatistics,
}

/// A level of risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MaxRisk {
    /// Nobody would notice.
    Low,
    /// Somebody may notice, and it can be mended.
    Medium,
    /// Data or availability are at stake.
    High,
}

impl From<MaxRisk> for RiskLevel {
    fn from(risk: MaxRisk) -> Self {
        match risk {
            MaxRisk::Low => Self::Low,
            MaxRisk::Medium => Self::Medium,
            MaxRisk::High => Self::High,
        }
    }
}

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
    if flags.iam_policy {
        return iam_policy(flags.remove.is_some());
    }
    if flags.areas.iter().any(|name| name == "help") {
        print(&known_areas().join("\n"));
        return Ok(DONE);
    }
    let analyzers = areas(&flags.areas)?;
    // Everything that was given is read and checked before anything is asked.
    let limits = files::thresholds(&flags.preset, flags.thresholds.as_deref())?;
    let suppressions = files::suppressions(flags.suppressions.as_deref())?;
    let baseline = flags.baseline.as_deref().map(files::baseline).transpose()?;
    let outputs = output::formats(&flags.report)?;
    let removal = flags.remove.as_deref().map(removal::read).transpose()?;
    let now = Timestamp::now();
    let place = match flags.backend {
        Backend::Demo => demo(flags, now).await?,
        #[cfg(feature = "aws-cost")]
        Backend::Aws => account::open(flags, &limits, now).await?,
        #[cfg(not(feature = "aws-cost"))]
        Backend::Aws => {
            return Err(Exit::usage(
                "--backend aws needs a program that was built with --features aws-cost",
            ));
        }
    };
    if let (Some(path), Some(plan)) = (&flags.remove, removal) {
        let options = ReportOptions {
            exclude: flags.exclude.clone(),
            suppressions,
            ..ReportOptions::default()
        };
        return removal::run(flags, path, plan, place, limits, &options).await;
    }
    let scanner = Scanner::new(place.inventory.clone(), place.usage.clone(), place.prices.clone())
        .with_spend(place.spend.clone())
        .with_analyzers(analyzers)
        .with_limits(limits)
        .map_err(|error| Exit::usage(explain(&error)))?;
    let scanner = match is_wanted(&flags.areas, &Area::SPEND) {
        true => scanner.with_costs(flags.spend_days, flags.by_tag.as_deref()),
        false => scanner,
    };
    let scan = scanned(flags, &scanner, &place.regions, now).await?;
    if let Some(resource) = &flags.explain {
        return Ok(explained(&scan, resource));
    }
    let options = ReportOptions {
        exclude: flags.exclude.clone(),
        suppressions,
        by_tag: flags.by_tag.clone(),
        calls: (place.calls)(),
    };
    let mut report = Report::of(&scan, &options);
    if let Some(baseline) = &baseline {
        report = report.compared_with(baseline).map_err(|error| Exit::usage(explain(&error)))?;
    }
    output::write(&report, &outputs)?;
    if let Some(path) = &flags.plan_removal {
        removal::write(flags, path, &report)?;
    }
    match flags.json {
        true => print(&serde_json::to_string_pretty(&report).map_err(Exit::usage)?),
        false => print(&text::report(&report, flags.top)),
    }
    Ok(code(flags, &report))
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

/// The names of all areas; that of what was spent has no analyzer.
fn known_areas() -> Vec<String> {
    let areas = analyzer::all().into_iter().map(|one| one.area());
    areas.chain([Area::SPEND]).map(|area| area.to_string()).collect()
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
    if !flags.quiet {
        let names: Vec<_> = regions.iter().map(Region::as_str).collect();
        say(&format!("looking at {}", names.join(", ")));
    }
    let stop = async {
        let by = signals.next().await;
        say(&format!("{by}: the report is of what there is by now"));
    };
    Ok(scanner.scan(regions, now, stop).await)
}

fn explained(scan: &Scan, resource: &str) -> u8 {
    let said = Report::explain(scan, resource);
    if said.is_empty() {
        say(&format!(
            "there is no {resource} among the {} resources that were looked at",
            scan.inventory.len()
        ));
        for missing in &scan.not_analysed {
            say(&format!(
                "not looked at: {} in {}: {}",
                missing.area, missing.region, missing.message
            ));
        }
        return NOT_AS_ASKED;
    }
    print(&text::explained(&said));
    DONE
}
