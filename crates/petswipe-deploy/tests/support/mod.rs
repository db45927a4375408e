//! A shop in memory and in virtual time, for tests of whole rollouts by the real driver.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "every test program uses a part of it, and a test fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::memory::{Behaviour, Configuration, MemoryCloud};
use petswipe_deploy::{
    Effect, Environment, Image, Outcome, Percent, Plan, Report, RolloutPerformer, ScalingState,
    Split, Stage, State, Strategy, Target,
};
use petswipe_monitor::AbsolutePolicy;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{
    AbortHandle, Approver, AutoApprover, Clock, Completed, Driver, Event, EventOf, Halted, History,
    OperationId, Recorded,
};

mod log;
pub mod odd;
pub use log::{Death, Log};

pub const ROLLING: Strategy =
    Strategy::Rolling { minimum_healthy_percent: 100, maximum_percent: 200 };

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn environment(name: &str) -> Environment {
    Environment::new(name).unwrap()
}

/// The side that is live at the start.
pub fn blue() -> Environment {
    environment("shop-blue")
}

/// The side that is idle at the start.
pub fn green() -> Environment {
    environment("shop-green")
}

pub fn baseline() -> Environment {
    environment("shop-baseline")
}

pub fn image(name: &str) -> Image {
    Image::new(name).unwrap()
}

pub fn percent(share: u8) -> Percent {
    Percent::new(share).unwrap()
}

/// So much for green, the rest for blue.
pub fn split(share: u8) -> Split {
    Split::between(green(), percent(share), blue())
}

/// A quick canary to version 2: 10, 50 and 100 % for a minute each, a check every 20 s.
pub fn canary() -> Plan {
    let mut plan = Plan::canary("shop", [blue(), green()], Target::Image(image("shop:v2")));
    plan.stages = Stage::list(&[10, 50, 100], seconds(60)).unwrap();
    plan.check_interval = seconds(20);
    plan.bake = seconds(40);
    plan.scale_down_delay = seconds(20);
    plan
}

/// A blue-green deployment to version 2 with the guide's defaults, and nobody to ask.
pub fn blue_green() -> Plan {
    let target = Target::Image(image("shop:v2"));
    let mut plan = Plan::blue_green("shop", [blue(), green()], target);
    plan.approval = None;
    plan
}

/// A rolling update to version 2 with the defaults.
pub fn rolling() -> Plan {
    Plan::rolling("shop", [blue(), green()], Target::Image(image("shop:v2")))
}

/// One of each strategy.
pub fn plans() -> [Plan; 3] {
    [canary(), blue_green(), rolling()]
}

type Fact = Recorded<EventOf<Plan>>;
type Happening = Arc<dyn Fn(&Shop, &Fact, &State) + Send + Sync>;

/// A shop of which blue is live with 4 tasks of version 1, and version 2 behaves well until it is told otherwise.
pub struct Shop {
    pub clock: Arc<SimClock>,
    pub cloud: Arc<MemoryCloud>,
    pub log: Arc<Log>,
    /// What acts.
    pub performer: RolloutPerformer,
    /// Who is asked; yes by default.
    pub approver: Mutex<Arc<dyn Approver>>,
    pub abort: Mutex<AbortHandle>,
    pub initial: Mutex<Configuration>,
    /// What happens when something is recorded.
    happening: Mutex<Option<Happening>>,
}

impl Shop {
    pub fn new() -> Arc<Self> {
        Self::with(4, |_| {})
    }

