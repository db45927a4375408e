//! Reservations and Savings Plans: too little covered, or too much bought.

use rust_decimal::Decimal;

use super::{Analyzer, Scene, decimal, percent};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::{Commitment, CommitmentKind, Kind, Money, Region, ResourceRef, Saving};

/// What the account's spend says of its commitments, one of each kind: `KIND/coverage` and `KIND/utilisation`.
#[derive(Clone, Copy, Debug)]
pub struct CommitmentCoverage;

impl Analyzer for CommitmentCoverage {
    fn area(&self) -> Area {
        Area::COMMITMENTS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[]
    }

    fn needs_commitments(&self) -> bool {
        true
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for commitment in scene.commitments.iter().flat_map(|all| &all.kinds) {
            tell(coverage(scene, commitment));
            tell(utilisation(scene, commitment));
        }
    }
}

fn about(commitment: &Commitment, what: &str) -> ResourceRef {
    let id = format!("{}/{what}", commitment.kind.name());
    ResourceRef { kind: Kind::Account, region: Region::global(), id }
}

/// An amount of the window, as one of a month of 730 hours; `None` for one that is beyond all sense.
fn in_a_month(scene: &Scene<'_>, amount: Money) -> Option<Decimal> {
    let hours = scene
        .commitments
        .map_or(1, |all| (all.window.to.as_second() - all.window.from.as_second()) / 3600);
    amount
        .amount()
        .checked_mul(Decimal::from(crate::HOURS_PER_MONTH))?
        .checked_div(Decimal::from(hours.max(1)))
}

/// From nothing up to that.
fn up_to(commitment: &Commitment, high: Option<Decimal>) -> Result<Saving, Vec<String>> {
    let high = Money::rounded(high.ok_or_else(Vec::new)?.max(Decimal::ZERO));
    Ok(Saving {
        low: Money::ZERO,
        high,
        currency: commitment.currency,
        priced_at: None,
        prices: Vec::new(),
    })
}

fn coverage(scene: &Scene<'_>, commitment: &Commitment) -> Assessment {
    let (area, resource) = (Area::COMMITMENTS, about(commitment, "coverage"));
    let limits = &scene.limits.commitments;
    let Some(covered) = commitment.coverage_percent else {
        return Assessment::unknown(area, resource, "how much is covered is not known");
    };
    let mut fact = Evidence::new("covered", percent(covered))
        .against(format!("at least {}", percent(limits.coverage_percent)));
    fact.window = scene.commitments.map(|all| all.window);
    let spend = Evidence::new(
        "on demand in that time",
        format!("{} {}", commitment.on_demand, commitment.currency),
    );
    if covered >= limits.coverage_percent {
        return Assessment::busy(area, resource, "enough is covered").because([fact, spend]);
    }
    // The discount depends on what is bought; AWS names the greatest. What other findings save need not be covered at all, and what
    // a Savings Plan covers needs no reservation: so no total has it.
    let discount = match commitment.kind {
        CommitmentKind::SavingsPlans => limits.discount_percent,
        CommitmentKind::Reservations => limits.reservation_discount_percent,
    };
    let share = decimal(discount / 100.0);
    let most = in_a_month(scene, commitment.on_demand)
        .zip(share)
        .and_then(|(amount, share)| amount.checked_mul(share));
    let advice = Advice {
        confidence: Confidence::Low,
        saving: up_to(commitment, most),
        part: Part::Rate,
        risk: Risk::new(
            RiskLevel::High,
            "it binds for one or three years, whatever is used; act on the other findings first",
        ),
        remediation: Remediation {
            action: None,
            summary: "ask Cost Explorer what to buy, once what is idle is gone".to_owned(),
            commands: vec![commitment.kind.recommendation().to_owned()],
            restarts: false,
            reversible: false,
        },
    };
    let reason = format!("only {} of what could be covered is", percent(covered));
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because([fact, spend])
}

fn utilisation(scene: &Scene<'_>, commitment: &Commitment) -> Assessment {
    let (area, resource) = (Area::COMMITMENTS, about(commitment, "utilisation"));
    let limits = &scene.limits.commitments;
    let Some(used) = commitment.utilisation_percent else {
        return Assessment::busy(
            area,
            resource,
            "nothing was bought, or how much of it is used is not known",
        );
    };
    let mut fact = Evidence::new("used", percent(used))
        .against(format!("at least {}", percent(limits.utilisation_percent)));
    fact.window = scene.commitments.map(|all| all.window);
    let lost = Evidence::new(
        "paid for and not used in that time",
        format!("{} {}", commitment.unused, commitment.currency),
    );
    if used >= limits.utilisation_percent {
        return Assessment::busy(area, resource, "enough of it is used").because([fact, lost]);
    }
    let advice = Advice {
        confidence: Confidence::Medium,
        saving: up_to(commitment, in_a_month(scene, commitment.unused)),
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Low,
            "it is paid until it ends; what runs can be moved to where it is covered",
        ),
        remediation: Remediation {
            action: None,
            summary: "share it in the organization, exchange or sell reservations, and buy no more"
                .to_owned(),
            commands: Vec::new(),
            restarts: false,
            reversible: true,
        },
    };
    let reason = format!("only {} of what was bought is used", percent(used));
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because([fact, lost])
}
