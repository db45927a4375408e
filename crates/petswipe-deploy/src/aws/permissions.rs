//! The examination whether the caller may do what a rollout does.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use petswipe_aws::{CallError, Policy, Statement};

use crate::{Error, Objection, Preflight};

/// Asks IAM whether the caller may do everything that a policy allows. Who may not ask, or has an identity that can't be asked
/// about (the root user, a federated user, a role that was deleted), does not reach IAM, or may under conditions whose
/// circumstances only a call has, is not held up: then it shows at the first call.
///
/// IAM answers for identity-based policies and permissions boundaries; a policy of the organisation may still say no.
///
/// Source: IAM API Reference, SimulatePrincipalPolicy.
pub struct AwsPermissions {
    iam: aws_sdk_iam::Client,
    sts: aws_sdk_sts::Client,
    policy: Policy,
}

impl AwsPermissions {
    /// Whether the caller of `config` may do what `policy` allows.
    pub fn new(config: &SdkConfig, policy: Policy) -> Self {
        // Private networks often have no way to IAM: one attempt is enough to know.
        let once = RetryConfig::standard().with_max_attempts(1);
        let config = config.to_builder().retry_config(once).build();
        let (iam, sts) = (aws_sdk_iam::Client::new(&config), aws_sdk_sts::Client::new(&config));
        Self { iam, sts, policy }
    }

    /// What this calls itself.
    pub fn statements() -> Vec<Statement> {
        let ask = ["iam:SimulatePrincipalPolicy"];
        vec![
            Statement::allow("WhoAmI", ["sts:GetCallerIdentity"], ["*"]),
            Statement::allow("MayI", ask, ["*"]),
        ]
    }

    /// The ARN that IAM can be asked about.
    async fn principal(&self) -> Result<Option<String>, CallError> {
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|e| CallError::new("GetCallerIdentity", "the caller", e))?;
        Ok(answer.arn().and_then(principal_of))
    }

    /// The actions of a statement that are not allowed.
    async fn denied(
        &self,
        principal: &str,
        statement: &Statement,
    ) -> Result<Vec<String>, CallError> {
        // A condition is about circumstances that a simulation would have to make up.
        let resources = statement.resources().iter().filter(|resource| !resource.contains('*'));
        let resources: Vec<_> = resources.cloned().collect();
        let simulate = self
            .iam
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(Some(statement.actions().iter().cloned().collect()))
            .set_resource_arns((!resources.is_empty()).then_some(resources));
        let mut pages = simulate.into_paginator().send();
        let mut denied = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| CallError::new("SimulatePrincipalPolicy", principal, e))?;
            let results = page.evaluation_results().iter().filter(|result| is_denied(result));
            denied.extend(results.map(|result| result.eval_action_name().to_owned()));
        }
        Ok(denied)
    }
}

#[async_trait]
impl Preflight for AwsPermissions {
    async fn objections(&self) -> Result<Vec<Objection>, Error> {
        let Ok(Some(principal)) = self.principal().await else { return Ok(Vec::new()) };
        let mut missing = BTreeSet::new();
        // What is allowed on named resources, or under a condition, may be allowed though it is not on everything.
        let asked = self.policy.statements().iter().filter(|one| is_answerable(one));
        for statement in asked {
            match self.denied(&principal, statement).await {
                Ok(denied) => missing.extend(denied),
                Err(_) => return Ok(Vec::new()),
            }
        }
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let missing: Vec<_> = missing.into_iter().collect();
        Ok(vec![Objection::new(format!(
            "{principal} is not allowed to call {}; allowed: all that the policy document of the operation names",
            missing.join(", ")
        ))])
    }
}

/// Whether a simulation tells the truth: on everything, or on resources that are named in full, and without a condition.
fn is_answerable(statement: &Statement) -> bool {
    let resources = statement.resources();
    let everything = resources.iter().all(|resource| resource == "*");
    (everything || !resources.iter().any(|resource| resource.contains('*')))
        && !statement.is_conditional()
}

/// Whether the answer is a no that a call would get too. One that lacks a value for a condition of the caller's policies, such as
/// the address or a second factor, says nothing: a call brings it along.
///
/// Source: IAM API Reference, EvaluationResult and ResourceSpecificResult.
fn is_denied(result: &EvaluationResult) -> bool {
    let each = result.resource_specific_results().iter();
    let mut lacks = each.map(|one| one.missing_context_values());
    *result.eval_decision() != PolicyEvaluationDecisionType::Allowed
        && result.missing_context_values().is_empty()
        && lacks.all(<[String]>::is_empty)
}

/// A user as it is, and of a session its role. The path of a role is not part of the session's ARN, so that a role with a
/// path is not found.
fn principal_of(caller: &str) -> Option<String> {
    let parts: Vec<_> = caller.splitn(6, ':').collect();
    let [_, partition, _, _, account, resource] = parts.as_slice() else { return None };
    let mut names = resource.split('/');
    match names.next()? {
        "user" => Some(caller.to_owned()),
        "assumed-role" => Some(format!("arn:{partition}:iam::{account}:role/{}", names.next()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_principal_behind_a_session_is_its_role() {
        for (caller, principal) in [
            (
                "arn:aws:iam::123456789012:user/team/ann",
                Some("arn:aws:iam::123456789012:user/team/ann"),
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/deployer/session-1",
                Some("arn:aws:iam::123456789012:role/deployer"),
            ),
            ("arn:aws:iam::123456789012:root", None),
            ("arn:aws:sts::123456789012:federated-user/ann", None),
            ("nonsense", None),
        ] {
            assert_eq!(principal_of(caller).as_deref(), principal, "{caller}");
        }
    }
}
