//! Alarms and dashboards against a CloudWatch that is scripted in process: what is sent, what comes back, and that a second
//! time there is nothing to do.

use std::collections::BTreeSet;

use petswipe_aws::script::{Fault, Wire};
use petswipe_monitor::alarms::guide::{Limits, Resources, Side, alarms};
use petswipe_monitor::alarms::{Alarm, Rule};
use petswipe_monitor::apply::{Definition, DefinitionStore, Sample, apply, look};
use petswipe_monitor::aws::{CloudWatchAlarms, CloudWatchDashboards};
use petswipe_monitor::dashboards::{CloudWatchRegion, guide};
use petswipe_monitor::{Error, Owner, explain};
use serde_json::json;

use crate::definitions_service::{Account, alarm_arn, dashboard_arn};

fn owner() -> Owner {
    Owner::new("shop", "production").unwrap()
}

fn owner_in(region: &str) -> Owner {
    owner().in_region(region).unwrap()
}

/// Who owns what is there: the dashboards of all regions are in one place.
fn owner_of(store: &dyn DefinitionStore) -> Owner {
    if store.spans_regions() { owner_in("eu-central-1") } else { owner() }
}

fn shop() -> Resources {
    let side = |name: &str| Side {
        target_group: format!("targetgroup/shop-production-{name}-tg/1"),
        service: Some(("shop-production-cluster".to_owned(), format!("shop-production-{name}"))),
    };
    Resources {
        owner: owner(),
        load_balancer: "app/shop-production-alb/0".to_owned(),
        sides: ["blue", "green"].map(|name| (name.to_owned(), side(name))).into(),
        database: Some("shop-production-db".to_owned()),
    }
}

/// The alarms of the guide, and one that combines two of them.
fn of_the_guide(limits: &Limits) -> Vec<Definition> {
    let topics = ["arn:aws:sns:eu-central-1:123456789012:on-call".to_owned()];
    let all = alarms(&shop(), limits, &topics).unwrap();
    let rule = Rule::alarm("shop-production-5xx").or(Rule::alarm("shop-production-error-rate"));
    let both = Alarm::composite("shop-production-users", rule).unwrap();
    let all = all.iter().chain([&both]);
    all.map(|alarm| Definition::from(alarm).owned_by(&owner())).collect()
}

fn dashboards() -> Vec<Definition> {
    dashboards_of("eu-central-1")
}

fn dashboards_of(name: &str) -> Vec<Definition> {
    let region = CloudWatchRegion::new(name).account("123456789012");
    let shop = Resources { owner: owner_in(name), ..shop() };
    let all = guide::cloudwatch(&shop, &Limits::default(), &["shop-production-5xx".to_owned()]);
    let define = |dashboard: petswipe_monitor::dashboards::Dashboard| {
        Definition::new(dashboard.name(), dashboard.to_cloudwatch(&region).unwrap())
            .owned_by(&shop.owner)
    };
    all.unwrap().into_iter().map(define).collect()
}

fn account(page: usize) -> Wire<Account> {
    Wire::new(Account { page, ..Account::default() })
}

mod alarms_conform {
    use super::*;
    petswipe_monitor::definition_store_conformance!(
        store,
        CloudWatchAlarms::new(&account(0).config()),
        Sample::Alarm
    );
}

mod alarms_on_pages_of_one_conform {
    use super::*;
    petswipe_monitor::definition_store_conformance!(
        store,
        CloudWatchAlarms::new(&account(1).config()),
        Sample::Alarm
    );
}

mod dashboards_conform {
    use super::*;
    petswipe_monitor::definition_store_conformance!(
        store,
        CloudWatchDashboards::new(&account(1).config()),
        Sample::CloudWatchDashboard
    );
}

async fn bring(store: &dyn DefinitionStore, wanted: &[Definition]) {
    let owner = owner_of(store);
    let plan = look(store, &owner, wanted).await.unwrap();
    apply(store, &plan, &mut |_| {}).await.unwrap();
    let again = look(store, &owner, wanted).await.unwrap();
    assert!(again.is_empty(), "{again}");
}

