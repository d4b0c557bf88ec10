//! What the keeper holds and does with it: master keys, the period's, and tenants' keys in use.
//!
//! Tenants' keys are remembered, so that a token is asked once for each and not for every patient.
//! They are let go when more are held than may be, and all of them when the keeper ends.

use super::VaultError;
use super::data_key::{Cipher, KeyBytes};
use super::master::{Master, MasterKeySource, key_of, random};
use super::period::{PeriodMark, Periods};
use super::wrapped::{MasterName, NAME_BYTES, Place, WrappedDataKey, WrappedTenantKey};
use crate::entropy::Entropy;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tenants' keys held at once.
const TENANT_KEYS_MAX: usize = 1_024;

/// A data key to be wrapped anew, with the tenant's key that wraps it now.
pub(super) struct Rewrap {
    pub(super) place: Place,
    pub(super) key: WrappedDataKey,
    pub(super) tenant_key: Option<WrappedTenantKey>,
}

/// What became of each.
pub(super) type Rewrapped = Vec<(Place, Result<WrappedDataKey, VaultError>)>;

/// See the module.
pub(super) struct Ring {
    source: MasterKeySource,
    /// That to be used first, first. Never empty.
    masters: Vec<Master>,
    pub(super) periods: Periods,
    tenant_keys: BTreeMap<(String, i32), (Vec<u8>, Arc<Cipher>)>,
    entropy: Entropy,
}

impl Ring {
    pub(super) const fn new(
        source: MasterKeySource,
        masters: Vec<Master>,
        periods: Periods,
        entropy: Entropy,
    ) -> Self {
        Self {
            source,
            masters,
            periods,
            tenant_keys: BTreeMap::new(),
            entropy,
        }
    }

    /// The master key of that name, or the first where none is named yet.
    fn master(&self, name: Option<&[u8]>) -> Result<&Master, VaultError> {
        let mut masters = self.masters.iter();
        let found = match name {
            None => masters.next(),
            Some(name) => masters.find(|master| master.name() == name),
        };
        found.ok_or(VaultError::OtherMasterKey)
    }

    /// Draws a tenant's key and wraps it under the master key in use, and that under the period.
    pub(super) async fn make_tenant_key(
        &mut self,
        tenant: &str,
        version: i32,
        master: Option<&[u8]>,
        period: Option<PeriodMark>,
    ) -> Result<WrappedTenantKey, VaultError> {
        let bytes = random(&self.entropy)?;
        let key = self.master(master)?.wrap(tenant, version, &bytes).await?;
        match self.periods.current(period).await? {
            None => Ok(key),
            Some(period) => self.periods.wrap(tenant, key, period),
        }
    }

    /// Draws a data key and wraps it under its tenant's.
    pub(super) async fn make_data_key(
        &mut self,
        place: &Place,
        tenant_key: &WrappedTenantKey,
    ) -> Result<(WrappedDataKey, KeyBytes), VaultError> {
        let cipher = self.tenant_cipher(&place.tenant, tenant_key).await?;
        let bytes = random(&self.entropy)?;
        let key = wrap(&cipher, place, tenant_key.version, &bytes)?;
        Ok((key, bytes))
    }

    /// Unwraps a data key.
    pub(super) async fn open(
        &mut self,
        place: &Place,
        key: &WrappedDataKey,
        tenant_key: Option<&WrappedTenantKey>,
    ) -> Result<KeyBytes, VaultError> {
        let Some(under) = key.under else {
            let name = key.wrapped.get(..NAME_BYTES).ok_or(VaultError::Sealed)?;
            return self.master(Some(name))?.unwrap_direct(place, &key.wrapped);
        };
        let tenant_key = tenant_key.filter(|tenant_key| tenant_key.version == under);
        let tenant_key = tenant_key.ok_or(VaultError::Sealed)?;
        let cipher = self.tenant_cipher(&place.tenant, tenant_key).await?;
        key_of(&cipher.open(&place.bytes_under(under), &key.wrapped)?)
    }

    /// Wraps data keys anew, under another version of their tenant's key. One that does not unwrap
    /// is said so and keeps no other back; where nothing can be asked now, nothing is given.
    pub(super) async fn rewrap(
        &mut self,
        keys: Vec<Rewrap>,
        to: &WrappedTenantKey,
    ) -> Result<Rewrapped, VaultError> {
        let mut done = Vec::with_capacity(keys.len());
        for one in keys {
            match self.rewrap_one(&one, to).await {
                Err(error) if error.is_unavailable() => return Err(error),
                rewrapped => done.push((one.place, rewrapped)),
            }
        }
        Ok(done)
    }

