//! Which requests a rule takes, as far as its conditions tell.

use aws_sdk_elasticloadbalancingv2::types::{Rule, RuleCondition};

/// Whether every request that `other` would take is taken by `rule` before.
///
/// Source: User Guide for Application Load Balancers, "Listener rules": in order of priority, the default rule last.
pub(super) fn shadows(rule: &Rule, other: &Rule) -> bool {
    let before = match (priority(rule), priority(other)) {
        (Some(rule), Some(other)) => rule < other,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let mut conditions = rule.conditions().iter();
    before
        && conditions.all(|condition| {
            takes_everything(condition)
                || other.conditions().iter().any(|one| covers(condition, one))
        })
}

pub(super) fn priority(rule: &Rule) -> Option<u32> {
    rule.priority()?.parse().ok()
}

/// Whether no request meets the conditions of both: the hosts or the paths of the one are none of the other.
pub(super) fn is_apart(rule: &Rule, other: &Rule) -> bool {
    let excludes = |one: &RuleCondition, another: &RuleCondition| {
        let (ones, others) = (patterns(one), patterns(another));
        let common = ones.iter().any(|one| others.iter().any(|another| overlap(one, another)));
        one.field() == another.field() && !ones.is_empty() && !others.is_empty() && !common
    };
    let mut conditions = rule.conditions().iter();
    conditions.any(|one| other.conditions().iter().any(|another| excludes(one, another)))
}

/// The patterns of a condition on the host, in small letters, or on the path; none of one that has regular expressions too.
fn patterns(condition: &RuleCondition) -> Vec<String> {
    let host = condition.host_header_config();
    let path = condition.path_pattern_config();
    let expressions = [
        condition.regex_values(),
        host.map(|config| config.regex_values()).unwrap_or_default(),
        path.map(|config| config.regex_values()).unwrap_or_default(),
    ];
    if expressions.iter().any(|some| !some.is_empty()) {
        return Vec::new();
    }
    let given = host.map(|config| config.values()).or(path.map(|config| config.values()));
    let given = given.unwrap_or_else(|| condition.values()).iter();
    // A host is the same however it is written, a path is not.
    match condition.field() {
        Some("host-header") => given.map(|pattern| pattern.to_lowercase()).collect(),
        Some("path-pattern") => given.cloned().collect(),
        _ => Vec::new(),
    }
}

fn takes_everything(condition: &RuleCondition) -> bool {
    let all: &[&str] = match condition.field() {
        Some("path-pattern") => &["*", "/*"],
        Some("host-header") => &["*"],
        _ => return false,
    };
    patterns(condition).iter().any(|pattern| all.contains(&pattern.as_str()))
}

/// Whether every request that meets `narrow` meets `wide` too, as far as can be told: the same condition, or patterns of which
/// each of the narrow ones is matched by a wide one.
fn covers(wide: &RuleCondition, narrow: &RuleCondition) -> bool {
    if wide == narrow {
        return true;
    }
    let (wide_patterns, narrow_patterns) = (patterns(wide), patterns(narrow));
    wide.field() == narrow.field()
        && !narrow_patterns.is_empty()
        && narrow_patterns.iter().all(|one| wide_patterns.iter().any(|wide| matches(wide, one)))
}

/// `*` stands for any characters and `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // Which lengths of the text's beginning the pattern so far can stand for.
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    for symbol in pattern {
        let mut next = vec![false; text.len() + 1];
        if symbol == '*' {
            let mut seen = false;
            for (length, reached) in reach.iter().enumerate() {
                seen |= reached;
                next[length] = seen;
            }
        } else {
            for length in 1..=text.len() {
                let same = symbol == text[length - 1] || symbol == '?' && text[length - 1] != '*';
                next[length] = reach[length - 1] && same;
            }
        }
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}

/// Whether some text matches both patterns.
fn overlap(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // Whether what is left of the one from there on has a text in common with each rest of the other.
    let mut rests = vec![false; other.len() + 1];
    for start in (0..=one.len()).rev() {
        let mut now = vec![false; other.len() + 1];
        for begin in (0..=other.len()).rev() {
            now[begin] = match (one.get(start), other.get(begin)) {
                (None, None) => true,
                // A star stands for nothing, or for one thing more that the other says.
                (Some('*'), next) => rests[begin] || next.is_some() && now[begin + 1],
                (next, Some('*')) => now[begin + 1] || next.is_some() && rests[begin],
                (Some(a), Some(b)) => (a == b || *a == '?' || *b == '?') && rests[begin + 1],
                _ => false,
            };
        }
        rests = now;
    }
    rests[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_it_stands_for() {
        for (pattern, text) in [
            ("*", "shop.example"),
            ("/*", "/api/*"),
            ("/a?c", "/abc"),
            ("*.example", "a.b.example"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("/api/*", "/*"), ("/a?c", "/a*c"), ("/a", "/ab"), ("", "a"), ("*.example", "example")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
    #[test]
    fn patterns_overlap_if_a_text_matches_both() {
        for (one, other, both) in [
            ("shop.example", "shop.example", true),
            ("shop.example", "admin.example", false),
            ("*.example", "www.*", true),
            ("*.example", "*.test", false),
            ("/api/*", "/*/pets", true),
            ("/api/*", "/admin/*", false),
            ("/a?c", "/*b*", true),
            ("/a?c", "/a", false),
            ("*", "", true),
            ("", "?", false),
            ("a*b*c", "*d", false),
            ("a*b*d", "*?d", true),
        ] {
            assert_eq!(overlap(one, other), both, "{one} {other}");
            assert_eq!(overlap(other, one), both, "{other} {one}");
        }
    }
}
