//! The rules that SLOs become, checked and played by Prometheus' own `promtool`.
//!
//! `cargo xtask test` installs it and sets `PETSWIPE_PROMTOOL` to its path.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use petswipe_monitor::slo::{DAYS_30, Objective, Slo, prometheus};
use serde_json::{Value, json};

/// The shop promises that 99.9 % of its requests do not fail, and that 99 % take at most 250 ms.
fn shop() -> Slo {
    let promises = [
        Objective::availability(0.999).unwrap(),
        Objective::latency(0.99, Duration::from_millis(250)).unwrap(),
    ];
    Slo::new("checkout", "shop", promises, DAYS_30).unwrap().described("to pay, {{ }} \"now\"")
}

fn metrics() -> prometheus::Metrics {
    prometheus::Metrics::of_service("shop")
}

fn promtool() -> PathBuf {
    let path = std::env::var_os("PETSWIPE_PROMTOOL");
    path.expect("PETSWIPE_PROMTOOL has to be the path of promtool; `cargo xtask test` sets it")
        .into()
}

/// Runs `promtool` in a directory with the rules; its output, if it succeeds.
fn run(rules: &str, test: Option<&Value>) -> Result<String, String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rules.yml"), rules).unwrap();
    let arguments: &[&str] = match test {
        Some(test) => {
            std::fs::write(directory.path().join("test.yml"), test.to_string()).unwrap();
            &["test", "rules", "test.yml"]
        }
        None => &["check", "rules", "rules.yml"],
    };
    let output =
        Command::new(promtool()).args(arguments).current_dir(directory.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text.into_owned()) } else { Err(text.into_owned()) }
}

/// A counter that rises by so much a minute for so many minutes, and so on.
fn counter(parts: &[(u64, u64)]) -> String {
    let mut sum = 0;
    let mut text = "0x0".to_owned();
    for (minutes, rise) in parts {
        text += &format!(" {}+{rise}x{}", sum + rise, minutes - 1);
        sum += rise * minutes;
    }
    text
}

const DAY: u64 = 24 * 60;

/// The shop with 1000 requests a minute, of which so many fail for so many minutes, and so on; all are fast.
fn failing(parts: &[(u64, u64)]) -> Vec<Value> {
    let good: Vec<_> = parts.iter().map(|(minutes, bad)| (*minutes, 1000 - bad)).collect();
    let all: Vec<_> = parts.iter().map(|(minutes, _)| (*minutes, 1000)).collect();
    vec![
        series("http_requests_total{service=\"shop\",status=\"200\"}", &good),
        series("http_requests_total{service=\"shop\",status=\"503\"}", parts),
        // Somebody else fails all the time.
        series("http_requests_total{service=\"blog\",status=\"500\"}", &all),
        series("http_request_duration_seconds_count{service=\"shop\"}", &all),
        series("http_request_duration_seconds_bucket{service=\"shop\",le=\"0.25\"}", &all),
    ]
}

fn series(name: &str, parts: &[(u64, u64)]) -> Value {
    json!({ "series": name, "values": counter(parts) })
}

/// Plays series, and compares who is called after so many minutes.
fn play(input: &[Value], expected: &[(u64, &[&str])]) {
    let samples = |words: &[&str]| -> Vec<Value> {
        words
            .iter()
            .map(|labels| json!({ "labels": format!("{{{labels}}}"), "value": 1 }))
            .collect()
    };
    let expressions: Vec<_> = expected
        .iter()
        .map(|(minute, words)| {
            json!({
                "expr": "count by (alertname, severity, objective) (ALERTS{alertstate=\"firing\"})",
                "eval_time": format!("{minute}m"),
                "exp_samples": samples(words),
            })
        })
        .collect();
    let test = json!({
        "rule_files": ["rules.yml"],
        "evaluation_interval": "5m",
        "tests": [{ "interval": "1m", "input_series": input, "promql_expr_test": expressions }],
    });
    let rules = prometheus::rules(&shop(), &metrics()).unwrap().to_string();
    run(&rules, Some(&test)).unwrap_or_else(|said| panic!("{said}\n{rules}"));
}

