//! The effective cost of CUR 2.0, which has no column of its own: it is worked out of those about Savings Plans and reservations.
//!
//! Source: "Amortized cost" of the queries of the AWS Well-Architected Labs CUR Query Library, which are the cost of usage at
//! the rates of commitments, and of commitments what of them was not used; "Savings plan columns" and "Reservation columns",
//! AWS Data Exports.

use super::columns::Columns;
use super::query::{Dialect, quoted};
use crate::Error;

/// The names of the columns; the last one is a text, and the others are amounts.
const NAMES: [&str; 7] = [
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "reservation_reservation_a_r_n",
];

/// Those columns as an export has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Amortized([Option<String>; 7]);

impl Amortized {
    /// Each as `actual` finds it.
    pub(super) fn find(actual: impl Fn(&str) -> Option<String>) -> Self {
        Self(NAMES.map(actual))
    }

    /// Those that are there.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }

    pub(super) fn is_cost(&self, name: &str) -> bool {
        self.0[..6].iter().flatten().any(|known| known == name)
    }

    /// The effective cost of a line, by its type. What is not there costs nothing: a reservation without an upfront payment has an
    /// empty fee.
    pub(super) fn sql(&self, dialect: Dialect, columns: &Columns) -> Result<String, Error> {
        let [
            Some(plan),
            Some(committed),
            Some(used),
            Some(reserved),
            Some(upfront),
            Some(recurring),
            Some(arn),
        ] = &self.0
        else {
            let lacks = NAMES.iter().zip(&self.0).filter(|(_, known)| known.is_none());
            let lacks: Vec<_> = lacks.map(|(name, _)| *name).collect();
            let what = format!("the effective cost of a CUR 2.0 without {}", lacks.join(", "));
            return Err(Error::Unsupported { what });
        };
        let nothing = "CAST(0 AS DECIMAL(38, 12))";
        let amount = |name: &str| format!("COALESCE({}, {nothing})", dialect.amount(columns, name));
        let kind = quoted(&columns.category);
        let is = |value: &str| format!("{kind} = '{value}'");
        let cases = [
            (is("SavingsPlanCoveredUsage"), amount(plan)),
            (is("SavingsPlanRecurringFee"), format!("{} - {}", amount(committed), amount(used))),
            (is("SavingsPlanNegation"), nothing.to_owned()),
            (is("SavingsPlanUpfrontFee"), nothing.to_owned()),
            (is("DiscountedUsage"), amount(reserved)),
            (is("RIFee"), format!("{} + {}", amount(upfront), amount(recurring))),
            (format!("{} AND {} <> ''", is("Fee"), quoted(arn)), nothing.to_owned()),
        ];
        let mut sql = "CAST(CASE\n".to_owned();
        for (condition, cost) in cases {
            sql += &format!("         WHEN {condition} THEN {cost}\n");
        }
        sql +=
            &format!("         ELSE {}\n       END AS DECIMAL(38, 12))", amount(&columns.billed));
        Ok(sql)
    }
}
