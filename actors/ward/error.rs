//! Why a ward was not read or changed. Variants say whose fault it is; none names a patient.

use crate::database::DatabaseError;
use crate::policy::PermitError;
use plantao_supervisors::CallError;
use std::time::Duration;

/// Why a ward was not read or changed. Unless a variant says otherwise, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WardError {
    /// There is no such ward, or no such bed to free.
    #[error("there is no such ward or bed")]
    NotFound,
    /// The patient to be placed does not exist.
    #[error("the patient does not exist")]
    UnknownPatient,
    /// Another patient lies in the bed: free it first.
    #[error("another patient lies in the bed")]
    Occupied,
    /// The ward or the institution has as many beds as it may have.
    #[error("no bed can be added")]
    Full,
    /// The permit was given for something else.
    #[error("the permit does not cover this placement")]
    PermitMismatch,
    /// The permit does not hold any more.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// Another change got there first.
    #[error("the change conflicts with another")]
    Conflict,
    /// As much is in flight, or as many wards are watched, as may be.
    #[error("overloaded")]
    Overloaded,
    /// An actor or the database is down: trying again later is right.
    #[error("unavailable")]
    Unavailable,
    /// The deadline passed.
    #[error("no answer after {after:?}")]
    Timeout {
        /// The deadline.
        after: Duration,
    },
    /// The commit was sent and its answer never came: the change may have happened.
    #[error("it is not known whether the change happened")]
    InDoubt,
    /// A fault of this program: a refused statement, a row that cannot be read back.
    #[error("an internal fault")]
    Internal,
}

impl WardError {
    /// Whether the same request, sent again later, may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Overloaded | Self::Timeout { .. }
        )
    }
}

impl From<CallError> for WardError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Overloaded { .. } => Self::Overloaded,
            CallError::Unavailable => Self::Unavailable,
            CallError::Timeout { after } => Self::Timeout { after },
        }
    }
}

impl From<DatabaseError> for WardError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable | DatabaseError::Tls { .. } => Self::Unavailable,
            DatabaseError::Timeout { after } => Self::Timeout { after },
            DatabaseError::Overloaded { .. } => Self::Overloaded,
            DatabaseError::Conflict { .. } => Self::Conflict,
            DatabaseError::Rejected { .. } | DatabaseError::Mismatch | DatabaseError::Aborted => {
                Self::Internal
            }
        }
    }
}
