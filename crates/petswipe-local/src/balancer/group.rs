//! A target group: who is registered, and whose turn it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use petswipe_monitor::Targets;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::metrics::GroupMetrics;

use super::target::{InFlight, Member};
use super::{TargetGroupConfig, TargetState};

/// A target group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) config: TargetGroupConfig,
    pub(crate) metrics: Arc<GroupMetrics>,
    members: Mutex<Vec<Entry>>,
    /// Those that take requests now.
    eligible: RwLock<Arc<[Arc<Member>]>>,
    turn: AtomicUsize,
    changes: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
struct Entry {
    member: Arc<Member>,
    checker: Option<AbortHandle>,
}

impl Group {
    pub(crate) fn new(
        name: &str,
        config: TargetGroupConfig,
        metrics: Arc<GroupMetrics>,
        changes: Arc<watch::Sender<u64>>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            config,
            metrics,
            members: Mutex::default(),
            eligible: RwLock::new(Arc::default()),
            turn: AtomicUsize::new(0),
            changes,
        }
    }

    /// The next target in turn, taking the request in. `None` when no target is registered.
    pub(crate) fn pick(&self) -> Option<InFlight> {
        if let Some(in_flight) = self.take_turn() {
            return Some(in_flight);
        }
        // All that took requests a moment ago began to drain. With the lock held, nobody changes that, and the list is
        // exact.
        let _unchanging = self.lock();
        self.take_turn()
    }

    fn take_turn(&self) -> Option<InFlight> {
        let eligible = self.eligible.read().unwrap_or_else(PoisonError::into_inner).clone();
        (0..eligible.len()).find_map(|_| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            eligible[turn % eligible.len()].begin()
        })
    }

    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        self.lock().iter().map(|e| e.member.clone()).collect()
    }

    /// Adds a member unless one of that name exists, which is returned instead.
    pub(crate) fn add(&self, member: Arc<Member>) -> Result<(), Arc<Member>> {
        let mut members = self.lock();
        let same = |entry: &&Entry| entry.member.target.id == member.target.id;
        if let Some(entry) = members.iter().find(same) {
            return Err(entry.member.clone());
        }
        members.push(Entry { member, checker: None });
        self.refresh(&members);
        Ok(())
    }

    /// Hands over the task that checks a member. If the member is gone, or going, the task ends at once.
    pub(crate) fn attach_checker(&self, member: &Arc<Member>, checker: AbortHandle) {
        let mut members = self.lock();
        let entry = members.iter_mut().find(|entry| Arc::ptr_eq(&entry.member, member));
        match entry.filter(|_| !member.is_draining()) {
            Some(entry) => entry.checker = Some(checker),
            None => checker.abort(),
        }
    }

    /// Stops new requests to a member. It stays listed as draining until it is removed.
    pub(crate) fn stop(&self, id: &str) -> Option<Arc<Member>> {
        let members = self.lock();
        let entry = members.iter().find(|e| e.member.target.id == id)?;
        if entry.member.stop() {
            if let Some(checker) = &entry.checker {
                checker.abort();
            }
            self.refresh(&members);
        }
        Some(entry.member.clone())
    }

    /// Forgets a member. Nothing happens if it was forgotten already.
    pub(crate) fn remove(&self, member: &Arc<Member>) {
        let mut members = self.lock();
        members.retain(|entry| !Arc::ptr_eq(&entry.member, member));
        self.refresh(&members);
    }

    /// Sets the state of a member.
    pub(crate) fn set_state(&self, member: &Member, state: TargetState) {
        let members = self.lock();
        if member.set_state(state) {
            self.refresh(&members);
        }
    }

    /// Ends all checks and cuts all connections.
    pub(crate) fn shut_down(&self) {
        for entry in self.lock().iter() {
            if let Some(checker) = &entry.checker {
                checker.abort();
            }
            entry.member.pool.cut();
        }
    }

    /// Works out again who takes requests: the healthy, or all if none is (fail open).
    fn refresh(&self, members: &[Entry]) {
        let registered = || {
            let all = members.iter().map(|entry| &entry.member);
            all.filter(|member| !member.is_draining())
        };
        let mut by_revision: BTreeMap<&str, Targets> = BTreeMap::new();
        let mut healthy = Vec::new();
        for member in registered() {
            let count = by_revision
                .entry(&member.target.revision)
                .or_insert(Targets { healthy: 0, unhealthy: 0 });
            if member.state() == TargetState::Healthy {
                count.healthy += 1;
                healthy.push(member.clone());
            } else {
                count.unhealthy += 1;
            }
        }
        self.metrics.set_targets(&by_revision);
        let eligible: Arc<[Arc<Member>]> = match healthy.is_empty() {
            true => registered().cloned().collect(),
            false => healthy.into(),
        };
        *self.eligible.write().unwrap_or_else(PoisonError::into_inner) = eligible;
        self.changes.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::super::Target;
    use super::super::pool::Pool;
    use super::*;
    use crate::metrics::Metrics;

    fn member(group: &Group, id: usize) -> Arc<Member> {
        let address = ([127, 0, 0, 1], 1).into();
        let target = Target { id: id.to_string(), address, revision: "1".to_owned() };
        let second = Duration::from_secs(1);
        let pool = Pool::new(address, second, second);
        Arc::new(Member::new(target, pool, group.metrics.clone()))
    }

    #[test]
    fn while_a_target_is_registered_one_is_always_picked() {
        let metrics = Metrics::new(Duration::from_secs(60)).group("group");
        let changes = Arc::new(watch::Sender::new(0));
        let group = Group::new("group", TargetGroupConfig::default(), metrics, changes);
        let done = AtomicBool::new(false);
        let mut current = member(&group, 0);
        group.add(current.clone()).unwrap();
        std::thread::scope(|scope| {
            let picking = scope.spawn(|| {
                let mut picked = 0;
                while !done.load(Ordering::Relaxed) || picked < 1000 {
                    let in_flight = group.pick().expect("a target is registered");
                    picked += usize::from(!in_flight.member().target.id.is_empty());
                }
            });
            // The only healthy target leaves, again and again, while another is registered that is not healthy yet.
            for id in 1..=20_000 {
                group.set_state(&current, TargetState::Healthy);
                let next = member(&group, id);
                group.add(next.clone()).unwrap();
                group.stop(&current.target.id).unwrap();
                group.remove(&current);
                current = next;
                if picking.is_finished() {
                    break;
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(group.metrics.in_flight(), 0);
    }
}
