//! Telemetry of an example's operation: a file of metrics for Prometheus, and spans and metrics for a collector. Off unless
//! asked for; and whatever becomes of it, the operation goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use petswipe_runbook::telemetry::{Describe, PrometheusText, Telemetry};
use petswipe_runbook::{Driver, Error, History, OperationId};

use crate::{Exit, say};

mod file;
#[cfg(feature = "otlp")]
mod otlp;

use file::MetricsFile;
pub(crate) use file::replace;
#[cfg(feature = "otlp")]
use otlp::Exporter;

/// The variable of OpenTelemetry that names a collector.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// How long the end of a program waits for what has not been sent or written yet.
const FLUSH: Duration = Duration::from_secs(3);

/// Where to tell what an operation does.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryFlags {
    /// Send spans and metrics of the operation to an OpenTelemetry collector: its base URL, such as
    /// http://localhost:4318. Headers come from OTEL_EXPORTER_OTLP_HEADERS alone. Needs --features otlp
    #[arg(
        long,
        env = ENDPOINT,
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    otlp: Option<UrlText>,
    /// Keep metrics of the operation in this file in the text format of Prometheus, for the textfile collector of
    /// node_exporter, which reads names that end in .prom
    #[arg(long, env = "METRICS_FILE", value_name = "FILE", global = true)]
    pub metrics_file: Option<PathBuf>,
}

/// The URL of a collector, not yet looked at: it may hold a password, which a complaint about the flag would repeat.
#[derive(Clone)]
struct UrlText(String);

impl From<String> for UrlText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for UrlText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl TelemetryFlags {
    /// Finds wrong flags before anything is begun.
    ///
    /// # Errors
    /// What is allowed.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        if let Err(refused) = self.address() {
            if !self.is_ambient() {
                return Err(refused);
            }
            say(&format!("{}; it goes on without", refused.message));
        }
        self.metrics_file.as_deref().map_or(Ok(()), file::check)
    }

    /// The collector, if one was named that can be told.
    ///
    /// # Errors
    /// What is allowed; never the text itself.
    #[cfg(feature = "otlp")]
    pub(crate) fn collector(&self) -> Result<Option<&str>, Exit> {
        match self.address() {
            Err(_) if self.is_ambient() => Ok(None),
            other => other,
        }
    }

    /// Whether the address is that of the environment. It may be meant for all programs of a machine, some of which speak more
    /// protocols than this one, so it is no reason to refuse an operation.
    fn is_ambient(&self) -> bool {
        let ambient = std::env::var(ENDPOINT).ok();
        self.otlp.as_ref().is_some_and(|url| Some(&url.0) == ambient.as_ref())
    }

    /// The address of the collector, if one was named, without a `/` at its end.
    ///
    /// # Errors
    /// What is allowed; never the text itself.
    fn address(&self) -> Result<Option<&str>, Exit> {
        // An empty variable is one that is not set, says the specification of OpenTelemetry.
        let Some(url) = self.otlp.as_ref().map(|url| url.0.as_str()).filter(|url| !url.is_empty())
        else {
            return Ok(None);
        };
        if !cfg!(feature = "otlp") {
            return Err(Exit::usage(
                "--otlp (or OTEL_EXPORTER_OTLP_ENDPOINT) needs a program that was built with --features otlp",
            ));
        }
        let rest = url.strip_prefix("http://").unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        let strange = |c: char| c.is_whitespace() || c.is_control() || "@?#\"'<>\\".contains(c);
        if host.is_empty() || rest.contains(strange) {
            return Err(Exit::usage(
                "--otlp (or OTEL_EXPORTER_OTLP_ENDPOINT) is no address of a collector; allowed: http://HOST:PORT, and a \
                 path if there is one; no https://, which a collector on this machine speaks for us, and no password, \
                 which belongs into OTEL_EXPORTER_OTLP_HEADERS",
            ));
        }
        Ok(Some(url.trim_end_matches('/')))
    }
}

/// Whoever watches one operation.
pub(crate) struct Watch<R: Describe> {
    telemetry: Option<Arc<Telemetry<R>>>,
    file: Option<MetricsFile>,
    #[cfg(feature = "otlp")]
    exporter: Option<Exporter>,
}

