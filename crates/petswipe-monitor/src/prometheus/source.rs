//! What subjects did, as Prometheus scraped it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::client::{PrometheusClient, Reply};
use super::config::PrometheusConfig;
use super::observed::Known;
use super::scrapes::{Scraped, Span, scraped};
use super::{PrometheusQueries, Series};
use crate::{Error, MetricSource, Observation, Subject, Window, explain};

/// How far back is looked for what a target had counted before it was not scraped for a while.
const MEMORY: &str = "1d";

/// A clock.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The counters that Prometheus scrapes, counted from their raw samples.
///
/// What happened in a window is the difference of a counter between the first scrapes at or after its two edges, over all
/// resets in between. So a request counts once, in the period of the last scrape before it, which is up to a scrape interval
/// before its answer; windows that meet add up exactly, and nothing in a window is from before it, when traffic may have been
/// divided in another way. What follows from that:
///
/// - **When something was scraped** is read from `up`. Before Prometheus began, the window is cut off; a time in which
///   nothing was scraped is unknown; and if a target's scrape fails at the end of the window, or a target has only part
///   of the samples, that is an error with its cause and never a smaller number.
/// - **A series that appears** while its target is scraped counts from zero: the first failures of a new revision are not
///   lost. The same holds for a new target. One that was known within the last day and is back counts only if it began
///   anew; else it is an error, because since when its count is from can't be told.
/// - **A series that goes** counts up to its last scrape. What a process counts between its last scrape and its death is
///   lost, so that failures at the end are seen for certain only in the counters of the load balancer.
/// - **A counter begins anew** when any part of it (a class of requests, a bucket) is less than before: then all its parts do.
/// - **Latency** is that of classic or native histograms, each request at the upper end of its bucket: a quantile is
///   never too low.
/// - **Targets, CPU and memory** are those of the last scrape in the window.
///
/// An answer with warnings, with values that are NaN, infinite or no whole number, with the same series twice, or from a
/// server whose clock is off by more than [`PrometheusConfig::clock_skew`], is an error. Two servers that scrape the
/// same targets double every count: one of them has to be chosen by a [`Matcher`](super::Matcher) of its external label.
///
/// Each look is two calls, a third one when a new target appears. [`Shared`](crate::Shared) makes many looks one.
///
/// ```
/// use petswipe_monitor::MetricSource;
/// use petswipe_monitor::prometheus::{Credentials, PrometheusConfig, PrometheusSource, Secret};
/// use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let config = PrometheusConfig {
///     credentials: Credentials::Bearer(Secret::new("from-a-file-and-never-from-a-flag")?),
///     scrape_interval: Duration::from_secs(5),
///     ..PrometheusConfig::new("http://127.0.0.1:9090")
/// };
/// let source = PrometheusSource::new(config, jiff::Timestamp::now)?;
/// assert_eq!((source.resolution().as_secs(), source.lag().as_secs()), (5, 10));
/// assert_eq!(source.name(), "Prometheus at http://127.0.0.1:9090");
/// # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
/// ```
///
/// Sources: "HTTP API", "Querying basics", "Staleness", "Metric types", Prometheus documentation.
pub struct PrometheusSource {
    client: PrometheusClient,
    config: PrometheusConfig,
    clock: Clock,
}

impl fmt::Debug for PrometheusSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusSource").field("config", &self.config).finish_non_exhaustive()
    }
}

impl PrometheusSource {
    /// A source of what that server scrapes. `clock` tells the present, against which the server's clock is held. Nothing
    /// is sent yet.
    ///
    /// # Errors
    /// As [`PrometheusClient::new`], and [`Error::InvalidPolicy`] for names that are none.
    pub fn new(
        config: PrometheusConfig,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let client = PrometheusClient::new(&config)?;
        Ok(Self { client, config, clock: Arc::new(clock) })
    }

    async fn ask(&self, query: &str, at: Timestamp) -> Result<Vec<Series>, Error> {
        let Reply { series, date } = self.client.instant(query, at).await?;
        let Some(skew) = self.config.clock_skew else { return Ok(series) };
        let failed =
            |why: String| Error::backend(format!("the clock of {}", self.client.name()), why);
        let date = date.ok_or_else(|| failed("its answer has no Date".to_owned()))?;
        let ours = (self.clock)();
        // A date is cut off to whole seconds.
        let off = ours.duration_since(date).as_millis();
        let allowed = i128::try_from(skew.as_millis()).unwrap_or(i128::MAX);
        if off > allowed + 1000 || off < -allowed {
            let seconds = off as f64 / 1000.0;
            let (seconds, which) = (seconds.abs(), if off > 0 { "behind" } else { "ahead of" });
            return Err(failed(format!(
                "it is {seconds:.1} s {which} ours; at most {skew:?} are allowed"
            )));
        }
        Ok(series)
    }

    /// What targets had counted when they were last scraped before the time asked about.
    async fn earlier(
        &self,
        about: &str,
        scraped: &Scraped,
        span: &Span,
    ) -> Result<Vec<Series>, Error> {
        if scraped.instances.iter().all(|one| one.base.is_some() || one.times.is_empty()) {
            return Ok(Vec::new());
        }
        let selector = about.rsplit_once('[').map_or(about, |(selector, _)| selector);
        // Of all functions this one keeps the name of the metric.
        let query = format!("last_over_time({selector}[{MEMORY}])");
        let at = scraped.from - span.gap;
        let at = Timestamp::from_millisecond(at).map_err(|why| Error::backend(&query, why))?;
        self.ask(&query, at).await
    }

    fn span(&self, closed: Window) -> Span {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Span {
            from: closed.from.as_millisecond(),
            to: closed.to.as_millisecond(),
            resolution: millis(self.config.resolution()),
            interval: millis(self.config.scrape_interval),
            gap: millis(self.config.gap()),
        }
    }
}

#[async_trait]
impl MetricSource for PrometheusSource {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let queries: &PrometheusQueries = &self.config.queries;
        let Some(labels) = queries.subject(subject) else {
            let what = format!("a metric of {subject} (no label of a revision is named)");
            return Err(Error::NotFound { what });
        };
        let closed = window.closed(self.resolution(), self.lag(), now);
        if closed.is_empty() {
            return Ok(Observation::missing(subject.clone(), closed));
        }
        let span = self.span(closed);
        let gap = self.config.gap();
        let (time, at) = (closed.length() + gap * 2, closed.to + gap);
        let incomplete = |why: String| {
            Error::backend(format!("counting what {subject} did, from {}", self.name()), why)
        };
        let ups = self.ask(&queries.scraped(time), at).await?;
        let Some(scraped) = scraped(&ups, &span).map_err(incomplete)? else {
            return Ok(Observation::missing(subject.clone(), closed));
        };
        let about = queries.about(&labels, time);
        let series = self.ask(&about, at).await?;
        let earlier = self.earlier(&about, &scraped, &span).await?;
        let from =
            Timestamp::from_millisecond(scraped.from).map_err(|why| incomplete(explain(&why)))?;
        let covered = Window { from, to: closed.to };
        let known = Known { queries, span, scraped: &scraped, series: &series, earlier: &earlier };
        let seen = known.observation(subject, covered).map_err(incomplete)?;
        seen.ok_or_else(|| {
            let metric = &queries.requests.metric;
            Error::NotFound { what: format!("a series {metric} of {subject} in {}", self.name()) }
        })
    }

    fn resolution(&self) -> Duration {
        self.config.resolution()
    }

    fn lag(&self) -> Duration {
        self.config.lag()
    }

    fn name(&self) -> String {
        self.client.name()
    }
}
