//! The example `scale` on the emulators, from its plan to its undo: tasks of a service on ministack, the limits and policies of
//! its auto scaling and a database instance on moto.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use rustix::process::Signal;
use tokio::process::Command;

use super::fixture::{Done, Fault, Fixture, Line, run, until};
use super::permitted::operations;
use super::rollouts::{on, signalled};

const NAMESPACE: ServiceNamespace = ServiceNamespace::Ecs;
const DIMENSION: ScalableDimension = ScalableDimension::EcsServiceDesiredCount;

/// A stack, and what was called by programs that went over its lines.
struct World {
    fixture: Fixture,
    lines: [Line; 2],
    called: Arc<Mutex<Vec<String>>>,
}

impl World {
    /// Two tasks on blue, which is scaled between 2 and 20.
    async fn new() -> Self {
        Self::of(Fixture::with_stack().await)
    }

    /// The same without auto scaling.
    async fn unscaled() -> Self {
        let world = Self::new().await;
        let scaling = &world.fixture.clients.scaling;
        for measure in ["cpu", "memory"] {
            let delete = scaling.delete_scaling_policy().service_namespace(NAMESPACE);
            let delete = delete.scalable_dimension(DIMENSION).resource_id(world.blue());
            let name = world.fixture.name(&format!("blue-{measure}"));
            delete.policy_name(name).send().await.unwrap();
        }
        let deregister = scaling.deregister_scalable_target().service_namespace(NAMESPACE);
        let deregister = deregister.scalable_dimension(DIMENSION).resource_id(world.blue());
        deregister.send().await.unwrap();
        assert_eq!(world.limits().await, None);
        world
    }

    fn of(fixture: Fixture) -> Self {
        let called = Arc::new(Mutex::new(Vec::new()));
        let made = Arc::clone(&called);
        let lines = fixture.lines(move |asked| {
            made.lock().unwrap().push(asked.action.clone());
            None
        });
        Self { fixture, lines, called }
    }

    fn blue(&self) -> String {
        format!("service/{}/{}", self.fixture.name("cluster"), self.fixture.name("blue"))
    }

    /// The example, straight to the emulators.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.fixture.program("scale");
        command.env("BACKEND", "aws").env("POLL_INTERVAL", "0.3").args(arguments);
        command
    }

    /// Runs it to its end, over the lines.
    async fn scale(&self, arguments: &[&str]) -> Done {
        run(on(self.program(arguments), &self.lines)).await
    }

    /// What was called since it was asked last.
    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.called.lock().unwrap())
    }

    /// What was called and is no question.
    fn changes(&self) -> Vec<String> {
        let mut calls = self.calls();
        calls.retain(|name| !reads(name));
        calls
    }

    /// How many tasks of blue are asked for, and how many run.
    async fn tasks(&self) -> (i32, i32) {
        let asked = self.fixture.clients.ecs.describe_services();
        let asked = asked.cluster(self.fixture.name("cluster"));
        let answer = asked.services(self.fixture.name("blue")).send().await.unwrap();
        let service = &answer.services()[0];
        (service.desired_count(), service.running_count())
    }

    /// Between how many tasks blue is scaled, if it is.
    async fn limits(&self) -> Option<(i32, i32)> {
        let asked = self.fixture.clients.scaling.describe_scalable_targets();
        let asked = asked.service_namespace(NAMESPACE).scalable_dimension(DIMENSION);
        let answer = asked.resource_ids(self.blue()).send().await.unwrap();
        let target = answer.scalable_targets().first();
        target.map(|target| (target.min_capacity(), target.max_capacity()))
    }

    /// The policies of blue: what is tracked, at how many percent, with which cooldowns out and in.
    async fn policies(&self) -> BTreeSet<String> {
        let asked = self.fixture.clients.scaling.describe_scaling_policies();
        let asked = asked.service_namespace(NAMESPACE).resource_id(self.blue());
        let answer = asked.send().await.unwrap();
        let told = answer.scaling_policies().iter().map(|policy| {
            let tracked = policy.target_tracking_scaling_policy_configuration().unwrap();
            let metric = tracked.predefined_metric_specification().unwrap();
            format!(
                "{} {} {:?} {:?}",
                metric.predefined_metric_type().as_str(),
                tracked.target_value(),
                tracked.scale_out_cooldown(),
                tracked.scale_in_cooldown()
            )
        });
        told.collect()
    }

    /// Everything that was called is in the policy document of that sub-command.
    async fn is_allowed(&self, what: &str, calls: &[String]) {
        let policy = run(self.program(&[what, "--iam-policy"])).await.with(0).json();
        let allowed = operations(&policy, |sid| sid != "ScalingOfServices");
        let more: Vec<_> = calls.iter().filter(|name| !allowed.contains(*name)).collect();
        assert!(more.is_empty(), "{what}: {more:?} are called, and {allowed:?} are allowed");
    }
}

