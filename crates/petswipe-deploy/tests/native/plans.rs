//! What a plan may say.

use std::time::Duration;

use petswipe_deploy::native::{
    Holding, LambdaHook, LifecycleStage, NativePlan, NativeStrategy, PerMille,
};
use petswipe_deploy::{Environment, Image, Target};

fn plan(strategy: NativeStrategy) -> NativePlan {
    let name = |name| Environment::new(name).unwrap();
    let target = Target::Image(Image::new("shop:v2").unwrap());
    NativePlan::new("shop", name("shop"), [name("blue"), name("green")], target, strategy)
}

fn refused(plan: &NativePlan) -> String {
    plan.validate().unwrap_err().to_string()
}

fn share(tenths: u16) -> PerMille {
    PerMille::new(tenths).unwrap()
}

#[test]
fn the_ranges_of_aws_are_kept() {
    let linear = |tenths, minutes| {
        plan(NativeStrategy::Linear { step: share(tenths), step_bake_minutes: minutes })
    };
    let canary = |tenths, minutes| {
        plan(NativeStrategy::Canary { share: share(tenths), canary_bake_minutes: minutes })
    };
    for good in [linear(30, 0), linear(1000, 1440), canary(1, 0), canary(1000, 1440)] {
        good.validate().unwrap();
    }
    let step = "step of a linear deployment is 2.9 %; allowed: 3 to 100 %";
    assert_eq!(refused(&linear(29, 6)), step);
    assert_eq!(refused(&canary(0, 6)), "share of a canary is 0 %; allowed: 0.1 to 100 %");
    let bake = "bake of a step is 1441; allowed: 0 to 1440 minutes";
    assert_eq!(refused(&linear(100, 1441)), bake);
    assert_eq!(refused(&canary(100, 1441)), bake);
    let mut long = plan(NativeStrategy::BlueGreen);
    long.bake_minutes = 1441;
    assert_eq!(refused(&long), "bake is 1441; allowed: 1 to 1440 minutes");
}

#[test]
fn there_is_time_for_a_verdict_wherever_nobody_waits_for_one() {
    let mut short = plan(NativeStrategy::BlueGreen);
    short.bake_minutes = 2;
    let text = "bake is 2 minutes; allowed: at least 150s, the margin and a check interval";
    assert_eq!(refused(&short), text);
    let strategy = NativeStrategy::Canary { share: share(100), canary_bake_minutes: 0 };
    let mut watching = plan(strategy);
    watching.validate().unwrap();
    watching.holding = Holding::Watching;
    assert!(refused(&watching).starts_with("bake of a step is 0 minutes"));
    let mut late = plan(NativeStrategy::BlueGreen);
    late.margin = Duration::from_secs(59);
    assert!(refused(&late).starts_with("margin is 59s; allowed: at least 60s"));
    let mut hasty = plan(NativeStrategy::BlueGreen);
    hasty.holding = Holding::Pauses { timeout_minutes: 11 };
    assert!(
        refused(&hasty).starts_with("timeout of the pauses is 11 minutes; allowed: at least 720s")
    );
}

#[test]
fn hooks_are_where_aws_has_them() {
    let hook = |stage, timeout_minutes| LambdaHook {
        function: "arn:aws:lambda:eu-central-1:123456789012:function:check".to_owned(),
        role: "arn:aws:iam::123456789012:role/hooks".to_owned(),
        stages: vec![stage],
        timeout_minutes,
    };
    let with = |hook| {
        let mut plan = plan(NativeStrategy::BlueGreen);
        plan.hooks = vec![hook];
        plan
    };
    with(hook(LifecycleStage::ProductionTrafficShift, 20_160)).validate().unwrap();
    for stage in [LifecycleStage::ScaleUp, LifecycleStage::BakeTime, LifecycleStage::CleanUp] {
        assert!(refused(&with(hook(stage, 5))).starts_with("stage of a hook is"));
    }
    let long = with(hook(LifecycleStage::PostScaleUp, 20_161));
    assert_eq!(refused(&long), "timeout of a hook is 20161; allowed: 1 to 20160 minutes");
    let mut unnamed = hook(LifecycleStage::PostScaleUp, 5);
    unnamed.function = "check".to_owned();
    assert_eq!(refused(&with(unnamed)), "function of a hook is check; allowed: an ARN");
}

#[test]
fn the_steps_of_a_strategy_rise_to_everything() {
    let steps = |strategy: NativeStrategy| -> Vec<u16> {
        strategy.steps().into_iter().map(PerMille::get).collect()
    };
    let linear = |tenths| NativeStrategy::Linear { step: share(tenths), step_bake_minutes: 1 };
    assert_eq!(steps(NativeStrategy::BlueGreen), [1000]);
    assert_eq!(steps(linear(250)), [250, 500, 750, 1000]);
    assert_eq!(steps(linear(333)), [333, 666, 999, 1000]);
    assert_eq!(steps(linear(1000)), [1000]);
    let canary = NativeStrategy::Canary { share: share(5), canary_bake_minutes: 1 };
    assert_eq!(steps(canary), [5, 1000]);
    let whole = [0, 5, 333, 999, 1000].map(|tenths| share(tenths).whole().get());
    assert_eq!(whole, [0, 1, 34, 99, 100]);
}

#[test]
fn a_plan_is_the_same_after_a_journey_through_json() {
    let plan = plan(NativeStrategy::Linear { step: share(125), step_bake_minutes: 6 });
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<NativePlan>(&json).unwrap(), plan);
}
