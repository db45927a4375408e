//! Rules: which requests go where, in what shares.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;

/// A share of requests for a target group, relative to the other weights of the same [`Forward`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedGroup {
    /// The target group.
    pub name: String,
    /// Its weight, 0 to 999.
    pub weight: u16,
}

/// The action of a rule: forward to one to five target groups by weight.
///
/// A group is chosen at random for each request, whether its targets are healthy or not: AWS documents that requests
/// are distributed by weight, and no failover between the groups of an action. So a broken group with a weight of 5 of
/// 100 costs 5 % of the requests.
///
/// Source: AWS, *Action types for listener rules*, "Forward actions"; *ForwardActionConfig* and *TargetGroupTuple* in
/// the API reference; *Quotas for your Application Load Balancers*. Stricter than AWS in one point: weights that are all 0 are refused.
///
/// ```
/// use petswipe_local::balancer::Forward;
/// let canary = Forward::weighted([("live", 95), ("canary", 5)]);
/// assert_eq!(canary.groups.len(), 2);
/// assert_eq!(Forward::to("live").groups[0].weight, 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The groups. Empty only in the default action of a balancer that was never given one: it answers 503.
    pub groups: Vec<WeightedGroup>,
    /// For how long a client that keeps cookies stays with the group it was given, 1 second to 7 days.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
    )]
    pub stickiness: Option<Duration>,
}

impl Forward {
    /// Everything to one group.
    pub fn to(group: impl Into<String>) -> Self {
        Self::weighted([(group, 1)])
    }

    /// By weight to several groups, without stickiness.
    pub fn weighted<N: Into<String>>(groups: impl IntoIterator<Item = (N, u16)>) -> Self {
        let group = |(name, weight): (N, u16)| WeightedGroup { name: name.into(), weight };
        Self { groups: groups.into_iter().map(group).collect(), stickiness: None }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.groups.is_empty() || self.groups.len() > 5 {
            return Err(Error::invalid("number of target groups", self.groups.len(), "1 to 5"));
        }
        for (index, group) in self.groups.iter().enumerate() {
            if group.weight > 999 {
                let field = format!("weight of {}", group.name);
                return Err(Error::invalid(&field, group.weight, "0 to 999"));
            }
            if self.groups[..index].iter().any(|g| g.name == group.name) {
                return Err(Error::invalid(
                    "target groups",
                    format!("{} twice", group.name),
                    "each group once",
                ));
            }
        }
        if self.groups.iter().all(|group| group.weight == 0) {
            return Err(Error::invalid("weights", "all 0", "at least one above 0"));
        }
        match self.stickiness {
            Some(duration) if !(1..=604_800).contains(&duration.as_secs()) => {
                Err(Error::invalid("stickiness", format!("{duration:?}"), "1 second to 7 days"))
            }
            _ => Ok(()),
        }
    }
}

/// What a request must be like. In patterns, `*` stands for any number of characters and `?` for exactly one.
///
/// Source: AWS, *Condition types for listener rules*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The path, without the query, matches. Upper and lower case differ.
    Path(String),
    /// A header of that name has a value that matches. Upper and lower case are the same.
    Header {
        /// The name, without wildcards.
        name: String,
        /// The pattern.
        value: String,
    },
}

impl Condition {
    pub(crate) fn holds(&self, path: &str, headers: &hyper::HeaderMap) -> bool {
        match self {
            Self::Path(pattern) => glob(pattern.as_bytes(), path.as_bytes(), false),
            Self::Header { name, value } => headers
                .get_all(name.as_str())
                .iter()
                .any(|found| glob(value.as_bytes(), found.as_bytes(), true)),
        }
    }

    fn check(&self) -> Result<(), Error> {
        let (field, pattern) = match self {
            Self::Path(pattern) => ("path pattern", pattern),
            Self::Header { name, value } => {
                if name.len() > 40 || name.parse::<hyper::header::HeaderName>().is_err() {
                    return Err(Error::invalid(
                        "header name",
                        name,
                        "a header name of at most 40 characters",
                    ));
                }
                ("header value", value)
            }
        };
        if pattern.is_empty() || pattern.len() > 128 {
            return Err(Error::invalid(field, pattern, "1 to 128 characters"));
        }
        Ok(())
    }
}

