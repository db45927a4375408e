//! The report for a terminal.

use std::fmt::Write as _;

use petswipe_cost::{Finding, NotAnalysed, Range, Report};

/// Lines of cells in columns: the first ones to the left, those of numbers to the right.
fn aligned(lines: &[Vec<String>], numbers: &[usize]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut out = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if numbers.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        // Writing to a string can't fail, here and below.
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    out
}

/// From the least to the most, in one cell.
pub(super) fn range(range: Range) -> String {
    if range.low == range.high {
        range.low.to_string()
    } else {
        format!("{} to {}", range.low, range.high)
    }
}

/// What a finding saves, in one cell.
pub(super) fn saving(finding: &Finding) -> String {
    match &finding.monthly_saving {
        Some(saving) => range(Range { low: saving.low, high: saving.high }),
        None => format!("no price known for {}", finding.no_price_for.join(", ")),
    }
}

/// The name by which people know a resource, and its id.
pub(super) fn resource(finding: &Finding) -> String {
    match &finding.name {
        Some(name) if !finding.resource.contains(name.as_str()) => {
            format!("{} ({name})", finding.resource)
        }
        _ => finding.resource.clone(),
    }
}

/// What was not looked at: each reason once, with the areas and regions it is about.
pub(super) fn missing(all: &[NotAnalysed]) -> Vec<String> {
    let mut reasons: Vec<(&NotAnalysed, Vec<&str>, Vec<&str>)> = Vec::new();
    for one in all {
        let known = reasons
            .iter_mut()
            .find(|(known, ..)| (known.why, &known.message) == (one.why, &one.message));
        match known {
            Some((_, areas, regions)) => {
                areas.push(one.area.as_str());
                regions.push(one.region.as_str());
            }
            None => reasons.push((one, vec![one.area.as_str()], vec![one.region.as_str()])),
        }
    }
    let lines = reasons.into_iter().map(|(one, mut areas, mut regions)| {
        for list in [&mut areas, &mut regions] {
            list.sort_unstable();
            list.dedup();
        }
        let action =
            one.action.as_ref().map(|action| format!("; allow {action}")).unwrap_or_default();
        format!("{} in {}: {}{action}", areas.join(", "), regions.join(", "), one.message)
    });
    lines.collect()
}

/// How many of something.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// What the scan itself took.
pub(super) fn scan(report: &Report) -> String {
    let calls: u64 = report.calls.values().sum();
    let cost = &report.scan_cost;
    let lacks = &cost.no_price_for;
    let (least, why) = match lacks.is_empty() {
        true => ("", String::new()),
        false => ("at least ", format!(": there is no price for {}", lacks.join(", "))),
    };
    let amount = cost.amount.map_or("an amount not known".to_owned(), |amount| {
        format!("{least}{amount} {}", cost.currency)
    });
    format!("{calls} calls and {} metrics, which cost {amount}{why}", cost.metrics)
}

/// The sentence that says it all.
pub(super) fn headline(report: &Report) -> String {
    let totals = &report.totals;
    let total = totals.monthly_saving;
    let amount = range(Range { low: total.low, high: total.high });
    format!(
        "{amount} {} a month can be saved, in {}",
        total.currency,
        counted(totals.findings, "finding", "findings")
    )
}

/// What is to be said of what is not in the total.
pub(super) fn remarks(report: &Report) -> Vec<String> {
    let totals = &report.totals;
    let mut lines = Vec::new();
    if totals.alternatives > 0 {
        let are =
            counted(totals.alternatives, "finding is an alternative", "findings are alternatives");
        lines.push(format!("{are} to another one of the same resource, and not in the total"));
    }
    if totals.apart > 0 {
        let are = counted(totals.apart, "finding is", "findings are");
        lines.push(format!(
            "{are} about the rate that is paid for what remains, or in another currency, and not in the total"
        ));
    }
    if totals.without_price > 0 {
        lines.push(format!(
            "{} no known price, and not in the total",
            counted(totals.without_price, "finding has", "findings have")
        ));
    }
    if totals.unknown > 0 {
        lines.push(format!(
            "too little is known of {} to say",
            counted(totals.unknown, "resource", "resources")
        ));
    }
    if report.excluded > 0 {
        lines.push(format!("{} left out for their tags", report.excluded));
    }
    for suppressed in &report.suppressed {
        lines.push(format!(
            "suppressed until {}: {}: {}",
            suppressed.until, suppressed.id, suppressed.reason
        ));
    }
    lines.extend(report.notes.iter().cloned());
    lines
}

