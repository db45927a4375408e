//! Scaling operations: the plan, the change, the way back, and what is refused.

use petswipe_deploy::Compute;
use petswipe_runbook::{Fence, OperationId};
use serde_json::Value;

use super::cloud::CloudProcess;
use super::support::*;
use super::tool::*;

const JOURNAL: &str = ".petswipe/scale.jsonl";

/// How many tasks of the live side are asked for, and how many run.
async fn tasks(cloud: &CloudProcess) -> (u32, u32) {
    let service = cloud.client.service(&cloud.blue).await.unwrap();
    (service.desired, service.running)
}

fn lines(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_scaled_and_scaled_back() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let scale = |arguments: &[&'static str]| {
        let tool = Tool::new("scale", &directory).on(&cloud).args(arguments.iter().copied());
        async { tool.run().await }
    };
    let before = cloud.everything().await;
    let planned = scale(&["service", "--desired", "4", "--plan", "--json"]).await.with(0).json();
    assert_eq!(lines(&planned["forward"]), ["scale petswipe-production-blue to 4"]);
    assert_eq!(lines(&planned["back"]), ["scale petswipe-production-blue to 2"]);
    assert_eq!(cloud.everything().await, before, "a plan changes nothing");

    let report = ["--report", "scale.html", "--json", "--metrics-file", "scale.prom"];
    let report = [&["service", "--desired", "4"][..], &report].concat();
    let done = scale(&report).await.with(0);
    let written = done.json();
    assert_eq!((&written["outcome"], &written["kind"]), (&"done".into(), &"service".into()));
    assert_eq!(written["actions"].as_array().unwrap().len(), 1);
    assert_eq!(tasks(&cloud).await, (4, 4));
    let page = std::fs::read_to_string(directory.path().join("scale.html")).unwrap();
    assert!(page.contains("scale petswipe-production-blue to 4") && page.ends_with("</html>\n"));

    let metrics = std::fs::read_to_string(directory.path().join("scale.prom")).unwrap();
    for line in [
        "petswipe_operations_total{kind=\"petswipe scaling operation\",outcome=\"done\",service=\"petswipe-production\",strategy=\"scale-service\"} 1\n",
        "petswipe_effects_total{effect=\"scale\",kind=\"petswipe scaling operation\",result=\"succeeded\",",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    // The command that it printed is the one that goes back.
    let undo = done.stderr.lines().find_map(|line| line.split_once("was there before: "));
    let undo = Tool::shell(undo.unwrap().1, &directory).on(&cloud).run().await.with(0);
    undo.says(["scale petswipe-production-blue to 2"]);
    assert_eq!(tasks(&cloud).await, (2, 2));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_half_way_is_gone_on_with() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let arguments = ["service", "--desired", "5", "--poll", "0.05"];
    let mut killed = Tool::new("scale", &directory).on(&cloud).args(arguments).start().await;
    // The opening, the first look, and the intent to scale.
    killed.writes(&directory.path().join(JOURNAL), 4).await;
    killed.kill().await;
    let resume = ["--resume", "--json"];
    let report = Tool::new("scale", &directory).on(&cloud).args(resume).run().await.with(0).json();
    assert_eq!(report["outcome"], "done", "{report:#}");
    assert_eq!(tasks(&cloud).await, (5, 5));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_changed_since_is_not_undone() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let arguments = ["service", "--desired", "3"];
    Tool::new("scale", &directory).on(&cloud).args(arguments).run().await.with(0);
    let operation = OperationId::new("somebody-else").unwrap();
    let authority = petswipe_deploy::Authority { operation, fence: Fence(1_000_000) };
    cloud.client.scale(&authority, &cloud.blue, 1).await.unwrap();
    let undo = Tool::new("scale", &directory).on(&cloud).args(["--undo"]).run().await.with(2);
    undo.says(["somebody else changed it"]);
    assert_eq!(tasks(&cloud).await.0, 1);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_scaled_is_refused_without_a_cloud() {
    let directory = directory();
    let database = ["database", "--class", "db.t3.large"];
    let now = ["--apply-immediately", "--allow-restart"];
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["what to scale is missing", "service, database or tracking"]),
        (&["service"], &["--desired is missing"]),
        (&["service", "--desired", "0"], &["desired is 0", "1 to 5000"]),
        (&["service", "--desired", "many"], &["--desired", "many"]),
        (&database, &["apply immediately is false", "allowed: true"]),
        (
            &[&database[..], &now[..]].concat(),
            &["the local cloud has no database", "--backend aws"],
        ),
        (
            &["database", "--class", "large", "--apply-immediately"],
            &["class is large", "db.t4g.medium"],
        ),
        (&["tracking"], &["the local cloud has no target tracking", "--backend aws"]),
        (&["tracking", "--min", "9", "--max", "3"], &["minimum is 9", "at most the maximum, 3"]),
        (&["tracking", "--cpu", "170"], &["CPU target is 170", "100 %"]),
        (&["--undo"], &["--undo needs --cloud"]),
        (&["--resume"], &["--resume needs --cloud"]),
        (&["--resume", "--plan"], &["--resume", "--dry-run"]),
        (&["service", "--desired", "3", "--report", "x.pdf"], &["x.pdf", ".html"]),
    ];
    for (arguments, words) in cases {
        let tool = Tool::new("scale", &directory).without_cloud().args(arguments.iter().copied());
        if let Some(wrong) = tool.run().await.is_no_refusal(words) {
            panic!("{arguments:?}: {wrong}");
        }
    }
    assert!(files(&directory).is_empty());
}
