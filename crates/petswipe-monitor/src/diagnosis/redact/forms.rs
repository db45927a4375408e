//! What has the form of a secret, whatever it is called.
//!
//! Sources: RFC 3986 (userinfo), RFC 7468 (private keys), RFC 7519 (JSON web tokens), RFC 6750 and 7617 (bearer and basic
//! credentials); AWS IAM User Guide, "IAM identifiers" (`AKIA`, `ASIA`); "About authentication to GitHub" and the like for
//! the prefixes of tokens.

use std::ops::Range;
use std::sync::LazyLock;

use regex_lite::Regex;

#[allow(clippy::expect_used, reason = "the patterns are constants, and a test uses each")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that compiles")
}

/// What any match holds in small letters, so that most lines are done with quickly, and the pattern, whose group is hidden.
type Form = (&'static [&'static str], Regex);

static FORMS: LazyLock<[Form; 8]> = LazyLock::new(|| {
    [
        (
            &["private key"],
            pattern(
                r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?:.*-----END [A-Z0-9 ]*PRIVATE KEY-----|.*))",
            ),
        ),
        (&["eyj"], pattern(r"(eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_-]*)*)")),
        (&["akia", "asia"], pattern(r"((?:AKIA|ASIA)[A-Z0-9]{12,})")),
        (
            &["iqoj", "fwog", "fqog", "aqod"],
            pattern(r"((?:IQoJ|FwoG|FQoG|AQoD)[A-Za-z0-9/+=]{40,})"),
        ),
        (
            &[
                "ghp_",
                "gho_",
                "ghs_",
                "ghu_",
                "ghr_",
                "github_pat_",
                "glpat-",
                "xox",
                "k_live_",
                "k_test_",
                "npm_",
                "aiza",
                "sg.",
                "hf_",
                "shpat_",
            ],
            pattern(concat!(
                r"((?:gh[opsru]_|github_pat_|glpat-|xox[abeprs]-|[rs]k_(?:live|test)_|npm_|AIza|SG\.|hf_|shpat_)",
                r"[A-Za-z0-9_.-]{10,})"
            )),
        ),
        // curl -u user:password
        (&["-u", "--user"], pattern(r"(?:^|\s)(?:-u|--user)[ =]?[^\s:]+:(\S+)")),
        // user:password@tcp(host), of the MySQL driver for Go
        (&["@tcp(", "@unix("], pattern(r"[A-Za-z0-9_.-]+:(\S+)@(?:tcp|unix)\(")),
        // oracle:thin:user/password@host
        (&["thin:"], pattern(r"thin:[^\s/]+/(\S+)@")),
    ]
});

static CREDENTIALS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(bearer|basic)\s+([A-Za-z0-9._~+/=-]{6,})"));

/// Up to the last `@` of a word: nobody knows what a password consists of.
static URL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z][A-Za-z0-9+.-]*):\\*/\\*/([^\s"<>`]*)@"#));

static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\b(?:insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|select\s[^']*\sfrom\s|(?:alter|create)\s+(?:user|role)\s",
        r"|values\s*\(|identified\s+by\s|parameters:\s*\$1)"
    ))
});

/// What a statement holds in small letters.
const OF_STATEMENTS: [&str; 8] =
    ["insert", "update", "delete", "select", " user", " role", "values", "parameters:"];

/// Where SQL begins in a line, which is given in small letters, too.
pub(super) fn statement(text: &str, small: &str) -> Option<usize> {
    let may_be =
        OF_STATEMENTS.iter().any(|word| small.contains(word)) || small.contains("identified");
    if !may_be {
        return None;
    }
    STATEMENT.find(text).map(|found| found.start())
}

/// Adds what looks like a secret in a line, which is given in small letters, too.
pub(super) fn find(text: &str, small: &str, all: &mut Vec<Range<usize>>) {
    for (words, form) in FORMS.iter() {
        if words.iter().any(|word| small.contains(word)) {
            all.extend(
                form.captures_iter(text).filter_map(|found| found.get(1)).map(|one| one.range()),
            );
        }
    }
    if small.contains("bearer") || small.contains("basic") {
        for found in CREDENTIALS.captures_iter(text) {
            let Some((scheme, word)) = found.get(1).zip(found.get(2)) else { continue };
            if !is_prose(scheme.as_str(), word.as_str()) {
                all.push(word.range());
            }
        }
    }
    if text.contains('@') && text.contains(':') {
        for found in URL.captures_iter(text) {
            let Some((scheme, before)) = found.get(1).zip(found.get(2)) else { continue };
            let part = userinfo(scheme.as_str(), before.as_str());
            all.extend(part.map(|part| before.start() + part.start..before.start() + part.end));
        }
    }
    opaque(text, all);
}

/// A secret access key of AWS, which has 40 characters, and lines of base64, as of a key that is logged line by line. A hash in
/// hexadecimal is neither.
fn opaque(text: &str, all: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while from < bytes.len() {
        let is = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'/' | b'+');
        let length = bytes[from..].iter().take_while(is).count();
        let has = |is: fn(&u8) -> bool| bytes[from..from + length].iter().any(is);
        let is_random =
            has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
        if is_random && (length == 40 || length >= 60) {
            all.push(from..from + length);
        }
        from += length + 1;
    }
}

/// `Basic authentication` and `bearer token` are words.
fn is_prose(scheme: &str, word: &str) -> bool {
    let word = word.trim_end_matches(['.', '-']);
    let small = word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words = [
        "access",
        "authentication",
        "authorization",
        "challenge",
        "credential",
        "credentials",
        "header",
        "required",
        "scheme",
        "tokens",
        "validation",
    ];
    small && (scheme.eq_ignore_ascii_case("basic") || words.contains(&word))
}

/// What of `user:password` before an `@` is hidden; `None` where the `@` is part of a path.
fn userinfo(scheme: &str, before: &str) -> Option<Range<usize>> {
    let authority = before.find(['/', '?', '#', '\\']).unwrap_or(before.len());
    let is_web = ["http", "https", "ws", "wss"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    let mut end = before.len();
    if authority < end && is_web {
        let (host, at) = (&before[..authority], before[..authority].rfind('@'));
        let port = host.rsplit_once(':').map_or("", |(_, port)| port);
        match at {
            Some(at) => end = at,
            // A host and perhaps its port, and the `@` comes later.
            None if port.bytes().all(|byte| byte.is_ascii_digit()) => return None,
            None => {}
        }
    }
    let from = before[..end].find(':').map_or(0, |colon| colon + 1);
    Some(from..end)
}
