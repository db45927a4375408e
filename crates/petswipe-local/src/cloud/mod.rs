//! The cloud: services and a load balancer behind one control API, in the process that starts it.

mod authority;
mod control;
mod router;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::{Deployment, DeploymentState, Environment, Error};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

pub use self::control::CloudSummary;
pub(crate) use self::control::Control;
pub(crate) use router::SMOKE_REQUESTS;
pub use router::TEST_HEADER;

use self::authority::Authorities;
use self::router::{Router, Side, refused};
use crate::address::random_digits;
use crate::api;
use crate::balancer::{Balancer, Forward};
use crate::registry::Registry;
use crate::service::{Platform, Service};
use crate::task::{Launcher, ROLE_VARIABLE, asked_role};
use crate::{CloudConfig, CloudUrl, LocalClient, Token};

/// Longer than requests in flight and tasks are given to end. What is left then is killed.
const LONGEST_SHUTDOWN: Duration = Duration::from_secs(30);

/// A running cloud. Everything it started ends with it: through [`shutdown`](Self::shutdown), when it is dropped, and
/// even when its process is killed.
#[derive(Debug)]
pub struct Cloud {
    control: Arc<Control>,
    url: CloudUrl,
    platform: Arc<Platform>,
    serving: Option<api::Serving>,
    loops: Vec<AbortHandle>,
    watchdog: Option<JoinHandle<()>>,
}

impl Cloud {
    /// Starts a cloud and waits until its first tasks are healthy.
    ///
    /// The first environment runs the first image with all traffic; the others have the same revision with no task.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] for a configuration that makes no sense, [`Error::NotFound`] for an unknown image,
    /// [`Error::Backend`] when the program does not call [`run_task_if_asked`](crate::run_task_if_asked) or an address
    /// is taken, [`Error::TimedOut`] when the tasks are not healthy in time.
    pub async fn start(config: CloudConfig) -> Result<Self, Error> {
        let (tasks, image, patience) = (config.tasks, config.image.clone(), config.start_timeout);
        let cloud = Self::launch(config).await?;
        let why = match tokio::time::timeout(patience, cloud.until_live()).await {
            Ok(()) => return Ok(cloud),
            Err(_) => cloud.trouble().unwrap_or_default(),
        };
        let action = format!("starting {tasks} healthy tasks of {image} ({why})");
        Err(Error::TimedOut { action, waited: patience })
    }

    /// The same without waiting for its first tasks, which may never be healthy: for a cloud on which something shall be wrong.
    ///
    /// # Errors
    /// As [`start`](Self::start), but for the time.
    pub async fn launch(config: CloudConfig) -> Result<Self, Error> {
        config.check()?;
        self::control::check_count("tasks", config.tasks)?;
        refuse_recursion()?;
        let mut registry = Registry::new(&config.project);
        config.images.iter().try_for_each(|source| registry.add(source.clone()))?;
        let revision = registry.create(&config.image, config.variables.clone())?;
        let token = config.token.clone().map_or_else(Token::random, Ok)?;

        let (launcher, watchdog) = Launcher::start(config.program.clone())
            .await
            .map_err(|error| Error::backend("starting the watchdog over tasks", error))?;
        let balancer = Balancer::start(config.balancer.clone()).await.map_err(refused)?;
        let platform = Arc::new(Platform {
            launcher,
            balancer: balancer.clone(),
            stop_timeout: config.stop_timeout,
            backoff: config.backoff,
        });
        let mut services = Vec::new();
        let mut sides = Vec::new();
        for short in &config.environments {
            let environment = Environment::new(config.name_of(short))?;
            let group = format!("{environment}-tg");
            balancer.create_target_group(&group, config.target_group.clone()).map_err(refused)?;
            let scaling = config.scaling.get(short).cloned();
            let platform = platform.clone();
            let tasks = if services.is_empty() { config.tasks } else { 0 };
            let service =
                Service::new(environment.clone(), short, group.clone(), platform, scaling);
            service.deploy(None, revision.clone(), Deployment::new(revision.id.clone(), tasks));
            services.push(service);
            sides.push(Side { environment, short: short.clone(), group });
        }
        if let Some(live) = sides.first() {
            balancer
                .set_default(Forward::weighted([(live.group.as_str(), 100)]))
                .map_err(refused)?;
        }
        let shorts = |side: &Side| (side.short.clone(), side.environment.clone());
        let control = Arc::new(Control {
            summary: CloudSummary {
                id: format!("local-{}", random_digits::<6>()?),
                project: config.project.clone(),
                environment: config.environment.clone(),
                balancer: balancer.address(),
                environments: sides.iter().map(shorts).collect::<BTreeMap<_, _>>(),
                pid: std::process::id(),
                started_at: Timestamp::now(),
            },
            token: token.clone(),
            services,
            registry: Mutex::new(registry),
            router: Router::new(balancer.clone(), config.name(), sides),
            balancer,
            authorities: Mutex::new(Authorities::default()),
            stop_asked: watch::Sender::new(false),
        });
        let serving = api::serve(config.control_address, control.clone()).await?;
        let supervise =
            |service: &Arc<Service>| tokio::spawn(service.clone().supervise()).abort_handle();
        let loops = control.services.iter().map(supervise).collect();
        Ok(Self {
            control,
            url: CloudUrl::new(serving.address, token),
            platform,
            serving: Some(serving),
            loops,
            watchdog: Some(watchdog),
        })
    }

