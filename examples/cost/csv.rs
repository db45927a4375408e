//! The findings as comma-separated values: one line each, for spreadsheets.

use petswipe_cost::{Finding, Report};

const HEAD: &str = "id,area,kind,resource,region,name,verdict,monthly_saving_low,monthly_saving_high,currency,priced_at,counted,confidence,risk,reason,evidence,commands";

pub(super) fn report(report: &Report) -> String {
    let lines = report.findings.iter().map(line);
    std::iter::once(HEAD.to_owned()).chain(lines).map(|line| line + "\r\n").collect()
}

fn line(finding: &Finding) -> String {
    let saving = finding.monthly_saving.as_ref();
    let text = |value: Option<String>| value.unwrap_or_default();
    let evidence: Vec<_> = finding.evidence.iter().map(ToString::to_string).collect();
    let cells = [
        finding.id.clone(),
        finding.area.to_string(),
        finding.kind.to_string(),
        finding.resource.clone(),
        finding.region.to_string(),
        text(finding.name.clone()),
        finding.verdict.to_string(),
        text(saving.map(|saving| saving.low.to_string())),
        text(saving.map(|saving| saving.high.to_string())),
        text(saving.map(|saving| saving.currency.to_string())),
        text(saving.and_then(|saving| saving.priced_at).map(|date| date.to_string())),
        finding.counted.to_string(),
        finding.confidence.to_string(),
        finding.risk.level.to_string(),
        finding.reason.clone(),
        evidence.join("; "),
        finding.remediation.commands.join("\n"),
    ];
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",")
}

/// What a spreadsheet takes for the beginning of a formula. Source: "CSV Injection", OWASP.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell by RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it: names and tags are others' words.
fn quoted(cell: &str) -> String {
    let formula = cell.trim_start().starts_with(FORMULA) || cell.starts_with(char::is_whitespace);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_no_formula() {
        assert_eq!(quoted("vol-1"), "vol-1");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("@x,y"), "\"'@x,y\"");
        assert_eq!(quoted(" =1+1"), "' =1+1");
        assert_eq!(quoted("\t-1"), "'\t-1");
        assert_eq!(quoted("\u{ff1d}1"), "'\u{ff1d}1");
        assert_eq!(quoted("a=1"), "a=1");
    }
}
