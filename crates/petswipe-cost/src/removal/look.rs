//! How a person looks what became of a step of which nobody knows.

use super::plan::Removal;
use crate::Action;
use crate::analyzer::shell::aws;

impl Removal {
    /// The command of the AWS CLI that shows whether its action was carried out.
    pub fn look(&self) -> String {
        let (command, flag, value) = match &self.action {
            Action::DeleteVolume { volume } => ("ec2 describe-volumes", "--volume-ids", volume),
            Action::ReleaseAddress { allocation } => {
                ("ec2 describe-addresses", "--allocation-ids", allocation)
            }
            Action::DeleteSnapshot { snapshot } => {
                ("ec2 describe-snapshots", "--snapshot-ids", snapshot)
            }
            Action::DeleteDatabaseSnapshot { snapshot } => {
                ("rds describe-db-snapshots", "--db-snapshot-identifier", snapshot)
            }
            Action::DeleteClusterSnapshot { snapshot } => {
                ("rds describe-db-cluster-snapshots", "--db-cluster-snapshot-identifier", snapshot)
            }
            Action::DeleteLoadBalancer { balancer } if balancer.starts_with("arn:") => {
                ("elbv2 describe-load-balancers", "--load-balancer-arns", balancer)
            }
            Action::DeleteLoadBalancer { balancer } => {
                ("elb describe-load-balancers", "--load-balancer-names", balancer)
            }
            Action::DeleteNatGateway { gateway } => {
                ("ec2 describe-nat-gateways", "--nat-gateway-ids", gateway)
            }
            Action::StopInstance { instance } => {
                ("ec2 describe-instances", "--instance-ids", instance)
            }
            Action::ConvertVolume { volume, .. } => {
                ("ec2 describe-volumes-modifications", "--volume-ids", volume)
            }
            Action::SetRetention { group, .. } => {
                ("logs describe-log-groups", "--log-group-name-prefix", group)
            }
        };
        aws(&self.region, command, &[(flag, value)])
    }

    /// The command that shows whether its snapshot was made; `None` for a step that makes none.
    pub fn look_for_snapshot(&self) -> Option<String> {
        let filter = format!("Name=volume-id,Values={}", self.action.snapshot_of()?);
        let arguments = [("--owner-ids", "self"), ("--filters", filter.as_str())];
        Some(aws(&self.region, "ec2 describe-snapshots", &arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Area, Region};

    #[test]
    fn a_step_has_the_command_that_shows_what_became_of_it() {
        let step = |action| Removal {
            finding: String::new(),
            area: Area::VOLUMES,
            region: Region::new("eu-west-1").unwrap(),
            action,
            saves: None,
            risk: String::new(),
            reversible: false,
            reason: String::new(),
        };
        let volume = step(Action::DeleteVolume { volume: "vol-1".to_owned() });
        let expected = "aws ec2 describe-volumes --region eu-west-1 --volume-ids vol-1";
        assert_eq!(volume.look(), expected);
        let expected = "aws ec2 describe-snapshots --region eu-west-1 --owner-ids self --filters Name=volume-id,Values=vol-1";
        assert_eq!(volume.look_for_snapshot().unwrap(), expected);
        let classic = step(Action::DeleteLoadBalancer { balancer: "old one".to_owned() });
        let expected =
            "aws elb describe-load-balancers --region eu-west-1 --load-balancer-names 'old one'";
        assert_eq!(classic.look(), expected);
        assert_eq!(classic.look_for_snapshot(), None);
    }
}
