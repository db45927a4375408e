//! A map of YAML from which fields are taken; what is left over in the end is refused.

use serde_json::{Map, Value};

use crate::Error;

/// The fields of a map that were not taken yet.
pub(super) struct Fields {
    path: String,
    /// Whose: ` of the SLO checkout`.
    whose: String,
    map: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(path: &str, whose: &str, value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(map) => Ok(Self { path: path.to_owned(), whose: whose.to_owned(), map }),
            other => Err(Error::invalid(format!("{path}{whose}"), short(&other), "a map")),
        }
    }

    fn field(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => format!("{name}{}", self.whose),
            false => format!("{}.{name}{}", self.path, self.whose),
        }
    }

    /// An error about a field.
    pub(super) fn wrong(&self, name: &str, value: impl ToString, allowed: &str) -> Error {
        Error::invalid(self.field(name), value, allowed)
    }

    /// From now on errors say whose fields these are.
    pub(super) fn whose(&mut self, whose: String) {
        self.whose = whose;
    }

    /// A field; `null` is none.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn required(&mut self, name: &str, allowed: &str) -> Result<Value, Error> {
        self.take(name).ok_or_else(|| self.wrong(name, "missing", allowed))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, short(&other), "a text")),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "missing", "a text"))
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(name, short(&value), "a number")),
            },
        }
    }

    /// A map.
    pub(super) fn map(&mut self, name: &str) -> Result<Fields, Error> {
        let value = self.required(name, "a map")?;
        let path =
            if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Fields::new(&path, &self.whose, value)
    }

    /// The only item of a list, which is a map.
    pub(super) fn only_item(&mut self, name: &str, allowed: &str) -> Result<Fields, Error> {
        match self.required(name, allowed)? {
            Value::Array(mut items) if items.len() == 1 => {
                let path = format!("{}.{name}[0]", self.path);
                Fields::new(&path, &self.whose, items.remove(0))
            }
            Value::Array(items) => {
                Err(self.wrong(name, format!("a list of {}", items.len()), allowed))
            }
            other => Err(self.wrong(name, short(&other), allowed)),
        }
    }

    /// Whatever was not taken.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.map
    }

    /// Refuses what was not taken.
    pub(super) fn end(self) -> Result<(), Error> {
        match self.map.keys().next() {
            Some(name) => {
                Err(self.wrong(name, "there", "only fields of OpenSLO v1 that are known here"))
            }
            None => Ok(()),
        }
    }
}

/// A value in an error: not more of it than a line.
pub(super) fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
