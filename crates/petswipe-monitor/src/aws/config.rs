//! Which metrics belong to whom.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Error, Histogram};

/// The longest bound that the statistic for it takes: "one or two numbers between 0 and 100".
///
/// Source: "CloudWatch statistics definitions", Trimmed mean, whose boundaries a trimmed count shares.
const LONGEST_BOUND: Duration = Duration::from_secs(100);

/// More bounds than this cost calls and tell nothing: each is one more metric in every look.
const MOST_BOUNDS: usize = 100;

/// Which metrics of CloudWatch belong to which environment, and how long to wait for them.
#[derive(Clone, Debug)]
pub struct CloudWatchMetrics {
    /// The load balancer as CloudWatch names it, the end of its ARN: `app/name/id`.
    pub load_balancer: String,
    /// Each environment's metrics, by the name that a [`Subject`](crate::Subject) carries.
    pub environments: BTreeMap<String, EnvironmentMetrics>,
    /// What to say about a single revision.
    pub revisions: Revisions,
    /// How long after its end a minute counts as published, at most an hour; 120 s unless set.
    ///
    /// Elastic Load Balancing "measures and sends its metrics in 60-second intervals", and no page promises when they can
    /// be read. So the default is one interval to measure and another as a margin. A shorter time makes gates quicker,
    /// and lets them see minutes of which a part is still to come; what lacks all proof of having been published is
    /// unknown in any case.
    ///
    /// Source: "CloudWatch metrics for your Application Load Balancer".
    pub lag: Duration,
    /// Where latencies are told apart: rising, at most 100 s. Each is taken down to a bound of a bucket of [`Histogram`],
    /// less than 4.5 % below, and is one more metric in every look.
    ///
    /// The limits of one's gates belong among them: then whether a quantile is above a limit is known as exactly as from
    /// a histogram of all requests. Elsewhere it is as coarse as the bounds, and never too low. The defaults are 10, 25,
    /// 50, 100, 200, 300, 500 and 750 ms, 1, 2, 5 and 10 s.
    pub latency_bounds: Vec<Duration>,
}

/// Where to look for an environment's metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentMetrics {
    /// Its target group as CloudWatch names it, the end of its ARN: `targetgroup/name/id`.
    pub target_group: String,
    /// The ECS service behind it, for CPU and memory use. Without one they are unknown.
    pub service: Option<EcsService>,
}

/// An ECS service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsService {
    /// The name of its cluster.
    pub cluster: String,
    /// Its name.
    pub service: String,
}

/// What to say about one revision of an environment. CloudWatch knows target groups, not revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revisions {
    /// That it can't be told apart: [`Error::NotFound`].
    #[default]
    Unknown,
    /// What its environment did. For blue-green and canary, where a step starts when all tasks of an environment are of
    /// one revision; for rolling deployments it would be the numbers of the old revision too.
    OnePerEnvironment,
}

impl CloudWatchMetrics {
    /// The environments of a load balancer, each with its target group, and defaults for the rest.
    pub fn new<E: Into<String>, T: Into<String>>(
        load_balancer: impl Into<String>,
        target_groups: impl IntoIterator<Item = (E, T)>,
    ) -> Self {
        let environments = target_groups.into_iter().map(|(environment, target_group)| {
            let target_group = target_group.into();
            (environment.into(), EnvironmentMetrics { target_group, service: None })
        });
        let bounds = [10, 25, 50, 100, 200, 300, 500, 750, 1000, 2000, 5000, 10_000];
        Self {
            load_balancer: load_balancer.into(),
            environments: environments.collect(),
            revisions: Revisions::default(),
            lag: Duration::from_secs(120),
            latency_bounds: bounds.map(Duration::from_millis).to_vec(),
        }
    }

