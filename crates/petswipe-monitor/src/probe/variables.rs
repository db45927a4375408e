//! What stands for `{name}` in the steps of a check.

use std::collections::BTreeMap;
use std::fmt;

/// Values by their names. What is secret is sent, and never shown.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    secrets: Vec<String>,
}

impl Variables {
    /// Sets a variable that may be shown.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// Sets a variable that is replaced by `***` in everything that is reported.
    pub fn set_secret(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let value = value.into();
        // The empty text is in every text.
        if !value.is_empty() {
            self.secrets.push(value.clone());
            // The longest first, so that one that is a part of another leaves nothing of it.
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
        self.values.insert(name.into(), value);
    }

    /// Whether a variable is set.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The text with the values in place of the names.
    ///
    /// # Errors
    /// The first name that has no value.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, name, after)) = first(rest) {
            filled.push_str(before);
            filled.push_str(self.values.get(name).ok_or_else(|| name.to_owned())?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The text without the secrets that are in it.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// The names of the variables in a text.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, name, after) = first(rest)?;
        rest = after;
        Some(name)
    })
}

/// The first variable in a text, with what is before and behind it. Braces around anything else than a name are text, as
/// those of JSON are.
fn first(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let rest = &text[open + 1..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        if let Some(end) = end
            && rest[end..].starts_with('}')
            && rest.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            return Some((&text[..open], &rest[..end], &rest[end + 1..]));
        }
        from = open + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_other_braces_stay() {
        let text = r#"{"id": "{pet}", "a": {"b": {n_1}}, "x": {1}, "y": {}}{z"#;
        assert_eq!(names(text).collect::<Vec<_>>(), ["pet", "n_1"]);
        let mut variables = Variables::default();
        variables.set("pet", "7");
        assert_eq!(variables.fill(text), Err("n_1".to_owned()));
        variables.set("n_1", "{pet}");
        let filled = variables.fill(text).unwrap();
        assert_eq!(filled, r#"{"id": "7", "a": {"b": {pet}}, "x": {1}, "y": {}}{z"#);
    }

    #[test]
    fn secrets_are_shown_nowhere() {
        let mut variables = Variables::default();
        variables.set_secret("short", "abc");
        variables.set_secret("long", "abcdef");
        variables.set_secret("empty", "");
        assert_eq!(variables.redact("x abcdef abc y"), "x *** *** y");
        assert_eq!(format!("{variables:?}"), r#"{"empty", "long", "short"}"#);
        assert_eq!(variables.fill("{long}").unwrap(), "abcdef");
    }
}
