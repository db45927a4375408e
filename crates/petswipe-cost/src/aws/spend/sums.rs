//! Sums over days, of amounts that come as text.

use petswipe_aws::CallError;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::aws::pages::Asked;

/// A part of a whole, and an amount of money.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    part: Decimal,
    whole: Decimal,
    pub(super) money: Decimal,
}

impl Share {
    /// Adds a day. A mean of the days' percentages would give a day with nothing going on the weight of a busy one.
    pub(super) fn add(
        &mut self,
        asked: Asked<'_>,
        part: Option<&str>,
        whole: Option<&str>,
    ) -> Result<(), CallError> {
        self.part = sum(asked, self.part, part)?;
        self.whole = sum(asked, self.whole, whole)?;
        Ok(())
    }

    /// Adds money.
    pub(super) fn pay(&mut self, asked: Asked<'_>, money: Option<&str>) -> Result<(), CallError> {
        self.money = sum(asked, self.money, money)?;
        Ok(())
    }

    /// How much of the whole the part is, percent; `None` where there is no whole.
    pub(super) fn percent(&self) -> Option<f64> {
        let percent = (self.part * Decimal::ONE_HUNDRED).checked_div(self.whole)?;
        percent.to_f64().filter(|_| self.whole > Decimal::ZERO)
    }
}

fn sum(asked: Asked<'_>, sum: Decimal, text: Option<&str>) -> Result<Decimal, CallError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(sum) };
    let amount = text.parse().or_else(|_| Decimal::from_scientific(text));
    let total = amount.ok().and_then(|amount| sum.checked_add(amount));
    total.ok_or_else(|| asked.unusable(format!("it has the amount {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'static> = Asked { action: "ce:GetReservationCoverage", about: "" };

    #[test]
    fn days_weigh_as_much_as_they_are() {
        let mut share = Share::default();
        assert_eq!(share.percent(), None);
        share.add(ASKED, Some("90"), Some("100")).unwrap();
        share.add(ASKED, Some("0"), Some("0")).unwrap();
        share.add(ASKED, None, Some("8E+2")).unwrap();
        share.pay(ASKED, Some("0.1234567890123456")).unwrap();
        assert_eq!(share.percent(), Some(10.0));
        assert_eq!(share.money.to_string(), "0.1234567890123456");
        assert!(share.pay(ASKED, Some("much")).is_err());
    }
}
