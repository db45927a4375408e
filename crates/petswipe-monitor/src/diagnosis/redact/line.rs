//! Which parts of a line may be secrets: what stands after a name of one, what has the form of one, and strings of SQL.
//!
//! Nothing here decides where a value certainly ends. Where that can be read in two ways the later end counts, and what lies
//! between is looked through once more, so a second secret there is found, too.

use std::ops::Range;

use super::names::Name;
use super::{forms, sql};

/// The parts, in their order; none touches another.
pub(super) fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    named(text, &mut all);
    let small = text.to_ascii_lowercase();
    forms::find(text, &small, &mut all);
    statements(text, &small, &mut all);
    all.retain(|part| !part.is_empty());
    all.sort_by_key(|part| part.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for part in all {
        match merged.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => merged.push(part),
        }
    }
    merged
}

/// Strings in SQL that somebody logged.
fn statements(text: &str, small: &str, all: &mut Vec<Range<usize>>) {
    let Some(from) = forms::statement(text, small) else { return };
    let marks = sql::marks(&text[from..], false);
    let mut at = 0;
    while at < marks.len() {
        let length = marks[at..].iter().take_while(|mark| **mark == sql::Mark::Text).count();
        all.push(from + at..from + at + length);
        at += length.max(1);
    }
}

/// What sentences of errors begin with after the colon behind a name: words of English that say that something did not work.
/// With one of [`SECOND`] behind it nobody has it for a password.
const SENTENCES: [&str; 29] = [
    "an",
    "authentication",
    "can't",
    "cannot",
    "could",
    "couldn't",
    "did",
    "dispatch",
    "does",
    "error",
    "expired",
    "failed",
    "failure",
    "invalid",
    "is",
    "missing",
    "must",
    "no",
    "not",
    "permission",
    "request",
    "response",
    "service",
    "the",
    "timed",
    "unable",
    "unhandled",
    "was",
    "were",
];

/// What stands behind them. Both lists are closed: a password of several words may begin with any other.
const SECOND: [&str; 31] = [
    "at",
    "be",
    "been",
    "credential",
    "credentials",
    "denied",
    "error",
    "exist",
    "failed",
    "failure",
    "find",
    "for",
    "found",
    "from",
    "has",
    "have",
    "load",
    "not",
    "occurred",
    "open",
    "out",
    "permission",
    "provider",
    "providers",
    "read",
    "required",
    "such",
    "to",
    "unavailable",
    "valid",
    "within",
];

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// What stands after names.
fn named(text: &str, all: &mut Vec<Range<usize>>) {
    let line = Line(text.as_bytes());
    let mut at = 0;
    while at < text.len() {
        let end = line.run(at, in_word);
        if end == at {
            at += 1;
            continue;
        }
        let word = &text[at..end];
        // The `n` of `\nDB_PASS=x` is of the line's end.
        let escaped = line.before(at) == Some(b'\\');
        let name = Name::of(word).or_else(|| Name::of(word.get(1..).filter(|_| escaped)?));
        if let Some(name) = name.filter(|_| !line.is_in_arn(at)) {
            all.extend(
                line.value(word, at..end, name).filter(|part| says_something(&text[part.clone()])),
            );
        }
        at = end;
    }
}

/// What stands for nothing, or was taken out already.
fn says_something(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'', '\\', ' ']);
    let is_parameter = value
        .strip_prefix('$')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    let nothing =
        ["", "***", "?", "null", "nil", "none", "true", "false", "undefined", "[redacted]"];
    !is_parameter && !nothing.contains(&value.to_ascii_lowercase().as_str())
}

struct Line<'a>(&'a [u8]);

