//! Logs, targets, services, auto scaling.

use std::time::Duration;

use jiff::Timestamp;

use crate::diagnosis::{
    LogQuery, LogSearch, ScalingActivities, ServiceEvents, TargetCondition, TargetHealth,
};
use crate::{Error, Window};

/// Somebody writes a log.
pub trait LogWorld: Send + Sync {
    /// The source that finds what is written.
    fn logs(&self) -> &dyn LogSearch;
    /// Who writes.
    fn environment(&self) -> String {
        "green".to_owned()
    }
    /// Somebody who does not exist.
    fn unknown(&self) -> String {
        "red".to_owned()
    }
    /// A word in every line that is written, and one in none.
    fn words(&self) -> (String, String) {
        ("timed out".to_owned(), "WARNING".to_owned())
    }
    /// The time, by the clock of the logs.
    fn now(&self) -> Timestamp;
    /// Writes so many lines, and returns when they can be found.
    fn write(&self, lines: usize) -> impl Future<Output = ()> + Send;
}

fn query(world: &impl LogWorld, from: Timestamp, word: &str, most: usize) -> LogQuery {
    // What was written now is within.
    let window = Window { from, to: world.now() + Duration::from_secs(1) };
    LogQuery { environment: world.environment(), window, words: vec![word.to_owned()], most }
}

/// See [`LogSearch`]: neither other times nor other words.
pub async fn lines_are_of_the_window_and_the_words_asked(world: &impl LogWorld) {
    let from = world.now();
    world.write(3).await;
    let (word, other) = world.words();
    let asked = query(world, from, &word, 100);
    let found = world.logs().search(&asked).await.expect("lines");
    assert!(found.lines.len() >= 3, "{found:?}");
    assert!(found.lines.iter().all(|line| asked.wants(line.at, line.text.as_str())), "{found:?}");
    let none = world.logs().search(&query(world, from, &other, 100)).await.expect("no lines");
    assert_eq!((none.lines, none.complete), (vec![], true));
    let last = found.lines.last().map_or(from, |line| line.at);
    for window in [
        Window { from: from - Duration::from_secs(50), to: found.lines[0].at },
        Window { from: last + Duration::from_millis(1), to: last + Duration::from_millis(2) },
    ] {
        let asked = LogQuery { window, ..query(world, from, &word, 100) };
        let none = world.logs().search(&asked).await.expect("no lines");
        assert!(none.lines.iter().all(|line| window.from <= line.at && line.at < window.to));
        assert!(none.lines.len() < found.lines.len(), "{none:?}");
    }
}

/// See [`LogSearch`]: the oldest line is first.
pub async fn lines_are_in_the_order_of_their_time(world: &impl LogWorld) {
    let from = world.now();
    world.write(5).await;
    world.write(2).await;
    let found = world.logs().search(&query(world, from, &world.words().0, 100)).await;
    let found = found.expect("lines").lines;
    assert!(found.len() >= 7);
    assert!(found.is_sorted_by_key(|line| line.at), "{found:?}");
}

/// See [`LogSearch`]: at most so many, and whether these are all.
pub async fn what_is_left_out_is_said(world: &impl LogWorld) {
    let from = world.now();
    world.write(6).await;
    let word = world.words().0;
    let few = world.logs().search(&query(world, from, &word, 4)).await.expect("lines");
    assert_eq!((few.lines.len(), few.complete), (4, false));
    let all = world.logs().search(&query(world, from, &word, 1000)).await.expect("lines");
    assert!(all.complete && all.lines.len() >= 6, "{all:?}");
}

/// See [`LogSearch`]: nobody's logs are an error.
pub async fn logs_of_nobody_are_not_found(world: &impl LogWorld) {
    let environment = world.unknown();
    let asked = LogQuery { environment, ..query(world, world.now(), &world.words().0, 1) };
    let answer = world.logs().search(&asked).await;
    assert!(matches!(answer, Err(Error::NotFound { .. })), "{answer:?}");
}

/// Targets that are checked.
pub trait TargetWorld: Send + Sync {
    /// The source that knows them.
    fn targets(&self) -> &dyn TargetHealth;
    /// Whose they are.
    fn environment(&self) -> String {
        "green".to_owned()
    }
    /// Somebody who does not exist.
    fn unknown(&self) -> String {
        "red".to_owned()
    }
    /// How many are registered.
    fn count(&self) -> usize;
    /// Makes one or more of them fail; returns when the load balancer says so.
    fn trouble(&self) -> impl Future<Output = ()> + Send;
}

/// See [`TargetHealth`]: all are told.
pub async fn every_target_is_there_with_its_condition(world: &impl TargetWorld) {
    let environment = world.environment();
    let targets = world.targets().targets(&environment).await.expect("targets");
    let registered = targets.iter().filter(|one| one.condition != TargetCondition::Draining);
    assert_eq!(registered.count(), world.count(), "{targets:?}");
    let mut names: Vec<_> = targets.iter().map(|target| &target.id).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), targets.len(), "{targets:?}");
}

