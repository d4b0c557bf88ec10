//! `Vault`: what others hold to have keys, and to be told when a key in hand is to be dropped.

use super::VaultError;
use super::data_key::{DataKey, IndexKey, KeyBytes, KeySubject};
use super::incidents::{Incident, IncidentKind, Incidents};
use super::keeper::{KeeperParts, Message, VaultKeeper};
use super::master::MasterKeySource;
use super::period::PeriodMark;
use super::ring::{Rewrap, Rewrapped};
use super::store::{Found, KeyStore};
use super::tombstones::Tombstones;
use super::wrapped::{MasterName, Place, WrappedDataKey, WrappedTenantKey};
use crate::database::{DatabaseError, Scope};
use crate::entropy::Entropy;
use plantao_schema::id::Tenant;
use plantao_supervisors::{ChildSpec, Handle, Limits, Reply};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Wrapping takes microseconds: a longer queue means that the keeper is stuck.
const IN_FLIGHT: usize = 1024;

/// A restart of the keeper fits into it.
const DEADLINE: Duration = Duration::from_secs(2);

/// Wrapping a batch anew takes a token's time once for each key.
const BATCH_DEADLINE: Duration = Duration::from_secs(20);

/// A tenant's key for blind indexes is one more subject, which no caller can name as its own.
pub(super) const INDEX_SUBJECT: &str = "index";
pub(super) const FIRST_VERSION: i32 = 1;

/// How often a first use looks again after somebody else was first: the tenant's key, then the
/// subject's, and a rotation in between.
const ROUNDS: usize = 5;

/// Somebody who keeps data keys in hand, and drops them when told.
pub trait KeyHolder: Send + Sync {
    /// Drops what it holds of a subject: the key was destroyed, or there is a newer one.
    fn drop_keys(&self, tenant: &Tenant, subject: &KeySubject);
}

/// The handle to the vault: cheap to clone, made before the tree.
#[derive(Clone)]
pub struct Vault {
    keeper: Handle<Message>,
    entropy: Entropy,
    incidents: Incidents,
    tombstones: Tombstones,
    period: Option<PathBuf>,
    holders: Arc<Mutex<Vec<Weak<dyn KeyHolder>>>>,
}

impl Default for Vault {
    fn default() -> Self {
        Self::new()
    }
}

/// The keeper as a child; `master` is where the master key comes from.
#[must_use]
pub fn vault_child(vault: &Vault, master: impl Into<MasterKeySource>) -> ChildSpec {
    let parts = KeeperParts {
        source: master.into(),
        period: vault.period.clone(),
        entropy: vault.entropy.clone(),
        tombstones: vault.tombstones.clone(),
        incidents: vault.incidents.clone(),
    };
    ChildSpec::worker("vault", &vault.keeper, move || (VaultKeeper, parts.clone()))
}

impl Vault {
    /// A handle that no keeper serves yet; keys and nonces are the system's.
    #[must_use]
    pub fn new() -> Self {
        Self::drawing(Entropy::system())
    }

    /// The same with keys and nonces from another source.
    #[must_use]
    pub fn drawing(entropy: Entropy) -> Self {
        Self {
            keeper: Handle::new(Limits::in_flight(IN_FLIGHT)),
            entropy,
            incidents: Incidents::new(),
            tombstones: Tombstones::default(),
            period: None,
            holders: Arc::default(),
        }
    }

    /// The same, with a file that erasures are written to. To be called before the first clone.
    #[must_use]
    pub fn with_tombstones(mut self, file: PathBuf) -> Self {
        self.tombstones = Tombstones::in_file(file);
        self
    }

    /// The same, with the file of the [period key](super::period), made at the first use. To be
    /// called before the first clone. Without one, tenants' keys are wrapped under the master key
    /// alone.
    #[must_use]
    pub fn with_periods(mut self, file: PathBuf) -> Self {
        self.period = Some(file);
        self
    }

    pub(super) const fn has_periods(&self) -> bool {
        self.period.is_some()
    }

    /// Where its keys come from: other secrets are drawn there too.
    pub(crate) const fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    pub(super) const fn tombstones(&self) -> &Tombstones {
        &self.tombstones
    }

