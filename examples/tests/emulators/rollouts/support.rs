//! A stack with users, the rollouts that act on it, and how it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use aws_sdk_ecs::types::{TaskDefinition, TaskDefinitionField};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, HttpHeaderConditionConfig, Rule, RuleCondition,
    TargetGroupTuple,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::agent::{Agent, Behaviour};
use crate::fixture::{Done, Fixture, Line, ended, run, until};

/// How often the agent plays: rollouts are judged by whole minutes.
const BEAT: Duration = Duration::from_secs(2);
/// Requests per second.
const RATE: f64 = 20.0;

/// A stack with users.
pub struct World {
    pub fixture: Fixture,
    pub agent: Agent,
}

/// How everything stands that a rollout may change.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The weights of blue and green in the listener.
    pub weights: [i32; 2],
    /// Their desired counts.
    pub desired: [i32; 2],
    /// Their task definitions.
    pub definitions: [String; 2],
    /// Their auto scaling: minimum, maximum, and whether any of it is suspended.
    pub scaling: [(i32, i32, bool); 2],
    /// The priorities of the listener's rules.
    pub rules: Vec<String>,
}

impl World {
    /// Two tasks on blue, which has all traffic and users.
    pub async fn new() -> Self {
        let fixture = Fixture::with_stack().await;
        let agent = Agent::at_pace(&fixture, RATE, BEAT).await;
        let world = Self { fixture, agent };
        world.blue_is_healthy().await;
        world
    }

    async fn blue_is_healthy(&self) {
        until("blue has users", async || {
            self.agent.seen().sides.get("blue").is_some_and(|(requests, _)| *requests > 0)
        })
        .await;
    }

    /// From now on what runs on that side answers half of its requests with a 500.
    pub fn is_bad(&self, side: &str) {
        self.agent.behaves(side, Behaviour { error_rate: 0.5, ..Behaviour::default() });
    }

    /// Waits until green has so many percent of the traffic.
    pub async fn green_has(&self, percent: i32) {
        let what = format!("green has {percent} %");
        until(&what, async || self.weights().await["green"] == percent).await;
    }

    /// A canary is begun, and half of the traffic goes to green.
    pub async fn half_way(&self, canary: Command) -> Child {
        let mut canary = canary;
        let child = canary.spawn().unwrap();
        self.green_has(50).await;
        child
    }

    /// Goes on with what is in the journal of the canary.
    pub async fn resume(&self) -> Done {
        let mut command = self.rollout("canary");
        command.args(["--resume", "--json"]);
        run(command).await
    }

    /// Checks that green has everything, in version 2, and that nothing is left to be done.
    pub async fn is_promoted(&self, before: &Standing) {
        let after = self.standing().await;
        let [blue, _] = before.definitions.clone();
        let [_, green] = after.definitions.clone();
        assert_ne!(green, blue);
        let wanted = Standing {
            weights: [0, 100],
            desired: [0, 2],
            definitions: [blue, green],
            scaling: [(0, 20, false), (2, 20, false)],
            rules: before.rules.clone(),
        };
        assert_eq!(after, wanted);
    }

    /// An example that rolls out here, with nothing asked of it yet.
    pub fn rollout(&self, example: &str) -> Command {
        let mut command = self.fixture.program(example);
        command.env("BACKEND", "aws").env("LISTENER_PORT", "80").env("METRIC_LAG", "0");
        command.env("POLL_INTERVAL", "0.5").env("CHECK_INTERVAL", "2");
        command.env("SCALE_DOWN_DELAY", "0");
        command
    }

    /// A canary of two short stages to version 2.
    pub fn canary(&self, arguments: &[&str]) -> Command {
        let mut command = self.rollout("canary");
        command.env("CANARY_STAGES", "50,100").env("STAGE_DURATION", "10");
        command.args(["--image", "v2"]);
        command.args(["--bake", "0", "--json"]).args(arguments);
        command
    }

    /// How everything stands.
    pub async fn standing(&self) -> Standing {
        let clients = &self.fixture.clients;
        let (cluster, sides) = (self.fixture.name("cluster"), ["blue", "green"]);
        let names = sides.map(|side| self.fixture.name(side));
        let asked = clients.ecs.describe_services().cluster(&cluster);
        let answer = asked.set_services(Some(names.to_vec())).send().await.unwrap();
        let service = |name: &String| {
            let mut all = answer.services().iter();
            all.find(|service| service.service_name() == Some(name)).unwrap()
        };
        let definition = |name| service(name).task_definition().unwrap().to_owned();
        let mut scaling = Vec::new();
        for name in &names {
            let asked = clients.scaling.describe_scalable_targets();
            let asked = asked.service_namespace(ServiceNamespace::Ecs);
            let answer = asked.resource_ids(format!("service/{cluster}/{name}")).send().await;
            let answer = answer.unwrap();
            let target = &answer.scalable_targets()[0];
            let suspended = target.suspended_state().is_some_and(|state| {
                [
                    state.dynamic_scaling_in_suspended(),
                    state.dynamic_scaling_out_suspended(),
                    state.scheduled_scaling_suspended(),
                ]
                .contains(&Some(true))
            });
            scaling.push((target.min_capacity(), target.max_capacity(), suspended));
        }
        let weights = self.weights().await;
        let rules = clients.balancing.describe_rules().listener_arn(self.listener().await);
        let rules = rules.send().await.unwrap();
        let priority = |rule: &Rule| rule.priority().unwrap_or_default().to_owned();
        Standing {
            weights: sides.map(|side| weights[side]),
            desired: names.each_ref().map(|name| service(name).desired_count()),
            definitions: names.each_ref().map(definition),
            scaling: scaling.try_into().unwrap(),
            rules: rules.rules().iter().map(priority).collect(),
        }
    }

