//! Definitions for tests.

use std::time::Duration;

use serde_json::json;

use super::Definition;
use crate::alarms::{Alarm, Metric, Statistic, Threshold};

/// Definitions that a conformance suite puts into a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Alarms on one metric.
    Alarm,
    /// Dashboards of CloudWatch.
    CloudWatchDashboard,
    /// Dashboards of Grafana.
    GrafanaDashboard,
}

impl Sample {
    /// A definition of that name with a tag; those of different numbers differ.
    pub fn of(self, name: &str, number: u32) -> Definition {
        let title = format!("Swipes {number}");
        let mut definition = match self {
            Self::Alarm => alarm(name, number),
            Self::CloudWatchDashboard => {
                let text = json!({"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": {"markdown": title}});
                Definition::new(name, json!({"widgets": [text]}))
            }
            Self::GrafanaDashboard => {
                Definition::new(name, json!({"title": title, "tags": ["seen"], "panels": []}))
            }
        };
        definition.tags.insert("Number".to_owned(), number.to_string());
        definition
    }
}

fn alarm(name: &str, number: u32) -> Definition {
    let measure = Metric::new("Shop", "Swipes").with("Side", "blue");
    let measure = measure.every(Duration::from_secs(60), Statistic::Sum);
    let threshold = Threshold::above(f64::from(number)).in_some_of(2, 3);
    let alarm = Alarm::on_metric(name, measure, threshold)
        .and_then(|alarm| alarm.described(format!("more than {number} swipes")))
        .and_then(|alarm| alarm.notifying("arn:aws:sns:eu-central-1:123456789012:on-call"));
    // A name that is no name of an alarm is for the store to refuse.
    alarm.map_or_else(|_| Definition::new(name, json!({})), |alarm| Definition::from(&alarm))
}
