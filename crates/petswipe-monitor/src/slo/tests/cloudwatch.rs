//! Alarms of CloudWatch, as the requests that create them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{DAY, shop};
use crate::alarms::Condition;
use crate::slo::cloudwatch::{AlarmTarget, alarms};
use crate::slo::{Objective, Slo};

fn target() -> AlarmTarget {
    AlarmTarget {
        load_balancer: "app/shop/0123456789abcdef".to_owned(),
        target_group: "targetgroup/shop/0123456789abcdef".to_owned(),
        page: Some("arn:aws:sns:eu-central-1:123456789012:page".to_owned()),
        ticket: Some("arn:aws:sns:eu-central-1:123456789012:ticket".to_owned()),
    }
}

#[test]
fn the_standard_alerts_are_pairs_of_windows_and_one_that_tells() {
    let all = alarms(&shop(), &target()).unwrap();
    let told: Vec<_> = all
        .iter()
        .filter(|alarm| matches!(alarm.condition(), Condition::Composite(_)))
        .map(|alarm| (alarm.name(), alarm.actions().alarm[0].rsplit(':').next().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("slo-checkout-availability-page-1h", "page"),
            ("slo-checkout-availability-page-6h", "page"),
            ("slo-checkout-availability-ticket-1d", "ticket"),
            ("slo-checkout-availability-ticket-3d", "ticket"),
            ("slo-checkout-latency-250ms-page-1h", "page"),
            ("slo-checkout-latency-250ms-page-6h", "page"),
            ("slo-checkout-latency-250ms-ticket-1d", "ticket"),
            ("slo-checkout-latency-250ms-ticket-3d", "ticket"),
        ]
    );
    // Parts tell nobody, and come before what depends on them.
    let silent = all.iter().filter(|alarm| alarm.actions().alarm.is_empty()).count();
    assert_eq!((all.len(), silent), (24, 16));
    for (index, alarm) in all.iter().enumerate() {
        for part in alarm.depends_on() {
            assert!(all[..index].iter().any(|other| other.name() == part), "{part}");
        }
    }
}

#[test]
fn a_part_is_one_period_of_one_evaluation() {
    let all = alarms(&shop(), &target()).unwrap();
    let request = |name: &str| -> Value {
        serde_json::to_value(all.iter().find(|alarm| alarm.name() == name).unwrap()).unwrap()
    };
    let long = request("slo-checkout-availability-ticket-3d-long");
    assert_eq!((&long["Threshold"], &long["EvaluationPeriods"]), (&json!(1.0), &json!(1)));
    assert_eq!(long["ComparisonOperator"], "GreaterThanThreshold");
    assert_eq!(long["TreatMissingData"], "missing");
    assert_eq!(long["Metrics"][0]["MetricStat"]["Period"], 259_200);
    assert_eq!(long["Metrics"][2]["Expression"], "FILL(failed, 0) / requests / 0.001");
    let short = request("slo-checkout-latency-250ms-page-1h-short");
    assert_eq!(short["Metrics"][0]["MetricStat"]["Period"], 300);
    assert_eq!(short["Metrics"][0]["MetricStat"]["Stat"], "PR(0.25:)");
    assert_eq!(
        (&short["Threshold"], &short["Metrics"][1]["Expression"]),
        (&json!(14.4), &json!("slow / 100 / 0.01"))
    );
}

#[test]
fn a_window_of_more_than_a_week_is_refused() {
    let objective = Objective::availability(0.999).unwrap();
    let days = |days: u32| alarms(&Slo::new("a", "b", [objective], days * DAY).unwrap(), &target());
    assert_eq!(days(70).unwrap().len(), 12);
    let error = days(90).unwrap_err().to_string();
    assert_eq!(
        error,
        "window of the alarm slo-a-availability-ticket-9d-long is 9d; allowed: at most 7d, the longest time that CloudWatch evaluates"
    );
}

#[test]
fn what_cloudwatch_would_refuse_is_refused() {
    let wrong = AlarmTarget { page: Some("on-call".to_owned()), ..target() };
    assert!(alarms(&shop(), &wrong).unwrap_err().to_string().contains("on-call"));
    let objective = Objective::latency(0.9, Duration::from_nanos(1_234_567_891)).unwrap();
    let odd = Slo::new("a", "b", [objective], 30 * DAY).unwrap();
    assert_eq!(alarms(&odd, &target()).unwrap().len(), 12);
}
