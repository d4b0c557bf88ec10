//! The data keys in use, kept for minutes so that each record does not cost a look-up of its key.
//!
//! A key leaves after [`LIFETIME`]: when a patient's key is destroyed, what it sealed stays
//! readable in this process no longer than that.

use super::RecordError;
use crate::database::{Database, Scope};
use crate::vault::{DataKey, IndexKey, KeySubject, Vault, VaultError};
use dashmap::DashMap;
use plantao_schema::id::Tenant;
use std::time::Duration;
use tokio::time::Instant;

/// How long a key is kept.
const LIFETIME: Duration = Duration::from_mins(5);

/// Most keys kept, one per patient in use; beyond it the oldest half goes.
const MAX_KEYS: usize = 8_192;

/// A version to open, or the newest to seal with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    Newest,
    Version(i32),
}

/// Keys by tenant and subject.
pub(super) struct Keyring {
    database: Database,
    vault: Vault,
    keys: DashMap<(Tenant, KeySubject, Wanted), (DataKey, Instant)>,
    indexes: DashMap<Tenant, (IndexKey, Instant)>,
}

impl Keyring {
    pub(super) fn new(database: Database, vault: Vault) -> Self {
        Self {
            database,
            vault,
            keys: DashMap::new(),
            indexes: DashMap::new(),
        }
    }

    /// The key to seal a subject's data with, made at its first use.
    pub(super) async fn to_seal(
        &self,
        scope: &Scope,
        subject: &KeySubject,
    ) -> Result<DataKey, RecordError> {
        self.key(scope, subject, Wanted::Newest).await
    }

    /// The key that a stored value names.
    pub(super) async fn to_open(
        &self,
        scope: &Scope,
        subject: &KeySubject,
        version: i32,
    ) -> Result<DataKey, RecordError> {
        self.key(scope, subject, Wanted::Version(version)).await
    }

    /// The tenant's key for blind indexes.
    pub(super) async fn index(&self, scope: &Scope) -> Result<IndexKey, RecordError> {
        let known = self
            .indexes
            .get(&scope.tenant)
            .filter(|known| fresh(known.1));
        if let Some(key) = known.map(|known| known.0.clone()) {
            return Ok(key);
        }
        let key = self
            .vault
            .index_key(&self.database, scope)
            .await
            .map_err(refused)?;
        self.indexes
            .insert(scope.tenant.clone(), (key.clone(), Instant::now()));
        Ok(key)
    }

    async fn key(
        &self,
        scope: &Scope,
        subject: &KeySubject,
        wanted: Wanted,
    ) -> Result<DataKey, RecordError> {
        let place = (scope.tenant.clone(), subject.clone(), wanted);
        let known = self.keys.get(&place).filter(|known| fresh(known.1));
        if let Some(key) = known.map(|known| known.0.clone()) {
            return Ok(key);
        }
        let key = match wanted {
            Wanted::Newest => self.vault.data_key(&self.database, scope, subject).await,
            Wanted::Version(version) => {
                self.vault
                    .data_key_at(&self.database, scope, subject, version)
                    .await
            }
        };
        let key = key.map_err(refused)?;
        self.make_room();
        self.keys.insert(place, (key.clone(), Instant::now()));
        Ok(key)
    }

    fn make_room(&self) {
        if self.keys.len() < MAX_KEYS {
            return;
        }
        self.keys
            .retain(|_, known| known.1.elapsed() < LIFETIME / 2);
        if self.keys.len() >= MAX_KEYS {
            self.keys.clear();
        }
    }
}

fn fresh(since: Instant) -> bool {
    since.elapsed() < LIFETIME
}

/// What a refusal of the vault is to a reader of records.
pub(super) fn refused(error: VaultError) -> RecordError {
    match error {
        VaultError::Keeper(error) => error.into(),
        VaultError::Database(error) => error.into(),
        VaultError::Random => RecordError::Unavailable,
        VaultError::Sealed => RecordError::Corrupt,
        VaultError::OtherMasterKey => {
            tracing::error!(incident = "other_master_key", %error, "no record can be opened");
            RecordError::OtherMasterKey
        }
        VaultError::Erased => {
            tracing::error!(incident = "data_key_unusable", %error, "a data key cannot be used");
            RecordError::Corrupt
        }
    }
}
