//! The same questions for those who have their export in S3 and ask Athena.

use super::columns::{Columns, Kind, Tags};
use super::query::{Dialect, Query, quoted};
use crate::Error;

/// How the files of an Athena table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stored {
    /// As Parquet: columns have types, and tags are a map.
    Parquet,
    /// As CSV, read by `OpenCSVSerde`: every column is a string, and tags are JSON.
    Csv,
}

/// The SQL that gives in Athena what [`Export::spend`](super::Export::spend) gives here: columns `day`, `service`, `tag`,
/// `currency` and `amount`, one row for each sum.
///
/// The table is named as `table`, `database.table` or `catalog.database.table`.
///
/// # Errors
/// [`Error::Invalid`] for a name that is not one of letters, digits and underscores (and hyphens in the catalog), or for one of
/// more than three parts.
///
/// ```
/// use petswipe_cost::exports::{Kind, Query, Stored, athena};
/// let sql = athena(&Query::monthly(), Kind::Focus, Stored::Parquet, "billing.focus")?;
/// assert!(sql.contains("FROM \"billing\".\"focus\""));
/// assert!(athena(&Query::daily(), Kind::Focus, Stored::Parquet, "focus; DROP TABLE x").is_err());
/// # Ok::<(), petswipe_cost::Error>(())
/// ```
pub fn athena(query: &Query, kind: Kind, stored: Stored, table: &str) -> Result<String, Error> {
    let parts: Vec<&str> = table.split('.').collect();
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == '-' && parts.len() == 3);
    let is_name = |part: &&str| !part.is_empty() && part.len() <= 255 && part.chars().all(fine);
    if parts.len() > 3 || !parts.iter().all(is_name) {
        let allowed =
            "table, database.table or catalog.database.table, of letters, digits and underscores";
        return Err(Error::invalid("table", table, allowed));
    }
    let tags = match stored {
        Stored::Parquet => Tags::Map,
        Stored::Csv => Tags::Json,
    };
    let table = parts.into_iter().map(quoted).collect::<Vec<_>>().join(".");
    query.sql(Dialect::Athena, &Columns::documented(kind, tags), &table)
}
