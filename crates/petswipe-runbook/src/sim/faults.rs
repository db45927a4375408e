//! What goes wrong, how often; and a performer around the world's own that makes it so.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::log::SimLog;
use super::{SimClock, Struck, World};
use crate::clock::Clock;
use crate::driver::{EffectContext, Performer};
use crate::runbook::{Failure, FailureKind, Runbook};

/// How often each fault strikes, as chances per effect (or per append, or per run) from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultPlan {
    /// An effect fails and did not happen.
    pub error_before: f64,
    /// An effect happens, but its answer is an error.
    pub error_after: f64,
    /// An effect never answers; whether it happened is a coin toss.
    pub timeout: f64,
    /// An observation answers what was true earlier, see [`World::stale`].
    pub stale: f64,
    /// The process dies at an append, of which none, some or all records are written, with or without a power cut.
    pub crash: f64,
    /// Per run: somebody asks for an abort, between a few milliseconds and an hour after the start.
    pub abort: f64,
    /// Per run: the driver freezes inside an effect, another takes over, and then the first one wakes up again.
    pub freeze: f64,
    /// How long an effect takes at most; each takes a random time up to this.
    pub latency: Duration,
    /// After so many faults there are no more: then the operation must come to an end.
    pub most: u32,
    /// How long a dead process stays dead at most.
    pub downtime: Duration,
}

impl FaultPlan {
    /// Nothing goes wrong, and every effect answers at once.
    pub fn none() -> Self {
        Self {
            error_before: 0.0,
            error_after: 0.0,
            timeout: 0.0,
            stale: 0.0,
            crash: 0.0,
            abort: 0.0,
            freeze: 0.0,
            latency: Duration::ZERO,
            most: 0,
            downtime: Duration::ZERO,
        }
    }

    /// A mix drawn from a seed: some seeds have no faults, some a few of one kind, some everything at once.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed_fa17);
        let mut chance = |often: &[f64]| random.choice(often).copied().unwrap_or(0.0);
        let mut plan = Self {
            error_before: chance(&[0.0, 0.0, 0.02, 0.2]),
            error_after: chance(&[0.0, 0.0, 0.02, 0.2]),
            timeout: chance(&[0.0, 0.0, 0.02, 0.1]),
            stale: chance(&[0.0, 0.0, 0.05, 0.3]),
            crash: chance(&[0.0, 0.0, 0.01, 0.05]),
            abort: chance(&[0.0, 0.0, 0.0, 0.5]),
            freeze: chance(&[0.0, 0.0, 0.0, 0.5]),
            latency: Duration::from_millis(300),
            most: 0,
            downtime: Duration::from_secs(900),
        };
        plan.most = random.u32(0..40);
        plan
    }
}

/// The dice of one simulation, shared by everything in it.
pub(super) struct Dice {
    random: Mutex<fastrand::Rng>,
    faults_left: AtomicU32,
}

impl Dice {
    pub(super) fn new(seed: u64, faults: &FaultPlan) -> Self {
        Self {
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            faults_left: AtomicU32::new(faults.most),
        }
    }

