//! What of a listener's rules and of the target groups speaks against a rollout.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ForwardActionConfig, ProtocolEnum, Rule, TargetGroup, TargetTypeEnum,
};

use super::conditions::shadows;
use super::rules::{is_forward, targets, test_priority};
use super::{AlbFound, AlbRouter, ProductionRule};
use crate::aws::ecs::Wiring;
use crate::aws::error::error;
use crate::{Concern, Environment, Error, Objection};

impl AlbRouter {
    /// Rules that shadow others, sessions that stick, traffic that goes past the weights, and target groups that do not fit
    /// the services behind them.
    pub(in crate::aws) async fn examine(
        &self,
        wirings: &[Wiring],
    ) -> Result<Vec<Objection>, Error> {
        let found = self.found().await?;
        let rules = self.rules(found).await?;
        let production = self.production(&rules)?;
        let mut objections = Vec::new();
        for rule in &rules {
            if shadows(rule, production) {
                objections.push(Objection::new(format!(
                    "rule {} of {} takes all requests before the rule that divides traffic; allowed: no such rule before it",
                    named(rule),
                    self.described()
                )));
            }
        }
        let others = self.other_listeners(found).await?;
        let is_test = |rule: &Rule| self.test_header_of(rule).is_some();
        let own = rules.iter().filter(|rule| rule.rule_arn() != production.rule_arn());
        let own = own.map(|rule| (self.described(), rule));
        let beside = others.iter().flat_map(|(what, rules)| {
            let what = |rule| (what.clone(), rule);
            rules.iter().map(what)
        });
        for (what, rule) in own.chain(beside).filter(|(_, rule)| !is_test(rule)) {
            let Some(side) = forwarded(rule.actions(), found) else { continue };
            let text = format!(
                "rule {} of {what} sends requests to {side} past the weights; allowed: only the rule that divides traffic \
                 does",
                named(rule)
            );
            objections.push(Objection::against(Concern::MovedTraffic, text));
        }
        let all = rules.iter().chain(others.iter().flat_map(|(_, rules)| rules));
        objections.extend(self.unnamed(found, all, production));
        if !rules.iter().any(is_test) && test_priority(&rules, production).is_none() {
            let text = format!(
                "{} leave no place for one for test traffic, which has to come before the rule that divides traffic and \
                 every rule that may take a test request; allowed: priority 1 is free (aws elbv2 set-rule-priorities)",
                self.described()
            );
            objections.push(Objection::against(Concern::TestTraffic, text));
        }
        let forward = production.actions().iter().find(|action| is_forward(action));
        if let Some(seconds) = forward.and_then(sticky) {
            let text = format!(
                "{} keep a user on one side for {seconds} s, so that the split is not what the weights say; allowed: no \
                 stickiness of the forward action",
                self.described()
            );
            objections.push(Objection::against(Concern::DividedTraffic, text));
        }
        objections.extend(self.examine_groups(found, wirings).await?);
        Ok(objections)
    }

