//! The example `gate_lab`: its flags, its worlds, and what it prints.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use petswipe_monitor::lab::policies::{
    Argo, EcsCanary, Flagger, Gated, GuideScript, RateRatioOnly,
};
use petswipe_monitor::lab::{Load, Recorded, RolloutPolicy, Row, World, read, replay};
use petswipe_monitor::planner::Question;
use petswipe_monitor::{EvidencePolicy, explain};
use serde::Serialize;

use crate::cli::percent;
use crate::{DONE, Exit, print, report, say};

mod html;
mod table;

/// What follows the help.
const AFTER_HELP: &str = "Replay a recorded trace, such as the one of this repository:\n  \
cargo run --example gate_lab -- --trace examples/lab/trace.jsonl\n\n\
A trace is recorded by writing one line for each second, or each scrape, with what both versions did since the line before:\n  \
{\"second\":0,\"candidate\":{\"requests\":10,\"failed\":0},\"reference\":{\"requests\":190,\"failed\":1}}\n\
`second` counts from the beginning of the rollout and rises; the numbers are increases of the counters of requests and of those \
that failed, of the new version (candidate) and of the old one (reference).\n\n\
Exit codes: 0 compared or replayed, whatever came of it; 2 bad usage, a trace that can't be read, or a report that can't be \
written";

/// Compare ways to roll out: when they go back, and what it costs the users
#[derive(Parser, Clone, Debug)]
#[command(name = "gate_lab", after_help = AFTER_HELP)]
pub struct Flags {
    /// Error rates of the new version, in percent
    #[arg(long = "fault", env = "FAULT_ERROR_RATES", value_name = "PERCENT", value_delimiter = ',',
        default_value = "0.5,2,5,20,100", value_parser = percent)]
    pub faults: Vec<f64>,
    /// The error rate of the old version, and of a good new one, in percent
    #[arg(long, env = "BASELINE_ERROR_RATE", value_name = "PERCENT", default_value = "0.1", value_parser = percent)]
    pub baseline: f64,
    /// Requests a second
    #[arg(long, env = "RATE", default_value_t = 100.0, value_parser = rate)]
    pub rate: f64,
    /// How the traffic goes up and down
    #[arg(long, env = "LOAD", value_enum, default_value_t = Shape::Steady)]
    pub load: Shape,
    /// Rollouts of each policy in each world
    #[arg(long, env = "RUNS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub runs: u32,
    /// Replay a recorded trace instead: JSON lines, each with second, and requests and failed of candidate and reference
    #[arg(long, env = "TRACE", value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write the result; the ending chooses the format: .json, .html or .md
    #[arg(long, env = "REPORT", value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print the result as one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// How the traffic goes up and down.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The same all the time, but for chance
    Steady,
    /// In waves, with pauses and bursts
    Varying,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= 10_000.0);
    rate.ok_or_else(|| "allowed: a number above 0, at most 10000".to_owned())
}

/// The rows of all policies in all worlds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Lab {
    runs: u32,
    rows: Vec<Row>,
}

/// A policy that begins anew for each rollout.
type Make = fn() -> Box<dyn RolloutPolicy>;

/// Everything of others that is compared.
const OTHERS: [Make; 6] = [
    || Box::new(Flagger::default()),
    || Box::new(Argo::default()),
    || Box::new(EcsCanary::default()),
    || Box::new(GuideScript::default()),
    || Box::new(RateRatioOnly::new(0.01, 10, 0)),
    || Box::new(RateRatioOnly::new(0.01, 60, 60)),
];

/// Ours in worlds of our own.
const OURS: [Make; 2] =
    [|| Box::new(Gated::by_default()), || Box::new(Gated::on_minutes(EvidencePolicy::default()))];

/// Ours on a trace, which has neither the weights that were asked for nor latencies.
const OURS_ON_A_TRACE: [Make; 2] = [
    || Box::new(Gated::of(EvidencePolicy::of_errors())),
    || Box::new(Gated::on_minutes(EvidencePolicy::of_errors())),
];

/// Compares, and prints.
///
/// # Errors
/// A trace that can't be read, and a report that can't be written.
pub fn run(flags: &Flags) -> Result<u8, Exit> {
    if let Some(path) = &flags.report {
        report::check(path).map_err(|error| Exit::usage(explain(&error)))?;
    }
    match &flags.trace {
        Some(path) => replayed(flags, path),
        None => compared(flags),
    }
}

impl Flags {
    /// What stages are planned for: to find five times the errors, whatever that costs.
    fn question(&self) -> Question {
        Question {
            requests_per_second: self.rate,
            baseline_error_rate: self.baseline / 100.0,
            smallest_ratio: 5.0,
            error_budget: f64::MAX,
            evidence: EvidencePolicy::default(),
        }
    }
}

