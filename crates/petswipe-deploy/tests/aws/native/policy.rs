//! The policy document of a native deployment allows exactly what its paths call.

use std::collections::BTreeSet;
use std::time::Duration;

use petswipe_deploy::aws::{EcsServices, Place, native_dependencies, native_policy};
use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{CauseKind, Outcome};

use super::deployer::{CLUSTER, SERVICE};
use super::world::{World, canary, plan, service};
use crate::world::{World as Routed, services};

const MINUTE: Duration = Duration::from_secs(60);

fn place() -> Place {
    let [partition, region, account] = ["aws", "eu-central-1", "123456789012"].map(str::to_owned);
    Place { partition, region, account }
}

fn deployed() -> EcsServices {
    EcsServices { services: [(service(), SERVICE.to_owned())].into(), ..services() }
}

fn called(world: &World) -> BTreeSet<String> {
    world.wire.calls().into_iter().map(|call| call.action).collect()
}

#[test]
fn it_allows_exactly_what_is_called_on_all_paths() {
    let mut all = BTreeSet::new();
    let mut take = |world: &World| all.extend(called(world));
    let promoted = World::new();
    assert!(matches!(promoted.run(plan(canary())).0, Outcome::Promoted { .. }));
    take(&promoted);
    let of = |behaviour: Behaviour| {
        let world = World::new();
        world.behaves(behaviour);
        let (outcome, _) = world.run(plan(canary()));
        let Outcome::RolledBack { cause } = outcome else { panic!("{outcome}") };
        (world, cause.kind)
    };
    let (judged, kind) = of(Behaviour { error_rate: 0.2, ..Behaviour::default() });
    assert_eq!(kind, CauseKind::Verdict);
    take(&judged);
    let crash_after = Some(Duration::from_secs(2));
    let (crashed, kind) = of(Behaviour { crash_after, ..Behaviour::default() });
    assert_eq!(kind, CauseKind::Tasks);
    take(&crashed);
    let aborted = World::new();
    let outcome = aborted.aborted(plan(canary()), 6 * MINUTE);
    assert!(matches!(outcome, Outcome::Aborted { .. }), "{outcome}");
    assert_eq!(aborted.count("StopServiceDeployment"), 1);
    take(&aborted);
    let killed = World::new();
    let outcome = killed.killed(plan(canary()), 6 * MINUTE);
    assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
    take(&killed);
    // How the load balancer is found, without whose metrics nothing is judged.
    let world = Routed::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { world.router.found().await.map(drop) }).unwrap();
    all.extend(world.wire.calls().into_iter().map(|call| call.action));
    assert_eq!(native_policy(&place(), &deployed()).actions(), all);
}

#[test]
fn changes_are_allowed_on_the_service_only() {
    let policy = native_policy(&place(), &deployed());
    let of = |action: &str| {
        let statements = policy.statements().iter();
        let resources = statements.filter(|one| one.actions().contains(action));
        resources.flat_map(|one| one.resources().to_vec()).collect::<Vec<_>>()
    };
    let arn = |kind: &str, end: &str| {
        format!("arn:aws:ecs:eu-central-1:123456789012:{kind}/{CLUSTER}/{SERVICE}{end}")
    };
    assert_eq!(of("ecs:UpdateService"), [arn("service", "")]);
    for action in ["ecs:StopServiceDeployment", "ecs:ContinueServiceDeployment"] {
        assert_eq!(of(action), [arn("service-deployment", "/*")]);
    }
    let dependencies = native_dependencies(&place(), &["shop-*".to_owned()]);
    let roles = dependencies.iter().find(|one| one.actions().contains("iam:PassRole")).unwrap();
    assert_eq!(roles.resources(), ["arn:aws:iam::123456789012:role/shop-*"]);
    assert!(roles.is_conditional());
}
