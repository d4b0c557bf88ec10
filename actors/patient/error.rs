//! Why a record was not read or written.
//!
//! Variants say whose fault it is and whether anything changed; none says what is in a record. A
//! record that cannot be opened and a record that was tampered with are one variant: the caller
//! learns nothing, the log holds the incident.

use crate::database::DatabaseError;
use crate::entropy::EntropyError;
use crate::policy::PermitError;
use plantao_supervisors::CallError;
use std::time::Duration;

/// Why a record was not read or written. Unless a variant says otherwise, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no such record, or it is not one of the patient that the permit names.
    #[error("there is no such record")]
    NotFound,
    /// The permit was given for something else.
    #[error("the permit does not cover this access")]
    PermitMismatch,
    /// The permit does not hold any more.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// The patient withdrew consent to this use of the data.
    #[error("the patient withdrew consent to this use")]
    ConsentRevoked,
    /// A record names a patient of this server that does not exist.
    #[error("a record refers to a patient that does not exist")]
    UnknownPatient,
    /// A record that exists would move into another patient's file.
    #[error("a record cannot move into another patient's file")]
    OtherPatient,
    /// Another change got there first.
    #[error("the change conflicts with another")]
    Conflict,
    /// As much is in flight as may be.
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
    /// A stored record could not be opened. An incident was logged.
    #[error("a stored record could not be opened")]
    Corrupt,
    /// The patient was erased: nothing that was stored opens again, and nothing new is stored.
    #[error("the patient was erased")]
    Erased,
    /// The records are sealed under another master key than the one in use: an operator has to
    /// bring the right key file back.
    #[error("the records are sealed under another master key: restore the right key file")]
    OtherMasterKey,
    /// A fault of this program: a refused statement, a body that cannot be read back.
    #[error("an internal fault")]
    Internal,
}

impl RecordError {
    /// Whether the same request, sent again later, may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Overloaded | Self::Timeout { .. }
        )
    }
}

impl From<EntropyError> for RecordError {
    fn from(_: EntropyError) -> Self {
        Self::Unavailable
    }
}

impl From<CallError> for RecordError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Overloaded { .. } => Self::Overloaded,
            CallError::Unavailable => Self::Unavailable,
            CallError::Timeout { after } => Self::Timeout { after },
        }
    }
}

impl From<DatabaseError> for RecordError {
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
