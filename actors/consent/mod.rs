//! Consent: what a patient has said about each purpose, durable before it counts.
//!
//! [`Consents`] is the handle. A change is written to PostgreSQL first, then read back by the one
//! actor that owns the table of withdrawals, which decisions read on their own threads and which
//! dies with that actor: without it nobody reaches a patient, emergencies excepted. Refused is a
//! change for a patient who is not here, and any without a permit on that patient's consent.
//!
//! One node sees its own changes at once, and another node's when it loads the tenant again.
//!
//! PHI: pseudonyms of patients with a purpose and a status; no reason, no free text.
//! - Purpose: proof of consent and of its withdrawal (LGPD Art. 8 §§ 2 and 5).
//! - Legal basis: legal obligation (Art. 7 II). Retention: processing and 5 years beyond; the
//!   history is append-only and nothing here deletes.
//! - Access: by permit on `consent`; tenant by row-level security. Encryption: that of the disk.
//! - Audit: each change completes its entry in its own transaction; reads by their caller.

mod consents;
mod error;
mod keeper;
mod store;

pub use consents::Consents;
pub use error::ConsentError;
pub use store::{Asked, Consent, ConsentStore, PostgresConsents, Statement};

#[cfg(test)]
mod tests;
