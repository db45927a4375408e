//! Reading what a gate needs, and letting it judge: the one place where a source and a gate meet.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::gate::{Carried, Comparison, Gate, Judgement, Step, Verdict};
use crate::{Error, MetricSource, Observation, Subject, Window, explain};

/// What the candidate is compared with.
#[derive(Clone, Copy, Debug)]
pub enum Reference<'a> {
    /// What takes traffic at the same time.
    Beside(&'a Subject),
    /// What a subject did in a window before the step: a weaker comparison, because the traffic may be another one now.
    Before(&'a Subject, Window),
}

impl<'a> Reference<'a> {
    /// Whatever it is compared with.
    fn subject(self) -> &'a Subject {
        match self {
            Self::Beside(subject) | Self::Before(subject, _) => subject,
        }
    }
}

/// Reads what `gate` needs from `source`, one window after the other and each only once, both subjects at the same
/// moment, and lets it judge. Where the answers about the two are of different times, the two are read once more in the time
/// that both know.
///
/// A source that fails makes the verdict inconclusive with the cause, and the carried state is kept. An answer counts
/// as nothing known if it is of another subject, of no time at all, of a time that is not all within the window asked
/// and the step (or all before the step, where that was asked), or of a period that is [still open](MetricSource::lag).
/// A window that ended before the step is compared side by side whatever the reference, and is not known where the source fails.
pub async fn observe_and_judge(
    source: &dyn MetricSource,
    gate: &dyn Gate,
    step: &Step,
    candidate: &Subject,
    reference: Option<Reference<'_>>,
    carried: &Carried,
) -> Judgement {
    match read(source, &gate.windows(step, carried), step, candidate, reference).await {
        Ok(seen) => {
            let sources = sources(&seen);
            Judgement { sources, ..gate.judge(step, &seen, carried) }
        }
        Err(error) => {
            let verdict = Verdict::Inconclusive {
                why: format!("{} could not be read: {}", source.name(), explain(&error)),
                missing: vec!["all metrics".to_owned()],
                evidence: Vec::new(),
            };
            Judgement::new(verdict, carried.clone(), Window::empty(step.started))
        }
    }
}

/// Where the numbers are from, each once.
fn sources(seen: &[Comparison]) -> Vec<String> {
    let mut sources = Vec::new();
    for one in seen.iter().flat_map(|seen| [Some(&seen.candidate), seen.reference.as_ref()]) {
        let said =
            one.and_then(|one| Some(format!("{}: {}", one.subject, one.provenance.as_ref()?)));
        sources.extend(said.filter(|said| !sources.contains(said)));
    }
    sources
}

async fn read(
    source: &dyn MetricSource,
    windows: &[Window],
    step: &Step,
    candidate: &Subject,
    reference: Option<Reference<'_>>,
) -> Result<Vec<Comparison>, Error> {
    let before = match reference {
        Some(Reference::Before(subject, window)) => {
            Some(before(source, subject, window, step).await?)
        }
        _ => None,
    };
    let mut seen: Vec<Comparison> = Vec::with_capacity(windows.len());
    for (index, window) in windows.iter().enumerate() {
        // Several gates that look at the same window see the same numbers.
        if let Some(same) = windows[..index].iter().position(|known| known == window) {
            seen.push(seen[same].clone());
            continue;
        }
        seen.push(match reference {
            _ if is_older(*window, step) => {
                let beside = reference.map(Reference::subject);
                earlier(source, candidate, beside, *window, step).await
            }
            Some(Reference::Beside(reference)) => {
                beside(source, candidate, reference, *window, step).await?
            }
            _ => {
                let candidate = observe(source, candidate, *window, step).await?;
                Comparison::new(candidate, before.clone())
            }
        });
    }
    Ok(seen)
}

/// Whether a gate asks for what it could not see of a step before.
pub(crate) fn is_older(window: Window, step: &Step) -> bool {
    window.to <= step.started && !window.is_empty()
}

