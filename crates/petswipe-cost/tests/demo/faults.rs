//! What goes wrong is named, and nothing that was not looked at is taken for idle.

use std::collections::BTreeSet;
use std::sync::Arc;

use petswipe_cost::demo::Demo;
use petswipe_cost::memory::MemoryAccount;
use petswipe_cost::{
    Area, Error, Measure, Metric, Period, Region, Report, Scanner, Series, Thresholds, UsageSource,
    Why, Window,
};

use crate::world::{assert_same, demo, excluding, ids, now, scan, scanner};

#[tokio::test]
async fn an_area_that_is_denied_is_named_with_the_missing_action_and_the_others_finish() {
    let Demo { account, regions, prices, planted, .. } = demo(1000, 4);
    let account = Arc::new(account.denying("ec2:DescribeVolumes"));
    let report = Report::of(&scan(&account, &regions, &prices).await, &excluding());
    assert!(report.partial);
    let missing: Vec<_> =
        report.not_analysed.iter().map(|one| (one.area.as_str(), one.why)).collect();
    let of = |area| vec![(area, Why::Denied); regions.len()];
    // Whether a snapshot is the last of its volume, only the volumes tell.
    let without = ["ebs-gp3", "ebs-snapshots", "ebs-unused"];
    assert_eq!(missing, without.map(of).concat());
    assert!(
        report.not_analysed.iter().all(|one| one.action.as_deref() == Some("ec2:DescribeVolumes"))
    );
    let rest = planted.into_iter().filter(|id| !without.iter().any(|area| id.starts_with(area)));
    assert_same(&ids(&report), &rest.collect(), "the rest");
}

#[tokio::test]
async fn snapshots_are_not_judged_without_the_images_that_may_need_them() {
    let Demo { account, regions, prices, .. } = demo(1000, 4);
    let account = Arc::new(account.denying("ec2:DescribeImages"));
    let report = Report::of(&scan(&account, &regions, &prices).await, &excluding());
    assert!(report.findings.iter().all(|finding| finding.area != Area::SNAPSHOTS));
    assert!(report.not_analysed.iter().all(|one| one.area == Area::SNAPSHOTS));
    assert_eq!(report.not_analysed.len(), regions.len());
}

#[tokio::test]
async fn without_metrics_nothing_is_idle_and_what_needs_none_is_still_found() {
    let Demo { account, regions, prices, planted, .. } = demo(1000, 4);
    let account = Arc::new(account.throttling("cloudwatch:GetMetricData"));
    let report = Report::of(&scan(&account, &regions, &prices).await, &excluding());
    let found = ids(&report);
    assert!(found.is_subset(&planted));
    for area in [
        "ec2-utilization",
        "rds-utilization",
        "nat-gateways",
        "schedules",
        "load-balancers",
        "ebs-unused",
    ] {
        assert!(!found.iter().any(|id| id.starts_with(area)), "{area}");
        assert!(
            report
                .not_analysed
                .iter()
                .any(|one| one.area.as_str() == area && one.why == Why::Throttled)
        );
    }
    for area in ["eip-unattached", "ebs-snapshots", "log-retention"] {
        assert!(found.iter().any(|id| id.starts_with(area)), "{area}");
    }
}

#[tokio::test]
async fn a_region_that_is_not_enabled_is_named() {
    let Demo { account, mut regions, prices, planted, .. } = demo(500, 4);
    regions.push(Region::new("ap-east-1").unwrap());
    let report = Report::of(&scan(&Arc::new(account), &regions, &prices).await, &excluding());
    assert_same(&ids(&report), &planted, "all");
    assert!(report.partial);
    assert!(
        report.not_analysed.iter().all(|one| one.why == Why::Disabled && one.region == regions[3])
    );
}

#[tokio::test]
async fn a_scan_that_is_stopped_has_what_it_has_and_says_that_it_is_a_part() {
    let Demo { account, regions, prices, planted, .. } = demo(500, 4);
    let account = Arc::new(account);
    let stopped = scanner(&account, &prices).scan(&regions, now(), std::future::ready(())).await;
    let report = Report::of(&stopped, &excluding());
    assert!(report.partial && report.findings.is_empty());
    assert!(report.not_analysed.iter().all(|one| one.why == Why::Interrupted));
    // Nothing that a whole report had is called gone.
    let whole = Report::of(&scan(&account, &regions, &prices).await, &excluding());
    let changes = report.compared_with(&whole).unwrap().changes.unwrap();
    assert!(changes.gone.is_empty());
    assert_eq!(changes.not_looked_at.len(), planted.len());
}

/// Cloud metrics of which some can't be read: those by the hour, or those of one subject.
struct Failing {
    account: Arc<MemoryAccount>,
    is_lost: fn(&Measure) -> bool,
}

#[async_trait::async_trait]
impl UsageSource for Failing {
    async fn statistics(
        &self,
        region: &Region,
        measures: &[Measure],
        window: Window,
    ) -> Result<Vec<Series>, Error> {
        let mut all = self.account.statistics(region, measures, window).await?;
        for (series, measure) in all.iter_mut().zip(measures) {
            if (self.is_lost)(measure) {
                let why = format!("{:?} of {}: InternalError", measure.metric, measure.subject);
                *series = Series::unread(window, measure.period, why);
            }
        }
        Ok(all)
    }
}

#[tokio::test]
async fn a_metric_that_fails_is_named_to_the_areas_that_asked_for_it_and_to_no_other() {
    let Demo { account, regions, prices, planted, .. } = demo(1000, 4);
    let account = Arc::new(account);
    let of_cpu: fn(&Measure) -> bool = |measure| measure.metric == Metric::InstanceCpu;
    let by_the_hour: fn(&Measure) -> bool = |measure| measure.period == Period::Hour;
    let of_volumes: fn(&Measure) -> bool = |measure| measure.metric == Metric::VolumeReads;
    for (is_lost, volumes) in [(of_cpu, true), (by_the_hour, true), (of_volumes, false)] {
        let usage = Arc::new(Failing { account: account.clone(), is_lost });
        let scanner = Scanner::new(account.clone(), usage, prices.clone());
        let scanner = scanner.with_spend(account.clone());
        let scan = scanner.scan(&regions, now(), std::future::pending()).await;
        let lost: BTreeSet<_> = scan.not_analysed.iter().map(|one| one.area.as_str()).collect();
        let mut asked = BTreeSet::new();
        for analyzer in petswipe_cost::analyzer::all() {
            let mut asks = false;
            analyzer.questions(&scan.inventory, &Thresholds::default(), &mut |question| {
                asks |= is_lost(&question.measure);
            });
            asked.extend(asks.then(|| analyzer.area().to_string()));
        }
        assert!(!asked.is_empty());
        assert_eq!(lost, asked.iter().map(String::as_str).collect());
        for one in &scan.not_analysed {
            assert_eq!((one.why, &one.action), (Why::Failed, &None));
            assert!(one.message.contains("InternalError"), "{}", one.message);
        }
        let report = Report::of(&scan, &excluding());
        let found = ids(&report);
        assert!(report.partial && found.is_subset(&planted));
        // That nothing is known of a volume is no sign that it is attached to nothing for long.
        assert_eq!(found.iter().any(|id| id.starts_with("ebs-unused:")), volumes);
    }
}