fn compared(flags: &Flags) -> Result<u8, Exit> {
    let load = match flags.load {
        Shape::Steady => Load::Steady,
        Shape::Varying => Load::Varying,
    };
    let good = World { load, ..World::steady(flags.rate, flags.baseline / 100.0) };
    let faults = flags.faults.iter().map(|fault| Some(fault / 100.0));
    let worlds: Vec<_> = [None]
        .into_iter()
        .chain(faults)
        .map(|fault| World { fault_error_rate: fault, ..good })
        .collect();
    let question = flags.question();
    let planned = question.propose();
    let mut policies: Vec<Box<dyn Fn() -> Box<dyn RolloutPolicy> + '_>> = Vec::new();
    policies.extend(OTHERS.into_iter().chain(OURS).map(|make| Box::new(make) as Box<_>));
    match &planned {
        Ok(planned) => {
            policies.push(Box::new(|| Box::new(Gated::planned(&question, planned))));
        }
        Err(error) => say(&format!("no stages can be planned: {}", explain(error))),
    }
    let mut rows = Vec::new();
    for make in &policies {
        if !flags.quiet {
            say(&format!(
                "{}: {} rollouts in each of {} worlds",
                make().name(),
                flags.runs,
                worlds.len()
            ));
        }
        rows.extend(worlds.iter().map(|world| Row::of(world, flags.runs, make)));
    }
    let lab = Lab { runs: flags.runs, rows };
    let json = serde_json::to_string_pretty(&lab).map_err(Exit::usage)?;
    print(&if flags.json { json.clone() } else { table::text(&lab) });
    write(flags, json, || html::page(&lab), || table::markdown(&lab))?;
    Ok(DONE)
}

fn replayed(flags: &Flags, path: &PathBuf) -> Result<u8, Exit> {
    let file = File::open(path).map_err(|error| {
        Exit::usage(format!("--trace is {}, which can't be read: {error}", path.display()))
    })?;
    let trace = read(BufReader::new(file)).map_err(|error| Exit::usage(explain(&error)))?;
    if let Some(dispersion) = Recorded::dispersion(&trace).filter(|_| !flags.quiet) {
        say(&format!(
            "dispersion of the errors: {dispersion:.1} (about 1: independent; means something where both ran the same version)"
        ));
    }
    let policies = OTHERS.into_iter().chain(OURS_ON_A_TRACE);
    let replayed: Vec<_> = policies.map(|make| replay(&trace, make().as_mut())).collect();
    let json = serde_json::to_string_pretty(&replayed).map_err(Exit::usage)?;
    let text = table::replayed(&replayed);
    print(if flags.json { &json } else { &text });
    let page = || {
        let body = html::replayed(&replayed, &table::replays(&replayed));
        html::frame("A recorded trace, replayed", &body)
    };
    write(flags, json, page, || text.clone())?;
    Ok(DONE)
}

/// Writes the result, if that was asked for.
fn write(
    flags: &Flags,
    json: String,
    page: impl FnOnce() -> String,
    markdown: impl FnOnce() -> String,
) -> Result<(), Exit> {
    let Some(path) = &flags.report else { return Ok(()) };
    let written = report::write_text(path, || json + "\n", page, markdown);
    written.map_err(|error| Exit::usage(explain(&error)))?;
    if !flags.quiet {
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_policy_and_a_column_for_each_world() {
        let flags = Flags::parse_from(["gate_lab", "--runs", "2", "--fault", "20", "--quiet"]);
        let good = World::steady(flags.rate, flags.baseline / 100.0);
        let bad = World { fault_error_rate: Some(flags.faults[0] / 100.0), ..good };
        let worlds = [good, bad];
        let policies: Vec<Make> = OTHERS.into_iter().chain(OURS).collect();
        let rows = policies.iter().flat_map(|make| worlds.map(|world| Row::of(&world, 2, make)));
        let lab = Lab { runs: 2, rows: rows.collect() };
        let text = table::text(&lab);
        assert_eq!(text.lines().count(), 2 + policies.len() + 2, "{text}");
        assert!(text.contains("360 / "), "{text}");
        let page = html::page(&lab);
        assert!(page.contains("<svg") && page.contains("petswipe default"));
        assert_eq!(page.matches("<polyline").count(), policies.len());
        assert!(page.contains("mean failed requests, each line ten times the one below"), "{page}");
        // Each policy has a colour and a mark of its own, which the key shows.
        for number in 0..policies.len() {
            assert!(page.contains(&format!("class=\"line p{number}")), "{page}");
        }
        assert!(page.contains("failed the fewest requests"), "{page}");
        assert!(page.contains("went back from a good release"), "{page}");
    }

    #[test]
    fn the_trace_of_the_help_is_there_and_shows_what_the_gates_do() {
        let text = include_str!("trace.jsonl");
        let trace = read(text.as_bytes()).unwrap();
        let ended: Vec<_> = OTHERS
            .into_iter()
            .chain(OURS_ON_A_TRACE)
            .map(|make| replay(&trace, make().as_mut()))
            .collect();
        let ours = ended.iter().filter(|replayed| replayed.policy.starts_with("petswipe"));
        // On minutes that come a minute late half a minute is nothing yet.
        let ends: Vec<_> = ours.map(|replayed| replayed.ended.as_str()).collect();
        assert_eq!(ends, ["rolled back", "still going on"], "{ended:?}");
        let page = html::frame("replayed", &html::replayed(&ended, &table::replays(&ended)));
        assert!(page.contains("went back") && page.contains("<table>"), "{page}");
        assert!(AFTER_HELP.contains("--trace examples/lab/trace.jsonl"));
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        for bad in ["0", "-1", "NaN", "inf", "x"] {
            assert!(Flags::try_parse_from(["gate_lab", "--rate", bad]).is_err(), "{bad}");
        }
    }
}