/// What was in a window of a step before, or that it is not known. Nothing of this step depends on it, so also an error is no reason
/// not to judge.
async fn earlier(
    source: &dyn MetricSource,
    candidate: &Subject,
    reference: Option<&Subject>,
    window: Window,
    step: &Step,
) -> Comparison {
    let nothing =
        |subject: &Subject| Observation::missing(subject.clone(), Window::empty(window.from));
    let closed = window.closed(source.resolution(), source.lag(), step.now);
    let seen = match reference {
        // A part of a period is never known.
        _ if closed.is_empty() => None,
        Some(reference) => beside(source, candidate, reference, window, step).await.ok(),
        None => {
            let seen = observe(source, candidate, window, step).await.ok();
            seen.map(|seen| Comparison::new(seen, None))
        }
    };
    seen.unwrap_or_else(|| Comparison::new(nothing(candidate), reference.map(nothing)))
}

/// What both did at the same time. A source may know less of the window for one of them than for the other, such as up to the
/// end of a target that was lost: then both are looked at once more, in the time that both answers have in common, or from the
/// beginning of the later one if they have none. What was known of the candidate beyond it is kept, for limits.
async fn beside(
    source: &dyn MetricSource,
    candidate: &Subject,
    reference: &Subject,
    mut window: Window,
    step: &Step,
) -> Result<Comparison, Error> {
    let mut whole = None;
    loop {
        let one = observe(source, candidate, window, step);
        let (candidate, reference) = both(one, observe(source, reference, window, step)).await?;
        let [one, other] = [candidate.window, reference.window];
        let from = one.from.max(other.from);
        let common = one.to.min(other.to);
        let next = Window { from, to: if from < common { common } else { window.to } };
        // Each look is at less than the one before, so there is a last one.
        let is_less = next != window && window.covers(&next) && !next.is_empty();
        if one == other || one.is_empty() || other.is_empty() || !is_less {
            let whole = whole.filter(|whole: &Observation| {
                whole.window != candidate.window && whole.window.covers(&candidate.window)
            });
            return Ok(Comparison { whole, ..Comparison::new(candidate, Some(reference)) });
        }
        whole.get_or_insert(candidate);
        window = next;
    }
}

/// Asks twice in the same moment, so that a source can answer with one call. The first error is the answer.
async fn both<T>(
    one: impl Future<Output = Result<T, Error>>,
    other: impl Future<Output = Result<T, Error>>,
) -> Result<(T, T), Error> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(move |context| {
        if first.is_none()
            && let Poll::Ready(answer) = one.as_mut().poll(context)
        {
            first = Some(answer?);
        }
        if second.is_none()
            && let Poll::Ready(answer) = other.as_mut().poll(context)
        {
            second = Some(answer?);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready(Ok((first, second))),
            answers => {
                (first, second) = answers;
                Poll::Pending
            }
        }
    })
    .await
}

/// What the subject did in the closed periods of a window that ended before the step; nothing known if the answer is of another
/// subject or time.
async fn before(
    source: &dyn MetricSource,
    subject: &Subject,
    window: Window,
    step: &Step,
) -> Result<Observation, Error> {
    let window = Window { from: window.from.min(step.started), to: window.to.min(step.started) };
    let seen = source.observe(subject, window, step.now).await?;
    Ok(match seen.subject == *subject && window.covers(&seen.window) {
        true => seen,
        false => Observation::missing(subject.clone(), Window::empty(window.from)),
    })
}

async fn observe(
    source: &dyn MetricSource,
    subject: &Subject,
    window: Window,
    step: &Step,
) -> Result<Observation, Error> {
    let seen = source.observe(subject, window, step.now).await?;
    let closed = window.closed(source.resolution(), source.lag(), step.now);
    let usable = seen.subject == *subject
        && !seen.window.is_empty()
        && closed.covers(&seen.window)
        && (seen.window.from >= step.started || is_older(window, step));
    Ok(match usable {
        true => seen,
        false => Observation::missing(subject.clone(), Window::empty(window.from)),
    })
}

#[cfg(test)]
mod tests;
