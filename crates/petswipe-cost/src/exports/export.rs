//! An export that was opened.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::prelude::ParquetReadOptions;

use super::columns::{Columns, Kind, Tags};
use super::csv::{self, Files};
use super::engine::{BadInput, Engine, Limits, TABLE};
use super::files::{self, Written};
use super::query::{Cost, Dialect, Grain, Query};
use crate::{Currency, Error, Line, Spend};

/// What files of an export are said to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Whatever their names and columns say.
    #[default]
    Auto,
    /// FOCUS as Parquet.
    FocusParquet,
    /// FOCUS as CSV, perhaps with gzip.
    FocusCsv,
    /// CUR 2.0 as Parquet.
    Cur2Parquet,
    /// CUR 2.0 as CSV, perhaps with gzip.
    Cur2Csv,
}

impl Format {
    fn kind(self) -> Option<Kind> {
        match self {
            Self::Auto => None,
            Self::FocusParquet | Self::FocusCsv => Some(Kind::Focus),
            Self::Cur2Parquet | Self::Cur2Csv => Some(Kind::Cur2),
        }
    }

    fn written(self) -> Option<Written> {
        match self {
            Self::Auto => None,
            Self::FocusParquet | Self::Cur2Parquet => Some(Written::Parquet),
            Self::FocusCsv | Self::Cur2Csv => Some(Written::Csv),
        }
    }
}

/// Files of one export: a month, or many.
#[derive(Clone, Debug)]
pub struct Export {
    path: PathBuf,
    files: Vec<PathBuf>,
    columns: Columns,
    /// Of Parquet; CSV is streamed anew for each query.
    parquet: Option<Arc<dyn TableProvider>>,
    engine: Engine,
}

impl Export {
    /// Opens a file, all files below a directory, or those that a `*` in the last part of the path stands for. Nothing but names
    /// and types of columns is read.
    ///
    /// Every file is counted. An export that is set to create new files instead of overwriting them has each month many times: name
    /// the directory of one delivery. Source: "Understanding export delivery", AWS Data Exports.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such file; [`Error::Malformed`] for a file that is cut off or empty, for columns that
    /// are missing, and for a directory with both Parquet and CSV; [`Error::Invalid`] for a file of another kind than `format`
    /// says; [`Error::Backend`] if something can't be read.
    pub async fn open(
        path: impl AsRef<Path>,
        format: Format,
        limits: Limits,
    ) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let engine = Engine::new(limits)?;
        let (written, files) = files::find(&path)?;
        if format.written().is_some_and(|wanted| wanted != written) {
            let allowed = format!("a format that fits {}", path.display());
            return Err(Error::invalid("format", format!("{format:?}"), allowed));
        }
        let name = path.display().to_string();
        let (columns, parquet) = match written {
            Written::Csv => {
                let header = files.first().map(|first| csv::header(first)).transpose()?;
                let header = header.unwrap_or_default();
                let names: Vec<&str> = header.iter().map(String::as_str).collect();
                (Columns::find(&name, &names, format.kind(), Tags::Json)?, None)
            }
            Written::Parquet => {
                let table = parquet(&engine, &path, &files).await?;
                let schema = table.schema();
                let names: Vec<&str> =
                    schema.fields().iter().map(|field| field.name().as_str()).collect();
                let mut columns = Columns::find(&name, &names, format.kind(), Tags::Map)?;
                let tags =
                    columns.tag_column.as_ref().and_then(|name| schema.field_with_name(name).ok());
                if tags.is_some_and(|tags| !matches!(tags.data_type(), DataType::Map(..))) {
                    columns.tags = Tags::Json;
                }
                (columns, Some(table))
            }
        };
        Ok(Self { path, files, columns, parquet, engine })
    }

    /// Which schema it has.
    pub fn kind(&self) -> Kind {
        self.columns.kind
    }

    /// Its files, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The SQL by which a query is answered here.
    ///
    /// # Errors
    /// As [`spend`](Self::spend) for a query that these columns can't answer.
    pub fn sql(&self, query: &Query) -> Result<String, Error> {
        query.sql(Dialect::DataFusion, &self.columns, TABLE)
    }

    /// Adds up what a query asks for, however large the files are. Only the sums have to fit into memory: one for each day, service
    /// and value of the tag.
    ///
    /// A charge without the tag asked for is untagged, and so is every charge if nothing has it.
    ///
    /// # Errors
    /// [`Error::Malformed`] names the file, and for CSV the line, of a number that is none, and both currencies where there are
    /// two; [`Error::NotFound`] if there is no charge at all; [`Error::Unsupported`] or [`Error::Invalid`] for a cost or a tag of
    /// which there is no column; [`Error::Invalid`] for a memory limit that is too low; [`Error::Backend`] for the rest.
    pub async fn spend(&self, query: &Query) -> Result<Spend, Error> {
        let sql = self.sql(query)?;
        let table = match &self.parquet {
            Some(table) => table.clone(),
            None => self.stream(query.tag.is_some(), query.cost)?,
        };
        let mut lines: Vec<Line> = Vec::new();
        let mut known: Option<String> = None;
        self.engine
            .rows(&self.path, table, &sql, |row| {
                match &known {
                    Some(known) if *known != row.currency => {
                        let (one, other) = (known.min(&row.currency), known.max(&row.currency));
                        let problem =
                            format!("has costs in {one} and in {other}, which can't be added up");
                        return Err(BadInput::new(&self.path, problem).into());
                    }
                    Some(_) => {}
                    None => known = Some(row.currency),
                }
                lines.push(row.line);
                Ok(())
            })
            .await?;
        let Some(currency) = known else {
            return Err(Error::NotFound {
                what: format!("any charge asked for in {}", self.path.display()),
            });
        };
        let currency: Currency = currency.parse()?;
        let mut spend = Spend::of(currency, lines);
        if query.grain == Grain::Month {
            let last = spend.to().yesterday().unwrap_or(spend.to()).last_of_month();
            let end = last.tomorrow().unwrap_or(last);
            spend = spend.widened(last.first_of_month(), end);
        }
        if let Some((from, to)) = query.days {
            spend = spend.widened(from, to);
        }
        Ok(spend.by_key(query.tag.as_deref()))
    }

    fn stream(&self, with_tags: bool, cost: Cost) -> Result<Arc<dyn TableProvider>, Error> {
        let schema = csv::schema(&self.columns, with_tags, cost);
        let streams = Files::streams(&self.files, &self.columns, &schema, self.engine.parallel());
        let table = StreamingTable::try_new(schema, streams);
        table
            .map(|table| Arc::new(table) as Arc<dyn TableProvider>)
            .map_err(|cause| self.engine.error(&self.path, cause))
    }
}

