//! What the names stand for: looked up once, each exactly one, with the tags of the project.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancerTypeEnum, ProtocolEnum, Tag};

use super::{AlbRouter, AlbRouting};
use crate::aws::error::error;
use crate::{Environment, Error};

/// What the names of an [`AlbRouting`] stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlbFound {
    /// The ARN of the load balancer.
    pub load_balancer: String,
    /// Its public name.
    pub dns_name: String,
    /// The ARN of the listener.
    pub listener: String,
    /// Whether the listener speaks HTTPS.
    pub secure: bool,
    /// The ARN of each environment's target group.
    pub target_groups: BTreeMap<Environment, String>,
}

impl AlbFound {
    /// The end of an ARN by which CloudWatch knows a load balancer, `app/name/id`, or a target group,
    /// `targetgroup/name/id`.
    ///
    /// Source: "CloudWatch metrics for your Application Load Balancer", Metric dimensions.
    pub fn dimension(arn: &str) -> &str {
        let end = arn.rsplit(':').next().unwrap_or(arn);
        end.strip_prefix("loadbalancer/").unwrap_or(end)
    }
}

impl AlbRouter {
    pub(super) async fn find(&self) -> Result<AlbFound, Error> {
        let name = &self.routing.load_balancer;
        let what = format!("load balancer {name}");
        let answer = self.client.describe_load_balancers().names(name).send().await;
        let answer = answer.map_err(|e| error("DescribeLoadBalancers", &what, e))?;
        let balancer = one(&what, answer.load_balancers())?;
        if balancer.r#type() != Some(&LoadBalancerTypeEnum::Application) {
            return Err(Error::invalid(
                "type of the load balancer",
                name,
                "an Application Load Balancer",
            ));
        }
        let dns_name = balancer.dns_name().unwrap_or_default().to_owned();
        let balancer = named(&what, balancer.load_balancer_arn())?;
        let (listener, secure) = self.find_listener(&balancer).await?;
        let mut target_groups = BTreeMap::new();
        for (environment, name) in &self.routing.target_groups {
            let what = format!("target group {name}");
            let answer = self.client.describe_target_groups().names(name).send().await;
            let answer = answer.map_err(|e| error("DescribeTargetGroups", &what, e))?;
            let group = one(&what, answer.target_groups())?;
            target_groups.insert(environment.clone(), named(&what, group.target_group_arn())?);
        }
        let all = [balancer.clone()].into_iter().chain(target_groups.values().cloned()).collect();
        self.check_tags(all).await?;
        Ok(AlbFound { load_balancer: balancer, dns_name, listener, secure, target_groups })
    }

    async fn find_listener(&self, balancer: &str) -> Result<(String, bool), Error> {
        let AlbRouting { load_balancer, port, .. } = &self.routing;
        let what = format!("the listener on port {port} of load balancer {load_balancer}");
        let mut found = Vec::new();
        let mut pages =
            self.client.describe_listeners().load_balancer_arn(balancer).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("DescribeListeners", &what, e))?;
            let mine = |listener: &&Listener| listener.port() == Some(i32::from(*port));
            found.extend(page.listeners().iter().filter(mine).cloned());
        }
        let listener = one(&what, &found)?;
        let secure = listener.protocol() == Some(&ProtocolEnum::Https);
        Ok((named(&what, listener.listener_arn())?, secure))
    }

    /// What carries the names but not the tags of the project belongs to somebody else.
    async fn check_tags(&self, arns: Vec<String>) -> Result<(), Error> {
        if self.routing.tags.is_empty() {
            return Ok(());
        }
        let count = arns.len();
        let what = format!("load balancer {} and its target groups", self.routing.load_balancer);
        let answer = self.client.describe_tags().set_resource_arns(Some(arns)).send().await;
        let answer = answer.map_err(|e| error("DescribeTags", &what, e))?;
        let described = answer.tag_descriptions();
        if described.len() != count {
            return Err(Error::NotFound { what: format!("tags of {what}") });
        }
        for resource in described {
            for (key, value) in &self.routing.tags {
                let mut tags = resource.tags().iter();
                let carried = tags.find(|tag| tag.key() == Some(key)).and_then(Tag::value);
                if carried != Some(value) {
                    let arn = resource.resource_arn().unwrap_or_default();
                    let found = carried.unwrap_or("missing");
                    return Err(Error::invalid(format!("tag {key} of {arn}"), found, value));
                }
            }
        }
        Ok(())
    }
}

/// The only one of its kind.
fn one<'a, T>(what: &str, found: &'a [T]) -> Result<&'a T, Error> {
    match found {
        [one] => Ok(one),
        [] => Err(Error::NotFound { what: what.to_owned() }),
        several => Err(Error::invalid(what, format!("{} of them", several.len()), "exactly one")),
    }
}

pub(super) fn named(what: &str, arn: Option<&str>) -> Result<String, Error> {
    arn.map(str::to_owned).ok_or_else(|| Error::NotFound { what: format!("the ARN of {what}") })
}
