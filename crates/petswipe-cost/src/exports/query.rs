//! What is asked of an export, and the SQL that asks it: the same for the engine here and for Athena, but for their words.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::columns::{Columns, Kind, Tags};
use crate::Error;

/// Which cost of a charge is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cost {
    /// What is on the invoice: `BilledCost` of FOCUS, `line_item_unblended_cost` of CUR.
    #[default]
    Billed,
    /// With what was paid in advance spread over its term: `EffectiveCost` of FOCUS. CUR 2.0 has no such column; it is worked out
    /// by the type of each line, out of its columns about Savings Plans and reservations.
    Effective,
}

/// Which charges are left out. By default none is: the sums are those of the bill.
///
/// | | FOCUS: `ChargeCategory` | CUR: `line_item_line_item_type` |
/// |---|---|---|
/// | tax | `Tax` | `Tax` |
/// | credits | `Credit` | `Credit` |
/// | refunds | `Adjustment`, or a `ChargeClass` of `Correction` | `Refund` |
///
/// Discounts that have lines of their own in CUR, such as `EdpDiscount`, belong to the price and are never left out.
/// Sources: "Line item details", AWS Cost and Usage Reports; "Charge Category" and "Charge Class", FOCUS specification 1.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Taxes.
    pub tax: bool,
    /// Credits.
    pub credits: bool,
    /// Refunds and corrections of what was invoiced earlier.
    pub refunds: bool,
}

impl Without {
    /// Only what using and buying things costs: what a trend or a forecast should rest on.
    pub const ADJUSTMENTS: Self = Self { tax: true, credits: true, refunds: true };
}

/// By what costs are added up beside the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grain {
    /// By day of UTC. A charge belongs to the day on which it begins.
    #[default]
    Day,
    /// By month. The day of a line is the first of its month, and the days of the table are those of whole months.
    Month,
}

/// A question to an export: costs by service and day, say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub(super) grain: Grain,
    pub(super) tag: Option<String>,
    pub(super) cost: Cost,
    pub(super) without: Without,
    pub(super) days: Option<(Date, Date)>,
}

impl Query {
    /// Costs by service and day, all charges.
    pub fn daily() -> Self {
        Self::default()
    }

    /// Costs by service and month, all charges.
    pub fn monthly() -> Self {
        Self { grain: Grain::Month, ..Self::default() }
    }

    /// The same, also by the value of a tag key as the export writes it: `user_team` in the column `resource_tags` of CUR 2.0,
    /// `resourceTags/team` in its column `tags`, which is asked where there is no other, and `team` in FOCUS.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that is empty, longer than 256 characters, or has control characters, quotation marks or a
    /// backslash in it.
    pub fn by_tag(self, key: &str) -> Result<Self, Error> {
        let wrong = |c: char| c.is_control() || matches!(c, '\'' | '"' | '\\' | '`');
        if key.is_empty() || key.chars().count() > 256 || key.contains(wrong) {
            let allowed = "1 to 256 characters, none of them a quotation mark, a backslash or a control character";
            return Err(Error::invalid("tag key", key, allowed));
        }
        Ok(Self { tag: Some(key.to_owned()), ..self })
    }

    /// The same of another cost.
    #[must_use]
    pub fn of(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }

    /// The same without some charges.
    #[must_use]
    pub fn without(self, without: Without) -> Self {
        Self { without, ..self }
    }

    /// The same of the days from one up to another and without it.
    #[must_use]
    pub fn between(self, from: Date, to: Date) -> Self {
        Self { days: Some((from, to)), ..self }
    }

