//! By whose metrics a rollout is judged: those of the backend, or what a Prometheus scrapes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use petswipe_monitor::prometheus::{
    Credentials, Matcher, PrometheusConfig, PrometheusSource, Secret, Selector,
};
use petswipe_monitor::{MetricSource, Shared, Subject, Window};

use crate::cli::some_seconds;
use crate::target::Parts;
use crate::{Exit, say};

/// What holds unless it is said.
const BACKEND: &str = "backend";
const INTERVAL: &str = "15";
const JOB: &str = "petswipe";
/// Where a token, or a name and a password, may be. They are never flags: everybody on the machine can read those.
const TOKEN: &str = "PROMETHEUS_TOKEN";
const USER: &str = "PROMETHEUS_USER";
const PASSWORD: &str = "PROMETHEUS_PASSWORD";

/// Flags about metrics.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub struct MetricFlags {
    /// What the new version is judged by: `backend`, the backend's own metrics, or `prometheus=URL`, what a Prometheus has
    /// scraped. Its bearer token, if it needs one, is in the variable PROMETHEUS_TOKEN or in --prometheus-token-file; a name
    /// and a password instead are in PROMETHEUS_USER and PROMETHEUS_PASSWORD
    #[arg(long = "metrics", env = "METRICS", value_name = "SOURCE", default_value = BACKEND, hide_env_values = true)]
    pub source: MetricText,
    /// A file with the bearer token for Prometheus
    #[arg(long, env = "PROMETHEUS_TOKEN_FILE", value_name = "FILE")]
    pub prometheus_token_file: Option<PathBuf>,
    /// The job of Prometheus that scrapes the metrics
    #[arg(long, env = "PROMETHEUS_JOB", value_name = "NAME", default_value = JOB)]
    pub prometheus_job: String,
    /// How often Prometheus scrapes that job, in seconds
    #[arg(long, env = "SCRAPE_INTERVAL", default_value = INTERVAL, value_name = "SECONDS", value_parser = some_seconds)]
    pub scrape_interval: Duration,
}

/// A source as it was given, not yet looked at: somebody may have put a password into the URL.
#[derive(Clone)]
pub struct MetricText(String);

impl From<String> for MetricText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for MetricText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl MetricFlags {
    /// Where Prometheus is, if that is what judges.
    fn url(&self) -> Result<Option<&str>, Exit> {
        match self.source.0.split_once('=') {
            Some(("prometheus", url)) => Ok(Some(url)),
            None if self.source.0 == BACKEND || self.source.0.is_empty() => Ok(None),
            _ => Err(Exit::usage(
                "--metrics is neither of what is allowed: backend, or prometheus=URL",
            )),
        }
    }

    /// The source, if it is not the backend's own. Nothing is asked yet.
    ///
    /// # Errors
    /// Exit code 2 for an address or a token that is none.
    pub(crate) fn open(&self) -> Result<Option<Arc<dyn MetricSource>>, Exit> {
        let Some(url) = self.url()? else { return Ok(None) };
        let refused =
            |error| Exit::usage(format!("--metrics: {}", petswipe_monitor::explain(&error)));
        let mut config = PrometheusConfig::new(url);
        config.scrape_interval = self.scrape_interval;
        config.queries.scrapes =
            Selector::metric("up").with(Matcher::is("job", &self.prometheus_job));
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        config.credentials = self.credentials(set)?;
        let source = PrometheusSource::new(config, jiff::Timestamp::now).map_err(refused)?;
        Ok(Some(Arc::new(Shared::new(source))))
    }

    /// Asks the named source once about what is live, so that one which does not answer is found before anything is touched and
    /// not by a rollout that waits for it and goes back. The backend's own metrics are not asked.
    ///
    /// # Errors
    /// Exit code 2 with the source and the cause.
    pub(crate) async fn ask(&self, parts: &Parts) -> Result<(), Exit> {
        if self.url()?.is_none() {
            return Ok(());
        }
        let Some(live) = parts.router.route().await?.split.only().cloned() else { return Ok(()) };
        let (source, live) = (&parts.metrics, Subject::environment(live.as_str()));
        let now = jiff::Timestamp::now();
        let from = now.saturating_sub(self.later()).unwrap_or(now);
        let asked = source.observe(&live, Window { from, to: now }, now).await;
        let refused = |error| {
            Exit::usage(format!(
                "--metrics is {}, which can't judge the new version: {}; nothing was touched",
                source.name(),
                petswipe_monitor::explain(&error)
            ))
        };
        if asked.map_err(refused)?.is_missing() {
            say(&format!(
                "warning: {} knows nothing of {live} in the last {:.0} s, and without numbers the new version is not promoted \
                 (--prometheus-job is {})",
                source.name(),
                self.later().as_secs_f64(),
                self.prometheus_job
            ));
        }
        Ok(())
    }