    /// Somebody divides the traffic.
    pub async fn divide(&self, blue: i32, green: i32) {
        let balancing = &self.fixture.clients.balancing;
        let mut groups = Vec::new();
        for (side, weight) in [("blue-tg", blue), ("green-tg", green)] {
            let asked = balancing.describe_target_groups().names(self.fixture.name(side));
            let answer = asked.send().await.unwrap();
            let arn = answer.target_groups()[0].target_group_arn().unwrap();
            groups.push(TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build());
        }
        let forward = ForwardActionConfig::builder().set_target_groups(Some(groups)).build();
        let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward);
        let modify = balancing.modify_listener().listener_arn(self.listener().await);
        modify.default_actions(action.build()).send().await.unwrap();
    }

    /// Somebody has requests with that header led to green, by the rule with priority 5.
    pub async fn leads_tests_to_green(&self, header: &str) {
        let balancing = &self.fixture.clients.balancing;
        let asked = balancing.describe_target_groups().names(self.fixture.name("green-tg"));
        let answer = asked.send().await.unwrap();
        let action = Action::builder().r#type(ActionTypeEnum::Forward);
        let action =
            action.set_target_group_arn(answer.target_groups()[0].target_group_arn.clone());
        let config = HttpHeaderConditionConfig::builder().http_header_name(header).values("green");
        let condition = RuleCondition::builder().field("http-header");
        let condition = condition.http_header_config(config.build()).build();
        let create = balancing.create_rule().listener_arn(self.listener().await).priority(5);
        create.conditions(condition).actions(action.build()).send().await.unwrap();
    }

    async fn balancer(&self) -> String {
        let asked = self.fixture.clients.balancing.describe_load_balancers();
        let answer = asked.names(self.fixture.name("alb")).send().await.unwrap();
        answer.load_balancers()[0].load_balancer_arn().unwrap().to_owned()
    }

    async fn listener(&self) -> String {
        let asked = self.fixture.clients.balancing.describe_listeners();
        let answer = asked.load_balancer_arn(self.balancer().await).send().await.unwrap();
        answer.listeners()[0].listener_arn().unwrap().to_owned()
    }

    /// The weight of each side.
    async fn weights(&self) -> BTreeMap<&'static str, i32> {
        let asked = self.fixture.clients.balancing.describe_listeners();
        let answer = asked.load_balancer_arn(self.balancer().await).send().await.unwrap();
        let forward = answer.listeners()[0].default_actions()[0].forward_config().unwrap().clone();
        let weight = |side: &'static str| {
            let of_side = format!("/{}/", self.fixture.name(&format!("{side}-tg")));
            let mut groups = forward.target_groups().iter();
            let group = groups.find(|group| group.target_group_arn().unwrap().contains(&of_side));
            (side, group.and_then(|group| group.weight()).unwrap_or(0))
        };
        ["blue", "green"].map(weight).into()
    }

    /// What stands in a task definition, with its tags.
    pub async fn definition(&self, arn: &str) -> (TaskDefinition, BTreeMap<String, String>) {
        let asked = self.fixture.clients.ecs.describe_task_definition().task_definition(arn);
        let answer = asked.include(TaskDefinitionField::Tags).send().await.unwrap();
        let pair = |tag: &aws_sdk_ecs::types::Tag| {
            Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
        };
        let tags = answer.tags().iter().filter_map(pair).collect();
        (answer.task_definition.unwrap(), tags)
    }
}

/// What that signal leaves of a program.
pub async fn signalled(child: Child, signal: Signal) -> Done {
    let id = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, signal).unwrap();
    ended(format!("a rollout after {signal:?}"), child).await
}

/// How often an action of the API was called, as the report has it.
pub fn calls(report: &Value, action: &str) -> u64 {
    let calls = report["calls"].as_object().unwrap().iter();
    let of_action = |name: &str| name.rsplit(':').next() == Some(action);
    calls.filter(|(name, _)| of_action(name)).filter_map(|(_, count)| count.as_u64()).sum()
}

/// With these lines between a rollout and the emulators.
pub fn on(mut command: Command, lines: &[Line; 2]) -> Command {
    command.envs(Fixture::endpoints_of(lines));
    command
}
