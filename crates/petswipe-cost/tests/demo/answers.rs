//! What is found is what was planted.

use std::sync::Arc;

use petswipe_cost::demo::Demo;
use petswipe_cost::{Currency, Money, Part, Prices, Report, ReportOptions};

use crate::world::{assert_same, demo, excluding, ids, scan};

#[tokio::test]
async fn what_is_found_is_exactly_what_was_planted() {
    for seed in 0..20 {
        let Demo { account, regions, prices, planted, unknown, .. } = demo(2000, seed);
        let report = Report::of(&scan(&Arc::new(account), &regions, &prices).await, &excluding());
        let found = ids(&report);
        let missed: Vec<_> = planted.difference(&found).collect();
        let wrong: Vec<_> = found.difference(&planted).collect();
        assert!(
            missed.is_empty() && wrong.is_empty(),
            "seed {seed}: missed {missed:#?}, wrong {wrong:#?}"
        );
        let named: std::collections::BTreeSet<_> =
            report.unknown.iter().map(|one| one.id.clone()).collect();
        assert_eq!(named, unknown, "seed {seed}");
        assert!(!report.partial);
    }
}

#[tokio::test]
async fn what_is_kept_by_a_tag_is_found_only_without_the_exclusion() {
    let Demo { account, regions, prices, planted, kept, .. } = demo(2000, 3);
    let scan = scan(&Arc::new(account), &regions, &prices).await;
    assert!(!kept.is_empty());
    let all = ids(&Report::of(&scan, &ReportOptions::default()));
    assert_same(&all, &planted.union(&kept).cloned().collect(), "all");
    let without = Report::of(&scan, &excluding());
    assert!(kept.is_disjoint(&ids(&without)));
    assert!(without.excluded >= kept.len() as u64);
}

#[tokio::test]
async fn what_is_paid_for_a_unit_of_what_remains_is_in_no_total() {
    let Demo { account, regions, prices, .. } = demo(500, 5);
    let report = Report::of(&scan(&Arc::new(account), &regions, &prices).await, &excluding());
    let of = |id: &str| report.findings.iter().find(|finding| finding.id == id).unwrap();
    let coverage = of("commitments:global:savings-plans/coverage");
    assert_eq!((coverage.part, coverage.counted), (Part::Rate, false));
    assert!(coverage.monthly_saving.as_ref().unwrap().high > Money::ZERO);
    let unused = of("commitments:global:reservations/utilisation");
    assert!(unused.counted, "what was bought and not used is money lost");
    assert_eq!(report.totals.apart, 1);
    let saving = unused.monthly_saving.as_ref().unwrap().high;
    assert_eq!(report.totals.by_area["commitments"].high, saving);
}

#[tokio::test]
async fn what_is_in_another_currency_than_the_prices_is_in_no_total() {
    let Demo { account, regions, .. } = demo(500, 5);
    let yuan = Prices::none(Currency::CNY);
    let report = Report::of(&scan(&Arc::new(account), &regions, &yuan).await, &excluding());
    let unused = report.findings.iter().find(|finding| finding.id.ends_with("/utilisation"));
    assert!(!unused.unwrap().counted, "dollars among yuan");
    assert_eq!(report.totals.monthly_saving.high, Money::ZERO);
}

#[tokio::test]
async fn totals_are_exactly_the_sum_of_what_is_counted() {
    let Demo { account, regions, prices, .. } = demo(3000, 5);
    let options = ReportOptions { by_tag: Some("team".to_owned()), ..excluding() };
    let report = Report::of(&scan(&Arc::new(account), &regions, &prices).await, &options);
    let counted = report.findings.iter().filter(|finding| finding.counted);
    let savings: Vec<_> = counted.filter_map(|finding| finding.monthly_saving.as_ref()).collect();
    let totals = &report.totals;
    assert_eq!(savings.iter().map(|saving| saving.low).sum::<Money>(), totals.monthly_saving.low);
    assert_eq!(savings.iter().map(|saving| saving.high).sum::<Money>(), totals.monthly_saving.high);
    for groups in [&totals.by_area, &totals.by_region, &totals.by_tag] {
        assert_eq!(
            groups.values().map(|range| range.low).sum::<Money>(),
            totals.monthly_saving.low
        );
        assert_eq!(
            groups.values().map(|range| range.high).sum::<Money>(),
            totals.monthly_saving.high
        );
    }
    assert!(report.findings.iter().all(|finding| {
        finding
            .monthly_saving
            .as_ref()
            .is_none_or(|saving| Money::ZERO <= saving.low && saving.low <= saving.high)
    }));
    assert!(totals.alternatives > 0, "an unattached gp2 volume is found twice");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(Report::from_json(&json).unwrap(), report);
}

