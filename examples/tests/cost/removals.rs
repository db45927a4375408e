//! Plans of removals: made, shown, carried out, interrupted, refused.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{json, program, refused, run, text};

#[test]
fn a_plan_of_removals_is_shown_until_it_is_executed_and_then_journaled() {
    let directory = tempfile::tempdir().unwrap();
    let plan = ["--only", "ebs-unused:*,eip-unattached:*", "--plan-removal", "plan.json"];
    assert_eq!(run(directory.path(), &plan).status.code(), Some(0));
    let written = std::fs::read_to_string(directory.path().join("plan.json")).unwrap();
    let steps = serde_json::from_str::<Value>(&written).unwrap()["steps"].as_array().unwrap().len();
    assert!(steps > 3);

    let shown = run(directory.path(), &["--remove", "plan.json"]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    assert!(text(&shown.stdout).contains("nothing is changed now"), "{shown:?}");
    assert!(text(&shown.stdout).contains("make a snapshot of vol-"), "{shown:?}");
    assert!(!directory.path().join(".petswipe").exists(), "a journal was begun");

    let (code, done) = json(directory.path(), &["--remove", "plan.json", "--execute"]);
    assert_eq!((code, done["outcome"]["done"].as_u64()), (0, Some(steps as u64)));
    for step in done["steps"].as_array().unwrap() {
        assert_eq!(step["state"], "done");
        let deletes = step["action"]["do"] == "delete-volume";
        assert_eq!(step["snapshot"].is_string(), deletes, "{step}");
    }
    let journal =
        std::fs::read_to_string(directory.path().join(".petswipe/cost_report.jsonl")).unwrap();
    let intents = journal.matches("{\"act\":").count();
    assert_eq!(intents, steps, "each change has its intent in the journal");
    // It is over, so it is only told again.
    let (code, again) = json(directory.path(), &["--remove", "plan.json", "--execute", "--resume"]);
    assert_eq!((code, &again["outcome"]), (0, &done["outcome"]));
}

#[test]
fn a_plan_that_fits_nothing_is_refused_or_left() {
    let directory = tempfile::tempdir().unwrap();
    let plan = ["--only", "eip-unattached:*", "--max-risk", "high", "--plan-removal", "plan.json"];
    assert_eq!(run(directory.path(), &plan).status.code(), Some(0));
    let path = directory.path().join("plan.json");
    let written = std::fs::read_to_string(&path).unwrap();

    // Of another account: the demo account of another seed has other addresses.
    let (code, left) =
        json(directory.path(), &["--demo-seed", "9", "--remove", "plan.json", "--execute"]);
    assert_eq!(
        (code, left["outcome"]["done"].as_u64(), left["outcome"]["failed"].as_u64()),
        (1, Some(0), Some(0))
    );
    assert!(
        left["steps"].as_array().unwrap().iter().all(|step| step["why"] == "it is gone already")
    );

    std::fs::write(&path, written.replace("123456789012", "999999999999")).unwrap();
    let said = refused(directory.path(), &["--remove", "plan.json", "--execute"]);
    assert!(
        said.contains(
            "the plan is for account 999999999999, and this is 123456789012; nothing was touched"
        ),
        "{said}"
    );
    std::fs::write(&path, written.replace("\"steps\"", "\"stepps\"")).unwrap();
    let said = refused(directory.path(), &["--remove", "plan.json"]);
    assert!(said.contains("--remove is plan.json: the plan: unknown field `stepps`"), "{said}");
    std::fs::write(&path, &written).unwrap();
    let said = refused(directory.path(), &["--remove", "plan.json", "--resume"]);
    assert!(said.contains("--resume goes on for real; give --execute with it"), "{said}");
    let said = refused(
        directory.path(),
        &["--remove", "plan.json", "--execute", "--resume", "--journal", "none.jsonl"],
    );
    assert!(said.contains("journal none.jsonl was not found"), "{said}");
}

/// Makes a plan, and gives it as JSON.
fn planned(directory: &Path, arguments: &[&str]) -> Value {
    let plan = [arguments, &["--plan-removal", "plan.json"]].concat();
    let output = run(directory, &plan);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let written = std::fs::read_to_string(directory.join("plan.json")).unwrap();
    serde_json::from_str(&written).unwrap()
}

#[test]
fn a_plan_says_by_what_it_is_judged_and_is_judged_so_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    file("limits.yaml", "snapshots: {days: 1}");
    file(
        "known.yaml",
        "suppressions:\n  - {id: 'nat-gateways:*', reason: audit, until: 2999-01-01}\n",
    );
    let given = [
        "--thresholds",
        "limits.yaml",
        "--suppressions",
        "known.yaml",
        "--exclude-tag",
        "team=web",
        "--only",
        "ebs-snapshots:*",
        "--max-risk",
        "high",
        "--max-removals",
        "4",
    ];
    let plan = planned(directory.path(), &given);
    let criteria = &plan["criteria"];
    assert_eq!(criteria["exclude"], serde_json::json!(["petswipe:keep", "team=web"]));
    assert_eq!(criteria["suppressions"][0]["until"], "2999-01-01");
    assert_eq!(criteria["thresholds"]["snapshots"]["days"], 1);
    assert_eq!(plan["account"], "123456789012");
    // Without the flags by which it was made: it is judged by its own. Of the demo account no snapshot is younger than the
    // thresholds of the plan, and many are younger than the usual ones.
    let (code, done) = json(directory.path(), &["--remove", "plan.json", "--execute"]);
    assert_eq!((code, done["outcome"]["done"].as_u64()), (0, Some(4)), "{done}");

    // What is excluded or suppressed by the time is left, and thresholds can't be others.
    let plan = planned(directory.path(), &["--only", "eip-unattached:*", "--max-risk", "high"]);
    let first = plan["steps"][0]["finding"].as_str().unwrap();
    file(
        "more.yaml",
        &format!("suppressions:\n  - {{id: '{first}', reason: audit, until: 2999-01-01}}\n"),
    );
    let (code, left) = json(
        directory.path(),
        &[
            "--remove",
            "plan.json",
            "--execute",
            "--suppressions",
            "more.yaml",
            "--journal",
            "j.jsonl",
        ],
    );
    assert_eq!((code, &left["steps"][0]["why"]), (1, &"it is suppressed now".into()), "{left}");
    let said = refused(
        directory.path(),
        &["--remove", "plan.json", "--execute", "--thresholds", "limits.yaml"],
    );
    assert!(said.contains("are other than what the plan was made by"), "{said}");
    let said = refused(directory.path(), &["--remove", "plan.json", "--execute", "--resume"]);
    assert!(said.contains(".petswipe/cost_report.jsonl holds another plan"), "{said}");

    // A plan of an older version does not say by what it was made.
    let mut old = plan;
    old.as_object_mut().unwrap().remove("criteria").unwrap();
    file("plan.json", &old.to_string());
    let said = refused(directory.path(), &["--remove", "plan.json"]);
    assert!(said.contains("--remove is plan.json: the plan: missing field `criteria`"), "{said}");
}

