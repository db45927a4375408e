//! The charts: one figure whose panels share one axis of time. Drawn once for wide screens and paper, once for phones.

use std::fmt::Write as _;

use super::facts::Facts;
use super::panels::{Label, Panel, panels};
use super::series::{Phase, Traffic, extent, phases, seconds};
use super::svg::{Scale, apart, at, escape, time_label, time_ticks};
use super::text;

/// Roughly how wide a character is, in the same unit as everything else. On the wide side.
const CHARACTER: f64 = 6.3;
const PHASES: f64 = 22.0;
const CHECKS: f64 = 30.0;
const TITLE: f64 = 34.0;
const LEGEND: f64 = 18.0;

/// The widths of a figure.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    wide: bool,
    width: f64,
    /// Where the plots begin and end.
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Layout {
    const WIDE: Self = Self { wide: true, width: 920.0, left: 56.0, right: 780.0 };
    const NARROW: Self = Self { wide: false, width: 360.0, left: 48.0, right: 352.0 };
}

/// The figures, for wide and for narrow screens; `None` when nothing was ever begun or seen.
pub(super) fn charts(facts: &Facts<'_>) -> Option<[String; 2]> {
    let report = facts.report;
    let anything = !report.stages.is_empty() || !report.checks.is_empty();
    let traffic = Traffic::of(facts);
    let moved = facts.weights.len() > 1;
    if !anything && !moved && traffic.is_none() {
        return None;
    }
    Some([Layout::WIDE, Layout::NARROW].map(|layout| figure(facts, traffic.as_ref(), layout)))
}

fn figure(facts: &Facts<'_>, traffic: Option<&Traffic>, layout: Layout) -> String {
    let x = Scale::linear(extent(facts.report), (layout.left, layout.right));
    let panels = panels(facts, traffic, &x);
    let mut body = String::new();
    let mut top = PHASES + CHECKS;
    for panel in &panels {
        top += TITLE;
        draw_panel(&mut body, panel, layout, &mut top);
    }
    let phases = phases(facts.report);
    let bottom = top;
    let mut out = String::new();
    let class = if layout.wide { "wide" } else { "narrow" };
    // Writing to a string can't fail, here and below.
    let _ = write!(
        out,
        r#"<svg class="{class}" viewBox="0 0 {} {}" role="img" aria-label="{}">"#,
        at(layout.width),
        at(bottom + 38.0),
        escape(&description(facts, &panels)),
    );
    boundaries(&mut out, &phases, &x, bottom);
    out.push_str(&body);
    axis(&mut out, &x, layout, bottom);
    bands(&mut out, &phases, &x);
    if let (Some(traffic), true) = (traffic, layout.wide) {
        hovers(&mut out, facts, traffic, &x, bottom);
    }
    checks(&mut out, facts, &x, layout);
    out.push_str("</svg>");
    out
}

fn description(facts: &Facts<'_>, panels: &[Panel]) -> String {
    let titles: Vec<&str> = panels.iter().map(|panel| panel.title.as_str()).collect();
    format!(
        "Over {} of this rollout, by time since it began: stages, verdicts of {}{}{}. The tables below hold the numbers.",
        text::span(facts.took()),
        text::counted(facts.report.checks.len() as u64, "check", "checks"),
        if titles.is_empty() { "" } else { "; " },
        titles.join("; "),
    )
}

