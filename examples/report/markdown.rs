//! The report as GitHub-flavoured Markdown: for pull requests, job summaries and chats.

use std::fmt::Write as _;

use petswipe_deploy::Report;

use super::facts::{Facts, Tone};
use super::tables::{Cell, Section, figures, sections};
use super::text;

/// The report as GitHub-flavoured Markdown, with the same facts as the HTML page except for its charts.
///
/// Text from the report is escaped: it can't end a table's cell, begin a heading or add HTML.
pub fn markdown(report: &Report) -> String {
    let facts = Facts::of(report);
    let headline = &facts.headline;
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write!(
        out,
        "# {} {}: {} of {}\n\n**{}**\n\n{}",
        headline.icon,
        escape(&headline.word),
        escape(&report.strategy),
        escape(&report.service),
        escape(&headline.reason),
        headline.meaning,
    );
    if !headline.meaning.is_empty() {
        out.push_str("\n\n");
    }
    let mut about = vec![
        ("Operation", escape(&report.operation)),
        ("Started", text::time(report.started_at)),
        (facts.ended(), text::time(report.finished_at)),
        ("Took", text::span(facts.took())),
    ];
    if report.resumed > 0 {
        let times = text::counted(u64::from(report.resumed), "time", "times");
        about.push(("Resumed", times));
    }
    for figure in figures(&facts) {
        let notes = figure.notes.join(", ");
        let value = match notes.is_empty() {
            true => escape(&figure.value),
            false => escape(&format!("{} ({notes})", figure.value)),
        };
        about.push((figure.name, value));
    }
    out.push_str("| Fact | Value |\n| --- | --- |\n");
    for (name, value) in about {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    for part in sections(&facts) {
        section(&mut out, &part);
    }
    out
}

fn section(out: &mut String, section: &Section) {
    let _ = write!(out, "\n## {}\n\n", section.title);
    if !section.intro.is_empty() {
        let _ = writeln!(out, "{}", escape(&section.intro));
        if !section.rows.is_empty() {
            out.push('\n');
        }
    }
    if section.rows.is_empty() {
        return;
    }
    for column in &section.columns {
        let _ = write!(out, "| {} ", column.title);
    }
    out.push_str("|\n");
    for column in &section.columns {
        out.push_str(if column.numeric { "| ---: " } else { "| --- " });
    }
    out.push_str("|\n");
    for row in &section.rows {
        for cell in row {
            let _ = write!(out, "| {} ", line(cell));
        }
        out.push_str("|\n");
    }
}

fn line(cell: &Cell) -> String {
    let lines = cell.0.iter().map(|(tone, text)| match tone {
        Tone::Calm => escape(text),
        _ => format!("{} {}", tone.sign(), escape(text)),
    });
    lines.collect::<Vec<_>>().join("<br>")
}

/// Text as text: nothing in it is Markdown or HTML any more.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '$' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
