//! Where the traffic of a service is divided on an account, from the names on a command line.

use std::collections::BTreeMap;

use petswipe_deploy::Environment;
use petswipe_deploy::aws::{AlbRouting, ProductionRule};

use crate::Exit;
use crate::aws_flags::PORT;
use crate::slo::Service;

/// What names the load balancer, its listener, its rule, and whose they are.
pub(super) struct Names<'a> {
    pub(super) project: &'a str,
    pub(super) environment: &'a str,
    pub(super) load_balancer: Option<&'a str>,
    pub(super) port: u16,
    pub(super) rule: Option<u32>,
    pub(super) test_header: &'a str,
    pub(super) tags: &'a [(String, String)],
}

impl Names<'_> {
    /// Its two sides.
    ///
    /// # Errors
    /// For names that are none.
    pub(super) fn sides(&self) -> Result<[Environment; 2], Exit> {
        let [blue, green] = Service::new(self.project, self.environment).sides();
        Ok([Environment::new(blue.environment)?, Environment::new(green.environment)?])
    }

    /// The tags that everything must carry.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        if !self.tags.is_empty() {
            return self.tags.iter().cloned().collect();
        }
        let own = [("Project", self.project), ("Environment", self.environment)];
        own.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    fn default_balancer(&self) -> String {
        format!("{}-{}-alb", self.project, self.environment)
    }

    /// What divides its traffic.
    ///
    /// # Errors
    /// For names that are none.
    pub(super) fn routing(&self) -> Result<AlbRouting, Exit> {
        let groups = self.sides()?.map(|side| (side.clone(), format!("{side}-tg")));
        let balancer = self.load_balancer.map(str::to_owned);
        Ok(AlbRouting {
            load_balancer: balancer.unwrap_or_else(|| self.default_balancer()),
            port: self.port,
            rule: self.rule.map_or(ProductionRule::Default, ProductionRule::Priority),
            target_groups: groups.into(),
            test_header: self.test_header.to_owned(),
            tags: self.tags(),
        })
    }

    /// Where its operations belong, from `aws:ACCOUNT:REGION`: with the load balancer, the port and the rule where they are not the
    /// default ones. An operation that divides the traffic of one rule knows nothing of another's.
    pub(super) fn location(&self, account: &str) -> String {
        let mut all = account.to_owned();
        if let Some(name) = self.load_balancer.filter(|name| *name != self.default_balancer()) {
            all += &format!("/load-balancer-{name}");
        }
        if self.port != PORT {
            all += &format!("/port-{}", self.port);
        }
        if let Some(rule) = self.rule {
            all += &format!("/rule-{rule}");
        }
        all
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn names() -> Names<'static> {
        Names {
            project: "shop",
            environment: "test",
            load_balancer: None,
            port: 443,
            rule: None,
            test_header: "X-Test",
            tags: &[],
        }
    }

    #[test]
    fn an_operation_is_at_home_at_one_rule() {
        let account = "aws:111111111111:us-east-1";
        assert_eq!(names().location(account), account);
        let named = Names { load_balancer: Some("shop-test-alb"), ..names() };
        assert_eq!(named.location(account), account);
        let other = Names { load_balancer: Some("l"), port: 80, rule: Some(7), ..names() };
        let there = "aws:111111111111:us-east-1/load-balancer-l/port-80/rule-7";
        assert_eq!(other.location(account), there);
    }

    #[test]
    fn the_rule_and_the_tags_are_those_that_were_named() {
        let routing = names().routing().unwrap();
        assert_eq!(routing.rule, ProductionRule::Default);
        assert_eq!((routing.load_balancer.as_str(), routing.port), ("shop-test-alb", 443));
        let own = [("Environment", "test"), ("Project", "shop")];
        assert_eq!(routing.tags, own.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        let tags = [("Team".to_owned(), "pets".to_owned())];
        let other = Names { rule: Some(7), load_balancer: Some("l"), tags: &tags, ..names() };
        let routing = other.routing().unwrap();
        assert_eq!(routing.rule, ProductionRule::Priority(7));
        assert_eq!((routing.load_balancer.as_str(), &routing.tags), ("l", &tags.into()));
    }
}
