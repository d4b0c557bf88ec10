//! The audit trail: what happened is durable, in order and chained before its caller is answered.
//!
//! Owns the writing connection and the chains of this node, one per tenant. Refuses to acknowledge
//! what is not on disk. Proof of an entry is an [`AuditReceipt`], which nothing else can make; a
//! change first opens an entry and owes its completion, which an [`OpenEntry`] stands for.
//!
//! ```compile_fail,E0451
//! let forged = plantao_actors::audit::AuditReceipt { seq: 1 };
//! ```
//! ```compile_fail,E0599
//! fn twice(receipt: plantao_actors::audit::AuditReceipt) {
//!     let copy = receipt.clone();
//! }
//! ```
//! ```compile_fail,E0451
//! let forged = plantao_actors::audit::OpenEntry { entry: None };
//! ```
//! ```compile_fail,E0382
//! # use plantao_actors::audit::{AuditError, AuditLog, OpenEntry};
//! # use plantao_schema::audit::Outcome;
//! async fn twice(log: &AuditLog, open: OpenEntry) -> Result<(), AuditError> {
//!     log.complete(open, Outcome::Success).await?;
//!     log.complete(open, Outcome::Failed).await?;
//!     Ok(())
//! }
//! ```
//!
//! PHI: entries are about PHI and hold none: pseudonyms, verdicts and generated sentences.
//! - Purpose: accountability (LGPD Art. 6 X and 37; 45 CFR 164.312(b)).
//! - Legal basis: legal obligation (LGPD Art. 7 II, 11 II a).
//! - Retention: 20 years in the database unless configured otherwise, 6 at the least, and then in
//!   an archive (see [`keeping`]); no statement here deletes, and triggers refuse whoever tries.
//! - Access: auditors of the same tenant, by row-level security. Encryption: that of the disk.
//! - Audit: reading the trail is an entry of the trail, made by whoever reads it.

mod batch;
mod entries;
pub mod keeping;
mod ledger;
mod log;
mod lost;
mod opening;
mod postgres;
mod reader;
mod search;
mod settler;
mod spool;
mod store;
mod trail;
pub mod transparency;
mod unfinished;
pub(crate) mod walk;
mod writer;

pub use log::{APPEND_DEADLINE, AuditLog, AuditReceipt, OpenEntry};
pub use lost::Lost;
pub use opening::{Opening, place as opening_place};
pub use postgres::PostgresTrail;
pub use reader::{Cursor, Filter, PAGE_MAX};
pub use search::{Found, Place};
pub use spool::{
    EmergencyReceipt, EmergencySpool, FileSpool, KEEP_DEADLINE, SPOOL_DEADLINE, SpoolError,
    SpoolLimits, SpoolReceipt, SpoolStore, Spooling, TRAIL_PATIENCE, spooled,
};
pub use trail::{Completion, Kept, Pending, SettlingSession, TrailSession, TrailStore};
pub use writer::{QUEUE_LIMIT, audit_child};

use crate::database::DatabaseError;
use crate::entropy::EntropyError;
use plantao_supervisors::CallError;
use std::time::Duration;

/// Why there is no receipt. An entry without one may still be in the trail: appending the same
/// entry again is safe and gives the receipt of the one that is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The writer or its database is down, or no key for the entry could be drawn.
    #[error("the audit trail is not available")]
    Unavailable,
    /// More entries wait than may.
    #[error("the audit trail is full: {limit} entries wait")]
    Overloaded {
        /// How many may wait.
        limit: usize,
    },
    /// The entry was not durable in time.
    #[error("the audit entry was not durable within {after:?}")]
    Timeout {
        /// The deadline that passed.
        after: Duration,
    },
    /// The trail is away, and as many emergency reads wait for it as may.
    #[error("the emergency spool is full: {limit} entries may wait in it")]
    SpoolFull {
        /// How many may wait.
        limit: usize,
    },
    /// Another entry with the same key is in the trail, or another completion of the same opened
    /// entry with another outcome: a fault of the caller.
    #[error("another audit entry has the same key, or completes the same entry otherwise")]
    Duplicate,
    /// A text that the trail cannot hold: a fault of the caller.
    #[error("`{field}` of the audit entry is longer than {max_bytes} bytes or holds a NUL")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// How long it may be.
        max_bytes: usize,
    },
}

impl AuditError {
    /// Whether trying again later, unchanged, is the right answer.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable
                | Self::Overloaded { .. }
                | Self::Timeout { .. }
                | Self::SpoolFull { .. }
        )
    }
}

impl From<CallError> for AuditError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Overloaded { limit } => Self::Overloaded { limit },
            CallError::Unavailable => Self::Unavailable,
            CallError::Timeout { after } => Self::Timeout { after },
        }
    }
}

impl From<DatabaseError> for AuditError {
    fn from(_: DatabaseError) -> Self {
        Self::Unavailable
    }
}

impl From<EntropyError> for AuditError {
    fn from(_: EntropyError) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests;
