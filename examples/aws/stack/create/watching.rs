//! The alarms, for each side by itself: a bad version is seen on its own target group, however small its share.
//!
//! Names and dimensions of the metrics: "CloudWatch metrics for your Application Load Balancer".

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, Statistic, Tag};

use super::Work;
use crate::aws::failed::{Failed, called};
use crate::aws::stack::resource::{Resource, Side, Trouble};

const PERIOD_SECONDS: i32 = 60;

impl Work<'_> {
    pub(super) async fn put_alarm(&self, side: Side, of: Trouble) -> Result<String, Failed> {
        let name = self.run.names.of(Resource::Alarm(side, of));
        let (metric, above, periods, about) = match of {
            Trouble::Errors => {
                ("HTTPCode_Target_5XX_Count", 50.0, 1, "more than 50 requests a minute fail")
            }
            Trouble::Latency => {
                ("TargetResponseTime", 2.0, 2, "one request in a hundred takes longer than 2 s")
            }
            Trouble::UnhealthyHosts => {
                ("UnHealthyHostCount", 0.0, 2, "a target fails its health checks")
            }
        };
        let mut asked = self.run.account.watching.put_metric_alarm().alarm_name(&name);
        asked = asked
            .alarm_description(format!("{about} on the {side} side of {}", self.run.names.base()))
            .namespace("AWS/ApplicationELB")
            .metric_name(metric)
            .set_dimensions(Some(self.dimensions(side)?))
            .period(PERIOD_SECONDS)
            .evaluation_periods(periods)
            .threshold(above)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            // Without requests there is no metric, and the idle side has none.
            .treat_missing_data("notBreaching");
        asked = match of {
            Trouble::Errors => asked.statistic(Statistic::Sum),
            Trouble::Latency => asked.extended_statistic("p99"),
            Trouble::UnhealthyHosts => asked.statistic(Statistic::Maximum),
        };
        for (key, value) in self.run.names.tags() {
            asked = asked.tags(Tag::builder().key(key).value(value).build());
        }
        called("PutMetricAlarm", &name, asked.send().await)?;
        Ok(name)
    }

    fn dimensions(&self, side: Side) -> Result<Vec<Dimension>, Failed> {
        let balancer = self.id(Resource::LoadBalancer)?;
        let group = self.id(Resource::TargetGroup(side))?;
        let values = [
            ("LoadBalancer", after(balancer, "loadbalancer/")),
            ("TargetGroup", after(group, ":").filter(|name| name.starts_with("targetgroup/"))),
        ];
        let mut dimensions = Vec::new();
        for (name, value) in values {
            let value = value
                .ok_or_else(|| Failed::answer("PutMetricAlarm", name, "its ARN has no name"))?;
            dimensions.push(Dimension::builder().name(name).value(value).build());
        }
        Ok(dimensions)
    }
}

/// The end of an ARN after the last of these characters.
fn after<'a>(arn: &'a str, mark: &str) -> Option<&'a str> {
    arn.rsplit_once(mark).map(|(_, rest)| rest)
}
