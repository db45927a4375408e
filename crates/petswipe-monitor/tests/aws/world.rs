//! A shop behind a load balancer, watched by CloudWatch.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_aws::script::Wire;
use petswipe_monitor::aws::{CloudWatchMetrics, CloudWatchSource, EcsService};
use petswipe_monitor::conformance::MetricWorld;
use petswipe_monitor::{Error, MetricSource, Observation, Subject, Window};

use crate::cloudwatch::CloudWatch;

pub const BALANCER: &str = "LoadBalancer=app/shop/50dc6c495c0c9188";

/// 3 October 2026, 12:00:07 UTC.
const BEGIN: i64 = 1_791_028_807;

pub fn blue() -> Subject {
    Subject::environment("shop-production-blue")
}

pub fn green() -> Subject {
    Subject::environment("shop-production-green")
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn group(subject: &Subject) -> String {
    format!("targetgroup/{}/1", subject.environment)
}

/// A metric of a target group.
pub fn of_group(metric: &str, subject: &Subject) -> String {
    format!("AWS/ApplicationELB {metric} {BALANCER} TargetGroup={}", group(subject))
}

/// A metric of the load balancer.
pub fn of_balancer(metric: &str) -> String {
    format!("AWS/ApplicationELB {metric} {BALANCER}")
}

/// A metric of a service.
pub fn of_service(metric: &str, subject: &Subject) -> String {
    format!("AWS/ECS {metric} ClusterName=shop ServiceName={}", subject.environment)
}

/// The metrics of both sides, each with a service.
pub fn metrics() -> CloudWatchMetrics {
    let groups = [blue(), green()].map(|side| (side.environment.clone(), group(&side)));
    let mut metrics = CloudWatchMetrics::new("app/shop/50dc6c495c0c9188", groups);
    for (name, environment) in &mut metrics.environments {
        let service = EcsService { cluster: "shop".to_owned(), service: name.clone() };
        environment.service = Some(service);
    }
    metrics
}

pub struct World {
    pub wire: Wire<CloudWatch>,
    pub source: CloudWatchSource,
}

impl World {
    pub fn new() -> Self {
        Self::with(metrics())
    }

    pub fn with(metrics: CloudWatchMetrics) -> Self {
        let wire = Wire::new(CloudWatch::new(BEGIN));
        let source = CloudWatchSource::new(&wire.config(), metrics).unwrap();
        let world = Self { wire, source };
        world.wire.with(count_hosts);
        world
    }

    /// A world of small pages, in which a count of nothing is a value.
    pub fn paged(page: usize) -> Self {
        let world = Self::new();
        world.wire.with(|cloudwatch| {
            cloudwatch.page = page;
            cloudwatch.counts_nothing = true;
        });
        world
    }

    /// Lets a subject answer requests with a status of that class, each in so many seconds.
    pub fn answer(&self, subject: &Subject, requests: u64, class: u8, seconds: f64) {
        self.put(&of_group("RequestCount", subject), 1.0, requests);
        self.put(&of_group(&format!("HTTPCode_Target_{class}XX_Count"), subject), 1.0, requests);
        self.put(&of_group("TargetResponseTime", subject), seconds, requests);
    }

    /// Has the load balancer answer in the place of a subject.
    pub fn fail(&self, subject: &Subject, requests: u64, status: u16) {
        self.put(&of_group("RequestCount", subject), 1.0, requests);
        self.put(&of_balancer(&format!("HTTPCode_ELB_{status}_Count")), 1.0, requests);
    }

    /// Measures now.
    pub fn put(&self, name: &str, value: f64, times: u64) {
        self.wire.with(|cloudwatch| cloudwatch.put(name, cloudwatch.now, value, times));
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.wire.with(|cloudwatch| {
            for _ in 0..seconds {
                cloudwatch.now += 1;
                if cloudwatch.now % 60 == 0 {
                    count_hosts(cloudwatch);
                }
            }
        });
    }

    pub fn second(&self) -> i64 {
        self.wire.with(|cloudwatch| cloudwatch.now)
    }

    /// What is known of the `minutes` up to now, the open one included.
    pub async fn seen(&self, subject: &Subject, minutes: i64) -> Result<Observation, Error> {
        let now = self.second();
        let from = at((now.div_euclid(60) + 1 - minutes) * 60);
        self.source.observe(subject, Window { from, to: at(now) }, at(now)).await
    }
}

/// Two healthy targets on either side.
fn count_hosts(cloudwatch: &mut CloudWatch) {
    for side in [blue(), green()] {
        for (metric, hosts) in [("HealthyHostCount", 2.0), ("UnHealthyHostCount", 0.0)] {
            cloudwatch.put(&of_group(metric, &side), cloudwatch.now, hosts, 1);
        }
    }
}

#[async_trait]
impl MetricWorld for World {
    fn source(&self) -> &dyn MetricSource {
        &self.source
    }

    fn subject(&self) -> Subject {
        green()
    }

    fn idle_subject(&self) -> Option<Subject> {
        Some(blue())
    }

    fn unknown_subject(&self) -> Subject {
        Subject::environment("shop-production-red")
    }

    fn now(&self) -> Timestamp {
        at(self.second()) + Duration::from_millis(300)
    }

    async fn serve(&self, requests: u64, failed: u64) {
        let by_balancer = failed / 2;
        self.answer(&green(), requests - failed, 2, 0.02);
        self.answer(&green(), failed - by_balancer, 5, 0.004);
        self.fail(&green(), by_balancer, 502);
        self.pass(2);
    }

    async fn let_time_pass(&self, periods: u32) {
        self.pass(i64::from(periods) * 60);
    }
}

mod as_it_is {
    use super::World;
    petswipe_monitor::metric_source_conformance!(source, World::new());
}

mod with_three_values_a_page {
    use super::World;
    petswipe_monitor::metric_source_conformance!(source, World::paged(3));
}

mod published_just_in_time {
    use super::World;

    fn world() -> World {
        let world = World::new();
        world.wire.with(|cloudwatch| cloudwatch.delay = 119);
        world
    }

    petswipe_monitor::metric_source_conformance!(source, world());
}
