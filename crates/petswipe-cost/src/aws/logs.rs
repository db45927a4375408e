//! Amazon CloudWatch Logs: log groups.
//!
//! Sources: "DescribeLogGroups" (pages of at most 50), "ListTagsForResource", Amazon CloudWatch Logs API Reference.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::{self as sdk, LogGroupClass};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use petswipe_aws::CallError;

use super::error::is_gone;
use super::pages::{self, Asked};
use super::partly::Partly;
use super::values::{count, need};
use crate::Region;
use crate::Tags;
use crate::inventory::{LogClass, LogGroup};

const PAGE: i32 = 50;

/// So many calls at once.
const AT_ONCE: usize = 5;

/// Each group's tags take a call, so only those without a retention are asked for theirs: nothing is found about others.
pub(super) async fn list(client: &Client, region: &Region) -> Result<Partly<LogGroup>, CallError> {
    let asked = Asked { action: "logs:DescribeLogGroups", about: region.as_str() };
    let all = pages::all(asked, |token: Option<String>| {
        let request = client.describe_log_groups().limit(PAGE).set_next_token(token);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.next_token.filter(|token| !token.is_empty());
            Ok((page.log_groups.unwrap_or_default(), next))
        }
    });
    let all = all.await?;
    let each: Vec<_> = all.iter().map(|one| group(client, one, region, asked)).collect();
    let looked: Vec<_> = stream::iter(each).buffered(AT_ONCE).try_collect().await?;
    let (all, failed): (Vec<_>, Vec<_>) = looked.into_iter().flatten().unzip();
    Ok(Partly { all, failed: failed.into_iter().flatten().collect() })
}

async fn group(
    client: &Client,
    one: &sdk::LogGroup,
    region: &Region,
    asked: Asked<'_>,
) -> Result<Option<(LogGroup, Option<CallError>)>, CallError> {
    let class = match one.log_group_class() {
        Some(LogGroupClass::InfrequentAccess) => LogClass::InfrequentAccess,
        Some(LogGroupClass::Delivery) => LogClass::Delivery,
        _ => LogClass::Standard,
    };
    let retention_days = one.retention_in_days().map(count);
    let arn = one.log_group_arn().or_else(|| one.arn()?.strip_suffix(":*"));
    let (tags, failed) = match (retention_days, arn) {
        (None, Some(arn)) if class != LogClass::Delivery => match tags(client, arn).await {
            Ok(tags) => (Some(tags), None),
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => (None, Some(error)),
        },
        _ => (None, None),
    };
    let created_at = one.creation_time().and_then(|at| Timestamp::from_millisecond(at).ok());
    let group = LogGroup {
        name: need(one.log_group_name(), asked, "name")?.to_owned(),
        region: region.clone(),
        tags,
        retention_days,
        stored_bytes: one.stored_bytes().and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
        created_at: need(created_at, asked, "time")?,
        class,
    };
    Ok(Some((group, failed)))
}

async fn tags(client: &Client, arn: &str) -> Result<Tags, CallError> {
    let answer = client.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(|error| CallError::new("logs:ListTagsForResource", arn, error))?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}
