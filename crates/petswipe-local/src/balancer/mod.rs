//! A load balancer on loopback that behaves like an AWS Application Load Balancer.
//!
//! It is an HTTP/1.1 reverse proxy with one listener: rules by priority, weighted target groups with optional
//! stickiness, health checks, deregistration with a delay, and metrics per second. Where AWS documents a behaviour,
//! this is that behaviour; the page is named beside the code that has it. In short:
//!
//! | what | how | AWS page |
//! |---|---|---|
//! | group of a request | at random by weight, healthy or not | *Action types for listener rules* |
//! | target in a group | round robin over the healthy; over all if none is (fail open) | *Health checks for Application Load Balancer target groups* |
//! | new target | takes requests after one passed check | the same |
//! | 502, 503, 504, 408, 405, 400 | with the same causes | *Troubleshoot your Application Load Balancers* |
//! | deregistration | no new requests at once; those in flight may end within the delay | *Edit target group attributes for your Application Load Balancer* |
//! | `X-Forwarded-*` | appended, or set | *HTTP headers and Application Load Balancers* |
//! | `X-Amzn-Trace-Id` | added, or `Self` set | *Request tracing for your Application Load Balancer* |
//!
//! It differs in these points:
//!
//! - HTTP/2, TLS and WebSockets are not supported; an `Upgrade` header is removed, and the request goes on as a plain one.
//! - Targets in their initial state get requests when no target of the group is healthy, as unhealthy ones do; AWS
//!   speaks of unhealthy ones only.
//! - An idempotent request without a body that met a stale kept connection is repeated on a new one, where AWS may
//!   answer 502.
//! - Changes hold for the very next request, where AWS takes a moment; and a target that has drained is gone, where AWS
//!   shows it as draining until the delay is over.
//! - What came by a rule for tests is kept out of the metrics of its target group; see [`Rule::test`].
//! - Too large a head is answered 431, not 400, and an unknown transfer encoding 400, not 501.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use petswipe_local::balancer::{Balancer, BalancerConfig, Forward, TargetGroupConfig};
//!
//! let balancer = Balancer::start(BalancerConfig::default()).await?;
//! balancer.create_target_group("blue", TargetGroupConfig::default())?;
//! balancer.create_target_group("green", TargetGroupConfig::default())?;
//! balancer.set_default(Forward::weighted([("blue", 95), ("green", 5)]))?;
//! assert_eq!(balancer.default_action().groups[1].weight, 5);
//! assert!(balancer.set_default(Forward::to("red")).is_err());
//! println!("listening on http://{}", balancer.address());
//! balancer.shutdown().await;
//! # Ok::<(), petswipe_local::balancer::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod body;
mod config;
mod error;
mod group;
mod headers;
mod health;
mod listener;
mod pool;
mod proxy;
mod routes;
mod rule;
mod stall;
mod sticky;
mod target;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use fastrand::Rng;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use config::{
    BalancerConfig, HealthCheck, Matcher, Target, TargetGroupConfig, TargetState, TargetStatus,
};
pub use error::Error;
pub use rule::{Condition, Forward, Rule, WeightedGroup};

use crate::metrics::Metrics;
use group::Group;
use pool::Pool;
use routes::{Route, Routes};
use target::Member;

/// A running load balancer. Cheap to clone; it stops when it is [shut down](Self::shutdown) or the last clone is
/// dropped.
#[derive(Clone, Debug)]
pub struct Balancer {
    shared: Arc<Shared>,
    running: Arc<Running>,
}

/// What requests need.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: BalancerConfig,
    pub(crate) address: SocketAddr,
    routes: RwLock<Arc<Routes>>,
    groups: RwLock<BTreeMap<String, Arc<Group>>>,
    metrics: Metrics,
    changes: Arc<watch::Sender<u64>>,
}

