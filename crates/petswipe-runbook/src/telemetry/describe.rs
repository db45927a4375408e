//! What telemetry wants to know about a kind of operation, in its own words.

use std::borrow::Cow;
use std::fmt::{self, Debug, Write};

use super::measure::{Label, Measure};
use crate::runbook::{EventOf, Runbook};

/// The longest text in a span, in characters.
const LONGEST: usize = 1000;

/// How a runbook's effects, states and outcomes are called in spans and metrics.
///
/// Every method has a default that suits any runbook. Names and labels come from small fixed sets, since each new one is a
/// new time series; what may be anything, such as an image, belongs into attributes. Nothing secret belongs into either.
pub trait Describe: Runbook {
    /// What tells operations of this kind apart in metrics, such as the service, beside `kind`.
    fn labels(&self) -> Vec<Label> {
        Vec::new()
    }

    /// Attributes of the operation's span.
    fn attributes(&self) -> Vec<Attribute> {
        Vec::new()
    }

    /// How an effect is called. By default by the name of its variant, in snake case.
    fn effect(effect: &Self::Effect) -> Described {
        Described::named(word(effect, "effect"))
    }

    /// What the answer adds to the effect's span.
    fn answer(_output: &Self::Output) -> Vec<Attribute> {
        Vec::new()
    }

    /// Where the operation is, such as its stage. A change of it is an event of the operation's span, and the spans of
    /// effects say where it was when they began.
    fn place(&self, _state: &Self::State) -> Vec<Attribute> {
        Vec::new()
    }

    /// What a fact is worth as an event of the operation's span, beside what every runbook has.
    fn moment(&self, _event: &EventOf<Self>, _state: &Self::State) -> Option<Moment> {
        None
    }

    /// What a fact is worth in metrics, beside what every runbook has. The operation's own labels are added.
    fn measures(&self, _event: &EventOf<Self>, _state: &Self::State) -> Vec<Measure> {
        Vec::new()
    }

    /// How an outcome is called. By default by the name of its variant, and neither good nor bad.
    fn ending(outcome: &Self::Outcome) -> Ending {
        Ending { word: word(outcome, "ended"), good: None, why: String::new() }
    }
}

/// An effect in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// One of a few names, such as `shift`.
    pub name: Cow<'static, str>,
    /// What it is about, such as an environment: attempts are counted by name and target.
    pub target: Option<String>,
    /// Whether it changes anything, if that is known.
    pub changes: Option<bool>,
    /// More about it.
    pub attributes: Vec<Attribute>,
}

impl Described {
    /// An effect of which only the name is known.
    pub fn named(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), target: None, changes: None, attributes: Vec::new() }
    }
}

/// The end of an operation in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// One of a few words, such as `rolled-back`.
    pub word: Cow<'static, str>,
    /// Whether it is what was asked for, if that is known: the status of the span.
    pub good: Option<bool>,
    /// Why, for people.
    pub why: String,
}

/// Something that happened at a moment: an event of the operation's span.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// One of a few names, such as `petswipe.verdict`.
    pub name: &'static str,
    /// More about it.
    pub attributes: Vec<Attribute>,
}

/// An attribute of a span or of an event in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name, such as `petswipe.stage`.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text of at most 1,000 characters.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

impl Attribute {
    /// Text; what is longer than 1,000 characters is cut.
    pub fn text(key: &'static str, text: impl Into<String>) -> Self {
        Self { key, value: Value::Text(cut(text.into(), LONGEST)) }
    }

    /// A whole number; the largest there is instead of a larger one.
    pub fn integer(key: &'static str, number: u64) -> Self {
        Self { key, value: Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)) }
    }

    /// A number.
    pub fn number(key: &'static str, number: f64) -> Self {
        Self { key, value: Value::Number(number) }
    }

    /// Yes or no.
    pub fn flag(key: &'static str, flag: bool) -> Self {
        Self { key, value: Value::Flag(flag) }
    }
}

/// The first so many characters.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

/// The name of a variant in snake case, or `otherwise` for what has none.
fn word(value: &impl Debug, otherwise: &'static str) -> Cow<'static, str> {
    let mut name = Name(String::new());
    // It stops the formatting at the end of the name, and that is no failure.
    let _ = write!(name, "{value:?}");
    let mut snake = String::with_capacity(name.0.len() + 4);
    for (index, c) in name.0.char_indices() {
        if c.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    if snake.starts_with(|c: char| c.is_ascii_lowercase()) {
        snake.into()
    } else {
        otherwise.into()
    }
}

/// Takes letters and digits up to the first other character.
struct Name(String);

impl Write for Name {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for c in part.chars() {
            if !c.is_ascii_alphanumeric() || self.0.len() >= 64 {
                return Err(fmt::Error);
            }
            self.0.push(c);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_called_by_its_variant_and_by_nothing_in_it() {
        #[derive(Debug)]
        #[allow(dead_code, reason = "only their names are looked at")]
        enum Effect {
            Read,
            SetCount(u32),
            PutName { secret: &'static str },
        }
        assert_eq!(word(&Effect::Read, "effect"), "read");
        assert_eq!(word(&Effect::SetCount(4), "effect"), "set_count");
        assert_eq!(word(&Effect::PutName { secret: "hunter2" }, "effect"), "put_name");
        assert_eq!(word(&"text", "effect"), "effect");
        assert_eq!(word(&7, "effect"), "effect");
        assert_eq!(word(&(), "effect"), "effect");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let Value::Text(text) = Attribute::text("why", "ä".repeat(1001)).value else { panic!() };
        assert_eq!(text, "ä".repeat(1000));
        assert_eq!(cut("short".to_owned(), 1000), "short");
    }
}
