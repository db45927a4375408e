//! What can go wrong when the balancer is configured.

/// Why the balancer refused a call. Nothing was changed by a refused call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting can't be accepted. Correct the named field.
    #[error("{field} is {value}; allowed: {allowed}")]
    Invalid {
        /// The field, in the words of the caller.
        field: String,
        /// Its value as given.
        value: String,
        /// What would be accepted.
        allowed: String,
    },
    /// It does not exist. Check the name.
    #[error("{what} was not found")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// It exists already, and differs. Choose another name, or remove the old one first.
    #[error("{what} exists already")]
    Exists {
        /// What exists.
        what: String,
    },
    /// The operating system refused.
    #[error("{operation} failed")]
    Io {
        /// What was being done.
        operation: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn invalid(field: &str, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), value: value.to_string(), allowed: allowed.into() }
    }

    pub(crate) fn group_not_found(name: &str) -> Self {
        Self::NotFound { what: format!("target group {name}") }
    }

    pub(crate) fn target_not_found(group: &str, id: &str) -> Self {
        Self::NotFound { what: format!("target {id} of target group {group}") }
    }
}
