//! Costs out of the files that AWS exports: FOCUS 1.x and CUR 2.0, as Parquet or CSV, of any size.
//!
//! [`Export::open`] finds out what the files are, [`Export::spend`] adds up what a [`Query`] asks for. The engine is DataFusion:
//! it reads the files in pieces, keeps within a [memory limit](Limits), and writes to disk what goes beyond it. [`athena`] prints
//! the same SQL for those who keep their export in S3.
//!
//! **Amounts.** Exports write costs as floats. Each is rounded to twelve decimals before it is added up, and sums are decimal:
//! they come out the same in every order, and sums by service, day and tag come to the same total.
//!
//! **Days.** A charge belongs to the day of UTC on which it begins. What AWS charges for a whole month, such as tax and some
//! fees, is therefore on the first of it.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use petswipe_cost::exports::{Export, Format, Limits, Query};
//! # let dir = tempfile::tempdir().unwrap();
//! let file = dir.path().join("focus.csv");
//! std::fs::write(&file, "\
//! ChargePeriodStart,BilledCost,ServiceName,BillingCurrency,ChargeCategory,Tags
//! 2026-11-01T00:00:00Z,0.1,Amazon EC2,USD,Usage,\"{\"\"team\"\":\"\"shop\"\"}\"
//! 2026-11-01T01:00:00Z,0.2,Amazon EC2,USD,Usage,{}
//! 2026-11-02T00:00:00Z,1.5e-7,Amazon S3,USD,Usage,
//! ").unwrap();
//! let export = Export::open(&file, Format::Auto, Limits::default()).await?;
//! let spend = export.spend(&Query::daily().by_tag("team")?).await?;
//! assert_eq!(spend.total().to_string(), "0.30000015");
//! assert_eq!(spend.by_tag().of(&Some("shop")).to_string(), "0.1");
//! # Ok::<(), petswipe_cost::Error>(())
//! # }).unwrap();
//! ```

mod amortized;
mod athena;
mod columns;
mod csv;
mod engine;
mod export;
mod files;
mod json;
mod query;

pub use athena::{Stored, athena};
pub use columns::Kind;
pub use engine::Limits;
pub use export::{Export, Format};
pub use query::{Cost, Grain, Query, Without};