/// Draws a panel below `top` and moves `top` to its lower edge.
fn draw_panel(out: &mut String, panel: &Panel, layout: Layout, top: &mut f64) {
    let Layout { left, right, .. } = layout;
    let _ = write!(
        out,
        r#"<text class="title" x="{}" y="{}">{}</text>"#,
        at(if layout.wide { left } else { 0.0 }),
        at(*top - 10.0),
        escape(&panel.title),
    );
    if !layout.wide {
        legend(out, &panel.labels, layout, top);
    }
    let _ = write!(out, r#"<g transform="translate(0 {})">"#, at(*top));
    for (y, label) in &panel.ticks {
        let class = if (*y - panel.height).abs() < 0.5 { "base" } else { "grid" };
        let _ = write!(
            out,
            r#"<path class="{class}" d="M{} {}H{}"/><text class="tick" x="{}" y="{}">{}</text>"#,
            at(left),
            at(*y),
            at(right),
            at(left - 7.0),
            at(*y + 4.0),
            escape(label),
        );
    }
    out.push_str(&panel.body);
    if layout.wide {
        let wanted: Vec<f64> = panel.labels.iter().map(|label| label.y).collect();
        let room = (panel.height - 6.0) / wanted.len().saturating_sub(1).max(1) as f64;
        let places = apart(&wanted, room.min(15.0), 4.0, panel.height - 2.0);
        for (label, y) in panel.labels.iter().zip(places) {
            swatch(out, label, right + 10.0, y);
            name(out, label, right + 30.0, y + 4.0);
        }
    }
    out.push_str("</g>");
    *top += panel.height;
}

/// Labels in rows below the title, where there is no room beside the plot.
fn legend(out: &mut String, labels: &[Label], layout: Layout, top: &mut f64) {
    let (mut x, mut y) = (0.0, *top + 4.0);
    for label in labels {
        let width = 20.0 + CHARACTER * label.text.chars().count() as f64 + 12.0;
        if x > 0.0 && x + width > layout.width {
            (x, y) = (0.0, y + LEGEND);
        }
        swatch(out, label, x, y);
        name(out, label, x + 20.0, y + 4.0);
        x += width;
    }
    *top = if labels.is_empty() { *top } else { y + 20.0 };
}

fn swatch(out: &mut String, label: &Label, x: f64, y: f64) {
    let Label { class, .. } = label;
    let _ = if class.contains("area") {
        let (x, y) = (at(x + 2.0), at(y - 5.0));
        write!(out, r#"<rect class="{class}" x="{x}" y="{y}" width="11" height="10" rx="2"/>"#)
    } else {
        write!(out, r#"<path class="{class}" d="M{} {}h15"/>"#, at(x), at(y))
    };
}

fn name(out: &mut String, label: &Label, x: f64, y: f64) {
    let _ = write!(
        out,
        r#"<text class="label" x="{}" y="{}"><title>{}</title>{}</text>"#,
        at(x),
        at(y),
        escape(&label.full),
        escape(&label.text),
    );
}

fn boundaries(out: &mut String, phases: &[Phase], x: &Scale, bottom: f64) {
    for (index, phase) in phases.iter().enumerate().filter(|(_, phase)| phase.is_stage) {
        let mut line = |seconds: f64| {
            let x = at(x.of(seconds));
            let _ = write!(out, r#"<path class="stage-line" d="M{x} {PHASES}V{}"/>"#, at(bottom));
        };
        line(phase.from);
        // Where another stage follows at once, its own line is enough.
        if phases.get(index + 1).is_none_or(|next| !next.is_stage || next.from - phase.to > 0.5) {
            line(phase.to);
        }
    }
}

fn bands(out: &mut String, phases: &[Phase], x: &Scale) {
    for phase in phases {
        let (from, to) = (x.of(phase.from), x.of(phase.to));
        let (gap, width) = (if phase.is_stage { 1.0 } else { 0.0 }, to - from);
        let full = phase.labels.first().map(String::as_str).unwrap_or_default();
        if phase.is_stage {
            let _ = write!(
                out,
                r#"<rect class="band" x="{}" y="0" width="{}" height="{PHASES}" rx="3"><title>{}</title></rect>"#,
                at(from + gap),
                at((width - 2.0 * gap).max(1.0)),
                escape(full),
            );
        }
        let fits = |label: &&String| CHARACTER * label.chars().count() as f64 + 6.0 <= width;
        if let Some(label) = phase.labels.iter().find(fits) {
            let class = if phase.is_stage { "band-name" } else { "band-name around" };
            let (x, y) = (at((from + to) / 2.0), at(PHASES - 7.0));
            let _ =
                write!(out, r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escape(label));
        }
    }
}

/// One mark for each check: a disc, a diamond or a ring. Of those that would lie upon each other the worst is drawn.
fn checks(out: &mut String, facts: &Facts<'_>, x: &Scale, layout: Layout) {
    let report = facts.report;
    if report.checks.is_empty() {
        return;
    }
    let y = PHASES + 16.0;
    let _ = write!(
        out,
        r#"<text class="tick" x="{}" y="{}">checks</text>"#,
        at(layout.left - 7.0),
        at(y + 4.0)
    );
    let mut edge = 0.0;
    let places: Vec<_> = report.checks.iter().map(|c| (x.of(seconds(report, c.at)), c)).collect();
    let mut rest = places.as_slice();
    while let Some((first, _)) = rest.first() {
        let near = rest.iter().take_while(|(place, _)| place - first < 9.0).count().max(1);
        let (group, after) = rest.split_at(near);
        rest = after;
        let badness = |verdict: &str| match verdict {
            "fail" => 2,
            "pass" => 0,
            _ => 1,
        };
        let worst = group.iter().rev().max_by_key(|(_, check)| badness(&check.verdict));
        let Some((place, check)) = worst else { break };
        let verdict = check.verdict.as_str();
        // A failure is where it was; others keep their distance.
        let place = if verdict == "fail" { place } else { first };
        edge = place.max(edge);
        let (x, y) = (at(*place), at(y));
        let shape = match verdict {
            "pass" => format!(r#"<circle class="pass" cx="{x}" cy="{y}" r="4">"#),
            "fail" => {
                format!(
                    r#"<path class="fail" d="M{x} {}l6.5 6.5l-6.5 6.5l-6.5 -6.5Z">"#,
                    at(PHASES + 9.5)
                )
            }
            _ => format!(r#"<circle class="unsure" cx="{x}" cy="{y}" r="3.5">"#),
        };
        let close = if verdict == "fail" { "path" } else { "circle" };
        let time = text::offset(report.started_at, check.at);
        let found = text::check(&check.verdict, &check.evidence, &check.text);
        let mut what = format!("{time} at {}: {found}", check.weight);
        if !check.sources.is_empty() {
            let _ = write!(what, " (from {})", check.sources.join(", "));
        }
        if near > 1 {
            let _ = write!(what, " (the worst of {near} checks)");
        }
        let _ = write!(out, "{shape}<title>{}</title></{close}>", escape(&what));
    }
    if let Some((off, took)) = facts.traffic_off() {
        let note = format!("traffic off +{}", text::span(took));
        let from = (x.of(seconds(report, off)) + 6.0).max(edge + 12.0);
        if from + CHARACTER * note.chars().count() as f64 <= layout.width {
            let (x, y) = (at(from), at(y + 4.0));
            let _ = write!(out, r#"<text class="note" x="{x}" y="{y}">{}</text>"#, escape(&note));
        }
    }
}

/// Invisible columns that tell the numbers of their time to a pointer.
fn hovers(out: &mut String, facts: &Facts<'_>, traffic: &Traffic, x: &Scale, bottom: f64) {
    let top = PHASES + CHECKS;
    for index in 0..traffic.len() {
        let (from, to) = traffic.span(index);
        let (left, right) = (x.of(from), x.of(to));
        let mut lines = vec![format!("{} to {}", time_label(from.round()), time_label(to.round()))];
        for (version, name) in facts.versions.iter().enumerate() {
            let bucket = traffic.bucket(version, index);
            if bucket.requests == 0 {
                continue;
            }
            let requests = text::counted(bucket.requests, "request", "requests");
            let mut line = format!("{name}: {requests}, {} failed", text::count(bucket.failed));
            if let (Some(p50), Some(p99)) = (bucket.p50, bucket.p99) {
                let (p50, p99) = (text::measured(p50), text::measured(p99));
                let _ = write!(line, ", p50 {p50} ms, p99 {p99} ms");
            }
            lines.push(line);
        }
        // Line by line: a control character in a name does not survive, but these line ends shall.
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        let _ = write!(
            out,
            r#"<rect class="hover" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>"#,
            at(left),
            at(top),
            at((right - left).max(0.1)),
            at(bottom - top),
            lines.join("\n"),
        );
    }
}

fn axis(out: &mut String, x: &Scale, layout: Layout, bottom: f64) {
    let (low, high) = x.domain();
    for seconds in time_ticks(low, high, if layout.wide { 10 } else { 4 }) {
        let place = x.of(seconds);
        let _ = write!(
            out,
            r#"<path class="base" d="M{} {}v5"/><text class="time" x="{}" y="{}">{}</text>"#,
            at(place),
            at(bottom),
            at(place),
            at(bottom + 19.0),
            escape(&time_label(seconds)),
        );
    }
    let _ = write!(
        out,
        r#"<text class="time" x="{}" y="{}">time since the start</text>"#,
        at((layout.left + layout.right) / 2.0),
        at(bottom + 35.0),
    );
}
