//! The report as Markdown, for a pull request or a page of a wiki.

use std::fmt::Write as _;

use petswipe_cost::Report;

use super::text;

/// What others wrote, as text in a table.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '<' | '[' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A command in a block that none of its own backticks can end.
fn block(commands: &[String]) -> String {
    let all = commands.join("\n");
    let mut fence = "```".to_owned();
    while all.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}sh\n{all}\n{fence}\n")
}

pub(super) fn report(report: &Report) -> String {
    let mut out = String::new();
    let account = report.account.as_deref().unwrap_or("not known");
    // Writing to a string can't fail, here and below.
    let _ = writeln!(out, "# Cost report of account {}\n", cell(account));
    let _ = writeln!(
        out,
        "**{}** at list prices, before discounts. Made at {}.\n",
        text::headline(report),
        report.at
    );
    if report.partial {
        let _ = writeln!(out, "This is a part: not everything was looked at.\n");
    }
    let _ = writeln!(out, "| area | monthly saving |\n|---|---:|");
    for (area, sum) in &report.totals.by_area {
        let _ = writeln!(out, "| {} | {} |", cell(area), text::range(*sum));
    }
    if let Some(tag) = &report.totals.tag {
        let _ = writeln!(out, "\n| {} | monthly saving |\n|---|---:|", cell(tag));
        for (value, sum) in &report.totals.by_tag {
            let _ = writeln!(out, "| {} | {} |", cell(&text::tag_value(value)), text::range(*sum));
        }
    }
    if let Some(spend) = &report.spend {
        let _ = writeln!(out, "\n## Spend\n");
        for line in super::spend::lines(spend) {
            let _ = writeln!(out, "- {}", cell(&line));
        }
        for (head, lines) in super::spend::tables(spend, 0) {
            let head = head.to_lowercase();
            let _ = writeln!(out, "\n| {head} | {} |\n|---|---:|", spend.currency);
            for (name, amount) in lines {
                let _ = writeln!(out, "| {} | {amount} |", cell(&name));
            }
        }
    }
    if let Some(opinion) = &report.aws_opinion {
        let _ = writeln!(out, "\n## {}\n", super::opinion::TITLE);
        for line in super::opinion::lines(opinion) {
            let _ = writeln!(out, "- {}", cell(&line));
        }
    }
    if let Some(changes) = &report.changes {
        let _ = writeln!(out, "\n## Changes\n");
        for (what, ids) in [
            ("new", &changes.new),
            ("gone", &changes.gone),
            ("not looked at", &changes.not_looked_at),
            ("hidden by a suppression or a tag", &changes.hidden),
        ] {
            for id in ids {
                let _ = writeln!(out, "- {what}: {}", cell(id));
            }
        }
        for (what, list) in [("grown", &changes.grown), ("shrunk", &changes.shrunk)] {
            for change in list {
                let (was, is) = (text::range(change.was), text::range(change.is));
                let _ = writeln!(out, "- {what}: {}: {was}, now {is}", cell(&change.id));
            }
        }
    }
    let lists =
        [("Not analysed", text::missing(&report.not_analysed)), ("Remarks", text::remarks(report))];
    for (title, lines) in lists.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        let _ = writeln!(out, "\n## {title}\n");
        for line in lines {
            let _ = writeln!(out, "- {}", cell(&line));
        }
    }
    let _ = writeln!(out, "\n## Findings");
    for finding in &report.findings {
        let _ = writeln!(out, "\n### {}\n", cell(&finding.id));
        let _ = writeln!(out, "{}: {}.\n", finding.verdict, cell(&finding.reason));
        let instead = finding
            .alternative_to
            .as_ref()
            .map(|id| format!(", not in the total: an alternative to {}", cell(id)));
        let _ = writeln!(
            out,
            "- monthly saving: {}{}",
            cell(&text::saving(finding)),
            instead.unwrap_or_default()
        );
        if let Some(name) = &finding.name {
            let _ = writeln!(out, "- name: {}", cell(name));
        }
        for evidence in &finding.evidence {
            let _ = writeln!(out, "- {}", cell(&evidence.to_string()));
        }
        let _ = writeln!(
            out,
            "- {} confidence; {} risk: {}",
            finding.confidence,
            finding.risk.level,
            cell(&finding.risk.why)
        );
        let _ = writeln!(out, "- to do: {}\n", cell(&finding.remediation.summary));
        if !finding.remediation.commands.is_empty() {
            out.push_str(&block(&finding.remediation.commands));
        }
    }
    let _ = writeln!(out, "\nThe scan took {}.", text::scan(report));
    out
}
