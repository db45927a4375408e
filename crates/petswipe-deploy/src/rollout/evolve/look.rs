//! What follows from a look for the present move: at capacity, before a shift, at a shift that was made.

use jiff::Timestamp;
use petswipe_runbook::Failure;

use crate::rollout::script::{self, Move, Which};
use crate::rollout::state::{Direction, State};
use crate::rollout::{Cause, CauseKind, Output, Plan, Seen, Strategy};
use crate::{DeploymentState, Environment, ServiceStatus, Split, TaskFailure};

impl Plan {
    pub(super) fn is_rolling(&self) -> bool {
        matches!(self.strategy, Strategy::Rolling { .. })
    }

    /// A look for the present move.
    pub(super) fn looked(
        &self,
        state: &mut State,
        current: &Move,
        seen: &Seen,
        began: Timestamp,
        at: Timestamp,
    ) {
        if self.takes_note(state, seen, began, at) {
            return;
        }
        match current {
            Move::AwaitCapacity { .. } if can_move_more(state) => self.begin_way_back(state, at),
            Move::AwaitCapacity { environment, enough, revision } => {
                let wanted = (*enough, revision.as_ref());
                match self.lacks(state, environment, wanted, seen, began) {
                    Ok(None) => self.advance(state, at),
                    Ok(Some(lack)) => self.wait_for_capacity(state, lack, at),
                    Err(cause) => self.turn_back_or_suspend(state, cause, at),
                }
            }
            Move::Guard { to, way_back } => match self.guard(state, to, *way_back, seen, began) {
                None if state.watch.doubt.is_none() => self.advance(state, at),
                None => self.wait_for_evidence(state, at),
                Some(lack) => self.wait_for_capacity(state, lack, at),
            },
            Move::ReadBack(to) => self.read_back(state, to, seen, began, at),
            _ => {}
        }
    }

    /// What is missing until `enough` tasks are healthy; an error when waiting any longer is no use.
    fn lacks(
        &self,
        state: &State,
        environment: &Environment,
        (enough, revision): (u32, Option<&Which>),
        seen: &Seen,
        began: Timestamp,
    ) -> Result<Option<String>, Cause> {
        let side = seen.side(environment);
        let service = side.and_then(|side| side.service.as_ref());
        let health = side.and_then(|side| side.health.as_ref());
        let (Some(service), Some(health)) = (
            service.filter(|service| service.observed_at >= began),
            health.filter(|health| health.observed_at >= began),
        ) else {
            return Ok(Some(format!(
                "{environment} could not be read: {}",
                seen.problems.join("; ")
            )));
        };
        let wanted = state.before.as_ref().zip(revision);
        let wanted = wanted.and_then(|(before, which)| state.which(before, which));
        let is_new = revision == Some(&Which::New);
        if is_new && let Some(cause) = self.broken(state, service) {
            return Err(cause);
        }
        let runs_it = wanted.is_none_or(|wanted| {
            // Where the platform itself went back, its last deployment stays failed while the old revision runs. And
            // where there is no room for all tasks it never completes; then it is enough that no others are left.
            let alone = !is_new && health.healthy + health.unhealthy <= service.running;
            service.revision.as_ref() == Some(wanted)
                && (service.deployment != DeploymentState::InProgress || alone)
        });
        if runs_it && service.running >= enough && health.healthy >= enough {
            return Ok(None);
        }
        let mut lack = format!("{} of {enough} tasks of {environment} are healthy", health.healthy);
        if let Some(reason) = health.reasons.first() {
            lack.push_str(&format!(" ({reason})"));
        }
        if let Some(failure) = counted(state, service).last() {
            lack.push_str(&format!("; the last task failed: {}", failure.reason));
        }
        if !runs_it && health.healthy >= enough {
            lack.push_str("; the deployment is not complete");
        }
        Ok(Some(lack))
    }

    /// Whether the new version's tasks fail for good. What was there before it was deployed says nothing: the platform
    /// begins no new deployment of what a side has already, and goes on telling of the old one.
    pub(super) fn broken(&self, state: &State, service: &ServiceStatus) -> Option<Cause> {
        let environment = &service.environment;
        if let DeploymentState::Failed { reason } = &service.deployment
            && !had_failed(state, service)
        {
            let text = format!("the platform gave up on {environment}: {reason}");
            return Some(Cause::new(CauseKind::Tasks, text));
        }
        let failures = counted(state, service).count();
        if failures > self.capacity.tolerated_failures as usize {
            let last = counted(state, service).last();
            let last = last.map_or("", |failure| failure.reason.as_str());
            let text = format!("{failures} tasks of {environment} failed, the last one: {last}");
            return Some(Cause::new(CauseKind::Tasks, text));
        }
        None
    }

    fn wait_for_capacity(&self, state: &mut State, lack: String, at: Timestamp) {
        let waited = at.duration_since(state.step.entered);
        if waited < jiff::SignedDuration::try_from(self.capacity.deadline).unwrap_or_default() {
            state.step.retry_at = at.saturating_add(self.capacity.poll).ok();
            return;
        }
        let text = format!("after {:?} {lack}", self.capacity.deadline);
        self.turn_back_or_suspend(state, Cause::new(CauseKind::Capacity, text), at);
    }

