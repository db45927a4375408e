//! Log groups that keep everything for ever.

use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, GIB, Scene, decimal, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{LogClass, LogGroup};
use crate::{Action, Kind, Resource};

/// Log groups without a retention.
#[derive(Clone, Copy, Debug)]
pub struct LogRetention;

impl Analyzer for LogRetention {
    fn area(&self) -> Area {
        Area::LOGS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::LogGroup]
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for group in &scene.inventory.log_groups {
            tell(assess(scene, group).tagged(group.tags.as_ref()));
        }
    }
}

fn assess(scene: &Scene<'_>, group: &LogGroup) -> Assessment {
    let (area, resource) = (Area::LOGS, group.reference());
    let retention = scene.limits.logs.retention_days;
    let stored = group.stored_bytes as f64 / GIB;
    let Some(age) = scene.days_since(group.created_at) else {
        return Assessment::unknown(area, resource, "it was made in the future: a clock is wrong");
    };
    let facts = [
        Evidence::new(
            "retention",
            group.retention_days.map_or("never".to_owned(), |days| format!("{days} days")),
        ),
        Evidence::new("stored", format!("{} GiB", short(stored))),
        Evidence::new("age", format!("{age} days")).against(format!("more than {retention}")),
    ];
    if let Some(days) = group.retention_days {
        return Assessment::busy(area, resource, format!("it keeps events for {days} days"))
            .because(facts);
    }
    if group.class == LogClass::Delivery {
        return Assessment::busy(area, resource, "it only delivers, and keeps nothing")
            .because(facts);
    }
    if age <= i64::from(retention) {
        let reason = format!("it is {age} days old: nothing in it is older than {retention} days");
        return Assessment::busy(area, resource, reason).because(facts);
    }
    // How old what it holds is, only its streams can tell: from nothing to all of it may be older.
    let saving = scene.saving(&group.region, |quotes| {
        Some((Decimal::ZERO, quotes.get("logs:store")? * decimal(stored)?))
    });
    let days = retention.to_string();
    let set = aws(
        &group.region,
        "logs put-retention-policy",
        &[("--log-group-name", &group.name), ("--retention-in-days", &days)],
    );
    let advice = Advice {
        confidence: Confidence::High,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::High,
            "older events are gone for good; laws and audits may ask for them",
        ),
        remediation: Remediation {
            action: Some(Action::SetRetention { group: group.name.clone(), days: retention }),
            summary: format!("keep events for {retention} days"),
            commands: vec![set],
            restarts: false,
            reversible: false,
        },
    };
    let reason = "it keeps everything for ever";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}
