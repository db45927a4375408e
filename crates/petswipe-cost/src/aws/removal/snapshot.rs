//! A snapshot of a volume, made once for each wish and waited for.

use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, ResourceType, Snapshot, SnapshotState, Tag, TagSpecification};
use aws_smithy_types::retry::RetryConfig;
use jiff::Timestamp;
use petswipe_aws::{CallError, Failure};
use petswipe_runbook::Clock;

use super::answer::failed;
use super::{SNAPSHOT_OF_TAG, SNAPSHOT_TOKEN_TAG};
use crate::aws::error::is_gone;
use crate::aws::pages::{self, Asked};
use crate::{Error, explain};

/// These say that there are too many snapshots at a time, of the volume or of the account. Source: "Error codes for the Amazon EC2
/// API", which asks for 15 seconds between two snapshots of a volume.
const TOO_MANY: [&str; 3] = [
    "ConcurrentSnapshotLimitExceeded",
    "PendingSnapshotLimitExceeded",
    "SnapshotCreationPerVolumeRateExceeded",
];
const BETWEEN_TWO: Duration = Duration::from_secs(15);

/// So often it is begun where it was one call too many.
const TRIES: u32 = 4;

/// So often is looked for a snapshot of which nobody knows whether it was begun, or which can't be seen yet.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

/// The first and the longest pause between two looks at a snapshot that grows.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// Somebody wants a snapshot.
pub(super) struct Wish<'a> {
    pub(super) client: &'a Client,
    pub(super) clock: &'a dyn Clock,
    pub(super) volume: &'a str,
    /// Names the wish, so that it is fulfilled once.
    pub(super) token: &'a str,
}

