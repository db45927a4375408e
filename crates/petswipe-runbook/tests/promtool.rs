//! What Prometheus itself says of our text.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::process::{Command, Stdio};

use petswipe_runbook::telemetry::{Measure, OPERATION_INSTRUMENTS, PrometheusText};

/// What `promtool check metrics` has to say, and whether it is content.
fn checked(text: &str) -> (bool, String) {
    let promtool = std::env::var("PETSWIPE_PROMTOOL")
        .expect("PETSWIPE_PROMTOOL is not set: `cargo xtask test` sets it");
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn promtool_has_nothing_to_say_against_any_metric() {
    let text = PrometheusText::new();
    for instrument in OPERATION_INSTRUMENTS {
        for word in ["plain", "with \"quotes\", a \\ and\na new line", "ä"] {
            text.record(&Measure::new(instrument, 0.25, vec![("effect", word.to_owned())]));
        }
    }
    // More series than are kept, so that the metric about that is there as well.
    for index in 0..1100 {
        let labels = vec![("effect", index.to_string())];
        text.record(&Measure::new(OPERATION_INSTRUMENTS[0], 1.0, labels));
    }
    assert_eq!(checked(&text.render()), (true, String::new()));
}

#[test]
fn promtool_would_say_so() {
    let (content, said) = checked("# TYPE petswipe_effects counter\npetswipe_effects 1\n");
    assert!(!content, "{said}");
    assert!(said.contains("no help text"), "{said}");
}
