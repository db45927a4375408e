//! The load balancer's counters as a source of metrics.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_monitor::{Error, MetricSource, Observation, Subject, Window};

use super::LocalClient;
use crate::api::encode;
use crate::metrics::Metrics;

/// A [`Subject`]'s environment is that of a deployment, such as `petswipe-production-green`; its revision is the one
/// the answering task runs.
#[async_trait]
impl MetricSource for LocalClient {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let mut path = format!(
            "/v1/metrics?environment={}&from={}&to={}&now={now}",
            encode(&subject.environment),
            window.from,
            window.to,
        );
        if let Some(revision) = &subject.revision {
            path.push_str(&format!("&revision={}", encode(revision)));
        }
        self.get(&path).await.map_err(|error| self.in_words_of_metrics(error))
    }

    fn resolution(&self) -> Duration {
        Metrics::RESOLUTION
    }

    fn lag(&self) -> Duration {
        Metrics::LAG
    }

    fn name(&self) -> String {
        format!("local cloud at {}", self.url)
    }
}

impl LocalClient {
    pub(super) fn in_words_of_metrics(&self, error: petswipe_deploy::Error) -> Error {
        use petswipe_deploy::Error as Deploy;
        let source_name = MetricSource::name(self);
        match error {
            Deploy::NotFound { what } => Error::NotFound { what },
            Deploy::TimedOut { waited, .. } => Error::TimedOut { source_name, waited },
            Deploy::Throttled { retry_after, .. } => Error::Throttled { source_name, retry_after },
            Deploy::InvalidPlan { field, value, allowed } => Error::invalid(field, value, allowed),
            Deploy::Backend { operation, source } => Error::Backend { operation, source },
            other => Error::backend(source_name, other),
        }
    }
}
