//! A PostgreSQL database to look into.

use std::fmt;
use std::path::Path;
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

/// Connects. With `sslmode=require` it is by TLS to a server whose certificate is of one of `authorities`, or of whom the system
/// trusts, and not at all otherwise.
///
/// # Errors
/// A text that names no database, TLS that this program does not speak, and authorities that are none. A database that can't be
/// reached is a source that is missing.
#[cfg(feature = "postgres")]
pub(super) async fn open(
    url: &DatabaseUrl,
    authorities: Option<&Path>,
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
    let source = match config.get_ssl_mode() {
        SslMode::Require => encrypted(&config, authorities, deadline).await?,
        _ if authorities.is_some() => {
            return Err(Exit::usage(
                "--database-ca is given, and --database-url does not ask for TLS; allowed: a URL with sslmode=require",
            ));
        }
        _ => PostgresActivity::connect(&config, tokio_postgres::NoTls, deadline).await,
    };
    match source {
        Ok(source) => Ok(Arc::new(source)),
        Err(error) => Ok(Arc::new(Unreachable(petswipe_monitor::explain(&error)))),
    }
}

#[cfg(feature = "postgres")]
type Connected =
    Result<petswipe_monitor::diagnosis::postgres::PostgresActivity, petswipe_monitor::Error>;

#[cfg(feature = "postgres-tls")]
async fn encrypted(
    config: &tokio_postgres::Config,
    authorities: Option<&Path>,
    deadline: Duration,
) -> Result<Connected, Exit> {
    use petswipe_monitor::diagnosis::postgres::{PostgresActivity, Tls};
    let tls = match authorities {
        None => Tls::of_system(),
        Some(path) => {
            let file = path.display();
            let pem = std::fs::read(path).map_err(|why| {
                Exit::usage(format!("--database-ca is {file}, which can't be read: {why}"))
            })?;
            Tls::trusting(&pem)
        }
    };
    let tls = tls.map_err(|error| Exit::usage(petswipe_monitor::explain(&error)))?;
    Ok(PostgresActivity::connect(config, tls, deadline).await)
}

#[cfg(all(feature = "postgres", not(feature = "postgres-tls")))]
async fn encrypted(
    _: &tokio_postgres::Config,
    _: Option<&Path>,
    _: Duration,
) -> Result<Connected, Exit> {
    Err(Exit::usage(
        "--database-url asks for TLS (sslmode=require), which needs a program that was built with --features postgres-tls; \
         allowed besides: a socket, or a tunnel",
    ))
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
    _: Option<&Path>,
    _: Duration,
) -> Result<Arc<dyn DatabaseActivity>, Exit> {
    let _ = &url.0;
    Err(Exit::usage("--database-url needs a program that was built with --features postgres"))
}
