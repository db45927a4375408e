//! The example `probe`: what it asks, what it says, and that it keeps secrets.

use rustix::process::Signal;

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

#[tokio::test]
async fn ctrl_c_ends_it_with_what_came_of_it_so_far() {
    let directory = directory();
    let tool = Tool::new("probe", &directory).args(["--forever", "--every", "1", "--json"]);
    let tool = tool.args(["--metrics-file", "probe.prom", "--baseline-file", "baseline.json"]);
    let mut running = tool.args(["--report", "probe.md"]).start().await;
    running.says("browse-pets passed").await;
    running.signal(Signal::INT);
    let done = running.end().await.with(0);
    done.says(["ended by Ctrl-C"]);
    let report = done.json();
    assert_eq!(report["outcome"], "well");
    let browsed = &report["checks"][1];
    assert!(browsed["passed"].as_u64().unwrap() >= 1 && browsed["failed"] == 0, "{report}");
    assert_eq!(browsed["baseline"]["state"], "learning");
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let counted =
        format!("runs_total{{check=\"browse-pets\",result=\"passed\"}} {}\n", browsed["passed"]);
    assert!(read("probe.prom").contains(&counted), "{}\n{report}", read("probe.prom"));
    assert!(read("probe.md").starts_with("# All is well\n"), "{}", read("probe.md"));
    assert!(read("baseline.json").contains("\"name\": \"browse-pets\""));
}

#[tokio::test]
async fn what_was_fast_in_earlier_runs_is_slow_in_a_later_one() {
    let directory = directory();
    let check = r#"[{"name": "pets", "every": 1, "timeout": 1, "steps": [{"path": "/api/pets?limit=1"}],
        "baseline": {"runs": 3, "slow_runs": 2, "tolerance": 1.5}}]"#;
    std::fs::write(directory.path().join("checks.json"), check).unwrap();
    let probe = |more: &'static [&'static str]| {
        let tool = Tool::new("probe", &directory).args(["--checks", "checks.json", "--json"]);
        tool.args(["--baseline-file", "baseline.json"]).args(more.iter().copied())
    };
    // No more than are learned from: on a busy machine one more may be slow by itself, and count.
    let learned = probe(&["--runs", "3"]).run().await.with(0).json();
    assert!(learned["checks"][0]["baseline"]["limit"].is_null(), "{learned}");
    let slow = probe(&["--runs", "2", "--fault", "latency=700ms"]).run().await.with(1).json();
    let baseline = &slow["checks"][0]["baseline"];
    assert_eq!((&baseline["state"], &baseline["slower_in_a_row"]), (&"slow".into(), &2.into()));
    assert_eq!(slow["checks"][0]["slow"], true);
    let limit = baseline["limit"].as_f64().unwrap();
    assert!(limit > 0.0 && limit < 0.7, "{slow}");
    assert_eq!(slow["checks"][0]["runs"].as_array().unwrap().len(), 2);

    let other = check.replace("limit=1", "limit=2");
    std::fs::write(directory.path().join("checks.json"), other).unwrap();
    let refused = probe(&[]).without_cloud().run().await.with(2);
    refused.says(["of another check or service of that name", "--reset-baseline"]);
    let anew = probe(&["--reset-baseline"]).run().await.with(0).json();
    assert_eq!(anew["checks"][0]["baseline"]["state"], "learning");
}

#[tokio::test]
async fn files_that_can_not_be_written_are_found_before_anything_is_asked() {
    let directory = directory();
    std::fs::write(directory.path().join("torn.json"), "{\"format\": 1, ").unwrap();
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["--metrics-file", "nowhere/m.prom"],
            &["--metrics-file is nowhere/m.prom", "can be written"],
        ),
        (&["--metrics-file", "."], &["--metrics-file is .", "can be written"]),
        (
            &["--baseline-file", "nowhere/b.json"],
            &["--baseline-file is nowhere/b.json", "can be written"],
        ),
        (
            &["--baseline-file", "torn.json"],
            &["torn.json: it is damaged", "--reset-baseline begins a new one"],
        ),
        (&["--report", "r.txt"], &["end its name with .json, .html or .md"]),
    ];
    for (arguments, words) in cases {
        let tool = Tool::new("probe", &directory).args(arguments.iter().copied());
        let done = tool.without_cloud().run().await.with(2);
        done.says(words.iter().copied());
        assert!(!done.stderr.contains("api-health"), "{done}");
    }
}
