//! How a service is deployed, as data that can be kept in a journal and set back.
//!
//! What AWS leaves out and what it writes empty mean the same; here both are written out, so that setting back what was
//! absent removes it, and two of them can be compared. Source: Amazon ECS API Reference, DeploymentConfiguration.

use aws_sdk_ecs::types::{
    CanaryConfiguration, DeploymentAlarms, DeploymentCircuitBreaker, DeploymentConfiguration,
    DeploymentEarlySuccessCriteria, DeploymentLifecycleHook, DeploymentLifecycleHookAction,
    DeploymentLifecycleHookStage, DeploymentLifecycleHookTargetType,
    DeploymentLifecycleHookTimeoutConfiguration, DeploymentStrategy, LinearConfiguration,
    ServiceRevisionCleanup, ThresholdConfiguration, ThresholdType,
};
use aws_smithy_types::{Document, Number};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::native::{
    LambdaHook, LifecycleStage, NativeDeployment, NativeStrategy, ServiceConfiguration,
};

pub(super) fn stage(name: &str) -> Option<LifecycleStage> {
    LifecycleStage::ALL.into_iter().find(|stage| stage.as_str() == name)
}

pub(super) fn strategy(strategy: NativeStrategy) -> DeploymentStrategy {
    match strategy {
        NativeStrategy::BlueGreen => DeploymentStrategy::BlueGreen,
        NativeStrategy::Linear { .. } => DeploymentStrategy::Linear,
        NativeStrategy::Canary { .. } => DeploymentStrategy::Canary,
    }
}

/// The stages at which a service's own configuration pauses a deployment.
pub(super) fn pauses(configuration: Option<&DeploymentConfiguration>) -> Vec<LifecycleStage> {
    let hooks = configuration.map_or(&[][..], |configuration| configuration.lifecycle_hooks());
    let pauses = hooks
        .iter()
        .filter(|hook| hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause));
    pauses.flat_map(|hook| hook.lifecycle_stages()).filter_map(|it| stage(it.as_str())).collect()
}

/// What a deployment of ours is told: what the service has, with strategy, bake, hooks and alarms of its own.
pub(super) fn configured(
    kept: Option<&DeploymentConfiguration>,
    deployment: &NativeDeployment,
) -> Result<DeploymentConfiguration, Error> {
    let minutes = |field: &str, minutes: u32| {
        i32::try_from(minutes).map_err(|_| Error::invalid(field, minutes, "fewer minutes"))
    };
    let mut wanted = kept.cloned().unwrap_or_else(|| DeploymentConfiguration::builder().build());
    wanted.strategy = Some(strategy(deployment.strategy));
    wanted.bake_time_in_minutes = Some(minutes("bake", deployment.bake_minutes)?);
    wanted.linear_configuration = None;
    wanted.canary_configuration = None;
    wanted.early_success_criteria = None;
    match deployment.strategy {
        NativeStrategy::BlueGreen => {}
        NativeStrategy::Linear { step, step_bake_minutes } => {
            let linear = LinearConfiguration::builder().step_percent(step.percent());
            let bake = minutes("bake of a step", step_bake_minutes)?;
            wanted.linear_configuration = Some(linear.step_bake_time_in_minutes(bake).build());
        }
        NativeStrategy::Canary { share, canary_bake_minutes } => {
            let canary = CanaryConfiguration::builder().canary_percent(share.percent());
            let bake = minutes("bake of a step", canary_bake_minutes)?;
            wanted.canary_configuration = Some(canary.canary_bake_time_in_minutes(bake).build());
        }
    }
    let hooks = wanted.lifecycle_hooks.get_or_insert_default();
    for LambdaHook { function, role, stages, timeout_minutes } in &deployment.hooks {
        let hook = DeploymentLifecycleHook::builder()
            .target_type(DeploymentLifecycleHookTargetType::AwsLambda)
            .hook_target_arn(function)
            .role_arn(role)
            .set_lifecycle_stages(Some(hook_stages(stages)))
            .timeout_configuration(timeout(minutes("timeout of a hook", *timeout_minutes)?));
        push_once(hooks, hook.build());
    }
    if let Some(limit) = deployment.pause_minutes {
        let hook = DeploymentLifecycleHook::builder()
            .target_type(DeploymentLifecycleHookTargetType::Pause)
            .set_lifecycle_stages(Some(hook_stages(&LifecycleStage::PAUSED)))
            .timeout_configuration(timeout(minutes("timeout of the pauses", limit)?));
        push_once(hooks, hook.build());
    }
    if !deployment.alarms.is_empty() {
        wanted.alarms = alarms(deployment.alarms.clone(), true, true);
    }
    Ok(wanted)
}

