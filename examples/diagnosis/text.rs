//! A diagnosis for people at three in the morning: what it is first, then why, then what to type.

use petswipe_monitor::diagnosis::{Diagnosis, Effect, Hypothesis};

/// So many hypotheses are shown in full; the others are a line each.
const FULL: usize = 3;
/// So many pieces of evidence of each.
const EVIDENCE: usize = 6;

/// The text, without a new line at its end.
pub(super) fn of(found: &Diagnosis) -> String {
    let mut lines = Vec::new();
    match found.hypotheses.as_slice() {
        [] => lines.push(nothing(found)),
        [first, ..] => lines.push(format!("Most likely: {}", first.summary)),
    }
    for one in found.hypotheses.iter().take(FULL) {
        lines.push(String::new());
        full(one, &mut lines);
    }
    if found.hypotheses.len() > FULL {
        lines.push(String::new());
        lines.push("Less likely:".to_owned());
        for one in found.hypotheses.iter().skip(FULL) {
            lines
                .push(format!("{}. {} ({}): {}", one.rank, one.cause, one.confidence, one.summary));
        }
    }
    for (title, list) in [
        ("NOT looked at, so it may hide anything:", missing(found)),
        ("Seen only in part:", found.hidden.clone()),
    ] {
        if !list.is_empty() {
            lines.push(String::new());
            lines.push(title.to_owned());
            lines.extend(list.into_iter().map(|line| format!("  - {line}")));
        }
    }
    lines.push(String::new());
    let (from, to) = (found.window.from, found.window.to);
    lines.push(format!("Looked at {} from {from:.0} to {to:.0}.", looked_at(found)));
    lines.join("\n")
}

fn nothing(found: &Diagnosis) -> String {
    let text = match (found.looked_at.is_empty(), found.is_complete()) {
        (true, _) => "Nothing could be read, so nothing is known.",
        (false, true) => "Nothing wrong was found, and everything answered.",
        (false, false) => "Nothing wrong was found in what answered. That is not all there is.",
    };
    text.to_owned()
}

fn full(one: &Hypothesis, lines: &mut Vec<String>) {
    lines.push(format!(
        "{}. {} (certainty {} of 100: {})",
        one.rank, one.cause, one.confidence, one.why
    ));
    lines.push(format!("   {}", one.summary));
    for evidence in one.evidence.iter().take(EVIDENCE) {
        let at = evidence.at.map_or(String::new(), |at| format!(" at {at:.0}"));
        lines.push(format!("   - {}{at}: {}", evidence.source, evidence.text));
    }
    if one.evidence.len() > EVIDENCE {
        lines.push(format!("   - and {} more", one.evidence.len() - EVIDENCE));
    }
    let label = match one.next_command.effect {
        Effect::Reads => "next",
        Effect::Changes => "next, CHANGES the system",
        Effect::EndsWork => "next, ENDS somebody's work",
    };
    lines.push(format!("   {label}:"));
    lines.push(format!("     {}", one.next_command.line));
}

fn missing(found: &Diagnosis) -> Vec<String> {
    found.missing.iter().map(|one| format!("{}: {}", one.question, one.cause)).collect()
}

fn looked_at(found: &Diagnosis) -> String {
    match found.looked_at.is_empty() {
        true => "nothing".to_owned(),
        false => found.looked_at.join(", "),
    }
}
