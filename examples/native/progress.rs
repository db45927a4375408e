//! What a person sees while a native deployment goes on: the stages of the platform, and what the gate says.

use std::sync::{Arc, Mutex, PoisonError};

use petswipe_deploy::Direction;
use petswipe_deploy::native::{NativeOutput, NativePlan, NativeState};
use petswipe_runbook::{Event, EventOf, Observer, Recorded};

use crate::progress::Progress;

/// Told of every event.
pub(super) struct Watching {
    progress: Arc<Progress>,
    told: Mutex<Told>,
}

/// What was said before.
#[derive(Default)]
struct Told {
    stages: usize,
    pause: Option<String>,
    turned: bool,
}

impl Watching {
    pub(super) fn new(progress: Arc<Progress>) -> Self {
        Self { progress, told: Mutex::default() }
    }

    fn event(&self, event: &EventOf<NativePlan>) {
        let line = |text: &str| self.progress.line(text);
        match event {
            Event::Intended { effect, .. } if effect.is_change() => line(&effect.to_string()),
            Event::Succeeded { output: NativeOutput::Seen(seen), .. } => {
                if let Some(judgement) = &seen.judgement {
                    line(&format!("check: {}", self.progress.paint(&judgement.verdict)));
                }
                for problem in &seen.problems {
                    line(&format!("could not look: {problem}"));
                }
            }
            Event::Succeeded { output: NativeOutput::Registered(revision), .. } => {
                line(&format!("registered {revision}"));
            }
            Event::Succeeded { output: NativeOutput::Begun(id), .. } => {
                line(&format!("the deployment is {id}"));
            }
            Event::Failed { failure, .. } => line(&format!("failed: {}", failure.message)),
            Event::AbortRequested { by, reason } => {
                line(&format!("{by}: {reason}; bringing everything back to safety"));
            }
            _ => {}
        }
    }

    /// What is new about the deployment.
    fn news(&self, state: &NativeState) -> Vec<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let stages = state.stages.iter().skip(told.stages);
        let mut news: Vec<_> = stages
            .map(|stage| format!("{}: {} to the new version", stage.name, stage.weight))
            .collect();
        told.stages = state.stages.len();
        let pause = state.last_status.as_ref().and_then(|status| status.pause.as_ref());
        let hook = pause.map(|pause| pause.hook.clone());
        if let Some(pause) = pause.filter(|_| told.pause != hook) {
            let until = pause.expires_at.map_or(String::new(), |until| {
                format!(", and goes back by itself at {}", until.strftime("%H:%M:%S UTC"))
            });
            news.push(format!("Amazon ECS waits for a verdict{until}"));
        }
        told.pause = hook;
        if !told.turned {
            match &state.direction {
                Direction::Back(cause) => news.push(format!("going back: {cause}")),
                Direction::Stopping { reason } => news.push(format!("stopping: {reason}")),
                _ => return news,
            }
            told.turned = true;
        }
        news
    }
}

impl Observer<NativePlan> for Watching {
    fn notice(
        &self,
        plan: &NativePlan,
        recorded: &Recorded<EventOf<NativePlan>>,
        state: &NativeState,
    ) {
        self.event(&recorded.event);
        let news = self.news(state);
        if let Event::Resumed { .. } = &recorded.event {
            let so_far = match (&state.direction, state.stages.last()) {
                (Direction::Back(cause), _) => format!("on the way back: {cause}"),
                (_, Some(stage)) => format!("{} at {}", stage.name, stage.weight),
                (_, None) => "no stage was begun yet".to_owned(),
            };
            self.progress.line(&format!("going on where the last driver stopped: {so_far}"));
        } else {
            news.iter().for_each(|line| self.progress.line(line));
        }
        let headline = match &state.direction {
            Direction::Back(_) => "going back".to_owned(),
            Direction::Stopping { .. } => "stopping".to_owned(),
            _ => {
                let name = state.stages.last().map_or("preparing", |stage| stage.name.as_str());
                format!("{} {name} at {}", plan.strategy.name(), state.weight)
            }
        };
        let verdict = match &recorded.event {
            Event::Succeeded { output: NativeOutput::Seen(seen), .. } => seen.judgement.as_ref(),
            _ => None,
        };
        self.progress.headline(headline, verdict.map(|judgement| judgement.verdict.word()));
    }
}
