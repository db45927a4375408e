//! The suites of diagnosis over the cloud and the database in memory.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::diagnosis::{
    DatabaseWorld, LoadWorld, LogWorld, ScalingWorld, ServiceWorld, TargetWorld,
};
use crate::diagnosis::*;

/// A cloud in memory, on a clock that is moved by what happens.
struct MemoryTrouble {
    cloud: MemoryCloud,
    seconds: Mutex<i64>,
}

impl MemoryTrouble {
    fn new() -> Self {
        let cloud = MemoryCloud::new();
        cloud.add_environment("green");
        let scaling = ScalingReport {
            minimum: 2,
            maximum: 9,
            suspended: false,
            activities: [3, 9, 5]
                .map(|second| ScalingActivity { at: at(second), failed: false, text: "x".into() })
                .to_vec(),
        };
        cloud.set_scaling("green", scaling);
        cloud.add_environment("unscaled");
        cloud.set_targets("green", vec![target("a", None), target("b", None)]);
        Self { cloud, seconds: Mutex::new(1000) }
    }

    fn tick(&self) -> Timestamp {
        let mut seconds = self.seconds.lock().unwrap();
        *seconds += 1;
        at(*seconds)
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn target(id: &str, code: Option<&str>) -> TargetReport {
    let condition = match code {
        None => TargetCondition::Healthy,
        Some(_) => TargetCondition::Unhealthy,
    };
    TargetReport { id: id.to_owned(), condition, code: code.map(str::to_owned), description: None }
}

impl LogWorld for MemoryTrouble {
    fn logs(&self) -> &dyn LogSearch {
        &self.cloud
    }
    fn now(&self) -> Timestamp {
        at(*self.seconds.lock().unwrap())
    }
    async fn write(&self, lines: usize) {
        // The newest is written first: order is the log's affair.
        let times: Vec<_> = (0..lines).map(|_| self.tick()).collect();
        for time in times.into_iter().rev() {
            let line =
                LogLine { at: time, stream: "a".to_owned(), text: "the database timed out".into() };
            self.cloud.log("green", line);
        }
    }
}

impl TargetWorld for MemoryTrouble {
    fn targets(&self) -> &dyn TargetHealth {
        &self.cloud
    }
    fn count(&self) -> usize {
        2
    }
    async fn trouble(&self) {
        let targets = vec![target("a", None), target("b", Some("Target.Timeout"))];
        self.cloud.set_targets("green", targets);
    }
}

impl ServiceWorld for MemoryTrouble {
    fn services(&self) -> &dyn ServiceEvents {
        &self.cloud
    }
    async fn deploy(&self) -> String {
        let deployment = |number: i64| DeploymentReport {
            revision: format!("shop:{number}"),
            started_at: at(number),
            progress: DeploymentProgress::InProgress,
            desired: 1,
            running: 0,
            failed_tasks: None,
        };
        let event = |second| ServiceEvent { at: at(second), message: "x".into() };
        let service = ServiceReport {
            desired: 1,
            running: 1,
            deployments: [1, 3, 2].map(deployment).to_vec(),
            events: [5, 9, 2].map(event).to_vec(),
        };
        self.cloud.set_service("green", service);
        "shop:3".to_owned()
    }
    async fn crash(&self) {
        for second in [20, 40, 30] {
            let container = StoppedContainer {
                name: "app".to_owned(),
                exit_code: Some(1),
                ..StoppedContainer::default()
            };
            let task = StoppedTask {
                id: second.to_string(),
                revision: None,
                started_at: None,
                stopped_at: at(second),
                was_healthy: None,
                reason: "Essential container in task exited".into(),
                containers: vec![container],
            };
            self.cloud.stop_task("green", task);
        }
    }
}

impl ScalingWorld for MemoryTrouble {
    fn scaling(&self) -> &dyn ScalingActivities {
        &self.cloud
    }
    fn scaled(&self) -> (String, u32, u32) {
        ("green".to_owned(), 2, 9)
    }
    fn unscaled(&self) -> String {
        "unscaled".to_owned()
    }
}

/// A database in memory, in which what happens is told.
#[derive(Default)]
struct MemoryTold {
    database: MemoryDatabase,
    report: Mutex<DatabaseReport>,
}

impl MemoryTold {
    fn new() -> Self {
        let told = Self::default();
        told.change(|_| {});
        told
    }

    fn change(&self, change: impl FnOnce(&mut DatabaseReport)) {
        let mut report = self.report.lock().unwrap();
        change(&mut report);
        let used = u32::try_from(report.sessions.len()).unwrap();
        report.connections = Some(Connections { used, maximum: 10, reserved: 3 });
        self.database.tell(report.clone());
    }

    fn session(&self, state: SessionState, query: &str, blocked_by: &[i32]) -> i32 {
        let mut pid = 0;
        self.change(|report| {
            pid = 100 + i32::try_from(report.sessions.len()).unwrap();
            report.sessions.push(Session {
                pid,
                user: None,
                database: None,
                application: None,
                state,
                query: Some(Redacted::query(query)),
                query_for: Some(Duration::from_secs(5)),
                transaction_for: None,
                state_for: Some(Duration::from_secs(5)),
                waits_for: None,
                blocked_by: blocked_by.to_vec(),
            });
        });
        pid
    }
}

impl DatabaseWorld for MemoryTold {
    fn database(&self) -> &dyn DatabaseActivity {
        &self.database
    }
    async fn block(&self) -> (i32, i32) {
        let holds = self.session(SessionState::IdleInTransaction, "update pets set age = 1", &[]);
        (self.session(SessionState::Active, "update pets set age = 2", &[holds]), holds)
    }
    async fn open_transaction(&self, _: Duration) -> i32 {
        self.session(SessionState::IdleInTransaction, "select 1", &[])
    }
    async fn query_with(&self, literal: &str) -> i32 {
        self.session(SessionState::Active, &format!("select '{literal}'"), &[])
    }
    async fn connect(&self, more: u32) -> u32 {
        for _ in 0..more {
            self.session(SessionState::Idle, "", &[]);
        }
        10
    }
}

impl LoadWorld for MemoryTold {
    fn load(&self) -> &dyn DatabaseLoad {
        &self.database
    }
    fn minute(&self) -> Timestamp {
        at(600)
    }
    fn measure_cpu(&self, minute: Timestamp, cpu: f64) {
        self.database.measure(minute, DatabaseGauges { cpu: Some(cpu), ..Default::default() });
    }
}

crate::log_search_conformance!(memory_logs, MemoryTrouble::new());
crate::target_health_conformance!(memory_targets, MemoryTrouble::new());
crate::service_events_conformance!(memory_services, MemoryTrouble::new());
crate::scaling_activities_conformance!(memory_scaling, MemoryTrouble::new());
crate::database_activity_conformance!(memory_database, MemoryTold::new());
crate::database_load_conformance!(memory_load, MemoryTold::new());
