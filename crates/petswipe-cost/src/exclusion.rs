//! What is not to be reported: by tag, or by a list of suppressions with reasons and an end.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Error, Tags};

/// A tag that excludes what carries it: by its key alone, or by key and value.
///
/// ```
/// use petswipe_cost::{TagFilter, Tags};
/// let keep: TagFilter = "petswipe:keep".parse().unwrap();
/// let production: TagFilter = "Environment=production".parse().unwrap();
/// let tags = Tags::from([("Environment".to_owned(), "production".to_owned())]);
/// assert!(production.matches(&tags) && !keep.matches(&tags));
/// assert!("=production".parse::<TagFilter>().is_err());
/// ```
/// In a document it is the same text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagFilter {
    key: String,
    value: Option<String>,
}

impl std::fmt::Display for TagFilter {
    /// As it is read: `KEY`, or `KEY=VALUE`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, "={value}"))
    }
}

impl TagFilter {
    /// Whether something with those tags is meant.
    pub fn matches(&self, tags: &Tags) -> bool {
        let found = tags.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }
}

impl std::str::FromStr for TagFilter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        if key.is_empty() {
            return Err(Error::invalid("exclusion by tag", text, "KEY or KEY=VALUE"));
        }
        Ok(Self { key: key.to_owned(), value })
    }
}

impl TryFrom<String> for TagFilter {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<TagFilter> for String {
    fn from(tag: TagFilter) -> Self {
        tag.to_string()
    }
}

/// A finding that somebody knows of and wants to see no more, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// The id of a finding, in which `*` stands for anything: `ebs-snapshots:eu-west-1:*`.
    pub id: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
}

/// A list of suppressions, as a file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppressions {
    /// In any order; the first that matches is named.
    pub suppressions: Vec<Suppression>,
}

impl Suppressions {
    /// Checks that each could match a finding of one of `areas`, and says why it is there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the first that can't, with its place in the list.
    pub fn check<'a>(&self, areas: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
        let areas: Vec<_> = areas.into_iter().collect();
        for (index, suppression) in self.suppressions.iter().enumerate() {
            let field = |name: &str| format!("suppressions[{index}].{name}");
            let parts: Vec<_> = suppression.id.splitn(3, ':').collect();
            let area = match parts[..] {
                [area, _, _] => area,
                [area, rest] if rest.ends_with('*') => area,
                _ => {
                    let allowed = "AREA:REGION:RESOURCE, in which * stands for anything";
                    return Err(Error::invalid(field("id"), &suppression.id, allowed));
                }
            };
            if !areas.iter().any(|known| glob(area, known)) {
                let allowed = format!("an area of {}", areas.join(", "));
                return Err(Error::invalid(field("id"), &suppression.id, allowed));
            }
            if suppression.reason.trim().is_empty() {
                return Err(Error::invalid(
                    field("reason"),
                    "empty",
                    "why it is not to be reported",
                ));
            }
        }
        Ok(())
    }

    /// The one that holds for a finding on that day.
    pub(crate) fn of(&self, id: &str, today: Date) -> Option<&Suppression> {
        self.in_force(today).find(|one| glob(&one.id, id))
    }

    /// Those that hold on that day.
    pub(crate) fn in_force(&self, today: Date) -> impl Iterator<Item = &Suppression> {
        self.suppressions.iter().filter(move |one| one.until >= today)
    }

    /// Those that no longer hold.
    pub(crate) fn expired(&self, today: Date) -> impl Iterator<Item = &Suppression> {
        self.suppressions.iter().filter(move |one| one.until < today)
    }
}

/// Whether a text is like a pattern, in which `*` stands for anything.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for part in middle.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("ab*bc", "abc", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("**", "x", true),
            ("a*b*b", "ab", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    fn list(id: &str, reason: &str) -> Suppressions {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        let until = Date::constant(2026, 12, 31);
        Suppressions { suppressions: vec![Suppression { id, reason, until }] }
    }

    #[test]
    fn a_suppression_with_a_typo_is_refused() {
        let check = |id, reason| list(id, reason).check(["ebs-unused", "ebs-gp3"]);
        check("ebs-unused:eu-west-1:vol-1", "audit").unwrap();
        check("ebs-*:*:vol-1", "audit").unwrap();
        let error = check("ebs-unusd:eu-west-1:vol-1", "audit").unwrap_err().to_string();
        assert_eq!(
            error,
            "suppressions[0].id is ebs-unusd:eu-west-1:vol-1; allowed: an area of ebs-unused, ebs-gp3"
        );
        let error = check("vol-1", "audit").unwrap_err().to_string();
        assert!(
            error.starts_with("suppressions[0].id is vol-1; allowed: AREA:REGION:RESOURCE"),
            "{error}"
        );
        assert!(check("ebs-unused:vol-1", "audit").is_err(), "it lacks the region");
        check("ebs-unused:*", "audit").unwrap();
        let error = check("ebs-gp3:eu-west-1:vol-1", " ").unwrap_err().to_string();
        assert!(error.starts_with("suppressions[0].reason is empty"), "{error}");
        let typo = r#"{"suppressions": [{"id": "x", "reason": "y", "untill": "2026-01-01"}]}"#;
        let error = serde_json::from_str::<Suppressions>(typo).unwrap_err().to_string();
        assert!(error.contains("unknown field `untill`"), "{error}");
    }

    #[test]
    fn a_tag_is_the_same_text_in_a_document() {
        for text in ["petswipe:keep", "Environment=production", "a=b=c", "empty="] {
            let tag: TagFilter = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&tag).unwrap(), format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<TagFilter>(&format!("\"{text}\"")).unwrap(), tag);
        }
        assert!(serde_json::from_str::<TagFilter>("\"=x\"").is_err());
    }

    #[test]
    fn a_suppression_holds_up_to_its_last_day() {
        let suppressions = list("ebs-unused:*", "audit");
        let last = Date::constant(2026, 12, 31);
        assert!(suppressions.of("ebs-unused:eu-west-1:vol-1", last).is_some());
        assert!(suppressions.of("ebs-gp3:eu-west-1:vol-1", last).is_none());
        let after = last.tomorrow().unwrap();
        assert!(suppressions.of("ebs-unused:eu-west-1:vol-1", after).is_none());
        assert_eq!(suppressions.expired(after).count(), 1);
        assert_eq!(suppressions.expired(last).count(), 0);
    }
}
