//! The audit trail as data: an entry, its canonical bytes, its place in a hash chain, the check.
//!
//! Pure, so that the writer, an offline auditor and a plugin compute the same hash. The record is
//! about PHI and holds none: people and patients appear as pseudonyms, content never.
//!
//! - Purpose: accountability (LGPD Art. 6 X and 37; HIPAA 45 CFR 164.312(b)).
//! - Legal basis: legal obligation (LGPD Art. 7 II, 11 II a).
//! - Retention: at least 6 years (45 CFR 164.316(b)(2)(i)); nothing here deletes.
//! - Access: auditors of the same tenant. Encryption: none, since no content is held.
//! - Audit: reading the trail is itself an entry of the trail.

mod chain;
mod commitment;
mod deed;
mod entry;
pub mod fhir;
#[cfg(feature = "merkle")]
pub mod merkle;
pub mod report;
mod told;

pub use chain::{ChainError, ChainFault, ChainHead, Chained, Verifier, chain_hash};
pub use commitment::{Commitment, SALT_BYTES};
pub use deed::{Deed, On, WHOLE_KINDS, action_code, deeds};
pub use entry::{Entry, Outcome, Phase, Severity, canonical};
pub use told::Told;

/// A SHA-256 digest (FIPS 180-4).
pub type Hash = [u8; 32];

/// What the first entry of a chain names as its predecessor's hash.
pub const GENESIS: Hash = [0; 32];
