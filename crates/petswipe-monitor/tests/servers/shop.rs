//! A Prometheus that scrapes shops of the test's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use petswipe_monitor::prometheus::{PrometheusClient, PrometheusConfig, PrometheusSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often is scraped.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// Something that counts, and tells it to who asks.
pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    /// What it exposes: a line for each series.
    pub(crate) series: Arc<Mutex<BTreeMap<String, f64>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shop {
    /// A shop that is open, and tells its series as text.
    pub(crate) async fn open() -> Self {
        let series = Arc::new(Mutex::new(BTreeMap::new()));
        let told = Arc::clone(&series);
        let text = move || {
            let told: std::sync::MutexGuard<'_, BTreeMap<String, f64>> = told.lock().unwrap();
            let lines = told.iter().map(|(series, value)| format!("{series} {value}\n"));
            lines.collect::<String>().into_bytes()
        };
        Self::serving(series, "text/plain; version=0.0.4", text).await
    }

    /// A shop that tells something of its own in that format.
    pub(crate) async fn telling(
        format: &'static str,
        body: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::serving(Arc::default(), format, body).await
    }

    async fn serving(
        series: Arc<Mutex<BTreeMap<String, f64>>>,
        format: &'static str,
        body: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let body = Arc::new(body);
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = Arc::clone(&body);
                tokio::spawn(async move {
                    let mut head = vec![0; 4096];
                    let _ = stream.read(&mut head).await;
                    let body = body();
                    let length = body.len();
                    let mut answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: {format}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                    )
                    .into_bytes();
                    answer.extend(body);
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Self { address, series, serving }
    }

    /// Sets what a series is.
    pub(crate) fn set(&self, series: &str, value: f64) {
        self.series.lock().unwrap().insert(series.to_owned(), value);
    }

    /// Counts on.
    pub(crate) fn add(&self, series: &str, more: f64) {
        *self.series.lock().unwrap().entry(series.to_owned()).or_default() += more;
    }
}

/// The name of a counter of requests.
pub(crate) fn requests(environment: &str, class: &str) -> String {
    format!("petswipe_requests_total{{environment=\"{environment}\",class=\"{class}\"}}")
}

/// A server. It is killed when this is dropped.
pub(crate) struct Prometheus {
    _child: Child,
    pub(crate) url: String,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes those, and waits until it does.
    pub(crate) async fn start(shops: &[&Shop]) -> Self {
        Self::start_with(shops, &[]).await
    }

    /// The same with further flags.
    pub(crate) async fn start_with(shops: &[&Shop], flags: &[&str]) -> Self {
        let binary = std::env::var("PETSWIPE_PROMETHEUS").expect(
            "PETSWIPE_PROMETHEUS is not set: it names the binary of Prometheus; `cargo xtask test` installs and sets it",
        );
        let directory = tempfile::Builder::new().prefix("petswipe-prometheus-").tempdir().unwrap();
        let targets: Vec<_> = shops.iter().map(|shop| format!("'{}'", shop.address)).collect();
        let milliseconds = INTERVAL.as_millis();
        let text = format!(
            "global: {{scrape_interval: {milliseconds}ms, scrape_timeout: {milliseconds}ms}}\nscrape_configs:\n- job_name: petswipe\n  \
             static_configs: [{{targets: [{}]}}]\n",
            targets.join(", ")
        );
        let config = directory.path().join("prometheus.yml");
        std::fs::write(&config, text).unwrap();
        // Between the look for a free port and its use another program may take it: then the next one is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            let mut child = Command::new(&binary)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--log.level=error")
                .args(flags)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap_or_else(|why| panic!("starting {binary}: {why}"));
            let url = format!("http://127.0.0.1:{port}");
            let client = PrometheusClient::new(&PrometheusConfig::new(&url)).unwrap();
            let begun = Instant::now();
            loop {
                let up = client.query("sum(up)", Timestamp::now()).await;
                let up = up.ok().and_then(|series| series.first()?.samples.first().copied());
                if up.is_some_and(|up| up.value == shops.len() as f64) {
                    return Self { _child: child, url, _directory: directory };
                }
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                assert!(begun.elapsed() < DEADLINE, "no scrape within {DEADLINE:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        panic!("{binary} does not run");
    }

    pub(crate) fn config(&self) -> PrometheusConfig {
        PrometheusConfig {
            scrape_interval: INTERVAL,
            timeout: DEADLINE,
            ..PrometheusConfig::new(&self.url)
        }
    }

    pub(crate) fn source(&self) -> PrometheusSource {
        PrometheusSource::new(self.config(), Timestamp::now).unwrap()
    }

    /// Waits until each target was scraped after now. Returns when.
    pub(crate) async fn next_scrape(&self, targets: usize) -> Timestamp {
        let client = PrometheusClient::new(&self.config()).unwrap();
        let after = Timestamp::now().as_millisecond();
        let begun = Instant::now();
        loop {
            let ups = client.query("up[10s]", Timestamp::now()).await.unwrap();
            let fresh =
                ups.iter().filter_map(|up| up.samples.last()).filter(|last| last.at >= after);
            if fresh.count() == targets {
                return Timestamp::now();
            }
            assert!(begun.elapsed() < DEADLINE, "no scrape within {DEADLINE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Waits until a time is over.
pub(crate) async fn until(time: Timestamp) {
    while Timestamp::now() <= time {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
