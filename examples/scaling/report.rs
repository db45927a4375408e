//! The report of a scaling operation for people: a summary, Markdown, and a page without anything else.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use petswipe_deploy::scaling::{ScaleReport, Seen};

use crate::report::{Error, escape, write_text};

/// For the terminal.
pub(super) fn summary(report: &ScaleReport) -> String {
    let mut text = format!("{}\n", report.reason);
    for action in &report.actions {
        let _ = writeln!(text, "  {} {}: {}", time(action.at), action.action, action.result);
    }
    text.trim_end().to_owned()
}

/// Writes the report to `path`, in the format that its ending names.
///
/// # Errors
/// An unknown ending, or that the file system refuses.
pub(super) fn write(path: &Path, report: &ScaleReport) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(report);
    let json = json.map_err(|source| Error::Encode { path: path.to_owned(), source })?;
    write_text(path, || json + "\n", || html(report), || markdown(report))
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn title(report: &ScaleReport) -> String {
    let undo = if report.undo { "undo: " } else { "" };
    format!("{}: {undo}{}", report.outcome, report.change)
}

/// Names and values.
fn facts(report: &ScaleReport) -> Vec<(&'static str, String)> {
    let seen = |seen: &Option<Seen>| {
        seen.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string)
    };
    let mut facts = vec![
        ("Operation", report.operation.clone()),
        ("Service", report.service.clone()),
        ("Outcome", report.reason.clone()),
        ("Began", time(report.started_at)),
        ("Ended", time(report.finished_at)),
        ("Resumed", report.resumed.to_string()),
        ("Before", seen(&report.initial_state)),
        ("After", seen(&report.final_state)),
    ];
    if !report.calls.is_empty() {
        let mut calls: Vec<_> = report.calls.iter().collect();
        calls.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let each = calls.iter().map(|(action, count)| format!("{count} {action}"));
        let each = each.collect::<Vec<_>>().join(", ");
        facts.push(("API calls", format!("{}: {each}", report.calls.values().sum::<u64>())));
    }
    facts
}

fn took(milliseconds: Option<u64>) -> String {
    milliseconds.map_or_else(|| "not known".to_owned(), |took| format!("{took} ms"))
}

fn markdown(report: &ScaleReport) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let mut text = format!("# {}\n\n| | |\n|---|---|\n", cell(&title(report)));
    for (name, value) in facts(report) {
        let _ = writeln!(text, "| {name} | {} |", cell(&value));
    }
    text += "\n| time | change | took | result |\n|---|---|---|---|\n";
    for action in &report.actions {
        let (at, took) = (time(action.at), took(action.duration_ms));
        let (what, result) = (cell(&action.action), cell(&action.result));
        let _ = writeln!(text, "| {at} | {what} | {took} | {result} |");
    }
    text
}

fn html(report: &ScaleReport) -> String {
    let title = escape(&title(report));
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{title}</title>\n\
         <style>body{{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         td,th{{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0}}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n<table>\n"
    );
    for (name, value) in facts(report) {
        let _ = writeln!(text, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escape(&value));
    }
    text +=
        "</table>\n<table>\n<tr><th>Time</th><th>Change</th><th>Took</th><th>Result</th></tr>\n";
    for action in &report.actions {
        let cells = [&time(action.at), &action.action, &took(action.duration_ms), &action.result];
        let cells = cells.map(|cell| format!("<td>{}</td>", escape(cell)));
        let _ = writeln!(text, "<tr>{}</tr>", cells.concat());
    }
    text + "</table>\n</body>\n</html>\n"
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_calls_are_told_where_they_are_counted() {
        let mut report: ScaleReport = serde_json::from_value(serde_json::json!({
            "operation": "scale-1", "service": "shop", "kind": "service", "change": "run 3", "undo": false,
            "outcome": "done", "reason": "it is so", "started_at": "2026-01-01T00:00:00Z",
            "finished_at": "2026-01-01T00:01:00Z", "resumed": 0, "actions": [], "initial_state": null,
            "final_state": null,
        }))
        .unwrap();
        assert!(!markdown(&report).contains("API calls"));
        assert_eq!(serde_json::to_value(&report).unwrap().get("calls"), None);
        let calls = [("ecs:DescribeServices", 12), ("ecs:UpdateService", 1), ("rds:X", 2)];
        report.calls = calls.map(|(action, count)| (action.to_owned(), count)).into();
        let line = "| API calls | 15: 12 ecs:DescribeServices, 2 rds:X, 1 ecs:UpdateService |";
        assert!(markdown(&report).contains(line), "{}", markdown(&report));
        let cell =
            "API calls</th><td>15: 12 ecs:DescribeServices, 2 rds:X, 1 ecs:UpdateService</td>";
        assert!(html(&report).contains(cell), "{}", html(&report));
        assert_eq!(serde_json::to_value(&report).unwrap()["calls"]["ecs:UpdateService"], 1);
    }
}