const PAGE: &str = r#"alertname="SloErrorBudgetBurn", objective="availability", severity="page""#;
const TICKET: &str =
    r#"alertname="SloErrorBudgetBurn", objective="availability", severity="ticket""#;
const SLOW: &str = r#"alertname="SloErrorBudgetBurn", objective="latency-250ms", severity="page""#;

#[test]
fn promtool_takes_the_rules() {
    let rules = prometheus::rules(&shop(), &metrics()).unwrap();
    let said = run(&rules.to_string(), None).unwrap();
    // For each objective eight ratios, two more series, two alerts and one for missing metrics.
    assert!(said.contains("26 rules found"), "{said}");
    // As JSON it is the same file.
    let said = run(&serde_json::to_string(&rules).unwrap(), None).unwrap();
    assert!(said.contains("26 rules found"), "{said}");
}

#[test]
fn promtool_takes_names_that_have_to_be_quoted() {
    let mut metrics = metrics();
    metrics.failed = "5..|\"\\\\d\"".to_owned();
    metrics.labels.insert("path".to_owned(), "a \"b\" \\ {c}\nd: 'e'".to_owned());
    let other =
        Slo::new("other", "shop", [Objective::availability(0.5).unwrap()], DAYS_30).unwrap();
    let (first, second) = (shop(), other);
    let rules = prometheus::rules_of([(&first, &metrics), (&second, &metrics)]).unwrap();
    let said = run(&rules.to_string(), None).unwrap();
    assert!(said.contains("39 rules found"), "{said}");
}

#[test]
fn a_burn_of_fifteen_pages_and_one_of_a_half_calls_nobody() {
    // A day without a fault, then fifteen times as many failures as allowed: after an hour that is 2 %.
    let burn = failing(&[(DAY, 0), (120, 15)]);
    play(&burn, &[(DAY, &[]), (DAY + 30, &[]), (DAY + 65, &[PAGE])]);
    let half = [(DAY, 1)];
    let half = [
        series("http_requests_total{service=\"shop\",status=\"200\"}", &[(DAY, 1999)]),
        series("http_requests_total{service=\"shop\",status=\"503\"}", &half),
        series("http_request_duration_seconds_count{service=\"shop\"}", &half),
        series("http_request_duration_seconds_bucket{service=\"shop\",le=\"0.25\"}", &half),
    ];
    play(&half, &[(60, &[]), (DAY, &[])]);
}

#[test]
fn a_burn_of_four_makes_a_ticket_alone() {
    play(&failing(&[(DAY, 4)]), &[(DAY, &[TICKET])]);
}

#[test]
fn a_short_outage_that_is_over_no_longer_pages_and_is_forgotten_after_six_hours() {
    let outage = failing(&[(DAY, 0), (10, 1000), (12 * 60, 0)]);
    let over = DAY + 10;
    play(
        &outage,
        &[
            (over, &[PAGE, TICKET]),
            // Half an hour later nothing of it is left in the windows that say that it still goes on.
            (over + 35, &[TICKET]),
            (over + 6 * 60 + 5, &[]),
        ],
    );
}

#[test]
fn slow_requests_page_for_the_objective_of_latency_alone() {
    let mut input = failing(&[(DAY, 0), (120, 0)]);
    input[4] = series(
        "http_request_duration_seconds_bucket{service=\"shop\",le=\"0.25\"}",
        &[(DAY, 1000), (120, 800)],
    );
    play(&input, &[(DAY, &[]), (DAY + 65, &[SLOW])]);
}

