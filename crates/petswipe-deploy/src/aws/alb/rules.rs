//! Rules of a listener: how they divide traffic, and how one that divides it otherwise is written.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, HttpHeaderConditionConfig, Rule, RuleCondition,
    Tag, TargetGroupTuple,
};

use super::conditions::{is_apart, priority};
use super::find::AlbFound;
use super::{AlbRouter, AlbRouting, LAST_PRIORITY, ProductionRule};
use crate::aws::error::error;
use crate::{Environment, Error, Percent, Split};

impl AlbRouter {
    pub(super) async fn rules(&self, found: &AlbFound) -> Result<Vec<Rule>, Error> {
        self.rules_of(&found.listener, &self.described()).await
    }

    /// The rules of any listener, which are called that.
    pub(super) async fn rules_of(&self, listener: &str, what: &str) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        let mut pages = self.client.describe_rules().listener_arn(listener).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("DescribeRules", what, e))?;
            rules.extend(page.rules().iter().cloned());
        }
        Ok(rules)
    }

    pub(super) fn described(&self) -> String {
        let AlbRouting { load_balancer, port, .. } = &self.routing;
        format!("the rules on port {port} of load balancer {load_balancer}")
    }

    pub(super) fn production<'a>(&self, rules: &'a [Rule]) -> Result<&'a Rule, Error> {
        let mine: Vec<_> = rules
            .iter()
            .filter(|rule| match self.routing.rule {
                ProductionRule::Default => rule.is_default() == Some(true),
                ProductionRule::Priority(priority) => {
                    rule.priority() == Some(&priority.to_string())
                }
            })
            .collect();
        match mine.as_slice() {
            [rule] => Ok(rule),
            _ => {
                let which = match self.routing.rule {
                    ProductionRule::Default => "the default rule".to_owned(),
                    ProductionRule::Priority(priority) => format!("priority {priority}"),
                };
                Err(Error::NotFound { what: format!("{which} among {}", self.described()) })
            }
        }
    }

    /// How a rule divides its traffic.
    pub(super) fn split_of(&self, found: &AlbFound, rule: &Rule) -> Result<Split, Error> {
        let unreadable = |what: String| Error::Unsupported {
            what,
            backend: format!("a rollout by {}", self.described()),
        };
        let forward = rule.actions().iter().find(|action| is_forward(action));
        let forward =
            forward.ok_or_else(|| unreadable("a rule that forwards nothing".to_owned()))?;
        let groups: Vec<_> =
            targets(forward).into_iter().filter(|(_, weight)| *weight > 0).collect();
        let sum: u32 = groups.iter().map(|(_, weight)| weight).sum();
        let mut shares = Vec::new();
        for (arn, weight) in groups {
            let mut known = found.target_groups.iter();
            let environment = known.find(|(_, known)| **known == arn).map(|(name, _)| name);
            let environment = environment.ok_or_else(|| {
                unreadable(format!("traffic to {arn}, which is no environment of it"))
            })?;
            if (weight * 100) % sum != 0 {
                let what = format!("a weight of {weight} of {sum}, which is no whole percentage");
                return Err(unreadable(what));
            }
            let share = u8::try_from(weight * 100 / sum).unwrap_or(u8::MAX);
            shares.push((environment.clone(), Percent::new(share)?));
        }
        Split::new(shares).map_err(|_| unreadable("a rule whose weights are all 0".to_owned()))
    }

    /// The rule that leads test traffic somewhere, and where to.
    pub(super) fn test_rule<'a>(
        &self,
        found: &AlbFound,
        rules: &'a [Rule],
    ) -> Result<Option<(&'a Rule, Environment)>, Error> {
        let mine = |rule: &&Rule| self.test_header_of(rule).is_some();
        let mut mine = rules.iter().filter(mine);
        let (Some(rule), another) = (mine.next(), mine.next()) else { return Ok(None) };
        if another.is_some() {
            let what = format!(
                "the rule for the header {} among {}",
                self.routing.test_header,
                self.described()
            );
            return Err(Error::invalid(what, "several", "at most one"));
        }
        let split = self.split_of(found, rule)?;
        let only = split.only().cloned();
        let environment = only.ok_or_else(|| Error::Unsupported {
            what: format!("test traffic that is divided as {split}"),
            backend: "a rollout".to_owned(),
        })?;
        Ok(Some((rule, environment)))
    }

    /// The condition of a rule for test requests.
    pub(super) fn test_header_of<'a>(
        &self,
        rule: &'a Rule,
    ) -> Option<&'a HttpHeaderConditionConfig> {
        let mut conditions = rule.conditions().iter().filter_map(RuleCondition::http_header_config);
        conditions.find(|header| {
            let name = header.http_header_name().unwrap_or_default();
            name.eq_ignore_ascii_case(&self.routing.test_header)
        })
    }

    pub(super) fn target_group<'a>(
        &self,
        found: &'a AlbFound,
        environment: &Environment,
    ) -> Result<&'a str, Error> {
        let group = found.target_groups.get(environment).map(String::as_str);
        group.ok_or_else(|| Error::NotFound {
            what: format!("a target group of environment {environment}"),
        })
    }

    /// Every target group stays named, with a weight of 0 if need be: one that no rule names is never health-checked.
    pub(super) fn forward(
        &self,
        found: &AlbFound,
        split: &Split,
        as_it_was: Option<&Action>,
    ) -> Action {
        let tuples = found.target_groups.iter().map(|(environment, arn)| {
            let weight = i32::from(split.share(environment).get());
            TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build()
        });
        let stickiness = as_it_was
            .and_then(Action::forward_config)
            .and_then(ForwardActionConfig::target_group_stickiness_config);
        let config = ForwardActionConfig::builder()
            .set_target_groups(Some(tuples.collect()))
            .set_target_group_stickiness_config(stickiness.cloned())
            .build();
        Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .forward_config(config)
            .set_order(as_it_was.and_then(Action::order))
            .build()
    }

    pub(super) fn test_condition(&self, environment: &Environment) -> RuleCondition {
        let header = HttpHeaderConditionConfig::builder()
            .http_header_name(&self.routing.test_header)
            .values(environment.short())
            .build();
        RuleCondition::builder().field("http-header").http_header_config(header).build()
    }

    pub(super) async fn create_test_rule(
        &self,
        found: &AlbFound,
        rules: &[Rule],
        environment: &Environment,
        forward: Action,
    ) -> Result<(), Error> {
        let priority = test_priority(rules, self.production(rules)?);
        let priority = priority.ok_or_else(|| Error::Unsupported {
            what: "a test route, as no priority is free before every rule that may take a test request,"
                .to_owned(),
            backend: self.described(),
        })?;
        let tags = self
            .routing
            .tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags: Vec<_> = tags.collect();
        let create = self
            .client
            .create_rule()
            .listener_arn(&found.listener)
            .priority(priority)
            .conditions(self.test_condition(environment))
            .actions(forward)
            .set_tags((!tags.is_empty()).then_some(tags));
        create.send().await.map_err(|e| error("CreateRule", &self.described(), e))?;
        Ok(())
    }
}

