//! The tables of a report as data: what HTML and Markdown both show.

use std::collections::BTreeSet;

use petswipe_deploy::{BudgetReport, Environment, Report, SideReport, StateReport};
use petswipe_monitor::{Finding, FindingResult};

use super::facts::{Facts, NOBODY, Tone, is_settled};
use super::text::{self, NOTHING};

/// A number with a name.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// More about it, a few words each.
    pub(super) notes: Vec<String>,
    pub(super) tone: Tone,
}

/// A headed part with a table, or with a sentence where there is nothing to list.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// A sentence above the table; may be empty.
    pub(super) intro: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// Whether half the width of a page is enough for it.
    pub(super) small: bool,
}

pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) numeric: bool,
}

/// One or more lines, each with a sign if its tone has one.
pub(super) struct Cell(pub(super) Vec<(Tone, String)>);

impl Cell {
    fn plain(text: impl Into<String>) -> Self {
        Self::toned(Tone::Calm, text)
    }

    fn toned(tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        let empty = text.trim().is_empty();
        Self(vec![(tone, if empty { NOTHING.to_owned() } else { text })])
    }
}

fn columns(titles: &[&'static str]) -> Vec<Column> {
    let column = |title: &&'static str| match title.strip_suffix('#') {
        Some(title) => Column { title, numeric: true },
        None => Column { title, numeric: false },
    };
    titles.iter().map(column).collect()
}

/// What matters most, in order.
pub(super) fn figures(facts: &Facts<'_>) -> Vec<Figure> {
    let report = facts.report;
    let mut figures = Vec::new();
    if !facts.is_begun() {
        return figures;
    }
    if let Some(traffic) = &report.traffic {
        let named = |name: &str| if name == NOBODY { "nobody" } else { name }.to_owned();
        let by = |counts: &std::collections::BTreeMap<String, u64>| {
            let known =
                facts.versions.iter().filter(|name| counts.get(*name).is_some_and(|n| *n > 0));
            let note = |name: &String| format!("{} by {}", text::count(counts[name]), named(name));
            known.map(note).collect::<Vec<_>>()
        };
        figures.push(Figure {
            name: "Requests",
            value: text::count(traffic.requests),
            notes: by(&traffic.requests_by_version),
            tone: Tone::Calm,
        });
        let share = format!("{} of all", text::share(traffic.failed, traffic.requests));
        let notes = if traffic.failed > 0 {
            [vec![share], by(&traffic.failed_by_version)].concat()
        } else {
            vec!["no user saw an error".to_owned()]
        };
        figures.push(Figure {
            name: "Failed requests",
            value: text::count(traffic.failed),
            notes,
            tone: if traffic.failed > 0 { Tone::Bad } else { Tone::Good },
        });
    }
    let begun = report.stages.len();
    figures.push(Figure {
        name: "Stages passed",
        value: facts.stages_passed().to_string(),
        notes: vec![format!("of {begun} begun")],
        tone: Tone::Calm,
    });
    let checks = |verdict: &str| report.checks.iter().filter(|c| c.verdict == verdict).count();
    let verdicts = ["pass", "fail", "inconclusive"].map(|verdict| (verdict, checks(verdict)));
    let seen = verdicts.iter().filter(|(_, n)| *n > 0);
    figures.push(Figure {
        name: "Health checks",
        value: text::count(report.checks.len() as u64),
        notes: seen.map(|(verdict, n)| format!("{} {verdict}", text::count(*n as u64))).collect(),
        tone: Tone::Calm,
    });
    figures.extend(report.budgets.iter().map(budget));
    let changes = report.actions.len() as u64;
    figures.push(Figure {
        name: "Router changes",
        value: facts.router_changes().to_string(),
        notes: vec![format!("of {}", text::counted(changes, "action", "actions"))],
        tone: Tone::Calm,
    });
    if !report.calls.is_empty() {
        let mut calls: Vec<_> = report.calls.iter().collect();
        calls.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let named = |(action, count): (&String, &u64)| format!("{} {action}", text::count(*count));
        figures.push(Figure {
            name: "API calls",
            value: text::count(report.calls.values().sum()),
            notes: calls.into_iter().map(named).collect(),
            tone: Tone::Calm,
        });
    }
    if let Some((_, took)) = facts.traffic_off() {
        figures.push(Figure {
            name: "Traffic off after",
            value: text::span(took),
            notes: vec!["from the failing verdict".to_owned()],
            tone: Tone::Calm,
        });
    }
    figures
}

