//! Health checks: one task per target, and the pure state machine that judges their results.

use std::sync::Arc;

use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

use super::body::RequestBody;
use super::group::Group;
use super::target::Member;
use super::{HealthCheck, TargetState};

/// Why a check failed, in the words of AWS's reason codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Mismatch(u16),
    Timeout,
    Connection(String),
}

impl Failure {
    fn reason(&self) -> String {
        match self {
            Self::Mismatch(code) => {
                format!(
                    "Target.ResponseCodeMismatch: Health checks failed with these codes: [{code}]"
                )
            }
            Self::Timeout => "Target.Timeout: Request timed out".to_owned(),
            Self::Connection(cause) => {
                format!("Target.FailedHealthChecks: Health checks failed: {cause}")
            }
        }
    }
}

/// Counts checks in a row and says when the state changes.
///
/// "After your target is registered, it must pass one health check to be considered healthy"; after that it takes
/// `unhealthy_threshold` failures in a row to fall and `healthy_threshold` successes in a row to rise again.
///
/// Source: AWS, *Health checks for Application Load Balancer target groups*.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    passed: u32,
    failed: u32,
}

impl Judge {
    /// The state after one more result.
    pub(crate) fn judge(
        &mut self,
        check: &HealthCheck,
        state: &TargetState,
        result: &Result<(), Failure>,
    ) -> TargetState {
        match result {
            Ok(()) => {
                self.failed = 0;
                self.passed = self.passed.saturating_add(1);
                let enough = match state {
                    TargetState::Initial => 1,
                    _ => check.healthy_threshold,
                };
                match self.passed >= enough {
                    true => TargetState::Healthy,
                    false => state.clone(),
                }
            }
            Err(failure) => {
                self.passed = 0;
                self.failed = self.failed.saturating_add(1);
                match self.failed >= check.unhealthy_threshold {
                    true => TargetState::Unhealthy { reason: failure.reason() },
                    false => state.clone(),
                }
            }
        }
    }
}

/// Checks a target until the task is aborted: first at once, then once per interval, however long a check takes.
pub(crate) async fn watch(group: Arc<Group>, member: Arc<Member>) {
    let check = group.config.health_check.clone();
    let mut ticks = tokio::time::interval(check.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut judge = Judge::default();
    loop {
        ticks.tick().await;
        let result = probe(&member, &check).await;
        let next = judge.judge(&check, &member.state(), &result);
        group.set_state(&member, next);
        member.pool.sweep();
    }
}

async fn probe(member: &Member, check: &HealthCheck) -> Result<(), Failure> {
    let status = tokio::time::timeout(check.timeout, request(member, check))
        .await
        .map_err(|_: tokio::time::error::Elapsed| Failure::Timeout)?
        .map_err(|error| Failure::Connection(petswipe_monitor::explain(error.as_ref())))?;
    match check.matcher.matches(status) {
        true => Ok(()),
        false => Err(Failure::Mismatch(status)),
    }
}

/// One request on a connection of its own, which is closed after it.
async fn request(
    member: &Member,
    check: &HealthCheck,
) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let address = member.target.address;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(Method::GET)
        .uri(&check.path)
        .header(HOST, address.to_string())
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .header(CONNECTION, "close")
        .body(RequestBody::empty())?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut answer => answer?,
        ended = connection => {
            ended?;
            answer.await?
        }
    };
    Ok(answer.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states after each result: `+` passes, `-` fails.
    fn states(results: &str) -> String {
        let check =
            HealthCheck { healthy_threshold: 3, unhealthy_threshold: 2, ..HealthCheck::default() };
        let mut judge = Judge::default();
        let mut state = TargetState::Initial;
        let mut letters = String::new();
        for result in results.chars() {
            let result = match result {
                '+' => Ok(()),
                _ => Err(Failure::Mismatch(500)),
            };
            state = judge.judge(&check, &state, &result);
            letters.push(match state {
                TargetState::Initial => 'i',
                TargetState::Healthy => 'h',
                TargetState::Unhealthy { .. } => 'u',
                TargetState::Draining => 'd',
            });
        }
        letters
    }

    #[test]
    fn thresholds_count_results_in_a_row() {
        for (results, expected) in [
            ("+", "h"),
            ("-+", "ih"),
            ("--", "iu"),
            ("+-+-+", "hhhhh"),
            ("+--", "hhu"),
            // Once unhealthy, one pass is not enough any more, even for a target that never was healthy.
            ("--+", "iuu"),
            ("--++-+++", "iuuuuuuh"),
            ("--+++--+++", "iuuuhhuuuh"),
        ] {
            assert_eq!(states(results), expected, "{results}");
        }
    }
}
