//! Plans and how they are carried out, in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Error, Owner, explain};

fn owner() -> Owner {
    Owner::new("shop", "production").unwrap()
}

fn mine(name: &str, body: u32) -> Definition {
    Definition::new(format!("shop-production-{name}"), json!({"Threshold": body}))
        .owned_by(&owner())
}

fn needing(name: &str, needs: &[&str]) -> Definition {
    let mut definition = mine(name, 0);
    definition.depends_on = needs.iter().map(|name| format!("shop-production-{name}")).collect();
    definition
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.to_string().lines().map(|line| line.replace("shop-production-", "")).collect()
}

fn planned(wanted: &[Definition], held: &[Definition]) -> Result<Plan, Error> {
    plan("alarm", &owner(), wanted, held)
}

mod in_memory {
    use super::*;
    crate::definition_store_conformance!(store, MemoryStore::new("alarm"), Sample::Alarm);
}

/// A directory of its own that goes when the test ends.
struct Files(Directory, std::path::PathBuf);

impl Files {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("petswipe-dashboards-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        Self(Directory::new(&path), path)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

#[async_trait]
impl DefinitionStore for Files {
    fn kind(&self) -> &str {
        self.0.kind()
    }
    async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error> {
        self.0.list(prefix).await
    }
    async fn put<'a>(
        &self,
        definition: &Definition,
        held: Option<&'a Definition>,
    ) -> Result<(), Error> {
        self.0.put(definition, held).await
    }
    async fn delete(&self, doomed: &[Definition]) -> Result<(), Error> {
        self.0.delete(doomed).await
    }
    fn together(&self) -> usize {
        self.0.together()
    }
}

mod in_files {
    use super::*;
    crate::definition_store_conformance!(store, Files::new(), Sample::GrafanaDashboard);
}

#[test]
fn a_plan_creates_changes_leaves_alone_and_deletes() {
    let held = [mine("same", 1), mine("other", 1), mine("gone", 1)];
    let wanted = [mine("new", 1), mine("other", 2), mine("same", 1)];
    let plan = planned(&wanted, &held).unwrap();
    assert_eq!(
        lines(&plan),
        ["create alarm new", "change alarm other", "  Threshold: 1 -> 2", "delete alarm gone"]
    );
    assert!(!plan.is_empty());
    assert!(planned(&wanted, &wanted).unwrap().is_empty());
    assert_eq!(planned(&[], &held[..1]).unwrap().to_do().count(), 1);
}

#[test]
fn what_somebody_else_owns_is_neither_changed_nor_deleted() {
    let mut foreign = mine("5xx", 1);
    foreign.tags.remove("ManagedBy");
    let mut of_another = mine("latency", 1);
    of_another.tags.insert("Environment".to_owned(), "production-eu".to_owned());
    let held = [foreign, of_another];
    // Without a wish for their names they are no affair of ours.
    assert!(
        planned(&[mine("new", 1)], &held)
            .unwrap()
            .to_do()
            .all(|step| step.change == Change::Create)
    );
    let error = planned(&[mine("new", 1), mine("5xx", 1), mine("latency", 1)], &held).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not ours: alarm shop-production-5xx (it lacks ManagedBy=petswipe-monitor); \
         alarm shop-production-latency (it lacks Environment=production); nothing was changed"
    );
}

#[test]
fn what_somebody_else_depends_on_is_not_deleted() {
    let mut foreign = needing("page", &["5xx"]);
    foreign.tags.clear();
    let error = planned(&[], &[foreign, mine("5xx", 1)]).unwrap_err().to_string();
    assert!(
        error.contains("shop-production-page, which depends on shop-production-5xx"),
        "{error}"
    );
}

#[test]
fn differences_are_named_by_where_they_are() {
    let mut held = mine("sre", 0);
    held.body = json!({"a": {"b": [1, {"c": "x"}, 3]}, "gone": true, "n": 2.0});
    let mut wanted = mine("sre", 0);
    wanted.body = json!({"a": {"b": [1, {"c": "y"}]}, "new": null, "n": 2});
    wanted.tags.insert("Team".to_owned(), "pets".to_owned());
    held.tags.insert("CostCenter".to_owned(), "7".to_owned());
    let plan = planned(&[wanted], &[held]).unwrap();
    assert_eq!(
        lines(&plan)[1..],
        [
            "  a.b[1].c: \"x\" -> \"y\"",
            "  a.b[2]: 3 -> nothing",
            "  gone: true -> nothing",
            "  new: nothing -> null",
            "  tag Team: nothing -> \"pets\"",
        ]
    );
}