#[tokio::test]
async fn the_alarms_of_the_guide_are_there_and_a_second_time_there_is_nothing_to_do() {
    let wire = account(3);
    let store = CloudWatchAlarms::new(&wire.config());
    bring(&store, &of_the_guide(&Limits::default())).await;
    wire.with(|account| {
        assert_eq!(account.alarms.len(), 12);
        let alarm = &account.alarms["shop-production-error-rate"];
        assert_eq!(alarm["Metrics"].as_array().unwrap().len(), 7);
        assert_eq!(alarm["ActionsEnabled"], true);
        assert_eq!(
            account.tags[&alarm_arn("shop-production-users")]["ManagedBy"],
            "petswipe-monitor"
        );
    });
    let limits = Limits { error_rate: 2.0, ..Limits::default() };
    wire.forget();
    let plan = look(&store, &owner(), &of_the_guide(&limits)).await.unwrap();
    let text = plan.to_string();
    assert!(text.starts_with("change alarm shop-production-error-rate\n"), "{text}");
    assert!(text.contains("  Threshold: 1.0 -> 2.0\n"), "{text}");
    apply(&store, &plan, &mut |_| {}).await.unwrap();
    let changes: Vec<_> =
        wire.operations().into_iter().filter(|name| name.starts_with("Put")).collect();
    assert_eq!(changes, ["PutMetricAlarm"]);

    wire.forget();
    bring(&store, &[]).await;
    assert_eq!(wire.with(|account| account.alarms.len()), 0);
    let deletions = wire.operations().into_iter().filter(|name| name == "DeleteAlarms").count();
    assert_eq!(deletions, 2, "the combination by itself, and all others together");
}

#[tokio::test]
async fn an_alarm_whose_actions_were_switched_off_or_that_was_changed_by_hand_is_brought_back() {
    let wire = account(0);
    let store = CloudWatchAlarms::new(&wire.config());
    let wanted = of_the_guide(&Limits::default());
    bring(&store, &wanted).await;
    wire.with(|account| {
        let alarm = account.alarms.get_mut("shop-production-5xx").unwrap();
        alarm.insert("ActionsEnabled".to_owned(), json!(false));
        let alarm = account.alarms.get_mut("shop-production-blue-cpu").unwrap();
        alarm.insert("Unit".to_owned(), json!("Percent"));
        alarm.insert("DatapointsToAlarm".to_owned(), json!(1));
    });
    let plan = look(&store, &owner(), &wanted).await.unwrap().to_string();
    assert_eq!(
        plan,
        "change alarm shop-production-5xx\n  ActionsEnabled: false -> nothing\n\
         change alarm shop-production-blue-cpu\n  DatapointsToAlarm: 1 -> 3\n  Unit: \"Percent\" -> nothing\n"
    );
    bring(&store, &wanted).await;
    // Tags of others stay, and a missing one of ours is put there by itself.
    let arn = alarm_arn("shop-production-5xx");
    wire.with(|account| {
        let tags = account.tags.get_mut(&arn).unwrap();
        tags.insert("CostCenter".to_owned(), "7".to_owned());
    });
    let mut more = wanted.clone();
    for definition in &mut more {
        definition.tags.insert("Team".to_owned(), "pets".to_owned());
    }
    wire.forget();
    bring(&store, &more).await;
    assert_eq!(wire.operations().iter().filter(|name| *name == "TagResource").count(), 12);
    let tags = wire.with(|account| account.tags[&arn].clone());
    assert_eq!((tags["CostCenter"].as_str(), tags["Team"].as_str()), ("7", "pets"));
}

#[tokio::test]
async fn what_somebody_else_made_under_our_name_is_not_touched() {
    let wire = account(0);
    let store = CloudWatchAlarms::new(&wire.config());
    let mut foreign = Sample::Alarm.of("shop-production-5xx", 1);
    foreign.tags.insert("ManagedBy".to_owned(), "terraform".to_owned());
    store.put(&foreign, None).await.unwrap();
    wire.forget();
    let error = look(&store, &owner(), &of_the_guide(&Limits::default())).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    assert!(error.to_string().contains("alarm shop-production-5xx (it lacks "), "{error}");
    assert!(look(&store, &owner(), &[]).await.unwrap().is_empty());
    assert_eq!(
        wire.operations(),
        ["DescribeAlarms", "ListTagsForResource", "DescribeAlarms", "ListTagsForResource"]
    );
}