#[tokio::test]
async fn the_calls_of_a_known_account_are_as_few_as_can_be() {
    let Demo { account, regions, prices, .. } = demo(6000, 1);
    let account = Arc::new(account);
    let scan = scan(&account, &regions, &prices).await;
    let calls = account.calls();
    let inventory = account.inventory();
    let volumes: usize = regions
        .iter()
        .map(|region| inventory.only(petswipe_cost::Kind::Volume, region).len().div_ceil(500))
        .sum();
    assert_eq!(calls["ec2:DescribeVolumes"], volumes as u64);
    // Five hundred metrics a call, one list for days and one for hours in each region.
    let most = scan.metrics_asked.div_ceil(500) + 2 * regions.len() as u64;
    assert!(calls["cloudwatch:GetMetricData"] <= most, "{calls:?}, {} metrics", scan.metrics_asked);
    assert_eq!(scan.usage.len() as u64, scan.metrics_asked, "a metric was asked for twice");
}

#[tokio::test]
async fn two_reports_are_compared_by_the_ids_of_their_findings() {
    let Demo { account, regions, prices, .. } = demo(500, 9);
    let account = Arc::new(account);
    let scan_now = scan(&account, &regions, &prices).await;
    let mut old = Report::of(&scan_now, &excluding());
    let gone = old.findings[0].clone();
    let new = Report::of(&scan_now, &excluding());
    // A finding of the old report that is no longer there, one that was less, one that was not there.
    let mut vanished = gone.clone();
    vanished.id = "ebs-unused:us-east-1:vol-gone".to_owned();
    vanished.resource = "vol-gone".to_owned();
    vanished.region = regions[0].clone();
    vanished.area = petswipe_cost::Area::VOLUMES;
    old.findings[0] = vanished;
    let less = old.findings[1].id.clone();
    old.findings[1].monthly_saving.as_mut().unwrap().high = Money::ZERO;
    old.findings[1].monthly_saving.as_mut().unwrap().low = Money::ZERO;
    let changes = new.clone().compared_with(&old).unwrap().changes.unwrap();
    assert_eq!(changes.new, [gone.id]);
    assert_eq!(changes.gone, ["ebs-unused:us-east-1:vol-gone"]);
    assert_eq!(changes.grown.iter().map(|change| &change.id).collect::<Vec<_>>(), [&less]);
    assert!(changes.shrunk.is_empty() && changes.not_looked_at.is_empty());
    old.account = Some("210987654321".to_owned());
    let error = new.compared_with(&old).unwrap_err().to_string();
    assert_eq!(error, "account of the older report is 210987654321; allowed: 123456789012");
}

#[tokio::test]
async fn every_resource_can_be_explained() {
    let Demo { account, regions, prices, planted, .. } = demo(500, 2);
    let scan = scan(&Arc::new(account), &regions, &prices).await;
    let id = planted.iter().find(|id| id.starts_with("ebs-unused")).unwrap();
    let volume = id.rsplit(':').next().unwrap();
    let said = Report::explain(&scan, volume);
    assert!(said.iter().any(|one| one.id() == *id && one.verdict.is_flagged()), "{said:?}");
    let busy =
        scan.inventory.instances.iter().find(|instance| instance.instance_type == "m5.4xlarge");
    let said = Report::explain(&scan, &busy.unwrap().id);
    assert_eq!(said[0].reason, "it does not run, so it is not paid for");
    assert!(Report::explain(&scan, "vol-nothing").is_empty());
}

#[tokio::test]
async fn what_was_spent_is_told_and_the_planted_jump_is_the_only_one() {
    for seed in 0..5 {
        let Demo { account, regions, prices, jump, .. } = demo(200, seed);
        let account = Arc::new(account);
        let scanner = crate::world::scanner(&account, &prices).with_costs(120, Some("team"));
        let scan = scanner.scan(&regions, crate::world::now(), std::future::pending()).await;
        let spend = Report::of(&scan, &excluding()).spend.unwrap();
        for list in [&spend.by_service, &spend.by_tag] {
            assert_eq!(list.iter().map(|one| one.amount).sum::<Money>(), spend.total);
        }
        for list in [&spend.by_day, &spend.by_month] {
            assert_eq!(list.iter().map(|one| one.amount).sum::<Money>(), spend.total);
        }
        assert_eq!(spend.by_day.len(), 120);
        assert_eq!(spend.by_service[0].name, "AmazonEC2");
        let found: Vec<_> = spend
            .jumps
            .found
            .iter()
            .filter_map(|one| Some((one.service.clone()?, one.day)))
            .collect();
        assert_eq!(found, [jump], "seed {seed}");
        assert!(spend.trend.is_some_and(|trend| trend.per_month > 0.0));
        let forecast = spend.forecast.unwrap();
        assert!(forecast.low <= forecast.expected && forecast.expected <= forecast.high);
    }
}

#[tokio::test]
async fn costs_that_are_denied_are_named() {
    let Demo { account, regions, prices, planted, .. } = demo(200, 1);
    let account = Arc::new(account.denying("ce:GetCostAndUsage"));
    let scanner = crate::world::scanner(&account, &prices).with_costs(120, None);
    let scan = scanner.scan(&regions, crate::world::now(), std::future::pending()).await;
    let report = Report::of(&scan, &excluding());
    assert!(report.spend.is_none() && report.partial);
    assert_eq!(report.not_analysed.len(), 1);
    assert_eq!(report.not_analysed[0].area.as_str(), "spend");
    assert_eq!(report.not_analysed[0].action.as_deref(), Some("ce:GetCostAndUsage"));
    assert_same(&ids(&report), &planted, "findings");
}