    /// Refuses what CloudWatch would refuse, and what it would silently know nothing about.
    pub(super) fn check(&self) -> Result<(), Error> {
        dimension("load balancer", &self.load_balancer, "app")?;
        if self.environments.is_empty() {
            return Err(Error::invalid("number of environments", 0, "at least 1"));
        }
        let mut groups = BTreeMap::new();
        for (name, environment) in &self.environments {
            dimension("target group", &environment.target_group, "targetgroup")?;
            if let Some(other) = groups.insert(&environment.target_group, name) {
                let field = format!("target group of {other} and of {name}");
                let allowed = "a different one for each environment";
                return Err(Error::invalid(field, &environment.target_group, allowed));
            }
            if let Some(EcsService { cluster, service }) = &environment.service {
                for (field, value) in [("cluster", cluster), ("service", service)] {
                    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                    if value.is_empty() || value.len() > 255 || !value.chars().all(is_name) {
                        let allowed = "a name of letters, digits, hyphens and underscores, no ARN";
                        return Err(Error::invalid(field, value, allowed));
                    }
                }
            }
        }
        if self.lag > Duration::from_secs(3600) {
            return Err(Error::invalid("lag", format!("{:?}", self.lag), "at most an hour"));
        }
        let bounds = self.bounds();
        let many = bounds.len();
        if many == 0 || many > MOST_BOUNDS {
            return Err(Error::invalid("number of latency bounds", many, "1 to 100"));
        }
        let told_apart = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let in_range = bounds.iter().all(|bound| !bound.is_zero() && *bound <= LONGEST_BOUND);
        if !told_apart || !in_range {
            let given = format!("{:?}", self.latency_bounds);
            let allowed = "rising, at least 5 % apart, from 1 µs to 100 s";
            return Err(Error::invalid("latency bounds", given, allowed));
        }
        Ok(())
    }

    /// The latency bounds as buckets end there.
    pub(super) fn bounds(&self) -> Vec<Duration> {
        self.latency_bounds.iter().map(|bound| Histogram::bound_within(*bound)).collect()
    }
}

/// The end of an ARN: `kind/name/id`.
fn dimension(field: &str, value: &str, kind: &str) -> Result<(), Error> {
    let parts: Vec<_> = value.split('/').collect();
    let sane = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    match parts[..] {
        [first, name, id] if first == kind && sane(name) && sane(id) => Ok(()),
        _ => Err(Error::invalid(field, value, format!("{kind}/name/id, the end of its ARN"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> CloudWatchMetrics {
        let groups = [("blue", "targetgroup/blue/1"), ("green", "targetgroup/green/2")];
        CloudWatchMetrics::new("app/shop/0", groups)
    }

    fn refused(change: impl FnOnce(&mut CloudWatchMetrics)) -> String {
        let mut metrics = metrics();
        change(&mut metrics);
        metrics.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cloudwatch_would_know_nothing_about_is_refused() {
        metrics().check().unwrap();
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/shop/0";
        for value in [arn, "shop", "net/shop/0", "app/shop", "app//0", "app/shop/0/1", ""] {
            let said = refused(|metrics| metrics.load_balancer = value.to_owned());
            assert_eq!(
                said,
                format!("load balancer is {value}; allowed: app/name/id, the end of its ARN")
            );
        }
        let same = |metrics: &mut CloudWatchMetrics| {
            let green = metrics.environments["green"].clone();
            metrics.environments.insert("blue".to_owned(), green);
        };
        assert!(refused(same).starts_with("target group of blue and of green is"));
        assert!(refused(|metrics| metrics.environments.clear()).contains("at least 1"));
        let service = |cluster: &str| {
            let service = EcsService { cluster: cluster.to_owned(), service: "shop".to_owned() };
            refused(|metrics| {
                let green = metrics.environments.get_mut("green").unwrap();
                green.service = Some(service);
            })
        };
        for cluster in ["", "arn:aws:ecs:eu-central-1:1:cluster/shop"] {
            assert!(service(cluster).contains("no ARN"));
        }
        assert!(refused(|metrics| metrics.lag = Duration::from_secs(3601)).contains("an hour"));
    }

    #[test]
    fn latency_bounds_rise_and_are_told_apart() {
        let said = |millis: &[u64]| {
            let bounds = millis.iter().map(|millis| Duration::from_millis(*millis)).collect();
            refused(|metrics| metrics.latency_bounds = bounds)
        };
        for wrong in [&[0][..], &[100, 50], &[100, 101], &[50, 50], &[105_000]] {
            assert!(said(wrong).contains("rising, at least 5 % apart"), "{wrong:?}");
        }
        assert!(said(&[]).contains("number of latency bounds is 0"));
    }

    #[test]
    fn a_bound_is_the_end_of_a_bucket_and_not_above_what_was_asked() {
        for (asked, bound) in metrics().latency_bounds.iter().zip(metrics().bounds()) {
            assert!(bound <= *asked && bound.mul_f64(1.0443) > *asked, "{bound:?} for {asked:?}");
            let mut histogram = Histogram::new();
            histogram.record_many(bound, 99);
            histogram.record(bound * 2);
            assert_eq!(histogram.quantile(0.99), Some(bound));
        }
    }
}