#[test]
fn what_others_need_comes_first_and_goes_last() {
    let wanted = [
        needing("page", &["fast", "slow"]),
        needing("all", &["page"]),
        mine("fast", 0),
        mine("slow", 0),
    ];
    let made = planned(&wanted, &[]).unwrap();
    assert_eq!(
        lines(&made),
        ["create alarm fast", "create alarm slow", "create alarm page", "create alarm all"]
    );
    let unmade = planned(&[], &wanted).unwrap();
    assert_eq!(lines(&unmade)[..2], ["delete alarm all", "delete alarm page"]);
    let circle = [needing("a", &["b"]), needing("b", &["a"]), mine("c", 0)];
    let error = planned(&circle, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("dependencies of alarms is shop-production-a, shop-production-b;"),
        "{error}"
    );
    // One that is there already can be deleted in whatever order: the store will say.
    assert_eq!(planned(&[], &circle).unwrap().to_do().count(), 3);
    for held in [&[][..], &[mine("fast", 0)]] {
        let error = planned(&[needing("page", &["fast"])], held).unwrap_err().to_string();
        assert!(error.contains("depends on is shop-production-fast"), "{error}");
    }
}

#[test]
fn definitions_of_others_are_refused() {
    let other = Definition::new("shop-staging-a", json!({})).owned_by(&owner());
    assert!(
        planned(&[other], &[]).unwrap_err().to_string().contains("begin with shop-production-")
    );
    let bare = Definition::new("shop-production-", json!({})).owned_by(&owner());
    assert!(planned(&[bare], &[]).is_err());
    let untagged = Definition::new("shop-production-a", json!({}));
    assert!(
        planned(&[untagged], &[])
            .unwrap_err()
            .to_string()
            .contains("so also DefinitionSet=default, Environment=production")
    );
    let twice = [mine("a", 1), mine("a", 2)];
    assert!(planned(&twice, &[]).unwrap_err().to_string().contains("each name once"));
}

/// A store that fails at one of its changes.
struct Failing {
    store: MemoryStore,
    /// How many changes are done before.
    left: Mutex<u32>,
    /// Whether the one that fails is done all the same.
    done: bool,
}

impl Failing {
    fn fails(&self) -> bool {
        let mut left = self.left.lock().unwrap();
        let fails = *left == 0;
        *left = left.wrapping_sub(1);
        fails
    }
}

#[async_trait]
impl DefinitionStore for Failing {
    fn kind(&self) -> &str {
        self.store.kind()
    }
    async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error> {
        self.store.list(prefix).await
    }
    async fn put<'a>(
        &self,
        definition: &Definition,
        held: Option<&'a Definition>,
    ) -> Result<(), Error> {
        let fails = self.fails();
        if !fails || self.done {
            self.store.put(definition, held).await?;
        }
        if fails { Err(Error::backend("put", "the line was cut")) } else { Ok(()) }
    }
    async fn delete(&self, doomed: &[Definition]) -> Result<(), Error> {
        let fails = self.fails();
        if !fails || self.done {
            self.store.delete(doomed).await?;
        }
        if fails { Err(Error::backend("delete", "the line was cut")) } else { Ok(()) }
    }
    fn together(&self) -> usize {
        2
    }
}

