//! Where the values, numbers and comments of a query are.
//!
//! Whether `\` escapes within a string depends on the dialect and on a setting (`standard_conforming_strings` of PostgreSQL,
//! `NO_BACKSLASH_ESCAPES` of MySQL), and so does whether comments nest. Nobody says which holds, so a text is read in each way,
//! and what is a value in any of them counts as one. That may hide more than it had to, and never less.
//!
//! Sources: PostgreSQL documentation, "Lexical Structure" (string constants, dollar quoting, numeric constants with
//! underscores, nested comments); MySQL Reference Manual, "String Literals".

/// What a byte of a query is. The later one wins where readings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// Keywords, names, operators.
    Shown,
    /// A comment.
    Comment,
    /// A number.
    Number,
    /// A string.
    Text,
}

/// One way to read.
#[derive(Clone, Copy)]
struct Reading {
    /// `\` escapes in every string, and not only in `E'…'`.
    escapes: bool,
    /// Comments nest.
    nests: bool,
    /// `"…"` is a name, in which quotes mean nothing. In a line of a log it may as well be what the query is quoted by.
    names: bool,
}

/// What each byte is, in whatever way it is read.
pub(super) fn marks(text: &str, names: bool) -> Vec<Mark> {
    let mut marks = vec![Mark::Shown; text.len()];
    for escapes in [false, true] {
        for nests in [false, true] {
            read(text.as_bytes(), Reading { escapes, nests, names }, &mut marks);
        }
    }
    marks
}

fn read(text: &[u8], reading: Reading, marks: &mut [Mark]) {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        let (end, mark) = match byte {
            b'-' if next == Some(b'-') => (line_end(text, at), Mark::Comment),
            b'/' if next == Some(b'*') => (comment_end(text, at + 2, reading.nests), Mark::Comment),
            b'\'' => (string_end(text, at + 1, reading.escapes), Mark::Text),
            b'"' if reading.names => (past(text, at + 1, b"\""), Mark::Shown),
            b'$' => match tag_end(text, at) {
                Some(end) => (past(text, end, &text[at..end]), Mark::Text),
                // A parameter such as `$1`.
                None => (run(text, at + 1, |byte| byte.is_ascii_digit()), Mark::Shown),
            },
            byte if byte.is_ascii_digit() => {
                (run(text, at, |byte| in_word(byte) || byte == b'.'), Mark::Number)
            }
            byte if in_word(byte) => {
                let end = run(text, at, |byte| in_word(byte) || byte == b'$');
                let escapes =
                    matches!(&text[at..end], b"e" | b"E") && text.get(end) == Some(&b'\'');
                if escapes {
                    let past = string_end(text, end + 1, true);
                    marks[end..past].fill(Mark::Text);
                    at = past;
                    continue;
                }
                (end, Mark::Shown)
            }
            _ => (at + 1, Mark::Shown),
        };
        for seen in &mut marks[at..end] {
            *seen = mark.max(*seen);
        }
        at = end;
    }
}

/// Letters, also those that are not ASCII, digits and `_`.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn run(text: &[u8], from: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| is(**byte)).count()
}

fn line_end(text: &[u8], from: usize) -> usize {
    run(text, from, |byte| byte != b'\n')
}

/// After the next `end`, or after all.
fn past(text: &[u8], from: usize, end: &[u8]) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let found = rest.windows(end.len().max(1)).position(|window| window == end);
    found.map_or(text.len(), |at| from + at + end.len())
}

fn comment_end(text: &[u8], from: usize, nests: bool) -> usize {
    let (mut at, mut depth) = (from, 1);
    while at < text.len() {
        match text.get(at..at + 2) {
            Some(b"/*") if nests => (at, depth) = (at + 2, depth + 1),
            Some(b"*/") => {
                (at, depth) = (at + 2, depth - 1);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// After the quote that ends a string whose first byte is at `from`. A doubled quote does not end it.
fn string_end(text: &[u8], from: usize, escapes: bool) -> usize {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        at += match byte {
            b'\\' if escapes => 2,
            b'\'' if text.get(at + 1) == Some(&b'\'') => 2,
            b'\'' => return at + 1,
            _ => 1,
        };
    }
    text.len()
}

/// After the tag `$…$` that begins at `from`, if there is one.
fn tag_end(text: &[u8], from: usize) -> Option<usize> {
    let name = text.get(from + 1).copied()?;
    if name == b'$' {
        return Some(from + 2);
    }
    if !in_word(name) || name.is_ascii_digit() {
        return None;
    }
    let end = run(text, from + 1, in_word);
    (text.get(end) == Some(&b'$')).then_some(end + 1)
}
