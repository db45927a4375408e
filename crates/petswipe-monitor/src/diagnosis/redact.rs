//! Text that may be shown: without obvious secrets, and queries without their values.

use std::fmt;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde::{Deserialize, Serialize};

/// Lines longer than that are cut.
const LONGEST_LINE: usize = 500;
/// Queries longer than that are cut.
const LONGEST_QUERY: usize = 160;

/// Text of somebody else's, without what looks like a secret. Nothing else of it gets into a diagnosis.
///
/// What is taken out: passwords in URLs, values of what is called a password, secret, token, key or cookie, bearer
/// and basic credentials, access key ids of AWS, JSON web tokens, private keys. It knows only how secrets usually look: one
/// without a name and form passes.
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
    /// A line of a log, or a message. Without control characters, at most 500 characters.
    pub fn line(text: impl AsRef<str>) -> Self {
        let plain: String =
            text.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut text = plain.trim().to_owned();
        for (pattern, replacement) in PATTERNS.iter() {
            text = pattern
                .replace_all(&text, |found: &Captures<'_>| {
                    let mut out = String::new();
                    found.expand(replacement, &mut out);
                    out
                })
                .into_owned();
        }
        Self(cut(text, LONGEST_LINE))
    }

    /// A query: literals, numbers and comments are taken out; at most 160 characters.
    pub fn query(text: impl AsRef<str>) -> Self {
        Self(cut(normalised(text.as_ref()), LONGEST_QUERY))
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

#[allow(clippy::expect_used, reason = "the patterns are constants, and a test uses each")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that compiles")
}

/// Numbers, and words with digits that look like identifiers.
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}|\b[0-9a-fA-F]{12,}\b|\d+"));

