//! The data keys in use, kept for minutes so that each record does not cost a look-up of its key.
//!
//! A key leaves at once when the vault says so: its patient was erased, or there is a newer one. On
//! another node it leaves after [`LIFETIME`] at the latest; reads of records ask the database for
//! tombstones themselves, and writes for keys that are still in use.

use super::RecordError;
use crate::database::{Database, Scope};
use crate::vault::{DataKey, IndexKey, KeyHolder, KeySubject, Vault, VaultError};
use dashmap::DashMap;
use plantao_schema::id::Tenant;
use std::sync::{Arc, Weak};
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
    pub(super) fn new(database: Database, vault: Vault) -> Arc<Self> {
        let keys = Arc::new(Self {
            database,
            vault: vault.clone(),
            keys: DashMap::new(),
            indexes: DashMap::new(),
        });
        let holder: Arc<dyn KeyHolder> = Arc::clone(&keys) as Arc<dyn KeyHolder>;
        vault.tell(Arc::downgrade(&holder) as Weak<dyn KeyHolder>);
        keys
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
        // Erased while it was fetched: whoever erased found nothing here to drop.
        if self.vault.is_erased(&scope.tenant, subject) {
            self.drop_keys(&scope.tenant, subject);
            return Err(RecordError::Erased);
        }
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

impl KeyHolder for Keyring {
    fn drop_keys(&self, tenant: &Tenant, subject: &KeySubject) {
        let others =
            |place: &(Tenant, KeySubject, Wanted)| (&place.0, &place.1) != (tenant, subject);
        self.keys.retain(|place, _| others(place));
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
        VaultError::Random | VaultError::Token => RecordError::Unavailable,
        VaultError::Sealed => RecordError::Corrupt,
        VaultError::OtherMasterKey | VaultError::OtherPeriodKey => {
            tracing::error!(%error, "no record can be opened");
            RecordError::OtherMasterKey
        }
        VaultError::Erased => RecordError::Erased,
        VaultError::Gone | VaultError::NoNextMaster | VaultError::Unmade => {
            tracing::error!(incident = "data_key_unusable", %error, "a data key cannot be used");
            RecordError::Corrupt
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::vault::{MasterKeySource, vault_child};
    use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};

    #[tokio::test]
    async fn a_key_is_dropped_when_the_vault_says_so_and_others_stay() {
        let test = crate::database::testing::TestDatabase::create().await;
        let vault = Vault::drawing(Entropy::system());
        let child = vault_child(&vault, MasterKeySource::held([7; 32]));
        let once = Intensity::new(1, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, once).child(child);
        let tree = Tree::start("t", spec).await.unwrap();
        let keys = Keyring::new(test.database(), vault.clone());
        let scope = Scope::system(Tenant::parse("demo").unwrap());
        let maria = KeySubject::Patient(plantao_schema::id::PatientId::parse("maria").unwrap());
        for subject in [&maria, &KeySubject::Directory] {
            let key = keys.to_seal(&scope, subject).await.unwrap();
            keys.to_open(&scope, subject, key.version()).await.unwrap();
        }
        assert_eq!(keys.keys.len(), 4);
        keys.drop_keys(&Tenant::parse("other").unwrap(), &maria);
        assert_eq!(keys.keys.len(), 4);
        keys.drop_keys(&scope.tenant, &maria);
        assert_eq!(keys.keys.len(), 2);
        tree.shutdown().await;
    }
}