/// See [`TargetHealth`]: unhealthy ones have a code.
pub async fn a_target_that_fails_says_why(world: &impl TargetWorld) {
    world.trouble().await;
    let environment = world.environment();
    let targets = world.targets().targets(&environment).await.expect("targets");
    let ailing: Vec<_> =
        targets.iter().filter(|one| one.condition == TargetCondition::Unhealthy).collect();
    assert!(!ailing.is_empty(), "{targets:?}");
    let code = |code: &Option<String>| code.as_ref().is_some_and(|code| code.contains('.'));
    assert!(ailing.iter().all(|one| code(&one.code)), "{ailing:?}");
}

/// See [`TargetHealth`]: nobody's targets are an error.
pub async fn targets_of_nobody_are_not_found(world: &impl TargetWorld) {
    let answer = world.targets().targets(&world.unknown()).await;
    assert!(matches!(answer, Err(Error::NotFound { .. })), "{answer:?}");
}

/// A service to which something happens.
pub trait ServiceWorld: Send + Sync {
    /// The source that knows it.
    fn services(&self) -> &dyn ServiceEvents;
    /// Its environment.
    fn environment(&self) -> String {
        "green".to_owned()
    }
    /// One that does not exist.
    fn unknown(&self) -> String {
        "red".to_owned()
    }
    /// Begins a deployment; returns its revision when the platform knows it.
    fn deploy(&self) -> impl Future<Output = String> + Send;
    /// A task exits with code 1; returns when the platform knows.
    fn crash(&self) -> impl Future<Output = ()> + Send;
}

/// See [`ServiceEvents`]: both lists go back in time.
pub async fn the_newest_deployment_and_event_are_first(world: &impl ServiceWorld) {
    let revision = world.deploy().await;
    let service = world.services().service(&world.environment()).await.expect("a service");
    assert_eq!(service.newest().map(|newest| newest.revision.as_str()), Some(revision.as_str()));
    let (deployments, events) = (&service.deployments, &service.events);
    assert!(deployments.len() > 1 && events.len() > 1, "{service:?}");
    assert!(deployments.is_sorted_by_key(|one| std::cmp::Reverse(one.started_at)), "{service:?}");
    assert!(events.is_sorted_by_key(|one| std::cmp::Reverse(one.at)), "{service:?}");
}

/// See [`ServiceEvents`]: why and how it ended.
pub async fn a_task_that_crashed_is_among_the_stopped(world: &impl ServiceWorld) {
    world.crash().await;
    let stopped = world.services().stopped_tasks(&world.environment()).await.expect("tasks").tasks;
    let exit = |code: Option<i32>| code == Some(1);
    let crashed = stopped.iter().find(|task| {
        !task.reason.as_str().is_empty() && task.containers.iter().any(|one| exit(one.exit_code))
    });
    assert!(crashed.is_some(), "{stopped:?}");
    assert!(stopped.is_sorted_by_key(|task| std::cmp::Reverse(task.stopped_at)), "{stopped:?}");
}

/// See [`ServiceEvents`]: nobody's service is an error, whatever is asked.
pub async fn services_of_nobody_are_not_found(world: &impl ServiceWorld) {
    let unknown = world.unknown();
    let service = world.services().service(&unknown).await;
    assert!(matches!(service, Err(Error::NotFound { .. })), "{service:?}");
    let stopped = world.services().stopped_tasks(&unknown).await;
    assert!(matches!(stopped, Err(Error::NotFound { .. })), "{stopped:?}");
}

/// A service that is scaled automatically.
pub trait ScalingWorld: Send + Sync {
    /// The source that knows it.
    fn scaling(&self) -> &dyn ScalingActivities;
    /// One that is scaled, between these limits.
    fn scaled(&self) -> (String, u32, u32);
    /// One that is not.
    fn unscaled(&self) -> String;
}

/// See [`ScalingActivities`]: the limits, and the newest activity first.
pub async fn limits_are_told_and_activities_go_back_in_time(world: &impl ScalingWorld) {
    let (environment, minimum, maximum) = world.scaled();
    let scaling = world.scaling().scaling(&environment).await.expect("an answer");
    let scaling = scaling.expect("auto scaling");
    assert_eq!((scaling.minimum, scaling.maximum), (minimum, maximum));
    assert!(!scaling.suspended);
    assert!(scaling.activities.is_sorted_by_key(|one| std::cmp::Reverse(one.at)), "{scaling:?}");
}

/// See [`ScalingActivities`]: that is no error.
pub async fn what_does_not_scale_is_none(world: &impl ScalingWorld) {
    let scaling = world.scaling().scaling(&world.unscaled()).await.expect("an answer");
    assert_eq!(scaling, None);
}
