//! The cookie that keeps a client with a target group.
//!
//! An Application Load Balancer generates a cookie `AWSALBTG` when it first routes a request to a weighted target
//! group, encrypts it, follows it "to the target group specified in the cookie", and renews its expiry after every
//! request. Here its value is the group's name and the time it holds until, in hexadecimal with a checksum: opaque
//! enough that nobody reads it by accident, and no secret. The second cookie for cross-origin requests is left out.
//!
//! AWS does not say what becomes of a cookie whose group has a weight of 0 or is not in the rule any more. Here it is
//! ignored and replaced, so that a rollback always takes every client along.
//!
//! Source: AWS, *Sticky sessions for your Application Load Balancer*; *Action types for listener rules*,
//! "Forward actions".

use std::fmt::Write;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderValue};
use jiff::Timestamp;

/// The name of the cookie.
pub(crate) const COOKIE_NAME: &str = "AWSALBTG";

/// Whether the request carries a valid cookie for that group.
pub(crate) fn names(headers: &HeaderMap, group: &str, now: i64) -> bool {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .any(|(_, value)| {
            decode(value).is_some_and(|(until, name)| until > now && name == group.as_bytes())
        })
}

/// The `Set-Cookie` for an answer of that group.
pub(crate) fn set_cookie(group: &str, stickiness: Duration, now: i64) -> Option<HeaderValue> {
    let until = now.saturating_add(i64::try_from(stickiness.as_secs()).ok()?);
    let expires = Timestamp::from_second(until).ok()?;
    let expires =
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&expires).ok()?;
    let value = encode(group, until);
    HeaderValue::from_str(&format!("{COOKIE_NAME}={value}; Expires={expires}; Path=/")).ok()
}

fn encode(group: &str, until: i64) -> String {
    let plain = [&until.to_be_bytes(), group.as_bytes()].concat();
    let sealed = [&checksum(&plain).to_be_bytes()[..], &plain].concat();
    sealed.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn decode(value: &str) -> Option<(i64, Vec<u8>)> {
    if !value.is_ascii() || !value.len().is_multiple_of(2) || value.len() > 1024 {
        return None;
    }
    let bytes: Vec<u8> = (0..value.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&value[i..i + 2], 16).ok())
        .collect::<Option<_>>()?;
    let (sum, plain) = bytes.split_first_chunk::<8>()?;
    let (until, group) = plain.split_first_chunk::<8>()?;
    (u64::from_be_bytes(*sum) == checksum(plain))
        .then(|| (i64::from_be_bytes(*until), group.to_vec()))
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    #[test]
    fn a_cookie_names_its_group_until_it_expires() {
        let cookie = set_cookie("blue", Duration::from_secs(60), 1000).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.ends_with("; Expires=Thu, 01 Jan 1970 00:17:40 GMT; Path=/"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let headers = request(&format!("a=b; {pair}; c=d"));
        assert!(names(&headers, "blue", 1059));
        assert!(!names(&headers, "blue", 1060));
        assert!(!names(&headers, "green", 1000));
    }

    #[test]
    fn what_is_not_a_cookie_of_ours_is_ignored() {
        let good = encode("blue", 2000);
        let flipped = good.replacen(&good[..1], if &good[..1] == "0" { "1" } else { "0" }, 1);
        for value in ["", "00", "xyz", "é", &good[2..], &flipped, &"0".repeat(2000)] {
            let mut headers = HeaderMap::new();
            let cookie = format!("{COOKIE_NAME}={value}");
            headers.insert(COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
            assert!(!names(&headers, "blue", 1000), "{value}");
        }
        assert!(names(&request(&format!("{COOKIE_NAME}={good}")), "blue", 1000));
    }
}
