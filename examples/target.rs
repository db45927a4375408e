//! What a rollout acts upon: a running local cloud, or one of the example's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::{
    AutoScaling, Compute, Environment, Error, Image, Plan, Preflight, Report, RolloutPerformer,
    SmokeTest, StageReport, TrafficPoint, TrafficReport, TrafficRouter,
};
#[cfg(feature = "aws")]
use petswipe_local::Fault;
use petswipe_local::load::{Load, LoadConfig, LoadReport};
use petswipe_local::{Cloud, CloudConfig, LocalClient};
use petswipe_monitor::MetricSource;
use petswipe_runbook::{Clock, SystemClock};

use crate::Exit;
use crate::cli::{Backend, Common, is_bare};
use crate::leases::Leases;

/// A cloud to act upon.
pub(crate) struct Target {
    /// Which cloud it is: the location of its operations.
    pub(crate) id: String,
    /// Its two sides.
    pub(crate) environments: [Environment; 2],
    /// What speaks to it.
    pub(crate) parts: Parts,
    /// By which its answers are dated.
    pub(crate) clock: Arc<dyn Clock>,
    /// Tells how often each action of the cloud's API was called, where calls are counted.
    pub(crate) calls: CallCount,
    local: Option<Local>,
}

/// How often each action of a cloud's API was called so far.
pub(crate) type CallCount = Arc<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>;

/// What speaks to a cloud.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) compute: Arc<dyn Compute>,
    pub(crate) router: Arc<dyn TrafficRouter>,
    pub(crate) scaling: Arc<dyn AutoScaling>,
    pub(crate) metrics: Arc<dyn MetricSource>,
    pub(crate) smoke: Arc<dyn SmokeTest>,
    pub(crate) leases: Leases,
    pub(crate) preflight: Option<Arc<dyn Preflight>>,
}

/// A local cloud.
struct Local {
    balancer: SocketAddr,
    /// One that was started here.
    own: Option<Cloud>,
}

impl Target {
    /// Connects to the cloud that was named, or starts one.
    ///
    /// # Errors
    /// When there is none, or it does not have the environments of the project.
    pub(crate) async fn open(common: &Common) -> Result<Self, Exit> {
        // A wrong address is found before a cloud is started.
        let metrics = common.metrics.open()?;
        if metrics.is_some() && common.backend == Backend::Local && common.cloud()?.is_none() {
            return Err(Exit::usage(
                "--metrics prometheus=… needs --cloud: nobody scrapes the cloud that an example starts itself",
            ));
        }
        let mut target = Self::of_backend(common).await?;
        if let Some(metrics) = metrics {
            target.parts.metrics = metrics;
        }
        Ok(target)
    }

    async fn of_backend(common: &Common) -> Result<Self, Exit> {
        match common.backend {
            Backend::Local => Self::open_local(common).await,
            #[cfg(feature = "aws")]
            Backend::Aws => {
                if common.fault != Fault::None {
                    return Err(Exit::usage(format!(
                        "--fault is {}, and --backend is aws; allowed: none there, because only versions on the local \
                         cloud are made bad on purpose",
                        common.fault
                    )));
                }
                let clock = Arc::new(SystemClock::new());
                let account = crate::aws::rollout::open(common, clock.clone()).await?;
                let crate::aws::rollout::Opened { id, environments, parts, budget } = account;
                let calls = Arc::new(move || budget.calls());
                Ok(Self { id, environments, parts, clock, calls, local: None })
            }
            #[cfg(not(feature = "aws"))]
            Backend::Aws => Err(Exit::usage(
                "--backend is aws, which this program was built without; allowed: local, or build it with --features aws",
            )),
        }
    }

    async fn open_local(common: &Common) -> Result<Self, Exit> {
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
        let client = Arc::new(client);
        let parts = Parts {
            compute: client.clone(),
            router: client.clone(),
            scaling: client.clone(),
            metrics: client.clone(),
            smoke: client.clone(),
            leases: Leases::near(client),
            preflight: None,
        };
        let local = Some(Local { balancer: summary.balancer, own });
        let (clock, calls) = (Arc::new(SystemClock::new()), Arc::new(BTreeMap::new));
        Ok(Self { id: summary.id, environments, parts, clock, calls, local })
    }

    /// Performs the effects of a plan here.
    pub(crate) fn performer(&self, plan: &Plan) -> RolloutPerformer {
        let Parts { compute, router, scaling, metrics, smoke, preflight, .. } = self.parts.clone();
        let (gate, hooks) = (Arc::new(plan.gate()), None);
        RolloutPerformer { compute, router, scaling, metrics, gate, smoke, hooks, preflight }
    }

    /// Whether the cloud ends with this process.
    pub(crate) fn is_own(&self) -> bool {
        self.local.as_ref().is_some_and(|local| local.own.is_some())
    }

    /// The image to deploy: the one that was asked for, a bare tag being one of the live image. On the local cloud, without
    /// any, the version after the live one: `petswipe:v2` after `petswipe:v1`.
    ///
    /// # Errors
    /// When none was asked for and none can be made up, and when the cloud can't be asked.
    pub(crate) async fn image(&self, common: &Common) -> Result<Image, Exit> {
        if self.local.is_some() {
            return match common.image()? {
                Some(image) => Ok(common.faulty(&image)?),
                None => Ok(common.faulty(&self.next_image(common).await?)?),
            };
        }
        let Some(asked) = &common.image else {
            return Err(Exit::usage(
                "--image is missing; allowed: an image, or a tag of the live one",
            ));
        };
        if !is_bare(asked) {
            return Ok(Image::new(asked.clone())?);
        }
        let live = self.live_image().await?.ok_or_else(|| {
            Exit::usage(format!(
                "--image is {asked}, a tag of the live image, and no one side is live: traffic is divided; allowed: the \
                 whole name of the image"
            ))
        })?;
        Ok(tag_of(&live, asked)?)
    }

    async fn live_image(&self) -> Result<Option<Image>, Exit> {
        let route = self.parts.router.route().await?;
        match route.split.only() {
            Some(side) => Ok(self.parts.compute.service(side).await?.image),
            None => Ok(None),
        }
    }

    async fn next_image(&self, common: &Common) -> Result<Image, Exit> {
        let number = self.live_image().await?.and_then(|image| {
            let (_, tag) = image.as_str().rsplit_once(":v")?;
            tag.parse::<u32>().ok()
        });
        Ok(Image::new(format!("{}:v{}", common.project, number.unwrap_or(1) + 1))?)
    }

    /// User traffic through the load balancer, where this is what makes it.
    ///
    /// # Errors
    /// When the rate is no rate.
    pub(crate) fn start_load(&self, rate: f64) -> Result<Option<Load>, Exit> {
        let Some(local) = &self.local else { return Ok(None) };
        let path = "/api/pets?limit=5".to_owned();
        let config = LoadConfig { path, ..LoadConfig::new(local.balancer, rate) };
        Load::start(config).map(Some).map_err(Exit::usage)
    }

    /// Ends what was started.
    pub(crate) async fn close(self) {
        if let Some(cloud) = self.local.and_then(|local| local.own) {
            cloud.shutdown().await;
        }
    }
}

/// The image of the same name with another tag.
///
/// # Errors
/// When that is no tag.
pub(crate) fn tag_of(image: &Image, tag: &str) -> Result<Image, Error> {
    let name = image.as_str().split('@').next().unwrap_or_default();
    let place = match name.rsplit_once(':') {
        Some((place, tag)) if !tag.contains('/') => place,
        _ => name,
    };
    Image::new(format!("{place}:{tag}"))
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
