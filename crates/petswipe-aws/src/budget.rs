//! How many calls may be made, and how many were.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::SdkConfig;
use tokio::time::Instant;

use crate::action::action_of;

/// So many calls at once, and so many a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls at once, after a pause: the size of the bucket.
    pub burst: f64,
    /// Calls a second: how fast the bucket fills.
    pub per_second: f64,
}

/// A budget for calls that all clients of a process share: one token bucket for each API action. AWS throttles by account
/// and region, so whoever takes all of it slows down the account's other tools, and its auto scaling.
///
/// The default is half of what AWS documents as an account's limit, and where it documents none, 10 at once and 5 a second.
///
/// Sources: "Request throttling for the Amazon ECS API" (bucket size and refill rate), "CloudWatch service quotas"
/// (GetMetricData 50 a second, GetMetricStatistics 400, DescribeAlarms 9), "Request throttling for the Amazon EC2 API" (non-mutating actions 100
/// and 20 a second, those that are neither filtered nor paginated 50 and 10), "Request throttling for the Elastic Load Balancing API"
/// (40 and 10 a second for all non-mutating actions together; each generation has its own, here they share one).
#[derive(Clone)]
pub struct CallBudget(Arc<Mutex<Books>>);

struct Books {
    rates: BTreeMap<String, Rate>,
    otherwise: Rate,
    buckets: BTreeMap<String, Bucket>,
    calls: BTreeMap<String, u64>,
}

struct Bucket {
    /// Below 0 while calls wait for tokens that are still to come.
    tokens: f64,
    at: Instant,
}

/// What AWS documents: at once, and a second.
const DOCUMENTED: &[(&str, f64, f64)] = &[
    ("cloudwatch:DescribeAlarms", 9.0, 9.0),
    ("cloudwatch:GetMetricData", 50.0, 50.0),
    ("cloudwatch:GetMetricStatistics", 400.0, 400.0),
    ("ec2:DescribeAddresses", 50.0, 10.0),
    ("ec2:DescribeImages", 100.0, 20.0),
    ("ec2:DescribeInstances", 100.0, 20.0),
    ("ec2:DescribeLaunchTemplateVersions", 100.0, 20.0),
    ("ec2:DescribeNatGateways", 100.0, 20.0),
    ("ec2:DescribeRegions", 50.0, 10.0),
    ("ec2:DescribeRouteTables", 100.0, 20.0),
    ("ec2:DescribeSnapshots", 100.0, 20.0),
    ("ec2:DescribeSubnets", 100.0, 20.0),
    ("ec2:DescribeVolumes", 100.0, 20.0),
    ("ec2:DescribeVpcEndpoints", 100.0, 20.0),
    ("ecs:DescribeServices", 100.0, 20.0),
    ("ecs:DescribeTaskDefinition", 50.0, 20.0),
    ("ecs:DescribeTasks", 100.0, 20.0),
    ("ecs:ListTasks", 100.0, 20.0),
    ("ecs:RegisterTaskDefinition", 20.0, 1.0),
    ("ecs:UpdateService", 50.0, 5.0),
    // One bucket for all that only look.
    ("elasticloadbalancing:Describe*", 40.0, 10.0),
];

impl Default for CallBudget {
    fn default() -> Self {
        let rates = DOCUMENTED.iter().map(|(action, burst, per_second)| {
            let half = Rate { burst: (burst / 2.0).max(1.0), per_second: per_second / 2.0 };
            ((*action).to_owned(), half)
        });
        Self::new(rates, Rate { burst: 10.0, per_second: 5.0 })
    }
}

impl fmt::Debug for CallBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallBudget").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl CallBudget {
    /// A rate for some actions, named as IAM names them (`ecs:UpdateService`), and one for each of the others. A rate of
    /// less than one call at once, or one in 1,000 seconds, is taken for that.
    pub fn new(rates: impl IntoIterator<Item = (String, Rate)>, otherwise: Rate) -> Self {
        let sane = |rate: Rate| Rate {
            burst: rate.burst.max(1.0),
            per_second: rate.per_second.max(0.001),
        };
        let rates = rates.into_iter().map(|(action, rate)| (action, sane(rate))).collect();
        let (buckets, calls) = (BTreeMap::new(), BTreeMap::new());
        let books = Books { rates, otherwise: sane(otherwise), buckets, calls };
        Self(Arc::new(Mutex::new(books)))
    }

    /// How often each action was called so far, attempts that failed and were made again included.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.books().calls.clone()
    }

    /// Counts a call, and says how long it has to wait for its turn.
    fn take(&self, action: &str, now: Instant) -> Duration {
        let mut books = self.books();
        *books.calls.entry(action.to_owned()).or_default() += 1;
        let shared = group(action).filter(|group| books.rates.contains_key(group));
        let key = match shared {
            Some(group) if !books.rates.contains_key(action) => group,
            _ => action.to_owned(),
        };
        let rate = books.rates.get(&key).copied().unwrap_or(books.otherwise);
        let full = Bucket { tokens: rate.burst, at: now };
        let bucket = books.buckets.entry(key).or_insert(full);
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * rate.per_second).min(rate.burst) - 1.0;
        bucket.at = now;
        Duration::try_from_secs_f64(-bucket.tokens / rate.per_second).unwrap_or_default()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All actions of a service with the same verb: `elasticloadbalancing:Describe*`.
