//! A PostgreSQL database to look into.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use petswipe_monitor::diagnosis::DatabaseActivity;

use crate::Exit;

/// Where the database is. It may hold a password, which nothing repeats.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Connects. Nothing here encrypts, so a server that asks for it is refused before the password is sent.
///
/// # Errors
/// A text that names no database. One that can't be reached is a source that is missing.
#[cfg(feature = "postgres")]
pub(super) async fn open(
    url: &DatabaseUrl,
    deadline: Duration,
) -> Result<Arc<dyn DatabaseActivity>, Exit> {
    use petswipe_monitor::diagnosis::postgres::PostgresActivity;
    use tokio_postgres::config::{Config, SslMode};
    // What the parser complains about may be a part of the password.
    let config: Config = url.0.parse().map_err(|_| {
        Exit::usage(
            "--database-url is no URL of a database; allowed: postgres://USER@HOST/DATABASE",
        )
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(Exit::usage(
            "--database-url asks for TLS (sslmode=require), which this example does not speak; allowed: a socket, a tunnel, or \
             the library with a client of your own, see PostgresActivity::new",
        ));
    }
    match PostgresActivity::connect(&config, tokio_postgres::NoTls, deadline).await {
        Ok(source) => Ok(Arc::new(source)),
        Err(error) => Ok(Arc::new(Unreachable(petswipe_monitor::explain(&error)))),
    }
}

/// A database that can't be reached: missing, like any other source that does not answer.
#[cfg(feature = "postgres")]
struct Unreachable(String);

#[cfg(feature = "postgres")]
#[async_trait::async_trait]
impl DatabaseActivity for Unreachable {
    async fn activity(
        &self,
    ) -> Result<petswipe_monitor::diagnosis::DatabaseReport, petswipe_monitor::Error> {
        Err(petswipe_monitor::Error::backend("asking the database", self.0.clone()))
    }
}

/// Nobody is there to ask it.
#[cfg(not(feature = "postgres"))]
pub(super) async fn open(
    url: &DatabaseUrl,
    _: Duration,
) -> Result<Arc<dyn DatabaseActivity>, Exit> {
    let _ = &url.0;
    Err(Exit::usage("--database-url needs a program that was built with --features postgres"))
}
