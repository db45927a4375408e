//! A shop whose service is deployed by ECS itself, and the example that acts there.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use petswipe_aws::CallBudget;
use petswipe_aws::script::{Answer, Call, Refusal, Service, Wire};
use petswipe_deploy::memory::{Behaviour, MemoryCloud, MemoryNative};
use petswipe_deploy::{Environment, Image, Report};
use petswipe_examples::Exit;
use petswipe_examples::leases::Leases;
use petswipe_examples::native::{Flags, Parts, operate};
use petswipe_monitor::{MetricSource, Observation, Subject, Window};
use petswipe_runbook::Clock;
use petswipe_runbook::lease::MemoryLeases;
use petswipe_runbook::sim::SimClock;
use tempfile::TempDir;

use crate::balancer::Balancer;
use crate::cluster::{Cluster, REGISTRY};
use crate::deployer::{Deployer, SERVICE};

/// ECS and the load balancer.
pub struct Account {
    pub deployer: Deployer,
    balancer: Balancer,
}

impl Service for Account {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        match call.action.starts_with("elasticloadbalancing:") {
            true => self.balancer.answer(call),
            false => self.deployer.answer(call),
        }
    }
}

/// Metrics of target groups, each behind the side of its name.
struct Groups(Arc<MemoryCloud>);

fn side(group: &Subject) -> Subject {
    let environment = group.environment.trim_end_matches("-tg").to_owned();
    Subject { environment, ..group.clone() }
}

#[async_trait::async_trait]
impl MetricSource for Groups {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, petswipe_monitor::Error> {
        let seen = self.0.observe(&side(subject), window, now).await?;
        Ok(Observation { subject: subject.clone(), ..seen })
    }

    fn resolution(&self) -> Duration {
        self.0.resolution()
    }

    fn lag(&self) -> Duration {
        self.0.lag()
    }

    fn name(&self) -> String {
        self.0.name()
    }
}

pub struct World {
    pub clock: Arc<SimClock>,
    pub cloud: Arc<MemoryCloud>,
    pub platform: Arc<MemoryNative>,
    pub wire: Wire<Account>,
    pub leases: Arc<MemoryLeases>,
    directory: TempDir,
}

pub fn environment(name: &str) -> Environment {
    Environment::new(name).unwrap()
}

pub fn image(name: &str) -> Image {
    Image::new(format!("{REGISTRY}/{name}")).unwrap()
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
        clock.advance(Duration::from_secs(3600));
        let sides = ["blue", "green"].map(|side| environment(&format!("{SERVICE}-{side}")));
        let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), 2).unwrap();
        let cloud = Arc::new(cloud);
        cloud.add_image(image("shop:v2"), Behaviour::default());
        let service = environment(SERVICE);
        let platform = MemoryNative::new(cloud.clone(), clock.clone(), service, sides.clone());
        let platform = Arc::new(platform.unwrap());
        let cluster = Cluster::new(cloud.clone(), &sides, &image("shop:v1"));
        let balancer = Balancer::new(cloud.clone(), &sides);
        let deployer =
            Deployer::new(cluster, cloud.clone(), platform.clone(), clock.clone(), sides);
        Self {
            wire: Wire::new(Account { deployer, balancer }),
            leases: Arc::new(MemoryLeases::new()),
            directory: tempfile::tempdir().unwrap(),
            clock,
            cloud,
            platform,
        }
    }

    pub fn behaves(&self, behaviour: Behaviour) {
        self.cloud.add_image(image("shop:v2"), behaviour);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The flags of the example on this service, with these.
    pub fn flags(&self, arguments: &[&str]) -> Flags {
        let (journal, report) = (self.path("native.jsonl"), self.path("report.json"));
        let (journal, report) = (journal.to_str().unwrap(), report.to_str().unwrap());
        let own = ["native", "--project", "shop", "--tag"];
        let own = own.into_iter().chain(["Project=shop", "--container", "app", "--quiet"]);
        let own = own.chain(["--region", "eu-central-1", "--journal", journal, "--report", report]);
        let balancer = ["--load-balancer", "shop-alb"];
        let own = own.chain(balancer.into_iter().filter(|_| !arguments.contains(&balancer[0])));
        Flags::try_parse_from(own.chain(arguments.iter().copied())).unwrap()
    }

    /// What the example acts through, found over the wire; only users and leases are played here.
    pub async fn open(&self, flags: &Flags) -> Result<Parts, Exit> {
        let (config, budget) = (self.wire.config(), CallBudget::default());
        let parts = Parts::open(&flags.place, &config, budget, self.clock.clone()).await?;
        let metrics = Arc::new(Groups(self.cloud.clone()));
        Ok(Parts { metrics, leases: Leases::near(self.leases.clone()), preflight: None, ..parts })
    }

    async fn carry_out(&self, flags: &Flags) -> Result<u8, Exit> {
        operate(flags, &self.open(flags).await?).await
    }

    /// Runs something to its end in virtual time.
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        // Signals and the SDK ask for a runtime, though nothing ever waits for it here.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        self.clock.run(future).expect("it waits for ever")
    }

    /// The example with these arguments, and its exit code.
    #[track_caller]
    pub fn ends_with(&self, code: u8, arguments: &[&str]) {
        match self.run(self.carry_out(&self.flags(arguments))) {
            Ok(found) => assert_eq!(found, code, "{}", self.report().reason),
            Err(exit) => panic!("{}: {}", exit.code, exit.message),
        }
    }

    /// The example with these arguments, which ends without a report, and what it says.
    #[track_caller]
    pub fn refuses(&self, code: u8, arguments: &[&str]) -> String {
        let exit = self.run(self.carry_out(&self.flags(arguments))).unwrap_err();
        assert_eq!(exit.code, code, "{}", exit.message);
        exit.message
    }

    /// The example, killed after some time.
    pub fn killed(&self, arguments: &[&str], after: Duration) {
        let flags = self.flags(arguments);
        self.run(async {
            let end = self.clock.now().saturating_add(after).unwrap();
            let (death, running) = (self.clock.sleep_until(end), pin!(self.carry_out(&flags)));
            assert!(matches!(select(death, running).await, Either::Left(_)), "it was done before");
        });
    }

    pub fn report(&self) -> Report {
        serde_json::from_slice(&std::fs::read(self.path("report.json")).unwrap()).unwrap()
    }

    /// The calls that change something.
    pub fn changes(&self) -> Vec<String> {
        let reads = |name: &String| name.starts_with("Describe") || name.starts_with("List");
        self.wire.operations().into_iter().filter(|name| !reads(name)).collect()
    }

    /// By which side which revision serves.
    pub fn serving(&self) -> (String, String) {
        let now = self.platform.snapshot();
        (now.revision.to_string(), now.live.to_string())
    }
}
