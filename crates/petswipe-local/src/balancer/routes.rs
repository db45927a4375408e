//! The rules in force: one immutable snapshot that a request looks at once.

use std::sync::Arc;

use fastrand::Rng;
use hyper::HeaderMap;

use super::group::Group;
use super::{Forward, Rule, sticky};

/// All rules in order of priority, and the default.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) rules: Vec<(Rule, Arc<Route>)>,
    pub(crate) default: Arc<Route>,
}

impl Routes {
    /// The action for a request.
    pub(crate) fn route(&self, path: &str, headers: &HeaderMap) -> &Arc<Route> {
        let rule = self.rules.iter().find(|(rule, _)| rule.holds(path, headers));
        rule.map_or(&self.default, |(_, route)| route)
    }

    /// The same with one rule added or replaced.
    pub(crate) fn with_rule(&self, rule: Rule, route: Route) -> Self {
        let mut rules: Vec<_> = self.others(rule.priority).collect();
        let place = rules.partition_point(|(other, _)| other.priority < rule.priority);
        rules.insert(place, (rule, Arc::new(route)));
        Self { rules, default: self.default.clone() }
    }

    /// The same without the rule of that priority.
    pub(crate) fn without_rule(&self, priority: u32) -> Self {
        Self { rules: self.others(priority).collect(), default: self.default.clone() }
    }

    /// The same with another default.
    pub(crate) fn with_default(&self, route: Route) -> Self {
        Self { rules: self.rules.clone(), default: Arc::new(route) }
    }

    fn others(&self, priority: u32) -> impl Iterator<Item = (Rule, Arc<Route>)> + '_ {
        let others = self.rules.iter();
        others.filter(move |(rule, _)| rule.priority != priority).cloned()
    }
}

/// An action with its groups looked up.
#[derive(Debug, Default)]
pub(crate) struct Route {
    pub(crate) forward: Forward,
    /// Whether its requests are kept out of the metrics of production.
    pub(crate) test: bool,
    groups: Vec<(Arc<Group>, u32)>,
    total: u32,
}

impl Route {
    /// Looks up the groups of a forward. The error names a group that does not exist.
    pub(crate) fn new(
        forward: Forward,
        find: impl Fn(&str) -> Option<Arc<Group>>,
    ) -> Result<Self, String> {
        let mut groups = Vec::with_capacity(forward.groups.len());
        let mut total = 0;
        for weighted in &forward.groups {
            let group = find(&weighted.name).ok_or_else(|| weighted.name.clone())?;
            total += u32::from(weighted.weight);
            groups.push((group, u32::from(weighted.weight)));
        }
        Ok(Self { forward, test: false, groups, total })
    }

    /// The group for a request: the one its cookie names if that still has a weight, else one at random by weight.
    pub(crate) fn choose(
        &self,
        headers: &HeaderMap,
        now: i64,
        rng: &mut Rng,
    ) -> Option<&Arc<Group>> {
        if self.forward.stickiness.is_some()
            && let Some((group, _)) = self
                .groups
                .iter()
                .find(|(group, weight)| *weight > 0 && sticky::names(headers, &group.name, now))
        {
            return Some(group);
        }
        if self.total == 0 {
            return None;
        }
        let mut draw = rng.u32(..self.total);
        for (group, weight) in &self.groups {
            match draw.checked_sub(*weight) {
                None => return Some(group),
                Some(rest) => draw = rest,
            }
        }
        None
    }
}
