//! What is to be known of one bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{self as sdk, BucketVersioningStatus, ExpirationStatus};
use futures_util::future::join4;
use jiff::Timestamp;
use petswipe_aws::CallError;

use super::uploads;
use crate::Region;
use crate::Tags;
use crate::aws::partly::part;
use crate::aws::values;
use crate::inventory::{Bucket, LifecycleRule, Versioning};

/// A bucket as far as it lets itself be looked at, with the calls that failed; `None` for one that is gone.
pub(super) async fn look(
    client: &Client,
    name: &str,
    region: &Region,
    measured: Timestamp,
) -> Option<(Bucket, Vec<CallError>)> {
    let (tags, versioning, lifecycle, uploads) = join4(
        tags(client, name),
        versioning(client, name),
        lifecycle(client, name),
        uploads::all(client, name, measured),
    )
    .await;
    let mut failed = Vec::new();
    let tags = part(tags, &mut failed);
    let versioning = part(versioning, &mut failed);
    let lifecycle = part(lifecycle, &mut failed);
    let uploads = part(uploads, &mut failed).map(|uploads| {
        failed.extend(uploads.failed);
        uploads.all
    });
    if failed.iter().any(|error| error.code() == Some("NoSuchBucket")) {
        return None;
    }
    let (name, region) = (name.to_owned(), region.clone());
    Some((Bucket { name, region, tags, versioning, lifecycle, uploads }, failed))
}

/// Source: "GetBucketTagging": NoSuchTagSet means that there are none.
async fn tags(client: &Client, name: &str) -> Result<Tags, CallError> {
    let answer = client.get_bucket_tagging().bucket(name).send().await;
    match answer.map_err(|error| CallError::new("s3:GetBucketTagging", name, error)) {
        Ok(answer) => {
            let all = answer.tag_set().iter();
            Ok(values::tags(all.map(|tag| (Some(tag.key()), Some(tag.value())))))
        }
        Err(error) if error.code() == Some("NoSuchTagSet") => Ok(Tags::new()),
        Err(error) => Err(error),
    }
}

/// Source: "GetBucketVersioning": a bucket that never had it has no status.
async fn versioning(client: &Client, name: &str) -> Result<Versioning, CallError> {
    let action = "s3:GetBucketVersioning";
    let answer = client.get_bucket_versioning().bucket(name).send().await;
    let answer = answer.map_err(|error| CallError::new(action, name, error))?;
    match answer.status() {
        None => Ok(Versioning::Off),
        Some(BucketVersioningStatus::Enabled) => Ok(Versioning::Enabled),
        Some(BucketVersioningStatus::Suspended) => Ok(Versioning::Suspended),
        Some(other) => Err(CallError::unusable(action, name, format!("its status is {other}"))),
    }
}

/// Source: "GetBucketLifecycleConfiguration": NoSuchLifecycleConfiguration means that there is none.
async fn lifecycle(client: &Client, name: &str) -> Result<Vec<LifecycleRule>, CallError> {
    let answer = client.get_bucket_lifecycle_configuration().bucket(name).send().await;
    match answer.map_err(|error| CallError::new("s3:GetLifecycleConfiguration", name, error)) {
        Ok(answer) => Ok(answer.rules().iter().map(rule).collect()),
        Err(error) if error.code() == Some("NoSuchLifecycleConfiguration") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn rule(rule: &sdk::LifecycleRule) -> LifecycleRule {
    let expiration = rule.expiration();
    LifecycleRule {
        enabled: *rule.status() == ExpirationStatus::Enabled,
        whole_bucket: is_whole(rule),
        transitions: !rule.transitions().is_empty(),
        // To delete the markers of deletions only deletes no object.
        expires: expiration.is_some_and(|one| one.days().is_some() || one.date().is_some()),
        expires_noncurrent: rule.noncurrent_version_expiration().is_some(),
        aborts_uploads: rule.abort_incomplete_multipart_upload().is_some(),
    }
}

/// Whether a rule has no filter, or one that lets everything through.
#[allow(deprecated, reason = "buckets still have rules with a prefix outside of a filter")]
fn is_whole(rule: &sdk::LifecycleRule) -> bool {
    let any = |prefix: Option<&str>| prefix.is_none_or(str::is_empty);
    let filter = rule.filter().is_none_or(|filter| {
        any(filter.prefix())
            && filter.tag().is_none()
            && filter.object_size_greater_than().is_none_or(|size| size <= 0)
            && filter.object_size_less_than().is_none()
            && filter.and().is_none()
    });
    filter && any(rule.prefix())
}
