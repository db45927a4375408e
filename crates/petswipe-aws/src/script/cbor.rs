//! Bodies of RPC over CBOR, as JSON.

use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::decode::DeserializeError;
use aws_smithy_cbor::{Decoder, Encoder};
use serde_json::{Map, Value, json};

/// Reads a body; times become seconds. `Null` when it is none.
pub(super) fn decode(body: &[u8]) -> Value {
    value(&mut Decoder::new(body)).unwrap_or_default()
}

fn value(decoder: &mut Decoder<'_>) -> Result<Value, DeserializeError> {
    Ok(match decoder.datatype()? {
        Type::Map | Type::MapIndef => {
            let length = decoder.map()?;
            let mut map = Map::new();
            while more(decoder, length, map.len())? {
                let key = decoder.string()?;
                map.insert(key, value(decoder)?);
            }
            Value::Object(map)
        }
        Type::Array | Type::ArrayIndef => {
            let length = decoder.list()?;
            let mut list = Vec::new();
            while more(decoder, length, list.len())? {
                list.push(value(decoder)?);
            }
            Value::Array(list)
        }
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Tag => json!(decoder.timestamp()?.secs()),
        Type::String | Type::StringIndef => json!(decoder.string()?),
        Type::Bool => json!(decoder.boolean()?),
        Type::F32 | Type::F64 => json!(decoder.double()?),
        _ => json!(decoder.long()?),
    })
}

fn more(
    decoder: &mut Decoder<'_>,
    length: Option<u64>,
    read: usize,
) -> Result<bool, DeserializeError> {
    match length {
        Some(length) => Ok((read as u64) < length),
        None if decoder.datatype()? == Type::Break => {
            decoder.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

/// Writes a body. Times are not told from numbers, so it is for answers without any.
pub(super) fn encode(body: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, body);
    encoder.into_writer()
}

fn write(encoder: &mut Encoder, body: &Value) {
    match body {
        Value::Null => {
            encoder.null();
        }
        Value::Bool(truth) => {
            encoder.boolean(*truth);
        }
        Value::Number(number) => {
            match number.as_i64() {
                Some(whole) => encoder.long(whole),
                None => encoder.double(number.as_f64().unwrap_or_default()),
            };
        }
        Value::String(text) => {
            encoder.str(text);
        }
        Value::Array(list) => {
            encoder.array(list.len());
            list.iter().for_each(|one| write(encoder, one));
        }
        Value::Object(map) => {
            encoder.map(map.len());
            for (key, value) in map {
                encoder.str(key);
                write(encoder, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let body =
            json!({"names": ["a", "b"], "count": 3, "share": 0.5, "there": true, "no": null});
        assert_eq!(decode(&encode(&body)), body);
        assert_eq!(decode(b"not cbor"), Value::Null);
    }
}