/// Requests for which all conditions hold are forwarded so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its place, 1 to 50000: the rule with the lowest number whose conditions hold decides.
    pub priority: u32,
    /// One to five, all of which must hold.
    pub conditions: Vec<Condition>,
    /// What to do.
    pub forward: Forward,
    /// Whether these are tests and no production traffic: then their answers count in
    /// [`Metrics::test_totals`](crate::metrics::Metrics::test_totals) alone. Not so with AWS, whose metrics of a target
    /// group have all its requests, by whatever rule they came.
    #[serde(default)]
    pub test: bool,
}

impl Rule {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=50_000).contains(&self.priority) {
            return Err(Error::invalid("priority", self.priority, "1 to 50000"));
        }
        if self.conditions.is_empty() || self.conditions.len() > 5 {
            return Err(Error::invalid("number of conditions", self.conditions.len(), "1 to 5"));
        }
        self.conditions.iter().try_for_each(Condition::check)?;
        self.forward.check()
    }

    pub(crate) fn holds(&self, path: &str, headers: &hyper::HeaderMap) -> bool {
        self.conditions.iter().all(|c| c.holds(path, headers))
    }
}

/// Whether `text` matches `pattern`, in time proportional to the product of their lengths at worst: on a mismatch only
/// the last `*` is tried again, one character further.
fn glob(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let same = |a: u8, b: u8| a == b || (ignore_case && a.eq_ignore_ascii_case(&b));
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == b'?' || same(c, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        let cases = [
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/img/", true),
            ("/img/*", "/image/", false),
            ("/img/*/pics", "/img/a/b/pics", true),
            ("/img/*/pics", "/img/a/b/pic", false),
            ("/?", "/a", true),
            ("/?", "/", false),
            ("/?", "/ab", false),
            ("*", "", true),
            ("**a*", "bca", true),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybzcd", false),
            ("", "", true),
            ("", "a", false),
            ("/A", "/a", false),
        ];
        for (pattern, text, expected) in cases {
            let found = glob(pattern.as_bytes(), text.as_bytes(), false);
            assert_eq!(found, expected, "{pattern} on {text}");
        }
        assert!(glob(b"Chrome*", b"chROME/1", true));
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let text = "a".repeat(5000);
        assert!(!glob("*a".repeat(30).as_bytes(), &[text.as_bytes(), b"b"].concat(), false));
    }

    #[test]
    fn illegal_forwards_and_rules_are_refused() {
        let refused = |forward: Forward| forward.check().unwrap_err().to_string();
        let many = Forward::weighted((0..6).map(|i| (format!("g{i}"), 1)));
        assert!(refused(many).contains("1 to 5"));
        assert!(refused(Forward::default()).contains("1 to 5"));
        assert!(refused(Forward::weighted([("a", 1000)])).contains("0 to 999"));
        assert!(refused(Forward::weighted([("a", 0), ("b", 0)])).contains("all 0"));
        assert!(refused(Forward::weighted([("a", 1), ("a", 2)])).contains("twice"));
        let sticky = |seconds| Forward {
            stickiness: Some(Duration::from_secs(seconds)),
            ..Forward::to("a")
        };
        assert!(refused(sticky(0)).contains("7 days"));
        assert!(refused(sticky(604_801)).contains("7 days"));
        assert!(sticky(604_800).check().is_ok());
        assert!(Forward::weighted([("a", 0), ("b", 999)]).check().is_ok());

        let rule = |priority, conditions: &[Condition]| Rule {
            priority,
            conditions: conditions.to_vec(),
            forward: Forward::to("a"),
            test: false,
        };
        let path = Condition::Path("/*".to_owned());
        assert!(rule(0, std::slice::from_ref(&path)).check().is_err());
        assert!(rule(50_001, std::slice::from_ref(&path)).check().is_err());
        assert!(rule(50_000, std::slice::from_ref(&path)).check().is_ok());
        assert!(rule(1, &[]).check().is_err());
        assert!(rule(1, &vec![path; 6]).check().is_err());
        let header = |name: &str, value: &str| Condition::Header {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        assert!(rule(1, &[header("bad name", "x")]).check().is_err());
        assert!(rule(1, &[header("x-test", "")]).check().is_err());
        assert!(rule(1, &[header("x-test", "green*")]).check().is_ok());
    }
}