impl Line<'_> {
    fn at(&self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn before(&self, at: usize) -> Option<u8> {
        self.at(at.checked_sub(1)?)
    }

    fn starts(&self, at: usize, with: &[u8]) -> bool {
        self.0.get(at..at + with.len()).is_some_and(|part| part.eq_ignore_ascii_case(with))
    }

    fn run(&self, from: usize, is: impl Fn(u8) -> bool) -> usize {
        from + self.0.iter().skip(from).take_while(|byte| is(**byte)).count()
    }

    fn spaces(&self, from: usize) -> usize {
        self.run(from, |byte| byte.is_ascii_whitespace())
    }

    fn find(&self, from: usize, wanted: u8) -> usize {
        self.run(from, |byte| byte != wanted)
    }

    /// `arn:aws:secretsmanager:…:secret:db` names a secret and is none.
    fn is_in_arn(&self, at: usize) -> bool {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'=(,".contains(byte);
        let from = self.0[..at].iter().rposition(ends).map_or(0, |end| end + 1);
        self.starts(from, b"arn:") && from < at
    }

    /// After the quote that may end a name, behind backslashes where it is a text within a text.
    fn past_quote(&self, at: usize) -> (usize, bool) {
        let quote = self.run(at, |byte| byte == b'\\');
        match self.at(quote) {
            Some(b'"' | b'\'' | b'`') => (quote + 1, true),
            _ => (at, false),
        }
    }

    /// The value of a name, with its quotes.
    fn value(&self, word: &str, name_at: Range<usize>, name: Name) -> Option<Range<usize>> {
        // <password>x</password>
        let (end, is_quoted) = self.past_quote(name_at.end);
        if self.at(end) == Some(b'>') && matches!(self.before(name_at.start), Some(b'<' | b':')) {
            return Some(end + 1..self.find(end + 1, b'<'));
        }
        let from = self.spaces(end);
        let separators: [&[u8]; 9] =
            [b"=>", b":=", b"==", b"=", b":", b"%3d", b"%3a", b"\\u003d", b"&#61;"];
        let Some(separator) = separators.into_iter().find(|one| self.starts(from, one)) else {
            let flag = word.starts_with("--") && from > end && self.at(from) != Some(b'-');
            let quoted = Name::takes_quoted(word) && from > end && self.past_quote(from).1;
            return (flag || quoted).then(|| from..self.end(from));
        };
        if name == Name::Assigned && separator == b":" && !is_quoted {
            return None;
        }
        let value = from + separator.len();
        let from = self.spaces(value);
        if separator == b":" && !is_quoted && from > value && self.is_sentence(from) {
            return None;
        }
        let bare = !self.past_quote(from).1;
        Some(match name {
            Name::Authorization if bare => self.credentials(from),
            Name::Cookie if bare => from..self.pairs(from),
            _ => from..self.end(from),
        })
    }

    /// Whether a sentence of an error begins there, as in `loading credentials: failed to read the file`, and no value: one of
    /// [`SENTENCES`], a space, and one of [`SECOND`]. What is one word alone stays a value.
    fn is_sentence(&self, from: usize) -> bool {
        let end = self.run(from, |byte| byte.is_ascii_lowercase() || byte == b'\'');
        let next = self.spaces(end);
        let after = self.run(next, |byte| byte.is_ascii_lowercase());
        let ends = self
            .at(after)
            .is_none_or(|byte| byte.is_ascii_whitespace() || b",.:;)".contains(&byte));
        let is = |part: Range<usize>, all: &[&str]| {
            all.iter().any(|word| self.0.get(part.clone()) == Some(word.as_bytes()))
        };
        next > end && ends && is(from..end, &SENTENCES) && is(next..after, &SECOND)
    }

    /// After a value: a quoted one, one in brackets, or a bare one.
    fn end(&self, from: usize) -> usize {
        if let Some(end) = self.quoted(from) {
            return end;
        }
        match self.at(from) {
            Some(b'{' | b'[' | b'(') => self.bracketed(from).unwrap_or(self.0.len()),
            _ => self.bare(from),
        }
    }

    /// After a quoted value, if one begins here; after all if it never ends.
    ///
    /// A quote behind `n` backslashes is closed by one behind as many, and each level of escaping doubles them and adds one.
    fn quoted(&self, from: usize) -> Option<usize> {
        let open = self.run(from, |byte| byte == b'\\');
        let quote = self.at(open).filter(|byte| b"\"'`".contains(byte))?;
        let level = open - from;
        let mut at = open + 1;
        while at < self.0.len() {
            let slashes = self.run(at, |byte| byte == b'\\') - at;
            let closes = slashes >= level && (slashes - level).is_multiple_of(2 * (level + 1));
            at += slashes + 1;
            if self.before(at) == Some(quote) && closes {
                return Some(at);
            }
        }
        Some(self.0.len())
    }

    /// After the bracket that closes the one here; `None` if nothing does.
    fn bracketed(&self, from: usize) -> Option<usize> {
        let (mut at, mut depth) = (from, 0);
        while let Some(byte) = self.at(at) {
            match byte {
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' => depth -= 1,
                _ => {
                    if let Some(end) = self.quoted(at) {
                        at = end;
                        continue;
                    }
                }
            }
            at += 1;
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// After a value without quotes: at a space, or at punctuation behind which nothing or another name with its value is.
    fn bare(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(byte) = self.at(at) {
            if byte.is_ascii_whitespace() || self.ends_at(at) {
                return at;
            }
            at = match byte {
                b'{' | b'[' | b'(' if at > from => self.bracketed(at).unwrap_or(at + 1),
                b'"' | b'\'' | b'`' => {
                    self.quoted(at).filter(|end| *end < self.0.len()).unwrap_or(at + 1)
                }
                b'\\' => at + 2,
                _ => at + 1,
            };
        }
        self.0.len()
    }

    /// Whether a bare value ends before the punctuation here.
    fn ends_at(&self, at: usize) -> bool {
        let end = self.run(at, |byte| b",;:.)]}\"'`\\&<>".contains(&byte));
        if end == at {
            return false;
        }
        let parts = self.0[at..end].iter().any(|byte| !b":.\\".contains(byte));
        self.at(end).is_none_or(|byte| byte.is_ascii_whitespace()) || (parts && self.is_pair(end))
    }

    /// Whether a name with its value stands there. What only fills up base64 is none.
    fn is_pair(&self, at: usize) -> bool {
        let end = self.run(at, in_word);
        let separator = self.past_quote(end).0;
        let value = self.at(separator + 1);
        let is_value = value.is_some_and(|byte| byte != b'=' && !byte.is_ascii_whitespace());
        let named = self.at(at).is_some_and(|byte| byte.is_ascii_alphabetic());
        named && (self.at(separator) == Some(b':') || self.at(separator) == Some(b'=') && is_value)
    }

    /// After `a=b; c=d`.
    fn pairs(&self, from: usize) -> usize {
        if matches!(self.at(from), Some(b'{' | b'[' | b'(')) {
            return self.end(from);
        }
        let mut at = from;
        while let Some(byte) = self.at(at) {
            let next = self.spaces(at + 1);
            match byte {
                b';' if next < self.0.len() => at = next,
                b'"' | b'\'' if self.at(at + 1) != Some(b';') && self.ends_at(at) => return at,
                _ if byte.is_ascii_whitespace() => return at,
                _ => at += 1,
            }
        }
        at
    }

    /// The credentials of `Bearer x`, `Digest a="b", c="d"`, or of what is not known.
    fn credentials(&self, from: usize) -> Range<usize> {
        let known =
            ["bearer", "basic", "digest", "token", "apikey", "negotiate", "aws4-hmac-sha256"];
        let scheme = self.run(from, in_word);
        let is_known = known
            .iter()
            .any(|known| scheme - from == known.len() && self.starts(from, known.as_bytes()));
        let first = self.spaces(scheme);
        if is_known && first > scheme {
            let mut end = self.bare(first);
            while self.at(end) == Some(b',') || self.before(end) == Some(b',') {
                let next = self.spaces(self.run(end, |byte| byte == b','));
                if next >= self.0.len() {
                    break;
                }
                end = self.bare(next).max(next);
            }
            return first..end;
        }
        let end = self.bare(from);
        let next = self.spaces(end);
        let second = self.bare(next);
        let is_other = self.at(second) == Some(b':') || self.starts(from, b"***");
        from..if next > end && !is_other { second } else { end }
    }
}
