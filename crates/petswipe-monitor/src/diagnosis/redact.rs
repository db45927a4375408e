//! Text that may be shown: without obvious secrets, and queries without their values.
//!
//! Where a secret may be is found in `redact/`: by its name (`names`, `line`), by its form (`forms`), and in SQL (`sql`).

use std::fmt;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

mod forms;
mod line;
mod names;
mod sql;

use forms::pattern;

/// Lines longer than that are cut.
const LONGEST_LINE: usize = 500;
/// Queries longer than that are cut.
const LONGEST_QUERY: usize = 160;
/// No more of a text is looked at, in bytes: what comes later would not be shown.
const LONGEST_LOOK: usize = 8000;

/// Text of somebody else's, without what looks like a secret. Nothing else of it gets into a diagnosis.
///
/// What is taken out: passwords in URLs and connection strings; values of what is called a password, secret, token, signature,
/// cookie or key (`DB_PASS=`, `ENCRYPTION_KEY=`, but not `primary_key=`), also within JSON that is a text within JSON;
/// credentials of `Authorization`; keys and session tokens of AWS, JSON web tokens, private keys, tokens with a known prefix; and
/// strings of SQL. Where the end of one can be read in two ways the later one counts. It knows only how secrets usually look:
/// one without a name and form passes.
///
/// ```
/// use petswipe_monitor::diagnosis::Redacted;
/// let line = Redacted::line("ERROR connecting to postgres://shop:hunter2@db:5432/pets (api_key=abc123)");
/// assert_eq!(line.as_str(), "ERROR connecting to postgres://shop:***@db:5432/pets (api_key=***)");
/// let query = Redacted::query("select *\n from users where mail = 'a@b.c' and age > 30");
/// assert_eq!(query.as_str(), "select * from users where mail = ? and age > ?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Redacted(String);

impl Redacted {
    /// A line of a log, or a message. Without control characters and colours, at most 500 characters.
    pub fn line(text: impl AsRef<str>) -> Self {
        let text = start(text.as_ref());
        let text = match text.contains('\u{1b}') {
            true => COLOUR.replace_all(text, ""),
            false => text.into(),
        };
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = plain.trim();
        let mut out = String::with_capacity(text.len());
        let mut shown = 0;
        for part in line::hidden(text) {
            out.push_str(&text[shown..part.start]);
            out.push_str("***");
            shown = part.end;
        }
        out.push_str(&text[shown..]);
        Self(cut(out, LONGEST_LINE))
    }

    /// A query: literals, numbers and comments are taken out; at most 160 characters. Names in double quotes are left, as
    /// those of PostgreSQL and of standard SQL are.
    pub fn query(text: impl AsRef<str>) -> Self {
        Self(cut(normalised(start(text.as_ref())), LONGEST_QUERY))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What lines of the same kind have in common: numbers and identifiers are `#`.
    pub fn pattern(&self) -> String {
        let text = VARIABLE.replace_all(&self.0, "#").into_owned();
        cut(text.trim_start_matches(['#', '-', ':', '.', 'T', 'Z', '[', ']', ' ']).to_owned(), 200)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was written down may have been written by somebody else.
impl From<String> for Redacted {
    fn from(text: String) -> Self {
        Self::line(text)
    }
}

impl From<&str> for Redacted {
    fn from(text: &str) -> Self {
        Self::line(text)
    }
}

fn cut(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The beginning of a text. A word that is cut there is left out, because what it is can't be told from a part.
fn start(text: &str) -> &str {
    if text.len() <= LONGEST_LOOK {
        return text;
    }
    let end = (0..=LONGEST_LOOK).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let some = &text[..end];
    some.rfind(char::is_whitespace).map_or(some, |end| &some[..end])
}

/// Numbers, and words with digits that look like identifiers.
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}|\b[0-9a-fA-F]{12,}\b|\d+"));

/// What sets the colour of a terminal; it would part a name from its value.
static COLOUR: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b\[[0-9;]*[A-Za-z]"));

/// A query without literals, numbers, comments and needless space.
fn normalised(text: &str) -> String {
    let marks = sql::marks(text, true);
    let mut out = String::new();
    let mut was_value = false;
    for (at, c) in text.char_indices() {
        let mark = marks.get(at).copied().unwrap_or(sql::Mark::Text);
        let is_value = mark >= sql::Mark::Number;
        match mark {
            _ if is_value && was_value => {}
            _ if is_value => out.push('?'),
            sql::Mark::Shown if !c.is_whitespace() => out.push(c),
            _ if !out.is_empty() && !out.ends_with(' ') => out.push(' '),
            _ => {}
        }
        was_value = is_value;
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
