//! Rules for Prometheus, as text. That Prometheus understands them is tested in `tests/promtool`.

use super::{MINUTE, shop};
use crate::slo::prometheus::{Metrics, PromRule, rules, rules_of};
use crate::slo::{BurnRateAlert, DAYS_30, Objective, Severity, Slo};

#[test]
fn each_window_is_recorded_and_each_severity_is_one_alert() {
    let file = rules(&shop(), &Metrics::of_service("shop")).unwrap();
    let names = |group: usize| -> Vec<&str> {
        let mut names = Vec::new();
        for rule in &file.groups[group].rules {
            names.push(match rule {
                PromRule::Record { record, .. } => record.strip_prefix("slo:").unwrap(),
                PromRule::Alert { alert, .. } => alert,
            });
        }
        names
    };
    assert_eq!(names(0), names(1));
    let ratios = ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"]
        .map(|w| format!("sli_error:ratio_rate{w}"));
    let others = ["current_burn_rate:ratio", "period_error_budget_remaining:ratio"];
    let alerts = ["SloErrorBudgetBurn", "SloErrorBudgetBurn", "SloNotMeasured"];
    let expected: Vec<&str> =
        ratios.iter().map(String::as_str).chain(others).chain(alerts).collect();
    assert_eq!(names(0), expected);
}

#[test]
fn what_is_left_of_the_budget_is_what_was_not_spent_over_the_whole_period() {
    let file = rules(&shop(), &Metrics::of_service("shop")).unwrap();
    for (group, objective, budget) in [(0, "availability", 0.001), (1, "latency-250ms", 0.01)] {
        let left = file.groups[group].rules.iter().find_map(|rule| match rule {
            PromRule::Record { record, expr, .. }
                if record == "slo:period_error_budget_remaining:ratio" =>
            {
                Some(expr.clone())
            }
            _ => None,
        });
        let ratio =
            format!(r#"slo:sli_error:ratio_rate30d{{slo="checkout",objective="{objective}"}}"#);
        assert_eq!(left, Some(format!("1 - {ratio} / {budget}")));
    }
}

#[test]
fn a_rule_says_what_the_workbook_says() {
    let alert = BurnRateAlert::new(14.4, 60 * MINUTE, 5 * MINUTE, Severity::Page).unwrap();
    let slo = Slo::new("checkout", "shop", [Objective::availability(0.999).unwrap()], DAYS_30);
    let slo = slo.unwrap().with_alerts([alert]).unwrap();
    let text = rules(&slo, &Metrics::of_service("shop")).unwrap().to_string();
    let expected = r#"groups:
  - name: "slo-checkout-availability"
    rules:
      - record: "slo:sli_error:ratio_rate5m"
        expr: |-
          (
            (sum(rate(http_requests_total{service="shop",status=~"5.."}[5m])) or 0 * sum(rate(http_requests_total{service="shop"}[5m])))
            / (sum(rate(http_requests_total{service="shop"}[5m])) > 0)
          )
          or (sum(rate(http_requests_total{service="shop"}[5m])) == 0)
        labels:
          "objective": "availability"
          "service": "shop"
          "slo": "checkout"
"#;
    assert!(text.starts_with(expected), "{text}");
    let page = r#"      - alert: "SloErrorBudgetBurn"
        expr: |-
          (
            slo:sli_error:ratio_rate1h{slo="checkout",objective="availability"} > (14.4 * 0.001)
            and
            slo:sli_error:ratio_rate5m{slo="checkout",objective="availability"} > (14.4 * 0.001)
          )
        labels:
          "objective": "availability"
          "service": "shop"
          "severity": "page"
          "slo": "checkout"
"#;
    assert!(text.contains(page), "{text}");
}

#[test]
fn a_threshold_is_found_however_clients_write_it() {
    for (micros, matcher) in [
        (250_000, r#"le="0.25""#),
        (1_500_000, r#"le="1.5""#),
        (1_000_000, r#"le=~"1|1\\.0""#),
        (10_000_000, r#"le=~"10|10\\.0""#),
        (100, r#"le="0.0001""#),
        (50, r#"le=~"0\\.00005|5e-05""#),
        (2_500_000_000_000, r#"le=~"2500000|2500000\\.0|2\\.5e\\+06""#),
    ] {
        let fast = Objective::latency(0.99, std::time::Duration::from_micros(micros)).unwrap();
        let slo = Slo::new("checkout", "shop", [fast], DAYS_30).unwrap();
        let text = rules(&slo, &Metrics::of_service("shop")).unwrap().to_string();
        let selector =
            format!("http_request_duration_seconds_bucket{{service=\"shop\",{matcher}}}[5m]");
        assert!(text.contains(&selector), "{selector} in {text}");
    }
}

#[test]
fn names_that_prometheus_would_refuse_are_refused() {
    type Change = fn(&mut Metrics);
    let changes: [(Change, &str); 7] = [
        (
            |metrics| metrics.requests = "http-requests".to_owned(),
            "name of the counter of requests is http-requests;",
        ),
        (|metrics| metrics.latency = String::new(), "name of the histogram is ;"),
        (|metrics| metrics.requests = "1st".to_owned(), "name of the counter of requests is 1st;"),
        (|metrics| metrics.status = "a:b".to_owned(), "label is a:b;"),
        (|metrics| metrics.status = "service".to_owned(), "label is service;"),
        (|metrics| drop(metrics.labels.insert("le".to_owned(), "1".to_owned())), "label is le;"),
        (|metrics| metrics.failed = String::new(), "failed status codes is empty;"),
    ];
    for (change, said) in changes {
        let mut metrics = Metrics::of_service("shop");
        change(&mut metrics);
        let error = rules(&shop(), &metrics).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    let (slo, metrics) = (shop(), Metrics::of_service("shop"));
    let twice = rules_of([(&slo, &metrics), (&slo, &metrics)]).unwrap_err().to_string();
    assert_eq!(twice, "name of the SLO is checkout; allowed: each name once");
}
