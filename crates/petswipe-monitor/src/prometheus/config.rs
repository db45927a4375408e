//! Where Prometheus is, how it is spoken to, and how often it scrapes.

use std::fmt;
use std::time::Duration;

use super::PrometheusQueries;
use crate::Error;

/// A password or a token. It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret. White space around it, such as the last line break of a file, is not of it.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`], without the value, when nothing is left or it has characters that no header can carry.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        match !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            true => Ok(Self(text.to_owned())),
            false => {
                Err(Error::invalid("secret", "***", "printable ASCII characters, at least one"))
            }
        }
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How to prove who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// With a token, as "Bearer".
    Bearer(Secret),
    /// With a name and a password, as "Basic".
    Basic {
        /// The name, without a colon.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// A server with the HTTP API of Prometheus, and what is known of its scrapes.
///
/// Printed, it shows no user, password or query that somebody put into the URL, though none of them is accepted there.
#[derive(Clone)]
pub struct PrometheusConfig {
    /// Where it is: `http://127.0.0.1:9090`, or with a path before `/api/v1`: `https://metrics.example.com/prometheus`.
    pub url: String,
    /// Who asks.
    pub credentials: Credentials,
    /// Whether credentials may go over plain HTTP to another machine, such as through a mesh that encrypts. Not unless set.
    pub plain_credentials: bool,
    /// How long one call may take; 5 s unless set.
    pub timeout: Duration,
    /// The longest answer that is read, in bytes; 64 MiB unless set.
    pub longest_answer: usize,
    /// How often it scrapes the targets, its `scrape_interval`: 15 s unless set.
    pub scrape_interval: Duration,
    /// The length of a period: the scrape interval unless set. Never below it, in whole milliseconds.
    pub resolution: Option<Duration>,
    /// How long after its end a period is complete: two scrape intervals unless set. Within the first is the scrape that ends
    /// it; that is dated when it begins and takes its time-out at most, which is never longer than the interval.
    pub lag: Option<Duration>,
    /// By how much its clock may differ from ours, besides the second that its `Date` leaves open; 2 s unless set. With
    /// `None` that is not looked at. A clock that is off answers about another time than was asked about.
    pub clock_skew: Option<Duration>,
    /// Which series tell what.
    pub queries: PrometheusQueries,
}

impl fmt::Debug for PrometheusConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusConfig")
            .field("url", &without_secrets(&self.url))
            .field("credentials", &self.credentials)
            .field("plain_credentials", &self.plain_credentials)
            .field("timeout", &self.timeout)
            .field("longest_answer", &self.longest_answer)
            .field("scrape_interval", &self.scrape_interval)
            .field("resolution", &self.resolution)
            .field("lag", &self.lag)
            .field("clock_skew", &self.clock_skew)
            .field("queries", &self.queries)
            .finish()
    }
}

/// A URL without what may be secret in it. As it may be none, everything up to the last @ is taken for a user.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let shown = place.split(['?', '#']).next().unwrap_or_default();
    let user = if place.len() < rest.len() { "***@" } else { "" };
    let query = if shown.len() < place.len() { "?***" } else { "" };
    let separator = if rest.len() < url.len() { "://" } else { "" };
    format!("{scheme}{separator}{user}{shown}{query}")
}

impl PrometheusConfig {
    /// The server at `url`, with defaults for the rest.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: Credentials::None,
            plain_credentials: false,
            timeout: Duration::from_secs(5),
            longest_answer: 64 << 20,
            scrape_interval: Duration::from_secs(15),
            resolution: None,
            lag: None,
            clock_skew: Some(Duration::from_secs(2)),
            queries: PrometheusQueries::default(),
        }
    }

    pub(super) fn resolution(&self) -> Duration {
        self.resolution.unwrap_or(self.scrape_interval)
    }

    pub(super) fn lag(&self) -> Duration {
        self.lag.unwrap_or(self.scrape_interval * 2)
    }

    /// How long after an edge a scrape tells how things were there: three scrapes, of which two may have failed.
    pub(super) fn gap(&self) -> Duration {
        self.scrape_interval * 3
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        const DAY: Duration = Duration::from_secs(86_400);
        let time = |field: &str, given: Duration, least: Duration, allowed: &str| {
            let whole = given.subsec_nanos().is_multiple_of(1_000_000);
            match whole && given >= least && given <= DAY {
                true => Ok(()),
                false => Err(Error::invalid(field, format!("{given:?}"), allowed)),
            }
        };
        let millisecond = Duration::from_millis(1);
        let some = "whole milliseconds, at least one, at most a day";
        time("scrape interval", self.scrape_interval, millisecond, some)?;
        time("timeout", self.timeout, millisecond, some)?;
        let least =
            format!("at least the scrape interval of {:?}, at most a day", self.scrape_interval);
        time("resolution", self.resolution(), self.scrape_interval, &least)?;
        time("lag", self.lag(), self.scrape_interval, &least)?;
        if self.longest_answer == 0 {
            return Err(Error::invalid("longest answer", 0, "at least a byte"));
        }
        if let Credentials::Basic { user, .. } = &self.credentials
            && (user.is_empty() || user.contains(':'))
        {
            return Err(Error::invalid("user", user, "a name without a colon"));
        }
        self.queries.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_config_shows_where_and_no_secret() {
        for (url, shown) in [
            ("http://127.0.0.1:9090/some/path", "http://127.0.0.1:9090/some/path"),
            ("https://ann:hunter2@h:1/p", "https://***@h:1/p"),
            ("https://ann:hunt/er2@hunter2@h:1/p", "https://***@h:1/p"),
            ("https://h:1/p?token=hunter2", "https://h:1/p?***"),
            ("https://h:1/p#hunter2", "https://h:1/p?***"),
            ("https://h?x=hunter2@h2", "https://***@h2"),
            ("ann:hunter2@h", "***@h"),
        ] {
            let printed = format!("{:?}", PrometheusConfig::new(url));
            assert!(printed.contains(&format!("url: {shown:?}")), "{printed}");
            assert!(!printed.contains("hunter2@") && !printed.contains("=hunter2"), "{printed}");
        }
        let basic = Credentials::Basic {
            user: "ann".to_owned(),
            password: Secret::new("hunter2").unwrap(),
        };
        let config = PrometheusConfig { credentials: basic, ..PrometheusConfig::new("http://h") };
        assert!(
            format!("{config:?}").contains("***") && !format!("{config:?}").contains("hunter2")
        );
    }
}
