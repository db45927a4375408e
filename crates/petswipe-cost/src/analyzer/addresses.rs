//! Elastic IP addresses that nothing has.

use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, Scene, monthly};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::Address;
use crate::{Action, Kind, Resource};

/// Addresses that are associated with nothing.
#[derive(Clone, Copy, Debug)]
pub struct UnattachedAddresses;

impl Analyzer for UnattachedAddresses {
    fn area(&self) -> Area {
        Area::ADDRESSES
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Address]
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for address in &scene.inventory.addresses {
            tell(assess(scene, address).tagged(Some(&address.tags)));
        }
    }
}

fn assess(scene: &Scene<'_>, address: &Address) -> Assessment {
    let (area, resource) = (Area::ADDRESSES, address.reference());
    let ip = Evidence::new("address", &address.public_ip);
    if let Some(with) = &address.associated_with {
        return Assessment::busy(area, resource, format!("it is associated with {with}"))
            .because([ip]);
    }
    let saving = scene.saving(&address.region, |quotes| {
        let price = monthly(quotes.get("ipv4")?);
        // One that was brought along costs nothing. Source: "Amazon VPC pricing", public IPv4 addresses.
        Some((if address.pool.is_some() { Decimal::ZERO } else { price }, price))
    });
    let pool = address.pool.as_ref().map(|pool| {
        Evidence::new("pool", pool).against("it costs nothing if the account brought it along")
    });
    let release = aws(&address.region, "ec2 release-address", &[("--allocation-id", &address.id)]);
    let advice = Advice {
        confidence: Confidence::High,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::High,
            "the address is most likely lost for good; DNS records and others' firewalls may name it",
        ),
        remediation: Remediation {
            action: Some(Action::ReleaseAddress { allocation: address.id.clone() }),
            summary: "release the address".to_owned(),
            commands: vec![release],
            restarts: false,
            reversible: false,
        },
    };
    let reason = "it is associated with nothing";
    Assessment::flagged(area, resource, Verdict::Idle, reason, advice)
        .because(std::iter::once(ip).chain(pool))
}