    pub(super) fn with<T>(&self, roll: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        roll(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a fault with that chance strikes now. Each one that does is one less to come.
    pub(super) fn strikes(&self, chance: f64) -> bool {
        if chance <= 0.0 || !self.with(|random| random.f64() < chance) {
            return false;
        }
        let spend = |left: u32| left.checked_sub(1);
        self.faults_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }
}

/// The world's performer with faults in front of it.
pub(super) struct Faulty<R: Runbook, W> {
    pub(super) world: Arc<W>,
    pub(super) clock: Arc<SimClock>,
    pub(super) log: Arc<SimLog<R>>,
    pub(super) dice: Arc<Dice>,
    pub(super) faults: FaultPlan,
    pub(super) struck: Mutex<Struck>,
    /// So many effects from now the driver freezes; not at 0.
    pub(super) freeze_in: AtomicU32,
    pub(super) frozen: AtomicBool,
    /// The first broken promise, of the world or of the driver.
    broken: Mutex<Option<String>>,
    performed: Mutex<Vec<(crate::EffectId, R::Effect)>>,
}

impl<R: Runbook, W: World<R>> Faulty<R, W> {
    pub(super) fn new(
        world: Arc<W>,
        clock: Arc<SimClock>,
        log: Arc<SimLog<R>>,
        dice: Arc<Dice>,
        faults: FaultPlan,
    ) -> Self {
        Self {
            world,
            clock,
            log,
            dice,
            faults,
            struck: Mutex::default(),
            freeze_in: AtomicU32::new(0),
            frozen: AtomicBool::new(false),
            broken: Mutex::default(),
            performed: Mutex::default(),
        }
    }

    pub(super) fn break_promise(&self, what: String) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get_or_insert(what);
    }

    /// All that was performed, which is forgotten here with that.
    pub(super) fn take_performed(&self) -> Vec<(crate::EffectId, R::Effect)> {
        std::mem::take(&mut self.performed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn struck(&self) -> Struck {
        *self.struck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a fault strikes now; it is counted if so.
    fn strikes(&self, chance: f64, count: impl FnOnce(&mut Struck) -> &mut u32) -> bool {
        let strikes = self.dice.strikes(chance);
        if strikes {
            *count(&mut self.struck.lock().unwrap_or_else(PoisonError::into_inner)) += 1;
        }
        strikes
    }

    pub(super) fn broken(&self) -> Option<String> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn act(&self, context: &EffectContext, effect: &R::Effect) -> Result<R::Output, Failure> {
        if !self.log.is_intended(context.id) {
            self.break_promise(format!(
                "effect {} acted before the journal held it: {effect:?}",
                context.id
            ));
        }
        let performed = &self.performed;
        performed.lock().unwrap_or_else(PoisonError::into_inner).push((context.id, effect.clone()));
        let answer = self.world.perform(context, effect).await;
        if let Err(broken) = self.world.check() {
            self.break_promise(broken);
        }
        answer
    }
}

#[async_trait]
impl<R: Runbook, W: World<R>> Performer<R> for Faulty<R, W> {
    async fn perform(
        &self,
        context: &EffectContext,
        effect: &R::Effect,
    ) -> Result<R::Output, Failure> {
        if !self.faults.latency.is_zero() {
            let most = self.faults.latency.as_micros() as u64;
            let takes = Duration::from_micros(self.dice.with(|random| random.u64(0..=most)));
            let end = self.clock.now().saturating_add(takes).unwrap_or(jiff::Timestamp::MAX);
            self.clock.sleep_until(end).await;
        }
        let counted = |left: u32| left.checked_sub(1);
        if self.freeze_in.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted) == Ok(1) {
            // From now on nobody polls this driver until the other one is done. Then the first thing that happens is
            // this effect: nothing in this process can stop a request that is on its way.
            self.frozen.store(true, Ordering::Relaxed);
            let frozen = || self.frozen.load(Ordering::Relaxed);
            std::future::poll_fn(|_| {
                if frozen() { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
            })
            .await;
        }
        let transient = |message: &str| Err(Failure::new(FailureKind::Transient, message));
        if self.strikes(self.faults.error_before, |struck| &mut struck.error_before) {
            return transient("simulated: it failed before it happened");
        }
        if self.strikes(self.faults.timeout, |struck| &mut struck.timeout) {
            if self.dice.with(fastrand::Rng::bool) {
                let _ = self.act(context, effect).await;
            }
            std::future::pending::<()>().await;
        }
        if self.strikes(self.faults.error_after, |struck| &mut struck.error_after) {
            let _ = self.act(context, effect).await;
            return transient("simulated: it happened, but the answer was lost");
        }
        let stale = self.faults.stale > 0.0;
        let before = if stale { self.world.stale(effect) } else { None };
        let answer = self.act(context, effect).await;
        match before {
            Some(stale) if self.strikes(self.faults.stale, |struck| &mut struck.stale) => Ok(stale),
            _ => answer,
        }
    }
}
