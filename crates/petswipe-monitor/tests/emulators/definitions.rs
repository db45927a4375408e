//! Alarms and dashboards on ministack, over HTTP.
//!
//! ministack keeps neither the calculations of an alarm nor what few values do, says `Average` beside an extended statistic, and
//! knows no tags of dashboards: so here are plain alarms with one that combines them, and dashboards only as far as their bodies
//! go. All of the guide's is held against the scripted service in `tests/aws`.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use petswipe_monitor::alarms::{Alarm, Metric, MissingData, Rule, Statistic, Threshold};
use petswipe_monitor::apply::{Definition, DefinitionStore, apply, look};
use petswipe_monitor::aws::{CloudWatchAlarms, CloudWatchDashboards};
use petswipe_monitor::{Error, Owner};
use serde_json::{Value, json};

use crate::{account, config};

fn owner() -> Owner {
    Owner::new("shop", "production").unwrap()
}

fn alarm(name: &str, above: f64) -> Definition {
    let metric = Metric::new("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count");
    let metric =
        metric.with("LoadBalancer", "app/shop/0").every(Duration::from_secs(60), Statistic::Sum);
    let threshold = Threshold::above(above).in_some_of(2, 3).missing(MissingData::NotBreaching);
    let alarm = Alarm::on_metric(owner().name(name), metric, threshold).unwrap();
    let alarm = alarm.notifying("arn:aws:sns:eu-central-1:123456789012:on-call").unwrap();
    Definition::from(&alarm.described("too many failures").unwrap()).owned_by(&owner())
}

fn page() -> Definition {
    let rule = Rule::alarm(owner().name("a")).and(Rule::alarm(owner().name("b")));
    Definition::from(&Alarm::composite(owner().name("page"), rule).unwrap()).owned_by(&owner())
}

#[tokio::test]
async fn alarms_come_stay_change_and_go_and_those_of_others_stay() {
    let config = config(&account("25"));
    let store = CloudWatchAlarms::new(&config);
    let mut foreign = alarm("mine", 1.0);
    foreign.tags.insert("ManagedBy".to_owned(), "terraform".to_owned());
    store.put(&foreign, None).await.unwrap();

    let wanted = [page(), alarm("a", 50.0), alarm("b", 50.0)];
    let plan = look(&store, &owner(), &wanted).await.unwrap();
    assert_eq!(plan.to_do().count(), 3);
    apply(&store, &plan, &mut |_| {}).await.unwrap();
    let again = look(&store, &owner(), &wanted).await.unwrap();
    assert!(again.is_empty(), "{again}");

    let wanted = [page(), alarm("a", 40.0), alarm("b", 50.0)];
    let plan = look(&store, &owner(), &wanted).await.unwrap();
    assert_eq!(plan.to_string(), "change alarm shop-production-a\n  Threshold: 50.0 -> 40.0\n");
    apply(&store, &plan, &mut |_| {}).await.unwrap();
    assert!(look(&store, &owner(), &wanted).await.unwrap().is_empty());

    let mut retagged = wanted.clone();
    retagged[1].tags.insert("Team".to_owned(), "pets".to_owned());
    let plan = look(&store, &owner(), &retagged).await.unwrap();
    assert_eq!(
        plan.to_string(),
        "change alarm shop-production-a\n  tag Team: nothing -> \"pets\"\n"
    );
    apply(&store, &plan, &mut |_| {}).await.unwrap();
    assert!(look(&store, &owner(), &retagged).await.unwrap().is_empty());

    let taken = look(&store, &owner(), &[alarm("mine", 2.0)]).await;
    assert!(matches!(taken, Err(Error::NotOurs { .. })), "{taken:?}");

    let plan = look(&store, &owner(), &[]).await.unwrap();
    let report = apply(&store, &plan, &mut |_| {}).await.unwrap();
    assert_eq!(report.deleted, ["shop-production-page", "shop-production-b", "shop-production-a"]);
    let left = store.list("shop-production-").await.unwrap();
    assert_eq!(
        left.iter().map(|left| left.name.as_str()).collect::<Vec<_>>(),
        ["shop-production-mine"]
    );
}

#[tokio::test]
async fn a_dashboard_is_stored_as_it_was_given_and_deleted() {
    let config = config(&account("26"));
    let store = CloudWatchDashboards::new(&config);
    let text = json!({"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": {"markdown": "Shop"}});
    let body = json!({"widgets": [text]});
    let definition = Definition::new("shop-production-sre", body.clone()).owned_by(&owner());
    // The dashboard is stored, and then its tag can't be taken away, because ministack knows none of dashboards.
    let put = store.put(&definition, None).await;
    assert!(matches!(put, Ok(()) | Err(Error::NotFound { .. })), "{put:?}");
    let client = Client::new(&config);
    let held = client.get_dashboard().dashboard_name("shop-production-sre").send().await.unwrap();
    let held: Value = serde_json::from_str(held.dashboard_body().unwrap()).unwrap();
    assert_eq!(held, body);
    store.delete(&[definition]).await.unwrap();
    assert!(client.get_dashboard().dashboard_name("shop-production-sre").send().await.is_err());
}
