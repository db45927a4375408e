//! What a report says between its lines: outcome in words, roles of versions and environments, weights over time, and
//! how long it took from the failing verdict until traffic was off. Every format tells these.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use petswipe_deploy::{ActionReport, Report, Split, StateReport};

/// How good something is. Always told by a word or a sign as well as by colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Unsure,
    Calm,
}

impl Tone {
    /// Of a verdict's word.
    pub(super) fn of_verdict(verdict: &str) -> Self {
        match verdict {
            "pass" => Self::Good,
            "fail" => Self::Bad,
            _ => Self::Unsure,
        }
    }

    /// Its sign; empty for [`Tone::Calm`].
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✕",
            Self::Unsure => "○",
            Self::Calm => "",
        }
    }
}

/// The outcome for people.
pub(super) struct Headline {
    pub(super) icon: &'static str,
    pub(super) word: String,
    pub(super) tone: Tone,
    /// Why it ended like this.
    pub(super) reason: String,
    /// What that means for the system, in a sentence.
    pub(super) meaning: &'static str,
}

impl Headline {
    pub(super) fn of(report: &Report) -> Self {
        let (icon, word, tone, prefix, meaning) = match report.outcome.as_str() {
            "promoted" if report.undoes.is_some() => ("✓", "Undone", Tone::Good, "", ""),
            "promoted" => ("✓", "Promoted", Tone::Good, "", ""),
            "rolled-back" => {
                ("↩", "Rolled back", Tone::Bad, "rolled back: ", "Everything is as it was before.")
            }
            "aborted" => ("■", "Aborted", Tone::Unsure, "", "Everything is as it was before."),
            "failed" if report.reason.starts_with("refused") => {
                ("⊘", "Refused", Tone::Bad, "refused: ", "Nothing was touched.")
            }
            "failed" => ("✕", "Failed", Tone::Bad, "stopped: ", "A person has to look at it."),
            "unfinished" => {
                ("…", "Unfinished", Tone::Unsure, "", "Run it again with --resume to go on.")
            }
            other => ("•", other, Tone::Calm, "", ""),
        };
        let reason = report.reason.strip_prefix(prefix).unwrap_or(&report.reason).trim();
        let reason = if reason.is_empty() { "No reason was recorded." } else { reason };
        let word = if word.is_empty() { "Unknown outcome" } else { word };
        Self { icon, word: word.to_owned(), tone, reason: reason.to_owned(), meaning }
    }
}

/// Traffic's shares by environment, from one moment on.
pub(super) type Shares = BTreeMap<String, u8>;

/// Worked out once for all formats.
pub(super) struct Facts<'a> {
    pub(super) report: &'a Report,
    pub(super) headline: Headline,
    /// From when on traffic was divided how, in order of time.
    pub(super) weights: Vec<(Timestamp, Shares)>,
    /// The environments that ever had traffic: the live one first, then the new version's.
    pub(super) environments: Vec<String>,
    /// The versions that answered: the one before first. `none` is last.
    pub(super) versions: Vec<String>,
}

/// What a version is called that never answered.
pub(super) const NOBODY: &str = "none";

impl<'a> Facts<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let weights = weights(report);
        Self {
            headline: Headline::of(report),
            environments: environments(report, &weights),
            versions: versions(report),
            weights,
            report,
        }
    }

    /// Whether anything was begun that figures could tell of.
    pub(super) fn is_begun(&self) -> bool {
        let Report { stages, checks, actions, traffic, .. } = self.report;
        !(stages.is_empty() && checks.is_empty() && actions.is_empty() && traffic.is_none())
    }

    /// What `finished_at` is.
    pub(super) fn ended(&self) -> &'static str {
        if self.report.outcome == "unfinished" { "Last record" } else { "Ended" }
    }

    pub(super) fn took(&self) -> SignedDuration {
        self.report.finished_at.duration_since(self.report.started_at)
    }

    /// The changes of the weights that were made.
    pub(super) fn router_changes(&self) -> usize {
        let done = |action: &&ActionReport| is_done(action) && action.weights.is_some();
        self.report.actions.iter().filter(done).count()
    }

    /// Stages that ended with a pass. The last one before the way back was cut short, whatever it looked like.
    pub(super) fn stages_passed(&self) -> usize {
        let stages = &self.report.stages;
        let cut_short = !matches!(self.report.outcome.as_str(), "promoted" | "unfinished");
        let whole = stages.len() - usize::from(cut_short && !stages.is_empty());
        let passed = stages.iter().take(whole).filter(|stage| {
            // Nothing is judged in some, such as the delay before the old version is scaled down.
            let unjudged = stage.verdict.is_none() && self.report.outcome == "promoted";
            stage.ended_at.is_some() && (unjudged || stage.verdict.as_deref() == Some("pass"))
        });
        passed.count()
    }

    /// When traffic was off the new version again, after a failing verdict, and how long that took from the verdict.
    pub(super) fn traffic_off(&self) -> Option<(Timestamp, SignedDuration)> {
        let home = home(self.report.initial_state.as_ref()?);
        if self.report.outcome == "promoted" {
            return None;
        }
        let done = |action: &ActionReport| {
            is_done(action) && action.weights.as_ref().map(shares).as_ref() == Some(&home)
        };
        let shift = self.report.actions.iter().rev().find(|action| done(action))?;
        let mut checks = self.report.checks.iter().rev();
        let failing = checks.find(|check| check.at <= shift.at && check.verdict == "fail")?;
        let off = ended(shift);
        Some((off, off.duration_since(failing.at)))
    }
}