/// What was spent of an error budget.
fn budget(budget: &BudgetReport) -> Figure {
    let is_more = budget.spent.is_some_and(|spent| spent as f64 > budget.allowance);
    let spent = budget.spent.map_or_else(|| "unknown".to_owned(), text::count);
    let (allowance, percent) = (budget.allowance, budget.share * 100.0);
    Figure {
        name: "Error budget spent",
        value: format!("{spent} of {}", text::measured(allowance)),
        notes: vec![
            format!("bad requests of {}", budget.slo),
            format!("{} % of what was left", text::measured(percent)),
        ],
        tone: if is_more { Tone::Bad } else { Tone::Calm },
    }
}

/// All sections with tables, in order.
pub(super) fn sections(facts: &Facts<'_>) -> Vec<Section> {
    let mut sections = vec![stages(facts.report)];
    sections.extend(traffic(facts));
    sections.push(state(facts));
    sections.push(actions(facts.report));
    sections
}

fn stages(report: &Report) -> Section {
    let rows = report.stages.iter().map(|stage| {
        let took = stage.ended_at.map(|ended| text::span(ended.duration_since(stage.started_at)));
        let verdict = match &stage.verdict {
            Some(verdict) => Cell::toned(Tone::of_verdict(verdict), verdict.clone()),
            None => Cell::plain("not judged"),
        };
        vec![
            Cell::plain(stage.name.clone()),
            Cell::plain(stage.weight.to_string()),
            Cell::plain(text::offset(report.started_at, stage.started_at)),
            Cell::plain(took.unwrap_or_else(|| "not ended".to_owned())),
            verdict,
            evidence(&stage.evidence),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let intro = if rows.is_empty() { "No stage was begun." } else { "" };
    Section {
        title: "Stages",
        intro: intro.to_owned(),
        columns: columns(&["Stage", "Weight#", "Started#", "Took#", "Last verdict", "Evidence"]),
        rows,
        small: false,
    }
}

fn evidence(findings: &[Finding]) -> Cell {
    if findings.is_empty() {
        return Cell::plain("none");
    }
    let line = |finding: &Finding| {
        let tone = match finding.result {
            FindingResult::Holds => Tone::Good,
            FindingResult::Broken => Tone::Bad,
            FindingResult::Missing => Tone::Unsure,
            FindingResult::Ignored => Tone::Calm,
        };
        let samples = text::counted(finding.samples, "sample", "samples");
        (tone, format!("{} ({samples})", text::finding(finding)))
    };
    Cell(findings.iter().map(line).collect())
}

fn traffic(facts: &Facts<'_>) -> Vec<Section> {
    let Some(traffic) = &facts.report.traffic else {
        return vec![Section {
            title: "What users saw",
            intro: "Nobody counted the requests of users during this rollout.".to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            small: false,
        }];
    };
    let row = |name: String, requests: u64, failed: u64| {
        let tone = if failed > 0 { Tone::Bad } else { Tone::Good };
        vec![
            Cell::plain(name),
            Cell::plain(text::count(requests)),
            Cell::plain(text::count(failed)),
            Cell::toned(tone, text::share(failed, requests)),
        ]
    };
    let versions = facts.versions.iter().map(|version| {
        let of = |counts: &std::collections::BTreeMap<String, u64>| {
            counts.get(version).copied().unwrap_or_default()
        };
        let name = if version == NOBODY { "nobody answered" } else { version };
        row(name.to_owned(), of(&traffic.requests_by_version), of(&traffic.failed_by_version))
    });
    let total = row("all".to_owned(), traffic.requests, traffic.failed);
    let mut sections = vec![Section {
        title: "What users saw, by version",
        intro: String::new(),
        columns: columns(&["Version", "Requests#", "Failed#", "Failed share#"]),
        rows: versions.chain([total]).collect(),
        small: true,
    }];
    let stages = traffic.by_stage.iter();
    let rows: Vec<_> = stages.map(|(name, all, failed)| row(name.clone(), *all, *failed)).collect();
    if !rows.is_empty() {
        sections.push(Section {
            title: "What users saw, by stage",
            intro: String::new(),
            columns: columns(&["Stage", "Requests#", "Failed#", "Failed share#"]),
            rows,
            small: true,
        });
    }
    sections
}

fn state(facts: &Facts<'_>) -> Section {
    let report = facts.report;
    let (before, after) = (report.initial_state.as_ref(), report.final_state.as_ref());
    let intro = match (before, after) {
        (None, None) => "The report holds no survey of the system.".to_owned(),
        (Some(_), None) => "As it was before; it was not surveyed again.".to_owned(),
        (None, Some(_)) => "As it was at the end; it was not surveyed before.".to_owned(),
        (Some(_), Some(_)) if is_settled(report) => String::new(),
        (Some(_), Some(_)) => {
            let last = facts.weights.last().map(|(_, shares)| {
                shares.iter().map(|(name, share)| format!("{name} {share} %")).collect::<Vec<_>>()
            });
            format!(
                "As it was at the last survey, which may be older than the last change. The weights \
                 last set by this rollout: {}.",
                last.unwrap_or_else(|| vec!["none".to_owned()]).join(", ")
            )
        }
    };
    let states = || before.into_iter().chain(after);
    let names: BTreeSet<&Environment> =
        states().flat_map(|s| s.weights.keys().chain(s.environments.keys())).collect();
    let rows = names.into_iter().map(|name| {
        let change = |show: &dyn Fn(&StateReport) -> Option<String>| {
            let shown = |state: Option<&StateReport>| {
                state.map(|s| show(s).unwrap_or_else(|| NOTHING.to_owned()))
            };
            Cell::plain(match (shown(before), shown(after)) {
                (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
                (Some(same), _) | (None, Some(same)) => same,
                (None, None) => NOTHING.to_owned(),
            })
        };
        let side = |show: &dyn Fn(&SideReport) -> Option<String>| {
            change(&|state| state.environments.get(name).and_then(show))
        };
        vec![
            Cell::plain(name.to_string()),
            change(&|state| state.weights.get(name).map(ToString::to_string)),
            side(&|side| side.revision.as_ref().map(ToString::to_string)),
            side(&|side| side.image.as_ref().map(ToString::to_string)),
            side(&|side| Some(side.desired.to_string())),
            side(&|side| Some(side.running.to_string())),
            side(&|side| Some(side.healthy.to_string())),
        ]
    });
    Section {
        title: "State, before → after",
        intro,
        columns: columns(&[
            "Environment",
            "Traffic#",
            "Revision",
            "Image",
            "Desired#",
            "Running#",
            "Healthy#",
        ]),
        rows: rows.collect(),
        small: false,
    }
}

fn actions(report: &Report) -> Section {
    let rows = report.actions.iter().map(|action| {
        let tone = match action.result.as_str() {
            "done" => Tone::Good,
            result if result.starts_with("unknown") => Tone::Unsure,
            _ => Tone::Bad,
        };
        vec![
            Cell::plain(text::offset(report.started_at, action.at)),
            Cell::plain(action.action.clone()),
            Cell::plain(action.duration_ms.map_or_else(|| "unknown".to_owned(), text::millis)),
            Cell::toned(tone, action.result.clone()),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let intro = if rows.is_empty() { "Nothing was changed." } else { "" };
    Section {
        title: "What was done when",
        intro: intro.to_owned(),
        columns: columns(&["At#", "Action", "Took#", "Result"]),
        rows,
        small: false,
    }
}