    /// Whom to tell when keys in hand are to be dropped.
    pub fn tell(&self, holder: Weak<dyn KeyHolder>) {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        holders.retain(|one| one.strong_count() > 0);
        holders.push(holder);
    }

    /// Everybody drops what they hold of a subject.
    pub(super) fn dropped(&self, tenant: &Tenant, subject: &KeySubject) {
        let holders: Vec<_> = {
            let all = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        for holder in holders {
            holder.drop_keys(tenant, subject);
        }
    }

    /// Whether a subject's keys were destroyed, as far as this process knows.
    #[must_use]
    pub fn is_erased(&self, tenant: &Tenant, subject: &KeySubject) -> bool {
        self.tombstones.holds(tenant.as_str(), &subject.label())
    }

    /// The next thing that has to be in the trail and that no request asked for. For one reader at
    /// a time; cancel safe, and what nobody reads waits.
    pub async fn incident(&self) -> Incident {
        self.incidents.next().await
    }

    pub(super) fn tell_incident(&self, kind: IncidentKind, tenant: &Tenant, what: &str) {
        self.incidents.tell(kind, tenant, what);
    }

    /// The newest key for a subject, made if there is none.
    ///
    /// # Errors
    /// [`VaultError`]; when unavailable, nothing was made. [`VaultError::OtherMasterKey`] when the
    /// database knows another master key than is held. [`VaultError::Erased`] for ever after an
    /// erasure.
    pub async fn data_key(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
        subject: &KeySubject,
    ) -> Result<DataKey, VaultError> {
        let (version, bytes) = self.key(store, scope, subject.label()).await?;
        self.made(subject, version, &bytes)
    }

    /// One version of a subject's key, to open what was sealed under it. Never makes one.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when it was destroyed with its data, [`VaultError::Gone`] when there
    /// is no such version, and as [`Vault::data_key`].
    pub async fn data_key_at(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
        subject: &KeySubject,
        version: i32,
    ) -> Result<DataKey, VaultError> {
        let label = subject.label();
        let found = store.find(scope, &label, Some(version)).await?;
        self.refuse_erased(scope, &label, &found)?;
        let key = found.key.ok_or(VaultError::Gone)?;
        let bytes = self.open(scope, label, key, found.tenant_key).await?;
        self.made(subject, version, &bytes)
    }

    /// The tenant's key for blind indexes, made if there is none.
    ///
    /// # Errors
    /// As [`Vault::data_key`].
    pub async fn index_key(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
    ) -> Result<IndexKey, VaultError> {
        let (_, bytes) = self.key(store, scope, INDEX_SUBJECT.to_owned()).await?;
        Ok(IndexKey::new(&bytes))
    }

    fn made(
        &self,
        subject: &KeySubject,
        version: i32,
        bytes: &KeyBytes,
    ) -> Result<DataKey, VaultError> {
        let (entropy, incidents) = (&self.entropy, &self.incidents);
        DataKey::new(subject.clone(), version, bytes, entropy, incidents)
    }

    async fn key(
        &self,
        store: &(impl KeyStore + ?Sized),
        scope: &Scope,
        subject: String,
    ) -> Result<(i32, KeyBytes), VaultError> {
        for _ in 0..ROUNDS {
            let found = store.find(scope, &subject, None).await?;
            self.refuse_erased(scope, &subject, &found)?;
            if let Some(key) = found.key {
                let version = key.version;
                let opened = self.open(scope, subject, key, found.tenant_key).await;
                return Ok((version, opened?));
            }
            // Someone else may be first with either, and what is in the table then is the key.
            let Some(tenant_key) = found.tenant_key else {
                let (master, period) = (found.master, found.period);
                let made = self.make_tenant_key(&scope.tenant, FIRST_VERSION, master, period);
                let added = store.add_tenant_key(scope, &made.await?).await;
                added.inspect_err(|error| self.wrong_master(scope, error))?;
                continue;
            };
            let place = Place {
                tenant: scope.tenant.to_string(),
                subject: subject.clone(),
                version: FIRST_VERSION,
            };
            let (key, bytes) = self.make_data_key(place.clone(), tenant_key).await?;
            if store.add(scope, &place, &key).await? {
                return Ok((place.version, bytes));
            }
        }
        Err(DatabaseError::Unavailable.into())
    }

    /// Nothing of somebody erased is opened, and a key that came back is told of.
    fn refuse_erased(&self, scope: &Scope, label: &str, found: &Found) -> Result<(), VaultError> {
        let erased = found.erased || self.tombstones.holds(scope.tenant.as_str(), label);
        if !erased {
            return Ok(());
        }
        if found.key.is_some() {
            let what = "plantao_keys.data_key of somebody erased: destroyed at the next start";
            let kind = IncidentKind::ErasedKeyReturned;
            self.incidents.tell(kind, &scope.tenant, what);
        }
        Err(VaultError::Erased)
    }

    fn wrong_master(&self, scope: &Scope, error: &VaultError) {
        if *error == VaultError::OtherMasterKey {
            let what = "plantao_keys.master_key";
            let kind = IncidentKind::OtherMasterKey;
            self.incidents.tell(kind, &scope.tenant, what);
        }
    }

    async fn open(
        &self,
        scope: &Scope,
        subject: String,
        key: WrappedDataKey,
        tenant_key: Option<WrappedTenantKey>,
    ) -> Result<KeyBytes, VaultError> {
        let place = Place {
            tenant: scope.tenant.to_string(),
            subject,
            version: key.version,
        };
        let make = |reply| Message::Open {
            place,
            key,
            tenant_key,
            reply,
        };
        self.ask(DEADLINE, make).await
    }

    pub(super) async fn make_tenant_key(
        &self,
        tenant: &Tenant,
        version: i32,
        master: Option<Vec<u8>>,
        period: Option<PeriodMark>,
    ) -> Result<WrappedTenantKey, VaultError> {
        let make = |reply| Message::MakeTenantKey {
            tenant: tenant.to_string(),
            version,
            master,
            period,
            reply,
        };
        self.ask(DEADLINE, make).await
    }

    pub(super) async fn make_data_key(
        &self,
        place: Place,
        tenant_key: WrappedTenantKey,
    ) -> Result<(WrappedDataKey, KeyBytes), VaultError> {
        let make = |reply| Message::MakeDataKey {
            place,
            tenant_key,
            reply,
        };
        self.ask(DEADLINE, make).await
    }

    pub(super) async fn rewrap(
        &self,
        keys: Vec<Rewrap>,
        to: WrappedTenantKey,
    ) -> Result<Rewrapped, VaultError> {
        let make = |reply| Message::Rewrap { keys, to, reply };
        self.ask(BATCH_DEADLINE, make).await
    }

    pub(super) async fn rewrap_tenant_key(
        &self,
        tenant: &Tenant,
        key: WrappedTenantKey,
        to: Vec<u8>,
    ) -> Result<WrappedTenantKey, VaultError> {
        let make = |reply| Message::RewrapTenantKey {
            tenant: tenant.to_string(),
            key,
            to,
            reply,
        };
        self.ask(BATCH_DEADLINE, make).await
    }

    pub(super) async fn next_master(
        &self,
        current: Option<Vec<u8>>,
    ) -> Result<MasterName, VaultError> {
        let make = |reply| Message::NextMaster { current, reply };
        self.ask(BATCH_DEADLINE, make).await
    }

    pub(super) async fn settle(&self, current: MasterName) -> Result<(), VaultError> {
        let make = |reply| Message::Settle { current, reply };
        self.ask(BATCH_DEADLINE, make).await
    }

    pub(super) async fn next_period(
        &self,
        current: Option<PeriodMark>,
    ) -> Result<PeriodMark, VaultError> {
        let make = |reply| Message::NextPeriod { current, reply };
        self.ask(BATCH_DEADLINE, make).await
    }

    pub(super) async fn settle_period(&self, current: PeriodMark) -> Result<(), VaultError> {
        let make = |reply| Message::SettlePeriod { current, reply };
        self.ask(BATCH_DEADLINE, make).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        deadline: Duration,
        make: impl FnOnce(Reply<Result<T, VaultError>>) -> Message,
    ) -> Result<T, VaultError> {
        self.keeper.call(deadline, make).await?
    }
}
