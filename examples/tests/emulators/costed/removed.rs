//! A plan that is carried out on moto: exactly what it names is gone, as another client sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{Fixture, planted, program, python, run};
use crate::fixture::{Fault, ended};

/// What there is in a region.
#[derive(Debug, PartialEq)]
struct State(Value);

impl State {
    async fn of(region: &str) -> Self {
        Self(python("state.py", region).await)
    }

    fn volumes(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.0["volumes"].clone()).unwrap()
    }

    fn addresses(&self) -> BTreeSet<String> {
        serde_json::from_value(self.0["addresses"].clone()).unwrap()
    }

    /// The snapshots that were made before something was deleted, by its id.
    fn safety(&self) -> BTreeMap<String, Vec<String>> {
        let mut safety: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, one) in self.0["snapshots"].as_object().unwrap() {
            let Some(of) = one["tags"]["petswipe:snapshot-of"].as_str() else { continue };
            assert_eq!((one["of"].as_str(), one["state"].as_str()), (Some(of), Some("completed")));
            assert!(one["tags"]["petswipe:token"].as_str().unwrap().ends_with(of), "{one}");
            safety.entry(of.to_owned()).or_default().push(id.clone());
        }
        safety
    }
}

/// What a plan is about, by what is done.
fn planned(fixture: &Fixture) -> BTreeMap<String, BTreeSet<String>> {
    let plan = std::fs::read_to_string(fixture.directory().join("plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let mut planned: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in plan["steps"].as_array().unwrap() {
        let action = &step["action"];
        let what = action["volume"].as_str().or(action["allocation"].as_str()).unwrap();
        let what = what.to_owned();
        planned.entry(action["do"].as_str().unwrap().to_owned()).or_default().insert(what);
    }
    planned
}

/// A region with planted waste, and a plan for it.
async fn with_plan(region: &str) -> Fixture {
    let fixture = Fixture::new();
    planted(region).await;
    // Moto made all of it just now, and what is new is left alone otherwise.
    std::fs::write(fixture.directory().join("limits.yaml"), "volumes: {days: 0}\n").unwrap();
    let plan = ["--thresholds", "limits.yaml", "--max-risk", "high", "--plan-removal", "plan.json"];
    run(program(&fixture, region, &plan)).await.with(0);
    fixture
}

const EXECUTE: [&str; 6] =
    ["--thresholds", "limits.yaml", "--remove", "plan.json", "--execute", "--json"];

/// That what was planned happened, and nothing else.
fn only_what_was_planned(
    planned: &BTreeMap<String, BTreeSet<String>>,
    before: &State,
    after: &State,
) {
    let (deleted, released) = (&planned["delete-volume"], &planned["release-address"]);
    let mut volumes = before.volumes();
    volumes.retain(|id, _| !deleted.contains(id));
    for converted in &planned["convert-volume"] {
        volumes.insert(converted.clone(), "gp3".to_owned());
    }
    assert_eq!(after.volumes(), volumes);
    let kept: BTreeSet<_> = before.addresses().difference(released).cloned().collect();
    assert_eq!(after.addresses(), kept);
    let snapshots = after.safety();
    assert_eq!(snapshots.keys().cloned().collect::<BTreeSet<_>>(), *deleted);
    assert!(snapshots.values().all(|of| of.len() == 1), "{snapshots:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_what_is_planned_is_done_and_each_volume_has_its_snapshot() {
    let region = "ap-south-1";
    let fixture = with_plan(region).await;
    let (before, planned) = (State::of(region).await, planned(&fixture));
    assert!(planned["delete-volume"].len() >= 4 && planned["release-address"].len() == 2);
    let shown = run(program(&fixture, region, &["--remove", "plan.json"])).await.with(0);
    assert!(shown.stdout.contains("nothing is changed now"), "{shown}");
    assert_eq!(State::of(region).await, before);

    let done = run(program(&fixture, region, &EXECUTE)).await.with(0);
    let report = done.json();
    let steps = planned.values().map(BTreeSet::len).sum::<usize>();
    assert_eq!(report["outcome"]["done"], steps, "{done}");
    let after = State::of(region).await;
    only_what_was_planned(&planned, &before, &after);
    for step in report["steps"].as_array().unwrap() {
        if let Some(volume) = step["action"]["volume"].as_str()
            && step["action"]["do"] == "delete-volume"
        {
            assert_eq!(step["snapshot"].as_str(), Some(after.safety()[volume][0].as_str()));
        }
    }
    // Whoever asks again is told again, and nothing is done twice.
    let mut again = EXECUTE.to_vec();
    again.push("--resume");
    assert_eq!(run(program(&fixture, region, &again)).await.with(0).json(), report);
    assert_eq!(State::of(region).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_another_account_or_of_none_touches_nothing() {
    let region = "ca-central-1";
    let fixture = with_plan(region).await;
    let before = State::of(region).await;
    let path = fixture.directory().join("plan.json");
    let plan = std::fs::read_to_string(&path).unwrap();
    let account = serde_json::from_str::<Value>(&plan).unwrap()["account"].clone();
    let account = account.as_str().unwrap().to_owned();

    let mut others = program(&fixture, region, &EXECUTE);
    others.env("AWS_ACCESS_KEY_ID", "210987654321");
    let said = format!("the plan is for account {account}, and this is 210987654321");
    run(others).await.with(2).says(&[&said, "nothing was touched"]);
    let mut mute = program(&fixture, region, &EXECUTE);
    mute.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9").env("AWS_MAX_ATTEMPTS", "1");
    run(mute).await.with(2).says(&["nobody says whose account this is", "nothing was touched"]);
    std::fs::write(&path, plan.replace(&format!("\"{account}\""), "null")).unwrap();
    let refused = run(program(&fixture, region, &EXECUTE)).await.with(2);
    refused.says(&["--remove is plan.json: account is not known"]);

    assert_eq!(State::of(region).await, before);
    assert!(!fixture.directory().join(".petswipe").exists(), "a journal was begun");
}

/// The second deletion happens, its answer is lost, and nothing is heard any more until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_half_way_is_gone_on_with_and_done_once() {
    let region = "sa-east-1";
    let fixture = with_plan(region).await;
    let (before, planned) = (State::of(region).await, planned(&fixture));
    let deletions = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&deletions);
    let [line, _] = fixture.lines(move |asked| {
        if asked.action == "DeleteVolume" && seen.fetch_add(1, Ordering::Relaxed) == 1 {
            return Some(Fault::LostAnswer);
        }
        (seen.load(Ordering::Relaxed) > 1).then_some(Fault::Throttled)
    });
    let mut killed = program(&fixture, region, &EXECUTE);
    let mut child = killed.env("AWS_ENDPOINT_URL", line.url()).spawn().unwrap();
    for _ in 0..600 {
        if deletions.load(Ordering::Relaxed) > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    child.start_kill().unwrap();
    assert_eq!(ended("cost_report, killed".to_owned(), child).await.code, None);
    let half = State::of(region).await;
    let left = planned["delete-volume"].iter().filter(|id| half.volumes().contains_key(*id));
    assert_eq!(left.count(), planned["delete-volume"].len() - 2);

    // A new one is not begun beside it.
    run(program(&fixture, region, &EXECUTE)).await.with(2).says(&["has not ended", "--resume"]);
    let mut resume = EXECUTE.to_vec();
    resume.push("--resume");
    let resumed = run(program(&fixture, region, &resume)).await.with(1);
    let outcome = resumed.json()["outcome"].clone();
    let steps = planned.values().map(BTreeSet::len).sum::<usize>();
    assert_eq!((&outcome["done"], &outcome["skipped"]), (&Value::from(steps - 1), &Value::from(1)));
    let report = resumed.json();
    let mut all = report["steps"].as_array().unwrap().iter();
    let skipped = all.find(|step| step["state"] == "skipped").unwrap();
    assert!(skipped["why"].as_str().unwrap().starts_with("an earlier attempt may have done it"));
    assert!(skipped["snapshot"].is_string(), "{skipped}");
    only_what_was_planned(&planned, &before, &State::of(region).await);
}
