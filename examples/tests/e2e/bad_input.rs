//! What can't be done is refused before anything is touched: exit code 2, and a message that helps.

use std::path::Path;
use std::sync::Arc;

use petswipe_deploy::{Image, Plan, Target};
use petswipe_runbook::journal::{Durability, FileJournal, Journal, Record};
use petswipe_runbook::{
    Event, EventLog, Fence, Journaled, Opening, OperationId, Recorded, Runbook,
};
use tempfile::TempDir;

use super::cloud::CloudProcess;
use super::support::*;
use super::tool::*;

/// Example, arguments, and what the message has to say.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Found before any cloud is started or asked.
const WITHOUT_CLOUD: &[Case] = &[
    (
        "canary",
        &["--traffic", "2", "--smallest-ratio", "2", "--stage-duration", "300"],
        &["5 % of 2 requests/s for 300 s", "can't show a ratio of 2", "allowed:"],
    ),
    ("canary", &["--traffic=-1"], &["--traffic", "-1", "above 0"]),
    ("canary", &["--stages", "50,20"], &["stage 2", "20 %", "more than 50 %"]),
    ("canary", &["--stages", "50,50,100"], &["stage 2", "50 %", "more than 50 %"]),
    ("canary", &["--stages", "10,50"], &["last stage", "50 %", "100 %"]),
    ("canary", &["--stages", "0,100"], &["--stages", "0", "1 to 100"]),
    ("canary", &["--stages", "10,101"], &["--stages", "101", "1 to 100"]),
    ("canary", &["--stages", "10,300"], &["--stages", "300", "1 to 100"]),
    ("canary", &["--stages", "-5,100"], &["-5"]),
    ("canary", &["--stages=-5,100"], &["--stages", "-5", "1 to 100"]),
    ("canary", &["--stages", ""], &["--stages", "1 to 100"]),
    ("canary", &["--stages", "ten"], &["--stages", "ten", "1 to 100"]),
    ("canary", &["--stage-duration", "0"], &["--stage-duration", "0", "above 0"]),
    ("canary", &["--stage-duration", "soon"], &["--stage-duration", "soon", "seconds"]),
    ("canary", &["--stage-duration=-1"], &["--stage-duration", "-1", "above 0"]),
    ("canary", &["--early", "0"], &["--early", "0", "above 0"]),
    ("canary", &["--bake", "NaN"], &["--bake", "NaN", "0 or more"]),
    ("canary", &["--auto-promote=maybe"], &["--auto-promote", "maybe", "true"]),
    (
        "canary",
        &["--approval-timeout", "0", "--auto-promote=false"],
        &["--approval-timeout", "0", "above 0"],
    ),
    ("canary", &["--fault", "on-fire"], &["--fault", "on-fire", "crash-on-boot"]),
    ("canary", &["--fault", "error-rate=2"], &["--fault", "error-rate=2", "0 to 1"]),
    ("canary", &["--error-threshold", "NaN"], &["--error-threshold", "NaN", "0 to 100"]),
    ("canary", &["--error-threshold", "500"], &["--error-threshold", "500", "0 to 100"]),
    ("canary", &["--error-threshold=-1"], &["--error-threshold", "-1", "0 to 100"]),
    ("canary", &["--latency-threshold", "0"], &["--latency-threshold", "0", "1 to 3600000"]),
    ("canary", &["--latency-threshold", "fast"], &["--latency-threshold", "fast", "1 to"]),
    ("canary", &["--rate", "NaN"], &["--rate", "NaN", "0 to"]),
    ("canary", &["--rate=-1"], &["--rate", "-1", "0 to"]),
    ("canary", &["--rate", "inf"], &["--rate", "inf", "0 to"]),
    ("canary", &["--tasks", "0"], &["--tasks", "0", "1 to 200"]),
    ("canary", &["--tasks", "201"], &["--tasks", "201", "1 to 200"]),
    ("canary", &["--image", "two words:v2"], &["image", "two words:v2", "white space"]),
    ("canary", &["--image", ""], &["image", "1 to 255"]),
    ("canary", &["--report", "x.pdf"], &["x.pdf", ".html"]),
    ("canary", &["--backend", "azure"], &["--backend", "azure", "local"]),
    ("canary", &["--backend", "aws"], &["--backend", "aws", "local"]),
    ("canary", &["--resume", "--undo"], &["--resume", "--undo"]),
    ("canary", &["--resume", "--dry-run"], &["--resume", "--dry-run"]),
    ("canary", &["--resume"], &["--resume needs --cloud"]),
    ("canary", &["--undo"], &["--undo needs --cloud"]),
    ("canary", &["--colour"], &["--colour"]),
    ("blue_green", &[], &["no terminal", "--approval-file", "--auto-promote=true"]),
    ("canary", &["--auto-promote=false"], &["no terminal", "--approval-file"]),
    (
        "blue_green",
        &["--auto-promote", "--health-check-interval", "0"],
        &["--health-check-interval", "0", "above 0"],
    ),
    (
        "blue_green",
        &["--auto-promote", "--health-check-timeout", "0"],
        &["--health-check-timeout", "0", "above 0"],
    ),
    ("rolling", &["--min-healthy", "101"], &["--min-healthy", "101", "0 to 100"]),
    ("rolling", &["--max-surge", "101"], &["--max-surge", "101", "0 to 100"]),
    ("rolling", &["--max-surge", "0"], &["maximum percent", "100", "101 to 200"]),
    ("canary", &["--cloud", NOWHERE], &["no cloud at http://127.0.0.1:9", "local_cloud"]),
    ("canary", &["--cloud", "127.0.0.1:9"], &["--cloud", "http://TOKEN@127.0.0.1:PORT"]),
    ("canary", &["--cloud", "http://127.0.0.1:9"], &["http://127.0.0.1:9 without a token"]),
    ("canary", &["--cloud", "http://localhost:9/"], &["http://127.0.0.1:9 without a token"]),
    ("canary", &["--scale-down-delay=-1"], &["--scale-down-delay", "-1", "0 or more"]),
    ("canary", &["--rollback-window", "ever"], &["--rollback-window", "ever", "0 or more"]),
    ("local_cloud", &["--tasks", "0"], &["--tasks", "0", "1 to 200"]),
    ("local_cloud", &["--tasks", "201"], &["--tasks", "201", "1 to 200"]),
    ("local_cloud", &["--image", "nosuch:v1"], &["nosuch:v1", "not found"]),
    ("canary", &["--cloud", TOO_FAR], &["--cloud", "loopback"]),
];

