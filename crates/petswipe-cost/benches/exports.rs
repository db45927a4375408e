//! How much memory and time it takes to add up an export that is larger than the memory it may use.
//!
//! `cargo bench -p petswipe-cost --features exports --bench exports -- 10000000` writes as many charges as CSV and as Parquet into
//! a temporary directory and adds each up in a process of its own, so that what writing takes is not counted. Without a number,
//! there are few, to see that it works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that can't be made panics"
)]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use datafusion::parquet::arrow::ArrowWriter;
use petswipe_cost::exports::{Export, Format, Kind, Limits, Query};

#[path = "../tests/exports/write.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod write;
use write::{Charge, batch, charge};

const SERVICES: [&str; 8] = [
    "AmazonEC2",
    "AmazonRDS",
    "AmazonS3",
    "AWSLambda",
    "AmazonCloudWatch",
    "AmazonVPC",
    "AWSELB",
    "AmazonECS",
];
const TEAMS: [&str; 4] = ["shop", "data", "platform", "search"];
const STARTS: [&str; 4] = [
    "2026-11-01T00:00:00Z",
    "2026-11-02T07:00:00Z",
    "2026-11-03T11:00:00Z",
    "2026-11-30T23:00:00Z",
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [measure, file] if measure == "measure" => add_up(Path::new(file)),
        [lines] => compare(lines.parse().expect("a number of charges")),
        _ => compare(20_000),
    }
}

fn compare(lines: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["charges.csv", "charges.parquet"] {
        let file = dir.path().join(name);
        if name.ends_with("csv") {
            write_csv(&file, lines)
        } else {
            write_parquet(&file, lines)
        }
        let size = file.metadata().expect("the file").len() as f64 / 1e6;
        println!("{name}: {lines} charges, {size:.1} MB");
        let this = std::env::current_exe().expect("this program");
        let status = Command::new(this).arg("measure").arg(&file).status().expect("a process");
        assert!(status.success());
        std::fs::remove_file(file).expect("the file is gone");
    }
}

#[allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn add_up(file: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let before = peak();
    let began = Instant::now();
    let spend = runtime.block_on(async {
        let export = Export::open(file, Format::Auto, Limits::default()).await.expect("an export");
        export.spend(&Query::daily().by_tag("user_team").expect("a key")).await.expect("costs")
    });
    println!(
        "  {} in {:.1} s, at most {} MB of memory ({before} MB before it began)",
        spend.total(),
        began.elapsed().as_secs_f64(),
        peak(),
    );
}

/// The most memory this process has had at once, in MB; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1_000
}

fn charges(from: usize, count: usize) -> impl Iterator<Item = Charge> {
    (from..from + count).map(|line| {
        // Every cost is another one, so that no encoding makes a small file of them.
        let cost = (line as f64 * 0.618_033_988_749_9).fract() / 7.0;
        charge(STARTS[line * 4 / 1_000_000 % 4], SERVICES[line % 8], cost).team(TEAMS[line % 4])
    })
}

/// As AWS writes it, with a column that nobody asks for.
fn write_csv(path: &Path, lines: usize) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let (names, key) = write::columns(Kind::Cur2);
    writeln!(file, "line_item_line_item_description,{}", names.join(",")).expect("written");
    let description = "x".repeat(80);
    for Charge { start, cost, service, currency, category, team } in charges(0, lines) {
        let team = team.unwrap_or_default();
        writeln!(
            file,
            "{description},{start},{cost},{service},{currency},{category},\"{{\"\"{key}\"\":\"\"{team}\"\"}}\""
        )
        .expect("written");
    }
    file.flush().expect("written");
}

fn write_parquet(path: &Path, lines: usize) {
    const TOGETHER: usize = 100_000;
    let schema = batch(Kind::Cur2, &[]).schema();
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, schema, None).expect("a writer");
    for from in (0..lines).step_by(TOGETHER) {
        let some: Vec<Charge> = charges(from, TOGETHER.min(lines - from)).collect();
        writer.write(&batch(Kind::Cur2, &some)).expect("written");
    }
    writer.close().expect("written");
}