    async fn rewrap_one(
        &mut self,
        one: &Rewrap,
        to: &WrappedTenantKey,
    ) -> Result<WrappedDataKey, VaultError> {
        let opened = self.open(&one.place, &one.key, one.tenant_key.as_ref());
        let bytes = opened.await?;
        let cipher = self.tenant_cipher(&one.place.tenant, to).await?;
        wrap(&cipher, &one.place, to.version, &bytes)
    }

    /// Wraps a tenant's key anew, under another master key.
    pub(super) async fn rewrap_tenant_key(
        &mut self,
        tenant: &str,
        key: &WrappedTenantKey,
        to: &[u8],
    ) -> Result<WrappedTenantKey, VaultError> {
        let (inner, period) = self.periods.unwrap(tenant, key)?;
        let bytes = self
            .master(Some(&key.master))?
            .unwrap(tenant, &inner)
            .await?;
        let rewrapped = self
            .master(Some(to))?
            .wrap(tenant, key.version, &bytes)
            .await;
        let rewrapped = match period {
            None => rewrapped,
            Some(period) => self.periods.wrap(tenant, rewrapped?, period),
        };
        // What is remembered was remembered for the old bytes.
        self.tenant_keys.remove(&(tenant.to_owned(), key.version));
        rewrapped
    }

    /// The name of the master key that a rotation goes to, `current` being in use: the first of the
    /// source where that is another, or a new one beside it where the source is a file.
    pub(super) async fn next_master(
        &mut self,
        current: Option<&[u8]>,
    ) -> Result<MasterName, VaultError> {
        let first = self.master(None)?.name();
        if current.is_none_or(|current| current != first) {
            return Ok(first);
        }
        let (source, entropy) = (self.source.clone(), self.entropy.clone());
        let made = tokio::task::spawn_blocking(move || source.next(&entropy)).await;
        let made = made.map_err(|_| VaultError::Unmade)?.map_err(|error| {
            tracing::error!(%error, "the next master key could not be made");
            VaultError::Unmade
        })?;
        let next = made.ok_or(VaultError::NoNextMaster)?;
        let name = next.name();
        if self.masters.iter().all(|master| master.name() != name) {
            self.masters.push(next);
        }
        Ok(name)
    }

    /// Nothing is wrapped under another master key any more than under this one.
    pub(super) async fn settle(&mut self, current: MasterName) -> Result<(), VaultError> {
        let (source, entropy) = (self.source.clone(), self.entropy.clone());
        let settled = tokio::task::spawn_blocking(move || source.settle(current, &entropy)).await;
        let settled = settled.map_err(|_| VaultError::Unmade)?;
        settled.map_err(|error| {
            tracing::error!(%error, "the new master key could not be put into its place");
            VaultError::Unmade
        })?;
        self.masters.retain(|master| master.name() == current);
        Ok(())
    }

    /// Nothing is wrapped under an earlier period any more: what could still be opened of theirs is
    /// forgotten, tenants' keys that are remembered included.
    pub(super) async fn settle_period(&mut self, current: PeriodMark) -> Result<(), VaultError> {
        if self.periods.settle(current).await? {
            self.tenant_keys.clear();
        }
        Ok(())
    }

    async fn tenant_cipher(
        &mut self,
        tenant: &str,
        key: &WrappedTenantKey,
    ) -> Result<Arc<Cipher>, VaultError> {
        let place = (tenant.to_owned(), key.version);
        if let Some((wrapped, cipher)) = self.tenant_keys.get(&place)
            && *wrapped == key.wrapped
        {
            return Ok(Arc::clone(cipher));
        }
        let (inner, _) = self.periods.unwrap(tenant, key)?;
        let bytes = self
            .master(Some(&key.master))?
            .unwrap(tenant, &inner)
            .await?;
        let cipher = Arc::new(Cipher::new(&bytes, &self.entropy)?);
        if self.tenant_keys.len() >= TENANT_KEYS_MAX {
            self.tenant_keys.clear();
        }
        let kept = (key.wrapped.clone(), Arc::clone(&cipher));
        self.tenant_keys.insert(place, kept);
        Ok(cipher)
    }
}

fn wrap(
    cipher: &Cipher,
    place: &Place,
    under: i32,
    bytes: &KeyBytes,
) -> Result<WrappedDataKey, VaultError> {
    Ok(WrappedDataKey {
        version: place.version,
        under: Some(under),
        wrapped: cipher.seal(&place.bytes_under(under), bytes.as_slice())?,
    })
}
