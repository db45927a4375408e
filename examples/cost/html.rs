//! The report as one HTML page that needs nothing else: no network, no script, no fonts.

use std::fmt::Write as _;

use petswipe_cost::{Finding, Money, Range, Report};

use super::text;
use crate::report::{STYLE, escape};

mod chart;
mod trend;

/// What this page has beside the style of all reports.
const OWN_STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    let account = report.account.as_deref().unwrap_or("not known");
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
<title>Cost report of account {}</title>
<style>
{STYLE}{OWN_STYLE}</style>
</head>
<body>
<main>
"#,
        escape(account),
    );
    header(&mut out, report, account);
    figures(&mut out, report);
    let areas: Vec<_> =
        report.totals.by_area.iter().map(|(area, sum)| (area.clone(), *sum)).collect();
    charted(&mut out, "By area", "Where savings are", &areas);
    if let Some(tag) = &report.totals.tag {
        let values = report.totals.by_tag.iter().map(|(value, sum)| (text::tag_value(value), *sum));
        charted(&mut out, &format!("By tag {tag}"), "Whose they are", &values.collect::<Vec<_>>());
    }
    if report.regions.len() > 1 {
        let regions = report.totals.by_region.iter().map(|(region, sum)| (region.clone(), *sum));
        charted(&mut out, "By region", "Where they run", &regions.collect::<Vec<_>>());
    }
    spend(&mut out, report);
    if let Some(opinion) = &report.aws_opinion {
        list(&mut out, super::opinion::TITLE, &super::opinion::lines(opinion));
    }
    list(&mut out, "Not analysed", &text::missing(&report.not_analysed));
    changes(&mut out, report);
    list(&mut out, "Remarks", &text::remarks(report));
    findings(&mut out, report);
    unknown(&mut out, report);
    let _ = writeln!(out, "<p class=\"foot\">The scan took {}.</p>", escape(&text::scan(report)));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn header(out: &mut String, report: &Report, account: &str) {
    let (tone, state) = if report.partial {
        ("unsure", "A part: not everything was looked at")
    } else {
        ("good", "Everything was looked at")
    };
    let regions: Vec<_> = report.regions.iter().map(|region| region.as_str()).collect();
    let _ = write!(
        out,
        r#"<header class="{tone}">
<p class="eyebrow">Cost report</p>
<h1>Account {}</h1>
<p class="outcome">{}</p>
<p class="meaning">At list prices, before discounts that the account may have.</p>
<dl>
<div><dt>Scan</dt><dd>{state}</dd></div>
<div><dt>Made at</dt><dd>{}</dd></div>
<div><dt>Regions</dt><dd>{}</dd></div>
</dl>
</header>
"#,
        escape(account),
        escape(&text::headline(report)),
        report.at.strftime("%Y-%m-%d %H:%M UTC"),
        escape(&regions.join(", ")),
    );
}

fn figures(out: &mut String, report: &Report) {
    let totals = &report.totals;
    let resources: u64 = report.resources.values().sum();
    let year = |amount: Money| std::iter::repeat_n(amount, 12).sum::<Money>();
    let figures = [
        (
            "At least, a month",
            totals.monthly_saving.low.to_string(),
            format!("{} a year", year(totals.monthly_saving.low)),
        ),
        (
            "At most, a month",
            totals.monthly_saving.high.to_string(),
            format!("{} a year", year(totals.monthly_saving.high)),
        ),
        ("Findings", totals.findings.to_string(), format!("in {resources} resources")),
        ("Not known", totals.unknown.to_string(), "too little was measured".to_owned()),
        (
            "Not analysed",
            text::missing(&report.not_analysed).len().to_string(),
            "reasons, named below".to_owned(),
        ),
    ];
    out.push_str("<section aria-label=\"Key figures\">\n<dl class=\"figures\">\n");
    for (name, value, note) in figures {
        let _ = writeln!(
            out,
            r#"<div><dt>{name}</dt><dd class="value">{value}</dd><dd class="note">{note}</dd></div>"#
        );
    }
    out.push_str("</dl>\n</section>\n");
}

fn charted(out: &mut String, title: &str, label: &str, bars: &[(String, Range)]) {
    if bars.is_empty() {
        return;
    }
    let _ = write!(out, "<section>\n<h2>{}</h2>\n<figure>\n", escape(title));
    for wide in [true, false] {
        out.push_str(&chart::bars(label, bars, wide));
    }
    out.push_str("<figcaption><span class=\"key\"><span class=\"swatch least\"></span>at least</span> <span class=\"key\"><span class=\"swatch most\"></span>at most</span> <span>a month</span></figcaption>\n</figure>\n</section>\n");
}