#[test]
fn the_commands_it_prints_have_all_flags_that_are_needed() {
    let directory = tempfile::tempdir().unwrap();
    let demo = [
        "--demo-seed",
        "7",
        "--only",
        "eip-unattached:*",
        "--max-risk",
        "high",
        "--plan-removal",
        "my plan.json",
    ];
    let said = text(&run(directory.path(), &demo).stderr);
    let expected = "cargo run --example cost_report -- --demo-resources 400 --demo-seed 7 --remove 'my plan.json' shows";
    assert!(said.contains(expected), "{said}");
    let shown = ["--demo-seed", "7", "--remove", "my plan.json", "--exclude-tag", "team=web"];
    let shown = text(&run(directory.path(), &shown).stdout);
    let expected = "To do it: cargo run --example cost_report -- --demo-resources 400 --demo-seed 7 --exclude-tag team=web \
                    --remove 'my plan.json' --execute\n";
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn ctrl_c_ends_it_after_the_step_and_the_command_it_prints_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    // So large that a step takes a while.
    let demo = ["--demo-resources", "20000"];
    let plan = [
        &demo[..],
        &["--only", "log-retention:*", "--max-risk", "high", "--plan-removal", "plan.json"],
    ]
    .concat();
    let begin = |arguments: &[&str]| {
        let mut command = Command::new(program());
        command.current_dir(directory.path()).env_clear().args(arguments);
        command
    };
    assert!(begin(&plan).output().unwrap().status.success());
    let remove = [&demo[..], &["--remove", "plan.json", "--execute"]].concat();
    let mut child = begin(&remove).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = said.find(|line| line.as_ref().is_ok_and(|line| line.contains("keep events for")));
    assert!(first.is_some(), "no step was begun");
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let said: Vec<String> = said.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("it ends after the step that is under way")));
    let going_on = said.last().unwrap();
    let expected = "to go on: cargo run --example cost_report -- --demo-resources 20000 --remove plan.json --execute --resume \
                    --journal .petswipe/cost_report.jsonl";
    assert_eq!(going_on, expected, "{said:#?}");
    let undone = said.iter().filter(|line| line.ends_with(": not done")).count();
    assert!(undone > 0, "{said:#?}");

    let words: Vec<_> = expected.split(" -- ").nth(1).unwrap().split(' ').collect();
    let output = begin(&[&words[..], &["--quiet", "--json"]].concat()).output().unwrap();
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = done["steps"].as_array().unwrap().len() as u64;
    assert_eq!((output.status.code(), done["outcome"]["done"].as_u64()), (Some(0), Some(steps)));
}

#[test]
fn a_plan_of_findings_that_are_not_there_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let said = refused(directory.path(), &["--only", "vol-*", "--plan-removal", "plan.json"]);
    assert!(
        said.contains("--only is vol-*, and no finding has such an id; allowed: ids such as "),
        "{said}"
    );
    assert!(!directory.path().join("plan.json").exists());
    let said = refused(directory.path(), &["--remove", "plan.json", "--only", "vol-*"]);
    assert!(said.contains("--only"), "{said}");
    let said = refused(directory.path(), &["--only", "vol-*"]);
    assert!(said.contains("--plan-removal"), "{said}");
}