    /// The rules of the load balancer's other listeners, the default ones among them, and what they are called.
    async fn other_listeners(&self, found: &AlbFound) -> Result<Vec<(String, Vec<Rule>)>, Error> {
        let balancer = &self.routing.load_balancer;
        let what = format!("the listeners of load balancer {balancer}");
        let describe = self.client.describe_listeners().load_balancer_arn(&found.load_balancer);
        let mut pages = describe.into_paginator().send();
        let mut others = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("DescribeListeners", &what, e))?;
            for listener in page.listeners() {
                let Some(arn) = listener.listener_arn().filter(|arn| *arn != found.listener) else {
                    continue;
                };
                let port = listener.port().unwrap_or_default();
                let what = format!("the rules on port {port} of load balancer {balancer}");
                let rules = self.rules_of(arn, &what).await?;
                others.push((what, rules));
            }
        }
        Ok(others)
    }

    /// Sides whose targets are never checked, as no rule names their target group.
    fn unnamed<'a>(
        &self,
        found: &AlbFound,
        rules: impl Iterator<Item = &'a Rule>,
        production: &Rule,
    ) -> Vec<Objection> {
        let groups = |actions: &[Action]| {
            let forwards = actions.iter().filter(|action| is_forward(action));
            forwards.flat_map(targets).collect::<Vec<_>>()
        };
        let named: BTreeSet<_> =
            rules.flat_map(|rule| groups(rule.actions())).map(|(arn, _)| arn).collect();
        let missing: Vec<_> =
            found.target_groups.iter().filter(|(_, arn)| !named.contains(*arn)).collect();
        // A command for a rule that does more would have to say all of it.
        let command = (production.actions().len() == 1).then(|| {
            let (change, arn, actions) = match self.routing.rule {
                ProductionRule::Default => {
                    ("modify-listener --listener-arn", Some(&*found.listener), "--default-actions")
                }
                ProductionRule::Priority(_) => {
                    ("modify-rule --rule-arn", production.rule_arn(), "--actions")
                }
            };
            let more = missing.iter().map(|(_, arn)| ((*arn).clone(), 0));
            let tuples = groups(production.actions()).into_iter().chain(more);
            let tuples: Vec<_> = tuples
                .map(|(arn, weight)| format!("{{TargetGroupArn={arn},Weight={weight}}}"))
                .collect();
            format!(
                ": aws elbv2 {change} {} {actions} 'Type=forward,ForwardConfig={{TargetGroups=[{}]}}'",
                arn.unwrap_or_default(),
                tuples.join(",")
            )
        });
        let objection = |(side, _): &(&Environment, &String)| {
            let group = self.routing.target_groups.get(*side).map_or("", String::as_str);
            let text = format!(
                "no rule of load balancer {} names target group {group} of {side}, so that its tasks are never checked \
                 and never healthy; allowed: the rule that divides traffic names it, with a weight of 0{}",
                self.routing.load_balancer,
                command.as_deref().unwrap_or_default()
            );
            Objection::against(Concern::MovedTraffic, text)
        };
        missing.iter().map(objection).collect()
    }

    async fn examine_groups(
        &self,
        found: &AlbFound,
        wirings: &[Wiring],
    ) -> Result<Vec<Objection>, Error> {
        let arns: Vec<_> = found.target_groups.values().cloned().collect();
        let what = format!("the target groups of load balancer {}", self.routing.load_balancer);
        let describe = self.client.describe_target_groups().set_target_group_arns(Some(arns));
        let answer = describe.send().await.map_err(|e| error("DescribeTargetGroups", &what, e))?;
        let group_of = |environment: &Environment| {
            let arn = found.target_groups.get(environment)?;
            answer.target_groups().iter().find(|group| group.target_group_arn() == Some(arn))
        };
        let mut objections = Vec::new();
        for wiring in wirings {
            if let Some(group) = group_of(&wiring.environment) {
                objections.extend(unfit(wiring, group));
            }
        }
        let mut groups =
            found.target_groups.keys().filter_map(|side| Some((side, group_of(side)?)));
        if let Some((first, one)) = groups.next() {
            objections.extend(groups.filter_map(|(side, other)| {
                let differs = difference(one, other)?;
                Some(Objection::new(format!(
                    "the target groups of {first} and {side} differ in {differs}; allowed: the same, or their health is not \
                     comparable"
                )))
            }));
        }
        Ok(objections)
    }
}

fn named(rule: &Rule) -> &str {
    rule.priority().unwrap_or("default")
}

/// The first side that actions forward to.
fn forwarded(actions: &[Action], found: &AlbFound) -> Option<Environment> {
    let arns = actions.iter().filter(|action| is_forward(action)).flat_map(targets);
    let side = |arn: String| {
        let mut groups = found.target_groups.iter();
        groups.find(|(_, known)| **known == arn).map(|(side, _)| side.clone())
    };
    arns.into_iter().filter(|(_, weight)| *weight > 0).find_map(|(arn, _)| side(arn))
}

