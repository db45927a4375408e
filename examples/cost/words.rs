//! Others' words: names, tags, reasons and answers may have anything in them. Before they are shown to people, what a terminal or a
//! page would obey is taken out of them, here and nowhere else. JSON needs none of that: it has escapes of its own.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Exit;

/// What stands for a character that is not shown.
const INSTEAD: char = '\u{fffd}';

/// The same with plain words in every text of it.
pub(super) fn cleaned<T: Serialize + DeserializeOwned>(all: &T) -> Result<T, Exit> {
    let mut value = serde_json::to_value(all).map_err(Exit::usage)?;
    clean(&mut value);
    serde_json::from_value(value).map_err(Exit::usage)
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(plain) = plain(text) {
                *text = plain;
            }
        }
        Value::Array(all) => all.iter_mut().for_each(clean),
        Value::Object(all) => {
            all.values_mut().for_each(clean);
            let strange: Vec<_> =
                all.keys().filter(|key| key.chars().any(is_strange)).cloned().collect();
            for key in strange {
                if let Some(value) = all.remove(&key) {
                    all.insert(plain(&key).into_owned(), value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text of one line, in which nothing but what is seen has an effect.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_strange) {
        return Cow::Borrowed(text);
    }
    let seen = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        c if is_strange(c) => INSTEAD,
        c => c,
    };
    Cow::Owned(text.chars().map(seen).collect())
}

/// The same of a text of our own with others' words in it, whose lines stay.
pub(super) fn lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// Control characters, such as those that begin the commands of a terminal, and what turns the direction of writing or is not seen.
/// Source: "Unicode Bidirectional Algorithm" (UAX 9), explicit formatting characters.
fn is_strange(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\u{9b}1m"), "a\u{fffd}[31mb\u{fffd}\u{fffd}1m");
        assert_eq!(plain("a\nb\r\tc\u{2028}d"), "a b  c d");
        assert_eq!(plain("shop\u{202e}gpj.exe"), "shop\u{fffd}gpj.exe");
        let fine = "Größe ≤ 5 %, 日本 🙂";
        assert!(matches!(plain(fine), Cow::Borrowed(text) if text == fine));
        assert_eq!(lines("one\u{1b}\ntwo"), "one\u{fffd}\ntwo");
    }

    #[test]
    fn it_is_so_of_every_text_however_deep() {
        let all = serde_json::json!({"a\u{1b}": [{"b": "x\u{1b}y"}, 1, null], "c": "fine"});
        let clean: Value = cleaned(&all).unwrap();
        assert_eq!(
            clean,
            serde_json::json!({"a\u{fffd}": [{"b": "x\u{fffd}y"}, 1, null], "c": "fine"})
        );
    }
}
