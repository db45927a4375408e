//! What holds for every target and all counts.

use std::time::Duration;

use proptest::prelude::*;

use super::{MINUTE, at};
use crate::slo::{
    AlertState, BurnRateAlert, DAYS_30, ErrorBudget, Events, Objective, ObjectiveReport, Seen,
    Severity, Slo, SloStatus, Target, burn_rate,
};
use crate::{Errors, Observation, Subject, Window};

fn events() -> impl Strategy<Value = Events> {
    (0u64..1_000_000)
        .prop_flat_map(|total| (0..=total).prop_map(move |bad| Events::new(total, bad).unwrap()))
}

fn target() -> impl Strategy<Value = Target> {
    (0.0001f64..0.99999).prop_map(|share| Target::new(share).unwrap())
}

/// What was seen in windows of these lengths; `None` is not known.
fn seen(counts: &[(Duration, Option<Events>)]) -> Seen {
    let observation = |events: Events| Observation {
        requests: Some(events.total()),
        errors: Errors { client: None, server: Some(events.bad()), balancer: Some(0) },
        ..Observation::missing(Subject::environment("shop"), Window { from: at(0), to: at(1) })
    };
    counts.iter().filter_map(|(length, events)| Some((*length, observation((*events)?)))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_spent_and_what_is_left_make_up_what_is_allowed(target in target(), events in events()) {
        let budget = ErrorBudget::new(target, events);
        prop_assert!((budget.left() + budget.spent() as f64 - budget.allowed()).abs() < 1e-6);
        prop_assert!(budget.spent_share() >= 0.0 && budget.spent_share().is_finite());
        if budget.is_overspent() {
            prop_assert!(budget.left() < 0.0);
        }
        if budget.left() < -1e-3 {
            prop_assert!(budget.is_overspent());
        }
    }

    #[test]
    fn a_burn_rate_grows_with_the_bad_requests_and_with_the_target(
        events in events(), more in 1u64..1000, target in target(),
    ) {
        let worse = Events::new(events.total() + more, events.bad() + more).unwrap();
        prop_assert!(burn_rate(target, worse) >= burn_rate(target, events));
        let stricter = Target::new(target.share() + (0.999_999 - target.share()) / 2.0).unwrap();
        prop_assert!(burn_rate(stricter, events) >= burn_rate(target, events));
    }

    #[test]
    fn an_alert_fires_only_if_both_windows_are_known_and_burn(
        target in target(), long in prop::option::of(events()), short in prop::option::of(events()),
        factor in 0.01f64..100.0,
    ) {
        let alert = BurnRateAlert::new(factor, 60 * MINUTE, 5 * MINUTE, Severity::Page).unwrap();
        let objective = Objective::availability(target.share()).unwrap();
        let slo = Slo::new("a", "shop", [objective], DAYS_30).unwrap().with_alerts([alert]).unwrap();
        let seen = seen(&[(alert.long(), long), (alert.short(), short)]);
        let report = ObjectiveReport::new(&slo, objective, &seen);
        let above = |events: Option<Events>| events.map(|events| burn_rate(target, events) > factor);
        match report.alerts[0].state {
            AlertState::Firing => prop_assert_eq!((above(long), above(short)), (Some(true), Some(true))),
            AlertState::Quiet => {
                let near = |events: Option<Events>| {
                    events.is_some_and(|events| burn_rate(target, events) <= factor * (1.0 + 1e-8))
                };
                prop_assert!(near(long) || near(short));
            }
            AlertState::Unknown => prop_assert!(long.is_none() || short.is_none()),
        }
        // The period was not measured.
        prop_assert!(report.status() != SloStatus::Ok);
    }

    #[test]
    fn a_standard_alert_fires_when_its_share_of_the_budget_is_spent(days in 7u32..366) {
        let period = days * 24 * 60 * MINUTE;
        let alerts = BurnRateAlert::standard(period).unwrap();
        for (alert, share) in alerts.iter().zip([0.02, 0.05, 0.1, 0.1]) {
            // Windows are rounded up to whole minutes.
            let most = share + alert.factor() * 60.0 / period.as_secs_f64();
            let spent = alert.budget_spent(period);
            prop_assert!(spent > share - 1e-9 && spent <= most, "{} of {}", spent, share);
            prop_assert!(alert.short() * 12 >= alert.long() - MINUTE);
            prop_assert!(alert.long() <= period);
        }
    }

    #[test]
    fn an_slo_survives_json(share in 0.001f64..0.999, millis in 1u64..10_000, days in 7u32..366) {
        let promises = [
            Objective::availability(share).unwrap(),
            Objective::latency(share, Duration::from_millis(millis)).unwrap(),
        ];
        let slo = Slo::new("a", "b", promises, days * 24 * 60 * MINUTE).unwrap();
        let written = serde_json::to_string(&slo).unwrap();
        prop_assert_eq!(serde_json::from_str::<Slo>(&written).unwrap(), slo);
    }
}
