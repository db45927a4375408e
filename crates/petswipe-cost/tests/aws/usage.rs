//! Metrics by day and by hour, in as few calls as there can be.

use petswipe_aws::script::Fault;
use petswipe_cost::aws::{AwsUsage, Metering};
use petswipe_cost::{
    Error, Measure, Metric, Region, Series, Statistic, UsageSource, Window, explain,
};

use crate::account::{CLOSED, HOME};
use crate::world::{NOW, World, at, home, region};

const BOTH: [Metering; 2] = [Metering::MetricData, Metering::MetricStatistics];
const DAY: i64 = 86_400;

pub fn reads(volume: &str) -> Measure {
    Measure::daily(&home(), volume, Metric::VolumeReads, Statistic::Sum)
}

fn week() -> Window {
    Window::days_before(at(NOW), 7)
}

/// Volumes with one read on the first day, two on the second and so on, but for a day without data.
fn world(volumes: usize) -> World {
    World::new(|account| {
        for number in 0..volumes {
            let name = format!("AWS/EBS VolumeReadOps VolumeId=vol-{number} Sum 86400");
            for day in [-1, 0, 1, 2, 4, 5, 6, 7] {
                let second = week().from.as_second() + day * DAY;
                account.cloudwatch.put(&name, second, (day + 1) as f64);
            }
        }
    })
}

async fn ask(
    world: &World,
    metering: Metering,
    measures: &[Measure],
) -> Result<Vec<Series>, Error> {
    AwsUsage::new(&world.wire.config(), metering).statistics(&home(), measures, week()).await
}

fn days(series: &Series) -> Vec<Option<f64>> {
    series.periods().collect()
}

