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
/// How many are deleted at once; no page names a limit.
const TOGETHER: usize = 100;

/// The dashboards of an account. They are of no region; where their metrics are is in each widget.
///
/// Listing them is ListDashboards by prefix, all pages, and GetDashboard and ListTagsForResource for each. PutDashboard takes
/// tags only when it creates one, so TagResource does that afterwards. A dashboard that CloudWatch stores but could not
/// show in full, of which it warns, is an error that says what it warned of.
///
/// Sources: "PutDashboard" (Tags, DashboardValidationMessages), "TagResource", "DeleteDashboards".
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
        definition.address = Some(arn.to_owned());
        Ok(definition)
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
        let name = definition.name.as_str();
        let put = self
            .client
            .put_dashboard()
            .dashboard_name(name)
            .dashboard_body(definition.body.to_string())
            .set_tags(if held.is_none() { tags::sdk(&definition.tags) } else { None })
            .send()
            .await;
        let messages = match put {
            Ok(answer) => said(answer.dashboard_validation_messages()),
            Err(error) => return Err(refused(name, error)),
        };
        if let Some(held) = held {
            tags::bring(&self.client, definition, held).await.map_err(called)?;
        }
        if messages.is_empty() {
            return Ok(());
        }
        let allowed =
            "a dashboard that CloudWatch shows without a warning; it is stored all the same";
        Err(Error::invalid(format!("body of dashboard {name}"), messages, allowed))
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