#[tokio::test]
async fn wherever_the_line_is_cut_the_same_again_goes_on() {
    for fault in [Fault::Broken, Fault::LostAnswer, Fault::Throttled(None), Fault::Denied] {
        for cut in 0..12 {
            let wire = account(0);
            let store = CloudWatchAlarms::new(&wire.config());
            let wanted = of_the_guide(&Limits::default());
            let plan = look(&store, &owner(), &wanted).await.unwrap();
            let mut left = cut;
            wire.fate(move |call| {
                left -= i32::from(call.operation().starts_with("Put"));
                (left == -1).then_some(fault)
            });
            let stopped = apply(&store, &plan, &mut |_| {}).await.unwrap_err();
            assert_eq!(stopped.report.created.len(), usize::try_from(cut).unwrap());
            assert_eq!(stopped.left.len(), 11 - stopped.report.created.len());
            let name = &plan.steps[usize::try_from(cut).unwrap()].definition.name;
            assert_eq!(stopped.failed, *name);
            assert!(
                explain(&stopped).contains("Alarm of shop-production-"),
                "{}",
                explain(&stopped)
            );
            wire.fate(|_| None);
            bring(&store, &wanted).await;
        }
    }
}

#[tokio::test]
async fn the_dashboards_of_the_guide_are_there_and_a_second_time_there_is_nothing_to_do() {
    let wire = account(2);
    let store = CloudWatchDashboards::new(&wire.config());
    bring(&store, &dashboards()).await;
    wire.with(|account| {
        let names: Vec<_> = account.dashboards.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "shop-production-eu-central-1-canary-deployment",
                "shop-production-eu-central-1-overview",
                "shop-production-eu-central-1-sre"
            ]
        );
        assert_eq!(
            account.tags[&dashboard_arn("shop-production-eu-central-1-sre")]["Environment"],
            "production"
        );
        account
            .dashboards
            .insert("shop-production-eu-central-1-sre".to_owned(), "{\"widgets\": []}".to_owned());
    });
    let plan = look(&store, &owner_of(&store), &dashboards()).await.unwrap();
    assert_eq!(plan.to_do().count(), 1);
    bring(&store, &dashboards()).await;
    let mut more = dashboards();
    more[0].tags.insert("Team".to_owned(), "pets".to_owned());
    bring(&store, &more).await;
    assert_eq!(
        wire.with(|account| account.tags[&dashboard_arn("shop-production-eu-central-1-overview")]
            ["Team"]
            .clone()),
        "pets"
    );
    bring(&store, &[]).await;
    assert_eq!(wire.with(|account| account.dashboards.len()), 0);
}

#[tokio::test]
async fn regions_of_one_account_have_each_their_own_dashboards() {
    let wire = account(0);
    let store = CloudWatchDashboards::new(&wire.config());
    let [here, there] = ["eu-central-1", "us-east-1"];
    for region in [here, there, here] {
        let (owner, wanted) = (owner_in(region), dashboards_of(region));
        let plan = look(&store, &owner, &wanted).await.unwrap();
        apply(&store, &plan, &mut |_| {}).await.unwrap();
        assert!(look(&store, &owner, &wanted).await.unwrap().is_empty());
    }
    assert_eq!(wire.with(|account| account.dashboards.len()), 6);
    let plan = look(&store, &owner_in(here), &[]).await.unwrap();
    assert_eq!(plan.to_do().count(), 3, "{plan}");
    apply(&store, &plan, &mut |_| {}).await.unwrap();
    assert!(look(&store, &owner_in(there), &dashboards_of(there)).await.unwrap().is_empty());

    // One that has our name and is of another region.
    wire.with(|account| {
        let name = dashboards()[0].name.clone();
        account.dashboards.insert(name.clone(), "{\"widgets\": []}".to_owned());
        account.tags.insert(dashboard_arn(&name), owner_in(there).tags());
    });
    let error = look(&store, &owner_in(here), &dashboards()).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    assert!(error.to_string().contains("(it lacks Region=eu-central-1)"), "{error}");
    assert!(look(&store, &owner_in(here), &[]).await.unwrap().is_empty(), "and it is not deleted");
    // Whose they would be nobody could tell.
    wire.forget();
    let error = look(&store, &owner(), &[]).await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "owner of each dashboard is shop-production; allowed: an owner in a region"
        ),
        "{error}"
    );
    assert_eq!(wire.operations(), [""; 0]);
}

