//! The example `cost_report` on moto, in which another client planted waste: what is found is what was planted.

mod aged;
mod removed;

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::process::Command;

use super::fixture::{Fixture, run};

/// A region in which no other test has anything.
const REGION: &str = "eu-west-3";
const AREAS: &str = "ebs-unused,ebs-gp3,eip-unattached";

fn moto() -> String {
    std::env::var("PETSWIPE_MOTO").unwrap()
}

/// What a script says of a region.
async fn python(script: &str, region: &str) -> Value {
    let script = format!("{}/tests/emulators/costed/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(std::env::var("PETSWIPE_PYTHON").unwrap());
    command.args([&script, &moto(), region]).env_clear();
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The ids of the findings that are to be there.
async fn planted(region: &str) -> BTreeSet<String> {
    ids(&python("plant.py", region).await, region)
}

/// The ids of the findings of resources, which are given by area.
fn ids(planted: &Value, region: &str) -> BTreeSet<String> {
    let areas = planted.as_object().unwrap().iter();
    areas
        .flat_map(|(area, ids)| {
            ids.as_array()
                .unwrap()
                .iter()
                .map(move |id| format!("{area}:{region}:{}", id.as_str().unwrap()))
        })
        .collect()
}

fn program(fixture: &Fixture, region: &str, arguments: &[&str]) -> Command {
    let mut command = fixture.program("cost_report");
    command
        .env("AWS_ENDPOINT_URL", moto())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_REGION", region)
        .env("BACKEND", "aws")
        .args(["--quiet", "--areas", AREAS])
        .args(arguments);
    command
}

fn found(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_client_planted_is_what_is_found() {
    let fixture = Fixture::new();
    let planted = planted(REGION).await;
    // Moto made all of it just now, and what is new is left alone otherwise.
    std::fs::write(fixture.directory().join("limits.yaml"), "volumes: {days: 0}\n").unwrap();
    let report = run(program(&fixture, REGION, &["--thresholds", "limits.yaml", "--json"]))
        .await
        .with(0)
        .json();
    let (found, expected) = (found(&report), planted);
    let missed: Vec<_> = expected.difference(&found).collect();
    let wrong: Vec<_> = found.difference(&expected).collect();
    assert!(missed.is_empty() && wrong.is_empty(), "missed {missed:#?}, wrong {wrong:#?}");
    assert_eq!(report["excluded"], 1);
    assert_eq!(report["partial"], false);
    // Each listing once: whoever asks twice pays twice.
    for call in ["ec2:DescribeVolumes", "ec2:DescribeAddresses", "sts:GetCallerIdentity"] {
        assert_eq!(report["calls"][call], 1, "{}", report["calls"]);
    }
    // 100 GiB of gp3 at 0.0928 in Paris, of which a snapshot may take 5.30; two addresses at 3.65.
    assert_eq!(report["totals"]["by_area"]["eip-unattached"]["high"], "7.30");

    // Nothing is new to somebody who has seen it.
    std::fs::write(fixture.directory().join("old.json"), serde_json::to_string(&report).unwrap())
        .unwrap();
    let arguments = ["--thresholds", "limits.yaml", "--baseline", "old.json", "--json"];
    let again = run(program(&fixture, REGION, &arguments)).await.with(0).json();
    assert!(again["changes"]["new"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_answer_is_refused_before_anything_is_reported() {
    let fixture = Fixture::new();
    let mut command = program(&fixture, REGION, &["--json"]);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_MAX_ATTEMPTS", "1");
    let report = run(command).await.with(3).json();
    assert_eq!(report["partial"], true);
    assert!(report["findings"].as_array().unwrap().is_empty());
    let missing = report["not_analysed"].as_array().unwrap();
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(missing.iter().all(|one| one["why"] == "failed"), "{missing:?}");
}
