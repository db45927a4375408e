//! What differs between two definitions, member by member.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Definition;

/// One member that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where: `Threshold`, `widgets[2].properties.title`, `tag Project`.
    pub path: String,
    /// What is there; `None` if nothing is.
    pub before: Option<Value>,
    /// What shall be there; `None` if nothing shall.
    pub after: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| {
            value.as_ref().map_or("nothing".to_owned(), |value| {
                let text = value.to_string();
                let short: String = text.chars().take(100).collect();
                if short.len() < text.len() { format!("{short}…") } else { short }
            })
        };
        write!(f, "{}: {} -> {}", self.path, text(&self.before), text(&self.after))
    }
}

/// What has to change so that `held` is as `wanted` says. Tags that others put there are left alone.
pub(super) fn between(held: &Definition, wanted: &Definition) -> Vec<Difference> {
    let mut found = Vec::new();
    values("", Some(&held.body), Some(&wanted.body), &mut found);
    for (key, value) in &wanted.tags {
        let before = held.tags.get(key);
        if before != Some(value) {
            found.push(Difference {
                path: format!("tag {key}"),
                before: before.map(|value| Value::from(value.as_str())),
                after: Some(Value::from(value.as_str())),
            });
        }
    }
    found
}

fn values(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                values(&path, before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for index in 0..before.len().max(after.len()) {
                let path = format!("{path}[{index}]");
                values(&path, before.get(index), after.get(index), found);
            }
        }
        _ if same(before, after) => {}
        _ => found.push(Difference {
            path: if path.is_empty() { "body".to_owned() } else { path.to_owned() },
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

/// Whether two values are the same; 2 and 2.0 are, however a store writes them, and so are an empty list and none.
fn same(before: Option<&Value>, after: Option<&Value>) -> bool {
    match (before, after) {
        (Some(Value::Array(list)), None) | (None, Some(Value::Array(list))) => list.is_empty(),
        (Some(Value::Number(before)), Some(Value::Number(after))) => {
            before == after || before.as_f64() == after.as_f64()
        }
        (before, after) => before == after,
    }
}
