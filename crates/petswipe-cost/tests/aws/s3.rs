//! S3: buckets that answer only in their own region, and only what they let be read.

use std::collections::BTreeSet;

use petswipe_aws::script::{Answer, Call, Form, Refusal};

use crate::account::{Account, limit, optional};

/// A bucket.
#[derive(Clone, Default)]
pub struct Stored {
    pub region: String,
    /// Whether the list says where it is.
    pub says_region: bool,
    pub tags: Vec<(String, String)>,
    /// `Enabled`, `Suspended`, or nothing.
    pub versioning: String,
    /// The rules of its lifecycle as they come.
    pub lifecycle: String,
    /// Key, id, when it was begun, and the sizes of its parts.
    pub uploads: Vec<(String, String, String, Vec<u64>)>,
    /// What nobody may read of it, by IAM's names.
    pub denied: BTreeSet<String>,
}

impl Stored {
    pub fn of(region: &str) -> Self {
        Self { region: region.to_owned(), says_region: true, ..Self::default() }
    }
}

fn missing(code: &str) -> Refusal {
    Refusal { status: 404, ..code.into() }
}

pub fn answer(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let (name, key, query) = call.s3();
    let action = call.action.trim_start_matches("s3:").to_owned();
    if action == "ListAllMyBuckets" {
        return list(account, call, &query);
    }
    let there = account.buckets.get(name).filter(|_| !account.gone.contains(name));
    let bucket = there.cloned().ok_or_else(|| missing("NoSuchBucket"))?;
    if bucket.region != call.region && action != "GetBucketLocation" {
        return Err(Refusal { status: 301, ..("PermanentRedirect".into()) });
    }
    if bucket.denied.contains(&action) {
        return Err(Refusal { status: 403, ..("AccessDenied".into()) });
    }
    let document = match action.as_str() {
        "GetBucketLocation" if bucket.region == "us-east-1" => {
            "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>".to_owned()
        }
        "GetBucketLocation" => {
            format!("<LocationConstraint>{}</LocationConstraint>", bucket.region)
        }
        "GetBucketTagging" if bucket.tags.is_empty() => return Err(missing("NoSuchTagSet")),
        "GetBucketTagging" => {
            let tag = |(key, value): &(String, String)| {
                format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>")
            };
            let tags: String = bucket.tags.iter().map(tag).collect();
            format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
        }
        "GetBucketVersioning" => {
            let status = Some(bucket.versioning.clone()).filter(|status| !status.is_empty());
            let status = optional("Status", status);
            format!("<VersioningConfiguration>{status}</VersioningConfiguration>")
        }
        "GetLifecycleConfiguration" if bucket.lifecycle.is_empty() => {
            return Err(missing("NoSuchLifecycleConfiguration"));
        }
        "GetLifecycleConfiguration" => {
            format!("<LifecycleConfiguration>{}</LifecycleConfiguration>", bucket.lifecycle)
        }
        "ListBucketMultipartUploads" => uploads(account, &bucket, &query)?,
        "ListMultipartUploadParts" => parts(account, &bucket, key, &query)?,
        _ => return Err("MethodNotAllowed".into()),
    };
    Ok(Answer::Xml(document))
}

fn list(account: &mut Account, call: &Call, query: &Form) -> Result<Answer, Refusal> {
    let most = limit(query.get("max-buckets"), 10_000, 1..=1000, "InvalidArgument")?;
    let asked_pages = query.get("max-buckets").is_some();
    let all: Vec<_> =
        account.buckets.iter().map(|(name, one)| (name.clone(), one.clone())).collect();
    let token = query.get("continuation-token").map(str::to_owned);
    let (page, next) = account.paged(call, all, most, token.as_deref(), "InvalidArgument")?;
    let entry = |(name, bucket): (String, Stored)| {
        let region = Some(bucket.region).filter(|_| bucket.says_region && asked_pages);
        let created = "<CreationDate>2026-01-01T00:00:00.000Z</CreationDate>";
        format!("<Bucket><Name>{name}</Name>{created}{}</Bucket>", optional("BucketRegion", region))
    };
    let buckets: String = page.into_iter().map(entry).collect();
    let next = optional("ContinuationToken", next);
    Ok(Answer::Xml(format!(
        "<ListAllMyBucketsResult><Buckets>{buckets}</Buckets>{next}</ListAllMyBucketsResult>"
    )))
}

fn uploads(account: &Account, bucket: &Stored, query: &Form) -> Result<String, Refusal> {
    let most = limit(query.get("max-uploads"), 1000, 1..=1000, "InvalidArgument")?;
    let most = most.min(account.page.unwrap_or(usize::MAX));
    let after =
        (query.get("key-marker").unwrap_or(""), query.get("upload-id-marker").unwrap_or(""));
    let mut all = bucket.uploads.clone();
    all.sort();
    all.retain(|(key, id, ..)| (key.as_str(), id.as_str()) > after);
    let more = all.len() > most;
    all.truncate(most);
    let entry = |(key, id, at, _): &(String, String, String, Vec<u64>)| {
        format!(
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{at}</Initiated></Upload>"
        )
    };
    let entries: String = all.iter().map(entry).collect();
    let next = all.last().filter(|_| more).map(|(key, id, ..)| {
        format!("<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>")
    });
    let next = next.unwrap_or_default();
    Ok(format!(
        "<ListMultipartUploadsResult>{entries}<IsTruncated>{more}</IsTruncated>{next}</ListMultipartUploadsResult>"
    ))
}

fn parts(account: &Account, bucket: &Stored, key: &str, query: &Form) -> Result<String, Refusal> {
    let id = query.get("uploadId").unwrap_or_default();
    let found = bucket.uploads.iter().find(|(of, upload, ..)| of == key && upload == id);
    let found = found.filter(|_| !account.gone.contains(id));
    let (_, _, _, sizes) = found.ok_or_else(|| missing("NoSuchUpload"))?;
    let most = limit(query.get("max-parts"), 1000, 1..=1000, "InvalidArgument")?;
    let most = most.min(account.page.unwrap_or(usize::MAX));
    let after = query.get("part-number-marker").map_or(0, |marker| marker.parse().unwrap());
    let numbered: Vec<_> = (1..).zip(sizes).filter(|(number, _)| *number > after).collect();
    let part = |(number, size): &(usize, &u64)| {
        format!("<Part><PartNumber>{number}</PartNumber><Size>{size}</Size></Part>")
    };
    let entries: String = numbered.iter().take(most).map(part).collect();
    let more = numbered.len() > most;
    let next = optional("NextPartNumberMarker", Some((after + most).to_string()));
    Ok(format!(
        "<ListPartsResult>{entries}<IsTruncated>{more}</IsTruncated>{next}</ListPartsResult>"
    ))
}
