//! Cloud Custodian and the example `cost_report` over the same account: both find the same, and this one takes less.
//!
//! By default the account is small. What the two take of a large one, the test prints:
//!
//! ```sh
//! PETSWIPE_COMPARE=10000 cargo xtask emulators -- \
//!     cargo test -p petswipe-examples --features emulators --test emulators custodian -- --nocapture
//! ```

use serde_json::Value;
use tokio::process::Command;

use super::fixture::path;

#[tokio::test(flavor = "multi_thread")]
async fn custodian_and_cost_report_find_the_same() {
    let count = std::env::var("PETSWIPE_COMPARE").unwrap_or_else(|_| "100".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulators/custodian/compare.py");
    let mut command = Command::new(std::env::var("PETSWIPE_PYTHON").unwrap());
    command.arg(script).arg(path("cost_report")).arg(&count);
    // It asks the other emulator for metrics, which this one has in another protocol.
    command.arg(std::env::var("PETSWIPE_MINISTACK").unwrap());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let both: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, what) in both.as_object().unwrap() {
        println!("{name} over {count} volumes and as many snapshots: {}", what["took"]);
    }
    for kind in ["volumes", "addresses", "snapshots"] {
        let [custodian, ours] =
            ["custodian", "cost_report"].map(|name| both[name]["found"][kind].as_array().unwrap());
        assert!(!ours.is_empty(), "there is nothing of {kind} to be found");
        assert_eq!(custodian, ours, "{kind}");
    }
    // An unoptimized program over a small account, so far less than what it is about.
    let seconds = |name: &str| both[name]["took"]["cpu_seconds"].as_f64().unwrap();
    assert!(seconds("custodian") > 1.5 * seconds("cost_report"), "{both}");
    // Each listing once, however many areas need it, and all metrics in as few calls as there can be.
    let calls = both["everything"]["calls"].as_object().unwrap();
    for listing in [
        "ec2:DescribeVolumes",
        "ec2:DescribeSnapshots",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
    ] {
        assert_eq!(calls[listing], 1, "{calls:?}");
    }
    let instances = count.parse::<u64>().unwrap() / 5;
    assert_eq!(calls["cloudwatch:GetMetricData"], (instances * 4).div_ceil(500), "{calls:?}");
}
