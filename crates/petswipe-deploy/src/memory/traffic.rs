//! A constant stream of requests, and what every version answers of it: pieces of time in which nothing changed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::{Errors, Histogram, Observation, Saturation, Subject, Targets, Window};

use super::{Behaviour, Environment};

#[derive(Clone, Debug)]
struct Piece {
    from: Timestamp,
    /// Requests a second.
    rate: f64,
    error_rate: f64,
    /// Nobody healthy answers: the balancer does.
    unserved: bool,
    latency: Duration,
    healthy: u32,
    /// Sums up to `from`.
    requests: f64,
    server_errors: f64,
    balancer_errors: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Traffic {
    pub(super) requests_per_second: f64,
    began: Timestamp,
    pieces: BTreeMap<Environment, Vec<Piece>>,
}

/// Cumulated requests, server errors and balancer errors.
#[derive(Clone, Copy, Default)]
struct Sums {
    requests: f64,
    server: f64,
    balancer: f64,
}

impl Traffic {
    pub(super) fn new(began: Timestamp) -> Self {
        Self { requests_per_second: 100.0, began, pieces: BTreeMap::new() }
    }

    /// From now on an environment gets this share and answers like that.
    pub(super) fn set(
        &mut self,
        environment: &Environment,
        share: f64,
        healthy: u32,
        behaviour: Behaviour,
        now: Timestamp,
    ) {
        let rate = self.requests_per_second * share;
        let unserved = healthy == 0;
        if !self.pieces.contains_key(environment) {
            self.pieces.insert(environment.clone(), Vec::new());
        }
        let Some(pieces) = self.pieces.get_mut(environment) else { return };
        if let Some(last) = pieces.last()
            && last.rate == rate
            && last.unserved == unserved
            && last.healthy == healthy
            && last.error_rate == behaviour.error_rate
            && last.latency == behaviour.latency
        {
            return;
        }
        let sums = sums(pieces, now);
        if pieces.last().is_some_and(|last| last.from == now) {
            pieces.pop();
        }
        pieces.push(Piece {
            from: now,
            rate,
            error_rate: behaviour.error_rate,
            unserved,
            latency: behaviour.latency,
            healthy,
            requests: sums.requests,
            server_errors: sums.server,
            balancer_errors: sums.balancer,
        });
    }

    /// What a subject did in a window of whole seconds that are over.
    pub(super) fn observe(&self, subject: &Subject, window: Window) -> Option<Observation> {
        let mut named = self.pieces.iter();
        let (_, pieces) = named.find(|(name, _)| name.as_str() == subject.environment)?;
        let mut seen = Observation::missing(subject.clone(), window);
        if window.is_empty() || window.from < self.began {
            return Some(seen);
        }
        let (from, to) = (sums(pieces, window.from), sums(pieces, window.to));
        let whole = |from: f64, to: f64| (to.floor() - from.floor()).max(0.0) as u64;
        let requests = whole(from.requests, to.requests);
        let balancer = whole(from.balancer, to.balancer).min(requests);
        let server = whole(from.server, to.server).min(requests - balancer);
        seen.requests = Some(requests);
        seen.errors = Errors { client: Some(0), server: Some(server), balancer: Some(balancer) };
        let mut latency = Histogram::new();
        for (index, piece) in pieces.iter().enumerate() {
            let end = pieces.get(index + 1).map_or(Timestamp::MAX, |next| next.from);
            let (start, end) = (piece.from.max(window.from), end.min(window.to));
            if start < end && !piece.unserved {
                let (a, b) = (sums(pieces, start), sums(pieces, end));
                latency.record_many(piece.latency, whole(a.requests, b.requests));
            }
        }
        seen.latency = Some(latency);
        seen.saturation = Saturation::default();
        let last = pieces.iter().rev().find(|piece| piece.from < window.to);
        seen.targets = last.map(|piece| Targets { healthy: piece.healthy, unhealthy: 0 });
        Some(seen)
    }

    /// Requests and failures of all environments until `now`.
    pub(super) fn totals(&self, now: Timestamp) -> (u64, u64) {
        let all = self.pieces.values().map(|pieces| sums(pieces, now));
        let add = |a: Sums, b: Sums| Sums {
            requests: a.requests + b.requests,
            server: a.server + b.server,
            balancer: a.balancer + b.balancer,
        };
        let sum = all.fold(Sums::default(), add);
        (sum.requests.floor() as u64, (sum.server + sum.balancer).floor() as u64)
    }
}

/// The sums up to a time.
fn sums(pieces: &[Piece], at: Timestamp) -> Sums {
    let index = pieces.partition_point(|piece| piece.from <= at);
    let Some(piece) = index.checked_sub(1).and_then(|index| pieces.get(index)) else {
        return Sums::default();
    };
    let requests = at.duration_since(piece.from).as_secs_f64() * piece.rate;
    let (server, balancer) =
        if piece.unserved { (0.0, requests) } else { (requests * piece.error_rate, 0.0) };
    Sums {
        requests: piece.requests + requests,
        server: piece.server_errors + server,
        balancer: piece.balancer_errors + balancer,
    }
}
