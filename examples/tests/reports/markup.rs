//! A strict reader of the markup that reports are made of: whatever it accepts, a browser reads as it was meant.

/// An element's name and attributes.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All start tags of a document and its text. Every element is closed in order or by `/>`, every attribute is quoted,
/// every `&` begins one of five entities, and there is no `<` that does not begin a tag.
pub(crate) fn read(page: &str) -> Result<(Vec<Tag>, String), String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").ok_or("no document type")?;
    let (mut open, mut tags, mut text) = (Vec::<String>::new(), Vec::new(), String::new());
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(content(before, &open)?);
        let (inside, after) = after.split_once('>').ok_or("a tag without an end")?;
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (inside, closed) = match inside.strip_suffix('/') {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        let tag = tag(inside)?;
        if !closed {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    text.push_str(content(rest, &open)?);
    if open.is_empty() { Ok((tags, text)) } else { Err(format!("left open: {open:?}")) }
}

fn tag(inside: &str) -> Result<Tag, String> {
    let (name, mut rest) = inside.split_once(' ').unwrap_or((inside, ""));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("<{inside}> is no tag"));
    }
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        let (key, after) = rest.split_once("=\"").ok_or(format!("unquoted: {inside}"))?;
        let (value, after) = after.split_once('"').ok_or(format!("unquoted: {inside}"))?;
        let key = key.trim();
        if !key.chars().all(|c| c.is_ascii_alphabetic() || c == '-') {
            return Err(format!("attribute {key:?}"));
        }
        attributes.push((key.to_owned(), content(value, &[])?.to_owned()));
        rest = after;
    }
    Ok(Tag { name: name.to_owned(), attributes })
}

fn content<'a>(text: &'a str, open: &[String]) -> Result<&'a str, String> {
    let style = open.last().is_some_and(|name| name == "style");
    let entities = ["amp;", "lt;", "gt;", "quot;", "#39;"];
    let known = |after: &str| entities.iter().any(|entity| after.starts_with(entity));
    if !style && !text.split('&').skip(1).all(known) {
        return Err(format!("a bare & in {text:?}"));
    }
    Ok(text)
}

/// Every number in the attributes that place something.
pub(crate) fn coordinates(tags: &[Tag]) -> Vec<f64> {
    let places = ["x", "y", "cx", "cy", "r", "width", "height", "d", "transform", "viewBox"];
    let values = tags.iter().flat_map(|tag| places.iter().filter_map(|name| tag.attribute(name)));
    let mut numbers = Vec::new();
    for value in values.filter(|value| !value.contains("device")) {
        let value = value.replace("translate(", " ").replace(')', " ");
        let separators = |c: char| c == ' ' || "MLHVZhvlz".contains(c);
        for number in value.split(separators).filter(|number| !number.is_empty()) {
            numbers.push(number.parse().unwrap_or_else(|_| panic!("{number:?} in {value:?}")));
        }
    }
    numbers
}
