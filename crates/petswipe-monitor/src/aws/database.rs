//! How full a database instance is, by the metrics that Amazon RDS publishes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_types::SdkConfig;
use jiff::Timestamp;
use petswipe_aws::Statement;

use super::error::called;
use super::fetch::{Question, answer};
use super::queries::{Measure, PERIOD, Query};
use crate::diagnosis::{DatabaseGauges, DatabaseLoad};
use crate::{Error, Window};

/// The newest minutes of an instance of Amazon RDS: CPU, free storage, free memory, connections.
///
/// It asks with one GetMetricData of four metrics. A minute counts as soon as it is over: a gauge that comes late is that of
/// the minute before, and one that did not come at all is `None`.
///
/// Sources: "Amazon CloudWatch metrics for Amazon RDS" (`CPUUtilization` in percent, `FreeStorageSpace` and
/// `FreeableMemory` in bytes, `DatabaseConnections`), "GetMetricData".
pub struct RdsLoad {
    client: Client,
    instance: String,
}

impl fmt::Debug for RdsLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RdsLoad").field("instance", &self.instance).finish_non_exhaustive()
    }
}

impl RdsLoad {
    /// The metrics of that instance.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for what is no name of an instance: 1 to 63 letters, digits and hyphens.
    pub fn new(config: &SdkConfig, instance: impl Into<String>) -> Result<Self, Error> {
        let instance = instance.into();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if instance.is_empty() || instance.len() > 63 || !instance.chars().all(plain) {
            let allowed = "1 to 63 letters, digits and hyphens";
            return Err(Error::invalid("database instance", instance, allowed));
        }
        Ok(Self { client: Client::new(config), instance })
    }

    /// What it needs to be allowed; metrics have no resources to name.
    pub fn policy() -> Statement {
        Statement::allow("ReadMetrics", ["cloudwatch:GetMetricData"], ["*"])
    }
}

#[async_trait]
impl DatabaseLoad for RdsLoad {
    async fn gauges(&self, window: Window, now: Timestamp) -> Result<DatabaseGauges, Error> {
        let minute = Duration::from_secs(PERIOD.unsigned_abs().into());
        let closed = window.closed(minute, Duration::ZERO, now);
        let mut gauges =
            DatabaseGauges { instance: self.instance.clone(), ..DatabaseGauges::default() };
        if closed.is_empty() {
            return Ok(gauges);
        }
        let query = |measure, metric| {
            let dimensions = vec![("DBInstanceIdentifier", self.instance.clone())];
            let stat = "Average".to_owned();
            (measure, Query { namespace: "AWS/RDS", metric, dimensions, stat })
        };
        let question = Question {
            about: self.instance.clone(),
            window: closed,
            queries: vec![
                query(Measure::Cpu, "CPUUtilization"),
                query(Measure::FreeStorage, "FreeStorageSpace"),
                query(Measure::FreeMemory, "FreeableMemory"),
                query(Measure::Connections, "DatabaseConnections"),
            ],
        };
        let answers = answer(&self.client, vec![question]).await.map_err(called)?;
        let Some(seen) = answers.into_iter().next() else { return Ok(gauges) };
        let seen = seen.map_err(called)?;
        let newest = |measure| seen.get(&measure)?.values().next_back().copied();
        gauges.cpu = newest(Measure::Cpu).map(|percent| percent / 100.0);
        gauges.free_storage = newest(Measure::FreeStorage);
        gauges.free_memory = newest(Measure::FreeMemory);
        gauges.connections = newest(Measure::Connections);
        Ok(gauges)
    }
}
