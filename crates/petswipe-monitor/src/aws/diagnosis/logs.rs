//! Amazon CloudWatch Logs.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;
use aws_types::SdkConfig;
use jiff::Timestamp;
use petswipe_aws::CallError;

use super::super::error::called;
use super::AwsPlace;
use crate::Error;
use crate::diagnosis::{LogLine, LogLines, LogQuery, LogSearch, Redacted};

/// So many pages are read: the search goes on for as long as there are tokens, also over empty pages.
const MOST_PAGES: usize = 20;
/// So many lines are on a page at most.
const PAGE: i32 = 10_000;

/// Searches the log groups of environments.
///
/// It reads up to 20 pages; what it did not get to is said (`complete` is false).
///
/// Sources: "FilterLogEvents", Amazon CloudWatch Logs API Reference; "Filter pattern syntax for metric filters, subscription
/// filters, and filter log events" (`?` before each of several terms means any of them; matching is case-sensitive).
pub struct CloudWatchLogs {
    client: Client,
    place: AwsPlace,
}

impl fmt::Debug for CloudWatchLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CloudWatchLogs")
    }
}

impl CloudWatchLogs {
    /// Searches there.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for names that AWS would refuse.
    pub fn new(config: &SdkConfig, place: AwsPlace) -> Result<Self, Error> {
        place.check()?;
        Ok(Self { client: Client::new(config), place })
    }
}

/// Any of these words: `?ERROR ?"timed out"`.
fn pattern(words: &[String]) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let term = |word: &String| match word.chars().all(plain) {
        true => format!("?{word}"),
        false => format!("?\"{}\"", word.replace(['"', '\\'], "")),
    };
    let terms: Vec<_> = words.iter().filter(|word| !word.is_empty()).map(term).collect();
    (!terms.is_empty()).then(|| terms.join(" "))
}

#[async_trait]
impl LogSearch for CloudWatchLogs {
    async fn search(&self, query: &LogQuery) -> Result<LogLines, Error> {
        let group = &self.place.environment(&query.environment)?.log_group;
        let mut lines = Vec::new();
        let mut token: Option<String> = None;
        let mut complete = false;
        for _ in 0..MOST_PAGES {
            let page = self
                .client
                .filter_log_events()
                .log_group_name(group)
                .start_time(query.window.from.as_millisecond().max(0))
                .end_time(query.window.to.as_millisecond().max(0))
                .set_filter_pattern(pattern(&query.words))
                .limit(PAGE)
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|error| called(CallError::new("FilterLogEvents", group, error)))?;
            for event in page.events() {
                let (Some(millis), Some(message)) = (event.timestamp(), event.message()) else {
                    continue;
                };
                let Ok(at) = Timestamp::from_millisecond(millis) else { continue };
                // The end of the window is not within it, and a pattern may mean more than its words.
                if query.wants(at, message) {
                    let stream = event.log_stream_name().unwrap_or_default().to_owned();
                    lines.push(LogLine { at, stream, text: Redacted::line(message) });
                }
            }
            token = match page.next_token() {
                Some(next) if token.as_deref() != Some(next) => Some(next.to_owned()),
                _ => {
                    complete = true;
                    break;
                }
            };
            if lines.len() > query.most {
                break;
            }
        }
        lines.sort_by_key(|line| line.at);
        complete &= lines.len() <= query.most;
        lines.truncate(query.most);
        Ok(LogLines { lines, complete })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_any_of_its_words() {
        let of = |words: &[&str]| {
            pattern(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of(&["ERROR", "timed out"]).as_deref(), Some("?ERROR ?\"timed out\""));
        assert_eq!(of(&["a\"b"]).as_deref(), Some("?\"ab\""));
        assert_eq!(of(&[]), None);
    }
}