async fn parquet(
    engine: &Engine,
    path: &Path,
    files: &[PathBuf],
) -> Result<Arc<dyn TableProvider>, Error> {
    for file in files {
        is_whole(file)?;
    }
    let urls = files.iter().map(|file| url(file)).collect::<Result<Vec<_>, _>>()?;
    // Their names were looked at already.
    let options = ParquetReadOptions { file_extension: "", ..ParquetReadOptions::default() };
    let found = engine.session().read_parquet(urls, options).await;
    Ok(found.map_err(|cause| engine.error(path, cause))?.into_view())
}

/// Parquet files begin and end with the same four letters; one that was cut off does not.
fn is_whole(path: &Path) -> Result<(), Error> {
    let marks = || {
        let mut file = File::open(path)?;
        let (mut first, mut last) = ([0; 4], [0; 4]);
        if file.metadata()?.len() >= 12 {
            file.read_exact(&mut first)?;
            file.seek(SeekFrom::End(-4))?;
            file.read_exact(&mut last)?;
        }
        Ok([first, last])
    };
    let marks = marks().map_err(|cause| files::unreadable(path, cause))?;
    if marks.iter().any(|mark| mark != b"PAR1") {
        let problem = "is no whole Parquet file: it does not begin and end with PAR1".to_owned();
        return Err(BadInput::new(path, problem).into());
    }
    Ok(())
}

/// A path as a URL in which no character means anything else.
fn url(path: &Path) -> Result<String, Error> {
    let path = std::path::absolute(path).map_err(|cause| files::unreadable(path, cause))?;
    let Some(text) = path.to_str() else {
        return Err(Error::invalid("file", path.display(), "a name in UTF-8"));
    };
    let mut url = "file://".to_owned();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~=".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(url)
}
