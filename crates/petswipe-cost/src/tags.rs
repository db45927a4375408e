//! The tags of a resource.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The tags of a resource, by key. In JSON an object.
///
/// A large account has a few tags on each of very many resources, so they are kept in a list in order and not in a tree, which would
/// take several times as much memory.
///
/// ```
/// use petswipe_cost::Tags;
/// let mut tags = Tags::from([("team".to_owned(), "web".to_owned())]);
/// tags.insert("Name".to_owned(), "shop".to_owned());
/// assert_eq!(tags.get("team").map(String::as_str), Some("web"));
/// assert_eq!(tags.iter().next(), Some(("Name", "shop")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&String> {
        self.place(key).ok().map(|index| &self.0[index].1)
    }

    /// Whether there is such a key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Sets a key; the value it had before, if it had one.
    pub fn insert(&mut self, key: String, value: String) -> Option<String> {
        match self.place(&key) {
            Ok(index) => Some(std::mem::replace(&mut self.0[index].1, value)),
            Err(index) => {
                self.0.insert(index, (key, value));
                None
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Key by key, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Tags {
    /// The last of several values of one key counts.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(all: I) -> Self {
        let mut tags = Self(all.into_iter().collect());
        // Stable: of equal keys the last one stays last, and `dedup_by` keeps the first.
        tags.0.reverse();
        tags.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        tags.0.dedup_by(|(one, _), (other, _)| one == other);
        tags.0.shrink_to_fit();
        tags
    }
}

impl<const N: usize> From<[(String, String); N]> for Tags {
    fn from(all: [(String, String); N]) -> Self {
        all.into_iter().collect()
    }
}

impl From<BTreeMap<String, String>> for Tags {
    fn from(all: BTreeMap<String, String>) -> Self {
        all.into_iter().collect()
    }
}

impl From<Tags> for BTreeMap<String, String> {
    fn from(tags: Tags) -> Self {
        tags.0.into_iter().collect()
    }
}

impl IntoIterator for Tags {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn they_are_in_order_and_the_last_value_of_a_key_counts() {
        let tags: Tags = [pair("b", "1"), pair("a", "2"), pair("b", "3")].into_iter().collect();
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"{"a":"2","b":"3"}"#);
        assert_eq!(serde_json::from_str::<Tags>(r#"{"b":"3","a":"2"}"#).unwrap(), tags);
    }

    #[test]
    fn a_key_is_set_once() {
        let mut tags = Tags::from([pair("a", "1")]);
        assert_eq!(tags.insert("c".to_owned(), "2".to_owned()), None);
        assert_eq!(tags.insert("b".to_owned(), "3".to_owned()), None);
        assert_eq!(tags.insert("a".to_owned(), "4".to_owned()).as_deref(), Some("1"));
        assert_eq!(tags.len(), 3);
        assert!(tags.contains_key("b") && !tags.contains_key("d"));
        assert_eq!(tags.get("a").map(String::as_str), Some("4"));
    }
}
