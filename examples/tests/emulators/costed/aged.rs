//! Waste that is old, with metrics of its last days, in eight areas at once.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Fixture, found, ids, run};

const REGION: &str = "eu-west-2";
const AREAS: &str = "ec2-utilization,ebs-unused,ebs-snapshots,rds-utilization,rds-snapshots,load-balancers,nat-gateways,log-retention";

/// An emulator of this test alone, with what is planted in it. It ends with this.
struct Aged {
    endpoint: String,
    planted: BTreeSet<String>,
    _process: Child,
}

impl Aged {
    async fn start(cloudwatch: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulators/costed/aged.py");
        let mut process = Command::new(std::env::var("PETSWIPE_PYTHON").unwrap())
            .args([script, cloudwatch, REGION])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut said).await.unwrap();
        let said: Value = serde_json::from_str(&said).expect("it planted nothing, and said why");
        let endpoint = said["endpoint"].as_str().unwrap().to_owned();
        Self { endpoint, planted: ids(&said["planted"], REGION), _process: process }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_waste_of_many_kinds_is_found_and_nothing_else() {
    let fixture = Fixture::new();
    let cloudwatch = std::env::var("PETSWIPE_MINISTACK").unwrap();
    let aged = Aged::start(&cloudwatch).await;
    // The emulator keeps two weeks of metrics.
    let limits = "ec2: {days: 12, known_days: 10, started_days: 0}\nnat: {days: 12}\nvolumes: {detached_days: 12}\n";
    std::fs::write(fixture.directory().join("limits.yaml"), limits).unwrap();
    let mut command = fixture.program("cost_report");
    for service in ["", "_RDS", "_ELASTIC_LOAD_BALANCING_V2", "_STS"] {
        command.env(format!("AWS_ENDPOINT_URL{service}"), &aged.endpoint);
    }
    command
        .env("AWS_ENDPOINT_URL_CLOUDWATCH", &cloudwatch)
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_REGION", REGION)
        .args(["--backend", "aws", "--quiet", "--json", "--areas", AREAS])
        .args(["--thresholds", "limits.yaml"]);
    let report = run(command).await.with(0).json();
    let found = found(&report);
    let missed: Vec<_> = aged.planted.difference(&found).collect();
    let wrong: Vec<_> = found.difference(&aged.planted).collect();
    assert!(
        missed.is_empty() && wrong.is_empty(),
        "missed {missed:#?}, wrong {wrong:#?}, unknown {:#?}",
        report["unknown"]
    );
    assert_eq!(
        (&report["partial"], &report["unknown"]),
        (&Value::Bool(false), &Value::Array(Vec::new()))
    );
    // The last snapshot of a volume that is gone is found, and left to people.
    let last = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["area"] == "ebs-snapshots" && one["remediation"]["action"].is_null());
    assert_eq!(last.count(), 1);
    // All metrics of all of it in one call.
    assert_eq!(report["calls"]["cloudwatch:GetMetricData"], 1, "{}", report["calls"]);
}
