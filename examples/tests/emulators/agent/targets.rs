//! Running tasks are the targets of their side's target group, as ECS sees to it on AWS.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;

use super::{Player, Side};

impl Player {
    /// Registers the running tasks of a side and nothing else. Gives their number. moto knows no target that fails its
    /// health checks, so one that does is not registered at all.
    pub(super) async fn register(&self, side: &Side, healthy: bool) -> u32 {
        let running = self.running(&side.service).await;
        let wanted = if healthy { running.clone() } else { BTreeSet::new() };
        let asked = self.balancing.describe_target_health().target_group_arn(&side.target_group);
        let answer = asked.send().await.unwrap();
        let held = answer.target_health_descriptions().iter();
        let held: BTreeSet<_> =
            held.filter_map(|held| held.target()?.id().map(str::to_owned)).collect();
        let describe = |id: &String| TargetDescription::builder().id(id).port(8080).build();
        let new: Vec<_> = wanted.difference(&held).map(describe).collect();
        if !new.is_empty() {
            let asked = self.balancing.register_targets().target_group_arn(&side.target_group);
            asked.set_targets(Some(new)).send().await.unwrap();
        }
        let old: Vec<_> = held.difference(&wanted).map(describe).collect();
        if !old.is_empty() {
            let asked = self.balancing.deregister_targets().target_group_arn(&side.target_group);
            asked.set_targets(Some(old)).send().await.unwrap();
        }
        u32::try_from(running.len()).unwrap()
    }

    /// The addresses of a service's running tasks. ministack gives tasks no address unless there is a Docker, so they are
    /// made from the tasks' ids.
    async fn running(&self, service: &str) -> BTreeSet<String> {
        let asked = self.ecs.list_tasks().cluster(&self.cluster).service_name(service);
        let mut pages = asked.into_paginator().send();
        let mut addresses = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let arns = page.unwrap().task_arns().to_vec();
            if arns.is_empty() {
                continue;
            }
            let asked = self.ecs.describe_tasks().cluster(&self.cluster).set_tasks(Some(arns));
            let answer = asked.send().await.unwrap();
            let running =
                answer.tasks().iter().filter(|task| task.last_status() == Some("RUNNING"));
            addresses.extend(running.filter_map(|task| Some(address(task.task_arn()?))));
        }
        addresses
    }
}

/// An address of a private network from the end of a task's id.
fn address(arn: &str) -> String {
    let digits: Vec<u8> = arn.bytes().rev().filter(u8::is_ascii_hexdigit).take(6).collect();
    let number =
        std::str::from_utf8(&digits).ok().and_then(|text| u32::from_str_radix(text, 16).ok());
    let [_, a, b, c] = number.unwrap_or_default().to_be_bytes();
    format!("10.{a}.{b}.{c}")
}
