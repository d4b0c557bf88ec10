//! Why a consent was not read or changed.

use crate::database::DatabaseError;
use crate::policy::PermitError;

/// Why a consent was not read or changed. Unless a variant says otherwise, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The permit was given for something else.
    #[error("the permit does not cover this access")]
    PermitMismatch,
    /// The permit does not hold any more.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// There is no such patient.
    #[error("there is no such patient")]
    UnknownPatient,
    /// What was said cannot be unsaid, only changed.
    #[error("a consent is `granted` or `revoked`; it cannot become `not_asked` again")]
    NotAStatement,
    /// Another change got there first.
    #[error("the change conflicts with another")]
    Conflict,
    /// The database is down: trying again later is right.
    #[error("unavailable")]
    Unavailable,
    /// The commit was sent and its answer never came: the change may have happened. Decisions wait
    /// until the database says which.
    #[error("it is not known whether the change happened")]
    InDoubt,
    /// A fault of this program.
    #[error("an internal fault")]
    Internal,
}

impl ConsentError {
    /// Whether the same request, sent again later, may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

impl From<DatabaseError> for ConsentError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable
            | DatabaseError::Tls { .. }
            | DatabaseError::Timeout { .. }
            | DatabaseError::Overloaded { .. } => Self::Unavailable,
            DatabaseError::Conflict { .. } => Self::Conflict,
            DatabaseError::Rejected { .. } | DatabaseError::Mismatch | DatabaseError::Aborted => {
                Self::Internal
            }
        }
    }
}
