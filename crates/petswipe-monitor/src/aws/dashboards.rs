//! Dashboards in CloudWatch.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::SdkError;
use aws_sdk_cloudwatch::operation::put_dashboard::PutDashboardError;
use aws_sdk_cloudwatch::types::DashboardValidationMessage;
use aws_types::SdkConfig;
use petswipe_aws::{CallError, Statement};
use serde_json::Value;

use super::error::called;
use super::{pages, tags};
use crate::apply::{Definition, DefinitionStore};
use crate::{Error, Owner};

/// More pages are a service that goes round in circles.
const MOST_PAGES: usize = 1000;
/// How many are deleted at once. Source: "DeleteDashboards", which then deletes as many of them as it can.
const TOGETHER: usize = 100;
/// The tag of a dashboard that CloudWatch warned of when it was put, or of which nobody saw whether it did.
const UNCONFIRMED: &str = "PutUnconfirmed";

/// The dashboards of an account. They are of no region ("All dashboards in your account are global, not region-specific"), so their
/// owner has to be in one; where their metrics are is in each widget.
///
/// Listing them is ListDashboards by prefix, all pages, and GetDashboard and ListTagsForResource for each. PutDashboard takes
/// tags only when it creates one, so of one that is there TagResource sets them.
///
/// A dashboard that CloudWatch stores but could not show in full, of which it warns, is an error that says what it warned of.
/// Warnings are in the answer of PutDashboard and nowhere else, so the tag `PutUnconfirmed` is there from before the Put until
/// an answer without a warning. What has it is listed with a member `warnings`, differs from every definition, and is put
/// again: the warning is said until there is none.
///
/// Sources: "PutDashboard" (Tags, DashboardValidationMessages), "TagResource", "UntagResource", "DeleteDashboards".
pub struct CloudWatchDashboards {
    client: Client,
}

impl fmt::Debug for CloudWatchDashboards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatchDashboards").finish_non_exhaustive()
    }
}

impl CloudWatchDashboards {
    /// Those of a configuration's account.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// What it needs to be allowed for an owner: `partition` such as `aws`, `account` of twelve digits or `*`.
    ///
    /// Source: "Actions, resources, and condition keys for Amazon CloudWatch".
    pub fn policy(owner: &Owner, partition: &str, account: &str) -> Vec<Statement> {
        let arn = format!("arn:{partition}:cloudwatch::{account}:dashboard/{}*", owner.prefix());
        vec![
            Statement::allow("SeeDashboards", ["cloudwatch:ListDashboards"], ["*"]),
            Statement::allow(
                "BringDashboards",
                [
                    "cloudwatch:GetDashboard",
                    "cloudwatch:PutDashboard",
                    "cloudwatch:DeleteDashboards",
                    "cloudwatch:ListTagsForResource",
                    "cloudwatch:TagResource",
                    "cloudwatch:UntagResource",
                ],
                [arn],
            ),
        ]
    }

    /// Names and ARNs.
    async fn named(&self, prefix: &str) -> Result<Vec<(String, String)>, CallError> {
        pages::all("ListDashboards", prefix, MOST_PAGES, |token| async move {
            let asked = self.client.list_dashboards().dashboard_name_prefix(prefix);
            let page = asked.set_next_token(token).send().await;
            let page = page.map_err(|error| CallError::new("ListDashboards", prefix, error))?;
            let named = page.dashboard_entries().iter().map(|entry| {
                let named = entry.dashboard_name().zip(entry.dashboard_arn());
                let (name, arn) = named.ok_or_else(|| {
                    let why = "a dashboard has no name or no ARN";
                    CallError::unusable("ListDashboards", prefix, why)
                })?;
                Ok((name.to_owned(), arn.to_owned()))
            });
            Ok((named.collect::<Result<_, _>>()?, page.next_token().map(str::to_owned)))
        })
        .await
    }

    async fn read(&self, name: &str, arn: &str) -> Result<Definition, CallError> {
        let answer = self.client.get_dashboard().dashboard_name(name).send().await;
        let answer = answer.map_err(|error| CallError::new("GetDashboard", name, error))?;
        let text = answer.dashboard_body().unwrap_or_default();
        // A body that is none differs from every definition.
        let body = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        let mut definition = Definition::new(name, body);
        definition.tags = tags::list(&self.client, arn).await?;
        if definition.tags.remove(UNCONFIRMED).is_some()
            && let Some(members) = definition.body.as_object_mut()
        {
            members.insert("warnings".to_owned(), Value::from("not put without a warning"));
        }
        definition.address = Some(arn.to_owned());
        Ok(definition)
    }