/// The report, with so many findings; 0 for all.
pub(super) fn report(report: &Report, top: usize) -> String {
    let mut out = String::new();
    let shown = if top == 0 { report.findings.len() } else { top };
    if !report.findings.is_empty() {
        let head =
            ["AREA", "RESOURCE", "REGION", "VERDICT", "MONTHLY SAVING", "SURE", "RISK", "WHY"];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        for finding in report.findings.iter().take(shown) {
            let mark = if finding.alternative_to.is_some() { "*" } else { "" };
            lines.push(vec![
                finding.area.to_string(),
                resource(finding),
                finding.region.to_string(),
                finding.verdict.to_string(),
                saving(finding) + mark,
                finding.confidence.to_string(),
                finding.risk.level.to_string(),
                finding.reason.clone(),
            ]);
        }
        out.push_str(&aligned(&lines, &[4]));
        if report.findings.len() > shown {
            let _ =
                writeln!(out, "… and {} more (--top 0 shows all)", report.findings.len() - shown);
        }
        let _ = writeln!(out);
        let mut lines = vec![["AREA", "MONTHLY SAVING"].map(str::to_owned).to_vec()];
        let areas = report.totals.by_area.iter();
        lines.extend(areas.map(|(area, sum)| vec![area.clone(), range(*sum)]));
        out.push_str(&aligned(&lines, &[1]));
        if let Some(tag) = &report.totals.tag {
            let mut lines = vec![vec![format!("TAG {tag}"), "MONTHLY SAVING".to_owned()]];
            lines.extend(
                report.totals.by_tag.iter().map(|(value, sum)| vec![tag_value(value), range(*sum)]),
            );
            let _ = write!(out, "\n{}", aligned(&lines, &[1]));
        }
        let _ = writeln!(out);
    }
    if let Some(spend) = &report.spend {
        for line in super::spend::lines(spend) {
            let _ = writeln!(out, "{line}");
        }
        let _ = writeln!(out);
        // Beside findings it is told in short.
        if report.findings.is_empty() {
            for (head, amounts) in super::spend::tables(spend, top) {
                let mut lines = vec![vec![head, format!("COST, {}", spend.currency)]];
                lines.extend(amounts.into_iter().map(|(name, amount)| vec![name, amount]));
                let _ = writeln!(out, "{}", aligned(&lines, &[1]));
            }
        }
    }
    if let Some(opinion) = &report.aws_opinion {
        let _ = writeln!(out, "{}:", super::opinion::TITLE);
        for line in super::opinion::lines(opinion) {
            let _ = writeln!(out, "  {line}");
        }
        let _ = writeln!(out);
    }
    if let Some(changes) = &report.changes {
        let _ = writeln!(
            out,
            "since the older report: {} new, {} gone, {} grown, {} shrunk, {} not looked at, {} hidden",
            changes.new.len(),
            changes.gone.len(),
            changes.grown.len(),
            changes.shrunk.len(),
            changes.not_looked_at.len(),
            changes.hidden.len()
        );
    }
    for line in missing(&report.not_analysed) {
        let _ = writeln!(out, "not analysed: {line}");
    }
    for line in remarks(report) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "{}", scan(report));
    let _ = write!(out, "{}: list prices, before discounts", headline(report));
    out
}

/// The value of a tag, or that there is none.
pub(super) fn tag_value(value: &str) -> String {
    if value.is_empty() { "(none)".to_owned() } else { value.to_owned() }
}
