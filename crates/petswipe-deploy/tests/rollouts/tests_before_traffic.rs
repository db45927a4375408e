//! The smoke test, through the test route and before any production traffic.

use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{CauseKind, Effect, Outcome, Percent, SmokePlan};
use petswipe_runbook::Event;

use crate::support::*;

#[test]
fn a_smoke_test_that_fails_turns_back_before_any_traffic() {
    for smoked in [canary(), blue_green()] {
        let mut plan = smoked;
        plan.smoke = blue_green().smoke;
        let shop = Shop::new();
        shop.break_version_2();
        let outcome = shop.run(plan);
        let Outcome::RolledBack { cause } = &outcome else { panic!("{outcome}") };
        assert_eq!(cause.kind, CauseKind::Smoke);
        assert_eq!(cause.text, "smoke test: 62 of 62 requests failed (answered 500)");
        assert_eq!(shop.shifts(), []);
        shop.assert_untouched();
    }
}

#[test]
fn a_smoke_test_takes_its_time_and_leaves_no_rule_behind() {
    let shop = Shop::new();
    shop.when(|shop, recorded, _| {
        if let Event::Intended { effect, .. } = &recorded.event {
            let test = shop.cloud.configuration().test;
            match effect {
                Effect::Probe { environment } => assert_eq!(test.as_ref(), Some(environment)),
                Effect::Shift { .. } => assert_eq!(test, None),
                _ => {}
            }
        }
    });
    let outcome = shop.run(blue_green());
    shop.assert_promoted(&outcome);
    let probes: Vec<_> = shop
        .history()
        .records
        .into_iter()
        .filter(|recorded| {
            matches!(&recorded.event, Event::Intended { effect: Effect::Probe { .. }, .. })
        })
        .map(|recorded| recorded.at)
        .collect();
    assert_eq!(probes.len(), 31);
    assert_eq!(probes[30].duration_since(probes[0]).as_secs(), 60);
}

#[test]
fn a_few_failed_requests_are_tolerated_and_one_more_is_not() {
    // Two requests every 2 s for 60 s are 62; the version is broken while 2 or 4 of them are sent.
    for (rounds, passes) in [(1, true), (2, false)] {
        let shop = Shop::new();
        shop.when(move |shop, recorded, _| {
            if let Event::Succeeded { output: petswipe_deploy::Output::Probed(_), .. } =
                &recorded.event
            {
                let before = shop.history().records;
                let probed = before.iter().filter(|recorded| {
                    matches!(&recorded.event, Event::Intended { effect: Effect::Probe { .. }, .. })
                });
                let good = probed.count() > rounds;
                let error_rate = if good { 0.0 } else { 1.0 };
                shop.version_2(Behaviour { error_rate, ..Behaviour::default() });
            }
        });
        let mut plan = blue_green();
        let tolerated_percent = Percent::new(5).unwrap();
        plan.smoke =
            Some(SmokePlan { duration: seconds(60), interval: seconds(2), tolerated_percent });
        let outcome = shop.run(plan);
        assert_eq!(matches!(outcome, Outcome::Promoted { .. }), passes, "{outcome}");
        if !passes {
            assert!(outcome.to_string().contains("smoke test: 4 of 62 requests failed"));
            shop.assert_untouched();
        }
    }
}