static PATTERNS: LazyLock<[(Regex, &'static str); 6]> = LazyLock::new(|| {
    [
        (pattern(r"-----BEGIN [A-Z ]*PRIVATE KEY.*"), "***"),
        (pattern(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*"), "***"),
        (pattern(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), "***"),
        (pattern(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:([^\s/:@]*):[^\s/]*|[^\s/:@]+)@"), "$1$2:***@"),
        (pattern(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), "$1 ***"),
        (
            pattern(concat!(
                r#"(?i)([A-Za-z0-9_.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"#,
                r#"|credentials?|cookie|signature|x-amz-security)[A-Za-z0-9_-]*["']?\s*(?:=>|[=:])\s*)"#,
                r#"(?:"[^"]*"?|'[^']*'?|[^\s"'&,;)}\]]+)"#
            )),
            "$1***",
        ),
    ]
});

/// A query without literals, numbers, comments and needless space.
fn normalised(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut out = String::new();
    let mut index = 0;
    while index < chars.len() {
        let c = at(index);
        let in_word = out.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        match c {
            '-' if at(index + 1) == '-' => {
                while index < chars.len() && at(index) != '\n' {
                    index += 1;
                }
                space(&mut out);
            }
            '/' if at(index + 1) == '*' => {
                index = past(&chars, index + 2, &['*', '/']);
                space(&mut out);
            }
            '\'' => {
                // `E'…'` has escapes; so that none is missed they are taken as such everywhere, which at worst hides more.
                index += 1;
                while index < chars.len() {
                    match at(index) {
                        '\\' => index += 1,
                        '\'' if at(index + 1) == '\'' => index += 1,
                        '\'' => break,
                        _ => {}
                    }
                    index += 1;
                }
                index += 1;
                out.push('?');
            }
            '"' => {
                out.push(c);
                index += 1;
                while index < chars.len() && at(index) != '"' {
                    out.push(at(index));
                    index += 1;
                }
                out.push('"');
                index += 1;
            }
            '$' if !in_word && !at(index + 1).is_ascii_digit() => {
                let end = (index + 1..chars.len()).find(|end| at(*end) == '$');
                match end {
                    Some(end) => {
                        let tag = &chars[index..=end];
                        index = past(&chars, end + 1, tag);
                        out.push('?');
                    }
                    None => break,
                }
            }
            c if c.is_ascii_digit() && !in_word && !out.ends_with('$') => {
                while at(index).is_alphanumeric() || at(index) == '.' {
                    index += 1;
                }
                out.push('?');
            }
            c if c.is_whitespace() => {
                space(&mut out);
                index += 1;
            }
            c => {
                out.push(c);
                index += 1;
            }
        }
    }
    out.trim_end().to_owned()
}

fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// The index after the next `end`, or the end of all.
fn past(chars: &[char], from: usize, end: &[char]) -> usize {
    let rest = chars.get(from..).unwrap_or_default();
    let found = rest.windows(end.len().max(1)).position(|window| window == end);
    found.map_or(chars.len(), |at| from + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_taken_out_and_the_rest_is_left() {
        for (text, shown) in [
            ("postgres://shop:hunter2@db/pets", "postgres://shop:***@db/pets"),
            ("http://0123456789abcdef@127.0.0.1:80/x", "http://:***@127.0.0.1:80/x"),
            ("amqp://u:p@ss:w@h/ x", "amqp://u:***@h/ x"),
            ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
            ("authorization=Basic dXNlcjpwYXNz", "authorization=Basic ***"),
            (r#"{"password":"x y","name":"z"}"#, r#"{"password":***,"name":"z"}"#),
            ("DB_PASSWORD=x; DB_NAME=pets", "DB_PASSWORD=***; DB_NAME=pets"),
            ("secret: 'a b' ok", "secret: *** ok"),
            ("aws_secret_access_key = wJalr/x+y", "aws_secret_access_key = ***"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
            ("jwt eyJhbGciOi.eyJzdWIi.c2ln end", "jwt *** end"),
            ("-----BEGIN RSA PRIVATE KEY----- MIIE", "***"),
            ("?X-Amz-Signature=abc&x=1", "?X-Amz-Signature=***&x=1"),
            ("a \u{1b}[31mred\u{7}", "a  [31mred"),
            (
                "(task 0123456789abcdef0123456789abcdef) stopped",
                "(task 0123456789abcdef0123456789abcdef) stopped",
            ),
            ("GET /api/pets 500 in 20ms", "GET /api/pets 500 in 20ms"),
        ] {
            assert_eq!(Redacted::line(text).as_str(), shown, "{text}");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Redacted>(&json).unwrap().as_str(), shown);
        }
        assert_eq!(Redacted::line("ä".repeat(600)).as_str().chars().count(), 501);
    }

    #[test]
    fn queries_lose_their_values() {
        for (text, shown) in [
            ("select 1", "select ?"),
            ("select t1.a from t1 where b=$1", "select t1.a from t1 where b=$1"),
            ("insert into u values ('it''s', E'\\'x', 1.5e3)", "insert into u values (?, E?, ?)"),
            ("select $$a 'b'$$, $x$c$x$ from t", "select ?, ? from t"),
            ("select /* user 42 */ x -- secret\n from t", "select x from t"),
            ("update t set x = 'never ends", "update t set x = ?"),
            ("select $tag$ never ends", "select ?"),
            ("select \"Col 1\" from t", "select \"Col 1\" from t"),
            ("", ""),
        ] {
            assert_eq!(Redacted::query(text).as_str(), shown, "{text}");
        }
    }

    #[test]
    fn lines_of_one_kind_have_one_pattern() {
        let pattern = |text: &str| Redacted::line(text).pattern();
        assert_eq!(
            pattern("2026-05-04T12:00:00.123Z ERROR GET /pets/17 500"),
            pattern("2026-05-04T12:01:09.9Z ERROR GET /pets/4711 500")
        );
        assert_eq!(pattern("ERROR task 0123456789abcdef0123 died"), "ERROR task # died");
        assert_ne!(pattern("ERROR a"), pattern("ERROR b"));
    }

    proptest! {
        #[test]
        fn no_literal_survives_and_nothing_panics(value in "[a-z]{6,12}", before in "[a-z =(]{0,20}", any in ".{0,60}") {
            let query = Redacted::query(format!("{before} '{value}' ) and x > 1"));
            prop_assert!(before.contains(&value) || !query.as_str().contains(&value), "{query}");
            let _ = (Redacted::query(&any), Redacted::line(&any).pattern());
        }
    }
}
