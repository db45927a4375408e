//! An Application Load Balancer as a traffic router: weighted forward actions of one listener rule.
//!
//! `find.rs` turns names into resources, `rules.rs` reads and writes rules; what changes a rule that exists is here.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use aws_types::SdkConfig;
use petswipe_runbook::Clock;
use tokio::sync::OnceCell;

mod conditions;
mod examine;
mod find;
mod rules;

pub use find::AlbFound;
use find::named;
use rules::is_forward;

use super::error::error;
use crate::{Authority, Environment, Error, Route, Split, TargetHealth, TrafficRouter};

/// A forward action takes at most so many target groups.
///
/// Source: "Quotas for your Application Load Balancers", Target groups per action.
const MOST_TARGET_GROUPS: usize = 5;

/// Priorities of rules go from 1 to this one.
///
/// Source: Elastic Load Balancing API Reference, CreateRule.
const LAST_PRIORITY: u32 = 50_000;

/// Which load balancer, which of its rules, and which target groups: everything by name, nothing by being the first.
#[derive(Clone, Debug)]
pub struct AlbRouting {
    /// The name of the load balancer, unique in its account and region.
    pub load_balancer: String,
    /// The port of its listener.
    pub port: u16,
    /// The rule that divides production traffic.
    pub rule: ProductionRule,
    /// The name of each environment's target group.
    pub target_groups: BTreeMap<Environment, String>,
    /// The header of test requests. Its value is the end of the environment's name, `green` of `shop-production-green`.
    pub test_header: String,
    /// Tags that the load balancer and the target groups must carry, such as the project's. The rule for test traffic
    /// gets them too.
    pub tags: BTreeMap<String, String>,
}

/// A rule of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductionRule {
    /// The default actions of the listener.
    Default,
    /// The rule with this priority, 1 to 50,000.
    Priority(u32),
}

/// Divides traffic by the weights of a listener rule.
///
/// AWS keeps no fencing numbers and compares nothing when a rule is changed, so [`Error::Conflict`] is as good as the read
/// just before the change. A test route comes before the rule that divides traffic, and before every rule that might take a
/// test request instead of it.
pub struct AlbRouter {
    client: Client,
    routing: AlbRouting,
    clock: Arc<dyn Clock>,
    found: OnceCell<AlbFound>,
}

impl AlbRouter {
    /// A router that finds everything by name at its first call. `clock` is the driver's: what it is told is dated by it.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] for more than five or no target groups, one that is named twice, or a priority out of range.
    pub fn new(
        config: &SdkConfig,
        routing: AlbRouting,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let count = routing.target_groups.len();
        if count == 0 || count > MOST_TARGET_GROUPS {
            return Err(Error::invalid("number of target groups", count, "1 to 5"));
        }
        let mut names: Vec<_> = routing.target_groups.values().collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid(
                "target group",
                twice[0],
                "a different one for each environment",
            ));
        }
        if let ProductionRule::Priority(priority) = routing.rule
            && !(1..=LAST_PRIORITY).contains(&priority)
        {
            return Err(Error::invalid("priority of the rule", priority, "1 to 50000"));
        }
        Ok(Self { client: Client::new(config), routing, clock, found: OnceCell::new() })
    }

    /// What the names stand for, looked up once.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what is missing, [`Error::InvalidPlan`] for what is ambiguous, of another kind, or without
    /// the tags.
    pub async fn found(&self) -> Result<&AlbFound, Error> {
        self.found.get_or_try_init(|| self.find()).await
    }
}

#[async_trait]
impl TrafficRouter for AlbRouter {
    async fn route(&self) -> Result<Route, Error> {
        let observed_at = self.clock.now();
        let found = self.found().await?;
        let rules = self.rules(found).await?;
        let split = self.split_of(found, self.production(&rules)?)?;
        let test = self.test_rule(found, &rules)?.map(|(_, environment)| environment);
        Ok(Route { split, test, observed_at })
    }

