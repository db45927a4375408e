//! The load balancer in the words of a deployment: environments with shares, and a rule for test traffic.

use std::sync::{Mutex, PoisonError};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use petswipe_deploy::{Environment, Error, Percent, Route, Split, TargetHealth};

use crate::balancer::{self, Balancer, Condition, Forward, Rule, TargetState};

/// The header of requests meant for one environment; its value is the environment's short name.
pub const TEST_HEADER: &str = "X-Test-Environment";
/// The requests of a smoke test.
pub(crate) const SMOKE_REQUESTS: [&str; 2] = ["/health", "/api/pets?limit=1"];

/// An environment as the router knows it.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) environment: Environment,
    pub(crate) short: String,
    pub(crate) group: String,
}

/// Reads and writes the rules of one load balancer.
#[derive(Debug)]
pub(crate) struct Router {
    balancer: Balancer,
    name: String,
    sides: Vec<Side>,
    /// Held from reading the rules to writing them.
    changing: Mutex<()>,
}

impl Router {
    pub(crate) fn new(balancer: Balancer, name: String, sides: Vec<Side>) -> Self {
        Self { balancer, name, sides, changing: Mutex::new(()) }
    }

    pub(crate) fn route(&self) -> Result<Route, Error> {
        Ok(Route {
            split: self.split()?,
            test: self.test_rules().first().and_then(|rule| self.led_to(&rule.forward)),
            observed_at: Timestamp::now(),
        })
    }

    pub(crate) fn set_split(&self, expected: &[Split], to: &Split) -> Result<(), Error> {
        let mut groups = Vec::new();
        for (environment, share) in to.iter() {
            groups.push((self.side(environment)?.group.clone(), u16::from(share.get())));
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.split()?;
        if found == *to {
            return Ok(());
        }
        if !expected.contains(&found) {
            let expected: Vec<_> = expected.iter().map(Split::to_string).collect();
            return Err(Error::Conflict {
                what: format!("the split of {}", self.name),
                expected: expected.join(" or "),
                found: found.to_string(),
            });
        }
        let stickiness = self.balancer.default_action().stickiness;
        let forward = Forward { stickiness, ..Forward::weighted(groups) };
        self.balancer.set_default(forward).map_err(refused)
    }

    pub(crate) fn set_test_route(&self, environment: Option<&Environment>) -> Result<(), Error> {
        let side = environment.map(|environment| self.side(environment)).transpose()?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.test_rules();
        let mut kept = None;
        if let Some(side) = side {
            let mut wanted = Rule {
                priority: 0,
                conditions: vec![test_condition(&side.short)],
                forward: Forward::to(side.group.as_str()),
                test: true,
            };
            wanted.priority = self.free_priority(side)?;
            kept = Some(wanted.priority);
            if !before.contains(&wanted) {
                self.balancer.set_rule(wanted).map_err(refused)?;
            }
        }
        for rule in before.iter().filter(|rule| Some(rule.priority) != kept) {
            self.balancer.remove_rule(rule.priority).map_err(refused)?;
        }
        Ok(())
    }

    pub(crate) fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
        let side = self.side(environment)?;
        let targets = self.balancer.targets(&side.group).map_err(refused)?;
        let mut health = TargetHealth {
            environment: environment.clone(),
            healthy: 0,
            unhealthy: 0,
            reasons: Vec::new(),
            observed_at: Timestamp::now(),
        };
        for target in targets {
            match target.state {
                TargetState::Healthy => health.healthy += 1,
                TargetState::Draining => {}
                TargetState::Initial => {
                    health.unhealthy += 1;
                    health.reasons.push(format!("{}: initial health checks", target.id));
                }
                TargetState::Unhealthy { reason } => {
                    health.unhealthy += 1;
                    health.reasons.push(format!("{}: {reason}", target.id));
                }
            }
        }
        Ok(health)
    }

    fn side(&self, environment: &Environment) -> Result<&Side, Error> {
        let found = self.sides.iter().find(|side| side.environment == *environment);
        found.ok_or_else(|| not_found(environment, &self.name))
    }

    fn split(&self) -> Result<Split, Error> {
        let forward = self.balancer.default_action();
        let weights: Vec<u32> = forward.groups.iter().map(|group| group.weight.into()).collect();
        let mut shares = Vec::new();
        for (group, percent) in forward.groups.iter().zip(percentages(&weights)) {
            let side = self.sides.iter().find(|side| side.group == group.name);
            let environment = match side {
                Some(side) => side.environment.clone(),
                None => Environment::new(group.name.as_str())?,
            };
            shares.push((environment, Percent::new(percent)?));
        }
        Split::new(shares)
    }

    /// The rules that go by the test header and nothing else, the first that holds at the front.
    fn test_rules(&self) -> Vec<Rule> {
        let mut rules = self.balancer.rules();
        rules.retain(|rule| {
            matches!(rule.conditions.as_slice(), [Condition::Header { name, .. }]
                if name.eq_ignore_ascii_case(TEST_HEADER))
        });
        rules.sort_by_key(|rule| rule.priority);
        rules
    }

    fn led_to(&self, forward: &Forward) -> Option<Environment> {
        let group = forward.groups.iter().max_by_key(|group| group.weight)?;
        let side = self.sides.iter().find(|side| side.group == group.name)?;
        Some(side.environment.clone())
    }

