//! A call of the control API, taken apart: what its path, its query and its body say.

use std::collections::HashMap;

use petswipe_deploy::{Environment, Error};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A call whose method and path are those of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// What stands in the places of `{…}` in the path.
    pub(super) captures: Vec<String>,
    pub(super) query: HashMap<String, String>,
    pub(super) body: Map<String, Value>,
}

impl Call {
    /// The first `{…}` of the path.
    pub(super) fn capture(&self) -> &str {
        self.captures.first().map_or("", String::as_str)
    }

    pub(super) fn environment(&self) -> Result<Environment, Error> {
        Environment::new(self.capture())
    }

    /// A field of the body; the error names it.
    pub(super) fn field<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let value = self.body.get(name).cloned().unwrap_or(Value::Null);
        let missing = value.is_null();
        let shown = if missing { "missing".to_owned() } else { shortened(&value.to_string()) };
        T::deserialize(value).map_err(|why| Error::invalid(name, shown, why.to_string()))
    }

    /// A field that may be left out.
    pub(super) fn field_or_default<T: DeserializeOwned + Default>(
        &self,
        name: &str,
    ) -> Result<T, Error> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(_) => self.field(name),
        }
    }

    /// The whole body as one thing.
    pub(super) fn whole<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(Value::Object(self.body.clone()))
            .map_err(|why| Error::invalid("body", "not as it should be", why.to_string()))
    }

    /// A part of the query that has to be there.
    pub(super) fn query(&self, name: &str) -> Result<&str, Error> {
        let found = self.query.get(name).map(String::as_str);
        found.ok_or_else(|| Error::invalid(name, "missing", "a value in the query"))
    }

    /// A time in the query.
    pub(super) fn time(&self, name: &str) -> Result<jiff::Timestamp, Error> {
        let text = self.query(name)?;
        text.parse().map_err(|_| Error::invalid(name, text, "a time such as 2026-11-23T03:10:38Z"))
    }
}

/// The body of a call: an object, or nothing.
pub(super) fn body(bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let bad = |why: String| Error::invalid("body", shortened(&String::from_utf8_lossy(bytes)), why);
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(bad("a JSON object".to_owned())),
        Err(why) => Err(bad(format!("JSON ({why})"))),
    }
}

pub(super) fn query(text: &str) -> HashMap<String, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((decode(name), decode(value)))
    };
    text.split('&').filter_map(pair).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `%41` as `A`. What is no such code stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The other way round, for one segment of a path or one value of a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_url() {
        for text in ["petswipe-production-blue", "petswipe:2", "a/b c+d%e&f=ü", "", "100%", "%zz%4"]
        {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(query("from=a%26b&to=&x")["from"], "a&b");
    }

    #[test]
    fn a_bad_body_is_refused_with_the_field() {
        let call = |text: &str| Call { body: body(text.as_bytes()).unwrap(), ..Call::default() };
        let refused = |text: &str| call(text).field::<u32>("desired").unwrap_err().to_string();
        assert!(refused("{}").starts_with("desired is missing; allowed: "));
        assert!(refused(r#"{"desired":"four"}"#).starts_with(r#"desired is "four"; allowed: "#));
        assert!(refused(r#"{"desired":-1}"#).contains("u32"));
        assert_eq!(call(r#"{"desired":4}"#).field::<u32>("desired").unwrap(), 4);
        for text in ["[]", "{", "4", "\u{0}"] {
            assert!(
                body(text.as_bytes()).unwrap_err().to_string().starts_with("body is "),
                "{text}"
            );
        }
    }
}