    async fn set_split(
        &self,
        _authority: &Authority,
        expected: &[Split],
        to: &Split,
    ) -> Result<(), Error> {
        let found = self.found().await?;
        for (environment, _) in to.iter() {
            self.target_group(found, environment)?;
        }
        let rules = self.rules(found).await?;
        let rule = self.production(&rules)?;
        let current = self.split_of(found, rule)?;
        if current == *to {
            return Ok(());
        }
        if !expected.contains(&current) {
            let expected: Vec<_> = expected.iter().map(Split::to_string).collect();
            return Err(Error::Conflict {
                what: format!("the split of {}", self.described()),
                expected: expected.join(" or "),
                found: current.to_string(),
            });
        }
        // Whatever else the rule does, such as asking users to log in, it goes on doing.
        let mut actions = rule.actions().to_vec();
        // AWS never tells the secret of a login, and wants it again or the word that it stays.
        for login in actions.iter_mut().filter_map(|one| one.authenticate_oidc_config.as_mut()) {
            login.client_secret = None;
            login.use_existing_client_secret = Some(true);
        }
        for action in actions.iter_mut().filter(|action| is_forward(action)) {
            *action = self.forward(found, to, Some(action));
        }
        let what = self.described();
        match self.routing.rule {
            ProductionRule::Default => {
                let modify = self.client.modify_listener().listener_arn(&found.listener);
                let modify = modify.set_default_actions(Some(actions)).send();
                modify.await.map_err(|e| error("ModifyListener", &what, e))?;
            }
            ProductionRule::Priority(_) => {
                let arn = named(&what, rule.rule_arn())?;
                let modify = self.client.modify_rule().rule_arn(arn).set_actions(Some(actions));
                modify.send().await.map_err(|e| error("ModifyRule", &what, e))?;
            }
        }
        Ok(())
    }

    async fn set_test_route<'a>(
        &self,
        _authority: &Authority,
        environment: Option<&'a Environment>,
    ) -> Result<(), Error> {
        let found = self.found().await?;
        if let Some(environment) = environment {
            self.target_group(found, environment)?;
        }
        let rules = self.rules(found).await?;
        let current = self.test_rule(found, &rules)?;
        let what = self.described();
        match (current, environment) {
            (Some((_, there)), Some(environment)) if there == *environment => Ok(()),
            (None, None) => Ok(()),
            (Some((rule, _)), None) => {
                let arn = named(&what, rule.rule_arn())?;
                let deleted = self.client.delete_rule().rule_arn(arn).send().await;
                deleted.map_err(|e| error("DeleteRule", &what, e))?;
                Ok(())
            }
            (current, Some(environment)) => {
                let forward = self.forward(found, &Split::all_to(environment.clone()), None);
                let Some((rule, _)) = current else {
                    return self.create_test_rule(found, &rules, environment, forward).await;
                };
                let modify = self
                    .client
                    .modify_rule()
                    .rule_arn(named(&what, rule.rule_arn())?)
                    .conditions(self.test_condition(environment))
                    .actions(forward);
                modify.send().await.map_err(|e| error("ModifyRule", &what, e))?;
                Ok(())
            }
        }
    }

    async fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
        let observed_at = self.clock.now();
        let found = self.found().await?;
        let arn = self.target_group(found, environment)?;
        let what = format!("the targets of {environment}");
        let answer = self.client.describe_target_health().target_group_arn(arn).send().await;
        let answer = answer.map_err(|e| error("DescribeTargetHealth", &what, e))?;
        let mut health = TargetHealth {
            environment: environment.clone(),
            healthy: 0,
            unhealthy: 0,
            reasons: Vec::new(),
            observed_at,
        };
        for target in answer.target_health_descriptions() {
            let seen = target.target_health();
            match seen.and_then(|seen| seen.state()) {
                Some(TargetHealthStateEnum::Healthy) => health.healthy += 1,
                Some(
                    TargetHealthStateEnum::Draining | TargetHealthStateEnum::UnhealthyDraining,
                ) => {}
                // Initial, unhealthy, unused, unavailable, and whatever AWS may call it next.
                state => {
                    health.unhealthy += 1;
                    let reason = seen.and_then(|seen| seen.reason()).map(|reason| reason.as_str());
                    let said = seen.and_then(|seen| seen.description());
                    let state = state.map_or("unknown", TargetHealthStateEnum::as_str);
                    health.reasons.push(said.or(reason).unwrap_or(state).to_owned());
                }
            }
        }
        health.reasons.sort_unstable();
        health.reasons.dedup();
        Ok(health)
    }
}
