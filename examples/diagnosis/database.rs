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

/// Nobody is there to ask it.
pub(super) async fn open(
    url: &DatabaseUrl,
    _: Duration,
) -> Result<Arc<dyn DatabaseActivity>, Exit> {
    let _ = &url.0;
    Err(Exit::usage("--database-url needs a program that was built with --features postgres"))
}
