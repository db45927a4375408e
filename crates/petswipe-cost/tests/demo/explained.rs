//! One resource, and what could not be said of it.

use std::sync::Arc;

use petswipe_cost::demo::{Demo, KEEP};
use petswipe_cost::{
    Explanation, NotReported, ReportOptions, Suppression, Suppressions, Verdict, Why,
};

use crate::world::{demo, excluding, scan};

#[tokio::test]
async fn every_resource_can_be_explained() {
    let Demo { account, regions, prices, planted, .. } = demo(500, 2);
    let scan = scan(&Arc::new(account), &regions, &prices).await;
    let explain = |asked: &str| Explanation::of(&scan, &excluding(), asked);
    let id = planted.iter().find(|id| id.starts_with("ebs-unused")).unwrap();
    for asked in [id.as_str(), id.rsplit(':').next().unwrap()] {
        let known = explain(asked);
        assert!(known.found && !known.is_partial(), "{known:?}");
        let flagged = known.said.iter().find(|one| one.id == *id).unwrap();
        assert!(flagged.verdict.is_flagged() && flagged.not_reported.is_none());
        assert!(flagged.monthly_saving.is_some() && flagged.remediation.is_some());
    }
    let mut instances = scan.inventory.instances.iter();
    let stopped = instances.find(|instance| instance.instance_type == "m5.4xlarge").unwrap();
    let known = explain(&stopped.id);
    assert_eq!(known.said[0].reason, "it does not run, so it is not paid for");
    assert_eq!(known.said[0].verdict, Verdict::Busy);
    // What no area judges is there nevertheless.
    let image = &scan.inventory.images[0];
    assert!(explain(&image.id).found);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_like_it_is_named() {
    let Demo { account, regions, prices, planted, .. } = demo(500, 2);
    let scan = scan(&Arc::new(account), &regions, &prices).await;
    let id = planted.iter().find(|id| id.starts_with("ebs-unused")).unwrap();
    let volume = id.rsplit(':').next().unwrap();
    let typo = volume.strip_suffix(|_: char| true).unwrap();
    let unknown = Explanation::of(&scan, &excluding(), typo);
    assert!(!unknown.found && unknown.said.is_empty() && !unknown.is_partial());
    assert_eq!(unknown.near[0], volume);
    assert_eq!(unknown.resources, scan.inventory.len() as u64);
}

#[tokio::test]
async fn what_was_not_analysed_of_its_kind_is_named_with_the_missing_action() {
    let Demo { account, regions, prices, planted, .. } = demo(500, 2);
    let account = Arc::new(account.denying("ec2:DescribeImages"));
    let scan = scan(&account, &regions, &prices).await;
    let snapshot = planted.iter().find(|id| id.starts_with("ebs-snapshots")).unwrap();
    let explain = |asked: &str| Explanation::of(&scan, &excluding(), asked);
    for asked in [snapshot.as_str(), snapshot.rsplit(':').next().unwrap()] {
        let known = explain(asked);
        assert!(known.found && known.said.is_empty());
        let [missing] = &known.not_analysed[..] else { panic!("{known:?}") };
        assert_eq!(missing.why, Why::Denied);
        assert_eq!(missing.action.as_deref(), Some("ec2:DescribeImages"));
    }
    // Whoever is not of that kind has nothing missing.
    let address = planted.iter().find(|id| id.starts_with("eip-unattached")).unwrap();
    assert!(!explain(address.rsplit(':').next().unwrap()).is_partial());
    // What is not found may be among what was not listed.
    assert_eq!(explain("ami-0123").not_analysed.len(), regions.len());
}

#[tokio::test]
async fn what_is_not_reported_says_why() {
    let Demo { account, regions, prices, planted, kept, .. } = demo(2000, 3);
    let scan = scan(&Arc::new(account), &regions, &prices).await;
    let reason = |options: &ReportOptions, id: &str| {
        let known = Explanation::of(&scan, options, id);
        known.said.into_iter().find(|one| one.id == *id).unwrap().not_reported
    };
    let excluded = kept.first().unwrap();
    let expected = NotReported::Excluded(KEEP.to_owned());
    assert_eq!(reason(&excluding(), excluded), Some(expected));
    assert_eq!(reason(&ReportOptions::default(), excluded), None);
    let id = planted.first().unwrap();
    let until = "2999-01-01".parse().unwrap();
    let suppression = Suppression { id: id.clone(), reason: "audit".to_owned(), until };
    let suppressions = Suppressions { suppressions: vec![suppression] };
    let options = ReportOptions { suppressions, ..excluding() };
    let expected = NotReported::Suppressed { until, reason: "audit".to_owned() };
    assert_eq!(reason(&options, id), Some(expected));
}