    /// What proves who asks, with the variables that are set.
    fn credentials(&self, set: impl Fn(&str) -> Option<String>) -> Result<Credentials, Exit> {
        let secret = |place: &str, text: &str| {
            let refused = |error| Exit::usage(format!("{place}: {error}"));
            Secret::new(text).map_err(refused)
        };
        let bearer = match (&self.prometheus_token_file, set(TOKEN)) {
            (Some(file), _) => {
                let place = format!("--prometheus-token-file {}", file.display());
                let read = std::fs::read_to_string(file);
                let text = read.map_err(|why| Exit::usage(format!("{place}: {why}")))?;
                Some(secret(&place, &text)?)
            }
            (None, Some(token)) => Some(secret(TOKEN, &token)?),
            (None, None) => None,
        };
        match (bearer, set(USER), set(PASSWORD)) {
            (None, None, None) => Ok(Credentials::None),
            (Some(token), None, None) => Ok(Credentials::Bearer(token)),
            (None, Some(user), Some(password)) => {
                let password = secret(PASSWORD, &password)?;
                Ok(Credentials::Basic { user, password })
            }
            (None, ..) => Err(Exit::usage(format!(
                "of {USER} and {PASSWORD} only one is set; allowed: both, or neither"
            ))),
            (Some(_), ..) => Err(Exit::usage(format!(
                "{USER} or {PASSWORD} is set beside a token for Prometheus ({TOKEN}, --prometheus-token-file); allowed: one \
                 way to prove who asks"
            ))),
        }
    }

    /// How much longer than with the backend's own metrics it takes until something is known: a period, its lag, and the
    /// scrapes around.
    pub(crate) fn later(&self) -> Duration {
        match self.url() {
            Ok(Some(_)) => self.scrape_interval * 6,
            _ => Duration::ZERO,
        }
    }

    /// The arguments that say the same, without those that say what is so anyway.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut add = |name: &str, value: String| all.extend([name.to_owned(), value]);
        if matches!(self.url(), Ok(Some(_))) {
            add("--metrics", self.source.0.clone());
            if self.prometheus_job != JOB {
                add("--prometheus-job", self.prometheus_job.clone());
            }
            if let Some(file) = &self.prometheus_token_file {
                add("--prometheus-token-file", file.display().to_string());
            }
            let interval = self.scrape_interval.as_secs_f64().to_string();
            if interval != INTERVAL {
                add("--scrape-interval", interval);
            }
        }
        all
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        metrics: MetricFlags,
    }

    fn flags(arguments: &[&str]) -> MetricFlags {
        Flags::parse_from(["canary"].iter().chain(arguments)).metrics
    }

    #[tokio::test]
    async fn prometheus_is_asked_where_it_was_named() {
        assert!(flags(&[]).open().unwrap().is_none());
        let named =
            flags(&["--metrics", "prometheus=http://127.0.0.1:9090", "--scrape-interval", "2"]);
        let source = named.open().unwrap().unwrap();
        assert_eq!(source.name(), "Prometheus at http://127.0.0.1:9090");
        assert_eq!((source.lag().as_secs(), named.later().as_secs()), (4, 12));
        let said = ["--metrics", "prometheus=http://127.0.0.1:9090", "--scrape-interval", "2"];
        assert_eq!(named.arguments(), said);
        assert!(flags(&["--scrape-interval", "2"]).arguments().is_empty());
    }

    #[tokio::test]
    async fn a_wrong_source_is_refused_without_its_password() {
        for wrong in
            ["graphite=x", "prometheus", "prometheus=", "prometheus=http://ann:hunter2@h:1"]
        {
            let refused = flags(&["--metrics", wrong]).open().err().unwrap();
            assert_eq!(refused.code, crate::BAD_USAGE, "{wrong}");
            assert!(refused.message.starts_with("--metrics"), "{}", refused.message);
            assert!(!refused.message.contains("hunter2"), "{}", refused.message);
        }
        let lost =
            ["--metrics", "prometheus=http://h:1", "--prometheus-token-file", "/no/such/file"];
        let refused = flags(&lost).open().err().unwrap();
        assert!(refused.message.contains("/no/such/file"), "{}", refused.message);
    }

    #[test]
    fn a_token_or_a_name_and_a_password_prove_who_asks() {
        let with = |arguments: &[&str], set: &[(&str, &str)]| {
            let find = |name: &str| {
                let found = set.iter().find(|(held, _)| *held == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            flags(arguments).credentials(find)
        };
        let secret = || Secret::new("hunter2").unwrap();
        let (token, user, password) = ((TOKEN, "hunter2"), (USER, "ann"), (PASSWORD, "hunter2"));
        assert_eq!(with(&[], &[]).unwrap(), Credentials::None);
        assert_eq!(with(&[], &[token]).unwrap(), Credentials::Bearer(secret()));
        let basic = Credentials::Basic { user: "ann".to_owned(), password: secret() };
        assert_eq!(with(&[], &[user, password]).unwrap(), basic);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, "hunter2\n").unwrap();
        let in_file = ["--prometheus-token-file", file.to_str().unwrap()];
        assert_eq!(with(&in_file, &[(TOKEN, "another")]).unwrap(), Credentials::Bearer(secret()));
        for (arguments, set, words) in [
            (&[][..], &[user][..], "only one is set"),
            (&[], &[password], "only one is set"),
            (&[], &[token, user, password], "one way to prove"),
            (&in_file, &[password], "one way to prove"),
            (&[], &[(TOKEN, "hunter2\nhunter2")], TOKEN),
            (&[], &[user, (PASSWORD, "hunter2\u{e9}")], PASSWORD),
        ] {
            let refused = with(arguments, set).unwrap_err();
            assert_eq!(refused.code, crate::BAD_USAGE, "{}", refused.message);
            assert!(refused.message.contains(words), "{}", refused.message);
            assert!(!refused.message.contains("hunter2"), "{}", refused.message);
        }
    }
}
