//! Bodies of RPC over CBOR.

use aws_smithy_cbor::Encoder;
use aws_smithy_types::DateTime;

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
