//! Finds public traits with their documentation, and public functions, in masked source.

use crate::source::Source;

/// A public trait.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trait {
    pub(super) name: String,
    pub(super) line: usize,
    /// Whether `#[async_trait]` stands above it.
    pub(super) is_async_trait: bool,
    /// The lines of its documentation, without the slashes.
    docs: Vec<(usize, String)>,
}

impl Trait {
    /// The bullets of its `# Contract` section, if it has one.
    pub(super) fn contract(&self) -> Option<Vec<(usize, String)>> {
        let mut lines = self.docs.iter().skip_while(|(_, line)| line.trim_end() != "# Contract");
        lines.next()?;
        let bullets =
            lines.take_while(|(_, line)| !line.starts_with("# ")).filter_map(|(number, line)| {
                let bullet = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "))?;
                Some((*number, bullet.to_owned()))
            });
        Some(bullets.collect())
    }
}

/// A public function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
}

/// The public traits of a file, without those compiled for tests only.
pub(super) fn public_traits(source: &Source) -> Vec<Trait> {
    let code = source.code_without_tests();
    let mut traits = Vec::new();
    let mut docs: Vec<(usize, String)> = Vec::new();
    let mut attributes = String::new();
    for (index, (code, comment)) in code.lines().zip(source.comments.lines()).enumerate() {
        if let Some(doc) = comment.trim().strip_prefix("///") {
            let doc = doc.strip_prefix(' ').unwrap_or(doc);
            docs.push((index + 1, doc.to_owned()));
            continue;
        }
        let code = code.trim();
        if code.is_empty() {
            continue;
        }
        let mut item = code;
        if !is_closed(&attributes) || code.starts_with("#[") {
            attributes.push_str(code);
            match attributes.rfind(']') {
                // What follows the attribute on its own line is the item.
                Some(end) if is_closed(&attributes) && end + 1 < attributes.len() => {
                    let rest = attributes.len() - end - 1;
                    item = code[code.len() - rest..].trim();
                }
                _ => continue,
            }
        }
        let rest =
            item.strip_prefix("pub trait ").or_else(|| item.strip_prefix("pub unsafe trait "));
        if let Some(rest) = rest {
            traits.push(Trait {
                name: leading_word(rest),
                line: index + 1,
                is_async_trait: attributes.contains("async_trait"),
                docs: docs.clone(),
            });
        }
        docs.clear();
        attributes.clear();
    }
    traits
}

/// Whether every bracket that was opened is closed again.
fn is_closed(attributes: &str) -> bool {
    let count = |wanted| attributes.matches(wanted).count();
    count('[') == count(']') && count('(') == count(')')
}

/// The public functions that are items of the file or of a module in it, and neither methods nor part of a macro.
pub(super) fn public_functions(source: &Source) -> Vec<Function> {
    let code = source.code_without_tests();
    let mut functions = Vec::new();
    // One entry for each open brace: whether it is that of a module.
    let mut open: Vec<bool> = Vec::new();
    let mut head = String::new();
    let mut line = 1;
    for c in code.chars() {
        match c {
            '{' | ';' | '}' => {
                let item = item_of(&head);
                if open.iter().all(|is_module| *is_module)
                    && let Some(name) = function_name(item)
                {
                    let below = head.rfind("fn ").map_or(0, |at| head[at..].matches('\n').count());
                    functions.push(Function { name, line: line - below });
                }
                match c {
                    '{' => open.push(item.contains("mod ") && !item.contains('(')),
                    '}' => drop(open.pop()),
                    _ => {}
                }
                head.clear();
            }
            '\n' => {
                line += 1;
                head.push(c);
            }
            c => head.push(c),
        }
    }
    functions
}

/// What remains of the text before a brace when the attributes are taken off.
fn item_of(head: &str) -> &str {
    let mut rest = head.trim();
    while rest.starts_with("#[") || rest.starts_with("#![") {
        let mut depth = 0;
        let end = rest.char_indices().find(|(_, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => return false,
            }
            depth == 0
        });
        match end {
            Some((end, _)) => rest = rest[end + 1..].trim(),
            None => return "",
        }
    }
    rest
}

fn function_name(item: &str) -> Option<String> {
    let mut words = item.strip_prefix("pub ")?.split_whitespace();
    words
        .by_ref()
        .find(|word| !["async", "const", "unsafe"].contains(word))
        .filter(|word| *word == "fn")?;
    words.next().map(leading_word)
}

fn leading_word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(text: &str) -> Vec<Trait> {
        public_traits(&Source::read(text))
    }

    #[test]
    fn documentation_and_attributes_belong_to_the_next_item() {
        let text = "/// Of the struct.\npub struct S;\n\n\
            /// One.\n// a remark\n/// Two.\n\
            #[cfg_attr(\n    feature = \"mock\",\n    mockall::automock\n)]\n\n#[async_trait::async_trait]\n\
            pub trait T<X>: Send {\n    /// Of the method.\n    fn f();\n}\n\
            #[async_trait] pub trait U {}\npub(crate) trait Inner {}\n";
        let found = traits(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].line), ("T", 13));
        assert!(found[0].is_async_trait && found[1].is_async_trait);
        let docs: Vec<_> = found[0].docs.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(docs, ["One.", "Two."]);
        assert_eq!(found[1].name, "U");
        assert!(found[1].docs.is_empty());
    }

    #[test]
    fn a_contract_ends_at_the_next_heading() {
        let text = "/// T.\n/// # Contract\n/// Always:\n/// - `a`: x\n///   - nested\n/// * `b`: y\n/// # Errors\n/// - c\npub trait T {}\n";
        let found = traits(text);
        assert_eq!(
            found[0].contract(),
            Some(vec![(4, "`a`: x".to_owned()), (6, "`b`: y".to_owned())])
        );
        assert_eq!(traits("pub trait T {}\n")[0].contract(), None);
    }

    #[test]
    fn only_items_are_functions() {
        let text = "use a::{b, c};\n#[doc(hidden)]\npub async fn one<T>(\n    x: [u8; 2],\n) {\n    if x { y() }\n}\n\
            pub mod inner {\n    pub fn two() {}\n    pub(crate) fn three() {}\n}\n\
            impl X { pub fn four() {} }\nmacro_rules! m { () => { pub fn five() {} } }\n\
            fn six() {}\npub const fn seven() {}\n#[cfg(test)]\nmod tests { pub fn eight() {} }\n";
        let found: Vec<_> = public_functions(&Source::read(text))
            .into_iter()
            .map(|function| (function.line, function.name))
            .collect();
        let wanted = [(3, "one"), (9, "two"), (15, "seven")];
        assert_eq!(found, wanted.map(|(line, name)| (line, name.to_owned())));
    }
}
