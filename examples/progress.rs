//! What a person sees while a rollout goes on: a live line on a terminal, one plain line per event otherwise. All of it
//! goes to stderr.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use petswipe_deploy::{Direction, Effect, Output, Plan, StageRecord, State, Target};
use petswipe_local::load::Load;
use petswipe_monitor::Verdict;
use petswipe_runbook::{Event, EventOf, Observer, Recorded};

use crate::report::check_in_words;

/// Told of every event.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    colour: bool,
    began: Timestamp,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    stages: usize,
    ended_stages: usize,
    turned: bool,
    headline: String,
    verdict: String,
    held_until: Option<Timestamp>,
}

impl Progress {
    /// A live line on a terminal, plain lines elsewhere, nothing when `quiet`.
    pub(crate) fn new(quiet: bool) -> Arc<Self> {
        let terminal = std::io::stderr().is_terminal() && !quiet;
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let (began, last) = (Timestamp::now(), Mutex::default());
        Arc::new(Self { bar, quiet, colour, began, last })
    }

    /// One line for good.
    pub(crate) fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        let seconds = Timestamp::now().duration_since(self.began).as_secs_f64();
        let line = format!("{seconds:7.1} s  {text}");
        match &self.bar {
            Some(bar) => bar.println(line),
            None => crate::say(&line),
        }
    }

    /// Renews the live line from what users see.
    pub(crate) fn refresh(&self, load: Option<&Load>) {
        let Some(bar) = &self.bar else { return };
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let users = load.map_or(String::new(), |load| {
            let total = load.snapshot().total;
            let rate = total.failed as f64 * 100.0 / total.requests.max(1) as f64;
            format!(" · {} requests, {} failed ({rate:.2} %)", total.requests, total.failed)
        });
        let left = last.held_until.map(|until| until.duration_since(Timestamp::now()).as_secs());
        let left =
            left.filter(|left| *left > 0).map_or(String::new(), |s| format!(" · {s} s left"));
        let verdict = if last.verdict.is_empty() { "no verdict yet" } else { &last.verdict };
        bar.set_message(format!("{}{users} · {verdict}{left}", last.headline));
    }

    /// Takes the live line away.
    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// What the live line says from now on; without a new verdict the last one stays.
    #[cfg(feature = "aws")]
    pub(crate) fn headline(&self, headline: String, verdict: Option<&str>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.headline = headline;
        if let Some(verdict) = verdict {
            verdict.clone_into(&mut last.verdict);
        }
    }

    /// A verdict in words, in its colour where there is one.
    pub(crate) fn paint(&self, verdict: &Verdict) -> String {
        let text = check_in_words(verdict.word(), verdict.evidence(), &verdict.to_string());
        if !self.colour {
            return text;
        }
        let code = match verdict {
            Verdict::Pass { .. } => 32,
            Verdict::Fail { .. } => 31,
            Verdict::Inconclusive { .. } => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn event(&self, event: &EventOf<Plan>) {
        match event {
            Event::Intended { effect, .. } if effect.is_change() => self.line(&effect.to_string()),
            Event::Intended { effect: effect @ Effect::Hook { .. }, .. } => {
                self.line(&effect.to_string());
            }
            Event::Succeeded { output: Output::Seen(seen), .. } => {
                if let Some(judgement) = &seen.judgement {
                    self.line(&format!("check: {}", self.paint(&judgement.verdict)));
                }
                // Several questions that one call answers fail for one reason.
                let mut told = BTreeSet::new();
                for problem in seen.problems.iter().filter(|problem| told.insert(*problem)) {
                    self.line(&format!("could not look: {problem}"));
                }
            }
            Event::Succeeded { output: Output::Registered(revision), .. } => {
                self.line(&format!("registered {revision}"));
            }
            Event::Failed { failure, .. } => self.line(&format!("failed: {}", failure.message)),
            Event::Asked { question } if self.bar.is_none() => self.line(&question.text),
            Event::Answered { answer, .. } => {
                let word = if answer.approved { "yes" } else { "no" };
                self.line(&format!("{} says {word} {}", answer.by, answer.reason));
            }
            Event::Unanswered { .. } => self.line("nobody answered"),
            Event::AbortRequested { by, reason } => {
                self.line(&format!("{by}: {reason}; bringing everything back to safety"));
            }
            _ => {}
        }
    }
}

/// How many stages are over.
fn ended(state: &State) -> usize {
    state.stages.iter().filter(|stage| stage.ended_at.is_some()).count()
}

/// What was done before somebody else goes on, in one line.
fn done_before(state: &State) -> String {
    let forward = matches!(state.direction, Direction::Forward);
    let place = |(index, stage): (usize, &StageRecord)| {
        let how = match stage.ended_at {
            None => "begun",
            Some(_) if forward || index + 1 < state.stages.len() => "passed",
            Some(_) => "left",
        };
        format!("{} ({}) {how}", stage.name, stage.weight)
    };
    let stages: Vec<_> = state.stages.iter().enumerate().map(place).collect();
    let so_far = match stages.is_empty() {
        true => "no stage was begun yet".to_owned(),
        false => stages.join(", "),
    };
    match &state.direction {
        Direction::Back(cause) => format!("{so_far}; on the way back: {cause}"),
        Direction::Stopping { reason } => format!("{so_far}; stopping: {reason}"),
        _ => so_far,
    }
}

impl Observer<Plan> for Progress {
    fn notice(&self, plan: &Plan, recorded: &Recorded<EventOf<Plan>>, state: &State) {
        self.event(&recorded.event);
        if let Event::Resumed { .. } = &recorded.event {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.stages = state.stages.len();
            last.ended_stages = ended(state);
            last.turned =
                matches!(state.direction, Direction::Back(_) | Direction::Stopping { .. });
            drop(last);
            self.line(&format!("going on where the last driver stopped: {}", done_before(state)));
        }
        let mut lines = Vec::new();
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = ended(state);
            if ended > last.ended_stages && state.direction == Direction::Forward {
                lines.extend(
                    state.stages.get(ended - 1).map(|stage| format!("{} passed", stage.name)),
                );
            }
            last.ended_stages = ended;
            for stage in state.stages.iter().skip(last.stages) {
                // On the way back from a promotion it is not new.
                let to = match &plan.target {
                    Target::Image(_) => "the new version",
                    Target::Revision(revision) => revision.as_str(),
                };
                lines.push(format!("{}: {} to {to}", stage.name, stage.weight));
            }
            last.stages = state.stages.len();
            if let (Direction::Back(cause), false) = (&state.direction, last.turned) {
                last.turned = true;
                lines.push(format!("going back: {cause}"));
            }
            if let (Direction::Stopping { reason }, false) = (&state.direction, last.turned) {
                last.turned = true;
                lines.push(format!("stopping: {reason}"));
            }
            let name = state.stages.last().map_or("preparing", |stage| stage.name.as_str());
            last.headline = match &state.direction {
                Direction::Back(_) => "going back".to_owned(),
                Direction::Stopping { .. } => "stopping".to_owned(),
                _ => format!("{} {name} at {}", plan.strategy, state.weight),
            };
            last.held_until = state.held_until();
            if let Event::Succeeded { output: Output::Seen(seen), .. } = &recorded.event
                && let Some(judgement) = &seen.judgement
            {
                last.verdict = judgement.verdict.word().to_owned();
            }
        }
        for line in lines {
            self.line(&line);
        }
    }
}
