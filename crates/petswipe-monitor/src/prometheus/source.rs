//! What subjects did, as Prometheus scraped it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::client::{PrometheusClient, Reply};
use super::config::PrometheusConfig;
use super::observed::Known;
use super::scrapes::{self, Scraped, Span};
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
///   nothing was scraped is unknown; and if the scrape of one of the subject's targets fails at the end of the window, or a
///   target has only part of the samples, that is an error with its cause and never a smaller number. A target is the subject's
///   if it tells a series of it, or has its labels; one that is not is of no importance, whatever is wrong with it. One that
///   nobody could scrape for a day and more may be anybody's.
/// - **A series that appears** while its target is scraped counts from zero: the first failures of a new revision are not
///   lost. The same holds for a new target: all that it counted since its process began counts in the period of its first
///   scrape. If Prometheus was slow to find it, a part of that is from before the window; left out, it would be in no window
///   at all, and the failures of a revision's first seconds are what a gate is there for. A target that was known within the
///   last day and is back counts only if it began anew; else it is an error, because since when its count is from can't be
///   told. One that ran for more than a day without being scraped looks like a new one.
/// - **A target that goes** counts up to its last scrape. If it had no requests between its last two scrapes, nothing is lost:
///   so it is with one that a load balancer drains before it is stopped, as in a rolling replacement. Else nobody knows what
///   it did at its end, and the time from its last scrape until the one that did not come is not covered, by any number: the
///   answer is of what comes after it, or of what was before it where nothing comes after it. So limits that look back far see
///   what is new, and whoever counts asks for the part before it by itself. Failures of that time are seen
///   only in the counters of the load balancer. That it is gone, and not only late, is known after three scrape intervals
///   without a try; until then the answer ends with its last scrape, so that what many leave, one after the other, is told
///   three intervals later and not never.
/// - **A counter begins anew** when any part of it (a class of requests, a bucket) is less than before: then all its parts do.
/// - **Latency** is that of classic or native histograms, each request at the upper end of its bucket: a quantile is
///   never too low.
/// - **Targets, CPU and memory** are those of the last scrape in the window.
/// - **Half of the targets do not stand for all**: if one of those that count requests tells latency or a gauge, all of them
///   must, or it is an error with the labels of one that does not. For latency that is asked only of those that had requests.
///
/// An answer with warnings, with values that are NaN, infinite or no whole number, with the same series twice, or from a
/// server whose clock is off by more than [`PrometheusConfig::clock_skew`], is an error. Two servers that scrape the
/// same targets double every count: one of them has to be chosen by a [`Matcher`](super::Matcher) of its external label.
///
/// Each look is two calls, a third one when a new target appears, and two more when one can't be scraped at all. [`Shared`](crate::Shared) makes many looks one.
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

    /// What is to be known of the time before: what targets had counted when they were last scraped, and of targets that were
    /// never scraped since whether they ever were.
    async fn before(
        &self,
        about: &str,
        scraped: &Scraped,
        span: &Span,
    ) -> Result<(Vec<Series>, Vec<Series>), Error> {
        let silent = scraped.instances.iter().any(|one| one.silent);
        let new = scraped.instances.iter().any(|one| one.base.is_none() && !one.times.is_empty());
        let at = scraped.from - span.gap;
        let at = Timestamp::from_millisecond(at)
            .map_err(|why| Error::backend("looking into the time before the window", why))?;
        let memory = |function: &str, query: &str| {
            let selector = query.rsplit_once('[').map_or(query, |(selector, _)| selector);
            format!("{function}({selector}[{MEMORY}])")
        };
        let earlier = match new || silent {
            // Of all functions this one keeps the name of the metric.
            true => self.ask(&memory("last_over_time", about), at).await?,
            false => Vec::new(),
        };
        let ever = match silent {
            true => {
                let ups = self.config.queries.scraped(Duration::ZERO);
                self.ask(&memory("max_over_time", &ups), at).await?
            }
            false => Vec::new(),
        };
        Ok((earlier, ever))
    }

    fn span(&self, closed: Window) -> Span {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Span {
            from: closed.from.as_millisecond(),
            to: closed.to.as_millisecond(),
            resolution: millis(self.config.resolution()),
            interval: millis(self.config.scrape_interval),
            gap: millis(self.config.gap()),
            asked: (closed.from.as_millisecond(), closed.to.as_millisecond()),
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
        let gap = self.config.gap();
        let (time, at) = (closed.length() + gap * 2, closed.to + gap);
        let incomplete = |why: String| {
            Error::backend(format!("counting what {subject} did, from {}", self.name()), why)
        };
        let ups = self.ask(&queries.scraped(time), at).await?;
        let mut span = self.span(closed);
        let Some(mut scraped) = scrapes::scraped(&ups, &span).map_err(incomplete)? else {
            return Ok(Observation::missing(subject.clone(), closed));
        };
        let about = queries.about(&labels, time);
        let series = self.ask(&about, at).await?;
        let (earlier, ever) = self.before(&about, &scraped, &span).await?;
        loop {
            let known = Known {
                subject,
                queries,
                span,
                scraped: &scraped,
                series: &series,
                earlier: &earlier,
                ever: &ever,
            };
            let Some((from, to)) = known.whole().map_err(incomplete)? else {
                return Ok(Observation::missing(subject.clone(), closed));
            };
            if (from, to) == (scraped.from, span.to) {
                let time = |at| Timestamp::from_millisecond(at);
                let time = |at| time(at).map_err(|why| incomplete(explain(&why)));
                let covered = Window { from: time(from)?, to: time(to)? };
                let seen = known.observation(covered).map_err(incomplete)?;
                return seen.ok_or_else(|| {
                    let metric = &queries.requests.metric;
                    let what = format!("a series {metric} of {subject} in {}", self.name());
                    Error::NotFound { what }
                });
            }
            // The part of it is looked at as if it had been asked for.
            span = Span { from, to, ..span };
            scraped = match scrapes::scraped(&ups, &span).map_err(incomplete)? {
                Some(scraped) => scraped,
                None => return Ok(Observation::missing(subject.clone(), closed)),
            };
        }
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
