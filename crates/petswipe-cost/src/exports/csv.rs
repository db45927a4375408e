//! CSV exports as a stream for the engine: only the columns that are asked for, a few thousand lines at a time.
//!
//! The engine has a reader of its own. This one knows the line on which a number is wrong, reads gzip without further
//! packages, and makes decimal numbers of costs at once, without a float between.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use datafusion::arrow::array::{ArrayRef, Date32Builder, Decimal128Builder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use flate2::read::MultiGzDecoder;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::columns::Columns;
use super::engine::{BadInput, SCALE};
use super::query::Cost;

/// Lines handed over at a time.
const BATCH: usize = 8_192;
/// Batches that wait to be worked on.
const WAITING: usize = 2;

/// The header of a file.
pub(super) fn header(path: &Path) -> Result<Vec<String>, BadInput> {
    open(path).map(|(_, header)| header)
}

type Lines = Reader<Box<dyn Read + Send>>;

fn open(path: &Path) -> Result<(Lines, Vec<String>), BadInput> {
    let bad = |problem: String| BadInput::new(path, problem);
    let file = File::open(path).map_err(|cause| bad(format!("can't be read: {cause}")))?;
    let mut file = BufReader::with_capacity(1 << 17, file);
    let start = file.fill_buf().map_err(|cause| bad(format!("can't be read: {cause}")))?;
    let input: Box<dyn Read + Send> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(1 << 17, MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    let mut lines = ReaderBuilder::new().has_headers(false).from_reader(input);
    let mut header = ByteRecord::new();
    let has_header =
        lines.read_byte_record(&mut header).map_err(|cause| bad(format!("line 1: {cause}")))?;
    if !has_header {
        return Err(bad("is empty: it has no header".to_owned()));
    }
    let name =
        |name: &[u8]| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').to_owned();
    let header = header.iter().map(name).collect();
    Ok((lines, header))
}

/// Some files of an export, one after another.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    columns: Arc<Columns>,
    schema: SchemaRef,
}

impl Files {
    /// The files in so many streams that are read at the same time.
    pub(super) fn streams(
        paths: &[PathBuf],
        columns: &Columns,
        schema: &SchemaRef,
        parallel: usize,
    ) -> Vec<Arc<dyn PartitionStream>> {
        let columns = Arc::new(columns.clone());
        let streams = parallel.min(paths.len()).max(1);
        let stream = |first: usize| {
            let paths = paths.iter().skip(first).step_by(streams).cloned().collect();
            let (columns, schema) = (columns.clone(), schema.clone());
            Arc::new(Self { paths, columns, schema }) as Arc<dyn PartitionStream>
        };
        (0..streams).map(stream).collect()
    }
}

/// The columns that are read, with their types.
pub(super) fn schema(columns: &Columns, with_tags: bool, cost: Cost) -> SchemaRef {
    let is_wanted = |name: &&str| with_tags || columns.tag_column.as_deref() != Some(name);
    let wanted = columns.names(cost).filter(is_wanted);
    let field = |name: &str| {
        let kind = if columns.start == name {
            DataType::Date32
        } else if columns.is_cost(name) {
            DataType::Decimal128(38, SCALE)
        } else {
            DataType::Utf8
        };
        Field::new(name, kind, true)
    };
    Arc::new(Schema::new(wanted.map(field).collect::<Vec<_>>()))
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.paths).finish()
    }
}

