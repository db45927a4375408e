//! What is not in a report is only gone if it was looked at and would be reported.

use std::sync::Arc;

use petswipe_cost::demo::Demo;
use petswipe_cost::{Area, Report, ReportOptions, Suppression, Suppressions, analyzer};

use crate::world::{demo, excluding, now, scan, scanner};

#[tokio::test]
async fn what_was_not_asked_for_is_not_gone() {
    let Demo { account, regions, prices, .. } = demo(500, 9);
    let account = Arc::new(account);
    let old = Report::of(&scan(&account, &regions, &prices).await, &excluding());
    let only = analyzer::all().into_iter().filter(|one| one.area() == Area::ADDRESSES).collect();
    let part = scanner(&account, &prices).with_analyzers(only);
    // One that is there no more, of the area that is looked at.
    let gone = old.findings.iter().find(|one| one.area == Area::ADDRESSES).unwrap();
    account.change(|inventory| inventory.addresses.retain(|one| one.id != gone.resource));
    let part = part.scan(&regions, now(), std::future::pending()).await;
    let report = Report::of(&part, &excluding());
    assert_eq!(report.areas, [Area::ADDRESSES]);
    let changes = report.compared_with(&old).unwrap().changes.unwrap();
    assert_eq!(changes.gone, std::slice::from_ref(&gone.id));
    let others = old.findings.iter().filter(|one| one.area != Area::ADDRESSES).count();
    assert_eq!(changes.not_looked_at.len(), others);
}

#[tokio::test]
async fn what_is_suppressed_or_excluded_now_is_hidden_and_not_gone() {
    let Demo { account, regions, prices, kept, .. } = demo(2000, 3);
    let scan = scan(&Arc::new(account), &regions, &prices).await;
    let old = Report::of(&scan, &ReportOptions::default());
    let suppressed = old.findings.iter().find(|one| !kept.contains(&one.id)).unwrap().id.clone();
    let suppression = Suppression {
        id: suppressed.clone(),
        reason: "audit".to_owned(),
        until: "2999-01-01".parse().unwrap(),
    };
    let suppressions = Suppressions { suppressions: vec![suppression] };
    let report = Report::of(&scan, &ReportOptions { suppressions, ..excluding() });
    let changes = report.compared_with(&old).unwrap().changes.unwrap();
    assert!(changes.gone.is_empty() && changes.not_looked_at.is_empty(), "{changes:?}");
    let mut hidden: Vec<_> = kept.iter().cloned().chain([suppressed]).collect();
    hidden.sort();
    assert_eq!(changes.hidden, hidden);
}

#[test]
fn a_report_of_an_older_version_is_refused_by_its_version() {
    let error = Report::from_json(r#"{"format": 1, "findings": []}"#).unwrap_err().to_string();
    assert_eq!(error, "the report: its format is 1; allowed: 2");
}
