//! Where operations are kept apart: the flag that says it, and the look before one begins.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_runbook::lease::{Lease, LeaseStore};
use petswipe_runbook::{Error, LeaseTerms};

use crate::journal::OWN_CLOUD;
use crate::{Exit, journal};

/// Where the leases of operations on an account are, unless it is said.
pub(crate) const LEASES: &str = ".petswipe/leases";

/// How long a lease on this machine, or of a cloud on it, holds without renewal.
const NEAR: Duration = Duration::from_secs(15);
/// The same over a network: long enough for S3 to be away for a while, and for clocks that differ by seconds.
#[cfg(feature = "aws")]
const FAR: Duration = Duration::from_secs(60);

/// What is allowed, for the command line.
const ALLOWED: &str = "allowed: a directory, or s3://BUCKET/PREFIX with the name of a general purpose bucket and a \
                       prefix of letters, digits, - _ . and /, without empty parts";

/// Where the leases of operations on an account are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeasePlace {
    /// Files in a directory: between the operations of one machine.
    Directory(PathBuf),
    /// Objects on S3: between operations anywhere.
    Bucket {
        /// The name of the bucket.
        bucket: String,
        /// What the names of the objects begin with, without a slash at its end.
        prefix: String,
    },
}

impl FromStr for LeasePlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || ALLOWED.to_owned();
        let Some(rest) = text.strip_prefix("s3://") else {
            let url = text.contains("://") || text.to_lowercase().starts_with("s3:");
            return match text.is_empty() || url {
                true => Err(refused()),
                false => Ok(Self::Directory(text.into())),
            };
        };
        let (bucket, prefix) = rest.split_once('/').ok_or_else(refused)?;
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        match is_bucket(bucket) && prefix.split('/').all(is_part) {
            true => Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() }),
            false => Err(refused()),
        }
    }
}

/// Source: "General purpose bucket naming rules", Amazon S3 User Guide. Directory buckets, whose names end with `--x-s3`,
/// speak another protocol.
fn is_bucket(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| inner(c) || c == '.' || c == '-')
        && name.starts_with(inner)
        && name.ends_with(inner)
        && !name.contains("..")
        && !name.ends_with("--x-s3")
}

/// A part of a prefix between two slashes: nothing in it is special to a URL or to a policy.
fn is_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !part.is_empty() && part.chars().all(plain) && part != "." && part != ".."
}

impl fmt::Display for LeasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// A store of leases, and how long one holds there without renewal.
#[derive(Clone)]
pub struct Leases {
    store: Arc<dyn LeaseStore>,
    ttl: Duration,
}

impl Leases {
    /// On this machine, or of a cloud on it.
    pub fn near(store: Arc<dyn LeaseStore>) -> Self {
        Self { store, ttl: NEAR }
    }

    /// Over a network.
    #[cfg(feature = "aws")]
    pub(crate) fn far(store: Arc<dyn LeaseStore>) -> Self {
        Self { store, ttl: FAR }
    }

    /// Under which an operation holds `key`.
    pub(crate) fn terms(&self, key: String) -> LeaseTerms {
        LeaseTerms { store: Arc::clone(&self.store), key, ttl: self.ttl }
    }

    /// Who holds `key` now.
    ///
    /// # Errors
    /// When it can't be found out.
    pub(crate) async fn current(&self, key: &str, now: Timestamp) -> Result<Option<Lease>, Error> {
        self.store.current(key, now).await
    }

    /// Looks before anything is written whether somebody else is at work. The driver makes sure of it once more.
    ///
    /// # Errors
    /// Exit code 4 while somebody is, 2 when it can't be found out.
    pub(crate) async fn check_free(&self, key: &str, now: Timestamp) -> Result<(), Exit> {
        let holder = self.current(key, now).await;
        match holder.map_err(|error| journal::exit(&error))? {
            None => Ok(()),
            Some(Lease { key, operation, holder, expires_at, .. }) => {
                Err(journal::exit(&Error::Held { key, operation, holder, expires_at }))
            }
        }
    }
}

/// How this process calls itself to whom it keeps out. What is not on a cloud of its own others may see from elsewhere.
pub(crate) fn holder(own_cloud: bool) -> String {
    let process = std::process::id();
    if own_cloud {
        return format!("process {process} on its {OWN_CLOUD}");
    }
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    match std::env::var("USER") {
        Ok(user) if !user.is_empty() => format!("{user} on {machine}, process {process}"),
        _ => format!("process {process} on {machine}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_directory_or_a_bucket_with_a_prefix() {
        for directory in [LEASES, "/var/leases", "s3", "my leases"] {
            assert_eq!(directory.parse(), Ok(LeasePlace::Directory(directory.into())));
        }
        for (text, bucket, prefix) in [
            ("s3://shop/leases", "shop", "leases"),
            ("s3://shop.example-1/a/b_c.D-1", "shop.example-1", "a/b_c.D-1"),
            ("s3://shop/leases/", "shop", "leases"),
        ] {
            let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
            let place: LeasePlace = text.parse().unwrap();
            assert_eq!(place, LeasePlace::Bucket { bucket, prefix });
            assert_eq!(place.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_names_no_place_says_what_does() {
        for text in [
            "",
            "s3://",
            "s3://shop",
            "s3://shop/",
            "s3:///leases",
            "s3://shop//leases",
            "s3://shop/leases//",
            "s3://shop/../leases",
            "s3://shop/a b",
            "s3://shop/leases*",
            "s3://shop/${aws:username}",
            "s3://Shop/leases",
            "s3://ab/leases",
            "s3://-shop/leases",
            "s3://shop..example/leases",
            "s3://shop--use1-az4--x-s3/leases",
            "s3:shop/leases",
            "S3://shop/leases",
            "https://shop.s3.amazonaws.com/leases",
        ] {
            assert_eq!(text.parse::<LeasePlace>().unwrap_err(), ALLOWED, "{text}");
        }
    }
}
