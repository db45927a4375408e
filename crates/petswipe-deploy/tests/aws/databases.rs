//! Database instances of Amazon RDS: the contract, whole operations, and what goes wrong, over the query protocol.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use jiff::Timestamp;
use petswipe_aws::script::{Answer, Call, Fault, Refusal, Service, Wire};
use petswipe_deploy::aws::{RdsInstances, scale_database_policy};
use petswipe_deploy::conformance::databases::DatabaseWorld;
use petswipe_deploy::scaling::memory::MemoryDatabases;
use petswipe_deploy::scaling::{
    Change, DatabaseInstance, DatabaseInstances, Outcome, ScalePerformer, ScalePlan,
};
use petswipe_deploy::{Authority, Error};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Fence, OperationId, Sleep};

use crate::course::{Course, drive};
use crate::policy::place;

const NAME: &str = "shop-production-postgres";
const SMALL: &str = "db.t3.medium";
const LARGE: &str = "db.t3.large";

/// RDS as its API reference has it, over instances in memory.
struct Rds {
    databases: Arc<MemoryDatabases>,
    /// Whether a change of a parameter waits for a maintenance window.
    pending: bool,
}

impl Rds {
    fn instance(&self, name: &str) -> Result<DatabaseInstance, Refusal> {
        self.databases
            .of(name)
            .ok_or_else(|| Refusal { status: 404, ..("DBInstanceNotFound".into()) })
    }

    fn written(&self, instance: &DatabaseInstance) -> String {
        let DatabaseInstance { name, class, status, pending_class, multi_az, engine, .. } =
            instance;
        let (engine, version) = engine.split_once(' ').unwrap();
        let class_pending = pending_class.as_ref().map_or_else(String::new, |class| {
            format!("<DBInstanceClass>{class}</DBInstanceClass>")
        });
        let version_pending = if self.pending { "<EngineVersion>16.4</EngineVersion>" } else { "" };
        format!(
            "<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceClass>{class}</DBInstanceClass>\
             <DBInstanceStatus>{status}</DBInstanceStatus><MultiAZ>{multi_az}</MultiAZ><Engine>{engine}</Engine>\
             <EngineVersion>{version}</EngineVersion><StorageType>gp3</StorageType>\
             <PendingModifiedValues>{class_pending}{version_pending}</PendingModifiedValues></DBInstance>"
        )
    }

    /// A class on a page, each twice, of which only the one with the right storage counts.
    fn options(&self, marker: Option<&str>) -> String {
        let option = |class: &str, storage: &str, standby: bool| {
            format!(
                "<OrderableDBInstanceOption><DBInstanceClass>{class}</DBInstanceClass><MultiAZCapable>{standby}\
                 </MultiAZCapable><StorageType>{storage}</StorageType></OrderableDBInstanceOption>"
            )
        };
        let (options, next) = match marker {
            None => (option("db.t3.old", "standard", true) + &option(SMALL, "gp3", true), "second"),
            Some("second") => (String::new(), "third"),
            Some(_) => (option("db.t3.lonely", "gp3", false) + &option(LARGE, "gp3", true), ""),
        };
        let next = if next.is_empty() { String::new() } else { format!("<Marker>{next}</Marker>") };
        format!("<OrderableDBInstanceOptions>{options}</OrderableDBInstanceOptions>{next}")
    }
}

impl Service for Rds {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let form = call.form();
        let name = form.get("DBInstanceIdentifier").unwrap_or(NAME).to_owned();
        let xml = match call.operation() {
            "DescribeDBInstances" => {
                let instance = self.instance(&name)?;
                format!("<DBInstances>{}</DBInstances>", self.written(&instance))
            }
            "DescribeOrderableDBInstanceOptions" => {
                assert_eq!(
                    (form.get("Engine"), form.get("EngineVersion")),
                    (Some("postgres"), Some("16.3"))
                );
                self.options(form.get("Marker"))
            }
            "ModifyDBInstance" => {
                assert_eq!(form.get("ApplyImmediately"), Some("true"));
                let class = form.get("DBInstanceClass").unwrap();
                let anybody = Authority {
                    operation: OperationId::new("anybody").unwrap(),
                    fence: Fence(u64::MAX),
                };
                let modified = self.databases.modify_class(&anybody, &name, class);
                modified.now_or_never().unwrap().map_err(|error| match error {
                    Error::NotFound { .. } => {
                        Refusal { status: 404, ..("DBInstanceNotFound".into()) }
                    }
                    Error::Conflict { .. } => "InvalidDBInstanceState".into(),
                    Error::InvalidPlan { .. } => "InvalidParameterCombination".into(),
                    other => panic!("{other:?}"),
                })?;
                self.written(&self.instance(&name)?)
            }
            other => panic!("{other} is not scripted"),
        };
        Ok(Answer::Xml(xml))
    }
}

struct Jumping(Arc<SimClock>);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        self.0.advance_to(time);
        Box::pin(std::future::ready(()))
    }
}

struct Stored {
    clock: Jumping,
    databases: Arc<MemoryDatabases>,
    wire: Wire<Rds>,
    rds: Arc<RdsInstances>,
    authorities: AtomicU64,
}

fn stored() -> Stored {
    let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
    let databases = Arc::new(MemoryDatabases::new(clock.clone(), [SMALL, LARGE]));
    databases.add(DatabaseInstance {
        name: NAME.to_owned(),
        class: SMALL.to_owned(),
        status: DatabaseInstance::AVAILABLE.to_owned(),
        pending_class: None,
        pending: Vec::new(),
        multi_az: true,
        engine: "postgres 16.3".to_owned(),
    });
    let wire = Wire::new(Rds { databases: databases.clone(), pending: false });
    let rds = Arc::new(RdsInstances::new(&wire.config()));
    Stored { clock: Jumping(clock), databases, wire, rds, authorities: AtomicU64::new(1) }
}

