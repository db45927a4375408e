//! Errors in logs, by what they have in common.

use std::collections::BTreeMap;

use super::super::{Cause, EnvironmentEvidence, LogLine, NextStep};
use super::{Case, Draft, Evidence};

/// So many kinds of lines are shown.
const KINDS: usize = 3;

/// The kinds of lines, the most frequent first, each with an example.
fn kinds(seen: &EnvironmentEvidence) -> Vec<(usize, &LogLine)> {
    let mut kinds: BTreeMap<String, (usize, &LogLine)> = BTreeMap::new();
    for line in seen.logs.seen().into_iter().flat_map(|logs| &logs.lines) {
        let (count, newest) = kinds.entry(line.text.pattern()).or_insert((0, line));
        *count += 1;
        *newest = line;
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|(count, line)| (std::cmp::Reverse(*count), line.at));
    kinds
}

/// What logs say, as evidence for something else.
pub(super) fn evidence(environment: &str, seen: &EnvironmentEvidence) -> Vec<Evidence> {
    let source = format!("logs of {environment}");
    let shown = kinds(seen).into_iter().take(KINDS).map(|(count, line)| {
        Evidence::new(&source, format!("{count} times, last {}: {}", line.stream, line.text))
            .at(line.at)
    });
    shown.collect()
}

/// Only where nothing else says what is wrong with the environment.
pub(super) fn rules(
    case: &Case<'_>,
    environment: &str,
    seen: &EnvironmentEvidence,
    drafts: &mut Vec<Draft>,
) {
    let kinds = kinds(seen);
    let Some((count, first)) = kinds.first() else { return };
    let known = drafts
        .iter()
        .any(|draft| draft.cause.symptoms().contains(&super::super::Symptom::HighErrorRate));
    if known {
        return;
    }
    drafts.push(Draft {
        cause: Cause::LogErrors,
        environment: Some(environment.to_owned()),
        summary: format!("{environment} logs errors, the most frequent {count} times"),
        confidence: 30,
        why: "lines about errors are no failed requests",
        evidence: evidence(environment, seen),
        next: case.command(NextStep::ShowLogs {
            environment: environment.to_owned(),
            stream: Some(first.stream.clone()),
        }),
    });
}
