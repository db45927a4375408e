//! What AWS does between its services and the emulators do not: running tasks become targets, users come, and the load
//! balancer divides them by its weights and says in CloudWatch how it went.

mod metrics;
mod targets;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::types::Listener;
use tokio::task::JoinHandle;

use super::fixture::Fixture;

/// How often everything is looked at and told.
const BEAT: Duration = Duration::from_millis(250);

/// How the version on a side behaves.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// The share of requests that it answers with a 500, 0 to 1.
    pub error_rate: f64,
    /// What most requests take; one in ten takes twice as long.
    pub latency: Duration,
    /// Whether its tasks pass their health checks.
    pub healthy: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { error_rate: 0.0, latency: Duration::from_millis(20), healthy: true }
    }
}

/// What users saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests that a side answered, and how many of them with a 500.
    pub sides: BTreeMap<String, (u64, u64)>,
    /// Requests that the load balancer itself answered with a 503, because nobody else could.
    pub balancer: u64,
}

/// Plays until it is dropped or stopped.
pub struct Agent {
    world: Arc<Mutex<World>>,
    stop: Arc<AtomicBool>,
    playing: JoinHandle<()>,
}

#[derive(Default)]
struct World {
    behaviours: BTreeMap<String, Behaviour>,
    seen: Seen,
}

impl Agent {
    /// Begins to play in a stack that is there, with `rate` requests per second.
    pub async fn start(fixture: &Fixture, rate: f64) -> Self {
        Self::at_pace(fixture, rate, BEAT).await
    }

    /// The same with a look every so often: each takes the emulators' time.
    pub async fn at_pace(fixture: &Fixture, rate: f64, beat: Duration) -> Self {
        let (world, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let mut player = Player::of(fixture, rate, Arc::clone(&world)).await;
        let stopped = Arc::clone(&stop);
        let playing = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                player.beat().await;
                tokio::time::sleep(beat).await;
            }
        });
        Self { world, stop, playing }
    }

    /// From now on the version on that side behaves so.
    pub fn behaves(&self, side: &str, behaviour: Behaviour) {
        lock(&self.world).behaviours.insert(side.to_owned(), behaviour);
    }

    /// What users saw so far. What was counted is in CloudWatch.
    pub fn seen(&self) -> Seen {
        lock(&self.world).seen.clone()
    }

    /// Ends after the beat under way, and says what users saw. Fails if the play went wrong.
    pub async fn stop(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        (&mut self.playing).await.expect("the agent ends without a panic");
        self.seen()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A side of the stack.
struct Side {
    name: String,
    service: String,
    target_group: String,
    /// The parts of requests and of failures that do not make a whole one yet.
    left_over: (f64, f64),
}

/// What happened on a side in one beat.
struct Answered {
    requests: u64,
    failed: u64,
}

struct Player {
    ecs: aws_sdk_ecs::Client,
    balancing: aws_sdk_elasticloadbalancingv2::Client,
    watching: aws_sdk_cloudwatch::Client,
    cluster: String,
    balancer: String,
    port: i32,
    sides: Vec<Side>,
    rate: f64,
    last: Instant,
    lost: f64,
    world: Arc<Mutex<World>>,
}

impl Player {
    async fn of(fixture: &Fixture, rate: f64, world: Arc<Mutex<World>>) -> Self {
        let (clients, name) = (&fixture.clients, fixture.name("alb"));
        let balancer =
            clients.balancing.describe_load_balancers().names(name).send().await.unwrap();
        let balancer = balancer.load_balancers()[0].load_balancer_arn().unwrap().to_owned();
        let groups = clients.balancing.describe_target_groups().load_balancer_arn(&balancer);
        let groups = groups.send().await.unwrap();
        let begin = fixture.name("");
        let sides = groups.target_groups().iter().map(|group| {
            let service = group.target_group_name().unwrap().strip_suffix("-tg").unwrap();
            Side {
                name: service.strip_prefix(&begin).unwrap().to_owned(),
                service: service.to_owned(),
                target_group: group.target_group_arn().unwrap().to_owned(),
                left_over: (0.0, 0.0),
            }
        });
        Self {
            ecs: clients.ecs.clone(),
            balancing: clients.balancing.clone(),
            watching: clients.watching.clone(),
            cluster: fixture.name("cluster"),
            port: 80,
            sides: sides.collect(),
            balancer,
            rate,
            last: Instant::now(),
            lost: 0.0,
            world,
        }
    }

    async fn beat(&mut self) {
        let behaviours = lock(&self.world).behaviours.clone();
        let behaviour = |side: &str| behaviours.get(side).copied().unwrap_or_default();
        let mut tasks = Vec::new();
        for side in &self.sides {
            tasks.push(self.register(side, behaviour(&side.name).healthy).await);
        }
        let weights = self.weights().await;
        let due = self.rate * self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        let sum: f64 = weights.values().sum();
        let mut all = Vec::new();
        for (side, running) in self.sides.iter_mut().zip(&tasks) {
            let behaviour = behaviour(&side.name);
            let share = weights.get(&side.target_group).copied().unwrap_or_default();
            let due = if sum > 0.0 { due * share / sum } else { 0.0 };
            let can_answer = *running > 0 && behaviour.healthy;
            if !can_answer {
                self.lost += due;
            }
            let requests = whole(&mut side.left_over.0, if can_answer { due } else { 0.0 });
            let failed = whole(&mut side.left_over.1, requests as f64 * behaviour.error_rate);
            all.push(Answered { requests, failed: failed.min(requests) });
        }
        let balancer = whole(&mut self.lost, 0.0);
        self.publish(&all, &tasks, balancer, behaviour).await;
        let mut world = lock(&self.world);
        for (side, answered) in self.sides.iter().zip(&all) {
            let counts = world.seen.sides.entry(side.name.clone()).or_default();
            *counts = (counts.0 + answered.requests, counts.1 + answered.failed);
        }
        world.seen.balancer += balancer;
    }

    /// The weight of each target group in the listener's default rule.
    async fn weights(&self) -> BTreeMap<String, f64> {
        let asked = self.balancing.describe_listeners().load_balancer_arn(&self.balancer);
        let answer = asked.send().await.unwrap();
        let mine = |listener: &&Listener| listener.port() == Some(self.port);
        let listeners = answer.listeners().iter().filter(mine);
        let actions = listeners.flat_map(|listener| listener.default_actions());
        let mut weights = BTreeMap::new();
        for action in actions {
            let divided = action.forward_config().map(|forward| forward.target_groups());
            for group in divided.unwrap_or_default() {
                let weight = f64::from(group.weight().unwrap_or(1));
                weights.insert(group.target_group_arn().unwrap().to_owned(), weight);
            }
            if let (None, Some(arn)) = (divided, action.target_group_arn()) {
                weights.insert(arn.to_owned(), 1.0);
            }
        }
        weights
    }
}

/// Adds something to what is left over, and takes the whole ones out of it.
fn whole(left_over: &mut f64, more: f64) -> u64 {
    *left_over += more;
    let whole = left_over.floor();
    *left_over -= whole;
    whole as u64
}
