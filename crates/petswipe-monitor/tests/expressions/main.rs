//! Every expression on the dashboards of Grafana is one of Prometheus: promtool checks them as recording rules.
//!
//! `PETSWIPE_PROMTOOL` says where promtool is; `cargo xtask test` sets it. Without it these tests fail.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::Command;

use petswipe_monitor::Owner;
use petswipe_monitor::alarms::guide::Limits;
use petswipe_monitor::dashboards::{Dashboard, Series, guide};
use serde_json::json;

/// A file that goes when the test ends.
struct Rules(PathBuf);

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What promtool says about expressions: whether all are good, and its words.
fn checked(name: &str, expressions: &[String]) -> (bool, String) {
    let promtool = std::env::var("PETSWIPE_PROMTOOL").unwrap_or_else(|_| {
        panic!("PETSWIPE_PROMTOOL does not say where promtool is; `cargo xtask test` sets it")
    });
    let rules: Vec<_> = (0..)
        .zip(expressions)
        .map(|(index, expression): (u32, _)| json!({ "record": format!("e{index}"), "expr": expression }))
        .collect();
    let file = format!("petswipe-{name}-{}.yml", std::process::id());
    let rules_file = Rules(std::env::temp_dir().join(file));
    // JSON is YAML.
    let groups = json!({ "groups": [{ "name": "dashboards", "rules": rules }] });
    std::fs::write(&rules_file.0, groups.to_string()).unwrap();
    let output =
        Command::new(promtool).args(["check", "rules"]).arg(&rules_file.0).output().unwrap();
    let words =
        [output.stdout, output.stderr].map(|words| String::from_utf8_lossy(&words).into_owned());
    (output.status.success(), words.concat())
}

/// As Prometheus gets it from Grafana.
fn interpolated(expression: &str) -> String {
    expression
        .replace("$__rate_interval", "1m")
        .replace("$side", "shop-blue|shop-green")
        .replace("$job", ".*")
}

#[test]
fn every_expression_on_the_dashboards_is_one_of_prometheus() {
    let owner = Owner::new("shop", "production").unwrap();
    let custom = guide::Custom {
        title: "Cache hits".to_owned(),
        expression: "sum(rate(cache_hits_total[5m]))".to_owned(),
        unit: petswipe_monitor::dashboards::Unit::PerSecond,
    };
    let names = guide::PrometheusNames::default();
    let all =
        guide::grafana(&owner, &names, &guide::Business::default(), &[custom], &Limits::default());
    let all = all.unwrap();
    let expressions: Vec<_> = all
        .iter()
        .flat_map(Dashboard::series)
        .filter_map(Series::expression)
        .map(interpolated)
        .collect();
    assert!(expressions.len() > 25, "{}", expressions.len());
    assert!(!expressions.iter().any(|expression| expression.contains('$')), "{expressions:#?}");
    let (good, words) = checked("dashboards", &expressions);
    assert!(good, "{words}");
    assert!(words.contains(&format!("SUCCESS: {} rules found", expressions.len())), "{words}");
}

#[test]
fn an_expression_that_is_none_is_found() {
    let (good, words) = checked("wrong", &["sum(rate(x[1m])".to_owned()]);
    assert!(!good && words.contains("unclosed left parenthesis"), "{words}");
}