#[tokio::test]
async fn wherever_it_stops_the_same_again_goes_on_to_the_same_end() {
    let before = [
        mine("a", 1),
        mine("gone1", 1),
        mine("gone2", 1),
        mine("gone3", 1),
        needing("gone4", &["gone1"]),
    ];
    let wanted = [mine("a", 2), mine("b", 1), needing("page", &["a", "b"])];
    for done in [false, true] {
        // a, b, page, gone4 by itself, gone3 and gone2, gone1: six changes.
        for left in 0..7 {
            let store = Failing { store: MemoryStore::new("alarm"), left: Mutex::new(left), done };
            for definition in &before {
                store.store.put(definition, None).await.unwrap();
            }
            let plan = look(&store, &owner(), &wanted).await.unwrap();
            let mut seen = Vec::new();
            let mut see = |step: &Step| {
                if step.change != Change::Leave {
                    seen.push(step.definition.name.clone());
                }
            };
            let result = apply(&store, &plan, &mut see).await;
            match result {
                Ok(report) => {
                    assert_eq!(left, 6);
                    assert_eq!(report.created, ["shop-production-b", "shop-production-page"]);
                    assert_eq!(report.changed, ["shop-production-a"]);
                    assert_eq!(report.deleted.len(), 4);
                }
                Err(stopped) => {
                    let told = stopped.report.changed.iter().chain(&stopped.report.created);
                    let told: Vec<_> = told.chain(&stopped.report.deleted).cloned().collect();
                    assert_eq!(told, seen);
                    let whole =
                        told.len() + stopped.left.len() + stopped.failed.split(", ").count();
                    assert_eq!(whole, 7, "{stopped}");
                    assert!(
                        explain(&stopped)
                            .ends_with("the same again goes on: put failed: the line was cut")
                            || explain(&stopped).ends_with(
                                "the same again goes on: delete failed: the line was cut"
                            )
                    );
                }
            }
            *store.left.lock().unwrap() = 100;
            let plan = look(&store, &owner(), &wanted).await.unwrap();
            apply(&store, &plan, &mut |_| {}).await.unwrap();
            let held = store.list("shop-production-").await.unwrap();
            assert_eq!(held, wanted);
            assert!(look(&store, &owner(), &wanted).await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn a_stop_says_what_was_done_what_failed_and_what_is_left() {
    let store = Failing { store: MemoryStore::new("alarm"), left: Mutex::new(1), done: false };
    let plan = look(&store, &owner(), &[mine("a", 1), mine("b", 1), mine("c", 1)]).await.unwrap();
    let stopped = apply(&store, &plan, &mut |_| {}).await.unwrap_err();
    assert!(stopped.begun);
    assert_eq!(
        stopped.to_string(),
        "stopped at alarm shop-production-b, and it is not known whether that was done; \
         created: shop-production-a; changed: nothing; deleted: nothing; left to do: shop-production-c; \
         the same again goes on"
    );
}

#[tokio::test]
async fn a_file_holds_the_tags_where_people_look_for_them() {
    let files = Files::new();
    let mut definition = Sample::GrafanaDashboard.of("shop-production-a", 1).owned_by(&owner());
    files.put(&definition, None).await.unwrap();
    let path = files.1.join("shop-production-a.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        json["tags"],
        json!([
            "seen",
            "DefinitionSet=default",
            "Environment=production",
            "ManagedBy=petswipe-monitor",
            "Number=1",
            "Project=shop"
        ])
    );
    // Nothing is left of how it was written, and what is no dashboard is not looked at.
    std::fs::write(files.1.join("shop-production-notes.txt"), "mine").unwrap();
    assert_eq!(files.list("shop-").await.unwrap().len(), 1);
    std::fs::write(files.1.join("shop-production-b.json"), "{").unwrap();
    let error = files.list("shop-").await.unwrap_err();
    assert!(explain(&error).contains("shop-production-b.json failed: EOF"), "{}", explain(&error));
    for wrong in ["", "../a", "a/b", ".hidden"] {
        definition.name = wrong.to_owned();
        assert!(files.put(&definition, None).await.is_err(), "{wrong}");
    }
    definition.name = "shop-production-a".to_owned();
    definition.body = json!([]);
    assert!(files.put(&definition, None).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn sets_of_one_owner_leave_each_other_alone() {
    let store = MemoryStore::new("alarm");
    let objectives = owner().in_set("objectives").unwrap();
    let named = |name: &str| Definition::new(format!("shop-production-{name}"), json!({}));
    let of_one = [mine("5xx", 1)];
    let of_other = [named("burn-rate").owned_by(&objectives)];
    for _ in 0..2 {
        for (owner, wanted) in [(&owner(), &of_one), (&objectives, &of_other)] {
            let plan = look(&store, owner, wanted).await.unwrap();
            apply(&store, &plan, &mut |_| {}).await.unwrap();
        }
        assert_eq!(store.list("").await.unwrap().len(), 2);
    }
    // What both want is the first one's.
    let error = look(&store, &objectives, &[named("5xx").owned_by(&objectives)]).await.unwrap_err();
    assert!(error.to_string().contains("(it lacks DefinitionSet=objectives)"), "{error}");
    let plan = look(&store, &objectives, &[]).await.unwrap();
    assert_eq!(lines(&plan), ["delete alarm burn-rate"]);
}

#[tokio::test]
async fn a_dashboard_without_tags_of_its_own_is_left_alone_the_second_time() {
    for body in [
        json!({"title": "Shop", "panels": []}),
        json!({"title": "Shop", "panels": [], "tags": []}),
        json!({"title": "Shop", "panels": [], "tags": ["seen"]}),
    ] {
        let files = Files::new();
        let wanted = [Definition::new("shop-production-a", body.clone()).owned_by(&owner())];
        let plan = look(&files, &owner(), &wanted).await.unwrap();
        apply(&files, &plan, &mut |_| {}).await.unwrap();
        let again = look(&files, &owner(), &wanted).await.unwrap();
        assert!(again.is_empty(), "{body}: {again}");
        let held = files.list("shop-").await.unwrap().remove(0).body;
        // An empty list and none are the same.
        let is_given = held == body || body["tags"] == json!([]) && held.get("tags").is_none();
        assert!(is_given, "{body}: {held}");
        assert!(!look(&files, &owner(), &[]).await.unwrap().is_empty(), "it is still its owner's");
    }
}

#[tokio::test]
async fn what_would_be_read_back_as_another_tag_is_refused() {
    let files = Files::new();
    let mut definition =
        Definition::new("shop-production-a", json!({"title": "Shop", "tags": ["team=pets"]}));
    let refused = files.put(&definition, None).await.unwrap_err().to_string();
    assert!(refused.contains("tags of shop-production-a is team=pets; allowed: "), "{refused}");
    definition.body = json!({"title": "Shop"});
    definition.tags.insert("a=b".to_owned(), "c".to_owned());
    let refused = files.put(&definition, None).await.unwrap_err().to_string();
    assert!(refused.contains("key of a tag of shop-production-a is a=b; allowed: "), "{refused}");
    assert_eq!(files.list("shop-").await.unwrap(), []);
}

#[tokio::test]
async fn what_was_changed_since_the_look_is_neither_overwritten_nor_deleted() {
    let foreign = |name: &str, body: u32| {
        let mut definition = mine(name, body);
        definition.tags.insert("ManagedBy".to_owned(), "terraform".to_owned());
        definition
    };
    let before = [mine("changed", 1), mine("gone", 1)];
    let wanted = [mine("changed", 2), mine("new", 1)];
    for (meanwhile, failed) in [
        (foreign("new", 7), "shop-production-new"),
        (foreign("changed", 1), "shop-production-changed"),
        (mine("changed", 7), "shop-production-changed"),
        (foreign("gone", 1), "shop-production-gone"),
        (mine("gone", 7), "shop-production-gone"),
    ] {
        let store = MemoryStore::new("alarm");
        for definition in &before {
            store.put(definition, None).await.unwrap();
        }
        let plan = look(&store, &owner(), &wanted).await.unwrap();
        store.put(&meanwhile, None).await.unwrap();
        let stopped = apply(&store, &plan, &mut |_| {}).await.unwrap_err();
        assert_eq!((stopped.failed.as_str(), stopped.begun), (failed, false));
        assert!(stopped.to_string().contains("of which nothing was done"), "{stopped}");
        assert!(explain(&stopped).contains("since it was looked at"), "{}", explain(&stopped));
        let held = store.list("shop-production-").await.unwrap();
        assert!(held.contains(&meanwhile), "{held:?}");
    }
    // What is gone already need not be deleted, and what is gone can't be changed as planned.
    for (gone, stops) in [("gone", false), ("changed", true)] {
        let store = MemoryStore::new("alarm");
        for definition in &before {
            store.put(definition, None).await.unwrap();
        }
        let plan = look(&store, &owner(), &wanted).await.unwrap();
        store.delete(&[mine(gone, 1)]).await.unwrap();
        let done = apply(&store, &plan, &mut |_| {}).await;
        assert_eq!(done.is_err(), stops, "{gone}: {done:?}");
    }
}

proptest! {
    #[test]
    fn after_a_plan_its_owner_has_what_was_wanted_and_others_have_what_they_had(
        held in proptest::collection::btree_map(0_u8..8, (0_u32..3, any::<bool>()), 0..8),
        wanted in proptest::collection::btree_map(0_u8..8, 0_u32..3, 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::new("alarm");
            let mut foreign = Vec::new();
            for (name, (body, is_mine)) in &held {
                let mut definition = mine(&name.to_string(), *body);
                if !is_mine {
                    definition.tags.remove("Project");
                    foreign.push(definition.clone());
                }
                store.put(&definition, None).await.unwrap();
            }
            let wanted: Vec<_> = wanted.iter().map(|(name, body)| mine(&name.to_string(), *body)).collect();
            let before = store.list("").await.unwrap();
            let taken = foreign.iter().any(|held| wanted.iter().any(|wanted| wanted.name == held.name));
            match look(&store, &owner(), &wanted).await {
                Err(Error::NotOurs { .. }) => {
                    assert!(taken);
                    assert_eq!(store.list("").await.unwrap(), before);
                }
                plan => {
                    assert!(!taken);
                    apply(&store, &plan.unwrap(), &mut |_| {}).await.unwrap();
                    let mut expected = wanted.clone();
                    expected.extend(foreign);
                    expected.sort_by(|one, other| one.name.cmp(&other.name));
                    assert_eq!(store.list("").await.unwrap(), expected);
                    assert!(look(&store, &owner(), &wanted).await.unwrap().is_empty());
                }
            }
        });
    }
}