    /// A shop with so many live tasks, whose performer is changed.
    pub fn with(tasks: u32, change: impl FnOnce(&mut RolloutPerformer)) -> Arc<Self> {
        let clock = Arc::new(SimClock::new("2026-11-23T03:10:38Z".parse().unwrap()));
        let sides = [blue(), green(), baseline()];
        let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), tasks).unwrap();
        let cloud = Arc::new(cloud);
        cloud.add_image(image("shop:v2"), Behaviour::default());
        let scaled = ScalingState::active(1, 20);
        cloud.set_scaling(&green(), Some(ScalingState { suspended: true, ..scaled.clone() }));
        cloud.set_scaling(&blue(), Some(scaled));
        let gate = Arc::new(AbsolutePolicy::default());
        let mut performer = RolloutPerformer::new(cloud.clone(), gate);
        change(&mut performer);
        Arc::new(Self {
            initial: Mutex::new(cloud.configuration()),
            log: Arc::new(Log::default()),
            approver: Mutex::new(Arc::new(AutoApprover { by: "test".to_owned() })),
            abort: Mutex::new(AbortHandle::new()),
            happening: Mutex::new(None),
            clock,
            cloud,
            performer,
        })
    }

    /// Version 2 behaves like that from now on.
    pub fn version_2(&self, behaviour: Behaviour) {
        self.cloud.add_image(image("shop:v2"), behaviour);
    }

    /// Version 2 answers every request with a 500 from now on.
    pub fn break_version_2(&self) {
        self.version_2(Behaviour { error_rate: 1.0, ..Behaviour::default() });
    }

    pub fn approver(&self, approver: impl Approver + 'static) {
        *self.approver.lock().unwrap() = Arc::new(approver);
    }

    /// Is called with every fact right after it was recorded.
    pub fn when(&self, happening: impl Fn(&Shop, &Fact, &State) + Send + Sync + 'static) {
        *self.happening.lock().unwrap() = Some(Arc::new(happening));
    }

    pub fn driver(self: &Arc<Self>) -> Driver<Plan> {
        let shop = Arc::clone(self);
        let note = move |_: &Plan, recorded: &Fact, state: &State| {
            let happening = shop.happening.lock().unwrap().clone();
            if let Some(happening) = happening {
                happening(&shop, recorded, state);
            }
        };
        let log: Arc<Log> = Arc::clone(&self.log);
        let performer = Arc::new(self.performer.clone());
        Driver::with_clock(log, performer, self.clock.clone())
            .approver(self.approver.lock().unwrap().clone())
            .abort(self.abort.lock().unwrap().clone())
            .holder("the test")
            .observer(Arc::new(note))
    }

    pub fn try_start(self: &Arc<Self>, plan: Plan) -> Result<Completed<Plan>, Box<Halted<Plan>>> {
        let operation = OperationId::new("rollout-1").unwrap();
        let driver = self.driver();
        self.clock.run(driver.start(operation, plan)).expect("it waits for ever").map_err(Box::new)
    }

    pub fn try_resume(self: &Arc<Self>) -> Result<Completed<Plan>, Box<Halted<Plan>>> {
        let driver = self.driver();
        self.clock.run(driver.resume()).expect("it waits for ever").map_err(Box::new)
    }

    /// Carries a plan out to its end.
    pub fn run(self: &Arc<Self>, plan: Plan) -> Outcome {
        self.try_start(plan).unwrap().outcome
    }

    /// Forgets the last operation, and takes the state it left as the initial one.
    pub fn next(&self) {
        self.log.clear();
        *self.initial.lock().unwrap() = self.cloud.configuration();
    }

    pub fn history(&self) -> History<Plan> {
        self.log.history().unwrap()
    }

    pub fn report(&self) -> Report {
        Report::of(&self.history())
    }

    /// All effects that were intended, in order.
    pub fn effects(&self) -> Vec<Effect> {
        let facts = self.history().records.into_iter();
        let effects = facts.filter_map(|recorded| match recorded.event {
            Event::Intended { effect, .. } => Some(effect),
            _ => None,
        });
        effects.collect()
    }

    /// The changes among them, in words.
    pub fn changes(&self) -> Vec<String> {
        let changes = self.effects().into_iter().filter(Effect::is_change);
        changes.map(|effect| effect.to_string()).collect()
    }

    /// The splits that were commanded, in order.
    pub fn shifts(&self) -> Vec<Split> {
        let effects = self.effects().into_iter();
        let shifts = effects.filter_map(|effect| match effect {
            Effect::Shift { to, .. } => Some(to),
            _ => None,
        });
        shifts.collect()
    }

    /// Panics unless everything a rollout may change is as it was.
    pub fn assert_untouched(&self) {
        assert_eq!(self.cloud.configuration(), *self.initial.lock().unwrap());
        self.clock.advance(seconds(300));
        assert_eq!(self.cloud.healthy(&blue()), self.initial.lock().unwrap().sides[&blue()].1);
        assert_eq!(self.cloud.healthy(&green()), 0);
    }

    /// Panics unless green serves everything with version 2, and blue is scaled down.
    pub fn assert_promoted(&self, outcome: &Outcome) {
        let Outcome::Promoted { environment, revision, .. } = outcome else {
            panic!("promoted, not {outcome}");
        };
        let now = self.cloud.configuration();
        let initial = self.initial.lock().unwrap();
        assert_eq!(now.split, Split::all_to(environment.clone()));
        assert_eq!(now.sides[environment].0, *revision);
        assert_eq!(self.cloud.healthy(environment), initial.sides[&blue()].1);
        if *environment == green() {
            assert_eq!(now.sides[&blue()].1, 0);
        }
        // Auto scaling goes along with the traffic.
        let (was, is) = (&initial.sides, &now.sides);
        let other = if *environment == green() { blue() } else { green() };
        let live = initial.split.only().unwrap();
        let idle = if *live == green() { blue() } else { green() };
        assert_eq!((&is[environment].2, &is[&other].2), (&was[live].2, &was[&idle].2));
        assert_eq!(now.test, initial.test);
    }
}

/// How long after its opening something was recorded.
pub fn after(history: &History<Plan>, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(history.opening.at)).unwrap()
}

pub fn now(shop: &Shop) -> Timestamp {
    shop.clock.now()
}
