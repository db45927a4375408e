//! Who may command: leases, and the highest fences obeyed. Time is a parameter.

use std::collections::{BTreeSet, HashMap};

use futures_util::FutureExt;
use jiff::Timestamp;
use petswipe_deploy::{Authority, Error};
use petswipe_runbook::lease::{Lease, LeaseRequest, LeaseStore, MemoryLeases};
use petswipe_runbook::{Error as LeaseError, Fence, OperationId};

/// Leases and fences.
///
/// A fence only means something next to others of the same lease. So what an operation commands is compared with what
/// other operations commanded that got their lease on the same key *here*. An operation that got none here, or several,
/// is compared with all others like it.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    leases: MemoryLeases,
    keys: HashMap<OperationId, BTreeSet<String>>,
    obeyed: HashMap<Option<String>, Fence>,
}

impl Authorities {
    pub(crate) fn acquire(
        &mut self,
        request: &LeaseRequest,
        now: Timestamp,
    ) -> Result<Lease, LeaseError> {
        let lease = at_once(self.leases.acquire(request, now))?;
        self.keys.entry(request.operation.clone()).or_default().insert(request.key.clone());
        Ok(lease)
    }

    pub(crate) fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Lease, LeaseError> {
        at_once(self.leases.renew(lease, now))
    }

    pub(crate) fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        at_once(self.leases.release(lease))
    }

    pub(crate) fn current(&self, key: &str, now: Timestamp) -> Result<Option<Lease>, LeaseError> {
        at_once(self.leases.current(key, now))
    }

    /// Lets `act` happen, unless a newer fence was obeyed before. What fails was not obeyed.
    pub(crate) fn obey<T>(
        &mut self,
        authority: &Authority,
        act: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let scope = self.scope(&authority.operation);
        let newest = self.obeyed.get(&scope).copied().unwrap_or_default();
        if authority.fence < newest {
            return Err(Error::Fenced { fence: authority.fence, newest });
        }
        let done = act()?;
        self.obeyed.insert(scope, authority.fence);
        Ok(done)
    }

    fn scope(&self, operation: &OperationId) -> Option<String> {
        let keys = self.keys.get(operation)?;
        if keys.len() == 1 { keys.first().cloned() } else { None }
    }
}

/// A store in memory never waits.
fn at_once<T>(answer: impl Future<Output = Result<T, LeaseError>>) -> Result<T, LeaseError> {
    let waits = || Err(LeaseError::backend("asking for a lease in memory", "it waits"));
    answer.now_or_never().unwrap_or_else(waits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn authority(operation: &str, fence: u64) -> Authority {
        Authority { operation: OperationId::new(operation).unwrap(), fence: Fence(fence) }
    }

    fn request(key: &str, operation: &str) -> LeaseRequest {
        LeaseRequest {
            key: key.to_owned(),
            operation: OperationId::new(operation).unwrap(),
            holder: "test".to_owned(),
            ttl: Duration::from_secs(30),
        }
    }

    #[test]
    fn a_lower_fence_than_one_obeyed_is_refused_and_does_not_act() {
        let mut authorities = Authorities::default();
        assert!(authorities.obey(&authority("a", 2), || Ok(())).is_ok());
        assert!(authorities.obey(&authority("b", 2), || Ok(())).is_ok());
        let refused = authorities.obey(&authority("c", 1), || -> Result<(), _> { panic!() });
        assert!(matches!(refused, Err(Error::Fenced { fence: Fence(1), newest: Fence(2) })));
    }

    #[test]
    fn a_command_that_fails_was_not_obeyed() {
        let mut authorities = Authorities::default();
        let failed = || Err::<(), _>(Error::NotFound { what: "it".to_owned() });
        assert!(authorities.obey(&authority("a", 9), failed).is_err());
        assert!(authorities.obey(&authority("a", 1), || Ok(())).is_ok());
    }

    #[test]
    fn fences_of_different_leases_are_not_compared() {
        let mut authorities = Authorities::default();
        let now = Timestamp::UNIX_EPOCH;
        for (key, operation) in [("service", "rollout"), ("chaos", "experiment")] {
            authorities.acquire(&request(key, operation), now).unwrap();
        }
        assert!(authorities.obey(&authority("rollout", 5), || Ok(())).is_ok());
        assert!(authorities.obey(&authority("experiment", 1), || Ok(())).is_ok());
        assert!(authorities.obey(&authority("rollout", 4), || Ok(())).is_err());
        let later = now + Duration::from_secs(31);
        authorities.acquire(&request("service", "next"), later).unwrap();
        assert!(authorities.obey(&authority("next", 2), || Ok(())).is_err());
    }
}
