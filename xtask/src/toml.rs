//! As much of TOML as manifests and the snippets of documents use, read into flat paths with line numbers.
//!
//! `serde.workspace = true`, `serde = { workspace = true }` and a `[dependencies.serde]` table all become the same leaf
//! `dependencies.serde.workspace`, so that the checks need not know in which of these ways somebody wrote it.

/// A value that is no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string, without its quotes.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// An array; tables inside arrays are kept as their text.
    List(Vec<Value>),
    /// A number or a date, as written.
    Other(String),
}

impl Value {
    /// The string, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The strings of an array of strings.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Value::List(values) => values.iter().filter_map(Value::text).collect(),
            _ => Vec::new(),
        }
    }
}

/// One value with the path that leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Table names and keys; an element of `[[name]]` adds its index after the name.
    pub(crate) path: Vec<String>,
    /// What stands there.
    pub(crate) value: Value,
    /// Where, counted from 1.
    pub(crate) line: usize,
}

impl Leaf {
    /// Whether the path is exactly this one.
    pub(crate) fn is(&self, path: &[&str]) -> bool {
        self.path == path
    }

    /// What follows in the path after `prefix`, if it starts so.
    pub(crate) fn below(&self, prefix: &[&str]) -> Option<&[String]> {
        (self.path.len() > prefix.len() && self.path[..prefix.len()] == *prefix)
            .then(|| &self.path[prefix.len()..])
    }
}

