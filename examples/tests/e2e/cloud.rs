//! A cloud in a process of its own, as `local_cloud` runs it.

use std::net::SocketAddr;
use std::process::Stdio;

use petswipe_deploy::{
    Authority, Compute, Deployment, DeploymentState, Environment, Percent, Split, TrafficRouter,
};
use petswipe_local::LocalClient;
use petswipe_local::load::{Load, LoadConfig};
use petswipe_runbook::{Fence, OperationId};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::SemaphorePermit;

use super::support::*;

/// A running cloud. It is killed when this is dropped, and its watchdog ends its tasks.
pub(crate) struct CloudProcess {
    child: Child,
    /// With its token.
    pub(crate) url: String,
    pub(crate) balancer: SocketAddr,
    pub(crate) client: LocalClient,
    /// The first side is live at the start.
    pub(crate) blue: Environment,
    pub(crate) green: Environment,
    _stdout: BufReader<ChildStdout>,
    _permit: SemaphorePermit<'static>,
}

impl CloudProcess {
    /// Starts `local_cloud` and reads its addresses.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with more flags.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        let permit = room().await;
        let mut child = Command::new(program("local_cloud"))
            .args(["--json", "--tasks", "2"])
            .args(flags)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::time::timeout(DEADLINE, stdout.read_line(&mut line)).await.unwrap().unwrap();
        let printed: Value = serde_json::from_str(&line).unwrap();
        let url = printed["cloud"].as_str().unwrap().to_owned();
        let balancer = printed["balancer"].as_str().unwrap().strip_prefix("http://").unwrap();
        let client = LocalClient::new(url.parse().unwrap());
        let names = client.cloud().await.unwrap().environments;
        Self {
            child,
            url,
            balancer: balancer.parse().unwrap(),
            client,
            blue: names["blue"].clone(),
            green: names["green"].clone(),
            _stdout: stdout,
            _permit: permit,
        }
    }

    /// Which cloud it is.
    pub(crate) async fn id(&self) -> String {
        self.client.cloud().await.unwrap().id
    }

    /// User traffic.
    pub(crate) fn load(&self, rate: f64) -> Load {
        let path = "/api/pets?limit=5".to_owned();
        Load::start(LoadConfig { path, ..LoadConfig::new(self.balancer, rate) }).unwrap()
    }

    /// The green side's share of traffic in percent.
    pub(crate) async fn green_share(&self) -> u8 {
        self.client.route().await.unwrap().split.share(&self.green).get()
    }

    /// Waits until green has that share.
    pub(crate) async fn green_gets(&self, share: u8) {
        let what = format!("green gets {share} %");
        eventually(&what, async || (self.green_share().await == share).then_some(())).await;
    }

    /// All that an operation can change: weights, counts, revisions, the test route.
    pub(crate) async fn state(&self) -> Value {
        let route = self.client.route().await.unwrap();
        let mut state = json!({ "split": route.split, "test": route.test });
        for side in [&self.blue, &self.green] {
            let service = self.client.service(side).await.unwrap();
            let scaling = petswipe_deploy::AutoScaling::scaling(&self.client, side).await.unwrap();
            state[side.as_str()] = json!({
                "revision": service.revision, "desired": service.desired, "running": service.running,
                "scaling": scaling,
            });
        }
        state
    }

    /// The state without how many tasks there are at the moment.
    pub(crate) async fn wanted(&self) -> Value {
        let mut state = self.state().await;
        for side in [&self.blue, &self.green] {
            state[side.as_str()].as_object_mut().unwrap().remove("running");
        }
        state
    }

    /// The state, and what nothing but an operation adds to.
    pub(crate) async fn everything(&self) -> Value {
        let mut state = self.state().await;
        state["revisions"] = json!(self.client.revisions().await.unwrap().len());
        let tasks = self.client.tasks().await.unwrap();
        state["processes"] = tasks.iter().map(|task| json!(task.pid)).collect();
        state
    }

    /// Waits until one side runs everything, the other one nothing, and nobody holds the service.
    pub(crate) async fn comes_to_rest(&self) -> Environment {
        eventually("the cloud comes to rest", async || {
            let live = self.client.route().await.unwrap().split.only()?.clone();
            for side in [&self.blue, &self.green] {
                let service = self.client.service(side).await.unwrap();
                let wanted = if *side == live { 2 } else { 0 };
                let steady = service.deployment == DeploymentState::Completed || wanted == 0;
                if !steady || (service.desired, service.running) != (wanted, wanted) {
                    return None;
                }
            }
            let tasks = self.client.tasks().await.unwrap();
            (tasks.len() == 2 && !self.is_held().await).then_some(live)
        })
        .await
    }

    /// Whether somebody holds the lease of the service.
    pub(crate) async fn is_held(&self) -> bool {
        use petswipe_runbook::lease::LeaseStore;
        let now = jiff::Timestamp::now();
        self.client.current("service/petswipe-production", now).await.unwrap().is_some()
    }

    /// Divides traffic as somebody else would who does not know of any operation.
    pub(crate) async fn somebody_else_sets(&self, green: u8) {
        let now = self.client.route().await.unwrap().split;
        let to =
            Split::between(self.green.clone(), Percent::new(green).unwrap(), self.blue.clone());
        self.client.set_split(&somebody_else(), &[now], &to).await.unwrap();
    }

    /// Replaces all live tasks by ones that are never healthy.
    pub(crate) async fn falls_ill(&self) {
        let sick = self.client.clone().with_fault(petswipe_local::Fault::Unhealthy);
        let service = self.client.service(&self.blue).await.unwrap();
        let from = service.revision.unwrap();
        let image = service.image.unwrap();
        let revision = sick.register(&somebody_else(), &from, &image).await.unwrap();
        let mut deployment = Deployment::new(revision, 2);
        (deployment.minimum_healthy_percent, deployment.maximum_percent) = (Some(0), Some(100));
        self.client.deploy(&somebody_else(), &self.blue, &deployment).await.unwrap();
        eventually("no task is healthy", async || {
            let health = self.client.health(&self.blue).await.unwrap();
            (health.healthy == 0).then_some(())
        })
        .await;
    }

    /// The processes of the cloud and its tasks.
    pub(crate) async fn processes(&self) -> Vec<i32> {
        let tasks = self.client.tasks().await.unwrap();
        let own = self.child.id().and_then(|id| i32::try_from(id).ok());
        tasks.iter().filter_map(|task| task.pid).chain(own).collect()
    }

    /// Kills the cloud, not its tasks.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) {
        let processes = self.processes().await;
        self.client.ask_to_stop().await.unwrap();
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        assert_eq!(ended.unwrap().unwrap().code(), Some(0));
        all_gone(&processes).await;
    }
}

fn somebody_else() -> Authority {
    Authority { operation: OperationId::new("by-hand").unwrap(), fence: Fence(1) }
}
