//! What a rollout acts upon: a running local cloud, or one of the example's own.

use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::{Compute, Environment, Image, TrafficPoint, TrafficReport, TrafficRouter};
use petswipe_deploy::{Report, StageReport};
use petswipe_local::load::{Load, LoadConfig, LoadReport};
use petswipe_local::{Cloud, CloudConfig, LocalClient};

use crate::Exit;
use crate::cli::{Backend, Common};

/// A cloud to act upon.
pub(crate) struct Target {
    /// Speaks to it.
    pub(crate) client: Arc<LocalClient>,
    /// Which cloud it is: the location of its operations.
    pub(crate) id: String,
    /// Its two sides.
    pub(crate) environments: [Environment; 2],
    balancer: std::net::SocketAddr,
    own: Option<Cloud>,
}

impl Target {
    /// Connects to the cloud that was named, or starts one.
    ///
    /// # Errors
    /// When there is none, or it does not have the environments of the project.
    pub(crate) async fn open(common: &Common) -> Result<Self, Exit> {
        if common.backend == Backend::Aws {
            return Err(Exit::usage(
                "--backend is aws; allowed: local (this release has no AWS backend yet)",
            ));
        }
        let url = common.cloud()?;
        let own = match &url {
            Some(_) => None,
            None => Some(
                Cloud::start(CloudConfig {
                    project: common.project.clone(),
                    environment: common.environment.clone(),
                    image: Image::new(format!("{}:v1", common.project))?,
                    tasks: common.tasks,
                    ..CloudConfig::default()
                })
                .await?,
            ),
        };
        let client = match (url, &own) {
            (Some(url), _) => LocalClient::new(url),
            (None, Some(cloud)) => cloud.client(),
            (None, None) => return Err(Exit::usage("there is no cloud")),
        };
        let summary = client.cloud().await?;
        let name = |short: &str| {
            let full = format!("{}-{short}", common.service());
            let found = summary.environments.values().find(|held| held.as_str() == full);
            found.cloned().ok_or_else(|| {
                let held: Vec<_> = summary.environments.values().map(ToString::to_string).collect();
                Exit::usage(format!(
                    "the cloud has no environment {full}; it has {}: name its --project and --environment",
                    held.join(", ")
                ))
            })
        };
        let environments = [name("blue")?, name("green")?];
        let (client, id) = (Arc::new(client), summary.id);
        Ok(Self { client, id, environments, balancer: summary.balancer, own })
    }

    /// Whether the cloud ends with this process.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// The version after the live one: `petswipe:v2` after `petswipe:v1`.
    ///
    /// # Errors
    /// When the cloud can't be asked.
    pub(crate) async fn next_image(&self, common: &Common) -> Result<Image, Exit> {
        let route = self.client.route().await?;
        let mut live = None;
        if let Some(side) = route.split.only() {
            live = self.client.service(side).await?.image;
        }
        let number = live.and_then(|image| {
            let (_, tag) = image.as_str().rsplit_once(":v")?;
            tag.parse::<u32>().ok()
        });
        Ok(Image::new(format!("{}:v{}", common.project, number.unwrap_or(1) + 1))?)
    }

    /// User traffic through the load balancer, if any is wanted.
    ///
    /// # Errors
    /// When the rate is no rate.
    pub(crate) fn start_load(&self, rate: f64) -> Result<Load, Exit> {
        let config = LoadConfig {
            path: "/api/pets?limit=5".to_owned(),
            ..LoadConfig::new(self.balancer, rate)
        };
        Load::start(config).map_err(Exit::usage)
    }

    /// Ends what was started.
    pub(crate) async fn close(self) {
        if let Some(cloud) = self.own {
            cloud.shutdown().await;
        }
    }
}

/// What users saw, as the report has it.
pub(crate) fn traffic(load: &LoadReport, report: &Report) -> TrafficReport {
    let by_version = |count: fn(&petswipe_local::load::Tally) -> u64| {
        let versions = load.versions.iter();
        versions.map(|(version, held)| (version.clone(), count(&held.tally))).collect()
    };
    let millis = |time: Option<Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let series = load.seconds.iter().map(|second| TrafficPoint {
        at: second.second,
        version: second.version.clone(),
        requests: second.tally.requests,
        failed: second.tally.failed,
        p50_ms: millis(second.tally.latency.quantile(0.5)),
        p99_ms: millis(second.tally.latency.quantile(0.99)),
    });
    TrafficReport {
        requests: load.total.requests,
        failed: load.total.failed,
        requests_by_version: by_version(|tally| tally.requests),
        failed_by_version: by_version(|tally| tally.failed),
        last_answer_at: load
            .versions
            .iter()
            .filter_map(|(version, held)| Some((version.clone(), held.last_answer_at?)))
            .collect(),
        by_stage: by_stage(load, &report.stages),
        series: series.collect(),
    }
}

/// Requests and failures before the first stage, in each, and after the last, by the second in which they were due. A
/// second in which a stage begins counts to that stage, because what fails in it fails because of the stage.
fn by_stage(load: &LoadReport, stages: &[StageReport]) -> Vec<(String, u64, u64)> {
    let mut rows = vec![("before".to_owned(), 0, 0)];
    rows.extend(stages.iter().map(|stage| (stage.name.clone(), 0, 0)));
    rows.push(("after".to_owned(), 0, 0));
    for second in &load.seconds {
        let end_of_second = second.second.saturating_add(Duration::from_secs(1));
        let end_of_second = end_of_second.unwrap_or(second.second);
        let begun = stages.iter().filter(|stage| stage.started_at < end_of_second).count();
        let over = stages.last().and_then(|last| last.ended_at);
        let place = match over {
            Some(end) if second.second >= end => rows.len() - 1,
            _ => begun,
        };
        if let Some((_, requests, failed)) = rows.get_mut(place) {
            *requests += second.tally.requests;
            *failed += second.tally.failed;
        }
    }
    rows
}
