//! The vault: the keys under which clinical data is sealed, and those that wrap them.
//!
//! Owns the master key, in one actor. Refuses a key file that others can read, a token's key that
//! can be taken out, and to print any key; tells a caller whose data does not open nothing but that
//! it does not.
//!
//! The hierarchy: a master key (a file of mode 0600, a systemd credential, or a key in a PKCS#11
//! token) wraps one key per tenant; a tenant's key wraps one data key per patient, one for records
//! of no patient, and one for blind indexes. Around the master key's wrapping goes that of the
//! [period](period), which is short: what an old copy of the database holds of keys opens no more.
//! Wrapped keys are rows of the schema `plantao_keys`, which is backed up apart and kept for days
//! ([`crate::backup`]); destroying a patient's rows destroys what they sealed ([`Vault::erase`]),
//! and a tombstone, in the database and in a file outside of it, sees to it that no restored copy
//! brings them back. Neither master key nor period key is in the database: keep a copy of the first
//! elsewhere, for without it nothing opens again. Its name is there: a wrong one is refused before
//! it wraps anything.
//!
//! Every level is replaced while the system serves ([`Rotations`]). Keys for blind indexes alone
//! are not: their indexes would have to be made again from every record.
//!
//! PHI: bodies pass through [`DataKey::seal`] and [`DataKey::open`] and are kept nowhere.
//! - Purpose: confidentiality of records at rest (LGPD Art. 46; 45 CFR 164.312(a)(2)(iv)); erasure
//!   (LGPD Art. 18 VI).
//! - Legal basis: that of the folder that seals. Retention: none here; keys live with their data,
//!   tombstones for ever.
//! - Access: in-process callers that hold a scope; row-level security binds them to its tenant.
//! - Encryption: AES-256-GCM with random nonces; associated data binds a value to its place, and a
//!   wrapped key to its row and to the version of what wraps it.
//! - Audit: a failed opening is an incident, in the log at once and in the trail by whoever reads
//!   [`Vault::incident`]; the access itself has its entry; erasures and rotations have theirs.

mod data_key;
mod erase;
mod handle;
mod incidents;
mod keeper;
mod master;
pub(crate) mod period;
mod ring;
mod rotation;
mod sample;
mod sealed;
mod store;
mod tombstones;
mod wrapped;

pub use data_key::{DataKey, IndexKey, KeySubject};
pub(crate) use erase::in_use;
pub use erase::{Erasure, ErasureError};
pub use handle::{KeyHolder, Vault, vault_child};
pub use incidents::{Incident, IncidentKind};
pub use master::{MasterKeyError, MasterKeySource, TokenConfig};
pub use period::PeriodMark;
pub use rotation::{Level, Overview, Rotation, RotationError, Rotations, StuckKeys, Target};
pub(crate) use sample::sample;
pub use sample::{Holder, Sampled};
pub use sealed::{
    ColumnName, CommitmentOpening, RecordBody, RecordHistory, SEALED_COLUMNS, Sealed, SealedColumn,
    SecondFactor,
};
pub use store::{Asked, Found, KeyStore};
pub use tombstones::{ErasureReason, ErasureReasonError, TombstoneError};
pub(crate) use tombstones::{Tombstone, tombstones_in, tombstones_of, tombstones_text};
pub use wrapped::{MasterName, NAME_BYTES, Place, WrappedDataKey, WrappedTenantKey};

use crate::database::DatabaseError;
use plantao_supervisors::CallError;

/// Why a key or a value could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The value does not open: changed, moved, or sealed under another key. Carries nothing.
    #[error("the sealed value does not open")]
    Sealed,
    /// What is in the database was wrapped under another master key than is held; a new file was
    /// made if it was missing. Nothing is read or made under the wrong one.
    #[error(
        "another master key is in use than the one that is held: restore the right key file and \
         restart"
    )]
    OtherMasterKey,
    /// The tenant's key is wrapped under a period whose key is not held: it is over and forgotten,
    /// or the file of this host is another one's.
    #[error(
        "the key of that period is not held: it was forgotten, or `keys/period.key` is missing or \
         another one's; bring it from the newest key backup or from another node"
    )]
    OtherPeriodKey,
    /// The subject's keys were destroyed, and what they sealed with them.
    #[error("the data key was destroyed: what it sealed was erased")]
    Erased,
    /// There is no such version of the key: it was retired, or never was.
    #[error("there is no such version of the data key")]
    Gone,
    /// The token with the master key does not answer.
    #[error("the token with the master key does not answer")]
    Token,
    /// The operating system gave no randomness.
    #[error("no randomness for a new key or nonce")]
    Random,
    /// The master key in use is brought from outside, and no other one is named.
    #[error(
        "the master key in use is brought from outside: name the new one in `vault`, the present \
         one in `vault.previous`, and restart"
    )]
    NoNextMaster,
    /// The new master key's file could not be made or put into its place.
    #[error("the file of the new master key could not be made or put into its place: see the log")]
    Unmade,
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
            Self::Keeper(_) | Self::Random | Self::Token => true,
            Self::Database(error) => error.is_unavailable(),
            Self::Sealed
            | Self::OtherMasterKey
            | Self::OtherPeriodKey
            | Self::Erased
            | Self::Gone
            | Self::NoNextMaster
            | Self::Unmade => false,
        }
    }
}

#[cfg(test)]
mod tests;
