//! Rust source seen through two masks: only the code, or only the comments.
//!
//! No parser, only a lexer that knows comments, strings, character literals and lifetimes, which is what it takes to
//! tell a word in the code from the same word in a string or in prose. Both masks keep every line where it was.

/// A source file, seen through both masks.
#[derive(Debug)]
pub(crate) struct Source {
    /// The code; comments and the insides of strings are blank.
    pub(crate) code: String,
    /// The comments with their slashes; everything else is blank.
    pub(crate) comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Text,
}

impl Source {
    /// Masks a file.
    pub(crate) fn read(text: &str) -> Source {
        let chars: Vec<char> = text.chars().collect();
        let mut source =
            Source { code: String::with_capacity(text.len()), comments: String::new() };
        let mut at = 0;
        while at < chars.len() {
            let (kind, end) = token(&chars, at);
            for &c in &chars[at..end] {
                let blank = if c == '\n' { '\n' } else { ' ' };
                source.code.push(if kind == Kind::Code { c } else { blank });
                source.comments.push(if kind == Kind::Comment { c } else { blank });
            }
            at = end;
        }
        source
    }

    /// The code without what is compiled for tests only.
    pub(crate) fn code_without_tests(&self) -> String {
        let chars: Vec<char> = self.code.chars().collect();
        if self.code.contains("#![cfg(test)]") {
            return blank(&chars, 0, chars.len());
        }
        let mut code = self.code.clone();
        for marker in ["#[cfg(test)]", "#[cfg(all(test,"] {
            while let Some(start) = code.find(marker) {
                let start = code[..start].chars().count();
                let chars: Vec<char> = code.chars().collect();
                let end = item_end(&chars, start);
                code = blank(&chars, start, end);
            }
        }
        code
    }

    /// The names of modules that are declared for tests only and live in files of their own.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let kept = self.code_without_tests();
        let modules = |code: &str| -> Vec<String> {
            code.lines()
                .filter_map(|line| {
                    let (_, name) = line.trim().strip_suffix(';')?.rsplit_once("mod ")?;
                    Some(name.trim().to_owned())
                })
                .collect()
        };
        let outside = modules(&kept);
        modules(&self.code).into_iter().filter(|name| !outside.contains(name)).collect()
    }
}

fn blank(chars: &[char], from: usize, to: usize) -> String {
    chars
        .iter()
        .enumerate()
        .map(|(index, c)| if (from..to).contains(&index) && *c != '\n' { ' ' } else { *c })
        .collect()
}

/// Where the item ends whose attributes begin at `start`: at its `;`, or at the brace that closes its body.
fn item_end(code: &[char], start: usize) -> usize {
    let mut depth = 0usize;
    for (index, c) in code.iter().enumerate().skip(start) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *c == '}' {
                    return index + 1;
                }
            }
            ';' if depth == 0 => return index + 1,
            _ => {}
        }
    }
    code.len()
}

/// What begins at `at`, and where it ends.
fn token(chars: &[char], at: usize) -> (Kind, usize) {
    let peek = |offset: usize| chars.get(at + offset).copied();
    let inside_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if peek(1) == Some('/') => {
            let length = chars[at..].iter().take_while(|c| **c != '\n').count();
            (Kind::Comment, at + length)
        }
        '/' if peek(1) == Some('*') => (Kind::Comment, block_end(chars, at)),
        '"' => (Kind::Text, string_end(chars, at + 1)),
        'r' if !inside_word => raw_string(chars, at + 1),
        'b' | 'c' if !inside_word && peek(1) == Some('r') => raw_string(chars, at + 2),
        '\'' if peek(1) == Some('\\') => {
            let close = chars[(at + 3).min(chars.len())..].iter().position(|c| *c == '\'');
            (Kind::Text, close.map_or(chars.len(), |offset| at + 4 + offset))
        }
        '\'' if peek(2) == Some('\'') => (Kind::Text, at + 3),
        _ => (Kind::Code, at + 1),
    }
}

/// The end of a raw string whose hashes or quote begin at `at`; anything else there is code.
fn raw_string(chars: &[char], at: usize) -> (Kind, usize) {
    let hashes = chars[at.min(chars.len())..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return (Kind::Code, at);
    }
    let mut end = at + hashes + 1;
    while end < chars.len() {
        let closes = chars[end] == '"'
            && chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        end += 1;
        if closes {
            return (Kind::Text, end + hashes);
        }
    }
    (Kind::Text, chars.len())
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// Block comments nest.
fn block_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `text` has `wanted` with no letter, digit or underscore directly before or behind it.
pub(crate) fn has_word(text: &str, wanted: &str) -> bool {
    count_word(text, wanted) > 0
}

/// How often it has.
pub(crate) fn count_word(text: &str, wanted: &str) -> usize {
    text.match_indices(wanted)
        .filter(|(start, _)| {
            let before = text[..*start].chars().next_back();
            let behind = text[start + wanted.len()..].chars().next();
            let starts = !wanted.starts_with(is_word) || !before.is_some_and(is_word);
            let ends = !wanted.ends_with(is_word) || !behind.is_some_and(is_word);
            starts && ends
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_no_code() {
        let text = "let a = \"x /* \\\" y\"; // note \"z\"\nlet b = r#\"raw \"q\" // no\"#; /* a /* b */ c */ let c = b'\\'';\n";
        let source = Source::read(text);
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeeze(&source.code), "let a = ; let b = ; let c = b ;");
        assert_eq!(squeeze(&source.comments), "// note \"z\" /* a /* b */ c */");
        assert_eq!(source.code.lines().count(), text.lines().count());
        assert_eq!(source.code.chars().count(), text.chars().count(), "columns stay");
    }

    #[test]
    fn lifetimes_raw_identifiers_and_quotes_are_told_apart() {
        let text = "fn f<'a>(x: &'a str, r#type: char) { g('\"', 'x', '\\u{41}', \"s\", 'b') }";
        let code = Source::read(text).code;
        assert!(code.contains("fn f<'a>(x: &'a str, r#type: char) { g("));
        assert!(code.trim_end().ends_with(") }"));
        assert!(!code.contains('"') && !code.contains("41"));
    }

    #[test]
    fn test_code_is_left_out() {
        let text = "pub fn kept() {}\n#[cfg(test)]\nmod tests {\n    fn gone() { if true {} }\n}\n#[cfg(test)]\nmod sim;\npub mod real;\nfn also_kept() {}\n";
        let source = Source::read(text);
        let code = source.code_without_tests();
        assert!(code.contains("kept()") && code.contains("also_kept()"));
        assert!(!code.contains("gone"));
        assert_eq!(source.test_modules(), ["sim"]);
        assert_eq!(Source::read("#![cfg(test)]\nfn gone() {}").code_without_tests().trim(), "");
    }

    #[test]
    fn words_have_borders() {
        assert!(has_word("use tokio::time", "tokio"));
        assert!(!has_word("use my_tokio", "tokio"));
        assert!(has_word("x.await?", ".await"));
        assert!(!has_word("x.awaited", ".await"));
        assert_eq!(count_word("a(b); aa; a", "a"), 2);
    }
}
