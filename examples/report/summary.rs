//! The end of a run on the terminal: plain text without colour, some ten to twenty lines.

use petswipe_deploy::{Report, StageReport};

use super::facts::{Facts, Tone, is_settled};
use super::tables::figures;
use super::text::{self, NOTHING};

/// As many stages are listed one by one; of more, the first and the last ones. A line that says that one is left out would
/// be as long as that one.
const STAGES: usize = 7;
/// So many of them then, at either end.
const ENDS: usize = 3;

/// The report in some ten to twenty lines of plain text. Colour is the caller's.
pub fn summary(report: &Report) -> String {
    let facts = Facts::of(report);
    let headline = &facts.headline;
    let mut lines = Vec::new();
    lines.push(format!(
        "{} {}: {} of {} after {}",
        headline.icon,
        plain(&headline.word),
        plain(&report.strategy),
        plain(&report.service),
        text::span(facts.took()),
    ));
    let mut say = |name: &str, value: String| lines.push(format!("  {name:<24}{value}"));
    say("Reason", plain(&headline.reason));
    if !headline.meaning.is_empty() {
        say("System", headline.meaning.to_owned());
    }
    let resumed = match report.resumed {
        0 => String::new(),
        times => format!(", resumed {}", text::counted(u64::from(times), "time", "times")),
    };
    say("Operation", format!("{}{resumed}", plain(&report.operation)));
    say("Started", text::time(report.started_at));
    for figure in figures(&facts) {
        let notes = plain(&figure.notes.join(", "));
        let notes = if notes.is_empty() { notes } else { format!(" ({notes})") };
        say(figure.name, format!("{}{notes}", figure.value));
    }
    let all = report.stages.len();
    for (index, stage) in report.stages.iter().enumerate() {
        if all > STAGES && index == ENDS {
            say("…", format!("{} more", all - 2 * ENDS));
        }
        if all <= STAGES || index < ENDS || index >= all - ENDS {
            say(&text::short(&plain(&stage.name), 22), stage_line(stage));
        }
    }
    if let Some(state) = report.final_state.as_ref().filter(|_| is_settled(report)) {
        let shares = state.weights.iter().map(|(name, share)| format!("{name} {share}"));
        say("Traffic now", shares.collect::<Vec<_>>().join(", "));
    } else if let Some((_, shares)) = facts.weights.last() {
        let shares = shares.iter().map(|(name, share)| format!("{name} {share} %"));
        say("Traffic as last known", plain(&shares.collect::<Vec<_>>().join(", ")));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn stage_line(stage: &StageReport) -> String {
    let took = stage.ended_at.map(|ended| text::span(ended.duration_since(stage.started_at)));
    let verdict = stage.verdict.as_deref().unwrap_or("not judged");
    let tone = stage.verdict.as_deref().map_or(Tone::Calm, Tone::of_verdict);
    let evidence = stage.evidence.first().map(text::finding).unwrap_or_default();
    let line = format!(
        "{:>5}  {:>9}  {} {verdict}  {evidence}",
        stage.weight.to_string(),
        took.unwrap_or_else(|| "not ended".to_owned()),
        if tone.sign().is_empty() { NOTHING } else { tone.sign() },
    );
    plain(line.trim_end())
}

/// Without control characters: nothing in a report may steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
