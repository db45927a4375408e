//! Amazon CloudWatch as far as a preflight needs it: alarms and their states.
//!
//! Shapes: Amazon CloudWatch API Reference, version 2010-08-01, DescribeAlarms.

use std::collections::BTreeMap;

use petswipe_aws::script::{Answer, Call};
use serde_json::json;

/// Alarms with their states.
#[derive(Default)]
pub struct Alarms(pub BTreeMap<String, &'static str>);

impl Alarms {
    pub fn answer(&self, call: &Call) -> Option<Answer> {
        if call.action != "cloudwatch:DescribeAlarms" {
            return None;
        }
        let request = call.cbor();
        let asked = |name: &str, state: &str| {
            let names = request["AlarmNames"].as_array();
            let named = names.is_none_or(|names| names.iter().any(|one| one == name));
            let prefix = request["AlarmNamePrefix"].as_str().unwrap_or_default();
            let wanted = request["StateValue"].as_str().unwrap_or(state);
            named && name.starts_with(prefix) && state == wanted
        };
        let found = self.0.iter().filter(|(name, state)| asked(name, state));
        let found = found.map(|(name, state)| json!({"AlarmName": name, "StateValue": state}));
        let alarms: Vec<_> = found.collect();
        Some(Answer::cbor(&json!({"MetricAlarms": alarms, "CompositeAlarms": []})))
    }
}
