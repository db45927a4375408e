//! What a new stack is made of, checked before anything is asked of AWS.

use std::ops::RangeInclusive;

use crate::Exit;

/// The port that the container listens on.
pub(super) const CONTAINER_PORT: i32 = 8080;
/// The fewest and the most tasks that auto scaling goes to.
pub const TASKS: RangeInclusive<i32> = 2..=20;

/// What a new stack is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region, which the tasks' logs go to.
    pub region: String,
    /// The image of the first revision.
    pub image: String,
    /// The name of the container that runs it.
    pub container: String,
    /// Tasks on the blue side.
    pub tasks: i32,
    /// Where tasks and the load balancer are.
    pub subnets: Vec<String>,
    /// What protects both.
    pub security_groups: Vec<String>,
    /// The network of all that.
    pub vpc: String,
    /// The role with which ECS pulls the image and writes logs.
    pub execution_role: String,
    /// The role of the program in the container, if it needs one.
    pub task_role: Option<String>,
    /// The certificate of an HTTPS listener; without one the listener speaks HTTP.
    pub certificate: Option<String>,
    /// What a healthy task answers with 200.
    pub health_path: String,
    /// Whether tasks have addresses of the public internet, which they need where there is no other way to the image.
    pub public_ip: bool,
}

impl Settings {
    /// The port of the listener.
    pub fn listener_port(&self) -> i32 {
        if self.certificate.is_some() { 443 } else { 80 }
    }

    /// Checks what AWS would refuse only half-way.
    ///
    /// # Errors
    /// The flag, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Exit> {
        let refuse = |flag: &str, found: &str, allowed: &str| {
            Err(Exit::usage(format!("{flag} is `{found}`; allowed: {allowed}")))
        };
        if !self.image.contains([':', '/', '@']) || self.image.contains(char::is_whitespace) {
            let allowed =
                "a whole image, such as registry/shop:v1: nobody knows the registry of a bare tag";
            return refuse("--image", &self.image, allowed);
        }
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.container.is_empty() || !self.container.chars().all(named) {
            return refuse(
                "--container",
                &self.container,
                "letters, digits, hyphens and underscores",
            );
        }
        // "CreateLoadBalancer", Elastic Load Balancing API Reference: subnets from at least two Availability Zones.
        let mut distinct = self.subnets.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < 2 || distinct.len() < self.subnets.len() {
            let found = self.subnets.join(",");
            return refuse(
                "--subnet",
                &found,
                "two or more different ones, in as many availability zones",
            );
        }
        let groups = self.security_groups.join(",");
        if self.security_groups.is_empty() || self.security_groups.len() > 5 {
            return refuse("--security-group", &groups, "one to five");
        }
        let vpc = std::slice::from_ref(&self.vpc);
        for (flag, held, prefix) in [
            ("--subnet", self.subnets.as_slice(), "subnet-"),
            ("--security-group", self.security_groups.as_slice(), "sg-"),
            ("--vpc", vpc, "vpc-"),
        ] {
            if let Some(wrong) = held.iter().find(|id| !id.starts_with(prefix)) {
                return refuse(flag, wrong, &format!("an id that begins with {prefix}"));
            }
        }
        let roles = [
            ("--execution-role", Some(&self.execution_role)),
            ("--task-role", self.task_role.as_ref()),
        ];
        let arns = roles.map(|(flag, arn)| (flag, arn, ":iam::", "the ARN of an IAM role"));
        let certificate =
            ("--certificate", self.certificate.as_ref(), ":acm:", "the ARN of an ACM certificate");
        for (flag, arn, part, allowed) in arns.into_iter().chain([certificate]) {
            if let Some(arn) = arn
                && !(arn.starts_with("arn:") && arn.contains(part))
            {
                return refuse(flag, arn, allowed);
            }
        }
        if !self.health_path.starts_with('/') {
            return refuse("--health-path", &self.health_path, "a path that begins with /");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn good() -> Settings {
        let texts = |held: &[&str]| held.iter().map(|text| (*text).to_owned()).collect();
        Settings {
            region: "us-east-1".to_owned(),
            image: "registry/shop:v1".to_owned(),
            container: "app".to_owned(),
            tasks: 2,
            subnets: texts(&["subnet-1", "subnet-2"]),
            security_groups: texts(&["sg-1"]),
            vpc: "vpc-1".to_owned(),
            execution_role: "arn:aws:iam::123456789012:role/run".to_owned(),
            task_role: None,
            certificate: None,
            health_path: "/health".to_owned(),
            public_ip: false,
        }
    }

    #[test]
    fn what_aws_would_refuse_half_way_is_refused_first() {
        assert!(good().validate().is_ok());
        let cases: &[(&str, fn(&mut Settings))] = &[
            ("--image", |s| s.image = "v1".to_owned()),
            ("--container", |s| s.container = "my app".to_owned()),
            ("--subnet", |s| s.subnets.truncate(1)),
            ("--subnet", |s| s.subnets[1] = "subnet-1".to_owned()),
            ("--subnet", |s| s.subnets[0] = "sg-1".to_owned()),
            ("--security-group", |s| s.security_groups.clear()),
            ("--security-group", |s| s.security_groups[0] = "default".to_owned()),
            ("--vpc", |s| s.vpc = "main".to_owned()),
            ("--execution-role", |s| s.execution_role = "run".to_owned()),
            ("--task-role", |s| s.task_role = Some("run".to_owned())),
            ("--certificate", |s| s.certificate = Some("shop.pem".to_owned())),
            ("--health-path", |s| s.health_path = "health".to_owned()),
        ];
        for (flag, spoil) in cases {
            let mut settings = good();
            spoil(&mut settings);
            let refused = settings.validate().unwrap_err();
            assert!(refused.message.starts_with(flag), "{flag}: {}", refused.message);
            assert!(refused.message.contains("allowed: "), "{}", refused.message);
        }
    }
}