    /// Tags it as unconfirmed, puts it, and takes that tag away if CloudWatch did not warn. Gives what it warned of.
    async fn confirmed(
        &self,
        definition: &Definition,
        held: Option<&Definition>,
    ) -> Result<String, Error> {
        let name = definition.name.as_str();
        let mut marked = definition.clone();
        marked.tags.insert(UNCONFIRMED.to_owned(), "true".to_owned());
        if let Some(held) = held {
            tags::bring(&self.client, &marked, held).await.map_err(called)?;
        }
        let asked = self.client.put_dashboard().dashboard_name(name);
        let asked = asked.dashboard_body(definition.body.to_string());
        let new_tags = if held.is_none() { tags::sdk(&marked.tags) } else { None };
        let messages = match asked.set_tags(new_tags).send().await {
            Ok(answer) => said(answer.dashboard_validation_messages()),
            Err(error) => return Err(refused(name, error)),
        };
        if !messages.is_empty() {
            return Ok(messages);
        }
        let arn = match held.and_then(|held| held.address.clone()) {
            Some(arn) => arn,
            None => self.arn(name).await.map_err(called)?,
        };
        tags::remove(&self.client, &arn, UNCONFIRMED).await.map_err(called)?;
        Ok(messages)
    }

    /// PutDashboard does not tell it.
    async fn arn(&self, name: &str) -> Result<String, CallError> {
        let answer = self.client.get_dashboard().dashboard_name(name).send().await;
        let answer = answer.map_err(|error| CallError::new("GetDashboard", name, error))?;
        let arn = answer.dashboard_arn().map(str::to_owned);
        arn.ok_or_else(|| CallError::unusable("GetDashboard", name, "it has no ARN"))
    }
}

#[async_trait]
impl DefinitionStore for CloudWatchDashboards {
    fn kind(&self) -> &str {
        "dashboard"
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error> {
        let mut found = Vec::new();
        for (name, arn) in self.named(prefix).await.map_err(called)? {
            found.push(self.read(&name, &arn).await.map_err(called)?);
        }
        Ok(found)
    }

    async fn put<'a>(
        &self,
        definition: &Definition,
        held: Option<&'a Definition>,
    ) -> Result<(), Error> {
        let messages = self.confirmed(definition, held).await?;
        if messages.is_empty() {
            return Ok(());
        }
        let allowed =
            "a dashboard that CloudWatch shows without a warning; it is stored all the same";
        let field = format!("body of dashboard {}", definition.name);
        Err(Error::invalid(field, messages, allowed))
    }

    async fn delete(&self, doomed: &[Definition]) -> Result<(), Error> {
        let names: Vec<_> = doomed.iter().map(|doomed| doomed.name.clone()).collect();
        let about = names.join(", ");
        let asked = self.client.delete_dashboards().set_dashboard_names(Some(names)).send().await;
        asked.map_err(|error| called(CallError::new("DeleteDashboards", about, error)))?;
        Ok(())
    }

    fn together(&self) -> usize {
        TOGETHER
    }

    fn spans_regions(&self) -> bool {
        true
    }
}

/// What CloudWatch says about a body that it does not take.
fn refused(
    name: &str,
    error: SdkError<PutDashboardError, aws_sdk_cloudwatch::config::http::HttpResponse>,
) -> Error {
    if let Some(PutDashboardError::DashboardInvalidInputError(invalid)) = error.as_service_error() {
        let messages = said(invalid.dashboard_validation_messages());
        let value = if messages.is_empty() {
            invalid.message().unwrap_or("not valid").to_owned()
        } else {
            messages
        };
        return Error::invalid(format!("body of dashboard {name}"), value, "a valid body");
    }
    called(CallError::new("PutDashboard", name, error))
}

fn said(messages: &[DashboardValidationMessage]) -> String {
    let lines = messages.iter().map(|message| {
        format!("{}: {}", message.data_path().unwrap_or("?"), message.message().unwrap_or("?"))
    });
    lines.collect::<Vec<_>>().join("; ")
}
