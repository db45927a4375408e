//! The report of checks and canaries for people: one HTML page that needs nothing else, and Markdown.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;

use super::summary::{CanarySummary, Point, Report, Summary};
use crate::report::{Error, STYLE, escape, write_text};

/// The size of a chart, in pixels.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 150.0;
/// What is left of the drawing for its numbers.
const LEFT: f64 = 62.0;

/// Writes the report to `path`, in the format that its ending names.
///
/// # Errors
/// An unknown ending, or that the file system refuses.
pub(super) fn write(path: &Path, report: &Report) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(report);
    let json = json.map_err(|source| Error::Encode { path: path.to_owned(), source })?;
    write_text(path, || json + "\n", || html(report), || markdown(report))
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}

/// How it is, in a word and in the class of the page's style.
fn word(summary: &Summary) -> (&'static str, &'static str) {
    match &summary.last {
        None => ("did not run", "unsure"),
        Some(run) if run.failure().is_some() => ("failed", "bad"),
        Some(_) if summary.slow => ("became slow", "bad"),
        Some(_) => ("passed", "good"),
    }
}

fn canary_word(canary: &CanarySummary) -> (&'static str, &'static str) {
    use petswipe_monitor::probe::Standing;
    match canary.standing {
        Standing::Passed => ("passed", "good"),
        Standing::Failed { .. } => ("failed", "bad"),
        Standing::Missing { .. } => ("not known", "unsure"),
    }
}

fn baseline(summary: &Summary) -> String {
    match &summary.baseline {
        None => "none".to_owned(),
        Some(compared) => match compared.limit {
            None => "still learning".to_owned(),
            Some(limit) => format!("slow above {}", milliseconds(limit)),
        },
    }
}

/// The columns of the checks, and a row for each.
const COLUMNS: [&str; 5] = ["Check", "Result", "Runs passed", "Last run", "Baseline"];

fn row(summary: &Summary) -> [String; 5] {
    let all = summary.passed + summary.failed;
    let last = summary.last.as_ref();
    [
        summary.name.clone(),
        word(summary).0.to_owned(),
        format!("{} of {all}", summary.passed),
        last.map_or_else(|| "none".to_owned(), |run| milliseconds(run.took.as_secs_f64())),
        baseline(summary),
    ]
}

fn canary_row(canary: &CanarySummary) -> [String; 4] {
    let at = |at: Option<Timestamp>| at.map_or_else(|| "not known".to_owned(), time);
    let line = canary.line();
    let why = line.split_once(": ").map_or("", |(_, why)| why).to_owned();
    let ended = at(canary.last.ended);
    [canary.name.clone(), canary_word(canary).0.to_owned(), ended, why]
}

const CANARY_COLUMNS: [&str; 4] = ["Canary", "Result", "Last run was over", "Why"];

/// The steps of the last run of a check.
fn steps(summary: &Summary) -> Vec<[String; 4]> {
    let run = summary.last.iter();
    let steps = run.flat_map(|run| &run.steps).map(|step| {
        let status = step.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let took = milliseconds(step.took.as_secs_f64());
        [step.step.clone(), status, took, step.failure.clone().unwrap_or_default()]
    });
    steps.collect()
}

const STEP_COLUMNS: [&str; 4] = ["Step", "Answer", "Took", "What was wrong"];

/// How it is, in words, in the class of the page's style, and as a sign. What is well now and failed before is not all well.
fn outcome(report: &Report) -> (&'static str, &'static str, &'static str) {
    let failed = report.checks.iter().any(|check| check.failed > 0);
    match (report.is_well(), failed) {
        (true, false) => ("All is well", "good", "✓"),
        (true, true) => ("Well now, and not all the time", "unsure", "!"),
        (false, _) => ("Not all is well", "bad", "✗"),
    }
}

/// What a reader has to know: what is wrong now, else what went wrong before.
fn reason(report: &Report) -> String {
    let wrong = report.checks.iter().filter(|check| !check.is_well()).map(Summary::line);
    let canaries = report.canaries.iter().filter(|canary| !canary.is_well());
    let wrong: Vec<_> = wrong.chain(canaries.map(CanarySummary::line)).collect();
    if !wrong.is_empty() {
        return wrong.join("; ");
    }
    let sum = |count: fn(&Summary) -> u32| report.checks.iter().map(count).sum::<u32>();
    let (failed, passed) = (sum(|check| check.failed), sum(|check| check.passed));
    match (failed, report.checks.len() + report.canaries.len()) {
        (_, 0) => "Nothing was checked.".to_owned(),
        (0, 1) => "It passed.".to_owned(),
        (0, count) => format!("All {count} of them passed."),
        (_, _) => format!(
            "Each passed the last time. Before, {failed} of {} runs failed.",
            failed + passed
        ),
    }
}

