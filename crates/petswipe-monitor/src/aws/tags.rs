//! Tags of alarms and dashboards.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::Tag;
use petswipe_aws::CallError;

use crate::apply::Definition;

/// The tags of a resource.
pub(super) async fn list(
    client: &Client,
    arn: &str,
) -> Result<BTreeMap<String, String>, CallError> {
    let answer = client.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(|error| CallError::new("ListTagsForResource", arn, error))?;
    let tags = answer.tags().iter().map(|tag| {
        (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned())
    });
    Ok(tags.collect())
}

/// Brings the tags of what is there to those of its definition: a Put ignores tags when it changes something.
pub(super) async fn bring(
    client: &Client,
    definition: &Definition,
    held: &Definition,
) -> Result<(), CallError> {
    let differ = definition.tags.iter().any(|(key, value)| held.tags.get(key) != Some(value));
    if !differ {
        return Ok(());
    }
    let arn = held.address.as_deref().unwrap_or_default();
    let asked = client.tag_resource().resource_arn(arn).set_tags(sdk(&definition.tags));
    asked.send().await.map_err(|error| CallError::new("TagResource", arn, error))?;
    Ok(())
}

/// Takes a tag away.
pub(super) async fn remove(client: &Client, arn: &str, key: &str) -> Result<(), CallError> {
    let asked = client.untag_resource().resource_arn(arn).tag_keys(key).send().await;
    asked.map_err(|error| CallError::new("UntagResource", arn, error))?;
    Ok(())
}

/// As the SDK has them.
pub(super) fn sdk(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    Some(tags.collect())
}
