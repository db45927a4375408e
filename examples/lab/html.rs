//! The result as one HTML page: the answer, the failed requests of each policy over the error rate of the new version, and the
//! table. Its style is that of the reports of rollouts.

use std::fmt::Write as _;

use petswipe_monitor::lab::{Replayed, Row};

use super::table::is_good;
use super::{Lab, table};
use crate::report::{STYLE, escape};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 430.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 610.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 370.0;
/// A colour and a mark for each policy; where there are more, they begin again with dashes.
const COLOURS: usize = 9;
/// A policy goes back from a good release no more often than that, or it is no candidate for the answer.
const FALSE_ALARMS: f64 = 0.01;

/// The colours of the policies, told apart also in black and white by their marks.
const COLOURED: &str = "
:root {
  --p0: #c2410c; --p1: #1d4ed8; --p2: #15803d; --p3: #7e22ce; --p4: #0e7490; --p5: #a16207; --p6: #be185d; --p7: #475569;
  --p8: #000000;
}
@media (prefers-color-scheme: dark) { :root {
  --p0: #fb923c; --p1: #7aa7ff; --p2: #4ade80; --p3: #c99bff; --p4: #38d6ee; --p5: #facc15; --p6: #fb83b9; --p7: #a3b1c2;
  --p8: #ffffff;
} }
.p0 { --p: var(--p0); } .p1 { --p: var(--p1); } .p2 { --p: var(--p2); } .p3 { --p: var(--p3); } .p4 { --p: var(--p4); }
.p5 { --p: var(--p5); } .p6 { --p: var(--p6); } .p7 { --p: var(--p7); } .p8 { --p: var(--p8); }
svg .line[class*=' p'] { stroke: var(--p); } svg .mark { fill: var(--p); }
svg .axis { text-anchor: middle; fill: var(--soft); }
td { white-space: nowrap; } h1 { margin-bottom: 14px; }
";

/// The whole page.
pub(super) fn page(lab: &Lab) -> String {
    let note = escape(&table::what(lab));
    let body = format!(
        "{}<section>\n<h2>Failed requests by policy</h2>\n<figure>\n{}<figcaption>{note}.</figcaption>\n</figure>\n</section>\n\
         <section>\n<h2>All numbers</h2>\n{}</section>\n",
        answer(lab),
        chart(lab),
        rows(&table::lines(lab))
    );
    frame("Ways to roll out, compared", &body)
}

/// What policies did with a trace: the answer, and the table.
pub(super) fn replayed(all: &[Replayed], lines: &[Vec<String>]) -> String {
    let back: Vec<_> = all.iter().filter(|one| one.ended == "rolled back").collect();
    let outcome = format!("{} of {} policies went back", back.len(), all.len());
    let reason = match back.iter().min_by_key(|one| (one.failed_requests, one.seconds)) {
        Some(first) => format!(
            "{} at the least cost: after {} s and {} failed requests of the {} in the trace.",
            first.policy, first.seconds, first.failed_requests, first.failed_requests_in_trace
        ),
        None => "None of them saw a reason to go back.".to_owned(),
    };
    format!(
        "{}<section>\n<h2>All of them</h2>\n{}</section>\n",
        card(&outcome, &reason),
        rows(lines)
    )
}

fn card(outcome: &str, reason: &str) -> String {
    format!(
        "<header class=\"calm\">\n<p class=\"outcome\">{}</p>\n<p class=\"reason\">{}</p>\n</header>\n",
        escape(outcome),
        escape(reason)
    )
}

/// Which policies failed the fewest requests, of those that let a good release through; chance makes differences of a tenth.
fn answer(lab: &Lab) -> String {
    let all = table::by_policy(lab);
    let (wrong, sound): (Vec<_>, Vec<_>) = all.iter().partition(|(_, rows)| {
        rows.iter().any(|row| is_good(row) && row.rollback_share > FALSE_ALARMS)
    });
    let worlds = all.first().map_or(&[][..], |(_, rows)| rows.as_slice());
    let mut wins = vec![0; sound.len()];
    let mut costs = Vec::new();
    for (index, world) in worlds.iter().enumerate().filter(|(_, row)| !is_good(row)) {
        let cost =
            |rows: &[&Row]| rows.get(index).map_or(f64::INFINITY, |row| row.mean_failed_requests);
        let least = sound.iter().map(|(_, rows)| cost(rows)).fold(f64::INFINITY, f64::min);
        for (wins, (_, rows)) in wins.iter_mut().zip(&sound) {
            *wins += u32::from(cost(rows) <= least * 1.1);
        }
        if least.is_finite() {
            costs.push(format!("{least:.0} at {} %", (world.fault_error_rate * 1e4).round() / 1e2));
        }
    }
    let most = wins.iter().copied().max().unwrap_or_default();
    let best = sound.iter().zip(&wins).filter(|(_, wins)| **wins == most && most > 0);
    let best: Vec<_> = best.map(|((policy, _), _)| *policy).collect();
    let (outcome, cost) = match best.is_empty() {
        true => ("No policy lets a good release through".to_owned(), String::new()),
        false => (
            format!("{} failed the fewest requests", best.join("; ")),
            format!(
                "In {most} of {} worlds with a fault they are within a tenth of the fewest: on average {}. ",
                costs.len(),
                costs.join(", ")
            ),
        ),
    };
    let excluded = match wrong.is_empty() {
        true => "None of the policies went back from a good release more often than once in 100."
            .to_owned(),
        false => {
            let names: Vec<_> = wrong.iter().map(|(policy, _)| *policy).collect();
            format!(
                "Not counted, because they went back from a good release more often than once in 100: {}.",
                names.join("; ")
            )
        }
    };
    card(&outcome, &format!("{cost}{excluded}"))
}

