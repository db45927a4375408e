//! The traits of diagnosis: logs, targets, events, stopped tasks, auto scaling.

use async_trait::async_trait;
use petswipe_deploy::ScalingState;
use petswipe_monitor::Error;
use petswipe_monitor::diagnosis::{
    LogLines, LogQuery, LogSearch, ScalingActivities, ScalingReport, ServiceEvents, ServiceReport,
    StoppedTask, StoppedTasks, TargetHealth, TargetReport,
};
use serde::de::DeserializeOwned;

use super::LocalClient;
use crate::api::encode;

impl LocalClient {
    async fn look<T: DeserializeOwned>(&self, environment: &str, rest: &str) -> Result<T, Error> {
        let path = format!("/v1/services/{}{rest}", encode(environment));
        self.get(&path).await.map_err(|error| self.in_words_of_metrics(error))
    }

    async fn look_for<T: DeserializeOwned>(
        &self,
        environment: &str,
        name: &str,
    ) -> Result<T, Error> {
        let answer: serde_json::Value = self.look(environment, &format!("/{name}")).await?;
        let list = answer.get(name).cloned().unwrap_or_default();
        T::deserialize(list).map_err(|why| Error::backend(format!("reading {name}"), why))
    }
}

#[async_trait]
impl LogSearch for LocalClient {
    async fn search(&self, query: &LogQuery) -> Result<LogLines, Error> {
        let words: Vec<_> = query.words.iter().map(|word| encode(word)).collect();
        let rest = format!(
            "/logs?from={}&to={}&most={}&words={}",
            query.window.from,
            query.window.to,
            query.most,
            encode(&words.join(",")),
        );
        self.look(&query.environment, &rest).await
    }
}

#[async_trait]
impl TargetHealth for LocalClient {
    async fn targets(&self, environment: &str) -> Result<Vec<TargetReport>, Error> {
        self.look_for(environment, "targets").await
    }
}

#[async_trait]
impl ServiceEvents for LocalClient {
    async fn service(&self, environment: &str) -> Result<ServiceReport, Error> {
        self.look(environment, "/events").await
    }

    async fn stopped_tasks(&self, environment: &str) -> Result<StoppedTasks, Error> {
        let tasks: Vec<StoppedTask> = self.look_for(environment, "stopped").await?;
        Ok(tasks.into())
    }
}

/// The cloud only keeps the number of tasks within limits, so there are no activities.
#[async_trait]
impl ScalingActivities for LocalClient {
    async fn scaling(&self, environment: &str) -> Result<Option<ScalingReport>, Error> {
        let scaling: Option<ScalingState> = self.look_for(environment, "scaling").await?;
        Ok(scaling.map(|state| ScalingReport {
            minimum: state.minimum,
            maximum: state.maximum,
            suspended: state.suspended,
            activities: Vec::new(),
        }))
    }
}
