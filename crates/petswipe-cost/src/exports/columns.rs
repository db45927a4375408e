//! Which columns an export has, and by that which kind it is.

use std::fmt;

use super::amortized::Amortized;
use super::query::Cost;
use crate::Error;

/// A schema of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// FOCUS 1.0 and later. Source: "FOCUS 1.0 with AWS columns" and "FOCUS 1.2 with AWS columns", AWS Data Exports.
    Focus,
    /// CUR 2.0. Source: "Cost and Usage Report (CUR) 2.0", AWS Data Exports table dictionary.
    Cur2,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Focus => "FOCUS 1.x",
            Self::Cur2 => "CUR 2.0",
        })
    }
}

impl Kind {
    /// The columns it can't do without: start, billed cost, service, currency, category.
    pub(super) fn required(self) -> [&'static str; 5] {
        match self {
            Self::Focus => [
                "ChargePeriodStart",
                "BilledCost",
                "ServiceName",
                "BillingCurrency",
                "ChargeCategory",
            ],
            Self::Cur2 => [
                "line_item_usage_start_date",
                "line_item_unblended_cost",
                "line_item_product_code",
                "line_item_currency_code",
                "line_item_line_item_type",
            ],
        }
    }

    pub(super) fn tag_column(self) -> &'static str {
        match self {
            Self::Focus => "Tags",
            Self::Cur2 => "resource_tags",
        }
    }

    /// Columns that are used if they are there: effective cost, class.
    fn optional(self) -> [Option<&'static str>; 2] {
        match self {
            Self::Focus => [Some("EffectiveCost"), Some("ChargeClass")],
            Self::Cur2 => [None, None],
        }
    }
}

/// How the tags of a charge are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// As a map, in Parquet.
    Map,
    /// As a JSON object in a string, in CSV.
    Json,
}

/// The names of the columns as this export has them. Glue writes them in small letters, so their case does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) kind: Kind,
    pub(super) start: String,
    pub(super) billed: String,
    pub(super) effective: Option<String>,
    pub(super) service: String,
    pub(super) currency: String,
    pub(super) category: String,
    pub(super) class: Option<String>,
    pub(super) tag_column: Option<String>,
    pub(super) tags: Tags,
    /// Of CUR 2.0, what its effective cost is worked out of.
    pub(super) amortized: Amortized,
}

impl Columns {
    /// All columns that the documentation of a kind names.
    pub(super) fn documented(kind: Kind, tags: Tags) -> Self {
        let own = |name: &str| Some(name.to_owned());
        let [start, billed, service, currency, category] = kind.required().map(str::to_owned);
        let [effective, class] = kind.optional().map(|name| name.and_then(own));
        let tag_column = own(kind.tag_column());
        Self {
            kind,
            start,
            billed,
            effective,
            service,
            currency,
            category,
            class,
            tag_column,
            tags,
            amortized: Amortized::find(own),
        }
    }

    /// Finds the columns in a header. With `wanted` it has to be of that kind; otherwise of any.
    pub(super) fn find(
        file: &str,
        names: &[&str],
        wanted: Option<Kind>,
        tags: Tags,
    ) -> Result<Self, Error> {
        let find = |wanted: &str| names.iter().find(|name| name.eq_ignore_ascii_case(wanted));
        let missing = |kind: Kind| kind.required().into_iter().filter(|name| find(name).is_none());
        let kinds = wanted.map_or_else(|| vec![Kind::Focus, Kind::Cur2], |kind| vec![kind]);
        if let Some(kind) = kinds.iter().copied().find(|kind| missing(*kind).next().is_none()) {
            let actual = |wanted: &str| find(wanted).map(|name| (*name).to_owned());
            let mut columns = Self::documented(kind, tags);
            for name in [
                &mut columns.start,
                &mut columns.billed,
                &mut columns.service,
                &mut columns.currency,
                &mut columns.category,
            ] {
                *name = actual(name).unwrap_or_default();
            }
            for name in [&mut columns.effective, &mut columns.class, &mut columns.tag_column] {
                *name = name.as_deref().and_then(actual);
            }
            columns.amortized = Amortized::find(actual);
            // CUR 2.0 may have the tags of resources in a column of their own, or in one with those of accounts and users.
            columns.tag_column = columns.tag_column.or_else(|| actual("tags"));
            return Ok(columns);
        }
        let lacks = |kind: &Kind| {
            format!("as {kind} it lacks {}", missing(*kind).collect::<Vec<_>>().join(", "))
        };
        let problem = kinds.iter().map(lacks).collect::<Vec<_>>().join("; ");
        Err(Error::Malformed { file: file.to_owned(), problem })
    }

    /// Those that are read for a cost.
    pub(super) fn names(&self, cost: Cost) -> impl Iterator<Item = &str> {
        let worked_out = self.kind == Kind::Cur2 && cost == Cost::Effective;
        let amortized = worked_out.then_some(&self.amortized).into_iter();
        [&self.start, &self.billed, &self.service, &self.currency, &self.category]
            .into_iter()
            .chain(&self.effective)
            .chain(&self.class)
            .chain(&self.tag_column)
            .map(String::as_str)
            .chain(amortized.flat_map(Amortized::names))
    }

    /// Those that are amounts of money.
    pub(super) fn is_cost(&self, name: &str) -> bool {
        let is_effective = self.effective.as_deref() == Some(name);
        self.billed == name || is_effective || self.amortized.is_cost(name)
    }
}
