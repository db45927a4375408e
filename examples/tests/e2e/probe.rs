//! The example `probe`: what it asks, what it says, and that it keeps secrets.

use super::support::*;
use super::tool::*;

#[tokio::test]
async fn a_service_that_is_well_passes_and_one_that_fails_does_not() {
    let directory = directory();
    let metrics = directory.path().join("probe.prom");
    let tool = Tool::new("probe", &directory).args(["--json", "--metrics-file", "probe.prom"]);
    let report = tool.run().await.with(0).json();
    let checks = report["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["api-health", "browse-pets"]);
    assert!(checks.iter().all(|check| check["passed"] == 1 && check["failed"] == 0), "{report}");
    let text = std::fs::read_to_string(&metrics).unwrap();
    assert!(text.contains("petswipe_probe_success{check=\"browse-pets\"} 1\n"), "{text}");

    let tool = Tool::new("probe", &directory).args(["--fault", "error-rate=1", "--quiet"]);
    let done = tool.run().await.with(1);
    for said in [
        "api-health passed",
        "step 2 (GET /api/pets?limit=2) answered 500, expected 200 to 299 (0 of 1 runs passed)",
    ] {
        assert!(done.stdout.contains(said), "{done}");
    }
    assert_eq!(done.stderr, "");
}

#[tokio::test]
async fn checks_of_a_file_run_as_often_as_asked_and_what_is_secret_is_not_shown() {
    let directory = directory();
    let checks = r#"[{
        "name": "secret", "every": 1, "timeout": 1,
        "steps": [{"path": "/api/pets?limit={token}", "expect": {"contains": "hunter2-{token}"}}]
    }]"#;
    std::fs::write(directory.path().join("checks.json"), checks).unwrap();
    let tool = || {
        Tool::new("probe", &directory).args(["--checks", "checks.json", "--runs", "3", "--json"])
    };
    let refused = tool().without_cloud().run().await.with(2);
    refused.says(["PROBE_TOKEN is not set", "`{token}` in the check secret"]);
    let done = tool().env("PROBE_TOKEN", "s3cr3t").run().await.with(1);
    let secret = &done.json()["checks"][0];
    assert_eq!((&secret["passed"], &secret["failed"]), (&0.into(), &3.into()), "{}", done.all());
    assert_eq!(secret["last"]["steps"][0]["status"], 400);
    assert!(!done.all().contains("s3cr3t"), "{}", done.all());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let directory = directory();
    std::fs::write(directory.path().join("bad.json"), r#"[{"name": "a b", "steps": []}]"#).unwrap();
    std::fs::write(directory.path().join("typo.json"), r#"[{"nam": "a", "steps": []}]"#).unwrap();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--checks", "nowhere.json"], &["--checks", "nowhere.json", "a JSON array of checks"]),
        (&["--checks", "bad.json"], &["name of the check is `a b`", "letters, digits"]),
        (&["--checks", "typo.json"], &["--checks", "unknown field `nam`"]),
        (&["--url", "ftp://u:hunter2@shop"], &["address of the service is ***"]),
        (&["--url", "http://127.0.0.1:1", "--fault", "latency=1s"], &["--fault", "without --url"]),
        (&["--runs", "0"], &["--runs"]),
    ];
    for (arguments, words) in cases {
        let tool = Tool::new("probe", &directory).args(arguments.iter().copied());
        let done = tool.without_cloud().run().await.with(2);
        done.says(words.iter().copied());
        assert!(!done.all().contains("hunter2"), "{}", done.all());
    }
}
