//! What the account spends: with weekends, a little growth, a monthly fee, and one jump.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

use super::tags;
use crate::inventory::Instance;
use crate::memory::MemorySpend;
use crate::{Anomaly, Currency, Money, Rightsizing, RightsizingAction};

/// How many days before today there are costs.
const DAYS: i64 = 120;

/// The service whose cost jumps, and so many days ago.
pub(super) const JUMP: (&str, i64) = ("AmazonCloudWatch", 9);

/// Fills in what each day before `now` cost.
pub(super) fn fill(spend: &MemorySpend, rng: &mut fastrand::Rng, now: Timestamp) {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let services = [
        ("AmazonEC2", 240.0),
        ("AmazonRDS", 130.0),
        ("AmazonS3", 48.0),
        ("AmazonCloudWatch", 22.0),
    ];
    let teams = ["web", "data", "platform", "mobile"];
    for ago in (1..=DAYS).rev() {
        let Ok(day) = today.checked_sub(ago.days()) else { continue };
        for (service, usual) in services {
            let weekend = day.weekday().to_monday_one_offset() > 5 && service == "AmazonEC2";
            let grown = 1.0 + 0.0015 * (DAYS - ago) as f64;
            let jumped = if service == JUMP.0 && ago <= JUMP.1 { 2.5 } else { 1.0 };
            let cost = usual * grown * jumped * if weekend { 0.7 } else { 1.0 };
            for team in teams {
                let part = cost / teams.len() as f64 * (0.97 + 0.06 * rng.f64());
                spend.charge(day, service, tags(&[("team", team)]), decimal(part));
            }
        }
        fee(spend, day);
    }
}

/// What the cloud says of it by itself: of the jump that it is an anomaly, and of two instances that do little that one should go and the
/// other be smaller.
pub(super) fn opinion(
    spend: &MemorySpend,
    account: &str,
    small: &[(Instance, Money)],
    now: Timestamp,
) {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    spend.report(Anomaly {
        id: "7d0f5b3e-demo".to_owned(),
        from: today.saturating_sub(JUMP.1.days()),
        to: None,
        service: Some(JUMP.0.to_owned()),
        region: None,
        usage_type: Some("CW:MetricMonitorUsage".to_owned()),
        impact: Money::rounded(Decimal::from(33 * JUMP.1)),
        currency: Currency::USD,
        score: 0.93,
    });
    let actions =
        [RightsizingAction::Terminate, RightsizingAction::Modify { to: "t3.micro".to_owned() }];
    for ((instance, cost), action) in small.iter().zip(actions) {
        spend.recommend(Rightsizing {
            instance: instance.id.clone(),
            account: account.to_owned(),
            region: Some(instance.region.clone()),
            present: instance.instance_type.clone(),
            action,
            // The account pays less than the list says.
            monthly_saving: Money::rounded(cost.amount() * Decimal::new(72, 2)),
            currency: Currency::USD,
        });
    }
}

/// Support is paid on the first of a month.
fn fee(spend: &MemorySpend, day: Date) {
    if day.day() == 1 {
        spend.charge(day, "AWSSupportBusiness", tags(&[]), decimal(400.0));
    }
}

fn decimal(amount: f64) -> Decimal {
    Decimal::from_f64(amount).unwrap_or_default().round_dp(6)
}