fn spend(out: &mut String, report: &Report) {
    let Some(spend) = &report.spend else { return };
    out.push_str("<section>\n<h2>Spend</h2>\n<figure>\n");
    for wide in [true, false] {
        out.push_str(&trend::days(spend, wide));
    }
    out.push_str("<figcaption><span class=\"key\"><span class=\"swatch least\"></span>a day</span> <span class=\"key\"><span class=\"swatch most\"></span>may still grow</span> <span class=\"key\"><span class=\"swatch jump\"></span>stands out</span></figcaption>\n</figure>\n<ul>\n");
    for line in super::spend::lines(spend) {
        let _ = writeln!(out, "<li>{}</li>", escape(&line));
    }
    out.push_str("</ul>\n");
    for (head, lines) in super::spend::tables(spend, 10) {
        // The days are in the figure.
        if head == super::spend::DAYS {
            continue;
        }
        let _ = write!(
            out,
            "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"{head}\">\n<table>\n<thead><tr><th scope=\"col\">{head}</th><th scope=\"col\">{}</th></tr></thead>\n<tbody>\n",
            spend.currency
        );
        for (name, amount) in lines {
            let _ = writeln!(out, "<tr><td>{}</td><td>{amount}</td></tr>", escape(&name));
        }
        out.push_str("</tbody>\n</table>\n</div>\n");
    }
    out.push_str("</section>\n");
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "<section>\n<h2>{}</h2>\n<ul>", escape(title));
    for line in lines {
        let _ = writeln!(out, "<li>{}</li>", escape(line));
    }
    out.push_str("</ul>\n</section>\n");
}

fn changes(out: &mut String, report: &Report) {
    let Some(changes) = &report.changes else { return };
    let mut lines = Vec::new();
    for (what, ids) in [
        ("new", &changes.new),
        ("gone", &changes.gone),
        ("not looked at", &changes.not_looked_at),
        ("hidden by a suppression or a tag", &changes.hidden),
    ] {
        lines.extend(ids.iter().map(|id| format!("{what}: {id}")));
    }
    for (what, list) in [("grown", &changes.grown), ("shrunk", &changes.shrunk)] {
        let line = |change: &petswipe_cost::Change| {
            format!(
                "{what}: {}: {}, now {}",
                change.id,
                text::range(change.was),
                text::range(change.is)
            )
        };
        lines.extend(list.iter().map(line));
    }
    if lines.is_empty() {
        lines.push("nothing is different from the older report".to_owned());
    }
    list(out, "Changes", &lines);
}

fn findings(out: &mut String, report: &Report) {
    out.push_str("<section>\n<h2>Findings</h2>\n");
    if report.findings.is_empty() {
        out.push_str("<p>Nothing was found to save.</p>\n</section>\n");
        return;
    }
    out.push_str("<p>The most first. Open one for its evidence and what to do.</p>\n<div class=\"findings\">\n");
    report.findings.iter().for_each(|one| finding(out, one));
    out.push_str("</div>\n</section>\n");
}

fn finding(out: &mut String, finding: &Finding) {
    let aside = if finding.alternative_to.is_some() { " aside" } else { "" };
    let _ = write!(
        out,
        r#"<details class="finding{aside}"><summary><span class="area">{}</span> <span class="what">{} <span class="soft">{}</span></span> <span class="money">{}</span></summary>
<p>{}: {}.</p>
<ul>
"#,
        escape(finding.area.as_str()),
        escape(&text::resource(finding)),
        escape(finding.region.as_str()),
        escape(&text::saving(finding)),
        finding.verdict,
        escape(&finding.reason),
    );
    for evidence in &finding.evidence {
        let _ = writeln!(out, "<li>{}</li>", escape(&evidence.to_string()));
    }
    if let Some(other) = &finding.alternative_to {
        let _ = writeln!(out, "<li>not in the total: an alternative to {}</li>", escape(other));
    }
    let _ = writeln!(
        out,
        "<li>{} confidence; {} risk: {}</li>",
        finding.confidence,
        finding.risk.level,
        escape(&finding.risk.why)
    );
    if let Some(saving) = &finding.monthly_saving {
        let quotes = saving
            .prices
            .iter()
            .map(|quote| format!("{} {} of {}", quote.key, quote.price, quote.priced_at));
        let quotes: Vec<_> = quotes.collect();
        if !quotes.is_empty() {
            let _ = writeln!(out, "<li>prices: {}</li>", escape(&quotes.join(", ")));
        }
    }
    let _ = writeln!(out, "</ul>\n<p>To do: {}.</p>", escape(&finding.remediation.summary));
    if !finding.remediation.commands.is_empty() {
        // Line breaks of a command are text, and `escape` would take them for control characters.
        let commands = finding.remediation.commands.iter().map(|command| escape(command));
        let _ =
            writeln!(out, "<pre><code>{}</code></pre>", commands.collect::<Vec<_>>().join("\n"));
    }
    out.push_str("</details>\n");
}

fn unknown(out: &mut String, report: &Report) {
    if report.unknown.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Not known</h2>\n<p>No data is no sign that nobody uses it.</p>\n<div class=\"table cards\" tabindex=\"0\" role=\"region\" aria-label=\"Not known\">\n<table>\n<thead><tr><th scope=\"col\">Area</th><th scope=\"col\">Resource</th><th scope=\"col\">Region</th><th scope=\"col\">What is missing</th></tr></thead>\n<tbody>\n");
    for one in &report.unknown {
        let _ = writeln!(
            out,
            r#"<tr><td class="short" data-label="Area">{}</td><td data-label="Resource"><div>{}</div></td><td class="short" data-label="Region">{}</td><td data-label="Missing"><div>{}</div></td></tr>"#,
            escape(one.area.as_str()),
            escape(&one.resource),
            escape(one.region.as_str()),
            escape(&one.reason),
        );
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}