impl Shared {
    /// The rules in force now.
    pub(crate) fn routes(&self) -> Arc<Routes> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        routes.clone()
    }

    fn group(&self, name: &str) -> Option<Arc<Group>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(name).cloned()
    }
}

/// The tasks of a balancer, ended when the last handle is dropped.
#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl Running {
    fn cut(&self) {
        let groups = &self.shared.groups;
        let groups = groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.values().for_each(|group| group.shut_down());
    }

    fn take_listener(&self) -> Option<JoinHandle<()>> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        listener.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(listener) = self.take_listener() {
            listener.abort();
        }
        self.cut();
    }
}

impl Balancer {
    /// Listens on 127.0.0.1 and begins to serve. Until it has a rule or a default action, every answer is 503.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration that can't be; [`Error::Io`] when the port can't be had.
    pub async fn start(config: BalancerConfig) -> Result<Balancer, Error> {
        config.check()?;
        let io = |source| Error::Io {
            operation: format!("listening on 127.0.0.1:{}", config.port),
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let rng = config.seed.map_or_else(Rng::new, Rng::with_seed);
        let shared = Arc::new(Shared {
            metrics: Metrics::new(config.metrics_retention),
            config,
            address,
            routes: RwLock::default(),
            groups: RwLock::default(),
            changes: Arc::new(watch::Sender::new(0)),
        });
        let stop = watch::Sender::new(false);
        let serving = listener::run(listener, shared.clone(), rng, stop.subscribe());
        let running = Running {
            shared: shared.clone(),
            stop,
            listener: Mutex::new(Some(tokio::spawn(serving))),
        };
        Ok(Self { shared, running: Arc::new(running) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Creates a target group. Creating the same one again changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or setting that can't be; [`Error::Exists`] when a group of that name is set up
    /// differently.
    pub fn create_target_group(&self, name: &str, config: TargetGroupConfig) -> Result<(), Error> {
        if name.is_empty() || name.len() > 255 {
            return Err(Error::invalid("name", name, "1 to 255 characters"));
        }
        config.check()?;
        let groups = &self.shared.groups;
        let mut groups = groups.write().unwrap_or_else(PoisonError::into_inner);
        match groups.get(name) {
            Some(group) if group.config == config => Ok(()),
            Some(_) => Err(Error::Exists {
                what: format!("target group {name} with another configuration"),
            }),
            None => {
                let metrics = self.shared.metrics.group(name);
                let changes = self.shared.changes.clone();
                let group = Group::new(name, config, metrics, changes);
                groups.insert(name.to_owned(), Arc::new(group));
                Ok(())
            }
        }
    }

    /// Adds a target and begins to check its health at once. Adding the same one again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown group; [`Error::Exists`] when a target of that id has another address or
    /// revision, or is draining.
    pub fn register(&self, group: &str, target: Target) -> Result<(), Error> {
        let group = self.find(group)?;
        let config = &self.shared.config;
        let pool = Pool::new(target.address, config.connect_timeout, config.idle_timeout);
        let member = Arc::new(Member::new(target, pool, group.metrics.clone()));
        if let Err(existing) = group.add(member.clone()) {
            return match existing.target == member.target && !existing.is_draining() {
                true => Ok(()),
                false => Err(Error::Exists {
                    what: format!("target {} of target group {}", member.target.id, group.name),
                }),
            };
        }
        let checker = tokio::spawn(health::watch(group.clone(), member.clone()));
        group.attach_checker(&member, checker.abort_handle());
        Ok(())
    }

    /// Stops new requests to a target at once, waits until those in flight have ended or the deregistration delay has
    /// passed, closes what connections are left, and removes the target. What was cut off gets its client a 502.
    ///
    /// It goes on if the returned future is dropped; calling it again waits for the same end.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown group or target.
    pub async fn deregister(&self, group: &str, id: &str) -> Result<(), Error> {
        let group = self.find(group)?;
        let name = &group.name;
        let member = group.stop(id).ok_or_else(|| Error::target_not_found(name, id))?;
        let draining = tokio::spawn({
            let group = group.clone();
            async move {
                member.drain(group.config.deregistration_delay).await;
                group.remove(&member);
            }
        });
        // It can only fail when the runtime is shut down, and then nobody waits.
        let _ = draining.await;
        Ok(())
    }

    /// The targets of a group, those registered first at the front.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown group.
    pub fn targets(&self, group: &str) -> Result<Vec<TargetStatus>, Error> {
        let members = self.find(group)?.members();
        Ok(members.iter().map(|member| member.status()).collect())
    }

    /// Changes whenever the targets of any group or their states do; the value is only a counter.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Waits until the targets of a group are as wanted. It looks at once and then after every change.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown group.
    pub async fn wait_until(
        &self,
        group: &str,
        wanted: impl Fn(&[TargetStatus]) -> bool,
    ) -> Result<Vec<TargetStatus>, Error> {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            let targets = self.targets(group)?;
            if wanted(&targets) {
                return Ok(targets);
            }
            // The sender lives as long as this handle does.
            let _ = changes.changed().await;
        }
    }

    /// Adds a rule, or replaces the one of the same priority. The very next request sees it; requests that have been
    /// given to a target stay there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rule that can't be; [`Error::NotFound`] when it names an unknown group.
    pub fn set_rule(&self, rule: Rule) -> Result<(), Error> {
        rule.check()?;
        let mut route = self.route(rule.forward.clone())?;
        route.test = rule.test;
        self.swap_routes(|routes| routes.with_rule(rule, route));
        Ok(())
    }

    /// Removes the rule of that priority; false if there is none.
    ///
    /// # Errors
    /// [`Error::Invalid`] when no rule can have that priority.
    pub fn remove_rule(&self, priority: u32) -> Result<bool, Error> {
        if !(1..=50_000).contains(&priority) {
            return Err(Error::invalid("priority", priority, "1 to 50000"));
        }
        let before = self.swap_routes(|routes| routes.without_rule(priority));
        Ok(before.rules.iter().any(|(rule, _)| rule.priority == priority))
    }

    /// Sets what happens to requests for which no rule holds.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an action that can't be; [`Error::NotFound`] when it names an unknown group.
    pub fn set_default(&self, forward: Forward) -> Result<(), Error> {
        forward.check()?;
        let route = self.route(forward)?;
        self.swap_routes(|routes| routes.with_default(route));
        Ok(())
    }

    /// The rules, by priority.
    pub fn rules(&self) -> Vec<Rule> {
        let routes = self.shared.routes();
        routes.rules.iter().map(|(rule, _)| rule.clone()).collect()
    }

    /// What happens to requests for which no rule holds. Without groups if that was never set.
    pub fn default_action(&self) -> Forward {
        self.shared.routes().default.forward.clone()
    }

    /// What it measured.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Stops listening, lets requests in flight end for as long as the configured grace, and closes everything.
    pub async fn shutdown(&self) {
        self.running.stop.send_replace(true);
        if let Some(listener) = self.running.take_listener() {
            // It ends by itself after the grace; that it was aborted by another handle is as good.
            let _ = listener.await;
        }
        self.running.cut();
    }

    fn find(&self, group: &str) -> Result<Arc<Group>, Error> {
        let found = self.shared.group(group);
        found.ok_or_else(|| Error::group_not_found(group))
    }

    fn route(&self, forward: Forward) -> Result<Route, Error> {
        Route::new(forward, |name| self.shared.group(name))
            .map_err(|name| Error::group_not_found(&name))
    }

    /// Replaces the routes by what `change` makes of them, and returns the old ones.
    fn swap_routes(&self, change: impl FnOnce(&Routes) -> Routes) -> Arc<Routes> {
        let mut routes = self.shared.routes.write().unwrap_or_else(PoisonError::into_inner);
        let next = Arc::new(change(&routes));
        std::mem::replace(&mut routes, next)
    }
}
