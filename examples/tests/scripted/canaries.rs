//! The example `probe --synthetics`: what the last runs of canaries say about now.

use petswipe_aws::script::{Answer, Call, Fault, Refusal, Service};
use serde_json::{Value, json};

use crate::program::run;
use crate::server::Server;

/// Synthetics as far as "DescribeCanariesLastRun" goes.
struct Synthetics(Vec<Value>);

impl Service for Synthetics {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let names = call.json()["Names"].as_array().unwrap().clone();
        let found: Vec<_> =
            self.0.iter().filter(|run| names.contains(&run["CanaryName"])).cloned().collect();
        Ok(Answer::Json(json!({ "CanariesLastRun": found })))
    }
}

/// A run that was over so many seconds ago.
fn ran(name: &str, state: &str, ago: i64, reason: &str) -> Value {
    let over = jiff::Timestamp::now().as_second() - ago;
    json!({"CanaryName": name, "LastRun": {
        "Id": "9f2b4a50-0000-4000-8000-000000000000",
        "Name": name,
        "Status": {"State": state, "StateReason": reason, "StateReasonCode": ""},
        "Timeline": {"Started": over - 7, "Completed": over},
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_that_passed_lately_are_well_and_nothing_else_is() {
    let runs = vec![
        ran("shop", "PASSED", 60, ""),
        ran("cart", "FAILED", 60, "Error: password=hunter2 refused"),
        ran("old", "PASSED", 2000, ""),
    ];
    let server = Server::start(Synthetics(runs)).await;
    let directory = tempfile::tempdir().unwrap();
    let probe = |names: &str, more: &[&str]| {
        let mut command = server.command("probe", directory.path());
        command.args(["--synthetics", names, "--region", "eu-central-1"]).args(more);
        run(command)
    };
    let well = probe("shop", &["--json"]).await.with(0).json();
    assert_eq!((&well["outcome"], &well["checks"]), (&json!("well"), &json!([])));
    assert_eq!(well["canaries"][0]["standing"], "passed");
    assert_eq!(well["canaries"][0]["last"]["state"], "passed");

    let done = probe("shop,cart,old,never", &["--metrics-file", "m.prom", "--report", "r.html"]);
    let done = done.await.with(1);
    for said in [
        "shop passed\n",
        "cart failed: ",
        "old is not known to be well: its last run passed, but was over 20",
        "never is not known to be well: no run is known",
    ] {
        assert!(done.stdout.contains(said), "{said}: {done}");
    }
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let (metrics, page) = (read("m.prom"), read("r.html"));
    assert!(metrics.contains("petswipe_probe_success{check=\"cart\"} 0\n"), "{metrics}");
    assert!(!metrics.contains("success{check=\"never\"}"), "{metrics}");
    assert!(page.contains("<th scope=\"row\">never</th>"), "{page}");
    assert!(!format!("{done}{page}{metrics}").contains("hunter2"), "a secret is shown: {done}");
    // Twice as seldom is twice as long.
    probe("old", &["--every", "700"]).await.with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_that_can_not_be_read_are_no_pass() {
    let server = Server::start(Synthetics(Vec::new())).await;
    let directory = tempfile::tempdir().unwrap();
    let probe = |arguments: &[&str]| {
        let mut command = server.command("probe", directory.path());
        command.args(arguments);
        run(command)
    };
    server.wire.fate(|_| Some(Fault::Denied));
    let denied = probe(&["--synthetics", "shop", "--json"]).await.with(3);
    assert!(denied.stderr.contains("the canaries could not be read"), "{denied}");
    assert_eq!(denied.stdout, "");
    server.wire.forget();
    for (arguments, words) in [
        (&["--synthetics", "Shop"][..], "canary is Shop; allowed: 1 to 255 lowercase"),
        (&["--synthetics", "a,a"], "`a`, twice"),
        (&["--synthetics", "a", "--url", "http://127.0.0.1:1"], "--url"),
        (
            &["--synthetics", "a", "--metrics-file", "nowhere/m.prom"],
            "--metrics-file is nowhere/m.prom",
        ),
        (&["--synthetics", "a", "--report", "r.txt"], "end its name with .json, .html or .md"),
    ] {
        let refused = probe(arguments).await.with(2);
        assert!(refused.stderr.contains(words), "{refused}");
    }
    assert_eq!(server.wire.calls().len(), 0);
}
