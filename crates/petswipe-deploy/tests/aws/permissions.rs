//! Whether the caller may do what a rollout does, asked of a scripted IAM.
//!
//! Shapes: IAM API Reference, version 2010-05-08, SimulatePrincipalPolicy; AWS Security Token Service API Reference, version
//! 2011-06-15, GetCallerIdentity.

use petswipe_aws::script::{Answer, Call, Refusal, Service, Wire};
use petswipe_aws::{Policy, Statement};
use petswipe_deploy::Preflight;
use petswipe_deploy::aws::AwsPermissions;

/// IAM and STS: whoever calls is a role that may do everything but this.
#[derive(Clone)]
struct Iam {
    caller: &'static str,
    denied: Vec<(&'static str, &'static str)>,
    may_ask: bool,
    /// A key of the circumstances that its policies ask for, and that nobody told.
    unknown: Unknown,
}

/// Where an answer names the key.
#[derive(Clone, Copy, Default, PartialEq)]
enum Unknown {
    #[default]
    Nowhere,
    /// In the result as a whole, as for all resources.
    Whole,
    /// In that of each resource.
    Each,
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
                    let denied = self.denied.iter().find(|(name, _)| *name == action);
                    let decision = denied.map_or("allowed", |(_, decision)| decision);
                    let key = "<MissingContextValues><member>aws:SourceIp</member></MissingContextValues>";
                    let at = |place| if self.unknown == place { key } else { "" };
                    let (whole, each) = (at(Unknown::Whole), at(Unknown::Each));
                    format!(
                        "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>{whole}\
                         <ResourceSpecificResults><member><EvalResourceName>*</EvalResourceName><EvalResourceDecision>\
                         {decision}</EvalResourceDecision>{each}</member></ResourceSpecificResults></member>"
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

fn iam(denied: &[(&'static str, &'static str)]) -> Iam {
    let unknown = Unknown::Nowhere;
    Iam { caller: SESSION, denied: denied.to_vec(), may_ask: true, unknown }
}

const DENIED: [(&str, &str); 2] =
    [("ecs:UpdateService", "implicitDeny"), ("ecs:DescribeTaskDefinition", "explicitDeny")];

#[tokio::test]
async fn what_is_missing_is_named() {
    let (found, _) = asked(iam(&DENIED)).await;
    let [text] = found.as_slice() else { panic!("{found:?}") };
    let wanted =
        "role/deployer is not allowed to call ecs:DescribeTaskDefinition, ecs:UpdateService;";
    assert!(text.contains(wanted), "{text}");
}

#[tokio::test]
async fn who_may_do_everything_hears_nothing() {
    let (found, wire) = asked(iam(&[])).await;
    assert_eq!(found, [""; 0]);
    let mut called: Vec<_> = wire.calls().into_iter().map(|call| call.action).collect();
    called.sort();
    called.dedup();
    let allowed = Policy::new(AwsPermissions::statements()).actions();
    assert_eq!(called, allowed.into_iter().collect::<Vec<_>>());
}

/// A region, an address, a second factor: a call has what a simulation lacks.
#[tokio::test]
async fn who_may_under_a_condition_is_not_held_up() {
    for unknown in [Unknown::Whole, Unknown::Each] {
        let (found, _) = asked(Iam { unknown, ..iam(&DENIED) }).await;
        assert_eq!(found, [""; 0]);
    }
}

#[tokio::test]
async fn who_may_not_ask_is_not_held_up() {
    let (found, _) = asked(Iam { may_ask: false, ..iam(&DENIED) }).await;
    assert_eq!(found, [""; 0]);
    let caller = "arn:aws:iam::123456789012:root";
    let (found, wire) = asked(Iam { caller, ..iam(&DENIED) }).await;
    assert_eq!(found, [""; 0]);
    assert_eq!(wire.operations(), ["GetCallerIdentity"]);
}