const NOWHERE: &str = "http://0123456789abcdef@127.0.0.1:9";
const TOO_FAR: &str = "http://0123456789abcdef@10.0.0.1:9";

#[tokio::test(flavor = "multi_thread")]
async fn bad_flags_are_refused_before_a_cloud_is_started() {
    let mut wrong = Vec::new();
    for (name, arguments, words) in WITHOUT_CLOUD {
        if cfg!(feature = "aws") && *arguments == ["--backend", "aws"] {
            // Then there is such a backend.
            continue;
        }
        let directory = directory();
        let tool = Tool::new(name, &directory).without_cloud();
        let done = tool.args(arguments.iter().copied()).run().await;
        let why = done.is_no_refusal(words);
        wrong.extend(why.map(|why| format!("{arguments:?} {why}")));
        assert_eq!(files(&directory), [""; 0], "{done}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_checked_as_flags_are() {
    let cases = [
        ("CANARY_STAGES", "50,20", "more than 50 %"),
        ("ERROR_THRESHOLD", "500", "0 to 100"),
        ("FAULT", "on-fire", "crash-on-boot"),
        ("DRY_RUN", "perhaps", "true"),
        ("PETSWIPE_CLOUD", TOO_FAR, "loopback"),
        ("REPORT", "x.pdf", ".html"),
    ];
    for (variable, value, words) in cases {
        let directory = directory();
        let tool = Tool::new("canary", &directory).without_cloud().env(variable, value);
        let done = tool.run().await;
        assert_eq!(done.is_no_refusal(&[words]), None);
        assert_eq!(files(&directory), [""; 0], "{done}");
    }
}

/// Found by looking at a cloud that is well.
const WITH_CLOUD: &[Case] = &[
    ("canary", &["--image", "nosuch:v1"], &["nosuch:v1", "not found", "petswipe:*"]),
    ("rolling", &["--image", "nosuch:v1"], &["nosuch:v1", "not found", "petswipe:*"]),
    ("canary", &["--dry-run", "--image", "nosuch:v1"], &["nosuch:v1", "not found"]),
    ("canary", &["--project", "shop"], &["shop-production-blue", "petswipe-production-blue"]),
    ("canary", &["--resume"], &[".petswipe/canary.jsonl", "not found"]),
    ("canary", &["--undo"], &[".petswipe/canary.jsonl", "not found"]),
    ("canary", &["--resume", "--journal", "none/at/all"], &["none/at/all", "not found"]),
    ("canary", &["--journal", "."], &["."]),
    // Nobody listens there.
    ("canary", &["--metrics", "prometheus=http://127.0.0.1:9"], DEAF),
    ("canary", &["--metrics", "prometheus=http://127.0.0.1:9", "--dry-run"], DEAF),
    ("rolling", &["--metrics", "prometheus=http://127.0.0.1:9"], DEAF),
];

const DEAF: &[&str] = &["--metrics is Prometheus at http://127.0.0.1:9", "nothing was touched"];

/// Journals that can't be gone on with.
const JOURNALS: &[Case] = &[
    ("canary", &["--journal", "empty"], &["empty", "no operation to resume"]),
    (
        "canary",
        &["--journal", "other-kind"],
        &["other-kind", "petswipe failover", "petswipe rollout"],
    ),
    ("canary", &["--journal", "other-version"], &["other-version", "version 9999"]),
    ("canary", &["--journal", "blue-green"], &["blue-green", "not a canary"]),
    ("rolling", &["--journal", "blue-green"], &["blue-green", "not a rolling"]),
    ("canary", &["--journal", "corrupted"], &["corrupted", "line 3", "checksum"]),
    ("canary", &["--journal", "prose"], &["prose", "line 1"]),
    ("canary", &["--journal", "binary"], &["binary", "line 1"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cloud_or_the_journal_does_not_allow_is_refused_untouched() {
    let cloud = CloudProcess::start().await;
    let before = cloud.everything().await;
    let mut wrong = Vec::new();
    for (name, arguments, words) in WITH_CLOUD {
        let directory = directory();
        let tool = Tool::new(name, &directory).on(&cloud).args(arguments.iter().copied());
        let done = tool.run().await;
        wrong.extend(done.is_no_refusal(words));
        assert_eq!(files(&directory), [""; 0], "{done}");
        assert_eq!(cloud.everything().await, before, "{done}");
    }

    let directory = directory();
    write_journals(&directory).await;
    let content = || {
        let read = |name| (std::fs::read(directory.path().join(&name)).unwrap(), name);
        files(&directory).into_iter().map(read).collect::<Vec<_>>()
    };
    let journals = content();
    for (name, arguments, words) in JOURNALS {
        let tool = Tool::new(name, &directory).on(&cloud).args(arguments.iter().copied());
        let done = tool.args(["--resume", "--rate", "0"]).run().await;
        wrong.extend(done.is_no_refusal(words));
        assert_eq!(cloud.everything().await, before, "{done}");
        assert!(content() == journals, "a journal was changed: {done}");
    }
    // Nor is what is no journal of an ended rollout overwritten by a new one, or undone.
    for name in ["other-kind", "other-version", "blue-green", "corrupted", "prose", "binary"] {
        for extra in [&["--rate", "0"][..], &["--undo"][..]] {
            let tool = Tool::new("canary", &directory).on(&cloud).args(["--journal", name]);
            let done = tool.args(extra.iter().copied()).run().await;
            wrong.extend(done.is_no_refusal(&[name]));
            assert_eq!(cloud.everything().await, before, "{done}");
            assert!(content() == journals, "a journal was changed: {done}");
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let url = format!("http://{FAKE_TOKEN}@{}", cloud.client.url().address());
    let tool = Tool::new("canary", &directory).without_cloud();
    let done = tool.env("PETSWIPE_CLOUD", &url).run().await;
    assert_eq!(done.is_no_refusal(&["token"]), None);
    assert_eq!(cloud.everything().await, before);
    cloud.stop().await;
}

async fn write_journals(directory: &TempDir) {
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("empty"), "").unwrap();
    std::fs::write(at("prose"), "hello\nworld\n").unwrap();
    std::fs::write(at("binary"), [0, 159, 146, 150, 10, 255]).unwrap();
    let kind = <Plan as Runbook>::KIND;
    write_opening(&at("other-kind"), "petswipe failover", 1).await;
    write_opening(&at("other-version"), kind, 9999).await;
    write_blue_green(&at("blue-green")).await;
    write_blue_green(&at("corrupted")).await;
    let mut bytes = std::fs::read(at("corrupted")).unwrap();
    let third =
        bytes.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum::<usize>();
    let place = third + bytes[third..].iter().position(|byte| *byte == b'\n').unwrap() - 9;
    bytes[place] ^= 1;
    std::fs::write(at("corrupted"), bytes).unwrap();
}

async fn write_opening(path: &Path, kind: &str, version: u32) {
    let opening = serde_json::json!({
        "operation": "by-hand", "kind": kind, "version": version, "holder": "a test", "plan": {},
    });
    let record = Record {
        seq: 0,
        at: jiff::Timestamp::now(),
        fence: Fence(1),
        payload: serde_json::value::to_raw_value(&opening).unwrap(),
    };
    let journal = FileJournal::open(path).unwrap();
    journal.append(0, &[record], Durability::Durable).await.unwrap();
}

/// An operation that stopped before its first look.
async fn write_blue_green(path: &Path) {
    let sides = ["petswipe-production-blue", "petswipe-production-green"];
    let sides = sides.map(|name| petswipe_deploy::Environment::new(name).unwrap());
    let target = Target::Image(Image::new("petswipe:v2").unwrap());
    let log = Journaled(Arc::new(FileJournal::open(path).unwrap()));
    let (at, fence) = (jiff::Timestamp::now(), Fence(1));
    let opening = Opening {
        operation: OperationId::new("blue_green-by-hand").unwrap(),
        plan: Plan::blue_green("petswipe-production", sides, target),
        holder: "a test".to_owned(),
        at,
        fence,
    };
    EventLog::<Plan>::open(&log, &opening).await.unwrap();
    for seq in 1..=4 {
        let event = Event::Resumed { holder: "a test".to_owned(), fence };
        let recorded = Recorded { seq, at, fence, event };
        EventLog::<Plan>::append(&log, &[recorded], Durability::Durable).await.unwrap();
    }
}

/// Both ways of starting from a state from which there is no way back.
#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_is_not_well_is_refused_untouched() {
    let cloud = CloudProcess::start().await;
    let refused = async |words: &[&str]| {
        let before = cloud.wanted().await;
        for arguments in [&["--json"][..], &["--dry-run"][..]] {
            let directory = directory();
            let tool = Tool::new("canary", &directory).on(&cloud).args(arguments.iter().copied());
            let done = tool.run().await;
            assert_eq!(done.is_no_refusal(words), None);
            assert_eq!(files(&directory), [""; 0], "{done}");
        }
        assert_eq!(cloud.wanted().await, before);
    };
    cloud.somebody_else_sets(50).await;
    refused(&["both sides are live", "petswipe-production-green 50 %", "allowed: 100 %"]).await;
    cloud.somebody_else_sets(0).await;
    cloud.falls_ill().await;
    refused(&["petswipe-production-blue", "0 healthy tasks", "allowed: at least 1"]).await;
}
