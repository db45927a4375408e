//! What a plan may say.

use std::time::Duration;

use petswipe_deploy::native::{
    Holding, LambdaHook, LifecycleStage, NativePlan, NativeService, NativeStrategy, NativeSurvey,
    PerMille, ServiceConfiguration,
};
use petswipe_deploy::{Environment, Image, Outcome, RevisionId, Target};

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

fn survey() -> NativeSurvey {
    let service = NativeService {
        environment: Environment::new("shop").unwrap(),
        revision: Some(RevisionId::new("shop:1").unwrap()),
        image: Some(Image::new("shop:v1").unwrap()),
        desired: 4,
        running: 4,
        live: Environment::new("green").unwrap(),
        newest: None,
        newest_revision: None,
        in_progress: false,
        configuration: ServiceConfiguration(serde_json::json!({"strategy": "ROLLING"})),
        pauses: Vec::new(),
        observed_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let digest = "a".repeat(64);
    let image = Image::new(format!("shop@sha256:{digest}")).unwrap();
    NativeSurvey { service, image: Some(image) }
}

#[test]
fn a_preview_names_sides_shares_and_what_is_set_back() {
    let plan = plan(NativeStrategy::Linear { step: share(300), step_bake_minutes: 5 });
    let survey = survey();
    let preview = plan.preview(&survey).unwrap();
    assert_eq!((preview.live.as_str(), preview.candidate.as_str()), ("green", "blue"));
    let steps = preview.steps.iter();
    let steps: Vec<_> =
        steps.map(|step| (step.percent, step.after_minutes, step.held_minutes)).collect();
    let expected = [(30.0, 0, 5), (60.0, 5, 5), (90.0, 10, 5), (100.0, 15, 10)];
    assert_eq!(steps, expected);
    assert_eq!(preview.target, Target::Image(survey.image.clone().unwrap()), "as it is pinned");
    assert_eq!(preview.tasks, 4);
    assert_eq!(preview.set_back, survey.service.configuration);
    let kept = serde_json::to_value(&preview).unwrap();
    assert_eq!(
        serde_json::from_value::<petswipe_deploy::native::NativePreview>(kept).unwrap(),
        preview
    );
}

#[test]
fn a_preview_refuses_what_would_be_refused() {
    let plan = plan(NativeStrategy::BlueGreen);
    let refused = |change: fn(&mut NativeService)| {
        let mut survey = survey();
        change(&mut survey.service);
        plan.preview(&survey).unwrap_err().to_string()
    };
    for (change, words) in [
        (
            (|service| service.in_progress = true) as fn(&mut NativeService),
            "another deployment is in progress on shop; wait until it is done",
        ),
        (|service| service.running = 0, "shop runs no task"),
        (|service| service.live = Environment::new("red").unwrap(), "shop serves by red"),
        (
            |service| service.pauses = vec![LifecycleStage::PostScaleUp],
            "waits for somebody else at POST_SCALE_UP",
        ),
    ] {
        let said = refused(change);
        assert!(said.starts_with("state of the service is ") && said.contains(words), "{said}");
    }
}

#[test]
fn only_a_promotion_is_undone_and_only_while_it_runs() {
    let plan = plan(NativeStrategy::BlueGreen);
    let revision = |name: &str| RevisionId::new(name).unwrap();
    let promoted = Outcome::Promoted {
        environment: Environment::new("green").unwrap(),
        revision: revision("shop:1"),
        before: revision("shop:0"),
    };
    let undo = plan.undo(&promoted).unwrap();
    assert_eq!(
        (&undo.target, &undo.undoes),
        (&Target::Revision(revision("shop:0")), &Some(revision("shop:1")),)
    );
    undo.preview(&survey()).unwrap();
    let said = undo.undo(&promoted).unwrap_err().to_string();
    assert!(said.starts_with("deployment to undo is the undo of shop:1; allowed:"), "{said}");
    let mut replaced = survey();
    replaced.service.revision = Some(revision("shop:2"));
    let said = undo.preview(&replaced).unwrap_err().to_string();
    assert!(said.contains("shop:2 serves, and this undoes shop:1"), "{said}");
    let aborted = Outcome::Aborted { by: "ann".to_owned(), reason: "no".to_owned() };
    let said = plan.undo(&aborted).unwrap_err().to_string();
    assert!(said.starts_with("outcome to undo is aborted by ann: no; allowed:"), "{said}");
}
