//! Against the numbers published in Google's *The Site Reliability Workbook*, chapter 5, "Alerting on SLOs".

use super::{DAY, HOUR, MINUTE};
use crate::slo::{
    BurnRateAlert, DAYS_30, ErrorBudget, Events, Severity, Target, burn_rate, exhausted_after,
};

fn three_nines() -> Target {
    Target::new(0.999).unwrap()
}

/// Table 5-8, "Recommended parameters for an SLO-based alerting configuration", and the listing of the same section, which
/// has a fourth row.
#[test]
fn the_standard_alerts_are_those_recommended_with_the_budget_they_consume() {
    let rows: Vec<_> = BurnRateAlert::standard(DAYS_30)
        .unwrap()
        .iter()
        .map(|alert| {
            let spent = (alert.budget_spent(DAYS_30) * 1e9).round() / 1e9;
            (alert.severity(), alert.long(), alert.short(), alert.factor(), spent)
        })
        .collect();
    assert_eq!(
        rows,
        [
            (Severity::Page, HOUR, 5 * MINUTE, 14.4, 0.02),
            (Severity::Page, 6 * HOUR, 30 * MINUTE, 6.0, 0.05),
            (Severity::Ticket, DAY, 2 * HOUR, 3.0, 0.10),
            (Severity::Ticket, 3 * DAY, 6 * HOUR, 1.0, 0.10),
        ]
    );
}

/// Table 5-4, "Burn rates and time to complete budget exhaustion", for a budget of 0.1 %.
#[test]
fn a_budget_lasts_as_long_as_published() {
    for (rate, errors, bad, lasts) in [
        (1.0, 0.001, 1_u64, 30 * DAY),
        (2.0, 0.002, 2, 15 * DAY),
        (10.0, 0.01, 10, 3 * DAY),
        (1000.0, 1.0, 1000, 43 * MINUTE + MINUTE / 5),
    ] {
        let events = Events::new(1000, bad).unwrap();
        assert_eq!(events.error_rate(), errors);
        assert_eq!(burn_rate(three_nines(), events), rate);
        assert_eq!(exhausted_after(DAYS_30, rate), Some(lasts), "{rate}");
    }
    assert_eq!(exhausted_after(DAYS_30, 0.0), None);
}

/// "3: ... " and "2: Increased Alert Window": with 36 h and a burn rate of 1 (5 % of the budget), a complete outage is detected
/// after 2 minutes and 10 seconds. "4: Alert on Burn Rate": 5 % of the budget in one hour is a burn rate of 36.
#[test]
fn alerts_fire_as_soon_as_published() {
    let wide = BurnRateAlert::new(1.0, 36 * HOUR, 3 * HOUR, Severity::Page).unwrap();
    assert_eq!(wide.budget_spent(DAYS_30), 0.05);
    let seconds = |alert: BurnRateAlert, errors: f64| {
        alert.detected_after(three_nines(), errors).map(|time| time.as_secs_f64().round())
    };
    assert_eq!(seconds(wide, 1.0), Some(130.0));

    let fast = BurnRateAlert::on_share(0.05, DAYS_30, HOUR, Severity::Page).unwrap();
    assert_eq!(fast.factor(), 36.0);

    // The standard page for a complete outage, and at an error rate on its very threshold.
    let page = BurnRateAlert::standard(DAYS_30).unwrap()[0];
    assert_eq!(seconds(page, 1.0), Some(52.0));
    assert_eq!(seconds(page, 0.0144), None);
    assert_eq!(seconds(page, 0.0), None);
}

#[test]
fn for_another_period_time_is_stretched_and_the_share_of_the_budget_stays() {
    let standard = |days: u32| -> Vec<String> {
        let alerts = BurnRateAlert::standard(days * DAY).unwrap();
        for (alert, share) in alerts.iter().zip([0.02, 0.05, 0.10, 0.10]) {
            let spent = alert.budget_spent(days * DAY);
            assert!(spent >= share - 1e-9 && spent < share * 1.01, "{days}: {spent} of {share}");
        }
        alerts.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        standard(28),
        [
            "page at 14.4x over 56m and 5m",
            "page at 6x over 5h36m and 28m",
            "ticket at 3x over 22h24m and 1h52m",
            "ticket at 1x over 2d19h12m and 5h36m",
        ]
    );
    assert_eq!(
        standard(90),
        [
            "page at 14.4x over 3h and 15m",
            "page at 6x over 18h and 1h30m",
            "ticket at 3x over 3d and 6h",
            "ticket at 1x over 9d and 18h",
        ]
    );
    let too_short = BurnRateAlert::standard(DAY).unwrap_err().to_string();
    assert!(too_short.starts_with("period is 1d; allowed: at least 7d"), "{too_short}");
}

/// Chapter 2, "Implementing SLOs": of 3,663,253 requests in four weeks 97.123 % were good, with a target of 97 %, which
/// allows 109,897 bad ones.
#[test]
fn the_budget_of_chapter_two_is_as_published() {
    let events = Events::new(3_663_253, 105_388).unwrap();
    let budget = ErrorBudget::new(Target::new(0.97).unwrap(), events);
    assert_eq!(budget.allowed().floor(), 109_897.0);
    assert!(!budget.is_overspent());
    assert_eq!(((1.0 - events.error_rate()) * 1e5).round() / 1e3, 97.123);
}
