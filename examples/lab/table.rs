//! The tables: for a terminal, and as Markdown.

use petswipe_monitor::lab::{Replayed, Row};

use super::Lab;

/// `what went back: median seconds / mean failed requests`.
fn cell(row: &Row) -> String {
    let share = match row.rollback_share {
        0.0 => "never".to_owned(),
        1.0 => String::new(),
        share => format!("{:.1} %: ", share * 100.0),
    };
    let median = row.median_seconds.map(|seconds| format!("{seconds:.0}")).unwrap_or_default();
    format!("{share}{median} / {:.0}", row.mean_failed_requests)
}

/// The rows by policy, in the order in which they were made.
pub(super) fn by_policy(lab: &Lab) -> Vec<(&str, Vec<&Row>)> {
    let mut all: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in &lab.rows {
        match all.iter_mut().find(|(policy, _)| *policy == row.policy) {
            Some((_, rows)) => rows.push(row),
            None => all.push((&row.policy, vec![row])),
        }
    }
    all
}

pub(super) fn lines(lab: &Lab) -> Vec<Vec<String>> {
    let all = by_policy(lab);
    let mut lines = Vec::new();
    let worlds = all.first().map_or(&[][..], |(_, rows)| rows.as_slice());
    let heads = worlds.iter().map(|row| match is_good(row) {
        true => "no fault".to_owned(),
        false => format!("{} %", shown(row.fault_error_rate * 100.0)),
    });
    lines.push(["policy".to_owned()].into_iter().chain(heads).collect());
    lines.extend(all.iter().map(|(policy, rows)| {
        [(*policy).to_owned()].into_iter().chain(rows.iter().map(|row| cell(row))).collect()
    }));
    lines
}

/// Whether the new version of that world is as good as the old one.
pub(super) fn is_good(row: &Row) -> bool {
    row.fault_error_rate == row.baseline_error_rate
}

/// Without the digits that a binary fraction has too many.
fn shown(percent: f64) -> f64 {
    (percent * 1e6).round() / 1e6
}

pub(super) fn what(lab: &Lab) -> String {
    let Some(row) = lab.rows.first() else { return String::new() };
    format!(
        "{} rollouts each, {} requests a second, {} % of the old version's fail. Per error rate of the new version: the share \
         that went back (never, or else all where nothing is said), the median of seconds until then / the mean of requests \
         that the new version failed",
        lab.runs,
        row.requests_per_second,
        shown(row.baseline_error_rate * 100.0)
    )
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().map(|line| line.get(column).map_or(0, |cell| cell.chars().count())).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// For a terminal.
pub(super) fn text(lab: &Lab) -> String {
    let mut lines = lines(lab);
    let columns = lines.first().map_or(0, Vec::len);
    lines.insert(1, vec![String::new(); columns]);
    format!("{}\n\n{}", aligned(&lines), what(lab))
}

/// As Markdown.
pub(super) fn markdown(lab: &Lab) -> String {
    let mut lines = lines(lab);
    let columns = lines.first().map_or(0, Vec::len);
    lines.insert(1, vec!["---".to_owned(); columns]);
    let rows = lines.iter().map(|line| format!("| {} |", line.join(" | ")));
    format!("{}\n\n{}.\n", rows.collect::<Vec<_>>().join("\n"), what(lab))
}

/// What each policy would have done, for a terminal.
pub(super) fn replayed(all: &[Replayed]) -> String {
    aligned(&replays(all))
}

/// The same in lines of cells, the first one of which is the head.
pub(super) fn replays(all: &[Replayed]) -> Vec<Vec<String>> {
    let mut lines = vec![
        ["policy", "ended", "after s", "failed requests until then", "weights it asked for"]
            .map(str::to_owned)
            .to_vec(),
    ];
    lines.extend(all.iter().map(|one| {
        let weights = one.weights.iter().map(|(second, weight)| format!("{weight} % at {second}"));
        vec![
            one.policy.clone(),
            one.ended.clone(),
            one.seconds.to_string(),
            format!("{} of {}", one.failed_requests, one.failed_requests_in_trace),
            weights.collect::<Vec<_>>().join(", "),
        ]
    }));
    lines
}
