//! Wards: which bed has which patient, as the live pages and the admissions desk share it.
//!
//! [`Wards`] is the handle. Behind it one [`board`] actor keeps the wards that somebody looks at
//! and publishes every change; the truth is the table `ward_bed`, where a placement is made in the
//! transaction that completes its audit entry.
//!
//! PHI: pseudonyms of patients with the bed they lie in.
//! - Purpose: care, and running the institution (LGPD Art. 11 II f, Art. 7 II).
//! - Legal basis: protection of health in procedures by health professionals.
//! - Retention: until the bed is given to another; who lay where, and when, is in the audit trail.
//! - Access: writing by permit, compared with the placement here; reading by view grant; tenant by
//!   row-level security.
//! - Encryption: of the disk and the wire; ids are pseudonyms and need none of their own.
//! - Audit: by the caller around each call; a placement completes its entry in its transaction.

mod board;
mod error;
mod store;
mod wards;

pub use error::WardError;
pub use store::{
    Asked, Bed, MAX_BEDS_OF_TENANT, MAX_BEDS_OF_WARD, MAX_WARDS_LISTED, Placement, PostgresWards,
    WardStore,
};
pub use wards::{BEDS_DEADLINE, Wards};

#[cfg(test)]
mod tests;