#[tokio::test]
async fn a_day_without_data_is_a_gap_and_what_lies_outside_is_not_there() {
    for metering in BOTH {
        let world = world(1);
        let asked = [reads("vol-0"), reads("vol-gone"), reads("vol-0")];
        let answer = ask(&world, metering, &asked).await.unwrap();
        let known = vec![Some(1.0), Some(2.0), Some(3.0), None, Some(5.0), Some(6.0), Some(7.0)];
        assert_eq!(
            answer.iter().map(days).collect::<Vec<_>>(),
            [known.clone(), vec![None; 7], known]
        );
        assert_eq!(answer[1].window(), week());
        assert!(ask(&world, metering, &[]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn five_hundred_metrics_are_one_call() {
    let world = world(1001);
    let asked: Vec<_> = (0..1001).map(|number| reads(&format!("vol-{number}"))).collect();
    let answer = ask(&world, Metering::MetricData, &asked).await.unwrap();
    assert!(answer.iter().all(|series| series.known() == 6));
    assert_eq!(world.wire.operations(), ["GetMetricData"; 3]);
    world.wire.forget();
    ask(&world, Metering::MetricStatistics, &asked).await.unwrap();
    assert_eq!(world.wire.operations(), ["GetMetricStatistics"; 1001]);
}

#[tokio::test]
async fn pages_that_split_a_metric_add_up() {
    for (page, expiring) in [(1, false), (2, true), (5, false), (7, true)] {
        let world = world(3);
        world.wire.with(|account| {
            account.cloudwatch.page = Some(page);
            account.cloudwatch.expiring = expiring;
        });
        let asked = ["vol-2", "vol-0", "vol-1"].map(reads);
        let answer = ask(&world, Metering::MetricData, &asked).await.unwrap();
        assert!(answer.iter().all(|series| series.sum() == 24.0), "{page} a page");
        assert!(world.wire.calls().len() >= 18 / page, "{page} a page");
    }
}

#[tokio::test]
async fn days_are_not_asked_for_from_the_middle_of_a_day() {
    let world = world(1);
    let ragged = Window { from: at("2026-11-22T06:00:00Z"), to: at("2026-11-25T06:00:00Z") };
    let hourly = Measure::hourly(&home(), "vol-0", Metric::VolumeReads, Statistic::Sum);
    let usage = AwsUsage::new(&world.wire.config(), Metering::MetricData);
    let answer = usage.statistics(&home(), &[reads("vol-0"), hourly], ragged).await.unwrap();
    // Of 23 and 24 November the whole is within the window.
    assert_eq!(days(&answer[0]), [Some(3.0), None, None]);
    let mut begins: Vec<_> = world
        .wire
        .calls()
        .iter()
        .map(|call| call.cbor()["StartTime"].as_i64().unwrap() % DAY)
        .collect();
    begins.sort_unstable();
    assert_eq!(begins, [0, DAY / 4]);
}

#[tokio::test]
async fn a_metric_that_is_not_complete_is_named_and_spoils_no_other() {
    for status in ["PartialData", "InternalError", "Forbidden"] {
        let world = world(3);
        let said = ("vol-1".to_owned(), status.to_owned());
        world.wire.with(|account| account.cloudwatch.status = Some(said));
        let asked = ["vol-0", "vol-1", "vol-2"].map(reads);
        let answer = ask(&world, Metering::MetricData, &asked).await.unwrap();
        let known: Vec<_> = answer.iter().map(Series::known).collect();
        assert_eq!(known, [6, 0, 6], "{status}");
        assert_eq!(answer[1].len(), answer[0].len());
        let wanted = format!("cloudwatch:GetMetricData: VolumeReadOps of vol-1: {status}");
        let failures: Vec<_> = answer.iter().map(Series::failure).collect();
        assert_eq!(failures, [None, Some(wanted.as_str()), None]);
    }
}

#[tokio::test]
async fn a_call_that_failed_spoils_no_other_and_all_of_them_are_an_error() {
    for (metering, metrics, lost) in
        [(Metering::MetricData, 501, 1), (Metering::MetricStatistics, 3, 1)]
    {
        for fault in [Fault::Broken, Fault::Throttled(None), Fault::Refused] {
            let world = world(metrics);
            let asked: Vec<_> = (0..metrics).map(|n| reads(&format!("vol-{n:03}"))).collect();
            let mut calls = 0;
            world.wire.fate(move |_| {
                calls += 1;
                (calls == 2).then_some(fault)
            });
            let answer = ask(&world, metering, &asked).await.unwrap();
            let failed: Vec<_> = answer.iter().filter_map(Series::failure).collect();
            assert_eq!(failed.len(), lost, "{metering:?} {fault:?}");
            assert!(failed[0].starts_with("cloudwatch:GetMetric"), "{failed:?}");
            world.wire.fate(move |_| Some(fault));
            ask(&world, metering, &asked).await.unwrap_err();
        }
        // Whoever may not ask at all asks once.
        let world = world(metrics);
        let asked: Vec<_> = (0..metrics).map(|n| reads(&format!("vol-{n:03}"))).collect();
        let mut calls = 0;
        world.wire.fate(move |_| {
            calls += 1;
            (calls == 2).then_some(Fault::Denied)
        });
        assert!(ask(&world, metering, &asked).await.unwrap_err().missing_action().is_some());
    }
}

#[tokio::test]
async fn an_answer_without_its_end_is_an_error() {
    let of = async |change: fn(&mut crate::cloudwatch::CloudWatch)| {
        let world = world(3);
        world.wire.with(|account| change(&mut account.cloudwatch));
        let asked = [reads("vol-0"), reads("vol-1")];
        explain(&ask(&world, Metering::MetricData, &asked).await.unwrap_err())
    };
    let error = of(|one| one.message = Some("some metrics were left out".to_owned())).await;
    assert!(error.contains("some metrics were left out"), "{error}");
    let circles = of(|one| (one.page, one.circles) = (Some(2), true)).await;
    assert!(circles.contains("circles"), "{circles}");
}

#[tokio::test]
async fn statistics_of_one_metric_are_one_call_and_hours_are_cut_at_1440() {
    let hours = Window::days_before(at(NOW), 90);
    let measure = |statistic| Measure::hourly(&home(), "i-1", Metric::InstanceCpu, statistic);
    let world = World::new(|account| {
        for hour in 0..90 * 24 {
            let second = hours.from.as_second() + hour * 3600;
            for (statistic, value) in [("Average", 1.0), ("Maximum", 2.0)] {
                let name = format!("AWS/EC2 CPUUtilization InstanceId=i-1 {statistic} 3600");
                account.cloudwatch.put(&name, second, value);
            }
        }
    });
    let asked = [measure(Statistic::Average), measure(Statistic::Maximum)];
    for (metering, calls) in [(Metering::MetricData, 1), (Metering::MetricStatistics, 3)] {
        world.wire.forget();
        let usage = AwsUsage::new(&world.wire.config(), metering);
        let answer = usage.statistics(&home(), &asked, hours).await.unwrap();
        assert_eq!((answer[0].known(), answer[0].mean()), (2160, Some(1.0)), "{metering:?}");
        assert_eq!((answer[1].known(), answer[1].mean()), (2160, Some(2.0)), "{metering:?}");
        assert_eq!(world.wire.calls().len(), calls, "{metering:?}");
    }
}

#[tokio::test]
async fn a_window_without_a_whole_period_has_gaps_and_costs_no_call() {
    let world = world(1);
    let ragged = Window { from: at("2026-11-27T01:00:00Z"), to: at("2026-11-28T09:00:00Z") };
    for metering in BOTH {
        let usage = AwsUsage::new(&world.wire.config(), metering);
        let answer = usage.statistics(&home(), &[reads("vol-0")], ragged).await.unwrap();
        assert_eq!((answer[0].len(), answer[0].known(), answer[0].window()), (1, 0, ragged));
    }
    assert!(world.wire.calls().is_empty());
}

#[tokio::test]
async fn errors_say_what_can_be_done_about_them() {
    for (metering, action) in
        BOTH.into_iter().zip(["cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"])
    {
        let world = world(1);
        let usage = AwsUsage::new(&world.wire.config(), metering);
        let closed: Region = region(CLOSED);
        let error = usage.statistics(&closed, &[reads("vol-0")], week()).await.unwrap_err();
        assert!(matches!(error, Error::Disabled { .. }), "{error:?}");
        world.wire.fate(|_| Some(Fault::Denied));
        let error = ask(&world, metering, &[reads("vol-0")]).await.unwrap_err();
        assert_eq!(error.missing_action(), Some(action));
        world.wire.fate(|_| Some(Fault::Throttled(None)));
        let error = ask(&world, metering, &[reads("vol-0")]).await.unwrap_err();
        assert!(matches!(error, Error::Throttled { .. }), "{error:?}");
    }
    assert_eq!(home().as_str(), HOME);
}
