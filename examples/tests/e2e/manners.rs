//! Plans, flags and their variables, and who says what where.

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_the_plan_and_changes_nothing() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let before = cloud.everything().await;
    for (name, last) in [
        ("canary", "scale petswipe-production-blue to 0"),
        ("blue_green", "scale petswipe-production-blue to 0"),
        ("rolling", "deploy"),
    ] {
        let tool = || Tool::new(name, &directory).on(&cloud);
        let plain = tool().args(["--dry-run"]).run().await.with(0);
        let alias = tool().args(["--plan"]).run().await.with(0);
        let variable = tool().env("DRY_RUN", "true").run().await.with(0);
        for done in [&plain, &alias, &variable] {
            assert_eq!(done.stderr, "");
            assert!(done.stdout.contains("nothing is changed now"), "{done}");
            assert!(done.stdout.contains(last), "{done}");
        }
        let json = tool().args(["--dry-run", "--json"]).run().await.with(0).json();
        assert!(!list(&json, "forward").is_empty() && !list(&json, "back").is_empty(), "{json:#}");
        // As a person reads it, and as every duration of a plan.
        assert_eq!(text(&list(&json, "forward")[0], "after"), "0s");
    }
    assert_eq!(files(&directory), [""; 0]);
    assert_eq!(cloud.everything().await, before);

    // Nothing is resumed by a dry run either.
    let mut running = Tool::new("canary", &directory).on(&cloud).args(SHORT).start().await;
    running.says("stage 1: 10 %").await;
    running.kill().await;
    let (half, journal) = (cloud.everything().await, files(&directory));
    let held = records(&directory.path().join(&journal[0]));
    let resume = Tool::new("canary", &directory).on(&cloud).args(["--resume"]);
    let done = resume.env("DRY_RUN", "true").run().await.with(2);
    done.says(["--resume", "--dry-run"]);
    assert_eq!(cloud.everything().await, half);
    assert_eq!(records(&directory.path().join(&journal[0])), held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_is_turned_off_by_its_variable() {
    let directory = directory();
    let tool = Tool::new("canary", &directory).env("DRY_RUN", "false");
    let arguments = ["--stages", "50,100", "--stage-duration", "1", "--bake", "1", "--json"];
    let report = tool.args(arguments).env("RATE", "100").run().await.with(0).json();
    assert_eq!(text(&report, "outcome"), "promoted");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_goes_to_stderr_in_plain_text_and_the_report_where_it_was_asked_for() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let arguments = [
        "--stages",
        "50,100",
        "--stage-duration",
        "1",
        "--bake",
        "1",
        "--report",
        "reports/last.json",
        "--journal",
        "journals/one.jsonl",
    ];
    std::fs::create_dir(directory.path().join("reports")).unwrap();
    let tool = Tool::new("canary", &directory).on(&cloud).args(arguments).env("RATE", "100");
    let done = tool.run().await.with(0);
    assert!(!done.all().contains('\u{1b}'), "no colours where nobody sees them: {done}");
    done.says(["stage 1: 50 % to the new version", "stage 1 passed", "bake passed"]);
    done.says(["the journal is journals/one.jsonl", "the report is reports/last.json"]);
    done.says(["check: healthy: error rate 0 %", "to go back to the version before, until "]);
    assert!(!done.stderr.contains("ignored"), "{done}");
    let longest = done.stderr.lines().filter(|line| line.contains("check: ")).map(str::len).max();
    assert!(longest.unwrap() < 170, "a check is too long to read: {done}");
    assert!(done.stdout.to_lowercase().contains("promoted"), "{done}");
    assert_eq!(files(&directory), ["journals/one.jsonl", "reports/last.json"]);
    let written = std::fs::read_to_string(directory.path().join("reports/last.json")).unwrap();
    let report = serde_json::from_str(&written).unwrap();
    assert_complete(&report, "canary");
    assert_none_failed(&report);
    cloud.stop().await;
}

/// Flags and their variables, as they are documented.
const COMMON: [(&str, &str); 16] = [
    ("--backend", "BACKEND"),
    ("--region", "AWS_REGION"),
    ("--project", "PROJECT"),
    ("--environment", "ENVIRONMENT"),
    ("--image", "IMAGE_TAG"),
    ("--dry-run", "DRY_RUN"),
    ("--journal", "JOURNAL"),
    ("--report", "REPORT"),
    ("--approval-file", "APPROVAL_FILE"),
    ("--approval-timeout", "APPROVAL_TIMEOUT"),
    ("--rollback-window", "ROLLBACK_WINDOW"),
    ("--cloud", "PETSWIPE_CLOUD"),
    ("--rate", "RATE"),
    ("--tasks", "TASKS"),
    ("--fault", "FAULT"),
    ("--leases", "LEASES"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_flag_has_its_variable() {
    let canary = [
        ("--stages", "CANARY_STAGES"),
        ("--stage-duration", "STAGE_DURATION"),
        ("--error-threshold", "ERROR_THRESHOLD"),
        ("--latency-threshold", "LATENCY_THRESHOLD"),
        ("--auto-promote", "AUTO_PROMOTE"),
        ("--bake", "BAKE_DURATION"),
        ("--scale-down-delay", "SCALE_DOWN_DELAY"),
    ];
    let blue_green = [
        ("--health-check-interval", "HEALTH_CHECK_INTERVAL"),
        ("--health-check-timeout", "HEALTH_CHECK_TIMEOUT"),
        ("--smoke-test-duration", "SMOKE_TEST_DURATION"),
        ("--auto-promote", "AUTO_PROMOTE"),
        ("--bake", "BAKE_DURATION"),
        ("--scale-down-delay", "SCALE_DOWN_DELAY"),
    ];
    let rolling = [("--max-surge", "MAX_SURGE"), ("--min-healthy", "MIN_HEALTHY")];
    let examples: [(&str, &[(&str, &str)]); 3] =
        [("canary", &canary), ("blue_green", &blue_green), ("rolling", &rolling)];
    let directory = directory();
    let secret = "http://an-unlikely-secret-token@127.0.0.1:9";
    for (name, own) in examples {
        let tool = Tool::new(name, &directory).without_cloud().args(["--help"]);
        let help = tool.env("PETSWIPE_CLOUD", secret).run().await.with(0).stdout;
        assert!(!help.contains("unlikely-secret"), "{help}");
        for (flag, variable) in COMMON.iter().chain(own) {
            let rest = help.split_once(&format!("{flag} ")).or_else(|| help.split_once(flag));
            let (_, rest) = rest.unwrap_or_else(|| panic!("{name} has no {flag}: {help}"));
            let own = rest.split("\n      --").next().unwrap();
            assert!(own.contains(&format!("[env: {variable}")), "{name} {flag}: {own}");
        }
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let codes = petswipe_examples::cli::EXIT_CODES;
        assert!(words(&help).ends_with(codes), "{help}");
        let readme = words(include_str!("../../../README.md"));
        assert!(readme.contains(&format!("{codes}.")), "the README says other exit codes");
        for flag in ["--resume", "--undo", "--json", "--quiet"] {
            assert!(help.contains(flag), "{name} has no {flag}");
        }
    }
}
