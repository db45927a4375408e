//! Writes exports as AWS does.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Builder, MapBuilder, StringBuilder, TimestampMillisecondBuilder,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use jiff::Timestamp;
use petswipe_cost::exports::Kind;

/// A charge, as both schemas have one.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) start: &'static str,
    pub(crate) cost: f64,
    pub(crate) service: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) category: &'static str,
    pub(crate) team: Option<&'static str>,
}

pub(crate) fn charge(start: &'static str, service: &'static str, cost: f64) -> Charge {
    Charge { start, cost, service, currency: "USD", category: "Usage", team: None }
}

impl Charge {
    pub(crate) fn team(self, team: &'static str) -> Self {
        Self { team: Some(team), ..self }
    }

    pub(crate) fn category(self, category: &'static str) -> Self {
        Self { category, ..self }
    }
}

/// The columns in the order start, cost, service, currency, category, tags, and the key of the tag.
pub(crate) fn columns(kind: Kind) -> ([&'static str; 6], &'static str) {
    match kind {
        Kind::Cur2 => (
            [
                "line_item_usage_start_date",
                "line_item_unblended_cost",
                "line_item_product_code",
                "line_item_currency_code",
                "line_item_line_item_type",
                "resource_tags",
            ],
            "user_team",
        ),
        _ => (
            [
                "ChargePeriodStart",
                "BilledCost",
                "ServiceName",
                "BillingCurrency",
                "ChargeCategory",
                "Tags",
            ],
            "team",
        ),
    }
}

pub(crate) fn csv(kind: Kind, charges: &[Charge]) -> String {
    let (names, key) = columns(kind);
    let mut text = format!("other,{}\n", names.join(","));
    for charge in charges {
        let Charge { start, cost, service, currency, category, team } = charge;
        let tags = team.map_or("{}".to_owned(), |team| format!("{{\"\"{key}\"\":\"\"{team}\"\"}}"));
        text += &format!("\"a, b\",{start},{cost:?},{service},{currency},{category},\"{tags}\"\n");
    }
    text
}

pub(crate) fn write_csv(path: &Path, kind: Kind, charges: &[Charge]) {
    std::fs::write(path, csv(kind, charges)).unwrap();
}

pub(crate) fn write_gzip(path: &Path, kind: Kind, charges: &[Charge]) {
    let file = File::create(path).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    gzip.write_all(csv(kind, charges).as_bytes()).unwrap();
    gzip.finish().unwrap();
}

pub(crate) fn batch(kind: Kind, charges: &[Charge]) -> RecordBatch {
    let (names, key) = columns(kind);
    let mut starts = TimestampMillisecondBuilder::new();
    let mut costs = Float64Builder::new();
    let mut texts = [(); 3].map(|()| StringBuilder::new());
    let mut tags = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for charge in charges {
        starts.append_value(charge.start.parse::<Timestamp>().unwrap().as_millisecond());
        costs.append_value(charge.cost);
        for (text, value) in
            texts.iter_mut().zip([charge.service, charge.currency, charge.category])
        {
            text.append_value(value);
        }
        if let Some(team) = charge.team {
            tags.keys().append_value(key);
            tags.values().append_value(team);
        }
        tags.append(true).unwrap();
    }
    let [service, currency, category] = texts.map(|mut text| Arc::new(text.finish()) as ArrayRef);
    let columns: [ArrayRef; 6] = [
        Arc::new(starts.finish()),
        Arc::new(costs.finish()),
        service,
        currency,
        category,
        Arc::new(tags.finish()),
    ];
    RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap()
}

pub(crate) fn write_parquet(path: &Path, kind: Kind, charges: &[Charge], compression: Compression) {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let batch = batch(kind, charges);
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(crate) const ZSTD: fn() -> Compression = || Compression::ZSTD(ZstdLevel::default());
