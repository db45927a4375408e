//! A Prometheus in a process of its own.

use std::process::Stdio;
use std::time::{Duration, Instant};

use petswipe_monitor::prometheus::{PrometheusClient, PrometheusConfig};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::cloud::CloudProcess;
use super::support::*;

/// A server that scrapes a cloud each second. It is killed when this is dropped.
pub(crate) struct Prometheus {
    child: Child,
    pub(crate) url: String,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with the token of the cloud in a file, and waits until it has scraped.
    pub(crate) async fn of(cloud: &CloudProcess) -> Self {
        let binary = std::env::var("PETSWIPE_PROMETHEUS").expect(
            "PETSWIPE_PROMETHEUS is not set: it names the binary of Prometheus; `cargo xtask test` installs and sets it",
        );
        let directory = directory();
        let place = |name: &str| directory.path().join(name).display().to_string();
        let (token, target) = cloud.url.trim_start_matches("http://").split_once('@').unwrap();
        std::fs::write(place("token"), token).unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: petswipe\n  authorization: \
             {{credentials_file: {}}}\n  static_configs: [{{targets: ['{target}']}}]\n",
            place("token")
        );
        std::fs::write(place("prometheus.yml"), config).unwrap();
        // Between the look for a free port and its use another program may take it: then the next one is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            let child = Command::new(&binary)
                .arg(format!("--config.file={}", place("prometheus.yml")))
                .arg(format!("--storage.tsdb.path={}", place("data")))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--log.level=error")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn();
            let mut child = child.unwrap_or_else(|why| panic!("starting {binary}: {why}"));
            let url = format!("http://127.0.0.1:{port}");
            let client = PrometheusClient::new(&PrometheusConfig::new(&url)).unwrap();
            let began = Instant::now();
            while child.try_wait().unwrap().is_none() {
                let up = "count_over_time(up[20s]) > 2 and up == 1";
                let up = client.query(up, jiff::Timestamp::now()).await;
                if up.is_ok_and(|series| !series.is_empty()) {
                    return Self { child, url, _directory: directory };
                }
                assert!(began.elapsed() < DEADLINE, "the cloud is not scraped within {DEADLINE:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        panic!("{binary} does not run");
    }

    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}
