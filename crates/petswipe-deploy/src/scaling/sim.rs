//! Scaling operations in the simulator: a world in memory with their promises checked after every effect.
//!
//! ```
//! use petswipe_deploy::scaling::Outcome;
//! use petswipe_deploy::scaling::sim::{Case, scale};
//! use petswipe_runbook::sim::FaultPlan;
//! for case in Case::ALL {
//!     let (trace, _) = scale(7, case, &FaultPlan::none()).unwrap();
//!     assert!(matches!(trace.outcome, Outcome::Done { changed: true, .. }));
//! }
//! ```

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::sim::{FaultPlan, SimClock, Trace, Violation, World, simulate};
use petswipe_runbook::{
    Clock, Driver, EffectContext, Fence, Journaled, OperationId, Performer, Retry,
};

use super::ScalePerformer;
use super::core::{Change, Effect, Outcome, Output, ScalePlan, Seen, TrackingSettings};
use super::memory::{MemoryDatabases, MemoryTracking};
use super::types::{DatabaseInstance, Limits, TrackedMetric, Tracking, TrackingPolicy};
use crate::memory::MemoryCloud;
use crate::{Environment, Image, ScalingState};

/// What is scaled, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// 4 to 10 tasks, within the limits of active auto scaling.
    Service,
    /// 4 tasks to 30, where active auto scaling allows 20.
    BeyondLimits,
    /// A database to another class.
    Database,
    /// The same, and the change comes to nothing.
    DatabaseFails,
    /// Target tracking where there was none.
    Tracking,
    /// Other settings in place of those that were there.
    TrackingAgain,
}

impl Case {
    /// Those that succeed where nothing goes wrong.
    pub const ALL: [Self; 4] = [Self::Service, Self::Database, Self::Tracking, Self::TrackingAgain];

    /// One of all there are.
    pub fn from_seed(seed: u64) -> Self {
        match seed % 6 {
            0 => Self::Service,
            1 => Self::BeyondLimits,
            2 => Self::Database,
            3 => Self::DatabaseFails,
            4 => Self::Tracking,
            _ => Self::TrackingAgain,
        }
    }

    /// Its plan.
    pub fn plan(self) -> ScalePlan {
        let change = match self {
            Self::Service => Change::service(blue(), 10),
            Self::BeyondLimits => Change::service(blue(), 30),
            Self::Database | Self::DatabaseFails => Change::database(DATABASE, LARGE, true),
            Self::Tracking | Self::TrackingAgain => {
                Change::tracking(blue(), TrackingSettings::default())
            }
        };
        let mut plan = ScalePlan::new("shop", change);
        plan.retry = Retry { attempts: 6, ..Retry::default() };
        plan
    }
}

const DATABASE: &str = "shop-postgres";
const SMALL: &str = "db.t3.medium";
const LARGE: &str = "db.t3.large";

fn blue() -> Environment {
    // The name is made of allowed characters only.
    Environment::new("shop-blue").unwrap_or_else(|_| unreachable!())
}

/// Everything that a scaling operation may change.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// How many tasks are asked for.
    pub desired: u32,
    /// The class of the database.
    pub class: String,
    /// How the service is scaled.
    pub tracking: Option<Tracking>,
}

/// The world of one simulated operation.
pub struct ScaleWorld {
    cloud: Arc<MemoryCloud>,
    tracking: Arc<MemoryTracking>,
    databases: Arc<MemoryDatabases>,
    performer: ScalePerformer,
    clock: Arc<SimClock>,
    initial: Configuration,
    /// The first answer to each question.
    seen: Mutex<Vec<(Effect, Output)>>,
    modifications: Mutex<u32>,
}

impl ScaleWorld {
    fn new(clock: Arc<SimClock>, case: Case) -> Self {
        let image = Image::new("shop:v1").unwrap_or_else(|_| unreachable!());
        let cloud = MemoryCloud::new(clock.clone(), &[blue()], image, 4);
        let cloud = Arc::new(cloud.unwrap_or_else(|_| unreachable!()));
        cloud.set_scaling(&blue(), Some(ScalingState::active(2, 20)));
        let tracking = Arc::new(MemoryTracking::new([blue()]));
        if case == Case::TrackingAgain {
            let policy = |name: &str, metric, target_percent| TrackingPolicy {
                name: name.to_owned(),
                metric,
                target_percent,
                scale_out_cooldown: None,
                scale_in_cooldown: Some(Duration::from_secs(30)),
                scale_in_disabled: true,
            };
            tracking.meddle(
                &blue(),
                Some(Tracking {
                    scaling: ScalingState { suspended: true, ..ScalingState::active(1, 6) },
                    policies: vec![policy("shop-blue-cpu", TrackedMetric::Cpu, 42.5)],
                    others: Vec::new(),
                }),
            );
        }
        let databases = MemoryDatabases::new(clock.clone(), [SMALL, LARGE]);
        databases.add(DatabaseInstance {
            name: DATABASE.to_owned(),
            class: SMALL.to_owned(),
            status: DatabaseInstance::AVAILABLE.to_owned(),
            pending_class: None,
            pending: Vec::new(),
            multi_az: true,
            engine: "postgres 16.3".to_owned(),
        });
        if case == Case::DatabaseFails {
            databases.fail(DATABASE);
        }
        let databases = Arc::new(databases);
        let performer = ScalePerformer::new("memory")
            .service(cloud.clone(), cloud.clone())
            .tracking(tracking.clone())
            .databases(databases.clone());
        let (seen, modifications) = (Mutex::default(), Mutex::default());
        let initial =
            Configuration { desired: 4, class: SMALL.to_owned(), tracking: tracking.of(&blue()) };
        Self { cloud, tracking, databases, performer, clock, initial, seen, modifications }
    }

