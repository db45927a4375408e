//! An open-loop load generator: requests go out when they are due, whether or not earlier ones were answered.
//!
//! Latency is counted from the moment a request was *due*. So when a server stalls, every request that was due
//! meanwhile shows how long its user would have waited; a generator that waits for answers before it sends the next
//! request leaves those out (Gil Tene calls that *coordinated omission*).
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use petswipe_local::balancer::{Balancer, BalancerConfig};
//! use petswipe_local::load::{Load, LoadConfig};
//!
//! let balancer = Balancer::start(BalancerConfig::default()).await?;
//! let load = Load::start(LoadConfig::new(balancer.address(), 1000.0))?;
//! while load.snapshot().total.requests < 10 {
//!     tokio::task::yield_now().await;
//! }
//! let report = load.stop().await;
//! // The balancer was given no target, so it answered 503.
//! assert_eq!(report.total.failed, report.total.requests);
//! assert_eq!(report.in_flight, 0);
//! # Ok::<(), petswipe_local::balancer::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod config;
mod report;
mod schedule;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use config::{LoadConfig, Spacing};
pub use report::{
    FailedRequest, FailureCause, LoadReport, NO_VERSION, SecondTally, Tally, VersionTally,
};

use crate::balancer::Error;
use client::Client;
use report::{Outcome, Recorder};
use schedule::Schedule;

/// A load that is being sent. Dropping it sends no further requests.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    timeout: Duration,
    max_in_flight: usize,
    started: Instant,
    started_at: Timestamp,
    in_flight: AtomicUsize,
    recorder: Mutex<Recorder>,
    stopped: Mutex<bool>,
    wake: Condvar,
    /// Becomes true when the pacing thread has ended: then nothing new is sent.
    ended: watch::Sender<bool>,
    /// Changes when a request ends.
    results: watch::Sender<()>,
}

impl Load {
    /// Begins to send. A thread of its own keeps the times, to a tenth of a millisecond or so; the requests run on
    /// the current tokio runtime.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that can't be; [`Error::Io`] outside a tokio runtime or when no thread can be
    /// started.
    pub fn start(config: LoadConfig) -> Result<Load, Error> {
        let checked = config.check()?;
        let io = |source| Error::Io { operation: "starting a load".to_owned(), source };
        let runtime = Handle::try_current().map_err(|error| io(std::io::Error::other(error)))?;
        let started_at = Timestamp::now();
        let shared = Arc::new(Shared {
            client: Client::new(config.address, checked),
            timeout: config.timeout,
            max_in_flight: config.max_in_flight,
            started: Instant::now(),
            started_at,
            in_flight: AtomicUsize::new(0),
            recorder: Mutex::new(Recorder::new(started_at, config.failures_kept)),
            stopped: Mutex::new(false),
            wake: Condvar::new(),
            ended: watch::Sender::new(false),
            results: watch::Sender::new(()),
        });
        let schedule = Schedule::new(config.rate, config.spacing);
        let paced = shared.clone();
        std::thread::Builder::new()
            .name("petswipe-load".to_owned())
            .spawn(move || pace(&paced, schedule, &runtime))
            .map_err(io)?;
        Ok(Self { shared })
    }

    /// What came of it so far.
    pub fn snapshot(&self) -> LoadReport {
        self.shared.report()
    }

    /// Sends nothing more, waits until every request has a result, and reports.
    pub async fn stop(self) -> LoadReport {
        self.shared.stop();
        let mut ended = self.shared.ended.subscribe();
        // It can't close while `self` holds its sender.
        let _ = ended.wait_for(|ended| *ended).await;
        let mut results = self.shared.results.subscribe();
        while self.shared.in_flight.load(Ordering::SeqCst) > 0 {
            let _ = results.changed().await;
        }
        self.shared.report()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Starts each request when it is due, until told to stop.
fn pace(shared: &Arc<Shared>, schedule: Schedule, runtime: &Handle) {
    for due in schedule {
        if shared.wait_until(shared.started + due) {
            break;
        }
        if shared.in_flight.fetch_add(1, Ordering::SeqCst) >= shared.max_in_flight {
            shared.finish(due, Err(FailureCause::Overload));
        } else {
            let sent = shared.clone();
            runtime.spawn(async move { sent.send(due).await });
        }
    }
    shared.ended.send_replace(true);
}

impl Shared {
    fn stop(&self) {
        *lock(&self.stopped) = true;
        self.wake.notify_all();
    }

    /// Whether it was stopped before that time.
    fn wait_until(&self, time: Instant) -> bool {
        let mut stopped = lock(&self.stopped);
        loop {
            let rest = time.saturating_duration_since(Instant::now());
            if *stopped || rest.is_zero() {
                return *stopped;
            }
            let waited = self.wake.wait_timeout(stopped, rest);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    async fn send(&self, due: Duration) {
        let deadline = tokio::time::Instant::from_std(self.started + due + self.timeout);
        let request = self.client.request();
        let result = match tokio::time::timeout_at(deadline, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(FailureCause::Connection { error }),
            Err(_) => Err(FailureCause::Timeout),
        };
        self.finish(due, result);
    }

    fn finish(&self, due: Duration, result: Result<(u16, Option<String>), FailureCause>) {
        let elapsed = self.started.elapsed();
        let (result, version) = match result {
            Ok((status, version)) => (Ok(status), version),
            Err(cause) => (Err(cause), None),
        };
        lock(&self.recorder).record(Outcome {
            due_at: self.started_at + due,
            ended_at: self.started_at + elapsed,
            latency: elapsed.saturating_sub(due),
            version,
            result,
        });
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.results.send_replace(());
    }

    fn report(&self) -> LoadReport {
        let recorder = lock(&self.recorder);
        let in_flight = self.in_flight.load(Ordering::SeqCst);
        recorder.report(
            self.started_at + self.started.elapsed(),
            u64::try_from(in_flight).unwrap_or(u64::MAX),
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