    /// The lowest number that no other rule has, unless a rule before it would take the test requests.
    fn free_priority(&self, side: &Side) -> Result<u32, Error> {
        let own: Vec<_> = self.test_rules().iter().map(|rule| rule.priority).collect();
        let others: Vec<_> =
            self.balancer.rules().into_iter().filter(|r| !own.contains(&r.priority)).collect();
        let free = (1..=50_000).find(|number| others.iter().all(|rule| rule.priority != *number));
        let free = free.unwrap_or(50_000);
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&side.short) {
            headers.insert(HeaderName::from_static("x-test-environment"), value);
        }
        let takes = |rule: &&Rule| {
            rule.priority <= free
                && SMOKE_REQUESTS.iter().any(|request| {
                    rule.holds(request.split('?').next().unwrap_or_default(), &headers)
                })
        };
        match others.iter().find(takes) {
            None => Ok(free),
            Some(rule) => Err(Error::Conflict {
                what: format!("the rules of {}", self.name),
                expected: "free for a rule on the test header before all that match its requests"
                    .to_owned(),
                found: format!("taken: rule {} matches them first", rule.priority),
            }),
        }
    }
}

fn test_condition(short: &str) -> Condition {
    Condition::Header { name: TEST_HEADER.to_owned(), value: short.to_owned() }
}

pub(super) fn not_found(environment: &Environment, cloud: &str) -> Error {
    Error::NotFound { what: format!("environment {environment} in {cloud}") }
}

/// Weights as whole percentages that sum to 100; what rounding leaves goes to the largest remainders.
fn percentages(weights: &[u32]) -> Vec<u8> {
    let sum: u32 = weights.iter().sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut shares: Vec<_> = weights.iter().map(|weight| weight * 100 / sum).collect();
    let mut order: Vec<_> = (0..weights.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(weights[*index] * 100 % sum));
    let left = 100 - shares.iter().sum::<u32>();
    order.iter().take(left as usize).for_each(|index| shares[*index] += 1);
    shares.into_iter().map(|share| u8::try_from(share).unwrap_or(100)).collect()
}

/// An error of the load balancer in the words of a deployment.
pub(super) fn refused(error: balancer::Error) -> Error {
    match error {
        balancer::Error::Invalid { field, value, allowed } => {
            Error::InvalidPlan { field, value, allowed }
        }
        balancer::Error::NotFound { what } => Error::NotFound { what },
        other => Error::backend("configuring the load balancer", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balancer::{BalancerConfig, TargetGroupConfig};

    fn environment(short: &str) -> Environment {
        Environment::new(format!("shop-test-{short}")).unwrap()
    }

    async fn router() -> Router {
        let balancer = Balancer::start(BalancerConfig::default()).await.unwrap();
        let sides = ["blue", "green"].map(|short| Side {
            environment: environment(short),
            short: short.to_owned(),
            group: format!("shop-test-{short}-tg"),
        });
        for side in &sides {
            balancer.create_target_group(&side.group, TargetGroupConfig::default()).unwrap();
        }
        balancer.set_default(Forward::to("shop-test-blue-tg")).unwrap();
        Router::new(balancer, "shop-test".to_owned(), sides.to_vec())
    }

    #[test]
    fn weights_become_percentages_that_sum_to_100() {
        for (weights, expected) in [
            (vec![1], vec![100]),
            (vec![95, 5], vec![95, 5]),
            (vec![1, 1, 1], vec![34, 33, 33]),
            (vec![999, 1], vec![100, 0]),
            (vec![2, 1], vec![67, 33]),
            (vec![0, 7], vec![0, 100]),
        ] {
            assert_eq!(percentages(&weights), expected, "{weights:?}");
        }
    }

    #[tokio::test]
    async fn a_foreign_split_is_a_conflict_that_changes_nothing() {
        let router = router().await;
        let (blue, green) = (environment("blue"), environment("green"));
        let half = Split::between(green.clone(), Percent::new(50).unwrap(), blue.clone());
        router.set_split(&[Split::all_to(blue.clone())], &half).unwrap();
        router.set_split(&[Split::all_to(blue.clone())], &half).unwrap();
        assert_eq!(router.route().unwrap().split, half);
        let error = router.set_split(&[Split::all_to(blue)], &Split::all_to(green.clone()));
        assert!(matches!(error, Err(Error::Conflict { .. })));
        assert_eq!(router.route().unwrap().split, half);
        router.set_split(std::slice::from_ref(&half), &Split::all_to(green.clone())).unwrap();
        assert_eq!(router.route().unwrap().split, Split::all_to(green));
        let unknown = Split::all_to(environment("red"));
        assert!(matches!(router.set_split(&[], &unknown), Err(Error::NotFound { .. })));
    }

    #[tokio::test]
    async fn the_test_rule_stands_before_all_others_or_is_refused() {
        let router = router().await;
        let green = environment("green");
        let path = |priority, pattern: &str| Rule {
            priority,
            conditions: vec![Condition::Path(pattern.to_owned())],
            forward: Forward::to("shop-test-blue-tg"),
            test: false,
        };
        router.balancer.set_rule(path(1, "/static/*")).unwrap();
        router.balancer.set_rule(path(3, "/*")).unwrap();
        router.set_test_route(Some(&green)).unwrap();
        router.set_test_route(Some(&green)).unwrap();
        assert_eq!(router.route().unwrap().test, Some(green.clone()));
        assert_eq!(router.test_rules()[0].priority, 2);
        router.set_test_route(Some(&environment("blue"))).unwrap();
        assert_eq!(router.route().unwrap().test, Some(environment("blue")));
        router.set_test_route(None).unwrap();
        router.set_test_route(None).unwrap();
        assert_eq!(router.route().unwrap().test, None);
        assert_eq!(router.balancer.rules().len(), 2);
        router.balancer.set_rule(path(1, "/*")).unwrap();
        let refused = router.set_test_route(Some(&green));
        assert!(matches!(refused, Err(Error::Conflict { .. })));
        assert_eq!(router.balancer.rules().len(), 2);
    }
}
