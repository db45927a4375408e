//! Replaying a recorded trace: what would this gate have done last Tuesday?

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::{Next, RolloutPolicy, Second};
use crate::Error;
use crate::evidence::{Arm, dispersion};

/// One line of a trace: what both did in some seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The second in which it begins, since the beginning of the trace.
    pub second: u32,
    /// The new version.
    pub candidate: Arm,
    /// The version it replaces.
    pub reference: Arm,
}

impl Recorded {
    /// How much more the errors of a trace vary than independent ones would; see
    /// [`dispersion`](crate::evidence::dispersion()). It means something where both ran the same version.
    pub fn dispersion(trace: &[Recorded]) -> Option<f64> {
        let ticks: Vec<_> = trace.iter().map(|line| (line.candidate, line.reference)).collect();
        dispersion(&ticks)
    }
}

/// What the policy would have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// The policy.
    pub policy: String,
    /// `rolled back`, `promoted`, or `still going on` when the trace ended.
    pub ended: String,
    /// After how many seconds of the trace.
    pub seconds: u32,
    /// Requests that the new version failed until then.
    pub failed_requests: u64,
    /// Those that it failed in the whole trace.
    pub failed_requests_in_trace: u64,
    /// The weights that the policy asked for, and from which second on. The trace has those that there were.
    pub weights: Vec<(u32, u8)>,
}

/// Reads a trace: one JSON object on each line, rising in time. Seconds between two lines had no requests.
///
/// # Errors
/// [`Error::Backend`] when it can't be read, [`Error::InvalidPolicy`] with the line that is none, goes back in time, or has more
/// failures than requests.
pub fn read(trace: impl BufRead) -> Result<Vec<Recorded>, Error> {
    let mut read: Vec<Recorded> = Vec::new();
    for (index, line) in trace.lines().enumerate() {
        let line = line.map_err(|source| Error::backend("reading the trace", source))?;
        if line.trim().is_empty() {
            continue;
        }
        let field = || format!("line {} of the trace", index + 1);
        let recorded: Recorded = serde_json::from_str(&line).map_err(|error| {
            let allowed =
                "an object with second, and requests and failed of candidate and reference";
            Error::invalid(field(), format!("{line}: {error}"), allowed)
        })?;
        if let Some(last) = read.last()
            && recorded.second <= last.second
        {
            let allowed = format!("after second {}, that of the line before", last.second);
            return Err(Error::invalid(field(), format!("second {}", recorded.second), allowed));
        }
        for arm in [recorded.candidate, recorded.reference] {
            if arm.failed > arm.requests {
                let found = format!("{} failed of {}", arm.failed, arm.requests);
                return Err(Error::invalid(field(), found, "no more failed than there were"));
            }
        }
        read.push(recorded);
    }
    Ok(read)
}

/// Plays a policy against a trace. The traffic was divided as it was, whatever weights the policy asks for now, and how long
/// requests took is not in it: a policy that judges the division of the traffic or latency has to be told not to, as
/// [`EvidencePolicy::of_errors`](crate::EvidencePolicy::of_errors) is.
pub fn replay(trace: &[Recorded], policy: &mut dyn RolloutPolicy) -> Replayed {
    let mut weights = vec![(0, policy.begin())];
    let mut lines = trace.iter().peekable();
    let end = trace.last().map_or(0, |last| last.second.saturating_add(1));
    let mut replayed = Replayed {
        policy: policy.name(),
        ended: "still going on".to_owned(),
        seconds: end,
        failed_requests: 0,
        failed_requests_in_trace: trace.iter().map(|line| line.candidate.failed).sum(),
        weights: Vec::new(),
    };
    for elapsed in 1..=end {
        let line = lines.next_if(|line| line.second < elapsed);
        let second = line.map_or(Second::default(), |line| Second {
            candidate: line.candidate,
            reference: line.reference,
        });
        replayed.failed_requests += second.candidate.failed;
        let ended = match policy.tick(elapsed, &second) {
            Next::Weight(weight) => {
                if weights.last().is_some_and(|(_, last)| *last != weight) {
                    weights.push((elapsed, weight));
                }
                continue;
            }
            Next::RollBack => "rolled back",
            Next::Promote => "promoted",
        };
        (replayed.ended, replayed.seconds) = (ended.to_owned(), elapsed);
        break;
    }
    Replayed { weights, ..replayed }
}
