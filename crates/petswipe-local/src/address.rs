//! Where a cloud is and the token that opens it, neither of which is ever printed by accident.

use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::str::FromStr;

use petswipe_deploy::Error;

/// The secret that every call of the control API carries. It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Checks `text` and makes it a token.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] (without the value) unless it is 16 to 128 characters out of `a-z A-Z 0-9 _ -`.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !(16..=128).contains(&text.len()) || !text.chars().all(allowed) {
            return Err(Error::invalid(
                "token",
                "***",
                "16 to 128 characters out of a-z A-Z 0-9 _ -",
            ));
        }
        Ok(Self(text))
    }

    /// 256 bits from the operating system.
    pub(crate) fn random() -> Result<Self, Error> {
        random_digits::<32>().map(Self)
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the first difference is.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let mut difference = u8::from(own.len() != other.len());
        for (index, byte) in own.iter().enumerate() {
            difference |=
                std::hint::black_box(byte ^ other.get(index).copied().unwrap_or_default());
        }
        std::hint::black_box(difference) == 0
    }
}

/// So many bytes from the operating system, as hexadecimal digits.
pub(crate) fn random_digits<const BYTES: usize>() -> Result<String, Error> {
    let mut bytes = [0; BYTES];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Error::backend("reading /dev/urandom", error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The address of a control API with its token: `http://TOKEN@127.0.0.1:4100`, as the variable `PETSWIPE_CLOUD` and the
/// flag `--cloud` of the examples have it.
///
/// It prints without the token; [`reveal`](Self::reveal) is the one way to see that.
///
/// ```
/// use petswipe_local::CloudUrl;
/// let url: CloudUrl = "http://0123456789abcdef@127.0.0.1:4100".parse()?;
/// assert_eq!(url.to_string(), "http://127.0.0.1:4100");
/// assert!(!format!("{url:?}").contains("0123456789abcdef"));
/// assert_eq!(url.reveal(), "http://0123456789abcdef@127.0.0.1:4100");
/// # Ok::<(), petswipe_deploy::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CloudUrl {
    address: SocketAddr,
    token: Token,
}

impl CloudUrl {
    pub(crate) fn new(address: SocketAddr, token: Token) -> Self {
        Self { address, token }
    }

    /// Where the control API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// The URL with the token, for a file that only its owner can read or for another process's environment.
    pub fn reveal(&self) -> String {
        format!("http://{}@{}", self.token.0, self.address)
    }
}

const ALLOWED: &str = "http://TOKEN@127.0.0.1:PORT";

impl FromStr for CloudUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // The value may hold a token, so no message repeats it.
        let bad = || Error::invalid("cloud URL", "***", ALLOWED);
        let rest = text.trim().strip_prefix("http://").ok_or_else(bad)?;
        let (token, place) = rest.split_once('@').unwrap_or(("", rest));
        let place = place.trim_end_matches('/').replace("localhost:", "127.0.0.1:");
        if token.is_empty() && place.parse::<SocketAddr>().is_ok() {
            // Only an address: there is nothing secret in it.
            let allowed = format!("{ALLOWED}, all of it as local_cloud prints it");
            return Err(Error::invalid(
                "cloud URL",
                format!("http://{place} without a token"),
                allowed,
            ));
        }
        let address: SocketAddr = place.parse().map_err(|_| bad())?;
        if !address.ip().is_loopback() {
            let allowed = "a loopback address: the token is not for the network";
            return Err(Error::invalid("cloud URL", address, allowed));
        }
        Ok(Self { address, token: Token::new(token)? })
    }
}

impl fmt::Display for CloudUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.address)
    }
}

impl fmt::Debug for CloudUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://***@{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_is_accepted() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in ["", "0", "0123456789abcdeg", "0123456789abcdef0", "1123456789abcdef"] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert_ne!(Token::random().unwrap(), Token::random().unwrap());
    }

    #[test]
    fn nothing_prints_the_token() {
        let url = CloudUrl::new(([127, 0, 0, 1], 80).into(), Token::random().unwrap());
        let secret = url.token().reveal().to_owned();
        let config = crate::CloudConfig { token: Some(url.token.clone()), ..Default::default() };
        for text in [format!("{url:?} {url}"), format!("{config:?} {:?}", url.token)] {
            assert!(!text.contains(&secret), "{text}");
        }
        let parsed: CloudUrl = url.reveal().parse().unwrap();
        assert_eq!(parsed, url);
    }

    #[test]
    fn a_bad_url_is_refused_without_being_repeated() {
        let bad = [
            "",
            "127.0.0.1:80",
            "http://127.0.0.1:80",
            "https://0123456789abcdef@127.0.0.1:80",
            "http://short@127.0.0.1:80",
            "http://0123456789abcdef@127.0.0.1",
            "http://0123456789abcdef@10.0.0.1:80",
        ];
        for text in bad {
            let message = text.parse::<CloudUrl>().expect_err(text).to_string();
            assert!(!message.contains("0123456789abcdef"), "{message}");
        }
        for bare in ["http://127.0.0.1:80", "http://@localhost:80/"] {
            let message = bare.parse::<CloudUrl>().expect_err(bare).to_string();
            assert!(message.contains("http://127.0.0.1:80 without a token"), "{message}");
        }
        assert!("http://0123456789abcdef@localhost:80/".parse::<CloudUrl>().is_ok());
        assert!("http://0123456789abcdef@[::1]:80".parse::<CloudUrl>().is_ok());
    }
}