/// Adds a hook, unless an earlier command that took effect has added it already.
fn push_once(hooks: &mut Vec<DeploymentLifecycleHook>, hook: DeploymentLifecycleHook) {
    let of = |hook: &DeploymentLifecycleHook| {
        let mut stages: Vec<_> =
            hook.lifecycle_stages().iter().map(|it| it.as_str().to_owned()).collect();
        stages.sort_unstable();
        (
            hook.target_type().cloned(),
            hook.hook_target_arn().map(str::to_owned),
            hook.role_arn().map(str::to_owned),
            stages,
            hook.timeout_configuration().cloned(),
        )
    };
    if !hooks.iter().any(|there| of(there) == of(&hook)) {
        hooks.push(hook);
    }
}

fn hook_stages(stages: &[LifecycleStage]) -> Vec<DeploymentLifecycleHookStage> {
    stages.iter().map(|stage| DeploymentLifecycleHookStage::from(stage.as_str())).collect()
}

/// Without an answer it goes back.
fn timeout(minutes: i32) -> DeploymentLifecycleHookTimeoutConfiguration {
    DeploymentLifecycleHookTimeoutConfiguration::builder()
        .timeout_in_minutes(minutes)
        .action(DeploymentLifecycleHookAction::Rollback)
        .build()
}

fn alarms(names: Vec<String>, enable: bool, rollback: bool) -> Option<DeploymentAlarms> {
    let alarms = DeploymentAlarms::builder().enable(enable).rollback(rollback);
    // The three fields that it needs are there.
    alarms.set_alarm_names(Some(names)).build().ok()
}

