//! Sizes of instance types and database classes.

use rust_decimal::Decimal;

use super::Scene;
use crate::{Quotes, Region, Saving};

/// From small to large. Sources: "Amazon EC2 instance types", "DB instance class types".
const SIZES: [&str; 19] = [
    "nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "3xlarge", "4xlarge",
    "6xlarge", "8xlarge", "9xlarge", "10xlarge", "12xlarge", "16xlarge", "18xlarge", "24xlarge",
    "32xlarge", "48xlarge",
];

/// The same family in every smaller size, the next smaller one first. Not every family has every size: which of them exist, the
/// prices tell.
pub(super) fn smaller(name: &str) -> impl Iterator<Item = String> + '_ {
    let (family, size) = name.rsplit_once('.').unwrap_or((name, ""));
    let index = SIZES.iter().position(|known| *known == size).unwrap_or_default();
    SIZES[..index].iter().rev().map(move |size| format!("{family}.{size}"))
}

/// What the next smaller size is.
pub(super) enum Next {
    /// One of which the price is known.
    Priced {
        /// Its name.
        name: String,
        /// What it saves.
        saving: Saving,
        /// How many times the present one is as large. Within a family the price goes with the number of vCPUs, so the ratio of
        /// prices is that of capacity; one that costs nothing tells nothing, and counts as half.
        ratio: f64,
    },
    /// Nobody knows, as these prices are missing.
    Unpriced(Vec<String>),
    /// There is none of its family.
    None,
}

/// Looks for it by `price`, which a month of a size costs.
pub(super) fn next(
    scene: &Scene<'_>,
    region: &Region,
    present: &str,
    price: impl Fn(&str, &mut Quotes<'_>) -> Option<Decimal>,
) -> Next {
    let mut target = None;
    let saving = scene.saving(region, |quotes| {
        let now = price(present, quotes)?;
        let known = |name: &String| price(name, &mut scene.prices.quotes(region)).is_some();
        let name = smaller(present).find(known)?;
        let then = price(&name, quotes)?;
        let ratio = now.checked_div(then).and_then(|ratio| ratio.try_into().ok());
        target = Some((name, ratio.unwrap_or(2.0)));
        Some((now - then, now - then))
    });
    match (target, saving) {
        (Some((name, ratio)), Ok(saving)) => Next::Priced { name, saving, ratio },
        (_, Err(missing)) if !missing.is_empty() => Next::Unpriced(missing),
        _ => Next::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_smaller_size_is_first() {
        let sizes: Vec<_> = smaller("m5.xlarge").collect();
        assert_eq!(sizes, ["m5.large", "m5.medium", "m5.small", "m5.micro", "m5.nano"]);
        assert_eq!(smaller("db.t3.small").next().unwrap(), "db.t3.micro");
        assert_eq!(smaller("t3.nano").count(), 0);
        assert_eq!(smaller("m5.metal").count(), 0);
        assert_eq!(smaller("db.serverless").count(), 0);
    }
}