fn sticky(forward: &Action) -> Option<i32> {
    let config =
        forward.forward_config().and_then(ForwardActionConfig::target_group_stickiness_config);
    let config = config.filter(|config| config.enabled() == Some(true))?;
    Some(config.duration_seconds().unwrap_or_default())
}

/// What of a target group does not fit the service behind it.
fn unfit(wiring: &Wiring, group: &TargetGroup) -> Vec<Objection> {
    let Wiring { environment, .. } = wiring;
    let mut objections = Vec::new();
    let name = group.target_group_name().unwrap_or_default();
    let arn = group.target_group_arn().unwrap_or_default();
    let Some((_, port)) = wiring.groups.iter().find(|(group, _)| group == arn) else {
        return vec![Objection::new(format!(
            "the service of {environment} registers its tasks with {}; allowed: target group {name}",
            if wiring.groups.is_empty() { "no target group" } else { "another target group" }
        ))];
    };
    if !wiring.ports.contains(port) {
        objections.push(Objection::new(format!(
            "the service of {environment} registers port {port}, which its container does not open; allowed: {}",
            listed(&wiring.ports)
        )));
    }
    let by_ip = group.target_type() == Some(&TargetTypeEnum::Ip);
    if wiring.awsvpc && !by_ip {
        let kind = group.target_type().map_or("unknown", TargetTypeEnum::as_str);
        objections.push(Objection::new(format!(
            "target group {name} has targets of type {kind}; allowed: ip, as every task has an address of its own"
        )));
    }
    let checked = group.health_check_port().and_then(|port| port.parse::<i32>().ok());
    if let Some(checked) = checked.filter(|checked| !wiring.ports.contains(checked)) {
        objections.push(Objection::new(format!(
            "target group {name} checks the health of port {checked}, which the container does not open; allowed: {}, or \
             traffic-port",
            listed(&wiring.ports)
        )));
    }
    let seconds = |value: Option<i32>| u64::try_from(value.unwrap_or_default()).unwrap_or_default();
    let needed =
        seconds(group.health_check_interval_seconds()) * seconds(group.healthy_threshold_count());
    let needed = std::time::Duration::from_secs(needed);
    let text = format!(
        "a target of {name} counts as healthy after {needed:?} of health checks at the earliest; allowed: to wait longer"
    );
    objections.push(Objection::against(Concern::Readiness(needed), text));
    objections
}

fn listed(ports: &[i32]) -> String {
    let ports: Vec<_> = ports.iter().map(i32::to_string).collect();
    if ports.is_empty() { "one that it opens".to_owned() } else { ports.join(" or ") }
}

/// In what the health of two target groups is checked differently.
fn difference(one: &TargetGroup, other: &TargetGroup) -> Option<String> {
    let protocol =
        |group: &TargetGroup| group.protocol().map(ProtocolEnum::as_str).map(str::to_owned);
    let text = |value: Option<&str>| value.map(str::to_owned);
    let number = |value: Option<i32>| value.map(|value| value.to_string());
    let matcher = |group: &TargetGroup| {
        let matcher = group.matcher()?;
        text(matcher.http_code().or(matcher.grpc_code()))
    };
    let facts = |group: &TargetGroup| {
        [
            ("protocol", protocol(group)),
            ("health check path", text(group.health_check_path())),
            ("health check port", text(group.health_check_port())),
            ("health check interval", number(group.health_check_interval_seconds())),
            ("health check timeout", number(group.health_check_timeout_seconds())),
            ("healthy threshold", number(group.healthy_threshold_count())),
            ("unhealthy threshold", number(group.unhealthy_threshold_count())),
            ("codes of healthy answers", matcher(group)),
        ]
    };
    let pairs = facts(one).into_iter().zip(facts(other));
    let mut differing = pairs.filter(|((_, one), (_, other))| one != other);
    differing.next().map(|((what, one), (_, other))| {
        let said = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        format!("{what}: {} and {}", said(one), said(other))
    })
}
