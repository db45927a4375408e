//! Where evidence comes from: small traits, each one question to one system. Nothing behind them changes anything.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    DatabaseGauges, DatabaseReport, LogLines, ScalingReport, ServiceReport, StoppedTasks,
    TargetReport,
};
use crate::{Error, Window};

/// What is looked for in logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Whose logs.
    pub environment: String,
    /// Written when.
    pub window: Window,
    /// Any of these words stands in the line, in this case. Without any, every line is meant.
    pub words: Vec<String>,
    /// At most so many lines.
    pub most: usize,
}

impl LogQuery {
    /// Whether a line is one of those asked for.
    pub fn wants(&self, at: Timestamp, text: &str) -> bool {
        let worded =
            self.words.is_empty() || self.words.iter().any(|word| text.contains(word.as_str()));
        self.window.from <= at && at < self.window.to && worded
    }
}

/// Searches logs.
///
/// # Contract
/// - `lines_are_of_the_window_and_the_words_asked`: each line was written in the window and holds one of the words.
/// - `lines_are_in_the_order_of_their_time`: the oldest is first.
/// - `what_is_left_out_is_said`: there are at most as many lines as asked for, and the answer is `complete` only if these
///   are all.
/// - `logs_of_nobody_are_not_found`: an unknown environment is [`Error::NotFound`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait LogSearch: Send + Sync {
    /// The lines asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the logs could not be read.
    async fn search(&self, query: &LogQuery) -> Result<LogLines, Error>;
}

/// Knows how the targets of a load balancer are.
///
/// # Contract
/// - `every_target_is_there_with_its_condition`: healthy ones and others.
/// - `a_target_that_fails_says_why`: an unhealthy one has a code.
/// - `targets_of_nobody_are_not_found`: an unknown environment is [`Error::NotFound`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TargetHealth: Send + Sync {
    /// The registered targets of an environment.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the load balancer could not be asked.
    async fn targets(&self, environment: &str) -> Result<Vec<TargetReport>, Error>;
}

/// Knows what happens to a service and its tasks.
///
/// # Contract
/// - `the_newest_deployment_and_event_are_first`: both lists go back in time.
/// - `a_task_that_crashed_is_among_the_stopped`: with why and how it ended, the newest first.
/// - `services_of_nobody_are_not_found`: an unknown environment is [`Error::NotFound`], for both questions.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ServiceEvents: Send + Sync {
    /// The service of an environment.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the platform could not be asked.
    async fn service(&self, environment: &str) -> Result<ServiceReport, Error>;

    /// Its tasks that ended lately, as far as the platform remembers, and how many of these were left out.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the platform could not be asked.
    async fn stopped_tasks(&self, environment: &str) -> Result<StoppedTasks, Error>;
}

/// Knows what auto scaling does.
///
/// # Contract
/// - `limits_are_told_and_activities_go_back_in_time`: the newest activity is first.
/// - `what_does_not_scale_is_none`: a service that is not scaled automatically is `None`, and no error.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ScalingActivities: Send + Sync {
    /// Auto scaling of an environment's service.
    ///
    /// # Errors
    /// That the platform could not be asked.
    async fn scaling(&self, environment: &str) -> Result<Option<ScalingReport>, Error>;
}

/// Knows what a database does at the moment.
///
/// # Contract
/// - `a_session_that_waits_names_who_blocks_it`: one that waits for a lock has the holder's pid in `blocked_by`.
/// - `an_open_transaction_is_told_with_its_age`: a session idle in one is
///   [`IdleInTransaction`](super::SessionState::IdleInTransaction), with since when.
/// - `query_texts_hold_no_values`: literals are replaced.
/// - `connections_are_held_against_their_limit`: each open one is counted, and the limit is told.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DatabaseActivity: Send + Sync {
    /// What happens now. It reads only.
    ///
    /// # Errors
    /// That the database could not be asked.
    async fn activity(&self) -> Result<DatabaseReport, Error>;
}

/// Knows how full a database instance is.
///
/// # Contract
/// - `a_gauge_that_was_not_measured_is_none`: and never zero.
/// - `the_gauges_are_the_newest_of_the_window`: a later value wins.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DatabaseLoad: Send + Sync {
    /// The newest values in the window.
    ///
    /// # Errors
    /// That the metrics could not be read.
    async fn gauges(&self, window: Window, now: Timestamp) -> Result<DatabaseGauges, Error>;
}
