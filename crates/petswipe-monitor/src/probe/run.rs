//! One run of a check.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check::{Check, Expect, Part, Step, seconds};
use super::{Answer, Reply, Request, Variables, Web};
use crate::Window;

/// What came of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Of which check.
    pub check: String,
    /// When it began.
    pub started: Timestamp,
    /// How long all of it took, in seconds.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// The steps that were taken. Behind one that failed there are none.
    pub steps: Vec<StepRun>,
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// What was asked, as it stands in the check: variables are names.
    pub step: String,
    /// What was answered; `None` without an answer.
    pub status: Option<u16>,
    /// How long it took, in seconds.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// Why it is not as expected.
    pub failure: Option<String>,
}

impl Run {
    /// Why the check failed; `None` when it passed.
    pub fn failure(&self) -> Option<&StepRun> {
        self.steps.last().filter(|step| step.failure.is_some())
    }

    /// From its beginning to its end.
    pub fn window(&self) -> Window {
        let to = self.started.saturating_add(self.took).unwrap_or(Timestamp::MAX);
        Window { from: self.started, to }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_millis();
        match self.failure() {
            None => write!(f, "{} passed in {took} ms", self.check),
            Some(StepRun { step, failure, .. }) => {
                let (number, why) = (self.steps.len(), failure.as_deref().unwrap_or_default());
                write!(f, "{} failed after {took} ms: step {number} ({step}) {why}", self.check)
            }
        }
    }
}

impl Check {
    /// Takes the steps, each with the time that is left, until one is not as expected. `now` is when it begins.
    ///
    /// A run never fails to be a run: whatever goes wrong is in it, secrets aside.
    pub async fn run(&self, web: &dyn Web, given: &Variables, now: Timestamp) -> Run {
        let mut run = Run {
            check: self.name.clone(),
            started: now,
            took: Duration::ZERO,
            steps: Vec::with_capacity(self.steps.len()),
        };
        let mut variables = given.clone();
        for step in &self.steps {
            let left = self.timeout.saturating_sub(run.took);
            let taken = step.take(web, &mut variables, left).await;
            run.took += taken.took;
            let failed = taken.failure.is_some();
            run.steps.push(taken);
            if failed {
                break;
            }
        }
        run
    }
}

impl Step {
    async fn take(&self, web: &dyn Web, variables: &mut Variables, left: Duration) -> StepRun {
        let mut taken =
            StepRun { step: self.to_string(), status: None, took: Duration::ZERO, failure: None };
        if left.is_zero() {
            taken.failure = Some("was not asked: the time of the check is over".to_owned());
            return taken;
        }
        let request = match self.request(variables, left) {
            Ok(request) => request,
            Err(name) => {
                taken.failure = Some(format!("needs the variable `{name}`, which is not set"));
                return taken;
            }
        };
        let Reply { took, answer } = web.send(&request).await;
        taken.took = took;
        let judged = answer.and_then(|answer| {
            taken.status = Some(answer.status);
            self.expect.judge(&answer, took)?;
            self.keep(&answer, variables)
        });
        taken.failure = judged.err().map(|why| variables.redact(&why));
        taken
    }

    fn request(&self, variables: &Variables, left: Duration) -> Result<Request, String> {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| Ok((name.clone(), variables.fill(value)?)));
        Ok(Request {
            method: self.method.clone(),
            path: variables.fill(&self.path)?,
            headers: headers.collect::<Result<_, String>>()?,
            body: variables.fill(self.body.as_deref().unwrap_or_default())?,
            timeout: left,
        })
    }

    /// What later steps need of the answer. It may be a token, so it is never shown.
    fn keep(&self, answer: &Answer, variables: &mut Variables) -> Result<(), String> {
        for capture in &self.capture {
            let found = match &capture.from {
                Part::Header(name) => {
                    let same = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
                    answer.headers.iter().find(same).map(|(_, value)| value.clone())
                }
                Part::Body(pointer) => match json(answer)?.pointer(pointer) {
                    Some(serde_json::Value::String(text)) => Some(text.clone()),
                    Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                        Some(value.to_string())
                    }
                    _ => None,
                },
            };
            let missing = || match &capture.from {
                Part::Header(name) => format!("answered without the header `{name}`"),
                Part::Body(pointer) => format!("answered without a text or number at `{pointer}`"),
            };
            variables.set_secret(&capture.variable, found.ok_or_else(missing)?);
        }
        Ok(())
    }
}

impl Expect {
    fn judge(&self, answer: &Answer, took: Duration) -> Result<(), String> {
        let status = answer.status;
        if !(self.status.0..=self.status.1).contains(&status) {
            return Err(format!("answered {status}, expected {}", self.status));
        }
        if let Some(wanted) = &self.contains
            && !answer.body.contains(wanted)
        {
            return Err(format!("answered without the text `{wanted}`"));
        }
        if !self.json.is_empty() {
            let body = json(answer)?;
            for (pointer, wanted) in &self.json {
                match body.pointer(pointer) {
                    Some(found) if found == wanted => {}
                    Some(_) => {
                        return Err(format!(
                            "answered with something else than {wanted} at `{pointer}`"
                        ));
                    }
                    None => {
                        return Err(format!(
                            "answered with nothing at `{pointer}`, expected {wanted}"
                        ));
                    }
                }
            }
        }
        match self.within {
            Some(within) if took > within => {
                let (took, within) = (took.as_millis(), within.as_millis());
                Err(format!("took {took} ms, expected at most {within} ms"))
            }
            _ => Ok(()),
        }
    }
}

fn json(answer: &Answer) -> Result<serde_json::Value, String> {
    serde_json::from_str(&answer.body).map_err(|why| format!("answered with no JSON: {why}"))
}