    /// The SQL for a table of these columns.
    pub(super) fn sql(
        &self,
        dialect: Dialect,
        columns: &Columns,
        table: &str,
    ) -> Result<String, Error> {
        let day = dialect.day(columns);
        let period = match self.grain {
            Grain::Day => day.clone(),
            Grain::Month => format!("CAST(date_trunc('month', {day}) AS DATE)"),
        };
        let tag = match &self.tag {
            Some(key) => format!("NULLIF({}, '')", dialect.tag(columns, key)?),
            None => "CAST(NULL AS VARCHAR)".to_owned(),
        };
        let amount = match (self.cost, &columns.effective) {
            (Cost::Billed, _) => dialect.amount(columns, &columns.billed),
            (Cost::Effective, Some(effective)) => dialect.amount(columns, effective),
            (Cost::Effective, None) if columns.kind == Kind::Cur2 => {
                columns.amortized.sql(dialect, columns)?
            }
            (Cost::Effective, None) => {
                let what = format!("the effective cost of a {} without it", columns.kind);
                return Err(Error::Unsupported { what });
            }
        };
        let mut sql = format!(
            "SELECT {period} AS day,\n       COALESCE({service}, '') AS service,\n       {tag} AS tag,\n       \
             {currency} AS currency,\n       SUM({amount}) AS amount\nFROM {table}\n",
            service = quoted(&columns.service),
            currency = quoted(&columns.currency),
        );
        for (index, condition) in self.conditions(columns, &day).iter().enumerate() {
            let word = if index == 0 { "WHERE" } else { "  AND" };
            let _ = writeln!(sql, "{word} {condition}");
        }
        sql.push_str("GROUP BY 1, 2, 3, 4");
        if dialect == Dialect::Athena {
            sql.push_str("\nORDER BY 1, 2, 3, 4");
        }
        Ok(sql)
    }

    fn conditions(&self, columns: &Columns, day: &str) -> Vec<String> {
        let category = quoted(&columns.category);
        let not = |value: &str| format!("COALESCE({category}, '') <> '{value}'");
        let mut conditions = Vec::new();
        if let Some((from, to)) = self.days {
            conditions.push(format!("{day} >= DATE '{from}'"));
            conditions.push(format!("{day} < DATE '{to}'"));
        }
        if self.without.tax {
            conditions.push(not("Tax"));
        }
        if self.without.credits {
            conditions.push(not("Credit"));
        }
        if self.without.refunds {
            match columns.kind {
                Kind::Focus => conditions.push(not("Adjustment")),
                Kind::Cur2 => conditions.push(not("Refund")),
            }
            if let Some(class) = &columns.class {
                conditions.push(format!("COALESCE({}, '') <> 'Correction'", quoted(class)));
            }
        }
        conditions
    }
}

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The engine here.
    DataFusion,
    /// Trino, as Athena speaks it. Source: "Functions in Amazon Athena" and "Map functions", Trino documentation.
    Athena,
}

impl Dialect {
    /// The day on which a charge begins. Athena reads the columns of CSV files as strings; here they are read as what they are.
    fn day(self, columns: &Columns) -> String {
        let start = quoted(&columns.start);
        if self == Self::Athena && columns.tags == Tags::Json {
            return format!("CAST(from_iso8601_timestamp({start}) AS DATE)");
        }
        format!("CAST({start} AS DATE)")
    }

    /// A cost as a decimal number: floats would add up to something else in every order.
    pub(super) fn amount(self, columns: &Columns, cost: &str) -> String {
        let cost = quoted(cost);
        if self == Self::Athena && columns.tags == Tags::Json {
            return format!("CAST(CAST(NULLIF({cost}, '') AS DOUBLE) AS DECIMAL(38, 12))");
        }
        format!("CAST({cost} AS DECIMAL(38, 12))")
    }

    /// The value of a tag; NULL where there is none. In Trino a subscript fails for a key that is not in the map, and
    /// `element_at` does not.
    fn tag(self, columns: &Columns, key: &str) -> Result<String, Error> {
        let Some(column) = &columns.tag_column else {
            let needs = columns.kind.tag_column();
            return Err(Error::invalid(
                "tag key",
                key,
                format!("none, as the export has no column {needs}"),
            ));
        };
        let column = quoted(column);
        Ok(match (self, columns.tags) {
            (Self::DataFusion, Tags::Map) => format!("get_field({column}, '{key}')"),
            (Self::DataFusion, Tags::Json) => format!("json_text({column}, '{key}')"),
            (Self::Athena, Tags::Map) => format!("element_at({column}, '{key}')"),
            (Self::Athena, Tags::Json) => format!("json_extract_scalar({column}, '$[\"{key}\"]')"),
        })
    }
}

/// A name as SQL has it. Names come from files, so they may be anything.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