impl DatabaseWorld for Stored {
    fn databases(&self) -> &dyn DatabaseInstances {
        &*self.rds
    }

    fn instance(&self) -> &str {
        NAME
    }

    fn other_class(&self) -> &str {
        LARGE
    }

    fn impossible_class(&self) -> Option<&str> {
        Some("db.t3.giant")
    }

    fn takes_time(&self) -> bool {
        true
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("operation-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

petswipe_deploy::database_conformance!(databases_on_the_wire, stored());

fn run(world: &Stored, name: &str, plan: &ScalePlan) -> Outcome {
    disturbed(world, name, plan, Course::Undisturbed).0
}

/// How it ends, and how many records that takes.
fn disturbed(world: &Stored, name: &str, plan: &ScalePlan, course: Course) -> (Outcome, u64) {
    let performer = ScalePerformer::new("AWS").databases(world.rds.clone());
    drive(&world.clock.0, Arc::new(performer), name, plan.clone(), course)
}

fn larger() -> ScalePlan {
    ScalePlan::new("shop-production", Change::database(NAME, LARGE, true))
}

/// Done, undone, refused, gone on with after its driver died, and aborted.
#[test]
fn an_operation_calls_exactly_what_its_policy_allows() {
    let called = |world: &Stored| world.wire.calls().into_iter().map(|call| call.action);
    let world = stored();
    let (outcome, records) = disturbed(&world, "database-1", &larger(), Course::Undisturbed);
    assert!(matches!(outcome, Outcome::Done { changed: true, .. }), "{outcome}");
    assert_eq!(world.databases.of(NAME).unwrap().class, LARGE);
    let undone = run(&world, "database-2", &larger().undo(&outcome).unwrap());
    assert!(matches!(undone, Outcome::Done { changed: true, .. }), "{undone}");
    assert_eq!(world.databases.of(NAME).unwrap().class, SMALL);
    let mut all: BTreeSet<_> = called(&world).collect();
    let world = stored();
    let refused = ScalePlan::new("shop-production", Change::database(NAME, LARGE, false));
    let refused = run(&world, "database-1", &refused);
    assert!(matches!(refused, Outcome::Refused { .. }), "{refused}");
    all.extend(called(&world));
    for moment in [1, records / 2] {
        let world = stored();
        let (ended, _) = disturbed(&world, "database-1", &larger(), Course::Killed(moment));
        assert!(matches!(ended, Outcome::Done { .. }), "{moment} of {records}: {ended}");
        all.extend(called(&world));
        let world = stored();
        let (ended, _) = disturbed(&world, "database-1", &larger(), Course::Aborted(moment));
        let stopped = matches!(ended, Outcome::Aborted { .. } | Outcome::Stopped { .. });
        assert!(stopped, "{moment} of {records}: {ended}");
        all.extend(called(&world));
    }
    let policy = scale_database_policy(&place(), NAME);
    assert_eq!(policy.actions(), all);
    let changes = policy.statements().iter().find(|one| one.sid == "ChangeInstance").unwrap();
    let arn = format!("arn:aws:rds:eu-central-1:123456789012:db:{NAME}");
    assert_eq!(changes.resources(), [arn]);
}

#[test]
fn a_change_that_comes_to_nothing_is_found_before_the_deadline() {
    let world = stored();
    world.databases.fail(NAME);
    let outcome = run(&world, "database-1", &larger());
    let Outcome::Stopped { why, left, .. } = &outcome else { panic!("{outcome}") };
    assert!(why.contains("not the one asked for"), "{outcome}");
    assert!(left.as_ref().unwrap().to_string().ends_with("is available with class db.t3.medium"));
    assert!(world.clock.now() < Timestamp::from_second(900).unwrap());
}

#[test]
fn what_is_pending_and_what_is_not_offered_is_refused() {
    let world = stored();
    world.wire.with(|rds| rds.pending = true);
    let outcome = run(&world, "database-1", &larger());
    assert!(outcome.to_string().contains("engine version 16.4"), "{outcome}");
    world.wire.with(|rds| rds.pending = false);
    for class in ["db.t3.old", "db.t3.lonely"] {
        let plan = ScalePlan::new("shop-production", Change::database(NAME, class, true));
        let outcome = run(&world, "database-2", &plan);
        let words = format!("class {class} is not offered for postgres 16.3: {LARGE}, {SMALL}");
        assert!(outcome.to_string().contains(&words), "{outcome}");
    }
    assert!(!world.wire.operations().contains(&"ModifyDBInstance".to_owned()));
}

/// The command happens and its answer is lost; meanwhile every look is throttled once.
#[test]
fn a_lost_answer_restarts_the_database_once() {
    let world = stored();
    let mut lost = false;
    let mut looks = 0;
    world.wire.fate(move |call| match call.operation() {
        "ModifyDBInstance" if !lost => {
            lost = true;
            Some(Fault::LostAnswer)
        }
        "DescribeDBInstances" if lost => {
            looks += 1;
            (looks % 2 == 1).then_some(Fault::Throttled(Some(1)))
        }
        _ => None,
    });
    let outcome = run(&world, "database-1", &larger());
    assert!(matches!(outcome, Outcome::Done { changed: true, .. }), "{outcome}");
    let modified =
        world.wire.operations().iter().filter(|name| *name == "ModifyDBInstance").count();
    assert_eq!(modified, 1);
}

#[tokio::test]
async fn denial_and_expired_credentials_say_so() {
    let world = stored();
    for fault in [Fault::Denied, Fault::Expired] {
        world.wire.fate(move |_| Some(fault));
        let error = world.rds.instance(NAME).await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    }
}