#[tokio::test]
async fn what_cloudwatch_warns_of_is_said_until_it_warns_no_more() {
    let wire = account(0);
    let store = CloudWatchDashboards::new(&wire.config());
    wire.with(|account| account.warning = Some("The field color is not known".to_owned()));
    for wanted in [dashboards(), {
        let mut others = dashboards();
        others[0].body["start"] = json!("-PT6H");
        others
    }] {
        for _ in 0..3 {
            let plan = look(&store, &owner_of(&store), &wanted).await.unwrap();
            let stopped = apply(&store, &plan, &mut |_| {}).await.unwrap_err();
            let error = explain(&stopped);
            assert!(error.contains("is /widgets/0: The field color is not known;"), "{error}");
            assert!(error.contains("stored all the same"), "{error}");
        }
        let plan = look(&store, &owner_of(&store), &wanted).await.unwrap().to_string();
        assert!(plan.contains("not put without a warning"), "{plan}");
    }
    wire.with(|account| account.warning = None);
    bring(&store, &dashboards()).await;
    let error =
        store.put(&Definition::new("shop-production-a", json!({})), None).await.unwrap_err();
    assert!(explain(&error).contains("The field widgets must be present"), "{}", explain(&error));
}

#[tokio::test]
async fn a_dashboard_whose_warnings_were_never_seen_is_put_again() {
    // The answer of the Put, or that of taking away the tag which says that nobody saw it.
    for cut in 0..2 {
        let wire = account(0);
        let store = CloudWatchDashboards::new(&wire.config());
        let wanted = dashboards();
        let mut left = cut;
        let mut lose = move |action: &str| {
            left -= i32::from(!action.starts_with("Get") && !action.starts_with("List"));
            (left == -1).then_some(Fault::LostAnswer)
        };
        wire.fate(move |call| lose(call.operation()));
        let plan = look(&store, &owner_of(&store), &wanted).await.unwrap();
        assert!(apply(&store, &plan, &mut |_| {}).await.is_err());
        wire.fate(|_| None);
        wire.with(|account| account.warning = Some("The field color is not known".to_owned()));
        let plan = look(&store, &owner_of(&store), &wanted).await.unwrap();
        assert_eq!(plan.to_do().count(), if cut == 0 { 3 } else { 2 }, "{plan}");
        wire.with(|account| account.warning = None);
        bring(&store, &wanted).await;
    }
}

#[tokio::test]
async fn what_is_no_alarm_is_refused_before_anything_is_sent() {
    let wire = account(0);
    let store = CloudWatchAlarms::new(&wire.config());
    for body in [
        json!({}),
        json!([]),
        json!({"AlarmRule": "WHAT"}),
        json!({"AlarmRule": "TRUE", "Unit": "Percent"}),
    ] {
        let error = store.put(&Definition::new("shop-production-a", body), None).await.unwrap_err();
        assert!(matches!(error, Error::InvalidPolicy { .. }), "{error}");
    }
    assert_eq!(wire.operations(), [""; 0]);
}

#[tokio::test]
async fn the_policy_names_the_actions_that_are_called_and_no_others() {
    let wire = account(0);
    let of_alarms = CloudWatchAlarms::new(&wire.config());
    let of_dashboards = CloudWatchDashboards::new(&wire.config());
    let mut more = [of_the_guide(&Limits::default()), dashboards()];
    for (store, wanted) in [(&of_alarms as &dyn DefinitionStore, 0), (&of_dashboards, 1)] {
        bring(store, &more[wanted]).await;
        more[wanted][0].tags.insert("Team".to_owned(), "pets".to_owned());
        bring(store, &more[wanted]).await;
        bring(store, &[]).await;
    }
    let called: BTreeSet<_> = wire.calls().into_iter().map(|call| call.action).collect();
    let statements = CloudWatchAlarms::policy(&owner(), "aws", "eu-central-1", "123456789012");
    let statements = statements.into_iter().chain(CloudWatchDashboards::policy(
        &owner_in("eu-central-1"),
        "aws",
        "123456789012",
    ));
    let statements: Vec<_> = statements.collect();
    let allowed: BTreeSet<_> =
        statements.iter().flat_map(|one| one.actions().iter().cloned()).collect();
    assert_eq!(called, allowed);
    let resources: Vec<_> = statements.iter().flat_map(|one| one.resources()).collect();
    assert_eq!(
        resources,
        [
            "*",
            "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop-production-*",
            "*",
            "arn:aws:cloudwatch::123456789012:dashboard/shop-production-eu-central-1-*",
        ]
    );
}
