//! The report as one HTML page that needs nothing else: no network, no script, no fonts.

use std::fmt::Write as _;

use jiff::Timestamp;
use petswipe_deploy::Report;

use super::charts::charts;
use super::facts::{Facts, Tone};
use super::svg::escape;
use super::tables::{Cell, Column, Section, figures, sections};
use super::text;

/// Written into the page.
pub(crate) const STYLE: &str = include_str!("style.css");
/// Text of up to so many bytes in a table is not broken into lines, unless it is a change from one value to another.
const SHORT: usize = 26;

/// The report as one self-contained HTML page with charts, for light and dark screens, phones and paper.
///
/// Text from the report is escaped, and the page forbids scripts and every other resource.
pub fn html(report: &Report) -> String {
    let facts = Facts::of(report);
    let mut out = String::new();
    let title = format!("{}: {} of {}", facts.headline.word, report.strategy, report.service);
    // Writing to a string can't fail, here and below.
    let _ = write!(
        out,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
"#,
        escape(&title),
    );
    header(&mut out, &facts);
    if facts.is_begun() {
        key_figures(&mut out, &facts);
        figure(&mut out, &facts);
    }
    // Small tables stand side by side where there is room.
    for group in sections(&facts).chunk_by(|one, next| one.small && next.small) {
        out.push_str("<div class=\"group\">\n");
        group.iter().for_each(|part| section(&mut out, part));
        out.push_str("</div>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unsure => "unsure",
        Tone::Calm => "calm",
    }
}

fn time(at: Timestamp) -> String {
    format!(r#"<time datetime="{at}">{}</time>"#, text::time(at))
}

fn header(out: &mut String, facts: &Facts<'_>) {
    let (report, headline) = (facts.report, &facts.headline);
    let _ = write!(
        out,
        r#"<header class="{}">
<p class="eyebrow">{} rollout</p>
<h1>{}</h1>
<p class="outcome"><span class="icon" aria-hidden="true">{}</span> {}</p>
<p class="reason">{}</p>
"#,
        tone(headline.tone),
        escape(&report.strategy),
        escape(&report.service),
        headline.icon,
        escape(&headline.word),
        escape(&headline.reason),
    );
    if !headline.meaning.is_empty() {
        let _ = writeln!(out, r#"<p class="meaning">{}</p>"#, headline.meaning);
    }
    let mut about = vec![
        ("Took", text::span(facts.took())),
        ("Started", time(report.started_at)),
        (facts.ended(), time(report.finished_at)),
    ];
    if report.resumed > 0 {
        about.push(("Resumed", text::counted(u64::from(report.resumed), "time", "times")));
    }
    about.push(("Operation", format!("<code>{}</code>", escape(&report.operation))));
    out.push_str("<dl>\n");
    for (name, value) in about {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n</header>\n");
}

fn key_figures(out: &mut String, facts: &Facts<'_>) {
    out.push_str("<section aria-label=\"Key figures\">\n<dl class=\"figures\">\n");
    for figure in figures(facts) {
        let _ = write!(
            out,
            r#"<div><dt>{}</dt><dd class="value {}">{}</dd>"#,
            figure.name,
            tone(figure.tone),
            escape(&figure.value),
        );
        for note in &figure.notes {
            let _ = write!(out, r#"<dd class="note">{}</dd>"#, escape(note));
        }
        out.push_str("</div>\n");
    }
    out.push_str("</dl>\n</section>\n");
}

fn figure(out: &mut String, facts: &Facts<'_>) {
    out.push_str("<section>\n<h2>How it went</h2>\n");
    let Some([wide, narrow]) = charts(facts) else {
        out.push_str("<p>No stage was begun, so there is nothing to draw.</p>\n</section>\n");
        return;
    };
    let _ = write!(out, "<figure>\n{wide}\n{narrow}\n<figcaption>");
    if !facts.report.checks.is_empty() {
        for (class, shape, name) in [
            ("pass", r#"<circle class="pass" cx="7" cy="7" r="4"/>"#, "pass"),
            ("fail", r#"<path class="fail" d="M7 .5l6.5 6.5l-6.5 6.5l-6.5 -6.5Z"/>"#, "fail"),
            ("unsure", r#"<circle class="unsure" cx="7" cy="7" r="3.5"/>"#, "inconclusive"),
        ] {
            let _ = write!(
                out,
                r#"<span class="key {class}"><svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">{shape}</svg> {name}</span> "#
            );
        }
    }
    let source = match &facts.report.traffic {
        Some(traffic) if !traffic.series.is_empty() => {
            "Requests, errors and times to answer are as their senders counted them."
        }
        _ => "Nobody counted requests: errors and times to answer are what the health checks read.",
    };
    let _ = writeln!(out, "<span>{source}</span></figcaption>\n</figure>\n</section>");
}

fn section(out: &mut String, section: &Section) {
    let _ = writeln!(out, "<section>\n<h2>{}</h2>", section.title);
    if !section.intro.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escape(&section.intro));
    }
    if !section.rows.is_empty() {
        let _ = write!(
            out,
            "<div class=\"table{}\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\n<table>\n<thead><tr>",
            if section.small { "" } else { " cards" },
            section.title
        );
        for Column { title, numeric } in &section.columns {
            let class = if *numeric { r#" class="number""# } else { "" };
            let _ = write!(out, r#"<th scope="col"{class}>{title}</th>"#);
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for cells in &section.rows {
            out.push_str("<tr>");
            for (column, cell) in section.columns.iter().zip(cells) {
                let short =
                    cell.0.iter().all(|(_, text)| text.len() <= SHORT && !text.contains('→'));
                let class = match column.numeric {
                    true => r#" class="number""#,
                    false if short => r#" class="short""#,
                    false => "",
                };
                let title = column.title;
                let lines = lines(cell);
                let _ = write!(out, r#"<td{class} data-label="{title}"><div>{lines}</div></td>"#);
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table>\n</div>\n");
    }
    out.push_str("</section>\n");
}

fn lines(cell: &Cell) -> String {
    let lines = cell.0.iter().map(|(line, text)| match line {
        Tone::Calm => escape(text),
        _ => format!(
            r#"<span class="{}"><b aria-hidden="true">{}</b> {}</span>"#,
            tone(*line),
            line.sign(),
            escape(text)
        ),
    });
    lines.collect::<Vec<_>>().join("<br/>")
}
