//! What can go wrong between an actor and PostgreSQL, as the actors above need to tell it apart.
//!
//! Refuses to carry the server's own text: a message or a detail may quote a row, and a row may be
//! PHI. What is kept is a SQLSTATE and the name of a constraint.

use super::tls;
use deadpool_postgres::PoolError;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// Why a statement or a transaction did not happen, or may not have happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be had, or it was lost; the server may be starting or stopping.
    #[error("the database is not available")]
    Unavailable,
    /// No connection that can be trusted: the server's certificate, or that it has none.
    #[error("no TLS connection to the database: {reason}")]
    Tls {
        /// What the handshake says; it is about the server.
        reason: String,
    },
    /// The statement did not finish in time.
    #[error("the database did not answer within {after:?}")]
    Timeout {
        /// The deadline that passed.
        after: Duration,
    },
    /// As many reads wait for the database as may.
    #[error("{limit} reads wait for the database already")]
    Overloaded {
        /// How many may.
        limit: usize,
    },
    /// Another transaction got there first: a constraint, a serialisation failure, a deadlock.
    #[error("the change conflicts with another on `{constraint}`")]
    Conflict {
        /// The constraint, or the SQLSTATE when none is involved.
        constraint: String,
    },
    /// The server refused the statement: a fault of this program, of its grants or of its schema.
    #[error("the database refused a statement with SQLSTATE `{sqlstate}`")]
    Rejected {
        /// The five characters of the standard's code.
        sqlstate: String,
    },
    /// A value could not be turned into, or read from, the type that the schema gives it.
    #[error("a value does not fit the type of its column")]
    Mismatch,
    /// A statement of this transaction had failed, so that there is nothing to commit.
    #[error("the transaction was rolled back because one of its statements failed")]
    Aborted,
}

impl DatabaseError {
    /// Whether trying again later, unchanged, is the right answer: 503 at the edge.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Timeout { .. } | Self::Overloaded { .. }
        )
    }

    /// Sorts a driver's error. `deadline` is what the caller was willing to wait.
    pub(crate) fn from_driver(error: &tokio_postgres::Error, deadline: Duration) -> Self {
        if let Some(server) = error.as_db_error() {
            return Self::from_state(server.code(), server.constraint(), deadline);
        }
        if let Some(reason) = tls::refusal(error) {
            return Self::Tls { reason };
        }
        if error.is_closed() || source_is_io(error) {
            return Self::Unavailable;
        }
        let text = error.to_string();
        // The driver hides the kind of its own errors; this prefix is all it shows of it.
        if text.starts_with("error connecting") || text.starts_with("timeout waiting") {
            return Self::Unavailable;
        }
        Self::Mismatch
    }

    fn from_state(code: &SqlState, constraint: Option<&str>, deadline: Duration) -> Self {
        let class = code.code().get(..2).unwrap_or_default();
        match *code {
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::DISK_FULL
            // A standby, or a server that was one until it is restarted: another takes writes.
            | SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Unavailable,
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
                Self::Timeout { after: deadline }
            }
            SqlState::UNIQUE_VIOLATION
            | SqlState::EXCLUSION_VIOLATION
            | SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED => {
                let constraint = constraint.unwrap_or_else(|| code.code()).to_owned();
                Self::Conflict { constraint }
            }
            // Class 08 is the connection's own.
            _ if class == "08" => Self::Unavailable,
            _ => Self::Rejected {
                sqlstate: code.code().to_owned(),
            },
        }
    }

    pub(crate) fn from_pool(error: &PoolError, deadline: Duration) -> Self {
        match error {
            PoolError::Backend(error) => Self::from_driver(error, deadline),
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => Self::Unavailable,
        }
    }
}

fn source_is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(1);

    fn of(code: &str) -> DatabaseError {
        DatabaseError::from_state(&SqlState::from_code(code), None, DEADLINE)
    }

    #[test]
    fn a_server_that_stops_starts_or_breaks_is_unavailable() {
        for code in [
            "57P01", "57P02", "57P03", "08006", "53300", "53100", "57014", "25006",
        ] {
            assert!(of(code).is_unavailable(), "{code}: {:?}", of(code));
        }
    }

    #[test]
    fn a_refused_statement_is_not_worth_trying_again() {
        for code in ["42501", "42P01", "23505", "22021"] {
            assert!(!of(code).is_unavailable(), "{code}: {:?}", of(code));
        }
        assert_eq!(
            of("40001"),
            DatabaseError::Conflict {
                constraint: "40001".into()
            }
        );
    }
}
