//! What an Application Load Balancer tells CloudWatch.
//!
//! Names, dimensions and when a metric is reported at all: "CloudWatch metrics for your Application Load Balancer".

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};

use super::{Answered, Behaviour, Player};

impl Player {
    pub(super) async fn publish(
        &self,
        all: &[Answered],
        tasks: &[u32],
        balancer_errors: u64,
        behaviour: impl Fn(&str) -> Behaviour,
    ) {
        let at = DateTime::from(SystemTime::now());
        let (_, name) = self.balancer.rsplit_once("loadbalancer/").unwrap();
        let balancer = Dimension::builder().name("LoadBalancer").value(name).build();
        let mut data = Vec::new();
        for ((side, answered), running) in self.sides.iter().zip(all).zip(tasks) {
            let behaviour = behaviour(&side.name);
            let (_, group) = side.target_group.rsplit_once(':').unwrap();
            let group = Dimension::builder().name("TargetGroup").value(group).build();
            let of_group = vec![group, balancer.clone()];
            for dimensions in [of_group.clone(), vec![balancer.clone()]] {
                let told = Told { dimensions, at };
                data.extend(told.count("RequestCount", answered.requests));
                data.extend(told.count("HTTPCode_Target_5XX_Count", answered.failed));
                let good = answered.requests - answered.failed;
                data.extend(told.count("HTTPCode_Target_2XX_Count", good));
                data.extend(told.times(answered.requests, behaviour.latency));
            }
            let told = Told { dimensions: of_group, at };
            let healthy = if behaviour.healthy { *running } else { 0 };
            data.push(told.number("HealthyHostCount", healthy));
            data.push(told.number("UnHealthyHostCount", running - healthy));
        }
        // No target group answered these, so they are told of the load balancer alone.
        let told = Told { dimensions: vec![balancer], at };
        data.extend(told.count("HTTPCode_ELB_5XX_Count", balancer_errors));
        let put = self.watching.put_metric_data().namespace("AWS/ApplicationELB");
        put.set_metric_data(Some(data)).send().await.unwrap();
    }
}

/// What all metrics of one beat and place have in common.
struct Told {
    dimensions: Vec<Dimension>,
    at: DateTime,
}

impl Told {
    fn begin(&self, name: &str) -> aws_sdk_cloudwatch::types::builders::MetricDatumBuilder {
        let dimensions = Some(self.dimensions.clone());
        MetricDatum::builder().metric_name(name).set_dimensions(dimensions).timestamp(self.at)
    }

    /// A count, told only if it is not nothing.
    fn count(&self, name: &str, count: u64) -> Option<MetricDatum> {
        let datum = self.begin(name).unit(StandardUnit::Count).value(count as f64);
        (count > 0).then(|| datum.build())
    }

    fn number(&self, name: &str, number: u32) -> MetricDatum {
        self.begin(name).unit(StandardUnit::Count).value(f64::from(number)).build()
    }

    /// The times of so many requests, of which one in ten takes twice as long.
    fn times(&self, requests: u64, latency: Duration) -> Option<MetricDatum> {
        let (seconds, requests) = (latency.as_secs_f64(), requests as f64);
        let datum = self.begin("TargetResponseTime").unit(StandardUnit::Seconds);
        let datum = datum.set_values(Some(vec![seconds, 2.0 * seconds]));
        let datum = datum.set_counts(Some(vec![0.9 * requests, 0.1 * requests]));
        (requests > 0.0).then(|| datum.build())
    }
}
