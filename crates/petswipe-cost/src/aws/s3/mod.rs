//! Amazon S3: the buckets of all regions, listed once.
//!
//! Source: "ListBuckets", Amazon S3 API Reference: with `MaxBuckets` the list says where each bucket is. As the greatest value of it
//! the reference has named 1,000 and, for lists without it, pages of 10,000; the smaller one is asked for.

mod bucket;
mod uploads;

use std::collections::{HashMap, HashSet};

use aws_sdk_s3::Client;
use aws_sdk_s3::types::BucketLocationConstraint;
use futures_util::lock::Mutex;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use petswipe_aws::CallError;

use super::error::is_gone;
use super::pages::{self, Asked};
use super::partly::Partly;
use super::values::need;
use crate::Region;
use crate::inventory::Bucket;

const PAGE: i32 = 1000;

/// So many buckets at once; each takes four calls at once.
const AT_ONCE: usize = 5;

/// The names of the buckets, by region, and which regions were told theirs.
#[derive(Default)]
struct Listed {
    names: HashMap<String, Vec<String>>,
    told: HashSet<Region>,
}

/// The buckets of an account.
pub(super) struct Buckets {
    /// Uploads that were begun until then are asked for their size: younger ones may well be completed.
    pub(super) measured: Timestamp,
    listed: Mutex<Option<Listed>>,
}

impl Buckets {
    pub(super) fn new(measured: Timestamp) -> Self {
        Self { measured, listed: Mutex::new(None) }
    }

    /// The buckets of a region. `home` lists them all, `there` is asked about each.
    pub(super) async fn list(
        &self,
        home: &Client,
        there: &Client,
        region: &Region,
    ) -> Result<Partly<Bucket>, CallError> {
        let names = self.names(home, region).await?;
        let each: Vec<_> =
            names.iter().map(|name| bucket::look(there, name, region, self.measured)).collect();
        let looked: Vec<_> = stream::iter(each).buffered(AT_ONCE).collect().await;
        let (all, failed): (Vec<_>, Vec<_>) = looked.into_iter().flatten().unzip();
        Ok(Partly { all, failed: failed.into_iter().flatten().collect() })
    }

    /// A region that asks again wants to know what there is now.
    async fn names(&self, home: &Client, region: &Region) -> Result<Vec<String>, CallError> {
        let mut listed = self.listed.lock().await;
        if listed.as_ref().is_none_or(|listed| listed.told.contains(region)) {
            *listed = Some(Listed { names: all(home).await?, told: HashSet::new() });
        }
        let listed = listed.get_or_insert_default();
        listed.told.insert(region.clone());
        Ok(listed.names.get(region.as_str()).cloned().unwrap_or_default())
    }
}

async fn all(client: &Client) -> Result<HashMap<String, Vec<String>>, CallError> {
    let asked = Asked { action: "s3:ListAllMyBuckets", about: "the account" };
    let all = pages::all(asked, |token: Option<String>| {
        let request = client.list_buckets().max_buckets(PAGE).set_continuation_token(token);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.continuation_token.filter(|token| !token.is_empty());
            Ok((page.buckets.unwrap_or_default(), next))
        }
    });
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    for bucket in all.await? {
        let name = need(bucket.name(), asked, "name")?;
        let region = match bucket.bucket_region().filter(|region| !region.is_empty()) {
            Some(region) => Some(region.to_owned()),
            None => location(client, name).await?,
        };
        if let Some(region) = region {
            names.entry(region).or_default().push(name.to_owned());
        }
    }
    Ok(names)
}

/// Where a bucket is; `None` for one that is gone.
///
/// Source: "GetBucketLocation": none is us-east-1, and `EU` is eu-west-1.
async fn location(client: &Client, name: &str) -> Result<Option<String>, CallError> {
    let answer = client.get_bucket_location().bucket(name).send().await;
    match answer.map_err(|error| CallError::new("s3:GetBucketLocation", name, error)) {
        Ok(answer) => Ok(Some(match answer.location_constraint() {
            None => "us-east-1".to_owned(),
            Some(BucketLocationConstraint::Eu) => "eu-west-1".to_owned(),
            Some(region) if region.as_str().is_empty() => "us-east-1".to_owned(),
            Some(region) => region.as_str().to_owned(),
        })),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