/// Whether a call only asks.
#[allow(clippy::ptr_arg, reason = "it is given to iterators over strings")]
fn reads(name: &String) -> bool {
    ["Describe", "List"].iter().any(|verb| name.starts_with(verb))
}

fn outcome(done: &Done) -> String {
    done.json()["outcome"].as_str().unwrap().to_owned()
}

/// From its plan to its undo.
async fn goes_and_comes_back(world: &World) {
    let planned = world.scale(&["service", "--desired", "5", "--plan", "--json"]).await.with(0);
    let planned = planned.json();
    assert_eq!(planned["forward"].as_array().unwrap().len(), 1, "{planned:#}");
    let mut all = world.calls();
    assert!(!all.is_empty() && all.iter().all(reads), "{all:?}");
    assert_eq!(world.tasks().await, (2, 2));
    assert!(!world.fixture.directory().join(".petswipe/scale.jsonl").exists());

    let done = world.scale(&["service", "--desired", "5", "--json"]).await.with(0);
    assert_eq!(outcome(&done), "done", "{done}");
    assert_eq!(world.tasks().await, (5, 5));
    all.extend(world.calls());
    let updates = all.iter().filter(|name| *name == "UpdateService").count();
    assert_eq!(updates, 1, "{all:?}");

    let planned = world.scale(&["--undo", "--plan"]).await.with(0);
    assert!(planned.stdout.contains("to 2"), "{planned}");
    assert_eq!(world.tasks().await, (5, 5));
    let undone = world.scale(&["--undo", "--json"]).await.with(0);
    assert_eq!(undone.json()["undo"], true, "{undone}");
    assert_eq!(world.tasks().await, (2, 2));
    all.extend(world.calls());
    world.is_allowed("service", &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_scaled_automatically_is_scaled_and_scaled_back() {
    let world = World::new().await;
    goes_and_comes_back(&world).await;
    assert_eq!(world.limits().await, Some((2, 20)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_auto_scaling_is_scaled_and_scaled_back() {
    let world = World::unscaled().await;
    goes_and_comes_back(&world).await;
    assert_eq!(world.limits().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_auto_scaling_would_fight_is_refused() {
    let world = World::new().await;
    for (desired, plan) in [("1", false), ("21", false), ("1", true)] {
        let mut arguments = vec!["service", "--desired", desired];
        arguments.extend(plan.then_some("--plan"));
        let refused = world.scale(&arguments).await.with(2);
        let fight = format!("would fight {desired}");
        refused.says(&["auto scaling keeps", "at 2 to 20 tasks", &fight]);
    }
    assert_eq!(world.changes(), [""; 0]);
    assert_eq!(world.tasks().await, (2, 2));
}

/// The command takes effect, its answer is lost, and nothing is heard any more until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_half_way_is_gone_on_with() {
    let world = World::new().await;
    let cut = Arc::new(AtomicBool::new(false));
    let lines = world.fixture.lines(move |asked| {
        if asked.action == "UpdateService" {
            cut.store(true, Ordering::Relaxed);
            return Some(Fault::LostAnswer);
        }
        cut.load(Ordering::Relaxed).then_some(Fault::Throttled)
    });
    let child = on(world.program(&["service", "--desired", "5"]), &lines).spawn().unwrap();
    until("blue has 5 tasks", async || world.tasks().await.0 == 5).await;
    assert_eq!(signalled(child, Signal::KILL).await.code, None);

    let again = world.scale(&["service", "--desired", "6"]).await.with(2);
    again.says(&["which has not ended", "--resume"]);
    world.calls();
    let resumed = world.scale(&["--resume", "--json"]).await.with(0);
    assert_eq!(outcome(&resumed), "done", "{resumed}");
    assert_eq!(resumed.json()["resumed"], 1, "{resumed}");
    assert_eq!(world.changes(), [""; 0], "it was done already");
    assert_eq!(world.tasks().await, (5, 5));
    world.scale(&["--undo"]).await.with(0);
    assert_eq!(world.tasks().await, (2, 2));
}

/// Whoever is refused hears that, and not that nobody answered.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_expire_are_named() {
    let code = "ExpiredTokenException";
    let world = World::new().await;
    // Before anything was changed, and after it.
    for (passed, ended, left) in [(false, 2, 2), (true, 3, 5)] {
        let cut = Arc::new(AtomicBool::new(false));
        let lines = world.fixture.lines(move |asked| {
            let before = cut.load(Ordering::Relaxed);
            if asked.action == "UpdateService" {
                cut.store(true, Ordering::Relaxed);
            }
            let is_cut = before || !passed && cut.load(Ordering::Relaxed);
            is_cut.then_some(Fault::Refused(code))
        });
        let program = world.program(&["service", "--desired", "5", "--deadline", "3"]);
        let done = run(on(program, &lines)).await.with(ended);
        let done = done.says(&[&format!("({code}) was denied")]);
        assert!(!done.stderr.contains("answer"), "{done}");
        assert_eq!(world.tasks().await.0, left, "{done}");
    }
    world.scale(&["--undo"]).await.with(0);
    assert_eq!(world.tasks().await, (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn tracking_is_set_as_the_guide_has_it_and_taken_away_again() {
    let world = World::unscaled().await;
    let guide: BTreeSet<_> = [
        "ECSServiceAverageCPUUtilization 70 Some(60) Some(300)".to_owned(),
        "ECSServiceAverageMemoryUtilization 80 Some(60) Some(300)".to_owned(),
    ]
    .into();
    world.calls();
    world.scale(&["tracking", "--plan"]).await.with(0);
    assert_eq!(world.changes(), [""; 0]);
    let done = world.scale(&["tracking", "--json"]).await.with(0);
    assert_eq!(outcome(&done), "done", "{done}");
    assert_eq!((world.limits().await, world.policies().await), (Some((2, 20)), guide.clone()));
    // Other numbers, and back to the guide's.
    world.scale(&["tracking", "--cpu", "60", "--max", "10"]).await.with(0);
    assert_eq!(world.limits().await, Some((2, 10)));
    assert_ne!(world.policies().await, guide);
    world.scale(&["--undo"]).await.with(0);
    assert_eq!((world.limits().await, world.policies().await), (Some((2, 20)), guide));
    world.is_allowed("tracking", &world.calls()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tracking_that_was_not_there_is_gone_after_its_undo() {
    let world = World::unscaled().await;
    world.calls();
    world.scale(&["tracking"]).await.with(0);
    world.scale(&["--undo", "--json"]).await.with(0);
    assert_eq!((world.limits().await, world.policies().await), (None, BTreeSet::new()));
    world.is_allowed("tracking", &world.calls()).await;
    // The count lies below the limits.
    let refused = world.scale(&["tracking", "--min", "3"]).await.with(2);
    refused.says(&["the desired count is 2", "3 to 20 tasks"]);
    assert_eq!(world.limits().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_gets_another_class_and_its_old_one_back() {
    let world = World::of(Fixture::new());
    let (small, large) = ("db.t3.medium", "db.t3.large");
    let name = world.fixture.create_database(small);
    let class = || world.fixture.database(&name, "DBInstanceClass");
    let asked = ["database", "--class", large, "--apply-immediately"];
    let refused = world.scale(&asked).await.with(2);
    refused.says(&["needs a restart that was not allowed"]);
    let asked = [&asked[..], &["--allow-restart"]].concat();
    let planned = world.scale(&[&asked[..], &["--plan"]].concat()).await.with(0);
    assert!(planned.stdout.contains(large), "{planned}");
    assert_eq!(world.changes(), [""; 0]);
    assert_eq!(class(), small);
    let done = world.scale(&[&asked[..], &["--json"]].concat()).await.with(0);
    assert_eq!((outcome(&done), class()), ("done".to_owned(), large.to_owned()), "{done}");
    world.scale(&["--undo"]).await.with(0);
    assert_eq!(class(), small);
    world.is_allowed("database", &world.calls()).await;
}