/// The priority for a rule for test requests: the first free one before the rule that divides traffic, if the rules before
/// it take no request that this one would take. As what is tested may be any of them, an earlier rule must be apart.
pub(super) fn test_priority(rules: &[Rule], production: &Rule) -> Option<i32> {
    let taken: BTreeSet<_> = rules.iter().filter_map(priority).collect();
    let end = priority(production).unwrap_or(LAST_PRIORITY + 1);
    let free = (1..end).find(|number| !taken.contains(number))?;
    let mut before = rules.iter().filter(|rule| priority(rule).is_some_and(|held| held < free));
    before
        .all(|rule| is_apart(rule, production))
        .then_some(free)
        .and_then(|free| free.try_into().ok())
}

pub(super) fn is_forward(action: &Action) -> bool {
    action.r#type() == Some(&ActionTypeEnum::Forward)
}

/// The target groups of a forward action with their weights; a single one may stand alone, and no weight is a 1.
pub(super) fn targets(forward: &Action) -> Vec<(String, u32)> {
    let groups =
        forward.forward_config().map(ForwardActionConfig::target_groups).unwrap_or_default();
    let weighted = groups.iter().filter_map(|group| {
        let weight = u32::try_from(group.weight().unwrap_or(1)).unwrap_or(0);
        Some((group.target_group_arn()?.to_owned(), weight))
    });
    let weighted: Vec<_> = weighted.collect();
    match forward.target_group_arn() {
        Some(alone) if weighted.is_empty() => vec![(alone.to_owned(), 1)],
        _ => weighted,
    }
}