    /// The new version was healthy when its stage was over, but by now nobody can say whether it still is.
    fn wait_for_evidence(&self, state: &mut State, at: Timestamp) {
        let latest = state.step.entered.saturating_add(self.patience).unwrap_or(Timestamp::MAX);
        if at < latest {
            state.step.retry_at = at.saturating_add(self.capacity.poll).ok();
            return;
        }
        let why = state.watch.doubt.clone().unwrap_or_default();
        self.unsure(state, &why, at);
    }

    fn turn_back_or_suspend(&self, state: &mut State, cause: Cause, at: Timestamp) {
        if state.direction == Direction::Forward {
            self.turn_back(state, cause, at);
        } else {
            self.give_up(state, cause.text, at);
        }
    }

    /// What is missing before traffic may be divided like that: health of every side that takes some, and the way back.
    fn guard(
        &self,
        state: &State,
        to: &Split,
        way_back: bool,
        seen: &Seen,
        began: Timestamp,
    ) -> Option<String> {
        let before = state.before.as_ref()?;
        if seen.route.as_ref().is_none_or(|route| route.observed_at < began) {
            return Some(format!("the weights could not be read: {}", seen.problems.join("; ")));
        }
        let mut needs: Vec<_> =
            to.iter().map(|(side, share)| (side, before.enough(share))).collect();
        if way_back {
            needs.push((&before.live, before.capacity));
        }
        needs.into_iter().find_map(|(environment, enough)| {
            let health = seen.side(environment).and_then(|side| side.health.as_ref());
            match health.filter(|health| health.observed_at >= began) {
                Some(health) if health.healthy >= enough => None,
                Some(health) => {
                    let healthy = health.healthy;
                    Some(format!("{healthy} of {enough} tasks of {environment} are healthy"))
                }
                None => Some(format!("the health of {environment} could not be read")),
            }
        })
    }

    fn read_back(
        &self,
        state: &mut State,
        to: &Split,
        seen: &Seen,
        began: Timestamp,
        at: Timestamp,
    ) {
        let route = seen.route.as_ref().filter(|route| route.observed_at >= began);
        if !route.is_some_and(|route| route.split == *to) {
            // One of our own earlier splits, or nothing: the router is behind, or the shift was lost on the way.
            let why = format!("the weights do not read back as {to}");
            return self.try_again(state, why, at);
        }
        let Some(before) = &state.before else { return };
        let home = before.survey.route.split == *to;
        if state.direction == Direction::Forward {
            let weight = to.share(self.candidate(before));
            self.expose(state, weight, at);
        } else if home && let Some(unread) = unread(state, seen, began) {
            return self.try_again(state, unread, at);
        }
        state.splits = vec![to.clone()];
        self.advance(state, at);
    }

    /// The first look of a driver that goes on: is it still our operation?
    pub(super) fn rechecked(
        &self,
        state: &mut State,
        began: Timestamp,
        result: Result<&Output, &Failure>,
        at: Timestamp,
    ) {
        match result {
            Ok(Output::Seen(seen)) => {
                if self.takes_note(state, seen, began, at) {
                    return;
                }
                if let Some(unread) = unread(state, seen, began) {
                    return self.try_again(state, unread, at);
                }
                let fresh = seen.route.as_ref().filter(|route| route.observed_at >= began);
                if let Some(route) = fresh {
                    state.recheck = false;
                    state.step.failed = 0;
                    match state.current() {
                        // The dead driver's last call was obeyed: now see to what it led.
                        Some(Move::Shift(to)) if *to == route.split => self.advance(state, at),
                        _ => self.guard_again(state),
                    }
                } else {
                    self.try_again(state, format!("no look: {}", seen.problems.join("; ")), at);
                }
            }
            Ok(_) => {}
            Err(failure) => self.try_again(state, failure.message.clone(), at),
        }
    }
}

/// The tasks that failed since the new version was deployed, oldest first.
pub(super) fn counted<'a>(
    state: &State,
    service: &'a ServiceStatus,
) -> impl Iterator<Item = &'a TaskFailure> {
    let since = state.deploying_since.unwrap_or(Timestamp::MIN);
    service.failures.iter().filter(move |failure| failure.at >= since)
}

/// Whether the first look found already that the platform had given up where the new version is deployed now, with that
/// same revision there.
fn had_failed(state: &State, service: &ServiceStatus) -> bool {
    let Some(before) = &state.before else { return false };
    let had = before.survey.sides.get(&service.environment).map(|side| &side.service);
    had.is_some_and(|had| {
        matches!(had.deployment, DeploymentState::Failed { .. })
            && had.revision == service.revision
            && service.revision == state.revision
    })
}

/// Whether the new version may be left with less traffic than when the way back was last worked out.
fn can_move_more(state: &State) -> bool {
    let back = matches!(state.direction, Direction::Back(_));
    let Some(before) = state.before.as_ref().filter(|_| back && state.touched.split) else {
        return false;
    };
    if state.splits == [before.survey.route.split.clone()] {
        return false;
    }
    script::makeshift(state, before).is_none_or(|part| state.splits != [part])
}

/// Which side that was changed could not be read, so that nobody knows what somebody else may have deployed there.
fn unread(state: &State, seen: &Seen, began: Timestamp) -> Option<String> {
    let read = |environment: &&Environment| {
        let service = seen.side(environment).and_then(|side| side.service.as_ref());
        service.is_some_and(|service| service.observed_at >= began)
    };
    let mut asked = state.touched.tasks.iter().filter(|side| seen.side(side).is_some());
    let unread = asked.find(|side| !read(side))?;
    Some(format!("{unread} could not be read: {}", seen.problems.join("; ")))
}
