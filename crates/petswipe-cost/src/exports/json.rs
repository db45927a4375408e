//! A function for SQL: the text of a member of a JSON object, which is how CSV exports write tags.

use std::sync::Arc;

use datafusion::arrow::array::{Array, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `json_text(object, key)`: NULL where the object is no JSON object, or the key is not in it.
pub(super) fn json_text() -> ScalarUDF {
    let strings = vec![DataType::Utf8, DataType::Utf8];
    ScalarUDF::new_from_impl(JsonText {
        signature: Signature::exact(strings, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonText {
    signature: Signature,
}

impl ScalarUDFImpl for JsonText {
    fn name(&self) -> &str {
        "json_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [objects, ColumnarValue::Scalar(ScalarValue::Utf8(Some(key)))] = &args.args[..] else {
            return exec_err!("json_text takes a column and a key");
        };
        let objects = objects.to_array(args.number_rows)?;
        let objects = as_string_array(&objects)?;
        let mut texts = StringBuilder::with_capacity(objects.len(), objects.len() * 8);
        for object in objects {
            texts.append_option(object.and_then(|object| member(object, key)));
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}

/// Only strings and numbers have a text.
fn member(object: &str, key: &str) -> Option<String> {
    // Most lines of a bill have no tags, and parsing is what takes the time.
    if !object.contains(key) {
        return None;
    }
    let mut members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(object).ok()?;
    match members.remove(key)? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn only_texts_and_numbers_of_objects_are_tags() {
        let found = |object| member(object, "team");
        assert_eq!(found(r#"{"team":"shop","a":{"team":"no"}}"#), Some("shop".into()));
        assert_eq!(found(r#"{"team":7}"#), Some("7".into()));
        for none in ["", "{}", r#"{"team":null}"#, r#"["team"]"#, r#"{"team":"#, r#"{"a":"team"}"#]
        {
            assert_eq!(found(none), None, "{none}");
        }
    }
}