impl PartitionStream for Files {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStream::builder(self.schema.clone(), WAITING);
        let sender = stream.tx();
        let (paths, columns, schema) =
            (self.paths.clone(), self.columns.clone(), self.schema.clone());
        stream.spawn_blocking(move || {
            for path in paths {
                let mut batches = Batches::open(&path, &columns, &schema)?;
                while let Some(batch) = batches.next()? {
                    // Nobody listens any more when the query was given up.
                    if sender.blocking_send(Ok(batch)).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        stream.build()
    }
}

/// One file, a batch at a time.
struct Batches<'a> {
    path: &'a Path,
    lines: Lines,
    schema: &'a SchemaRef,
    /// Where in a line each column of the schema is; `None` if this file has none of that name.
    places: Vec<Option<usize>>,
    record: ByteRecord,
}

impl<'a> Batches<'a> {
    fn open(path: &'a Path, columns: &Columns, schema: &'a SchemaRef) -> Result<Self, BadInput> {
        let (lines, header) = open(path)?;
        let place = |wanted: &str| header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        let required = [
            &columns.start,
            &columns.billed,
            &columns.service,
            &columns.currency,
            &columns.category,
        ];
        if let Some(missing) = required.into_iter().find(|name| place(name).is_none()) {
            let problem = format!("has no column {missing}, as other files of the export have");
            return Err(BadInput::new(path, problem));
        }
        let places = schema.fields().iter().map(|field| place(field.name())).collect();
        Ok(Self { path, lines, schema, places, record: ByteRecord::new() })
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut builders: Vec<Builder> =
            self.schema.fields().iter().map(|field| Builder::new(field.data_type())).collect();
        let mut count = 0;
        while count < BATCH {
            let has_line = self.lines.read_byte_record(&mut self.record).map_err(|cause| {
                let line = self.lines.position().line();
                BadInput::new(self.path, format!("line {line}: {cause}"))
            })?;
            if !has_line {
                break;
            }
            for ((builder, place), field) in
                builders.iter_mut().zip(&self.places).zip(self.schema.fields())
            {
                let bytes = place.and_then(|place| self.record.get(place)).unwrap_or_default();
                let text = std::str::from_utf8(bytes).ok();
                if text.and_then(|text| builder.append(text.trim())).is_none() {
                    let line = self.record.position().map_or(0, csv::Position::line);
                    let value = String::from_utf8_lossy(bytes);
                    let problem =
                        format!("line {line}: {} is `{value}`, {}", field.name(), builder.wanted());
                    return Err(BadInput::new(self.path, problem).into());
                }
            }
            count += 1;
        }
        if count == 0 {
            return Ok(None);
        }
        let columns = builders.into_iter().map(Builder::finish).collect::<Result<Vec<_>>>()?;
        Ok(Some(RecordBatch::try_new(self.schema.clone(), columns)?))
    }
}

enum Builder {
    Day(Date32Builder),
    Cost(Decimal128Builder),
    Text(StringBuilder),
}

impl Builder {
    fn new(kind: &DataType) -> Self {
        match kind {
            DataType::Date32 => Self::Day(Date32Builder::with_capacity(BATCH)),
            DataType::Decimal128(..) => Self::Cost(Decimal128Builder::with_capacity(BATCH)),
            _ => Self::Text(StringBuilder::with_capacity(BATCH, BATCH * 16)),
        }
    }

    /// `None` if the text is not what is wanted. Nothing at all is NULL, but for a day, which every charge has.
    fn append(&mut self, text: &str) -> Option<()> {
        match self {
            Self::Day(days) => days.append_value(day(text)?),
            Self::Cost(costs) if text.is_empty() => costs.append_null(),
            Self::Cost(costs) => costs.append_value(amount(text)?),
            Self::Text(texts) if text.is_empty() => texts.append_null(),
            Self::Text(texts) => texts.append_value(text),
        }
        Some(())
    }

    fn wanted(&self) -> &'static str {
        match self {
            Self::Day(_) => "and not a time such as 2026-11-01T00:00:00Z",
            Self::Cost(_) => "and not a number",
            Self::Text(_) => "and not text in UTF-8",
        }
    }

    fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Day(mut days) => Arc::new(days.finish()),
            Self::Cost(costs) => Arc::new(
                costs.with_precision_and_scale(38, SCALE).map_err(DataFusionError::from)?.finish(),
            ),
            Self::Text(mut texts) => Arc::new(texts.finish()),
        })
    }
}

/// Days from 1970 on to the day of a time, which is in UTC.
fn day(time: &str) -> Option<i32> {
    let day: Date = time.get(..10)?.parse().ok()?;
    Some((day - date(1970, 1, 1)).get_days())
}

/// A number in units of the last decimal.
fn amount(text: &str) -> Option<i128> {
    let is_scientific = text.contains(['e', 'E']);
    let parsed = if is_scientific { Decimal::from_scientific(text) } else { text.parse() };
    let mut amount = parsed.ok()?;
    amount.rescale(SCALE.unsigned_abs().into());
    (amount.scale() == u32::from(SCALE.unsigned_abs())).then(|| amount.mantissa())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_twelve_decimals() {
        assert_eq!(amount("1.5"), Some(1_500_000_000_000));
        assert_eq!(amount("-1E-12"), Some(-1));
        assert_eq!(amount("1.5e-7"), Some(150_000));
        assert_eq!(amount("0.0000000000004"), Some(0));
        assert_eq!(amount("80000000000000000"), None, "too much to be added up exactly");
        for wrong in ["abc", "1,5", "NaN", "$1", "1.2.3"] {
            assert_eq!(amount(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_is_read_from_any_time_in_utc() {
        assert_eq!(day("1970-01-02T23:59:59Z"), Some(1));
        assert_eq!(day("2026-11-28 10:00:00.000"), Some(20_785));
        assert_eq!(day("2026-13-01T00:00:00Z"), None);
        assert_eq!(day("today"), None);
    }
}
