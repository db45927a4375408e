//! What target groups did, as CloudWatch knows it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_types::SdkConfig;
use jiff::Timestamp;
use petswipe_aws::{Batch, Statement};

use super::config::{CloudWatchMetrics, Revisions};
use super::error::called;
use super::fetch::{Answer, MOST_QUERIES, Question, answer};
use super::{minutes, queries};
use crate::{Error, MetricSource, Observation, Subject, Window};

/// Minutes are kept for fifteen days; older ones are only part of longer periods.
///
/// Source: "GetMetricData", Amazon CloudWatch API Reference.
const RETENTION: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// The metrics of target groups behind an Application Load Balancer, minute by minute, from Amazon CloudWatch.
///
/// An environment is 24 metrics with the default [bounds](CloudWatchMetrics::latency_bounds) and an ECS service. All
/// environments that are observed at the same moment are one call, in which those of the load balancer are asked for once.
/// What it can say, and how it knows:
///
/// - **Requests**: `RequestCount` of the target group, which counts those for which a target was chosen. Those that never
///   got that far are not of any target group: when all targets of one are gone, its share of the requests is answered 503
///   and shows here as no requests.
/// - **4xx and 5xx of the application**: `HTTPCode_Target_4XX_Count` and `_5XX_Count`.
/// - **Failures of the load balancer**: it counts its own answers (`HTTPCode_ELB_502_Count`, 503, 504) for all target groups
///   together. Of a target group's requests those that no target answered are known, too; among them are those that their
///   clients abandoned, and WebSockets. A target group's failures are taken to be the smaller of the two numbers: nothing
///   is counted twice, none is left out, and it is exact unless both happen in one minute.
///   `TargetConnectionErrorCount` counts connections and not requests, and is not used.
/// - **Latency**: a [`Histogram`](crate::Histogram) from trimmed counts (`TC(a:b)`) of `TargetResponseTime`, the time until
///   the target begins to answer. Each request counts at the upper end of where it lies, so a quantile is never too low;
///   it is too high by at most the distance of two bounds, and the maximum is exact.
/// - **Targets**: the fewest healthy and the most unhealthy ones of the last minute.
/// - **CPU and memory**: the means of the last minute over the tasks of the ECS service.
///
/// Metrics without a value in a minute are zero only where that minute was published for the target group: where requests,
/// or the healthy and the unhealthy targets were counted. "If there are no requests flowing through the load balancer or
/// no data for a metric, the metric is not reported": so a quiet minute is one in which there are targets and no requests,
/// and a target group without targets is unknown. An answer that is incomplete, or carries a message, is an error.
///
/// Sources: "CloudWatch metrics for your Application Load Balancer", "Troubleshoot your Application Load Balancers" (which
/// answers are the load balancer's), "CloudWatch statistics definitions" (trimmed count, and that Application Load
/// Balancers support it), "Amazon ECS CloudWatch metrics", "GetMetricData".
pub struct CloudWatchSource {
    client: Client,
    metrics: CloudWatchMetrics,
    bounds: Vec<Duration>,
    batch: Batch<Question, Answer>,
}

impl fmt::Debug for CloudWatchSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatchSource").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

impl CloudWatchSource {
    /// A source of these metrics.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for names that are not what CloudWatch calls them, two environments with one target group,
    /// a lag of more than an hour, and latency bounds that do not rise.
    pub fn new(config: &SdkConfig, metrics: CloudWatchMetrics) -> Result<Self, Error> {
        metrics.check()?;
        let bounds = metrics.bounds();
        let batch = Batch::new(MOST_QUERIES / queries::count(bounds.len()));
        Ok(Self { client: Client::new(config), metrics, bounds, batch })
    }

    /// What it needs to be allowed. There are no resources to name: metrics have none.
    ///
    /// Source: "Actions, resources, and condition keys for Amazon CloudWatch".
    pub fn policy() -> Statement {
        Statement::allow("ReadMetrics", ["cloudwatch:GetMetricData"], ["*"])
    }
}

#[async_trait]
impl MetricSource for CloudWatchSource {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let Some(environment) = self.metrics.environments.get(&subject.environment) else {
            return Err(Error::NotFound { what: format!("a metric of {subject}") });
        };
        if subject.revision.is_some() && self.metrics.revisions == Revisions::Unknown {
            let what =
                format!("a metric of {subject} (CloudWatch knows target groups, no revisions)");
            return Err(Error::NotFound { what });
        }
        let closed = window.closed(self.resolution(), self.lag(), now);
        let kept_since = now.as_nanosecond() - RETENTION.as_nanos() as i128;
        if closed.is_empty() || closed.from.as_nanosecond() < kept_since {
            return Ok(Observation::missing(subject.clone(), closed));
        }
        let question = Question {
            about: environment.target_group.clone(),
            window: closed,
            queries: queries::of(&self.metrics.load_balancer, environment, &self.bounds),
        };
        let answered = self.batch.ask(question, |questions| answer(&self.client, questions)).await;
        let seen = answered.and_then(|answer| answer).map_err(called)?;
        Ok(minutes::observed(subject, closed, &self.bounds, &seen))
    }

    fn resolution(&self) -> Duration {
        Duration::from_secs(queries::PERIOD.unsigned_abs().into())
    }

    fn lag(&self) -> Duration {
        self.metrics.lag
    }

    fn name(&self) -> String {
        "CloudWatch".to_owned()
    }
}
