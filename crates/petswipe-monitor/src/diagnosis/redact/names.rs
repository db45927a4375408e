//! What is called a secret: `DB_PASS`, `encryptionKey`, `X-Amz-Security-Token`.

/// How what a name stands for is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A secret.
    Secret,
    /// A secret after `=` or as a quoted key; before a colon it may be prose, as in `registry auth: retrieval failed`.
    Assigned,
    /// A scheme and credentials.
    Authorization,
    /// Pairs.
    Cookie,
}

/// Anywhere in a name, in small letters and without separators.
const WITHIN: [&str; 18] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "credential",
    "signature",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "sharedkey",
    "authkey",
];
/// A part of a name.
const PARTS: [&str; 10] = ["pass", "pw", "otp", "jwt", "sid", "sig", "cred", "creds", "cvv", "cvc"];
/// A part of a name, which is prose as often.
const PROSE: [&str; 3] = ["auth", "session", "sessionid"];
/// `…_key` is a secret, but for these.
const PLAIN_KEYS: [&str; 32] = [
    "bucket",
    "cache",
    "column",
    "composite",
    "config",
    "duplicate",
    "event",
    "foreign",
    "group",
    "hash",
    "idempotency",
    "index",
    "item",
    "join",
    "lookup",
    "map",
    "message",
    "metric",
    "object",
    "order",
    "partition",
    "primary",
    "public",
    "range",
    "record",
    "redis",
    "routing",
    "row",
    "s3",
    "shard",
    "sort",
    "unique",
];
/// What ends a name of something about a secret, and not of itself.
const ABOUT: [&str; 16] = [
    "arn", "count", "expired", "expires", "expiry", "file", "len", "length", "limit", "name",
    "path", "policy", "status", "ttl", "type", "version",
];

impl Name {
    /// What a word is the name of; `None` for an ordinary one.
    pub(super) fn of(word: &str) -> Option<Self> {
        let parts = parts(word);
        let last = parts.last()?.as_str();
        if parts.len() > 1 && ABOUT.contains(&last) {
            return None;
        }
        let joined = parts.concat();
        if joined.contains("authorization") {
            return Some(Self::Authorization);
        }
        if joined.contains("cookie") {
            return Some(Self::Cookie);
        }
        let is_part = |known: &[&str]| parts.iter().any(|part| known.contains(&part.as_str()));
        let before = parts.len().checked_sub(2).and_then(|at| parts.get(at));
        let is_key = matches!(last, "key" | "keys")
            && before.is_some_and(|part| !PLAIN_KEYS.contains(&part.as_str()));
        if WITHIN.iter().any(|known| joined.contains(known)) || is_part(&PARTS) || is_key {
            return Some(Self::Secret);
        }
        is_part(&PROSE).then_some(Self::Assigned)
    }

    /// Whether a quoted text may follow without anything between, as in `ALTER ROLE shop PASSWORD 'x'`.
    pub(super) fn takes_quoted(word: &str) -> bool {
        let joined = parts(word).concat();
        ["password", "passwd", "passphrase", "pwd"].iter().any(|known| joined.ends_with(known))
    }
}

/// The parts of a name in small letters: `DB_Pass` and `dbPass` are `db` and `pass`.
fn parts(word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for c in word.chars() {
        let separates = !c.is_ascii_alphanumeric();
        if separates || (c.is_ascii_uppercase() && was_small) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| !separates) {
            part.push(c.to_ascii_lowercase());
        }
        was_small = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_secret_or_not() {
        for word in [
            "password",
            "DB_PASS",
            "dbPass",
            "PGPASSWORD",
            "ENCRYPTION_KEY",
            "encryptionKey",
            "x-api-key",
            "SecretAccessKey",
            "aws_session_token",
            "X-Amz-Signature",
            "npassword",
            "SECRET_KEY_BASE",
            "client.secret",
            "--token",
            "connect.sid",
            "sshKeys",
            "passphrase",
        ] {
            assert_eq!(Name::of(word), Some(Name::Secret), "{word}");
        }
        for word in [
            "key",
            "primary_key",
            "cacheKey",
            "s3_key",
            "monkey",
            "compass",
            "bypass",
            "author",
            "secret_name",
            "token_type",
            "passwordPolicy",
            "SecretArn",
            "message",
            "side",
            "",
            "design",
            "sessions",
        ] {
            assert_eq!(Name::of(word), None, "{word}");
        }
        assert_eq!(Name::of("Proxy-Authorization"), Some(Name::Authorization));
        assert_eq!(Name::of("Set-Cookie"), Some(Name::Cookie));
        assert_eq!(Name::of("session_id"), Some(Name::Assigned));
        assert!(Name::takes_quoted("DB_PASSWORD") && !Name::takes_quoted("token"));
    }
}
