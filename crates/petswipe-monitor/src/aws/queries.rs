//! The metrics that are asked for: which names, dimensions and statistics.

use std::time::Duration;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};

use super::config::EnvironmentMetrics;

/// The length of a period in seconds. Load balancers and ECS services publish once a minute.
pub(super) const PERIOD: i32 = 60;

/// What a metric tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    /// Requests for which a target of the group was chosen.
    Requests,
    /// Answers of targets, by the first digit of their status.
    Answers(u8),
    /// Answers 502, 503 or 504 that the load balancer gave, whatever the target group.
    Balancer(u16),
    /// Fewest targets that were healthy.
    Healthy,
    /// Most targets that were not.
    Unhealthy,
    /// Requests whose time was taken.
    Samples,
    /// The longest of these times.
    Longest,
    /// How many of them lie between the bound before and this one.
    Within(usize),
    /// CPU use in percent.
    Cpu,
    /// Memory use in percent.
    Memory,
    /// Bytes of storage that a database has left.
    FreeStorage,
    /// Bytes of memory that a database has left.
    FreeMemory,
    /// Connections that a database has.
    Connections,
}

/// One metric with its statistic: what identifies a `MetricDataQuery`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Query {
    pub(super) namespace: &'static str,
    pub(super) metric: &'static str,
    pub(super) dimensions: Vec<(&'static str, String)>,
    pub(super) stat: String,
}

/// How many queries an environment takes.
pub(super) fn count(bounds: usize) -> usize {
    // Requests, answers, balancer, healthy, unhealthy, samples, longest, CPU, memory.
    1 + 4 + 3 + 2 + 2 + 2 + bounds
}

/// Everything that is asked about one environment.
///
/// Source: "CloudWatch metrics for your Application Load Balancer" (metrics and their dimensions: those of answers that
/// come from the load balancer itself have no target group), "Amazon ECS CloudWatch metrics".
pub(super) fn of(
    load_balancer: &str,
    environment: &EnvironmentMetrics,
    bounds: &[Duration],
) -> Vec<(Measure, Query)> {
    let balancer = vec![("LoadBalancer", load_balancer.to_owned())];
    let mut group = balancer.clone();
    group.push(("TargetGroup", environment.target_group.clone()));
    let elb = |dimensions: &[(&'static str, String)], metric, stat: &str| Query {
        namespace: "AWS/ApplicationELB",
        metric,
        dimensions: dimensions.to_vec(),
        stat: stat.to_owned(),
    };
    let mut asked = vec![
        (Measure::Requests, elb(&group, "RequestCount", "Sum")),
        (Measure::Answers(2), elb(&group, "HTTPCode_Target_2XX_Count", "Sum")),
        (Measure::Answers(3), elb(&group, "HTTPCode_Target_3XX_Count", "Sum")),
        (Measure::Answers(4), elb(&group, "HTTPCode_Target_4XX_Count", "Sum")),
        (Measure::Answers(5), elb(&group, "HTTPCode_Target_5XX_Count", "Sum")),
        (Measure::Balancer(502), elb(&balancer, "HTTPCode_ELB_502_Count", "Sum")),
        (Measure::Balancer(503), elb(&balancer, "HTTPCode_ELB_503_Count", "Sum")),
        (Measure::Balancer(504), elb(&balancer, "HTTPCode_ELB_504_Count", "Sum")),
        (Measure::Healthy, elb(&group, "HealthyHostCount", "Minimum")),
        (Measure::Unhealthy, elb(&group, "UnHealthyHostCount", "Maximum")),
        (Measure::Samples, elb(&group, "TargetResponseTime", "SampleCount")),
        (Measure::Longest, elb(&group, "TargetResponseTime", "Maximum")),
    ];
    let mut from = String::new();
    for (index, bound) in bounds.iter().enumerate() {
        let to = seconds(*bound);
        let within = elb(&group, "TargetResponseTime", &format!("TC({from}:{to})"));
        asked.push((Measure::Within(index), within));
        from = to;
    }
    if let Some(service) = &environment.service {
        let dimensions = vec![
            ("ClusterName", service.cluster.clone()),
            ("ServiceName", service.service.clone()),
        ];
        for (measure, metric) in
            [(Measure::Cpu, "CPUUtilization"), (Measure::Memory, "MemoryUtilization")]
        {
            let dimensions = dimensions.clone();
            let stat = "Average".to_owned();
            asked.push((measure, Query { namespace: "AWS/ECS", metric, dimensions, stat }));
        }
    }
    asked
}

impl Query {
    /// The query as CloudWatch takes it. Its id begins with a small letter, as it has to.
    pub(super) fn with_id(&self, index: usize) -> MetricDataQuery {
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions
            .map(|(name, value)| Dimension::builder().name(*name).value(value).build())
            .collect();
        let metric = Metric::builder()
            .namespace(self.namespace)
            .metric_name(self.metric)
            .set_dimensions(Some(dimensions))
            .build();
        let stat = MetricStat::builder().metric(metric).period(PERIOD).stat(&self.stat).build();
        MetricDataQuery::builder().id(format!("q{index}")).metric_stat(stat).build()
    }
}

/// Seconds as a decimal number without needless zeros: the unit of `TargetResponseTime`.
fn seconds(bound: Duration) -> String {
    let text = format!("{}.{:06}", bound.as_secs(), bound.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_decimal_numbers_of_seconds() {
        for (micros, text) in
            [(1, "0.000001"), (524_288, "0.524288"), (1_500_000, "1.5"), (100_000_000, "100")]
        {
            assert_eq!(seconds(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn an_environment_takes_as_many_queries_as_it_is_counted_for() {
        let service = super::super::EcsService { cluster: "c".to_owned(), service: "s".to_owned() };
        let environment = EnvironmentMetrics {
            target_group: "targetgroup/green/1".to_owned(),
            service: Some(service),
        };
        let bounds: Vec<_> = (1..=12).map(Duration::from_secs).collect();
        assert_eq!(of("app/shop/0", &environment, &bounds).len(), count(12));
    }
}
