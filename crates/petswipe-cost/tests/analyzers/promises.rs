//! What holds for any resource and any usage.

use petswipe_cost::inventory::{Inventory, LoadBalancerKind, VolumeKind, VolumeState};
use petswipe_cost::{Area, Measure, Metric, Money, Series, Statistic, Thresholds, Usage, Verdict};
use proptest::prelude::*;

use crate::world::{Days, assess_by, balancer, database, instance, volume};

/// A list of days in which some are missing.
fn days(greatest: f64) -> impl Strategy<Value = Vec<f64>> {
    let day = prop_oneof![
        1 => Just(f64::NAN),
        4 => 0.0..greatest / 50.0,
        4 => 0.0..greatest,
        1 => Just(0.0),
    ];
    proptest::collection::vec(day, 1..35)
}

/// The same with more of everything, and with no day that becomes unknown.
fn more(usage: &Usage, factor: f64, plus: f64) -> Usage {
    let larger = |(measure, series): (&Measure, &Series)| {
        let values =
            series.periods().map(|value| value.map_or(f64::NAN, |value| value * factor + plus));
        (measure.clone(), Series::of(series.window(), series.period(), values))
    };
    usage.iter().map(larger).collect()
}

fn world() -> impl Strategy<Value = (Inventory, Usage)> {
    let cpu = || days(100.0);
    (cpu(), cpu(), days(9e9), cpu(), cpu(), days(120.0), days(5000.0), any::<bool>()).prop_map(
        |(mean, peak, net, db_mean, db_peak, connections, requests, targets)| {
            let subject = "app/web/0123456789abcdef";
            let hours: Vec<f64> = mean.iter().flat_map(|day| [*day; 24]).collect();
            let usage = Days::default()
                .of_instance(&mean, &peak, &net)
                .of_database(&db_mean, &db_peak, &connections)
                .hours("i-1", Metric::InstanceCpu, Statistic::Average, &hours)
                .hours("db-1", Metric::DatabaseCpu, Statistic::Average, &hours)
                .with("vol-1", Metric::VolumeReads, Statistic::Sum, &requests)
                .with("vol-1", Metric::VolumeWrites, Statistic::Sum, &requests)
                .with(subject, Metric::ApplicationRequests, Statistic::Sum, &requests)
                .with(subject, Metric::ApplicationBytes, Statistic::Sum, &net)
                .with(subject, Metric::ApplicationConnections, Statistic::Sum, &requests)
                .with(subject, Metric::ApplicationCapacity, Statistic::Maximum, &[0.1; 7]);
            let mut testing = instance("m5.xlarge");
            testing.tags.insert("Environment".to_owned(), "dev".to_owned());
            let inventory = Inventory {
                instances: vec![testing],
                databases: vec![database("db.m5.2xlarge")],
                volumes: vec![volume(VolumeKind::Gp3, 40, VolumeState::InUse)],
                load_balancers: vec![balancer(LoadBalancerKind::Application, targets.then_some(0))],
                ..Inventory::default()
            };
            (inventory, usage.0)
        },
    )
}

fn limits() -> Thresholds {
    let mut limits = Thresholds::default();
    limits.volumes.attached_idle_days = 7;
    limits
}

const AREAS: [Area; 5] =
    [Area::EC2, Area::RDS, Area::VOLUMES, Area::LOAD_BALANCERS, Area::SCHEDULES];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn more_usage_never_turns_what_was_not_flagged_into_something_idle(
        (inventory, usage) in world(),
        factor in 1.0..20.0_f64,
        plus in 0.0..30.0_f64,
    ) {
        let used_more = more(&usage, factor, plus);
        for area in AREAS {
            let before = assess_by(&area, &inventory, &usage, &limits());
            let after = assess_by(&area, &inventory, &used_more, &limits());
            for (before, after) in before.iter().zip(&after) {
                prop_assert_eq!(&before.resource, &after.resource);
                let turned = !before.verdict.is_flagged() && after.verdict == Verdict::Idle;
                prop_assert!(!turned, "{}: {:?} turned into {:?}", area, before, after);
            }
        }
    }

    #[test]
    fn no_data_is_never_idle((inventory, usage) in world(), silent in 0..8_usize) {
        let rest: Usage = usage
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != silent)
            .map(|(_, (measure, series))| (measure.clone(), series.clone()))
            .collect();
        for area in AREAS {
            let all = assess_by(&area, &inventory, &Usage::default(), &limits());
            prop_assert!(all.iter().all(|one| !one.verdict.is_flagged()), "{}: {:?}", area, all);
            // Taking one measure away makes nothing idle that was not: but for the requests of a load balancer, which has none of them
            // where nobody asks it.
            if area == Area::LOAD_BALANCERS {
                continue;
            }
            let whole = assess_by(&area, &inventory, &usage, &limits());
            let part = assess_by(&area, &inventory, &rest, &limits());
            for (whole, part) in whole.iter().zip(&part) {
                let turned = whole.verdict != Verdict::Idle && part.verdict == Verdict::Idle;
                prop_assert!(!turned, "{}: {:?} turned into {:?}", area, whole, part);
            }
        }
    }

    #[test]
    fn a_saving_is_never_negative_and_its_bounds_are_in_order((inventory, usage) in world()) {
        for area in AREAS {
            for one in assess_by(&area, &inventory, &usage, &limits()) {
                let Some(advice) = one.advice else { continue };
                let saving = advice.saving.unwrap();
                prop_assert!(Money::ZERO <= saving.low && saving.low <= saving.high, "{:?}", saving);
            }
        }
    }

    #[test]
    fn what_becomes_gp3_saves_something(size in 1..17_000_u32) {
        let volumes = vec![volume(VolumeKind::Gp2, size, VolumeState::InUse)];
        let inventory = Inventory { volumes, ..Inventory::default() };
        let said = assess_by(&Area::GP3, &inventory, &Usage::default(), &limits()).remove(0);
        // Where it would save nothing it is not flagged, so that nothing is bought for it.
        match said.advice {
            Some(advice) => prop_assert!(Money::ZERO < advice.saving.unwrap().low),
            None => prop_assert!((171..=250).contains(&size), "{}", said.reason),
        }
    }
}
