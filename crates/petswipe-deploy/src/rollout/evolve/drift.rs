//! What every look tells, whatever it was for: whether somebody else has changed what this operation changes.

use jiff::Timestamp;

use crate::rollout::state::{Direction, State};
use crate::rollout::{Effect, Plan, Seen};
use crate::{DeploymentState, Route, ServiceStatus, Split};

impl Plan {
    /// Notes how many targets are healthy. `true` when somebody else changed something: then the rollout stops, and the
    /// look says nothing more.
    pub(super) fn takes_note(
        &self,
        state: &mut State,
        seen: &Seen,
        began: Timestamp,
        at: Timestamp,
    ) -> bool {
        for side in &seen.sides {
            if let Some(health) = side.health.as_ref().filter(|seen| seen.observed_at >= began) {
                state.known_healthy.insert(side.environment.clone(), health.healthy);
            }
        }
        let services = seen.sides.iter().filter_map(|side| side.service.as_ref());
        for service in services.clone().filter(|service| service.observed_at >= began) {
            let environment = &service.environment;
            if let Some(replacement) = &service.replacement
                && began >= state.deploy_over
                && !state.is_deploying(environment)
            {
                state.replacements.insert(environment.clone(), replacement.clone());
            }
        }
        let foreign = foreign(state, seen.route.as_ref(), services, began);
        let found = foreign.is_some();
        if let Some(reason) = foreign {
            self.stop(state, reason, at);
        }
        found
    }
}

/// What somebody else has changed, if anything. What was true before the look began says nothing.
pub(super) fn foreign<'a>(
    state: &mut State,
    route: Option<&Route>,
    services: impl IntoIterator<Item = &'a ServiceStatus>,
    began: Timestamp,
) -> Option<String> {
    let route = route.filter(|route| route.observed_at >= began);
    if let Some(reason) = route.and_then(|route| foreign_split(state, &route.split, began)) {
        return Some(reason);
    }
    // On the way back nothing comes before traffic is off the new version, whatever else runs where.
    let home = state.before.as_ref().map(|before| &before.survey.route.split);
    let exposed = matches!(state.direction, Direction::Back(_)) && state.splits.last() != home;
    let mut fresh = services.into_iter().filter(|service| service.observed_at >= began);
    fresh.find_map(|service| if exposed { None } else { foreign_revision(state, service, began) })
}

fn foreign_split(state: &mut State, split: &Split, began: Timestamp) -> Option<String> {
    if state.splits.contains(split) {
        let shifting =
            state.in_flight.any(|underway| matches!(underway.effect, Effect::Shift { .. }));
        if !shifting && began >= state.shift_over {
            state.seen_split = Some(split.clone());
        }
        return None;
    }
    let ours: Vec<_> = state.splits.iter().map(Split::to_string).collect();
    let ours = ours.join(" or ");
    Some(format!("the weights are {split}, not {ours}: somebody else changed them"))
}

fn foreign_revision(
    state: &mut State,
    service: &ServiceStatus,
    began: Timestamp,
) -> Option<String> {
    let environment = &service.environment;
    let before = state.before.as_ref()?;
    let ours = state.revisions.get_mut(environment)?;
    if ours.contains(&service.revision) {
        let deploying = state.in_flight.any(|underway| {
            matches!(&underway.effect, Effect::Deploy { environment: to, .. } if to == environment)
        });
        if !deploying && began >= state.deploy_over && ours.last() == Some(&service.revision) {
            ours.retain(|revision| *revision == service.revision);
        }
        return None;
    }
    let given_up = matches!(service.deployment, DeploymentState::Failed { .. });
    if given_up && before.side(environment).service.revision == service.revision {
        // The platform itself went back to what ran there.
        return None;
    }
    let named = |revision: &Option<crate::RevisionId>| {
        revision.as_ref().map_or_else(|| "no revision".to_owned(), ToString::to_string)
    };
    let (found, ours) = (named(&service.revision), ours.iter().map(named).collect::<Vec<_>>());
    let ours = ours.join(" or ");
    Some(format!("{environment} runs {found}, not {ours}: somebody else deployed it"))
}
