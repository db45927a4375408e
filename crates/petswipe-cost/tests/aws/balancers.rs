//! Load balancers: their targets, and their tags.

use petswipe_aws::script::Fault;
use petswipe_cost::Kind;
use petswipe_cost::inventory::LoadBalancerKind;

use crate::account::HOME;
use crate::elb;
use crate::world::World;

#[tokio::test]
async fn targets_are_those_that_are_registered_whatever_their_health() {
    let world = World::full();
    let balancers = world.list(Kind::LoadBalancer).await.unwrap().load_balancers;
    let [web, tcp, old] = balancers.as_slice() else { panic!("{balancers:?}") };
    assert_eq!((web.kind, web.targets), (LoadBalancerKind::Application, Some(2)));
    assert_eq!(web.dimension(), "app/web/50dc6c495c0c9188");
    assert_eq!((tcp.kind, tcp.targets), (LoadBalancerKind::Network, Some(0)));
    assert_eq!((old.kind, old.targets), (LoadBalancerKind::Classic, Some(3)));
    assert_eq!(web.tags.get("name").unwrap(), &web.id);
    assert_eq!(old.tags.get("name").unwrap(), "old");
    // A group behind no load balancer is nobody's.
    assert_eq!(world.calls("DescribeTargetHealth"), 1);
}

#[tokio::test]
async fn targets_that_cannot_be_read_are_unknown_and_never_none() {
    for action in
        ["elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:DescribeTargetGroups"]
    {
        let world = World::full();
        world.wire.fate(move |call| (call.action == action).then_some(Fault::Denied));
        let listed = world.list(Kind::LoadBalancer).await.unwrap();
        let named: Vec<_> = listed.unread.iter().map(|one| one.action.as_deref()).collect();
        assert_eq!(named, [Some(action)]);
        let balancers = listed.load_balancers;
        assert_eq!(balancers[0].targets, None, "{action}");
        assert_eq!(balancers[2].targets, Some(3), "{action}");
    }
}

#[tokio::test]
async fn a_target_group_that_is_gone_has_no_targets() {
    let world = World::full();
    let web = elb::arn("app", "web");
    world.wire.with(|account| {
        account.group(HOME, "more", &[web], "initial");
        account.gone.insert(elb::group("web"));
    });
    let balancers = world.list(Kind::LoadBalancer).await.unwrap().load_balancers;
    assert_eq!(balancers[0].targets, Some(1));
}

#[tokio::test]
async fn tags_are_asked_for_twenty_at_a_time() {
    let world = World::new(|account| {
        for number in 0..45 {
            account.balancer(HOME, &format!("web-{number}"), "application");
            account.classic(HOME, &format!("old-{number}"), 0);
        }
    });
    assert_eq!(world.ids(Kind::LoadBalancer).await.len(), 90);
    assert_eq!(world.calls("DescribeTags"), 6);
    // One that is gone costs a call for each of its twenty.
    world.wire.forget();
    world.wire.with(|account| account.gone.insert(elb::arn("app", "web-3")));
    assert_eq!(world.ids(Kind::LoadBalancer).await.len(), 89);
    assert_eq!(world.calls("DescribeTags"), 26);
}
