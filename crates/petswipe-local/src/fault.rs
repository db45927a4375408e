//! Ways in which the sample application misbehaves on command.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use petswipe_deploy::{Error, Image};
use serde::{Deserialize, Serialize};

const ALLOWED: &str = "none, error-rate=0.2 (a share from 0 to 1), latency=800ms, crash-on-boot, crash-after=10s, \
                       slow-start=5s, unhealthy";

/// Stands between an image and its fault. No registry allows it in a tag.
pub(crate) const MARK: char = '+';

/// What is wrong with a version of the sample application. Read from `PETSWIPE_FAULT` when a task starts.
///
/// ```
/// use petswipe_local::Fault;
/// use std::time::Duration;
/// assert_eq!("latency=800ms".parse::<Fault>()?, Fault::Latency(Duration::from_millis(800)));
/// assert_eq!(Fault::ErrorRate(0.2).to_string(), "error-rate=0.2");
/// let error = "on-fire".parse::<Fault>().unwrap_err();
/// assert!(error.to_string().contains("on-fire") && error.to_string().contains("crash-on-boot"));
/// # Ok::<(), petswipe_deploy::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// This share of answers under `/api`, 0 to 1, is 500.
    ErrorRate(f64),
    /// Every answer under `/api` takes this much longer.
    Latency(Duration),
    /// The process exits with 1 before it listens.
    CrashOnBoot,
    /// The process exits with 1 this long after it began to listen.
    CrashAfter(Duration),
    /// Cold caches: for this long after the first request under `/api`, every answer there takes 2 s longer.
    SlowStart(Duration),
    /// `/health` answers 500 while everything else works.
    Unhealthy,
}

impl Fault {
    /// That image with this fault: `petswipe:v2` as `petswipe:v2+latency=800ms`. A cloud runs the image that stands before
    /// the `+`, with the fault in [`FAULT_VARIABLE`](crate::FAULT_VARIABLE).
    ///
    /// ```
    /// use petswipe_deploy::Image;
    /// use petswipe_local::Fault;
    /// let bad = Fault::Unhealthy.on(&Image::new("petswipe:v2")?)?;
    /// assert_eq!(bad.as_str(), "petswipe:v2+unhealthy");
    /// assert_eq!(Fault::of(&bad)?, (Image::new("petswipe:v2")?, Some(Fault::Unhealthy)));
    /// # Ok::<(), petswipe_deploy::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when that is too long for a name.
    pub fn on(self, image: &Image) -> Result<Image, Error> {
        match self {
            Self::None => Ok(image.clone()),
            fault => Image::new(format!("{image}{MARK}{fault}")),
        }
    }

    /// The other way round: the image without its fault, and the fault if it has one.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when what stands after the `+` is no fault.
    pub fn of(image: &Image) -> Result<(Image, Option<Self>), Error> {
        match image.as_str().split_once(MARK) {
            Some((name, fault)) => Ok((Image::new(name)?, Some(fault.parse()?))),
            None => Ok((image.clone(), None)),
        }
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::invalid("fault", text, ALLOWED);
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let duration = |value| parse_duration(value).ok_or_else(bad);
        match (name, value) {
            ("none", None) => Ok(Self::None),
            ("crash-on-boot", None) => Ok(Self::CrashOnBoot),
            ("unhealthy", None) => Ok(Self::Unhealthy),
            ("error-rate", Some(value)) => match value.parse::<f64>() {
                Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(Self::ErrorRate(rate)),
                _ => Err(bad()),
            },
            ("latency", Some(value)) => duration(value).map(Self::Latency),
            ("crash-after", Some(value)) => duration(value).map(Self::CrashAfter),
            ("slow-start", Some(value)) => duration(value).map(Self::SlowStart),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::ErrorRate(rate) => write!(f, "error-rate={rate}"),
            Self::Latency(time) => write!(f, "latency={time:?}"),
            Self::CrashOnBoot => f.write_str("crash-on-boot"),
            Self::CrashAfter(time) => write!(f, "crash-after={time:?}"),
            Self::SlowStart(time) => write!(f, "slow-start={time:?}"),
            Self::Unhealthy => f.write_str("unhealthy"),
        }
    }
}

impl TryFrom<String> for Fault {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> String {
        fault.to_string()
    }
}

/// `800ms`, `5s`, `1.5s`, `2m`; at most a day.
fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let total = number.parse::<f64>().ok().filter(|_| plain)? * seconds;
    (total <= 86_400.0).then(|| Duration::from_secs_f64(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULTS: [(&str, Fault); 9] = [
        ("none", Fault::None),
        ("error-rate=0.2", Fault::ErrorRate(0.2)),
        ("error-rate=1", Fault::ErrorRate(1.0)),
        ("latency=800ms", Fault::Latency(Duration::from_millis(800))),
        ("crash-on-boot", Fault::CrashOnBoot),
        ("crash-after=10s", Fault::CrashAfter(Duration::from_secs(10))),
        ("slow-start=5s", Fault::SlowStart(Duration::from_secs(5))),
        ("slow-start=1.5s", Fault::SlowStart(Duration::from_millis(1500))),
        ("unhealthy", Fault::Unhealthy),
    ];

    #[test]
    fn every_fault_is_read_and_written_the_same() {
        for (text, fault) in FAULTS {
            assert_eq!(text.parse::<Fault>().unwrap(), fault, "{text}");
            assert_eq!(fault.to_string(), text);
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
        }
    }

    #[test]
    fn an_unknown_fault_is_refused_with_its_value_and_what_is_allowed() {
        let bad = [
            "",
            "fire",
            "none=1",
            "error-rate",
            "error-rate=1.1",
            "error-rate=-0.1",
            "error-rate=nan",
            "latency=5",
            "latency=-5s",
            "latency=1e3s",
            "latency=ms",
            "latency=5h",
            "latency=99999m",
            "crash-after",
            "unhealthy=1",
            "slow-start=inf",
            "slow-start=.s",
        ];
        for text in bad {
            let message = text.parse::<Fault>().expect_err(text).to_string();
            assert!(message.contains(text) && message.contains("error-rate=0.2"), "{message}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("250us"), Some(Duration::from_micros(250)));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("86400s"), Some(Duration::from_secs(86_400)));
    }
}