    /// As it is now.
    pub fn configuration(&self) -> Configuration {
        let desired = self.cloud.configuration().sides.get(&blue()).map_or(0, |side| side.1);
        let class = self.databases.of(DATABASE).map_or_else(String::new, |now| now.class);
        Configuration { desired, class, tracking: self.tracking.of(&blue()) }
    }

    /// As it was at first.
    pub fn initial(&self) -> &Configuration {
        &self.initial
    }

    /// Lets what is under way come to its end.
    pub fn settle(&self) {
        let end = self.clock.now().saturating_add(Duration::from_secs(3600));
        self.clock.advance_to(end.unwrap_or(jiff::Timestamp::MAX));
    }

    /// Whether the world is as a look says; `None` for a database that may have changed by itself since.
    pub fn shows(&self, seen: &Seen) -> Option<bool> {
        let now = self.configuration();
        match seen {
            Seen::Service { service, .. } => Some(service.desired == now.desired),
            Seen::Tracking { tracking, .. } => Some(*tracking == now.tracking),
            Seen::Database { .. } => None,
        }
    }

    /// Carries another plan out in the same world, where nothing goes wrong any more.
    ///
    /// # Errors
    /// What stopped it.
    pub fn run(self: &Arc<Self>, name: &str, plan: ScalePlan) -> Result<Outcome, String> {
        let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
        // Its fences begin anew; those of the world go on.
        let later = Arc::new(Later(Arc::clone(self)));
        let driver = Driver::with_clock(log, later, self.clock.clone());
        let operation = OperationId::new(name).map_err(|error| error.to_string())?;
        match self.clock.run(driver.start(operation, plan)) {
            Some(Ok(completed)) => Ok(completed.outcome),
            Some(Err(halted)) => Err(halted.error.to_string()),
            None => Err("it waits for ever".to_owned()),
        }
    }
}

/// A performer whose fence is the highest of all.
struct Later(Arc<ScaleWorld>);

#[async_trait]
impl Performer<ScalePlan> for Later {
    async fn perform(
        &self,
        context: &EffectContext,
        effect: &Effect,
    ) -> Result<Output, petswipe_runbook::Failure> {
        let context = EffectContext { fence: Fence(u64::MAX), ..context.clone() };
        self.0.performer.perform(&context, effect).await
    }
}

#[async_trait]
impl Performer<ScalePlan> for ScaleWorld {
    async fn perform(
        &self,
        context: &EffectContext,
        effect: &Effect,
    ) -> Result<Output, petswipe_runbook::Failure> {
        let before = self.databases.of(DATABASE);
        let answer = self.performer.perform(context, effect).await;
        if let Effect::ModifyClass { .. } = effect
            && before.is_some_and(|before| before.pending_class.is_none() && before.class == SMALL)
            && answer.is_ok()
        {
            *self.modifications.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
        if let Ok(output @ Output::Seen(_)) = &answer {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.iter().all(|(asked, _)| asked != effect) {
                seen.push((effect.clone(), output.clone()));
            }
        }
        answer
    }
}

impl World<ScalePlan> for ScaleWorld {
    fn check(&self) -> Result<(), String> {
        let now = self.configuration();
        if !(2..=20).contains(&now.desired) {
            return Err(format!("{} tasks are asked for, outside of 2 to 20", now.desired));
        }
        let modifications = *self.modifications.lock().unwrap_or_else(PoisonError::into_inner);
        if modifications > 1 && self.databases.of(DATABASE).is_some_and(|now| now.class == LARGE) {
            return Err(format!("the database was restarted {modifications} times"));
        }
        Ok(())
    }

    fn check_end(&self, plan: &ScalePlan, outcome: &Outcome) -> Result<(), String> {
        let now = self.configuration();
        match outcome {
            Outcome::Done { .. } => {
                let good = match &plan.change {
                    Change::Service { desired, .. } => now.desired == *desired,
                    Change::Database { class, .. } => now.class == *class,
                    Change::Tracking { limits, policies, .. } => {
                        let tracking = now.tracking.as_ref();
                        let held = tracking.map(|tracking| Limits::from(&tracking.scaling));
                        let all = |tracking: &Tracking| {
                            policies.iter().all(|policy| tracking.policies.contains(policy))
                        };
                        held == *limits && tracking.is_some_and(all)
                    }
                };
                good.then_some(()).ok_or_else(|| format!("done, but it is {now:?}"))
            }
            Outcome::Refused { .. } | Outcome::Aborted { .. } if now != self.initial => {
                Err(format!("{outcome}, but it was changed to {now:?}"))
            }
            _ => Ok(()),
        }
    }

    fn stale(&self, effect: &Effect) -> Option<Output> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().find(|(asked, _)| asked == effect).map(|(_, output)| output.clone())
    }
}

/// Runs one operation under faults. Everything follows from the seed. Gives the world that it left, too.
///
/// # Errors
/// The first broken promise.
pub fn scale(
    seed: u64,
    case: Case,
    faults: &FaultPlan,
) -> Result<(Trace<ScalePlan>, Arc<ScaleWorld>), Box<Violation>> {
    let made = OnceLock::new();
    let plan = case.plan();
    let trace = simulate(seed, &plan, faults, |clock| {
        Arc::clone(made.get_or_init(|| Arc::new(ScaleWorld::new(clock, case))))
    })?;
    match made.into_inner() {
        Some(world) => Ok((trace, world)),
        None => Err(Violation::new(seed, "the simulation made no world")),
    }
}
