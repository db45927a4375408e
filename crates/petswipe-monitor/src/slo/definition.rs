//! A service level objective: what is promised, for how long, and when somebody is told.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::alert::spoken;
use super::{BurnRateAlert, Objective};
use crate::{Error, Subject};

/// What is promised of a service over a rolling period, and the alerts on it.
///
/// It can't be built unless it makes sense; as JSON it is checked when it is read.
///
/// ```
/// use petswipe_monitor::slo::{DAYS_30, Objective, Slo};
/// use std::time::Duration;
/// let promises = [Objective::availability(0.999)?, Objective::latency(0.99, Duration::from_millis(250))?];
/// let slo = Slo::new("checkout", "shop", promises, DAYS_30)?;
/// assert_eq!(slo.alerts().len(), 4);
/// assert_eq!(slo.subject().environment, "shop");
///
/// let empty = Slo::new("checkout", "shop", [], DAYS_30).unwrap_err();
/// assert_eq!(empty.to_string(), "objectives of the SLO checkout is empty; allowed: one or more");
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Slo {
    name: String,
    service: String,
    description: String,
    subject: Subject,
    objectives: Vec<Objective>,
    period: Duration,
    alerts: Vec<BurnRateAlert>,
}

/// An SLO before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    service: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    subject: Subject,
    objectives: Vec<Objective>,
    period: Duration,
    alerts: Vec<BurnRateAlert>,
}

/// The most common period.
pub const DAYS_30: Duration = Duration::from_secs(30 * 86_400);

/// The longest period: a leap year.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

impl Slo {
    /// Objectives for a service over a rolling period, with the [standard alerts](BurnRateAlert::standard). Its metrics are
    /// those of the environment that is called like the service, unless [`about`](Self::about) says otherwise.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for names that are no DNS labels (OpenSLO and rules need that), without objectives, for two of
    /// the same kind and threshold, and for a period that is not whole minutes, less than a week, or longer than 366 days.
    pub fn new(
        name: impl Into<String>,
        service: impl Into<String>,
        objectives: impl IntoIterator<Item = Objective>,
        period: Duration,
    ) -> Result<Self, Error> {
        let slo = Self::unalerted(name, service, objectives, period)?;
        let alerts = BurnRateAlert::standard(period)?;
        Ok(Self { alerts, ..slo })
    }

    /// The same without alerts, of any period.
    pub(super) fn unalerted(
        name: impl Into<String>,
        service: impl Into<String>,
        objectives: impl IntoIterator<Item = Objective>,
        period: Duration,
    ) -> Result<Self, Error> {
        let service = service.into();
        let slo = Self {
            name: name.into(),
            description: String::new(),
            subject: Subject::environment(service.clone()),
            service,
            objectives: objectives.into_iter().collect(),
            period,
            alerts: Vec::new(),
        };
        slo.check()?;
        Ok(slo)
    }

    /// The same with these alerts in the place of the standard ones; without any, nobody is called.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for two with the same windows and severity, and for windows longer than the period.
    pub fn with_alerts(
        mut self,
        alerts: impl IntoIterator<Item = BurnRateAlert>,
    ) -> Result<Self, Error> {
        self.alerts = alerts.into_iter().collect();
        self.check()?;
        Ok(self)
    }

    /// The same, about the metrics of that subject.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// The same with a description for people.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    fn check(&self) -> Result<(), Error> {
        let name = &self.name;
        label("name of the SLO", name)?;
        label(&format!("service of the SLO {name}"), &self.service)?;
        let of = |field: &str| format!("{field} of the SLO {name}");
        if self.objectives.is_empty() {
            return Err(Error::invalid(of("objectives"), "empty", "one or more"));
        }
        let mut seen = HashSet::new();
        for objective in &self.objectives {
            objective.check()?;
            if !seen.insert(objective.name()) {
                let allowed = "each kind and threshold once";
                return Err(Error::invalid(of("objectives"), objective.name(), allowed));
            }
        }
        let period = self.period;
        if period.is_zero() || !period.as_nanos().is_multiple_of(60_000_000_000) || period > LONGEST
        {
            let allowed = "whole minutes, at most 366d";
            return Err(Error::invalid(of("period"), format!("{period:?}"), allowed));
        }
        for (index, alert) in self.alerts.iter().enumerate() {
            let key = |alert: &BurnRateAlert| (alert.long(), alert.short(), alert.severity());
            if self.alerts[..index].iter().any(|other| key(other) == key(alert)) {
                let allowed = "each severity and pair of windows once";
                return Err(Error::invalid(of("alerts"), alert, allowed));
            }
            if alert.long() > period {
                let allowed = format!("windows of at most the period of {}", spoken(period));
                return Err(Error::invalid(of("alert"), alert, allowed));
            }
        }
        Ok(())
    }

    /// Its name, a DNS label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The service, a DNS label.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// What it says to people.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whose metrics it is about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is promised, one or more.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// How far back the budget reaches.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// When somebody is called.
    pub fn alerts(&self) -> &[BurnRateAlert] {
        &self.alerts
    }

    /// The lengths of all windows that are looked at, rising, each once; the longest is the period.
    pub fn windows(&self) -> Vec<Duration> {
        let mut lengths: Vec<_> =
            self.alerts.iter().flat_map(|alert| [alert.long(), alert.short()]).collect();
        lengths.push(self.period);
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    /// One SLO for each objective: itself if it has one, else several with the objective's name behind its own.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] if such a name is longer than 63 characters.
    pub fn apart(&self) -> Result<Vec<Slo>, Error> {
        if self.objectives.len() == 1 {
            return Ok(vec![self.clone()]);
        }
        let one = |objective: &Objective| {
            let name = format!("{}-{}", self.name, objective.name());
            let slo = Self { name, objectives: vec![*objective], ..self.clone() };
            slo.check()?;
            Ok(slo)
        };
        self.objectives.iter().map(one).collect()
    }

    /// Checks that no two have the same name.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the first name that is there twice.
    pub fn check_unique(slos: &[Slo]) -> Result<(), Error> {
        let mut seen = HashSet::new();
        match slos.iter().find(|slo| !seen.insert(slo.name())) {
            Some(twice) => Err(Error::invalid("name of the SLO", twice.name(), "each name once")),
            None => Ok(()),
        }
    }
}

impl TryFrom<Written> for Slo {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let Written { name, service, description, subject, objectives, period, alerts } = written;
        let slo = Self { name, service, description, subject, objectives, period, alerts };
        slo.check()?;
        Ok(slo)
    }
}

impl From<Slo> for Written {
    fn from(slo: Slo) -> Self {
        let Slo { name, service, description, subject, objectives, period, alerts } = slo;
        Self { name, service, description, subject, objectives, period, alerts }
    }
}

/// Checks a DNS label as of RFC 1123.
fn label(field: &str, name: &str) -> Result<(), Error> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = name.starts_with('-') || name.ends_with('-');
    if name.is_empty() || name.len() > 63 || edges || !name.chars().all(inside) {
        let allowed = "1 to 63 lower-case letters, digits and hyphens, no hyphen at either end";
        let given = if name.is_empty() { "empty" } else { name };
        return Err(Error::invalid(field, given, allowed));
    }
    Ok(())
}