impl Wish<'_> {
    /// The id of its snapshot, which is complete.
    pub(super) async fn fulfilled(&self, patience: Duration) -> Result<String, Error> {
        let id = match self.found().await.map_err(|error| failed(error, &[]))? {
            Some(id) => id,
            None => self.begun().await?,
        };
        self.completed(id, patience).await
    }

    /// The snapshot of an earlier call. One that failed holds nothing, and is none.
    async fn found(&self) -> Result<Option<String>, CallError> {
        let asked = Asked { action: "ec2:DescribeSnapshots", about: self.volume };
        let tag = format!("tag:{SNAPSHOT_TOKEN_TAG}");
        let of = Filter::builder().name("volume-id").values(self.volume).build();
        let wish = Filter::builder().name(tag).values(literal(self.token)).build();
        let request = self.client.describe_snapshots().owner_ids("self").filters(of).filters(wish);
        let all = pages::all(asked, |token: Option<String>| {
            let request = request.clone().max_results(1000).set_next_token(token);
            async move {
                let page = request.send().await;
                let page =
                    page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
                let next = page.next_token.filter(|token| !token.is_empty());
                Ok((page.snapshots.unwrap_or_default(), next))
            }
        });
        let mut all = all.await?;
        all.retain(|one| self.is_mine(one));
        // Of several a complete one, and then the oldest.
        all.sort_by_key(|one| {
            let started = one.start_time().map(|at| at.as_nanos());
            (one.state() != Some(&SnapshotState::Completed), started, one.snapshot_id.clone())
        });
        Ok(all.into_iter().find_map(|one| one.snapshot_id))
    }

    fn is_mine(&self, one: &Snapshot) -> bool {
        let lost = [SnapshotState::Error, SnapshotState::Recoverable];
        let is_token =
            |tag: &Tag| tag.key() == Some(SNAPSHOT_TOKEN_TAG) && tag.value() == Some(self.token);
        one.volume_id() == Some(self.volume)
            && one.tags().iter().any(is_token)
            && one.state().is_none_or(|state| !lost.contains(state))
    }

    /// Begins it. The SDK sends this call once only: by itself it would send it again when an answer is lost, and that makes two.
    async fn begun(&self) -> Result<String, Error> {
        for tried in 1.. {
            let error = match self.create().await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            let pause = match error.failure() {
                Failure::Unknown => return self.found_after(error).await,
                Failure::NotFound => {
                    return Err(Error::NotFound { what: self.volume.to_owned() });
                }
                _ if error.code().is_some_and(|code| TOO_MANY.contains(&code)) => BETWEEN_TWO,
                Failure::Throttled { retry_after } => retry_after.unwrap_or(BETWEEN_LOOKS),
                _ => return Err(failed(error, &["IncorrectState"])),
            };
            if tried == TRIES {
                let action = error.action().to_owned();
                return Err(Error::Throttled { action, retry_after: Some(pause) });
            }
            self.pause(pause).await;
        }
        Err(self.unknown("it was never begun"))
    }

    async fn create(&self) -> Result<String, CallError> {
        let action = "ec2:CreateSnapshot";
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::Snapshot)
            .tags(tag(SNAPSHOT_OF_TAG, self.volume))
            .tags(tag(SNAPSHOT_TOKEN_TAG, self.token))
            .build();
        let once = aws_sdk_ec2::Config::builder().retry_config(RetryConfig::disabled());
        let answer = self
            .client
            .create_snapshot()
            .volume_id(self.volume)
            .description(format!("Made by petswipe before {} was deleted", self.volume))
            .tag_specifications(tags)
            .customize()
            .config_override(once)
            .send()
            .await;
        let answer = answer.map_err(|error| CallError::new(action, self.volume, error))?;
        let unusable = || CallError::unusable(action, self.volume, "it has no id");
        answer.snapshot_id.ok_or_else(unusable)
    }

    /// Nobody knows whether it was begun: then it can be found, if not at once.
    async fn found_after(&self, error: CallError) -> Result<String, Error> {
        for _ in 0..LOOKS {
            if let Ok(Some(id)) = self.found().await {
                return Ok(id);
            }
            self.pause(BETWEEN_LOOKS).await;
        }
        Err(self.unknown(&explain(&error)))
    }

    async fn completed(&self, id: String, patience: Duration) -> Result<String, Error> {
        let begin = self.clock.now();
        let deadline = begin.checked_add(patience).unwrap_or(Timestamp::MAX);
        let (mut pause, mut unseen) = (SHORTEST, 0);
        let mut last = "it is pending".to_owned();
        loop {
            match self.state(&id).await {
                Ok(Some(State::Completed)) => return Ok(id),
                Ok(Some(State::Pending(progress))) => last = format!("it is at {progress}"),
                Ok(Some(State::Failed(why))) => {
                    let why = format!("it failed ({why}), holds nothing, and can be deleted");
                    return Err(Error::backend(self.named(&id), why));
                }
                // What was begun just now may not be seen yet.
                Ok(None) if unseen < LOOKS => unseen += 1,
                Ok(None) => {
                    let why = "it was begun, and is no longer there";
                    return Err(Error::backend(self.named(&id), why));
                }
                Err(error) if error.failure() == Failure::Denied => {
                    let why = format!(
                        "{} was begun, and nobody may see whether it is complete: {}",
                        self.named(&id),
                        explain(&error)
                    );
                    return Err(Error::Denied {
                        action: error.action().to_owned(),
                        source: why.into(),
                    });
                }
                Err(error) => last = explain(&error),
            }
            let now = self.clock.now();
            if now >= deadline {
                let waited = now.duration_since(begin).as_secs();
                let why = format!(
                    "it was not complete after {waited} s ({last}); it goes on, and has the tag {SNAPSHOT_TOKEN_TAG}={}",
                    self.token
                );
                return Err(Error::backend(self.named(&id), why));
            }
            self.clock.sleep_until(now.checked_add(pause).unwrap_or(deadline).min(deadline)).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn state(&self, id: &str) -> Result<Option<State>, CallError> {
        let answer = self.client.describe_snapshots().snapshot_ids(id).send().await;
        let answer =
            match answer.map_err(|error| CallError::new("ec2:DescribeSnapshots", id, error)) {
                Err(error) if is_gone(&error) => return Ok(None),
                answer => answer?,
            };
        let Some(one) = answer.snapshots().first() else { return Ok(None) };
        Ok(match one.state() {
            Some(SnapshotState::Completed) => Some(State::Completed),
            Some(SnapshotState::Error) => {
                Some(State::Failed(one.state_message().unwrap_or("it does not say why").to_owned()))
            }
            Some(SnapshotState::Recoverable) => None,
            _ => Some(State::Pending(one.progress().unwrap_or("no known progress").to_owned())),
        })
    }

    async fn pause(&self, pause: Duration) {
        let end = self.clock.now().checked_add(pause).unwrap_or(Timestamp::MAX);
        self.clock.sleep_until(end).await;
    }

    fn named(&self, id: &str) -> String {
        format!("snapshot {id} of {}", self.volume)
    }

    /// It may be there.
    fn unknown(&self, why: &str) -> Error {
        let Self { volume, token, .. } = self;
        let why = format!(
            "a snapshot may exist; it would have the tag {SNAPSHOT_TOKEN_TAG}={token}: {why}"
        );
        Error::backend(format!("ec2:CreateSnapshot of {volume}"), why)
    }
}

/// How a snapshot stands.
enum State {
    Completed,
    Pending(String),
    Failed(String),
}

/// The value of a filter that means only itself. Source: "DescribeSnapshots", and "Filter resources by tag" in the Amazon EC2 User
/// Guide: `*` and `?` stand for anything unless a backslash is before them.
fn literal(value: &str) -> String {
    let mut literal = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '*' | '?' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal
}