    /// Returns when the first tasks are healthy.
    pub async fn until_live(&self) {
        let Some(live) = self.control.services.first() else { return };
        while live.status().deployment != DeploymentState::Completed {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Why the newest task of the first environment failed, if one did.
    pub fn trouble(&self) -> Option<String> {
        let status = self.control.services.first()?.status();
        Some(status.failures.last()?.reason.clone())
    }

    /// Which cloud it is: made up at its start, and never that of another one. A plan's location.
    pub fn id(&self) -> &str {
        &self.control.summary.id
    }

    /// Where the load balancer listens.
    pub fn balancer_address(&self) -> SocketAddr {
        self.control.summary.balancer
    }

    /// The load balancer itself, for rules and counters that the control API does not have.
    pub fn balancer(&self) -> &Balancer {
        &self.control.balancer
    }

    /// Where the control API listens, with the token.
    pub fn url(&self) -> &CloudUrl {
        &self.url
    }

    /// A client of the control API, the same as another process would use.
    pub fn client(&self) -> LocalClient {
        LocalClient::new(self.url.clone())
    }

    /// The environment with that short name, such as `green`.
    pub fn environment(&self, short: &str) -> Option<Environment> {
        self.control.summary.environments.get(short).cloned()
    }

    /// Returns when somebody asked the control API to stop the cloud. That does not stop it yet.
    pub async fn stop_asked(&self) {
        // The sender lives as long as the control does.
        let _ = self.control.stop_asked.subscribe().wait_for(|asked| *asked).await;
    }

    /// Lets requests in flight end, stops all tasks, and returns when no process is left and nobody listens.
    pub async fn shutdown(mut self) {
        let serving = self.serving.take();
        let services = &self.control.services;
        let orderly = async {
            self.control.balancer.shutdown().await;
            futures_util::future::join_all(services.iter().map(|service| service.close())).await;
            if let Some(serving) = serving {
                serving.close().await;
            }
        };
        if tokio::time::timeout(LONGEST_SHUTDOWN, orderly).await.is_err() {
            self.platform.launcher.watchdog.kill_all();
        }
        self.abort();
        self.platform.launcher.watchdog.end();
        if let Some(watchdog) = self.watchdog.take() {
            let _ = tokio::time::timeout(Duration::from_secs(5), watchdog).await;
        }
    }

    fn abort(&mut self) {
        self.loops.drain(..).for_each(|running| running.abort());
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.abort();
        self.control.services.iter().for_each(|service| service.abandon());
        self.platform.launcher.watchdog.kill_all();
        self.platform.launcher.watchdog.end();
    }
}

/// A program that was started as a task and starts a cloud instead would go on for ever.
fn refuse_recursion() -> Result<(), Error> {
    match asked_role() {
        Some(role) if role == "task" || role == "watchdog" => Err(Error::backend(
            "starting a cloud",
            format!(
                "this process was started as a {role} of another one ({ROLE_VARIABLE} is set), but its main does not \
                 begin with petswipe_local::run_task_if_asked()"
            ),
        )),
        _ => Ok(()),
    }
}