/// Lines of cells as a table, the first one as its head.
fn rows(lines: &[Vec<String>]) -> String {
    let cells = |start: &str, end: &str, line: &Vec<String>| -> String {
        line.iter().map(|cell| format!("{start}{}{end}", escape(cell))).collect()
    };
    let (head, rest) = lines.split_at(lines.len().min(1));
    let head: String = head.iter().map(|line| cells("<th scope=\"col\">", "</th>", line)).collect();
    let rest: String =
        rest.iter().map(|line| format!("<tr>{}</tr>\n", cells("<td>", "</td>", line))).collect();
    format!(
        "<div class=\"table\">\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rest}</tbody>\n</table>\n</div>\n"
    )
}

/// A page that needs nothing else, and forbids scripts and every other resource.
pub(super) fn frame(title: &str, body: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{title}</title>
<style>
{STYLE}{COLOURED}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}</main>
</body>
</html>
"#
    )
}

/// The mark of a policy, around a point.
fn mark(out: &mut String, number: usize, x: f64, y: f64) {
    let colour = number % COLOURS;
    let path = match number % 5 {
        0 => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
        1 => "m-3.6 -3.6h7.2v7.2h-7.2Z",
        2 => "m0 -5.2l5.2 5.2l-5.2 5.2l-5.2 -5.2Z",
        3 => "m0 -5l4.8 8.4h-9.6Z",
        _ => "m0 5l4.8 -8.4h-9.6Z",
    };
    let _ = write!(out, r#"<path class="mark p{colour}" d="M{x:.1} {y:.1}{path}"/>"#);
}

fn chart(lab: &Lab) -> String {
    let all = table::by_policy(lab);
    let worlds = all.first().map_or(0, |(_, rows)| rows.len());
    let most = lab.rows.iter().map(|row| row.mean_failed_requests).fold(1.0, f64::max);
    let decades = most.log10().ceil().max(1.0);
    let x = |index: usize| LEFT + (RIGHT - LEFT) * index as f64 / (worlds.max(2) - 1) as f64;
    let y = |row: &Row| {
        // What is below one request is drawn on the axis.
        let level = row.mean_failed_requests.max(1.0).log10() / decades;
        BOTTOM - (BOTTOM - TOP) * level
    };
    let mut out = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Mean failed requests by policy and error rate">"#
    );
    // Writing to a string can't fail, here and below.
    for decade in 0..=decades as u32 {
        let at = BOTTOM - (BOTTOM - TOP) * f64::from(decade) / decades;
        let _ = write!(
            out,
            r#"<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{at:.1}" y2="{at:.1}"/><text class="tick" x="{:.1}" y="{:.1}">{}</text>"#,
            LEFT - 10.0,
            at + 4.0,
            10u64.pow(decade)
        );
    }
    let middle = f64::midpoint(TOP, BOTTOM);
    let _ = write!(
        out,
        r#"<text class="axis" x="16" y="{middle}" transform="rotate(-90 16 {middle})">mean failed requests, each line ten times the one below</text>"#
    );
    if let Some((_, rows)) = all.first() {
        for (index, row) in rows.iter().enumerate() {
            let label = match is_good(row) {
                true => "no fault".to_owned(),
                false => format!("{} %", (row.fault_error_rate * 1e4).round() / 1e2),
            };
            let (x, y) = (x(index), BOTTOM + 20.0);
            let _ = write!(out, r#"<text class="time" x="{x:.1}" y="{y:.1}">{label}</text>"#);
        }
    }
    let _ = write!(
        out,
        r#"<text class="axis" x="{:.1}" y="{:.1}">error rate of the new version</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 44.0
    );
    for (number, (policy, rows)) in all.iter().enumerate() {
        let colour = number % COLOURS;
        let dashes = if number < COLOURS { "" } else { r#" stroke-dasharray="6 4""# };
        let points =
            rows.iter().enumerate().map(|(index, row)| format!("{:.1},{:.1}", x(index), y(row)));
        let points = points.collect::<Vec<_>>().join(" ");
        let level = TOP + 12.0 + number as f64 * 24.0;
        let (from, to) = (RIGHT + 20.0, RIGHT + 50.0);
        let _ = write!(
            out,
            r#"<polyline class="line p{colour}" points="{points}"{dashes}/><path class="line p{colour}" d="M{from} {level}H{to}"{dashes}/><text x="{:.1}" y="{:.1}">{}</text>"#,
            to + 8.0,
            level + 4.0,
            escape(policy)
        );
        mark(&mut out, number, f64::midpoint(from, to), level);
        for (index, row) in rows.iter().enumerate() {
            mark(&mut out, number, x(index), y(row));
        }
    }
    out + "</svg>\n"
}