impl<R: Describe> Watch<R> {
    /// For an operation that is about to be started. `example` is how the service that does so is called.
    ///
    /// # Errors
    /// As [`TelemetryFlags::check`].
    pub(crate) fn starting(
        flags: &TelemetryFlags,
        example: &str,
        operation: &OperationId,
    ) -> Result<Self, Exit> {
        Self::new(flags, example, Telemetry::new(operation))
    }

    /// For an operation that is about to be resumed.
    ///
    /// # Errors
    /// As [`TelemetryFlags::check`].
    pub(crate) fn resuming(
        flags: &TelemetryFlags,
        example: &str,
        history: &History<R>,
    ) -> Result<Self, Exit> {
        Self::new(flags, example, Telemetry::resuming(history))
    }

    #[cfg_attr(not(feature = "otlp"), allow(unused_variables))]
    fn new(flags: &TelemetryFlags, example: &str, told: Telemetry<R>) -> Result<Self, Exit> {
        let mut told = told;
        let mut any = false;
        #[cfg(feature = "otlp")]
        let exporter = flags.collector()?.map(|url| Exporter::new(url, example)).transpose()?;
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &exporter {
            told = told.sink(exporter.sink());
            any = true;
        }
        let file = match &flags.metrics_file {
            None => None,
            Some(path) => {
                let text = Arc::new(PrometheusText::new());
                told = told.sink(text.clone());
                any = true;
                Some(MetricsFile::keep(path, text)?)
            }
        };
        Ok(Self {
            telemetry: any.then(|| Arc::new(told)),
            file,
            #[cfg(feature = "otlp")]
            exporter,
        })
    }

    /// Lets it look on.
    pub(crate) fn over(&self, driver: Driver<R>) -> Driver<R> {
        match &self.telemetry {
            Some(telemetry) => driver.observer(telemetry.clone()),
            None => driver,
        }
    }

    /// The operation is over, or halted because of that error: what is left is sent and written, as far as that is possible
    /// in a short time.
    pub(crate) async fn end(self, halted: Option<&Error>) {
        if let (Some(telemetry), Some(error)) = (&self.telemetry, halted) {
            telemetry.halt(error);
        }
        let file = async {
            if let Some(file) = self.file {
                file.finish(FLUSH).await;
            }
        };
        #[cfg(feature = "otlp")]
        let exporter = async {
            if let Some(exporter) = self.exporter {
                exporter.finish(FLUSH).await;
            }
        };
        #[cfg(not(feature = "otlp"))]
        let exporter = async {};
        tokio::join!(file, exporter);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn flags(url: &str) -> TelemetryFlags {
        TelemetryFlags { otlp: Some(UrlText(url.to_owned())), metrics_file: None }
    }

    #[test]
    fn what_is_no_address_of_a_collector_is_refused_without_repeating_it() {
        for url in [
            "localhost:4318",
            "https://collector.example",
            "http://",
            "http:///v1",
            "http://user:hunter2@collector",
            "http://collector/?key=hunter2",
            "http://collector /",
        ] {
            let refused = flags(url).check().unwrap_err();
            assert_eq!(refused.code, crate::BAD_USAGE, "{url}");
            assert!(!refused.message.contains("hunter2"), "{}", refused.message);
        }
        assert!(!format!("{:?}", flags("http://user:hunter2@collector")).contains("hunter2"));
        assert!(flags("").check().is_ok());
        assert!(TelemetryFlags::default().check().is_ok());
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn an_address_of_a_collector_is_taken() {
        for (url, base) in [
            ("http://localhost:4318", "http://localhost:4318"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318"),
            ("http://[::1]:4318/otlp/", "http://[::1]:4318/otlp"),
        ] {
            assert_eq!(flags(url).address().unwrap(), Some(base));
        }
    }

    #[cfg(not(feature = "otlp"))]
    #[test]
    fn a_program_without_it_says_what_it_lacks() {
        let refused = flags("http://localhost:4318").check().unwrap_err();
        assert!(refused.message.contains("--features otlp"), "{}", refused.message);
    }
}
