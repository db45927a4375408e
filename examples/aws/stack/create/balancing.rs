//! The target groups, the load balancer and its listener.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, ForwardActionConfig, LoadBalancerSchemeEnum,
    LoadBalancerStateEnum, LoadBalancerTypeEnum, Matcher, ProtocolEnum, Tag, TargetGroupTuple,
    TargetTypeEnum,
};

use super::Work;
use super::compute::some;
use crate::aws::failed::{Failed, called};
use crate::aws::stack::resource::{Resource, Side};
use crate::aws::stack::settings::CONTAINER_PORT;

/// Health checks: how often in seconds, how long one may take, and how many decide.
const CHECK: (i32, i32, i32) = (10, 5, 2);
/// The predefined security policy of an HTTPS listener: TLS 1.2 and 1.3.
///
/// Source: "Security policies for your Application Load Balancer", Elastic Load Balancing.
const TLS: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

impl Work<'_> {
    pub(super) async fn create_target_group(&self, side: Side) -> Result<String, Failed> {
        let name = self.run.names.of(Resource::TargetGroup(side));
        let (every, within, count) = CHECK;
        let asked = self.run.account.balancing.create_target_group().name(&name);
        let asked = asked
            .protocol(ProtocolEnum::Http)
            .port(CONTAINER_PORT)
            .vpc_id(&self.wanted.vpc)
            .target_type(TargetTypeEnum::Ip)
            .health_check_path(&self.wanted.health_path)
            .health_check_interval_seconds(every)
            .health_check_timeout_seconds(within)
            .healthy_threshold_count(count)
            .unhealthy_threshold_count(count)
            .matcher(Matcher::builder().http_code("200").build())
            .set_tags(Some(self.balancing_tags()));
        let answer = called("CreateTargetGroup", &name, asked.send().await)?;
        let group = answer.target_groups().iter().find_map(|group| group.target_group_arn());
        some("CreateTargetGroup", &name, group)
    }

    pub(super) async fn create_load_balancer(&mut self) -> Result<String, Failed> {
        let name = self.run.names.of(Resource::LoadBalancer);
        let asked = self.run.account.balancing.create_load_balancer().name(&name);
        let asked = asked
            .r#type(LoadBalancerTypeEnum::Application)
            .scheme(LoadBalancerSchemeEnum::InternetFacing)
            .set_subnets(Some(self.wanted.subnets.clone()))
            .set_security_groups(Some(self.wanted.security_groups.clone()))
            .set_tags(Some(self.balancing_tags()));
        let answer = called("CreateLoadBalancer", &name, asked.send().await)?;
        let mut balancers = answer.load_balancers().iter();
        let balancer = balancers.find(|balancer| balancer.load_balancer_name() == Some(&name));
        self.address = balancer.and_then(|balancer| balancer.dns_name()).map(str::to_owned);
        some(
            "CreateLoadBalancer",
            &name,
            balancer.and_then(|balancer| balancer.load_balancer_arn()),
        )
    }

    /// All traffic to blue. Green is named with a weight of 0: the targets of a group that no rule names are not
    /// checked ("TargetHealth", Elastic Load Balancing API Reference).
    pub(super) async fn create_listener(&self) -> Result<String, Failed> {
        let mut forward = ForwardActionConfig::builder();
        for (side, weight) in [(Side::Blue, 100), (Side::Green, 0)] {
            let arn = self.id(Resource::TargetGroup(side))?;
            let tuple = TargetGroupTuple::builder().target_group_arn(arn).weight(weight);
            forward = forward.target_groups(tuple.build());
        }
        let action =
            Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward.build());
        let what = self.run.names.described(Resource::Listener);
        let mut asked = self.run.account.balancing.create_listener();
        asked = asked
            .load_balancer_arn(self.id(Resource::LoadBalancer)?)
            .port(self.wanted.listener_port())
            .default_actions(action.build())
            .set_tags(Some(self.balancing_tags()));
        asked = match &self.wanted.certificate {
            Some(arn) => asked
                .protocol(ProtocolEnum::Https)
                .ssl_policy(TLS)
                .certificates(Certificate::builder().certificate_arn(arn).build()),
            None => asked.protocol(ProtocolEnum::Http),
        };
        let answer = called("CreateListener", &what, asked.send().await)?;
        let arn = answer.listeners().iter().find_map(|listener| listener.listener_arn());
        some("CreateListener", &what, arn)
    }

    /// Waits until the load balancer takes requests, which takes minutes after its creation.
    pub(super) async fn balancer_is_active(&self) -> Result<(), Failed> {
        let what = self.run.names.described(Resource::LoadBalancer);
        let arn = self.id(Resource::LoadBalancer)?;
        let state = async || {
            let asked =
                self.run.account.balancing.describe_load_balancers().load_balancer_arns(arn);
            let answer = called("DescribeLoadBalancers", &what, asked.send().await)?;
            let mut states = answer.load_balancers().iter().filter_map(|found| found.state());
            let state = states.find_map(|state| state.code());
            match state {
                Some(LoadBalancerStateEnum::Failed) => {
                    Err(Failed::answer("CreateLoadBalancer", &what, "it is in the state failed"))
                }
                state => Ok(state == Some(&LoadBalancerStateEnum::Active)),
            }
        };
        self.run.until(&format!("the {what} to be active"), state).await
    }

    fn balancing_tags(&self) -> Vec<Tag> {
        let tags = self.run.names.tags().into_iter();
        tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }
}
