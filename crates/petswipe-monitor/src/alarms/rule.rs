//! The rule of a composite alarm.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmState {
    /// The limit is broken.
    Alarm,
    /// It is not.
    Ok,
    /// Nobody knows.
    InsufficientData,
}

/// When a composite alarm goes off, by the states of other alarms.
///
/// ```
/// use petswipe_monitor::alarms::Rule;
/// let page = Rule::alarm("fast-burn-5m").and(Rule::alarm("fast-burn-1h"));
/// let rule = page.or(Rule::ok("canary").not());
/// assert_eq!(rule.to_string(), r#"(ALARM("fast-burn-5m") AND ALARM("fast-burn-1h")) OR (NOT OK("canary"))"#);
/// assert_eq!(rule.to_string().parse::<Rule>()?, rule);
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
///
/// Source: "PutCompositeAlarm", AlarmRule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// That alarm is in that state.
    Is(AlarmState, String),
    /// All of them hold; two or more.
    All(Vec<Rule>),
    /// One of them holds; two or more.
    Any(Vec<Rule>),
    /// It does not hold.
    Not(Box<Rule>),
    /// Always, or never: to try out actions.
    Constant(bool),
}

impl Rule {
    /// That alarm is in `ALARM`.
    pub fn alarm(name: impl Into<String>) -> Self {
        Self::Is(AlarmState::Alarm, name.into())
    }

    /// That alarm is `OK`.
    pub fn ok(name: impl Into<String>) -> Self {
        Self::Is(AlarmState::Ok, name.into())
    }

    /// Of that alarm nothing is known.
    pub fn insufficient_data(name: impl Into<String>) -> Self {
        Self::Is(AlarmState::InsufficientData, name.into())
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut rules) => {
                rules.push(other);
                Self::All(rules)
            }
            one => Self::All(vec![one, other]),
        }
    }

    /// One or the other holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Any(mut rules) => {
                rules.push(other);
                Self::Any(rules)
            }
            one => Self::Any(vec![one, other]),
        }
    }

    /// It does not hold.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "it reads like the rule's own operator")]
    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Whether it holds, where `state` gives the state of an alarm.
    pub fn holds(&self, state: &impl Fn(&str) -> AlarmState) -> bool {
        match self {
            Self::Is(asked, name) => state(name) == *asked,
            Self::All(rules) => rules.iter().all(|rule| rule.holds(state)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(state)),
            Self::Not(rule) => !rule.holds(state),
            Self::Constant(value) => *value,
        }
    }

    /// The alarms that it names, in the order of their first mention.
    pub fn alarms(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.visit(&mut |rule| {
            if let Self::Is(_, name) = rule
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        });
        names
    }

    pub(super) fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Rule)) {
        see(self);
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.visit(see)),
            Self::Not(rule) => rule.visit(see),
            Self::Is(..) | Self::Constant(_) => {}
        }
    }

    fn is_one_word(&self) -> bool {
        matches!(self, Self::Is(..) | Self::Constant(_))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |f: &mut fmt::Formatter<'_>, rule: &Rule| {
            if rule.is_one_word() { write!(f, "{rule}") } else { write!(f, "({rule})") }
        };
        match self {
            Self::Is(AlarmState::Alarm, name) => write!(f, "ALARM(\"{name}\")"),
            Self::Is(AlarmState::Ok, name) => write!(f, "OK(\"{name}\")"),
            Self::Is(AlarmState::InsufficientData, name) => {
                write!(f, "INSUFFICIENT_DATA(\"{name}\")")
            }
            Self::All(rules) | Self::Any(rules) => {
                let word = if matches!(self, Self::All(_)) { " AND " } else { " OR " };
                for (index, rule) in rules.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { word })?;
                    part(f, rule)?;
                }
                Ok(())
            }
            Self::Not(rule) => {
                f.write_str("NOT ")?;
                part(f, rule)
            }
            Self::Constant(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
        }
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut reader = Reader { rest: text };
        let rule = reader.any();
        match rule {
            Some(rule) if reader.rest.trim().is_empty() => Ok(rule),
            _ => {
                let allowed = "ALARM, OK and INSUFFICIENT_DATA with a name, TRUE, FALSE, AND, OR, NOT and parentheses";
                Err(Error::invalid("alarm rule", text, allowed))
            }
        }
    }
}

/// Reads a rule from left to right: `OR` binds less than `AND`, and that less than `NOT`.
struct Reader<'a> {
    rest: &'a str,
}

/// Deeper than any rule of 500 elements can be.
const DEEPEST: usize = 500;

impl Reader<'_> {
    fn take(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(after) = rest.strip_prefix(word) else { return false };
        let is_word = word.ends_with(|c: char| c.is_ascii_alphabetic());
        if is_word && after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = after;
        true
    }

    fn any(&mut self) -> Option<Rule> {
        self.list(0, "OR")
    }

    fn list(&mut self, depth: usize, word: &str) -> Option<Rule> {
        let mut rules = Vec::new();
        loop {
            let next = if word == "OR" { self.list(depth, "AND") } else { self.one(depth) };
            rules.push(next?);
            if !self.take(word) {
                break;
            }
        }
        Some(match (rules.len(), word) {
            (1, _) => rules.remove(0),
            (_, "OR") => Rule::Any(rules),
            _ => Rule::All(rules),
        })
    }

    fn one(&mut self, depth: usize) -> Option<Rule> {
        if depth > DEEPEST {
            return None;
        }
        if self.take("NOT") {
            return Some(self.one(depth + 1)?.not());
        }
        if self.take("(") {
            let rule = self.list(depth + 1, "OR")?;
            return self.take(")").then_some(rule);
        }
        if self.take("TRUE") {
            return Some(Rule::Constant(true));
        }
        if self.take("FALSE") {
            return Some(Rule::Constant(false));
        }
        let states = [
            ("ALARM", AlarmState::Alarm),
            ("OK", AlarmState::Ok),
            ("INSUFFICIENT_DATA", AlarmState::InsufficientData),
        ];
        let (_, state) = states.into_iter().find(|(word, _)| self.take(word))?;
        if !self.take("(") {
            return None;
        }
        let name = if self.take("\"") {
            let end = self.rest.find('"')?;
            let (name, after) = self.rest.split_at(end);
            self.rest = &after[1..];
            name.to_owned()
        } else {
            let end = self.rest.find(')')?;
            let (name, after) = self.rest.split_at(end);
            self.rest = after;
            name.trim().to_owned()
        };
        (self.take(")") && !name.is_empty()).then(|| Rule::Is(state, name))
    }
}
