//! Looking for the target groups, the load balancer and its listener.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::TargetGroup;

use super::{Held, Survey};
use crate::aws::failed::{Failed, called};
use crate::aws::stack::Run;
use crate::aws::stack::resource::{Resource, Side};
use crate::aws::stack::settings::{CONTAINER_PORT, Settings};

/// One call takes so many ARNs.
///
/// Source: "DescribeTags", Elastic Load Balancing API Reference.
const ARNS: usize = 20;

/// A part with its ARN, and in which way it is not what is wanted.
type Found = BTreeMap<Resource, (String, Option<String>)>;

impl Survey {
    /// Looks at Elastic Load Balancing.
    pub(super) async fn look_for_balancing(
        &mut self,
        run: &Run<'_>,
        wanted: Option<&Settings>,
    ) -> Result<(), Failed> {
        let client = &run.account.balancing;
        let mut found = Found::new();
        for side in Side::ALL {
            let part = Resource::TargetGroup(side);
            let name = run.names.of(part);
            let answer = client.describe_target_groups().names(&name).send().await;
            match called("DescribeTargetGroups", &name, answer) {
                Ok(answer) => {
                    for group in answer.target_groups() {
                        let arn = group.target_group_arn().unwrap_or_default().to_owned();
                        found.insert(part, (arn, wanted.and_then(|wanted| differs(group, wanted))));
                    }
                }
                Err(failed) if failed.is("TargetGroupNotFound") => {}
                Err(failed) => return Err(failed),
            }
        }
        let name = run.names.of(Resource::LoadBalancer);
        let answer = client.describe_load_balancers().names(&name).send().await;
        let mut listeners = Vec::new();
        match called("DescribeLoadBalancers", &name, answer) {
            Ok(answer) => {
                for balancer in answer.load_balancers() {
                    let arn = balancer.load_balancer_arn().unwrap_or_default().to_owned();
                    self.address = balancer.dns_name().map(str::to_owned);
                    listeners = look_for_listeners(run, &arn).await?;
                    let differs = wanted.and_then(|wanted| elsewhere(balancer.vpc_id(), wanted));
                    found.insert(Resource::LoadBalancer, (arn, differs));
                }
            }
            Err(failed) if failed.is("LoadBalancerNotFound") => {}
            Err(failed) => return Err(failed),
        }
        let arns = found.values().map(|(arn, _)| arn).chain(listeners.iter().map(|(arn, _)| arn));
        let foreign = whose(run, arns.cloned().collect()).await?;
        for (part, (arn, differs)) in found {
            let held = match foreign.get(&arn).cloned().flatten() {
                Some(why) => Held::Foreign { why },
                None => Held::Ours { id: arn, differs },
            };
            self.held.insert(part, held);
        }
        self.judge_listeners(&listeners, &foreign, wanted);
        Ok(())
    }

    /// Ours is the one with our tags, on whatever port; what else is there may be in its way.
    fn judge_listeners(
        &mut self,
        listeners: &[(String, i32)],
        foreign: &BTreeMap<String, Option<String>>,
        wanted: Option<&Settings>,
    ) {
        let wanted = wanted.map(Settings::listener_port);
        for (arn, port) in listeners {
            let held = match foreign.get(arn).cloned().flatten() {
                None => {
                    let other = wanted.filter(|wanted| wanted != port);
                    let differs = other.map(|other| format!("it is on port {port}, not {other}"));
                    Held::Ours { id: arn.clone(), differs }
                }
                // A load balancer takes all its listeners along.
                Some(why) if wanted.is_none() => {
                    let why = format!("its listener on port {port} is not this stack's: {why}");
                    self.held.insert(Resource::LoadBalancer, Held::Foreign { why });
                    continue;
                }
                Some(why) if wanted == Some(*port) => Held::Foreign { why },
                Some(_) => continue,
            };
            let known = self.held.get(&Resource::Listener);
            if !matches!((&held, known), (Held::Foreign { .. }, Some(Held::Ours { .. }))) {
                self.held.insert(Resource::Listener, held);
            }
        }
    }
}

/// All listeners of a load balancer with their ports.
async fn look_for_listeners(run: &Run<'_>, balancer: &str) -> Result<Vec<(String, i32)>, Failed> {
    let asked = run.account.balancing.describe_listeners().load_balancer_arn(balancer);
    let mut pages = asked.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = called("DescribeListeners", balancer, page)?;
        found.extend(page.listeners().iter().filter_map(|listener| {
            Some((listener.listener_arn()?.to_owned(), listener.port().unwrap_or_default()))
        }));
    }
    Ok(found)
}

/// For each ARN why it is not this stack's, if it is not.
async fn whose(
    run: &Run<'_>,
    arns: Vec<String>,
) -> Result<BTreeMap<String, Option<String>>, Failed> {
    let mut foreign = BTreeMap::new();
    for some in arns.chunks(ARNS) {
        let asked = run.account.balancing.describe_tags().set_resource_arns(Some(some.to_vec()));
        let answer = called("DescribeTags", run.names.base(), asked.send().await)?;
        for arn in some {
            let mut described = answer.tag_descriptions().iter();
            let described = described.find(|held| held.resource_arn() == Some(arn));
            let tags = described.map(|held| held.tags()).unwrap_or_default();
            let why = run.names.foreign(tags.iter().map(|tag| (tag.key(), tag.value())));
            foreign.insert(arn.clone(), why);
        }
    }
    Ok(foreign)
}

/// In which way a target group can never become what is wanted.
fn differs(group: &TargetGroup, wanted: &Settings) -> Option<String> {
    let port = group.port().filter(|port| *port != CONTAINER_PORT);
    let port = port.map(|port| format!("its port is {port}, not {CONTAINER_PORT}"));
    elsewhere(group.vpc_id(), wanted).or(port)
}

fn elsewhere(vpc: Option<&str>, wanted: &Settings) -> Option<String> {
    let vpc = vpc.filter(|vpc| *vpc != wanted.vpc)?;
    Some(format!("it is in {vpc}, not in {}", wanted.vpc))
}
