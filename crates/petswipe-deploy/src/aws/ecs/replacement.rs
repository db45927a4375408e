//! How a service replaces its tasks, as data that can be kept in a journal and set back.
//!
//! Every member that is written is written out, so that setting back what was absent turns it off. Source: Amazon ECS API
//! Reference, DeploymentConfiguration, DeploymentCircuitBreaker, DeploymentAlarms.

use aws_sdk_ecs::types::{DeploymentAlarms, DeploymentCircuitBreaker, DeploymentConfiguration};

use crate::{GivesUp, Replacement};

pub(super) fn read(kept: Option<&DeploymentConfiguration>) -> Replacement {
    let Some(kept) = kept else { return Replacement::default() };
    let percent = |percent: Option<i32>| percent.and_then(|percent| u32::try_from(percent).ok());
    let breaker = kept.deployment_circuit_breaker();
    let alarms = kept.alarms();
    Replacement {
        minimum_healthy_percent: percent(kept.minimum_healthy_percent()),
        maximum_percent: percent(kept.maximum_percent()),
        circuit_breaker: breaker.map_or(GivesUp::NEVER, |breaker| GivesUp {
            enabled: breaker.enable(),
            goes_back: breaker.rollback(),
        }),
        alarms: alarms.map_or(GivesUp::NEVER, |alarms| GivesUp {
            enabled: alarms.enable(),
            goes_back: alarms.rollback(),
        }),
        alarm_names: alarms.map_or(Vec::new(), |alarms| alarms.alarm_names().to_vec()),
    }
}

/// What a service has, with this in it. What it has not is not turned off.
pub(super) fn write(
    kept: Option<&DeploymentConfiguration>,
    wanted: &Replacement,
) -> DeploymentConfiguration {
    let mut configuration =
        kept.cloned().unwrap_or_else(|| DeploymentConfiguration::builder().build());
    let percent = |percent: Option<u32>| percent.and_then(|percent| i32::try_from(percent).ok());
    let minimum = percent(wanted.minimum_healthy_percent);
    configuration.minimum_healthy_percent = minimum.or(configuration.minimum_healthy_percent);
    let maximum = percent(wanted.maximum_percent);
    configuration.maximum_percent = maximum.or(configuration.maximum_percent);
    let GivesUp { enabled, goes_back } = wanted.circuit_breaker;
    if let Some(breaker) = &mut configuration.deployment_circuit_breaker {
        (breaker.enable, breaker.rollback) = (enabled, goes_back);
    } else if wanted.circuit_breaker != GivesUp::NEVER {
        let breaker = DeploymentCircuitBreaker::builder().enable(enabled).rollback(goes_back);
        configuration.deployment_circuit_breaker = Some(breaker.build());
    }
    let GivesUp { enabled, goes_back } = wanted.alarms;
    let without = wanted.alarms == GivesUp::NEVER && wanted.alarm_names.is_empty();
    if configuration.alarms.is_some() || !without {
        let alarms = DeploymentAlarms::builder().enable(enabled).rollback(goes_back);
        // The three fields that it needs are there.
        configuration.alarms =
            alarms.set_alarm_names(Some(wanted.alarm_names.clone())).build().ok();
    }
    configuration
}