/// A configuration as data.
pub(super) fn read(configuration: Option<&DeploymentConfiguration>) -> ServiceConfiguration {
    let empty = DeploymentConfiguration::builder().build();
    let it = configuration.unwrap_or(&empty);
    let strategy = it.strategy().unwrap_or(&DeploymentStrategy::Rolling);
    let mut data = json!({
        "strategy": strategy.as_str(),
        "minimumHealthyPercent": it.minimum_healthy_percent(),
        "maximumPercent": it.maximum_percent(),
        "alarms": match it.alarms() {
            Some(alarms) => json!({
                "alarmNames": alarms.alarm_names(),
                "enable": alarms.enable(),
                "rollback": alarms.rollback(),
            }),
            None => json!({"alarmNames": [], "enable": false, "rollback": false}),
        },
        "lifecycleHooks": it.lifecycle_hooks().iter().map(read_hook).collect::<Vec<_>>(),
    });
    // The rest is valid, or has a meaning, only where it is there.
    if *strategy != DeploymentStrategy::Rolling {
        data["bakeTimeInMinutes"] = it.bake_time_in_minutes().into();
    }
    if let Some(breaker) = it.deployment_circuit_breaker() {
        let threshold = breaker.threshold_configuration();
        data["deploymentCircuitBreaker"] = json!({
            "enable": breaker.enable(),
            "rollback": breaker.rollback(),
            "resetOnHealthyTask": breaker.reset_on_healthy_task(),
            "threshold": threshold.map(|it| json!({"type": it.r#type().as_str(), "value": it.value()})),
        });
    }
    if let Some(linear) =
        it.linear_configuration().filter(|_| *strategy == DeploymentStrategy::Linear)
    {
        data["linearConfiguration"] = json!({
            "stepPercent": linear.step_percent(),
            "stepBakeTimeInMinutes": linear.step_bake_time_in_minutes(),
        });
    }
    if let Some(canary) =
        it.canary_configuration().filter(|_| *strategy == DeploymentStrategy::Canary)
    {
        data["canaryConfiguration"] = json!({
            "canaryPercent": canary.canary_percent(),
            "canaryBakeTimeInMinutes": canary.canary_bake_time_in_minutes(),
        });
    }
    if let Some(early) = it.early_success_criteria() {
        data["earlySuccessCriteria"] = json!({
            "enable": early.enable(),
            "healthyPercent": early.healthy_percent(),
            "cleanup": early.source_service_revision_cleanup().map(|it| it.as_str()),
        });
    }
    ServiceConfiguration(data)
}

fn read_hook(hook: &DeploymentLifecycleHook) -> Value {
    let stages: Vec<_> = hook.lifecycle_stages().iter().map(|stage| stage.as_str()).collect();
    json!({
        "targetType": hook.target_type().map(|kind| kind.as_str()),
        "hookTargetArn": hook.hook_target_arn(),
        "roleArn": hook.role_arn(),
        "lifecycleStages": stages,
        "hookDetails": hook.hook_details().map(value_of),
        "timeout": hook.timeout_configuration().map(|timeout| json!({
            "timeoutInMinutes": timeout.timeout_in_minutes(),
            "action": timeout.action().map(|action| action.as_str()),
        })),
    })
}

/// The configuration of some data, with everything in it that has to be said to remove it.
pub(super) fn written(data: &ServiceConfiguration) -> Result<DeploymentConfiguration, Error> {
    let it = &data.0;
    let odd = || Error::invalid("kept deployment configuration", it, "one that was read from ECS");
    let strategy = text(&it["strategy"]).ok_or_else(odd)?;
    let hooks = it["lifecycleHooks"].as_array().ok_or_else(odd)?;
    let breaker = &it["deploymentCircuitBreaker"];
    let threshold = &breaker["threshold"];
    let threshold = match (text(&threshold["type"]), number(&threshold["value"])) {
        (Some(kind), Some(value)) => ThresholdConfiguration::builder()
            .r#type(ThresholdType::from(kind.as_str()))
            .value(value)
            .build()
            .ok(),
        _ => None,
    };
    let breaker = breaker.is_object().then(|| {
        DeploymentCircuitBreaker::builder()
            .enable(breaker["enable"] == true)
            .rollback(breaker["rollback"] == true)
            .set_reset_on_healthy_task(breaker["resetOnHealthyTask"].as_bool())
            .set_threshold_configuration(threshold)
            .build()
    });
    let linear = &it["linearConfiguration"];
    let linear = linear.is_object().then(|| {
        LinearConfiguration::builder()
            .set_step_percent(linear["stepPercent"].as_f64())
            .set_step_bake_time_in_minutes(number(&linear["stepBakeTimeInMinutes"]))
            .build()
    });
    let canary = &it["canaryConfiguration"];
    let canary = canary.is_object().then(|| {
        CanaryConfiguration::builder()
            .set_canary_percent(canary["canaryPercent"].as_f64())
            .set_canary_bake_time_in_minutes(number(&canary["canaryBakeTimeInMinutes"]))
            .build()
    });
    let early = &it["earlySuccessCriteria"];
    let cleanup = text(&early["cleanup"]).map(|it| ServiceRevisionCleanup::from(it.as_str()));
    let early = early.is_object().then(|| {
        DeploymentEarlySuccessCriteria::builder()
            .enable(early["enable"] == true)
            .set_healthy_percent(number(&early["healthyPercent"]))
            .set_source_service_revision_cleanup(cleanup)
            .build()
    });
    let watched = &it["alarms"];
    Ok(DeploymentConfiguration::builder()
        .strategy(DeploymentStrategy::from(strategy.as_str()))
        .set_minimum_healthy_percent(number(&it["minimumHealthyPercent"]))
        .set_maximum_percent(number(&it["maximumPercent"]))
        .set_bake_time_in_minutes(number(&it["bakeTimeInMinutes"]))
        .set_deployment_circuit_breaker(breaker)
        .set_alarms(alarms(
            texts(&watched["alarmNames"]),
            watched["enable"] == true,
            watched["rollback"] == true,
        ))
        .set_lifecycle_hooks(Some(hooks.iter().map(written_hook).collect()))
        .set_linear_configuration(linear)
        .set_canary_configuration(canary)
        .set_early_success_criteria(early)
        .build())
}

fn written_hook(hook: &Value) -> DeploymentLifecycleHook {
    let stages = texts(&hook["lifecycleStages"]);
    let stages = stages.iter().map(|stage| DeploymentLifecycleHookStage::from(stage.as_str()));
    let kind = text(&hook["targetType"]);
    let timeout = &hook["timeout"];
    let timeout = timeout.is_object().then(|| {
        let action = text(&timeout["action"]);
        DeploymentLifecycleHookTimeoutConfiguration::builder()
            .set_timeout_in_minutes(number(&timeout["timeoutInMinutes"]))
            .set_action(action.map(|it| DeploymentLifecycleHookAction::from(it.as_str())))
            .build()
    });
    let details = &hook["hookDetails"];
    DeploymentLifecycleHook::builder()
        .set_target_type(kind.map(|it| DeploymentLifecycleHookTargetType::from(it.as_str())))
        .set_hook_target_arn(text(&hook["hookTargetArn"]))
        .set_role_arn(text(&hook["roleArn"]))
        .set_lifecycle_stages(Some(stages.collect()))
        .set_hook_details((!details.is_null()).then(|| document_of(details)))
        .set_timeout_configuration(timeout)
        .build()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(text).collect()
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|number| i32::try_from(number).ok())
}

fn value_of(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(it) => (*it).into(),
        Document::String(it) => it.as_str().into(),
        Document::Number(Number::PosInt(it)) => (*it).into(),
        Document::Number(Number::NegInt(it)) => (*it).into(),
        Document::Number(Number::Float(it)) => (*it).into(),
        Document::Array(items) => items.iter().map(value_of).collect(),
        Document::Object(fields) => {
            let fields = fields.iter().map(|(name, it)| (name.clone(), value_of(it)));
            Value::Object(Map::from_iter(fields))
        }
    }
}

fn document_of(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(it) => Document::Bool(*it),
        Value::String(it) => Document::String(it.clone()),
        Value::Number(it) => Document::Number(match (it.as_u64(), it.as_i64()) {
            (Some(it), _) => Number::PosInt(it),
            (None, Some(it)) => Number::NegInt(it),
            (None, None) => Number::Float(it.as_f64().unwrap_or_default()),
        }),
        Value::Array(items) => Document::Array(items.iter().map(document_of).collect()),
        Value::Object(fields) => Document::Object(
            fields.iter().map(|(name, it)| (name.clone(), document_of(it))).collect(),
        ),
    }
}