fn group(action: &str) -> Option<String> {
    let (service, operation) = action.split_once(':')?;
    let mut after = operation.char_indices().skip(1);
    let (end, _) = after.find(|(_, letter)| letter.is_ascii_uppercase())?;
    Some(format!("{service}:{}*", &operation[..end]))
}

/// The same configuration with every call counted in `budget`, and kept back until its turn. The wait is part of the
/// attempt, and so of its time-out.
pub fn budgeted(config: &SdkConfig, budget: &CallBudget) -> SdkConfig {
    let default = || Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    let client = config.http_client().unwrap_or_else(default);
    let kept = Kept { inner: client, budget: budget.clone() };
    config.to_builder().http_client(kept).build()
}

#[derive(Debug)]
struct Kept<T> {
    inner: T,
    budget: CallBudget,
}

impl HttpClient for Kept<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Kept { inner, budget: self.budget.clone() })
    }
}

impl HttpConnector for Kept<SharedHttpConnector> {
    #[allow(clippy::disallowed_methods, reason = "this is below the SDK, which has its own time")]
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // What is not an action of a service is a request for credentials.
        let Some(action) = action_of(&request) else { return self.inner.call(request) };
        let wait = self.budget.take(&action, Instant::now());
        if wait.is_zero() {
            return self.inner.call(request);
        }
        // Those who waited for the same token must not all come back in the same moment.
        let wait = wait.mul_f64(1.0 + 0.1 * fastrand::f64());
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(wait).await;
            inner.call(request).await
        })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the moment a test begins at is as good as any")]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_burst_is_free_and_what_follows_waits_for_its_token() {
        let rate = Rate { burst: 3.0, per_second: 2.0 };
        let budget = CallBudget::new([("ecs:X".to_owned(), rate)], rate);
        let start = Instant::now();
        let waits: Vec<_> = (0..5).map(|_| budget.take("ecs:X", start)).collect();
        assert_eq!(waits, [0.0, 0.0, 0.0, 0.5, 1.0].map(seconds));
        assert_eq!(budget.take("ecs:Y", start), Duration::ZERO, "actions share a bucket");
        assert_eq!(budget.take("ecs:X", start + seconds(1.5)), Duration::ZERO);
        assert_eq!(budget.take("ecs:X", start + seconds(1000.0)), Duration::ZERO);
        let waits: Vec<_> = (0..3).map(|_| budget.take("ecs:X", start + seconds(1000.0))).collect();
        assert_eq!(waits, [0.0, 0.0, 0.5].map(seconds), "a long pause fills more than the bucket");
        let counted = [("ecs:X".to_owned(), 10), ("ecs:Y".to_owned(), 1)];
        assert_eq!(budget.calls(), counted.into());
    }

    #[test]
    fn actions_share_the_bucket_of_their_verb_unless_they_have_one() {
        let (all, own) =
            (Rate { burst: 2.0, per_second: 1.0 }, Rate { burst: 1.0, per_second: 1.0 });
        let rates = [("elb:Describe*".to_owned(), all), ("elb:DescribeTags".to_owned(), own)];
        let budget = CallBudget::new(rates, Rate { burst: 9.0, per_second: 9.0 });
        let now = Instant::now();
        for free in ["DescribeRules", "DescribeDocks", "DescribeTags", "ModifyRule"] {
            assert_eq!(budget.take(&format!("elb:{free}"), now), Duration::ZERO, "{free}");
        }
        assert_eq!(budget.take("elb:DescribeRules", now), seconds(1.0));
        assert_eq!(budget.take("elb:DescribeTags", now), seconds(1.0));
        assert_eq!(group("elb:Describe"), None);
        assert_eq!(group("sts"), None);
    }

    #[test]
    fn the_default_is_half_of_what_aws_documents() {
        let budget = CallBudget::default();
        let now = Instant::now();
        for _ in 0..10 {
            assert_eq!(budget.take("ecs:RegisterTaskDefinition", now), Duration::ZERO);
        }
        assert_eq!(budget.take("ecs:RegisterTaskDefinition", now), seconds(2.0));
    }
}
