//! A diagnosis for people at three in the morning: what it is first, then why, then what to type.

use petswipe_monitor::diagnosis::{Certainty, Diagnosis, Effect, Hypothesis, Verdict};

/// So many hypotheses are shown in full; the others are a line each.
const FULL: usize = 3;
/// So many pieces of evidence of each.
const EVIDENCE: usize = 6;

/// The text, without a new line at its end.
pub(super) fn of(found: &Diagnosis) -> String {
    let mut lines = vec![headline(found)];
    let (beside, asked): (Vec<_>, Vec<_>) = found.hypotheses.iter().partition(|one| one.beside);
    list(&asked, &mut lines);
    if !beside.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "Found beside, which shows itself by other symptoms than {}:",
            symptoms(found)
        ));
        list(&beside, &mut lines);
    }
    for (title, list) in [
        ("NOT looked at, so it may hide anything:", missing(found)),
        ("Not known, although it was looked at:", found.hidden.clone()),
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
    if !found.not_asked.is_empty() {
        lines.push(format!("Nobody was there to be asked for {}.", found.not_asked.join(", ")));
    }
    lines.join("\n")
}

/// Never that nothing is wrong, unless everything was seen.
fn headline(found: &Diagnosis) -> String {
    match (found.verdict(), found.hypotheses.first()) {
        (_, Some(first)) if first.beside => {
            let (symptoms, summary) = (symptoms(found), &first.summary);
            match found.is_complete() {
                true => format!("Nothing was found behind {symptoms}, but beside it: {summary}"),
                false => format!(
                    "Not all that may be behind {symptoms} was seen (see below). Found beside it: {summary}"
                ),
            }
        }
        (_, Some(first)) => match Certainty::of(first.confidence) {
            Certainty::Guess => format!("Only a guess: {}", first.summary),
            _ => format!("Most likely: {}", first.summary),
        },
        (Verdict::NothingFound, None) => {
            "Nothing wrong was found, and everything that was asked was answered in full.".to_owned()
        }
        (_, None) if found.looked_at.is_empty() => {
            "Nothing could be read, so nothing is known.".to_owned()
        }
        (_, None) => "It is not known whether something is wrong: in what was seen nothing was found, and below is what \
                      was not seen."
            .to_owned(),
    }
}

fn symptoms(found: &Diagnosis) -> String {
    found.symptoms.iter().map(|symptom| symptom.as_str()).collect::<Vec<_>>().join(", ")
}

fn list(all: &[&Hypothesis], lines: &mut Vec<String>) {
    for one in all.iter().take(FULL) {
        lines.push(String::new());
        full(one, lines);
    }
    if all.len() > FULL {
        lines.push(String::new());
        lines.push("Less likely:".to_owned());
        for one in all.iter().skip(FULL) {
            let (certainty, summary) = (certainty(one), &one.summary);
            lines.push(format!("{}. {} ({certainty}): {summary}", one.rank, one.cause));
        }
    }
}

fn certainty(one: &Hypothesis) -> String {
    format!("{}, {} of 100", Certainty::of(one.confidence).as_str(), one.confidence)
}

fn full(one: &Hypothesis, lines: &mut Vec<String>) {
    lines.push(format!("{}. {} ({}: {})", one.rank, one.cause, certainty(one), one.why));
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

/// What has no answer; a cause that several share is said once.
fn missing(found: &Diagnosis) -> Vec<String> {
    let mut causes: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in &found.missing {
        let cause = one.cause.as_str();
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, questions)) => questions.push(&one.question),
            None => causes.push((cause, vec![&one.question])),
        }
    }
    causes
        .into_iter()
        .map(|(cause, questions)| format!("{}: {cause}", questions.join(", ")))
        .collect()
}

fn looked_at(found: &Diagnosis) -> String {
    match found.looked_at.is_empty() {
        true => "nothing".to_owned(),
        false => found.looked_at.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use petswipe_monitor::Window;
    use petswipe_monitor::diagnosis::{Cause, Command, Evidence, MissingSource, Symptom};

    use super::*;

    fn hypothesis(rank: u32, confidence: u8, beside: bool) -> Hypothesis {
        Hypothesis {
            rank,
            beside,
            cause: Cause::LogErrors,
            environment: None,
            summary: format!("summary {rank}"),
            confidence,
            why: "why".to_owned(),
            evidence: vec![Evidence { source: "logs".to_owned(), at: None, text: "x".to_owned() }],
            next_command: Command::reads("look"),
        }
    }

    fn found(hypotheses: Vec<Hypothesis>) -> Diagnosis {
        let at = Timestamp::UNIX_EPOCH;
        Diagnosis {
            at,
            window: Window { from: at, to: at },
            symptoms: vec![Symptom::HighLatency],
            hypotheses,
            looked_at: vec!["metrics of blue".to_owned()],
            missing: Vec::new(),
            hidden: Vec::new(),
            not_asked: Vec::new(),
        }
    }

    fn first(found: &Diagnosis) -> String {
        of(found).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn nothing_wrong_is_said_only_where_everything_was_seen() {
        let mut seen = found(vec![]);
        assert!(first(&seen).starts_with("Nothing wrong was found"), "{}", first(&seen));
        seen.hidden = vec!["no request".to_owned()];
        assert!(first(&seen).starts_with("It is not known whether something is wrong"));
        assert!(of(&seen).contains("Not known, although it was looked at:\n  - no request"));
        seen.looked_at.clear();
        assert_eq!(first(&seen), "Nothing could be read, so nothing is known.");
    }

    #[test]
    fn words_follow_the_certainty_and_what_was_found_beside_is_shown_with_its_command() {
        assert_eq!(first(&found(vec![hypothesis(1, 30, false)])), "Only a guess: summary 1");
        let likely = found(vec![hypothesis(1, 60, false), hypothesis(2, 95, true)]);
        assert_eq!(first(&likely), "Most likely: summary 1");
        let text = of(&likely);
        assert!(text.contains("1. log-errors (likely, 60 of 100: why)"), "{text}");
        let (asked, beside) = text.split_once("Found beside").unwrap_or_default();
        assert!(asked.contains("summary 1") && !asked.contains("summary 2"), "{text}");
        assert!(beside.contains("2. log-errors (nearly certain, 95 of 100: why)"), "{text}");
        assert!(beside.contains("next:\n     look"), "{text}");
        let mut only = found(vec![hypothesis(1, 95, true)]);
        assert_eq!(first(&only), "Nothing was found behind high-latency, but beside it: summary 1");
        only.hidden = vec!["latency was not measured".to_owned()];
        assert_eq!(
            first(&only),
            "Not all that may be behind high-latency was seen (see below). Found beside it: summary 1"
        );
    }

    #[test]
    fn a_cause_that_several_share_is_said_once() {
        let mut seen = found(vec![]);
        let missing = |question: &str, cause: &str| MissingSource {
            question: question.to_owned(),
            cause: cause.into(),
        };
        seen.missing =
            vec![missing("logs", "denied"), missing("targets", "late"), missing("tasks", "denied")];
        let text = of(&seen);
        assert!(text.contains("  - logs, tasks: denied\n  - targets: late\n"), "{text}");
    }
}
