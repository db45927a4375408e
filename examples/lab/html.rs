//! The result as one HTML page: the failed requests of each policy over the error rate of the new version, and the table.

use std::fmt::Write as _;

use petswipe_monitor::lab::Row;

use super::{Lab, table};
use crate::report::escape;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 370.0;
/// One for each policy. Where there are more policies, dashes tell them apart.
const COLOURS: [&str; 4] = ["#c2410c", "#1d4ed8", "#15803d", "#7e22ce"];
/// How the lines of the first four policies are drawn, of the second four, and so on.
const DASHES: [&str; 4] =
    ["", " stroke-dasharray=\"6 4\"", " stroke-dasharray=\"2 3\"", " stroke-dasharray=\"9 3 2 3\""];

/// The whole page.
pub(super) fn page(lab: &Lab) -> String {
    let body =
        format!("{}{}<p>{}.</p>", chart(lab), rows(&table::lines(lab)), escape(&table::what(lab)));
    frame("Ways to roll out, compared", &body)
}

/// Lines of cells as a table, the first one as its head.
pub(super) fn rows(lines: &[Vec<String>]) -> String {
    let line = |(index, line): (usize, &Vec<String>)| {
        let tag = if index == 0 { "th" } else { "td" };
        let cells = line.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    format!("<table>\n{}</table>\n", lines.iter().enumerate().map(line).collect::<String>())
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
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ text-align: right; padding: 0.3rem 0.5rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }}
svg {{ max-width: 100%; height: auto; }}
svg text {{ fill: currentColor; font: 12px system-ui, sans-serif; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"#
    )
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
            r#"<line x1="{LEFT}" x2="{RIGHT}" y1="{at:.1}" y2="{at:.1}" stroke="currentColor" stroke-opacity="0.2"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 8.0,
            at + 4.0,
            10u64.pow(decade)
        );
    }
    if let Some((_, rows)) = all.first() {
        for (index, row) in rows.iter().enumerate() {
            let label = match row.fault_error_rate == row.baseline_error_rate {
                true => "no fault".to_owned(),
                false => format!("{} %", (row.fault_error_rate * 1e4).round() / 1e2),
            };
            let _ = write!(
                out,
                r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
                x(index),
                BOTTOM + 18.0
            );
        }
    }
    let _ = write!(
        out,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">error rate of the new version; up: mean requests that it failed until it was taken away or promoted</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 40.0
    );
    for (number, (policy, rows)) in all.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let dashes = DASHES[number / COLOURS.len() % DASHES.len()];
        let points =
            rows.iter().enumerate().map(|(index, row)| format!("{:.1},{:.1}", x(index), y(row)));
        let points = points.collect::<Vec<_>>().join(" ");
        let level = TOP + 12.0 + number as f64 * 22.0;
        let _ = write!(
            out,
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/><line x1="{:.1}" x2="{:.1}" y1="{level:.1}" y2="{level:.1}" stroke="{colour}" stroke-width="2"{dashes}/><text x="{:.1}" y="{:.1}">{}</text>"#,
            RIGHT + 20.0,
            RIGHT + 48.0,
            RIGHT + 54.0,
            level + 4.0,
            escape(policy)
        );
    }
    out + "</svg>\n"
}
