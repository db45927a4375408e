//! The leases of operations on an account: files of this machine, or objects on S3.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::service_config::ServiceConfigKey;
use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AwsCredential, S3ConditionalPut};
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, RetryConfig};
use petswipe_aws::Statement;
use petswipe_monitor::explain;
use petswipe_runbook::lease::{FileLeases, LeaseStore, ObjectLeases};
use tokio::sync::Mutex;

use super::partition;
use crate::leases::{LeasePlace, Leases};
use crate::{Exit, journal};

/// Several attempts fit into what is left of a lease when its renewal begins.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
const RETRIES: usize = 3;
/// How long credentials are used that do not say when they expire, as the SDK does it.
const CREDENTIALS: Duration = Duration::from_secs(15 * 60);
/// How long before their end credentials are no longer used.
const MARGIN: Duration = Duration::from_secs(60);
/// A lease that nobody holds: asking for it tells whether leases can be asked for at all.
const PROBE: &str = "probe";

/// The leases at that place, which is there and lets the caller read.
///
/// # Errors
/// When it can't be used, with what it said.
pub(crate) async fn open(config: &SdkConfig, place: &LeasePlace) -> Result<Leases, Exit> {
    match place {
        LeasePlace::Directory(path) => {
            let leases = FileLeases::open(path).map_err(|error| journal::exit(&error))?;
            Ok(Leases::near(Arc::new(leases)))
        }
        LeasePlace::Bucket { bucket, prefix } => {
            let leases = on_s3(config, bucket, prefix)?;
            let seen = leases.current(PROBE, Timestamp::now()).await;
            seen.map_err(|error| unusable(place, &region(config), &explain(&error)))?;
            Ok(Leases::far(Arc::new(leases)))
        }
    }
}

/// Leases under a prefix in a bucket of the region of `config`. Nothing is called yet.
///
/// # Errors
/// For a prefix that is none.
pub fn on_s3(config: &SdkConfig, bucket: &str, prefix: &str) -> Result<ObjectLeases, Exit> {
    let region = region(config);
    let (endpoint, virtual_hosted) = match endpoint(config) {
        Some(endpoint) => (endpoint, false),
        None => address(bucket, &region),
    };
    let options = ClientOptions::new()
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(endpoint.starts_with("http://"));
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(virtual_hosted)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(options)
        .with_retry(retry);
    if let Some(provider) = config.credentials_provider() {
        builder = builder.with_credentials(Arc::new(Ambient { provider, last: Mutex::default() }));
    }
    let store = builder.build().map_err(|error| Exit::usage(explain(&error)))?;
    ObjectLeases::new(Arc::new(store), prefix).map_err(|error| journal::exit(&error))
}

/// What whoever takes leases there has to be allowed.
///
/// Without `s3:ListBucket` S3 answers 403 and not 404 for a lease that was never taken ("GetObject", Amazon S3 API
/// Reference). It can't be narrowed to the prefix: a GetObject has no `s3:prefix` that a condition would hold for.
pub(crate) fn statements(place: &LeasePlace, region: &str) -> Vec<Statement> {
    let LeasePlace::Bucket { bucket, prefix } = place else { return Vec::new() };
    let bucket = format!("arn:{}:s3:::{bucket}", partition(region));
    let actions = ["s3:GetObject", "s3:PutObject"];
    vec![
        Statement::allow("Leases", actions, [format!("{bucket}/{prefix}/*")]),
        Statement::allow("LeasesNeverTaken", ["s3:ListBucket"], [bucket]),
    ]
}

fn region(config: &SdkConfig) -> String {
    config.region().map(ToString::to_string).unwrap_or_default()
}

/// The endpoint that variables or the profile name, in the order of the SDK's own clients.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3");
    let key = key.env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    let of_service = config.service_config().and_then(|held| held.load_config(key));
    of_service.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// Where S3 has a bucket, and whether its name is part of the host's. One with a dot in it fits no certificate there.