fn markdown(report: &Report) -> String {
    let mut text = format!("# {}\n\n{}\n\n", outcome(report).0, cell(&reason(report)));
    let _ = writeln!(text, "From {} to {}.\n", time(report.started_at), time(report.finished_at));
    if !report.checks.is_empty() {
        table_of(&mut text, &COLUMNS, report.checks.iter().map(row));
    }
    if !report.canaries.is_empty() {
        table_of(&mut text, &CANARY_COLUMNS, report.canaries.iter().map(canary_row));
    }
    for summary in report.checks.iter().filter(|summary| summary.last.is_some()) {
        let _ = writeln!(text, "## The last run of {}\n", cell(&summary.name));
        table_of(&mut text, &STEP_COLUMNS, steps(summary).into_iter());
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn table_of<const N: usize>(
    text: &mut String,
    columns: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let _ = writeln!(text, "| {} |\n|{}", columns.join(" | "), "---|".repeat(N));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.map(|text| cell(&text)).join(" | "));
    }
    text.push('\n');
}

fn html(report: &Report) -> String {
    let (title, class, icon) = outcome(report);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>Synthetic checks: {title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header class=\"{class}\">\n<p class=\"eyebrow\">Synthetic checks</p>\n\
         <p class=\"outcome\"><span class=\"icon\" aria-hidden=\"true\">{icon}</span> {title}</p>\n\
         <p class=\"reason\">{}</p>\n<dl>\n",
        escape(&reason(report)),
    );
    for (name, value) in [("Started", report.started_at), ("Ended", report.finished_at)] {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", time(value));
    }
    out.push_str("</dl>\n</header>\n");
    let checks = report.checks.iter().map(|check| (word(check).1, row(check)));
    section(&mut out, "Checks", &COLUMNS, checks.collect());
    let canaries = report.canaries.iter().map(|canary| (canary_word(canary).1, canary_row(canary)));
    section(&mut out, "Canaries", &CANARY_COLUMNS, canaries.collect());
    for summary in report.checks.iter().filter(|summary| summary.last.is_some()) {
        let _ = writeln!(out, "<section>\n<h2>{}</h2>", escape(&summary.name));
        chart(&mut out, summary);
        out.push_str("</section>\n");
        let class = |step: &[String; 4]| if step[3].is_empty() { "calm" } else { "bad" };
        let rows = steps(summary).into_iter().map(|step| (class(&step), step));
        section(&mut out, "Its last run", &STEP_COLUMNS, rows.collect());
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// A table; the second cell of each row has the class of how it is. None without rows.
fn section<const N: usize>(
    out: &mut String,
    title: &str,
    columns: &[&str; N],
    rows: Vec<(&'static str, [String; N])>,
) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "<section>\n<h2>{title}</h2>\n<div class=\"table\">\n<table>\n<thead><tr>");
    for column in columns {
        let _ = write!(out, "<th scope=\"col\">{column}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (class, cells) in rows {
        out.push_str("<tr>");
        for (index, text) in cells.iter().enumerate() {
            let text = escape(text);
            let _ = match (index, class) {
                (0, _) => write!(out, "<th scope=\"row\">{text}</th>"),
                (1, _) => write!(out, "<td><span class=\"{class}\">{text}</span></td>"),
                _ => write!(out, "<td>{text}</td>"),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// How long the runs took, one after the other, and from when on they are slow.
fn chart(out: &mut String, summary: &Summary) {
    let limit = summary.baseline.and_then(|compared| compared.limit);
    let longest = summary.runs.iter().map(|run| run.took).chain(limit).fold(0.0, f64::max);
    let longest = if longest > 0.0 { longest * 1.1 } else { 1.0 };
    let y = |took: f64| HEIGHT - 8.0 - took / longest * (HEIGHT - 20.0);
    let step = (WIDTH - LEFT - 12.0) / summary.runs.len().max(1) as f64;
    let x = |index: usize| LEFT + (index as f64 + 0.5) * step;
    let _ = write!(
        out,
        "<figure>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"How long the last {} runs took\">\n",
        summary.runs.len()
    );
    for took in [0.0, longest / 2.0, longest] {
        let (at, left) = (y(took), LEFT - 8.0);
        let text = milliseconds(took);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{left}\" y=\"{:.1}\">{text}</text>",
            at + 4.0
        );
    }
    let points = summary.runs.iter().enumerate();
    let path: Vec<_> =
        points.clone().map(|(index, run)| format!("{:.1} {:.1}", x(index), y(run.took))).collect();
    let _ = writeln!(out, "<path class=\"line c0\" d=\"M{}\"/>", path.join("L"));
    for (index, Point { started, took, passed }) in points {
        let (x, y) = (x(index), y(*took));
        // Not by its colour alone.
        let (shape, end, word) = match passed {
            true => (
                format!("<circle class=\"pass\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\">"),
                "circle",
                "passed",
            ),
            false => (
                format!(
                    "<path class=\"fail\" d=\"M{x:.1} {:.1}l5.5 5.5l-5.5 5.5l-5.5 -5.5Z\">",
                    y - 5.5
                ),
                "path",
                "failed",
            ),
        };
        let (at, took) = (time(*started), milliseconds(*took));
        let _ = writeln!(out, "{shape}<title>{at}: {word}, {took}</title></{end}>");
    }
    if let Some(limit) = limit {
        let at = y(limit);
        let _ = writeln!(out, "<path class=\"line limit\" d=\"M{LEFT} {at:.1}H{WIDTH}\"/>");
    }
    out.push_str("</svg>\n<figcaption><span>How long each run took, the newest on the right");
    let _ = match limit {
        Some(limit) => {
            write!(out, "; the dashed line is where it is slow, {}", milliseconds(limit))
        }
        None => Ok(()),
    };
    out.push_str("</span></figcaption>\n</figure>\n");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use petswipe_monitor::probe::{CanaryRun, Paced, Run, StepRun};

    use super::*;

    fn run(millis: u64, failure: Option<&str>) -> Run {
        let took = Duration::from_millis(millis);
        let step = StepRun {
            step: "GET /<pets>|".to_owned(),
            status: failure.is_none().then_some(200),
            took,
            failure: failure.map(str::to_owned),
        };
        Run { check: "shop".to_owned(), started: Timestamp::UNIX_EPOCH, took, steps: vec![step] }
    }

    fn report(last: Run) -> Report {
        let mut shop = Summary::new("shop");
        let limit = Duration::from_millis(125);
        (0..3).for_each(|_| shop.add(run(100, None), Some(Paced::AsBefore { limit })));
        shop.add(last, None);
        let canary = CanarySummary::new(CanaryRun::unknown("cart"), Timestamp::UNIX_EPOCH, limit);
        let at = Timestamp::UNIX_EPOCH;
        Report::new(at, at, vec![shop, Summary::new("never")], vec![canary])
    }

    #[test]
    fn what_is_wrong_is_said_first_and_text_is_only_text() {
        let report = report(run(40, Some("<script> said no")));
        let page = html(&report);
        assert!(page.contains("Not all is well"), "{page}");
        assert!(page.contains("shop failed after 40 ms: step 1 (GET /&lt;pets&gt;|) &lt;script&gt; said no (3 of 4 runs passed)"), "{page}");
        assert!(page.contains("cart is not known to be well: no run is known"), "{page}");
        assert!(page.contains("never: did not run"), "{page}");
        assert!(!page.contains("<script>"), "{page}");
        assert_eq!(page.matches("<circle class=\"pass\"").count(), 3);
        assert_eq!(page.matches("<path class=\"fail\"").count(), 1);
        assert!(page.contains("where it is slow, 125 ms"), "{page}");
        let text = markdown(&report);
        assert!(text.contains("| shop | failed | 3 of 4 | 40 ms | slow above 125 ms |"), "{text}");
        assert!(text.contains("| GET /<pets>\\| | none | 40 ms | <script> said no |"), "{text}");
    }

    #[test]
    fn coordinates_stay_inside_whatever_the_times() {
        let mut summary = Summary::new("shop");
        for millis in [0, 1, 100_000] {
            summary.add(run(millis, None), None);
        }
        let mut out = String::new();
        chart(&mut out, &summary);
        for part in out.split("cy=\"").skip(1) {
            let y: f64 = part.split('"').next().unwrap().parse().unwrap();
            assert!((0.0..=HEIGHT).contains(&y), "{out}");
        }
        assert!(!out.contains("NaN") && !out.contains("inf"), "{out}");
        let report =
            Report::new(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, vec![summary], vec![]);
        assert!(report.is_well() && html(&report).contains("It passed."));
        let mut before = Summary::new("shop");
        before.add(run(1, Some("no")), None);
        before.add(run(1, None), None);
        let at = Timestamp::UNIX_EPOCH;
        let told = markdown(&Report::new(at, at, vec![before], vec![]));
        assert!(told.starts_with("# Well now, and not all the time\n"), "{told}");
        assert!(told.contains("Before, 1 of 2 runs failed."), "{told}");
    }
}