/// Reads a document; the error says in which line it stopped making sense.
pub(crate) fn parse(text: &str) -> Result<Vec<Leaf>, String> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, line: 1 };
    let mut leaves = Vec::new();
    let mut table: Vec<String> = Vec::new();
    let mut items: Vec<(Vec<String>, usize)> = Vec::new();
    loop {
        reader.skip_blank(true);
        let Some(next) = reader.peek() else {
            return Ok(leaves);
        };
        if next == '[' {
            reader.at += 1;
            let array = reader.eat('[');
            table = reader.key()?;
            reader.expect(']')?;
            if array {
                reader.expect(']')?;
                let index = match items.iter_mut().find(|(name, _)| *name == table) {
                    Some((_, count)) => {
                        *count += 1;
                        *count
                    }
                    None => {
                        items.push((table.clone(), 0));
                        0
                    }
                };
                table.push(index.to_string());
            }
        } else {
            reader.pair(&table, &mut leaves)?;
        }
        reader.skip_blank(false);
        if reader.peek().is_some_and(|next| next != '\n') {
            return Err(reader.wrong("the end of the line"));
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        self.skip_blank(false);
        if self.eat(wanted) { Ok(()) } else { Err(self.wrong(&format!("`{wanted}`"))) }
    }

    fn wrong(&self, wanted: &str) -> String {
        format!("line {}: expected {wanted}", self.line)
    }

    /// Skips spaces and comments, and line ends too if `lines`.
    fn skip_blank(&mut self, lines: bool) {
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' | '\r' => {}
                '\n' if lines => {}
                '#' => {
                    while self.peek().is_some_and(|next| next != '\n') {
                        self.at += 1;
                    }
                    continue;
                }
                _ => return,
            }
            self.next();
        }
    }

    /// A dotted key, with bare and quoted parts.
    fn key(&mut self) -> Result<Vec<String>, String> {
        let mut parts = Vec::new();
        loop {
            self.skip_blank(false);
            let part = match self.peek() {
                Some('"' | '\'') => self.string()?,
                _ => self.bare(|c| c.is_alphanumeric() || c == '-' || c == '_'),
            };
            if part.is_empty() {
                return Err(self.wrong("a key"));
            }
            parts.push(part);
            self.skip_blank(false);
            if !self.eat('.') {
                return Ok(parts);
            }
        }
    }

    fn bare(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// `key = value`, flattened below `table`.
    fn pair(&mut self, table: &[String], leaves: &mut Vec<Leaf>) -> Result<(), String> {
        let line = self.line;
        let mut path = table.to_vec();
        path.extend(self.key()?);
        self.expect('=')?;
        self.skip_blank(false);
        if !self.eat('{') {
            let value = self.value()?;
            leaves.push(Leaf { path, value, line });
            return Ok(());
        }
        self.items('}', |reader| reader.pair(&path, leaves))
    }

    /// What stands between an opening bracket, which is already read, and `close`, with commas between.
    fn items(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            self.skip_blank(true);
            if self.eat(close) {
                return Ok(());
            }
            item(self)?;
            self.skip_blank(true);
            if !self.eat(',') && self.peek() != Some(close) {
                return Err(self.wrong(&format!("`,` or `{close}`")));
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some('"' | '\'') => self.string().map(Value::Text),
            Some('[') => {
                self.next();
                let mut values = Vec::new();
                self.items(']', |reader| {
                    values.push(reader.value()?);
                    Ok(())
                })?;
                Ok(Value::List(values))
            }
            Some('{') => {
                let start = self.at;
                self.next();
                self.items('}', |reader| reader.pair(&[], &mut Vec::new()))?;
                Ok(Value::Other(self.chars[start..self.at].iter().collect()))
            }
            _ => match self.bare(|c| c.is_alphanumeric() || "+-_.:".contains(c)).as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "" => Err(self.wrong("a value")),
                other => Ok(Value::Other(other.to_owned())),
            },
        }
    }

    /// A string with one or three quotes of either kind.
    fn string(&mut self) -> Result<String, String> {
        let Some(quote) = self.next() else {
            return Err(self.wrong("a string"));
        };
        let long =
            self.peek() == Some(quote) && self.chars.get(self.at + 1).copied() == Some(quote);
        if long {
            self.at += 2;
        }
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.wrong("the end of a string")),
                Some('\n') if !long => return Err(self.wrong("the end of a string")),
                Some('\\') if quote == '"' => text.extend(self.next()),
                Some(next) if next == quote => {
                    if !long {
                        return Ok(text);
                    }
                    if self.peek() == Some(quote)
                        && self.chars.get(self.at + 1).copied() == Some(quote)
                    {
                        self.at += 2;
                        return Ok(text);
                    }
                    text.push(next);
                }
                Some(next) => text.push(next),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<String> {
        parse(text)
            .unwrap()
            .iter()
            .map(|leaf| format!("{}:{} {:?}", leaf.line, leaf.path.join("."), leaf.value))
            .collect()
    }

    #[test]
    fn all_ways_to_write_a_dependency_become_the_same_path() {
        let ways = [
            "[dependencies]\nserde.workspace = true",
            "[dependencies]\nserde = { workspace = true }",
            "[dependencies.serde]\nworkspace = true",
        ];
        for way in ways {
            let leaves = parse(way).unwrap();
            assert_eq!(leaves.len(), 1, "{way}");
            assert!(leaves[0].is(&["dependencies", "serde", "workspace"]));
            assert_eq!(leaves[0].value, Value::Bool(true));
            assert_eq!(leaves[0].line, way.lines().count());
        }
    }

    #[test]
    fn arrays_span_lines_and_comments_are_skipped() {
        let text = "# a comment\n[features]\nall = [\n  \"a\", # one\n  'b',\n]\nnone = []\n";
        assert_eq!(
            flat(text),
            [r#"3:features.all List([Text("a"), Text("b")])"#, "7:features.none List([])"]
        );
    }

    #[test]
    fn repeated_tables_are_numbered_and_quoted_keys_keep_their_dots() {
        let text = "[[example]]\nname = \"a\"\n[[example]]\nname = \"b\"\n[target.'cfg(a.b)'.dependencies]\nx = \"1\"";
        assert_eq!(
            flat(text),
            [
                r#"2:example.0.name Text("a")"#,
                r#"4:example.1.name Text("b")"#,
                r#"6:target.cfg(a.b).dependencies.x Text("1")"#,
            ]
        );
    }

    #[test]
    fn long_strings_and_numbers_are_read() {
        let text = "a = \"\"\"one\n\"two\" three\"\"\"\nb = 1_000\nc = [{ d = 1 }]";
        assert_eq!(
            flat(text),
            [
                r#"1:a Text("one\n\"two\" three")"#,
                r#"3:b Other("1_000")"#,
                r#"4:c List([Other("{ d = 1 }")])"#,
            ]
        );
    }

    #[test]
    fn nonsense_is_an_error_with_its_line() {
        assert_eq!(parse("a = 1\nb = \"x"), Err("line 2: expected the end of a string".to_owned()));
        assert_eq!(parse("a"), Err("line 1: expected `=`".to_owned()));
        assert_eq!(parse("a = 1 b = 2"), Err("line 1: expected the end of the line".to_owned()));
    }
}