///
/// Source: "Virtual hosting of general purpose buckets", Amazon S3 User Guide.
fn address(bucket: &str, region: &str) -> (String, bool) {
    let end = if partition(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    match bucket.contains('.') {
        true => (format!("https://s3.{region}.{end}"), false),
        false => (format!("https://{bucket}.s3.{region}.{end}"), true),
    }
}

/// The refusal of a bucket that can't be used.
fn unusable(place: &LeasePlace, region: &str, why: &str) -> Exit {
    let text = |name: &str| {
        let (_, rest) = why.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.trim_end_matches('.').to_owned())
    };
    let said = match (text("Code"), text("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => why.to_owned(),
    };
    Exit::usage(format!(
        "--leases is {place}, and S3 in {region} says {said}; allowed: a bucket that is there, in the region of --region, with \
         s3:GetObject and s3:PutObject on the objects under the prefix and s3:ListBucket on the bucket (--iam-policy)"
    ))
}

/// The credentials of an SDK configuration, with profiles, roles and single sign-on, for a client that knows none of them.
struct Ambient {
    provider: SharedCredentialsProvider,
    /// The last ones, and until when they are used.
    last: Mutex<Option<(Arc<AwsCredential>, SystemTime)>>,
}

#[async_trait]
impl CredentialProvider for Ambient {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        let now = SystemTime::now();
        if let Some((held, until)) = &*last
            && now < *until
        {
            return Ok(Arc::clone(held));
        }
        let given = self.provider.provide_credentials().await;
        let given = given.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: format!("no credentials: {}", explain(&error)).into(),
        })?;
        let until = match given.expiry() {
            Some(end) => end.checked_sub(MARGIN).unwrap_or(now),
            None => now + CREDENTIALS,
        };
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().map(str::to_owned),
        });
        *last = Some((Arc::clone(&credential), until));
        Ok(credential)
    }
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::future;

    use super::*;

    /// Gives other credentials each time, which expire after that time.
    #[derive(Debug)]
    struct Changing(AtomicUsize, Option<Duration>);

    impl ProvideCredentials for Changing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let id = format!("AKIA{}", self.0.fetch_add(1, Ordering::Relaxed));
            let expiry = self.1.map(|after| SystemTime::now() + after);
            let given = Credentials::new(id, "secret", Some("token".to_owned()), expiry, "test");
            future::ProvideCredentials::ready(Ok(given))
        }
    }

    async fn asked_twice(expiry: Option<Duration>) -> [String; 2] {
        let provider = SharedCredentialsProvider::new(Changing(AtomicUsize::new(0), expiry));
        let ambient = Ambient { provider, last: Mutex::default() };
        let first = ambient.get_credential().await.unwrap();
        assert_eq!((&*first.secret_key, first.token.as_deref()), ("secret", Some("token")));
        [first.key_id.clone(), ambient.get_credential().await.unwrap().key_id.clone()]
    }

    #[tokio::test]
    async fn credentials_are_asked_for_again_before_they_expire() {
        assert_eq!(asked_twice(None).await, ["AKIA0", "AKIA0"]);
        assert_eq!(asked_twice(Some(Duration::from_secs(3600))).await, ["AKIA0", "AKIA0"]);
        assert_eq!(asked_twice(Some(Duration::from_secs(30))).await, ["AKIA0", "AKIA1"]);
    }

    #[test]
    fn a_bucket_is_part_of_the_host_where_a_certificate_fits() {
        for (bucket, region, url, virtual_hosted) in [
            ("shop", "eu-west-1", "https://shop.s3.eu-west-1.amazonaws.com", true),
            ("shop.eu", "eu-west-1", "https://s3.eu-west-1.amazonaws.com", false),
            ("shop", "cn-north-1", "https://shop.s3.cn-north-1.amazonaws.com.cn", true),
        ] {
            assert_eq!(address(bucket, region), (url.to_owned(), virtual_hosted));
        }
    }

    #[test]
    fn the_policy_is_that_of_the_objects_under_the_prefix() {
        let place = "s3://shop/team/leases".parse().unwrap();
        let [objects, bucket] = statements(&place, "us-gov-west-1").try_into().unwrap();
        assert_eq!(objects.resources(), ["arn:aws-us-gov:s3:::shop/team/leases/*"]);
        assert!(objects.actions().iter().eq(["s3:GetObject", "s3:PutObject"]));
        assert_eq!(bucket.resources(), ["arn:aws-us-gov:s3:::shop"]);
        assert!(bucket.actions().iter().eq(["s3:ListBucket"]));
        assert_eq!(statements(&LeasePlace::Directory("leases".into()), "us-east-1"), []);
    }

    #[test]
    fn of_an_answer_in_xml_the_code_and_the_message_are_said() {
        let place = "s3://shop/leases".parse().unwrap();
        let xml =
            "404: <Error><Code>NoSuchBucket</Code><Message>It is not there.</Message></Error>";
        let refused = unusable(&place, "eu-west-1", xml);
        let words = "--leases is s3://shop/leases, and S3 in eu-west-1 says NoSuchBucket: It is not there; allowed: a bucket";
        assert!(refused.message.starts_with(words), "{}", refused.message);
        assert_eq!(refused.code, crate::BAD_USAGE);
        assert!(unusable(&place, "eu-west-1", "timed out").message.contains("says timed out;"));
    }
}
