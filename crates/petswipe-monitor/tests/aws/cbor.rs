//! Bodies of RPC over CBOR.

use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::{Decoder, Encoder};
use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

/// A body as JSON, with times as seconds.
pub fn decode(body: &[u8]) -> Value {
    value(&mut Decoder::new(body))
}

fn value(decoder: &mut Decoder<'_>) -> Value {
    match decoder.datatype().unwrap() {
        Type::Map | Type::MapIndef => {
            let length = decoder.map().unwrap();
            let mut map = Map::new();
            while more(decoder, length, map.len()) {
                let key = decoder.string().unwrap();
                map.insert(key, value(decoder));
            }
            Value::Object(map)
        }
        Type::Array | Type::ArrayIndef => {
            let length = decoder.list().unwrap();
            let mut list = Vec::new();
            while more(decoder, length, list.len()) {
                list.push(value(decoder));
            }
            Value::Array(list)
        }
        Type::Tag => json!(decoder.timestamp().unwrap().secs()),
        Type::String | Type::StringIndef => json!(decoder.string().unwrap()),
        Type::Bool => json!(decoder.boolean().unwrap()),
        Type::F32 | Type::F64 => json!(decoder.double().unwrap()),
        _ => json!(decoder.long().unwrap()),
    }
}

fn more(decoder: &mut Decoder<'_>, length: Option<u64>, read: usize) -> bool {
    match length {
        Some(length) => (read as u64) < length,
        None if decoder.datatype().unwrap() == Type::Break => {
            decoder.skip().unwrap();
            false
        }
        None => true,
    }
}

/// What a page says about one query.
#[derive(Clone, Debug, Default)]
pub struct Part {
    pub id: String,
    pub points: Vec<(i64, f64)>,
    pub status: String,
    pub message: Option<String>,
}

/// The answer to GetMetricData.
pub fn metric_data(parts: &[Part], next: Option<&str>, message: Option<&str>) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.begin_map().str("MetricDataResults").array(parts.len());
    for part in parts {
        encoder.begin_map();
        encoder.str("Id").str(&part.id).str("Label").str(&part.id);
        encoder.str("StatusCode").str(&part.status);
        encoder.str("Timestamps").array(part.points.len());
        for (second, _) in &part.points {
            encoder.timestamp(&DateTime::from_secs(*second));
        }
        encoder.str("Values").array(part.points.len());
        for (_, value) in &part.points {
            encoder.double(*value);
        }
        messages(&mut encoder, part.message.as_deref());
        encoder.end();
    }
    messages(&mut encoder, message);
    if let Some(next) = next {
        encoder.str("NextToken").str(next);
    }
    encoder.end();
    encoder.into_writer()
}

fn messages(encoder: &mut Encoder, message: Option<&str>) {
    if let Some(message) = message {
        encoder.str("Messages").array(1).map(2);
        encoder.str("Code").str("Note").str("Value").str(message);
    }
}
