//! Whether the caller may do what a rollout does, asked of a scripted IAM.
//!
//! Shapes: IAM API Reference, version 2010-05-08, SimulatePrincipalPolicy; AWS Security Token Service API Reference, version
//! 2011-06-15, GetCallerIdentity.

use petswipe_aws::script::{Answer, Call, Refusal, Service, Wire};
use petswipe_aws::{Policy, Statement};
use petswipe_deploy::Preflight;
use petswipe_deploy::aws::AwsPermissions;

/// IAM and STS: whoever calls is a role that may do everything but this.
struct Iam {
    caller: &'static str,
    denied: Vec<&'static str>,
    may_ask: bool,
}

impl Service for Iam {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        match call.action.as_str() {
            "sts:GetCallerIdentity" => Ok(Answer::Xml(format!("<Arn>{}</Arn>", self.caller))),
            "iam:SimulatePrincipalPolicy" if !self.may_ask => Err("AccessDenied".into()),
            "iam:SimulatePrincipalPolicy" => {
                let form = call.form();
                assert_eq!(
                    form.get("PolicySourceArn"),
                    Some("arn:aws:iam::123456789012:role/deployer")
                );
                let results = form.list("ActionNames").into_iter().map(|action| {
                    let action = action.value().to_owned();
                    let decision =
                        if self.denied.contains(&action.as_str()) { "implicitDeny" } else { "allowed" };
                    format!(
                        "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
                    )
                });
                let results: String = results.collect();
                Ok(Answer::Xml(format!(
                    "<EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated>"
                )))
            }
            other => panic!("{other} is not scripted"),
        }
    }
}

const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/deployer/session";

async fn asked(iam: Iam) -> (Vec<String>, Wire<Iam>) {
    let wire = Wire::new(iam);
    let service = "arn:aws:ecs:eu-central-1:123456789012:service/c/s";
    let policy = Policy::new([
        Statement::allow("Services", ["ecs:DescribeServices", "ecs:UpdateService"], [service]),
        Statement::allow("Read", ["ecs:DescribeTaskDefinition"], ["*"]),
        Statement::allow("Tasks", ["ecs:DescribeTasks"], ["arn:aws:ecs:*:*:task/c/*"]),
    ]);
    let permissions = AwsPermissions::new(&wire.config(), policy);
    let objections = permissions.objections().await.unwrap();
    (objections.into_iter().map(|one| one.text).collect(), wire)
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let denied = vec!["ecs:UpdateService", "ecs:DescribeTaskDefinition"];
    let (found, _) = asked(Iam { caller: SESSION, denied, may_ask: true }).await;
    let [text] = found.as_slice() else { panic!("{found:?}") };
    let wanted =
        "role/deployer is not allowed to call ecs:DescribeTaskDefinition, ecs:UpdateService;";
    assert!(text.contains(wanted), "{text}");
}

#[tokio::test]
async fn who_may_do_everything_hears_nothing() {
    let (found, wire) = asked(Iam { caller: SESSION, denied: Vec::new(), may_ask: true }).await;
    assert_eq!(found, [""; 0]);
    let mut called: Vec<_> = wire.calls().into_iter().map(|call| call.action).collect();
    called.sort();
    called.dedup();
    let allowed = Policy::new(AwsPermissions::statements()).actions();
    assert_eq!(called, allowed.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn who_may_not_ask_is_not_held_up() {
    let denied = vec!["ecs:UpdateService"];
    let (found, _) = asked(Iam { caller: SESSION, denied: denied.clone(), may_ask: false }).await;
    assert_eq!(found, [""; 0]);
    let root = "arn:aws:iam::123456789012:root";
    let (found, wire) = asked(Iam { caller: root, denied, may_ask: true }).await;
    assert_eq!(found, [""; 0]);
    assert_eq!(wire.operations(), ["GetCallerIdentity"]);
}