/// The text format's clients write a whole bound as `1`, those of OpenMetrics and Prometheus 3 as `1.0`; both may be there at once,
/// of a service of which a part was updated.
#[test]
fn a_bucket_that_ends_at_a_whole_second_is_found_in_either_spelling() {
    let fast = Objective::latency(0.99, Duration::from_secs(1)).unwrap();
    let slo = Slo::new("checkout", "shop", [fast], DAYS_30).unwrap();
    let rules = prometheus::rules(&slo, &metrics()).unwrap().to_string();
    let histogram = |instance: &str, le: &str| {
        let name = |part: &str, more: &str| {
            format!(
                "http_request_duration_seconds_{part}{{service=\"shop\",instance=\"{instance}\"{more}}}"
            )
        };
        let of = |le: &str| name("bucket", &format!(",le=\"{le}\""));
        vec![
            series(&name("count", ""), &[(180, 1000)]),
            series(&of(le), &[(180, 900)]),
            // Other bounds are none of its business.
            series(&of("10"), &[(180, 999)]),
            series(&of("11.0"), &[(180, 999)]),
            series(&of("1.05"), &[(180, 950)]),
            series(&of("0.1"), &[(180, 5)]),
            series(&of("+Inf"), &[(180, 1000)]),
        ]
    };
    for (input, slow) in [
        (histogram("a", "1"), 0.1),
        (histogram("a", "1.0"), 0.1),
        ([histogram("a", "1"), histogram("b", "1.0")].concat(), 0.1),
    ] {
        let test = json!({
            "rule_files": ["rules.yml"],
            "evaluation_interval": "5m",
            "tests": [{
                "interval": "1m",
                "input_series": input,
                "promql_expr_test": [{
                    "expr": "round(1e6 * sum(slo:sli_error:ratio_rate1h))",
                    "eval_time": "120m",
                    "exp_samples": [{ "labels": "{}", "value": slow * 1e6 }],
                }],
            }],
        });
        run(&rules, Some(&test)).unwrap_or_else(|said| panic!("{said}\n{rules}"));
    }
}

#[test]
fn no_failures_at_all_and_no_requests_at_all_are_measured() {
    // A counter of failures that is not there; and all counters stand still.
    let mut input = failing(&[(120, 0), (120, 0)]);
    input.remove(1);
    play(&input, &[(60, &[]), (240, &[])]);
    let still = [(240, 0)];
    let input = [
        series("http_requests_total{service=\"shop\",status=\"200\"}", &still),
        series("http_request_duration_seconds_count{service=\"shop\"}", &still),
        series("http_request_duration_seconds_bucket{service=\"shop\",le=\"0.25\"}", &still),
    ];
    play(&input, &[(60, &[]), (240, &[])]);
}

#[test]
fn missing_metrics_make_a_ticket() {
    let none = |objective| {
        format!(r#"alertname="SloNotMeasured", objective="{objective}", severity="ticket""#)
    };
    let (available, fast) = (none("availability"), none("latency-250ms"));
    // Nothing but somebody else's; and a histogram without a bucket that ends at the threshold.
    let blog = failing(&[(60, 0)]).remove(2);
    play(&[blog], &[(5, &[]), (60, &[&available, &fast])]);
    let mut input = failing(&[(60, 0)]);
    input.remove(4);
    play(&input, &[(5, &[]), (60, &[&fast])]);
}

#[test]
fn what_is_recorded_is_what_is_calculated_here() {
    let test = json!({
        "rule_files": ["rules.yml"],
        "evaluation_interval": "5m",
        "tests": [{
            "interval": "1m",
            "input_series": failing(&[(120, 0), (30, 20), (30, 0)]),
            "promql_expr_test": [
                // 20 of 1000 for half an hour, in the hour until minute 180.
                recorded("slo:sli_error:ratio_rate1h", "round(1e6 * ", 10_000.0),
                recorded("slo:current_burn_rate:ratio", "round(1e6 * ", 0.0),
                // 600 of 180000 over everything that is known: 3.33 times the budget.
                recorded("slo:period_error_budget_remaining:ratio", "round(1e3 * ", -2333.0),
            ],
        }],
    });
    let rules = prometheus::rules(&shop(), &metrics()).unwrap().to_string();
    run(&rules, Some(&test)).unwrap_or_else(|said| panic!("{said}\n{rules}"));
}

fn recorded(name: &str, of: &str, value: f64) -> Value {
    json!({
        "expr": format!("{of}sum({name}{{objective=\"availability\"}}))"),
        "eval_time": "180m",
        "exp_samples": [{ "labels": "{}", "value": value }],
    })
}

#[test]
fn promtool_would_find_what_is_wrong() {
    let rules = prometheus::rules(&shop(), &metrics()).unwrap().to_string();
    let broken = rules.replacen("sum(rate(", "sum(rate((", 1);
    assert!(run(&broken, None).is_err());
}