/// Whether the last survey was taken after the last change. Of one that stopped half-way it may be the first survey.
pub(super) fn is_settled(report: &Report) -> bool {
    matches!(report.outcome.as_str(), "promoted" | "rolled-back" | "aborted")
}

fn is_done(action: &ActionReport) -> bool {
    action.result == "done"
}

fn ended(action: &ActionReport) -> Timestamp {
    let took = i64::try_from(action.duration_ms.unwrap_or_default()).unwrap_or_default();
    action.at.saturating_add(SignedDuration::from_millis(took)).unwrap_or(action.at)
}

fn shares(split: &Split) -> Shares {
    split.iter().map(|(environment, share)| (environment.to_string(), share.get())).collect()
}

fn home(state: &StateReport) -> Shares {
    let shares = state.weights.iter().map(|(name, share)| (name.to_string(), share.get()));
    shares.filter(|(_, share)| *share > 0).collect()
}

/// Who had which share from when on: as surveyed, then after every change that is known to have been made.
fn weights(report: &Report) -> Vec<(Timestamp, Shares)> {
    let mut weights = Vec::new();
    weights.extend(report.initial_state.as_ref().map(|state| (report.started_at, home(state))));
    for action in report.actions.iter().filter(|action| is_done(action)) {
        weights.extend(action.weights.as_ref().map(|split| (ended(action), shares(split))));
    }
    if let Some(state) = report.final_state.as_ref().filter(|_| is_settled(report)) {
        weights.push((report.finished_at, home(state)));
    }
    weights.retain(|(_, shares)| !shares.is_empty());
    weights.dedup_by(|later, earlier| later.1 == earlier.1);
    weights
}

fn environments(report: &Report, weights: &[(Timestamp, Shares)]) -> Vec<String> {
    let mut most = Shares::new();
    for (name, share) in weights.iter().flat_map(|(_, shares)| shares) {
        let entry = most.entry(name.clone()).or_default();
        *entry = (*entry).max(*share);
    }
    let first = weights.first().map(|(_, shares)| shares.clone()).unwrap_or_default();
    let last = report.final_state.as_ref().map(home).unwrap_or_default();
    let mut names: Vec<String> = most.keys().cloned().collect();
    names.sort_by_key(|name| {
        let share = |shares: &Shares| std::cmp::Reverse(shares.get(name).copied().unwrap_or(0));
        (share(&first), share(&last), deployed(report, name), share(&most), name.clone())
    });
    names
}

/// How many changes there were before something was deployed to it: a new version comes before its baseline.
fn deployed(report: &Report, environment: &str) -> usize {
    let there = format!(" to {environment} with ");
    let mut actions = report.actions.iter();
    let deploy = |action: &ActionReport| {
        action.action.starts_with("deploy ") && action.action.contains(&there)
    };
    actions.position(deploy).unwrap_or(usize::MAX)
}

/// The version before, then the others as they appear. Which one was before: its image or revision served at first, else
/// whoever answered first.
fn versions(report: &Report) -> Vec<String> {
    let Some(traffic) = &report.traffic else { return Vec::new() };
    let mut seen = BTreeMap::<&str, Option<Timestamp>>::new();
    for point in &traffic.series {
        let first = seen.entry(&point.version).or_default();
        *first = Some(first.map_or(point.at, |first| first.min(point.at)));
    }
    for name in traffic.requests_by_version.keys().chain(traffic.failed_by_version.keys()) {
        seen.entry(name).or_default();
    }
    let before = serving(report);
    let is_before = |name: &str| {
        before.iter().any(|known| {
            known == name || known.rsplit_once([':', '/']).is_some_and(|(_, end)| end == name)
        })
    };
    let mut names: Vec<_> = seen.into_iter().collect();
    names.sort_by_key(|(name, first)| {
        let requests = traffic.requests_by_version.get(*name).copied().unwrap_or_default();
        let late = (first.is_none(), *first, std::cmp::Reverse(requests));
        (*name == NOBODY, !is_before(name), late, *name)
    });
    names.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// The revision and the image that served at first.
fn serving(report: &Report) -> Vec<String> {
    let Some(state) = &report.initial_state else { return Vec::new() };
    let live = state.weights.iter().max_by_key(|(_, share)| **share).map(|(name, _)| name);
    let side = live.and_then(|name| state.environments.get(name));
    let revision = side.and_then(|side| side.revision.as_ref()).map(ToString::to_string);
    let image = side.and_then(|side| side.image.as_ref()).map(ToString::to_string);
    revision.into_iter().chain(image).collect()
}
