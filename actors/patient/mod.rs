//! Clinical records: sealed at rest, opened for a permit, changed under an audit entry.
//!
//! [`Records`] is the handle. Behind it one [`session`] actor per patient in use, and a few
//! [`directory`] workers for what belongs to no single patient; both keep records through
//! [`RecordStore`]. A session whose patient is watched publishes the [`Bedside`].
//!
//! PHI: this folder opens and seals FHIR bodies.
//! - Purpose: care, and running the institution (LGPD Art. 11 II f, Art. 7 II).
//! - Legal basis: protection of health in procedures by health professionals; legal obligation to
//!   keep records (Lei 13.787/2018, CFM 1.821/2007).
//! - Consent: asked once the patient of a record is known, before anything is given out.
//! - Retention: twenty years from the last entry, as a floor (Lei 13.787/2018 Art. 6); changes keep
//!   what was there before.
//! - Access: by permit, one for each access, compared with the access here; tenant by row-level
//!   security.
//! - Encryption: AES-256-GCM over whole bodies, one key per patient; blind indexes for look-up.
//! - Audit: by the caller around each call; a change completes its entry in its own transaction.

mod bedside;
mod cache;
mod card;
mod contents;
mod directory;
mod error;
mod guard;
mod keyring;
mod loan;
mod postgres;
mod recent;
mod records;
mod seats;
mod seen;
mod session;
mod sessions;
pub mod slow;
mod store;
mod transaction;
mod watch;
mod watched;
mod write;

pub use bedside::Bedside;
pub use card::{CARD_DEADLINE, CardRead, EMERGENCY_PATIENCE, HeldCard};
pub use contents::{Checked, Contents};
pub use error::RecordError;
pub use guard::resource_kind;
pub use loan::{Borrowed, Loan};
pub use postgres::PostgresRecords;
pub use records::{DIRECTORY_WORKERS, READ_DEADLINE, Records, TransactionOutcome};
pub use session::IDLE_STOP;
pub use store::{Asked, Edition, Found, Loaded, Recent, RecordStore, Stored};
pub use watch::WATCH_DEADLINE;

#[cfg(test)]
mod tests;
