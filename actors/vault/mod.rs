//! The vault: the keys under which clinical data is sealed, and the one that wraps them.
//!
//! Owns the master key, in one actor and one file. Refuses a key file that others can read, refuses
//! to print any key, and tells a caller whose data does not open nothing but that it does not.
//!
//! The hierarchy: a master key (file, 0600) wraps one data key per patient, one per tenant for
//! records of no patient, and one per tenant for blind indexes. Wrapped keys are rows of
//! `vault_data_key`; destroying a row destroys what it sealed. The master key is *not* in the
//! database's backup: keep a copy of the file elsewhere, for without it nothing opens again. Its
//! name is in the database (`vault_master_key`): a wrong file is refused before it wraps anything.
//!
//! PHI: bodies pass through [`DataKey::seal`] and [`DataKey::open`] and are kept nowhere.
//! - Purpose: confidentiality of records at rest (LGPD Art. 46; 45 CFR 164.312(a)(2)(iv)).
//! - Legal basis: that of the folder that seals. Retention: none here; keys live with their data.
//! - Access: in-process callers that hold a scope; row-level security binds them to its tenant.
//! - Encryption: AES-256-GCM with random nonces; associated data binds a value to its place.
//! - Audit: a failed opening is logged as a security incident; the access itself has its entry.

mod data_key;
mod keeper;
mod master_key;
mod store;

pub use data_key::{Aad, DataKey, IndexKey, KeySubject};
pub use keeper::{Made, Vault, vault_child};
pub use master_key::{MasterKeyError, MasterKeySource, NAME_BYTES, Place};
pub use store::{Asked, KeyStore};

use crate::database::DatabaseError;
use plantao_supervisors::CallError;

/// Why a key or a value could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The value does not open: changed, moved, or sealed under another key. Carries nothing.
    #[error("the sealed value does not open")]
    Sealed,
    /// What is in the database was wrapped under another master key than the key file holds; a
    /// new file was made if it was missing. Nothing is read or made under the wrong one.
    #[error(
        "the key file holds another master key than the one in use: restore the right key file \
         and restart"
    )]
    OtherMasterKey,
    /// No such version of the key: its data was erased.
    #[error("the data key does not exist: what it sealed was erased")]
    Erased,
    /// The operating system gave no randomness.
    #[error("no randomness for a new key or nonce")]
    Random,
    /// The keeper is down or full.
    #[error(transparent)]
    Keeper(#[from] CallError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl VaultError {
    /// Whether trying again later, unchanged, is the right answer.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        match self {
            Self::Keeper(_) | Self::Random => true,
            Self::Database(error) => error.is_unavailable(),
            Self::Sealed | Self::OtherMasterKey | Self::Erased => false,
        }
    }
}

#[cfg(test)]
mod tests;
