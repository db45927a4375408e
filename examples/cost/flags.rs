//! What can be asked of `cost_report`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use petswipe_cost::demo::KEEP;
use petswipe_cost::{Error, Money, RiskLevel, TagFilter};

/// How many resources the demo account has, unless it is said.
pub(super) const DEMO_RESOURCES: usize = 1000;
/// Its seed.
pub(super) const DEMO_SEED: u64 = 1;

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 everything was looked at; 1 the findings save at least more than --fail-above; 2 bad usage, a file \
    that can't be read or written, or --explain of what is not there; 3 something was not looked at, and the report says what. \
    With --remove --execute: 0 every step was done, 1 some were left or failed, 3 stopped half-way or of unknown outcome (the message \
    says how to go on, or how to look)";

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
    /// Leave out what carries this tag; what carries petswipe:keep is always left out
    #[arg(
        long = "exclude-tag",
        env = "EXCLUDE_TAGS",
        value_name = "KEY[=VALUE]",
        value_delimiter = ','
    )]
    pub exclude: Vec<TagFilter>,
    /// Findings that are known and accepted, each with a reason and an end: a YAML file
    #[arg(long, env = "SUPPRESSIONS", value_name = "FILE")]
    pub suppressions: Option<PathBuf>,
    /// What counts as idle: guide, trusted-advisor or compute-optimizer [default: guide]. With --remove it is what the plan says
    #[arg(long, env = "PRESET")]
    pub preset: Option<String>,
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
    /// [default: 120, and all days of --export]
    #[arg(long, env = "SPEND_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=390))]
    pub spend_days: Option<u16>,
    /// Say what was spent out of these files of an export instead, FOCUS 1.x or CUR 2.0 as CSV or Parquet: files, directories, or names
    /// with a *. Without --backend aws or --areas the report is of them alone
    #[arg(long, env = "EXPORT", value_name = "FILE", value_delimiter = ',', num_args = 1.., help_heading = "Exports of costs")]
    pub export: Vec<PathBuf>,
    /// What the files are [default: whatever their names and columns say]
    #[arg(long, env = "EXPORT_FORMAT", value_name = "FORMAT", help_heading = "Exports of costs")]
    pub export_format: Option<ExportFormat>,
    /// Sum what was spent by the values of this tag, named as the export names it, such as user_team in CUR 2.0 [default: --by-tag]
    #[arg(long, env = "EXPORT_TAG", value_name = "KEY", help_heading = "Exports of costs")]
    pub export_tag: Option<String>,
    /// What is on the invoice, or with what was paid in advance spread over its term
    #[arg(
        long,
        env = "EXPORT_COST",
        value_name = "COST",
        default_value = "billed",
        help_heading = "Exports of costs"
    )]
    pub export_cost: ExportCost,
    /// Print the SQL that asks the same of such a table in Athena, and call nothing
    #[arg(
        long,
        value_name = "TABLE",
        num_args = 0..=1,
        default_missing_value = "cost_export",
        help_heading = "Exports of costs"
    )]
    pub athena_sql: Option<String>,
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
    #[arg(
        long,
        value_name = "ID",
        value_delimiter = ',',
        requires = "plan_removal",
        conflicts_with = "remove",
        help_heading = "Acting on findings"
    )]
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
    #[arg(long, env = "DEMO_RESOURCES", default_value_t = DEMO_RESOURCES)]
    pub demo_resources: usize,
    /// The seed of the demo account: the same one gives the same account
    #[arg(long, env = "DEMO_SEED", default_value_t = DEMO_SEED)]
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

/// What files of an export are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// FOCUS 1.x as CSV, perhaps with gzip.
    FocusCsv,
    /// FOCUS 1.x as Parquet.
    FocusParquet,
    /// CUR 2.0 as CSV, perhaps with gzip.
    #[value(name = "cur2-csv")]
    Cur2Csv,
    /// CUR 2.0 as Parquet.
    #[value(name = "cur2-parquet")]
    Cur2Parquet,
}

/// Which cost of a charge is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportCost {
    /// What is on the invoice.
    Billed,
    /// With what was paid in advance spread over its term.
    Effective,
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

/// For how many days back Cost Explorer is asked, unless it is said.
const SPEND_DAYS: u16 = 120;

impl Flags {
    /// For how many days back Cost Explorer is asked.
    pub(super) fn days(&self) -> u16 {
        self.spend_days.unwrap_or(SPEND_DAYS)
    }

    /// The areas that are asked for; all of them for none. Files of an export are no demo account, so they are a report of their own.
    pub(super) fn wanted(&self) -> Vec<String> {
        match self.files_alone() {
            true => vec![petswipe_cost::Area::SPEND.to_string()],
            false => self.areas.clone(),
        }
    }

    /// Whether the report is of the files of an export and of no account.
    pub(super) fn files_alone(&self) -> bool {
        !self.export.is_empty() && self.backend == Backend::Demo && self.areas.is_empty()
    }

    /// What is left out for its tags: what the flags say, and always what carries the tag to keep it.
    ///
    /// # Errors
    /// Never, as the tag to keep something is one.
    pub(super) fn excluded(&self) -> Result<Vec<TagFilter>, Error> {
        let mut all = vec![KEEP.parse()?];
        all.extend(self.exclude.iter().cloned());
        Ok(all)
    }
}
