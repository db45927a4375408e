//! The engine that adds up: DataFusion within a memory limit.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Array, Date32Array, Decimal128Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::StreamExt;
use jiff::Span;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::json::json_text;
use crate::{Error, Line};

/// Decimals to which every cost is rounded before it is added up: AWS bills down to 1e-10.
pub(super) const SCALE: i8 = 12;
/// The name of the export in SQL.
pub(super) const TABLE: &str = "export";

/// How much of this computer may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for what is added up. What goes beyond it is written to disk. The pieces of files that are being read
    /// come on top: some tens of MB.
    pub memory_bytes: usize,
    /// Where to write what does not fit; `None` is the directory for temporary files.
    pub spill: Option<PathBuf>,
    /// How many files, or parts of one, are read at the same time; at least 1.
    pub parallel: usize,
}

impl Default for Limits {
    /// 256 MiB, the directory for temporary files, and 4.
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, spill: None, parallel: 4 }
    }
}

/// What is wrong with a file. It travels through the engine's errors, which are shared.
#[derive(Clone, Debug)]
pub(super) struct BadInput {
    file: String,
    problem: String,
}

impl BadInput {
    pub(super) fn new(path: &Path, problem: String) -> Self {
        Self { file: path.display().to_string(), problem }
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

impl std::error::Error for BadInput {}

impl From<BadInput> for DataFusionError {
    fn from(bad: BadInput) -> Self {
        Self::External(Box::new(bad))
    }
}

impl From<BadInput> for Error {
    fn from(BadInput { file, problem }: BadInput) -> Self {
        Self::Malformed { file, problem }
    }
}

/// A session, and what it may use.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    limits: Limits,
    runtime: Arc<RuntimeEnv>,
}

impl Engine {
    pub(super) fn new(limits: Limits) -> Result<Self, Error> {
        let mut runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)));
        if let Some(dir) = &limits.spill {
            runtime = runtime.with_temp_file_path(dir);
        }
        let runtime = runtime
            .build_arc()
            .map_err(|cause| Error::backend("preparing to read an export", cause))?;
        Ok(Self { limits, runtime })
    }

    pub(super) fn parallel(&self) -> usize {
        self.limits.parallel.max(1)
    }

    pub(super) fn session(&self) -> SessionContext {
        let mut config = SessionConfig::new().with_target_partitions(self.parallel());
        // Maps are looked up by strings of the same kind as their keys.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        let session = SessionContext::new_with_config_rt(config, self.runtime.clone());
        session.register_udf(json_text());
        session
    }

    /// What a query finds in a table, row by row, with its currency.
    pub(super) async fn rows(
        &self,
        path: &Path,
        table: Arc<dyn TableProvider>,
        sql: &str,
        mut each: impl FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let session = self.session();
        let failed = |cause| self.error(path, cause);
        session.register_table(TABLE, table).map_err(failed)?;
        let found = session.sql(sql).await.map_err(failed)?;
        let mut batches = found.execute_stream().await.map_err(failed)?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(failed)?;
            for row in rows(&batch).map_err(failed)? {
                each(row.map_err(|problem| Error::from(BadInput::new(path, problem)))?)?;
            }
        }
        Ok(())
    }

    /// An error of the engine in the words of this crate.
    pub(super) fn error(&self, path: &Path, cause: DataFusionError) -> Error {
        match cause.find_root() {
            DataFusionError::External(inner) => {
                if let Some(bad) = inner.downcast_ref::<BadInput>() {
                    return bad.clone().into();
                }
            }
            DataFusionError::ResourcesExhausted(problem) => {
                let allowed = format!("more than this query needs at least: {problem}");
                return Error::invalid("memory limit in bytes", self.limits.memory_bytes, allowed);
            }
            DataFusionError::ParquetError(problem) => {
                return BadInput::new(path, format!("is damaged: {problem}")).into();
            }
            DataFusionError::ArrowError(problem, _) => {
                return BadInput::new(path, problem.to_string()).into();
            }
            _ => {}
        }
        Error::backend(format!("reading {}", path.display()), cause)
    }
}

/// A sum.
pub(super) struct Row {
    pub(super) line: Line,
    pub(super) currency: String,
}

/// The rows of a batch with the columns of [`Query::sql`](super::Query).
fn rows(
    batch: &RecordBatch,
) -> Result<impl Iterator<Item = Result<Row, String>> + use<>, DataFusionError> {
    let column = |index: usize, kind: &DataType| cast(batch.column(index), kind);
    let days = column(0, &DataType::Date32)?;
    let texts = [1, 2, 3].map(|index| column(index, &DataType::Utf8));
    let [services, tags, currencies] = texts;
    let (services, tags, currencies) = (services?, tags?, currencies?);
    let amounts = column(4, &DataType::Decimal128(38, SCALE))?;
    let text = |column: &Arc<dyn Array>| column.as_any().downcast_ref::<StringArray>().cloned();
    let (Some(days), Some(services), Some(tags), Some(currencies), Some(amounts)) = (
        days.as_any().downcast_ref::<Date32Array>().cloned(),
        text(&services),
        text(&tags),
        text(&currencies),
        amounts.as_any().downcast_ref::<Decimal128Array>().cloned(),
    ) else {
        return Err(DataFusionError::Internal("columns are not of the types asked for".to_owned()));
    };
    Ok((0..batch.num_rows()).map(move |row| {
        let day = (!days.is_null(row)).then(|| civil(days.value(row))).flatten();
        let day = day.ok_or("has a charge without a day on which it begins")?;
        let service = services.value(row).to_owned();
        let tag = (!tags.is_null(row)).then(|| tags.value(row).to_owned());
        // A sum over nothing but empty costs is NULL, and costs nothing.
        let amount = if amounts.is_null(row) { 0 } else { amounts.value(row) };
        let amount = decimal(amount).ok_or("has a sum too great to be exact")?;
        let currency = if currencies.is_null(row) { "" } else { currencies.value(row) }.to_owned();
        Ok(Row { line: Line { day, service, tag, amount }, currency })
    }))
}

fn civil(days: i32) -> Option<Date> {
    let span = Span::new().try_days(days).ok()?;
    date(1970, 1, 1).checked_add(span).ok()
}

fn decimal(mut units: i128) -> Option<Decimal> {
    let mut scale = u32::from(SCALE.unsigned_abs());
    while scale > 0 && units % 10 == 0 {
        (units, scale) = (units / 10, scale - 1);
    }
    Decimal::try_from_i128_with_scale(units, scale).ok()
}
