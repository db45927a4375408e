//! What of a listener's rules and of the target groups speaks against a rollout.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ForwardActionConfig, Listener, ProtocolEnum, Rule, RuleCondition, TargetGroup,
    TargetTypeEnum,
};

use super::rules::{is_forward, targets};
use super::{AlbFound, AlbRouter};
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
        let is_test = |rule: &Rule| self.test_header_of(rule).is_some();
        let others = rules.iter().filter(|rule| rule.rule_arn() != production.rule_arn());
        let past = others.filter(|rule| !is_test(rule)).flat_map(|rule| {
            let side = forwarded(rule.actions(), found)?;
            Some((format!("rule {} of {}", named(rule), self.described()), side))
        });
        let past: Vec<_> = past.chain(self.other_listeners(found).await?).collect();
        objections.extend(past.into_iter().map(|(what, side)| {
            let text = format!(
                "{what} sends requests to {side} past the weights; allowed: only the rule that divides traffic does"
            );
            Objection::against(Concern::MovedTraffic, text)
        }));
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

    /// Default actions of the load balancer's other listeners that lead to a side.
    async fn other_listeners(&self, found: &AlbFound) -> Result<Vec<(String, Environment)>, Error> {
        let balancer = &self.routing.load_balancer;
        let what = format!("the listeners of load balancer {balancer}");
        let describe = self.client.describe_listeners().load_balancer_arn(&found.load_balancer);
        let mut pages = describe.into_paginator().send();
        let mut past = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("DescribeListeners", &what, e))?;
            let others = page.listeners().iter();
            let others = others.filter(|listener| listener.listener_arn() != Some(&found.listener));
            past.extend(others.filter_map(|listener: &Listener| {
                let side = forwarded(listener.default_actions(), found)?;
                let port = listener.port().unwrap_or_default();
                Some((format!("the listener on port {port} of load balancer {balancer}"), side))
            }));
        }
        Ok(past)
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

/// Whether every request that `other` would take is taken by `rule` before.
///
/// Source: User Guide for Application Load Balancers, "Listener rules": in order of priority, the default rule last.
fn shadows(rule: &Rule, other: &Rule) -> bool {
    let before = match (priority(rule), priority(other)) {
        (Some(rule), Some(other)) => rule < other,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let mut conditions = rule.conditions().iter();
    before
        && conditions.all(|condition| {
            takes_everything(condition)
                || other.conditions().iter().any(|one| covers(condition, one))
        })
}

fn priority(rule: &Rule) -> Option<u32> {
    rule.priority()?.parse().ok()
}

fn named(rule: &Rule) -> &str {
    rule.priority().unwrap_or("default")
}

/// The patterns of a condition on the host or the path.
fn patterns(condition: &RuleCondition) -> Vec<&str> {
    let host = condition.host_header_config().map(|config| config.values());
    let path = condition.path_pattern_config().map(|config| config.values());
    let given = host.or(path).unwrap_or_else(|| condition.values());
    given.iter().map(String::as_str).collect()
}

fn takes_everything(condition: &RuleCondition) -> bool {
    let all: &[&str] = match condition.field() {
        Some("path-pattern") => &["*", "/*"],
        Some("host-header") => &["*"],
        _ => return false,
    };
    patterns(condition).iter().any(|pattern| all.contains(pattern))
}

/// Whether every request that meets `narrow` meets `wide` too, as far as can be told: the same condition, or patterns of which
/// each of the narrow ones is matched by a wide one.
fn covers(wide: &RuleCondition, narrow: &RuleCondition) -> bool {
    if wide == narrow {
        return true;
    }
    let (wide_patterns, narrow_patterns) = (patterns(wide), patterns(narrow));
    wide.field() == narrow.field()
        && !narrow_patterns.is_empty()
        && narrow_patterns.iter().all(|one| wide_patterns.iter().any(|wide| matches(wide, one)))
}

/// `*` stands for any characters and `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // Which lengths of the text's beginning the pattern so far can stand for.
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    for symbol in pattern {
        let mut next = vec![false; text.len() + 1];
        if symbol == '*' {
            let mut seen = false;
            for (length, reached) in reach.iter().enumerate() {
                seen |= reached;
                next[length] = seen;
            }
        } else {
            for length in 1..=text.len() {
                let same = symbol == text[length - 1] || symbol == '?' && text[length - 1] != '*';
                next[length] = reach[length - 1] && same;
            }
        }
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
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
    if wiring.awsvpc && group.port() != Some(*port) {
        let other = group.port().unwrap_or_default();
        objections.push(Objection::new(format!(
            "target group {name} is for port {other}, and the service of {environment} registers {port}; allowed: the same"
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
            ("port", number(group.port())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_it_stands_for() {
        for (pattern, text) in [
            ("*", "shop.example"),
            ("/*", "/api/*"),
            ("/a?c", "/abc"),
            ("*.example", "a.b.example"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("/api/*", "/*"), ("/a?c", "/a*c"), ("/a", "/ab"), ("", "a"), ("*.example", "example")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
