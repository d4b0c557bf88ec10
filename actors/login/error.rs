//! Why nobody was logged in, or an account or session was not changed.

use super::passwords::{PASSWORD_MAX_BYTES, PASSWORD_MIN_CHARS};
use crate::database::DatabaseError;
use crate::entropy::EntropyError;
use crate::policy::PermitError;
use crate::vault::VaultError;
use plantao_supervisors::CallError;
use std::time::Duration;

/// Why nobody was logged in, or nothing was changed. Unless a variant says otherwise, nothing was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogInError {
    /// Something of what was given is wrong, was used before, or is locked. Deliberately one
    /// variant: what it was is nobody's to learn.
    #[error("name, password or code is not right, or the account is locked for a while")]
    Refused,
    /// Too many refusals for this address.
    #[error("too many attempts from this address; try again in {after:?}")]
    Throttled {
        /// When the next attempt is looked at.
        after: Duration,
    },
    /// As much is in flight, or as many links are open, as may be.
    #[error("overloaded")]
    Overloaded,
    /// An actor or the database is down: trying again later is right.
    #[error("unavailable")]
    Unavailable,
    /// The permit was given for something else.
    #[error("the permit does not cover this access")]
    PermitMismatch,
    /// The permit does not hold any more.
    #[error(transparent)]
    Permit(#[from] PermitError),
    /// There is an account of that name.
    #[error("there is an account of that name already")]
    AccountExists,
    /// A new password is too short or too long.
    #[error(
        "expected a password of at least {PASSWORD_MIN_CHARS} characters, at most \
             {PASSWORD_MAX_BYTES} bytes"
    )]
    BadPassword,
    /// The commit was sent and its answer never came: the change may have happened.
    #[error("it is not known whether the change happened")]
    InDoubt,
    /// A fault of this program, or a sealed value that does not open.
    #[error("an internal fault")]
    Internal,
}

impl LogInError {
    /// Whether the same request, sent again later, may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Overloaded | Self::Throttled { .. }
        )
    }

    /// A commit without an answer may have happened.
    pub(super) fn in_doubt(error: DatabaseError) -> Self {
        if error.is_unavailable() {
            Self::InDoubt
        } else {
            error.into()
        }
    }
}

impl From<EntropyError> for LogInError {
    fn from(_: EntropyError) -> Self {
        Self::Unavailable
    }
}

impl From<CallError> for LogInError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Overloaded { .. } => Self::Overloaded,
            CallError::Unavailable | CallError::Timeout { .. } => Self::Unavailable,
        }
    }
}

impl From<DatabaseError> for LogInError {
    fn from(error: DatabaseError) -> Self {
        if error.is_unavailable() {
            Self::Unavailable
        } else {
            Self::Internal
        }
    }
}

impl From<VaultError> for LogInError {
    fn from(error: VaultError) -> Self {
        if error.is_unavailable() {
            Self::Unavailable
        } else {
            Self::Internal
        }
    }
}
