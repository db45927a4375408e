//! Multipart uploads that were begun and not completed, and how much of them is there.
//!
//! Sources: "ListMultipartUploads" and "ListParts", Amazon S3 API Reference: at most 1,000 a page.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::types as sdk;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use petswipe_aws::CallError;

use crate::aws::error::is_gone;
use crate::aws::pages::{self, Asked};
use crate::aws::partly::{Partly, part};
use crate::aws::values::{need, time};
use crate::inventory::Upload;

const PAGE: i32 = 1000;

/// So many uploads of a bucket are asked for their parts, a call each; of more it is not known how large they are.
const MEASURED: usize = 1000;

/// So many calls at once.
const AT_ONCE: usize = 5;

/// Key and id after which a page begins.
type Marker = (Option<String>, Option<String>);

/// The uploads of a bucket, and the calls about their parts that failed. Only those begun until `measured` are asked for their size.
pub(super) async fn all(
    client: &Client,
    bucket: &str,
    measured: Timestamp,
) -> Result<Partly<Upload>, CallError> {
    let asked = Asked { action: "s3:ListBucketMultipartUploads", about: bucket };
    let listed = pages::all(asked, |marker: Option<Marker>| {
        let (key, id) = marker.unwrap_or_default();
        let request = client.list_multipart_uploads().bucket(bucket).max_uploads(PAGE);
        let request = request.set_key_marker(key).set_upload_id_marker(id);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = (page.is_truncated == Some(true))
                .then_some((page.next_key_marker, page.next_upload_id_marker));
            Ok((page.uploads.unwrap_or_default(), next))
        }
    });
    let upload = |one: sdk::MultipartUpload| {
        Ok(Upload {
            initiated_at: need(time(one.initiated()), asked, "time")?,
            key: need(one.key, asked, "key")?,
            id: need(one.upload_id, asked, "id")?,
            bytes: None,
        })
    };
    let mut uploads =
        listed.await?.into_iter().map(upload).collect::<Result<Vec<_>, CallError>>()?;
    let old = uploads.iter().filter(|upload| upload.initiated_at <= measured);
    let old: Vec<&Upload> = old.take(MEASURED).collect();
    let each: Vec<_> = old.iter().map(|upload| bytes(client, bucket, upload)).collect();
    let sizes: Vec<_> = stream::iter(each).buffered(AT_ONCE).collect().await;
    let ids = old.into_iter().map(|upload| upload.id.clone());
    let mut sizes: HashMap<String, Result<u64, CallError>> = ids.zip(sizes).collect();
    let mut failed = Vec::new();
    uploads.retain_mut(|upload| match sizes.remove(&upload.id) {
        Some(Err(error)) if is_gone(&error) => false,
        Some(size) => {
            upload.bytes = part(size, &mut failed);
            true
        }
        None => true,
    });
    Ok(Partly { all: uploads, failed })
}

async fn bytes(client: &Client, bucket: &str, upload: &Upload) -> Result<u64, CallError> {
    let asked = Asked { action: "s3:ListMultipartUploadParts", about: bucket };
    let parts = pages::all(asked, |marker: Option<String>| {
        let request = client.list_parts().bucket(bucket).key(&upload.key).upload_id(&upload.id);
        let request = request.max_parts(PAGE).set_part_number_marker(marker);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.next_part_number_marker.filter(|_| page.is_truncated == Some(true));
            Ok((page.parts.unwrap_or_default(), next))
        }
    });
    let sizes = parts.await?.into_iter().filter_map(|part| u64::try_from(part.size()?).ok());
    Ok(sizes.sum())
}
