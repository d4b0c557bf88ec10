//! The wrapped keys' twin. Of rotations and erasures it knows nothing: they are PostgreSQL's.

use super::tables::{CHECKED, FOREIGN_ROW, rejected};
use super::{Disk, Side, Tables};
use plantao_actors::database::Scope;
use plantao_actors::vault::{
    Asked, Found, KeyStore, Place, VaultError, WrappedDataKey, WrappedTenantKey,
};

/// See the module.
pub(crate) struct TwinKeys(pub(crate) Disk);

impl KeyStore for TwinKeys {
    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Found> {
        let look = move |tables: &Tables| {
            let of = |version| (scope.tenant.to_string(), subject.to_owned(), version);
            let range = of(version.unwrap_or(i32::MIN))..=of(version.unwrap_or(i32::MAX));
            let key = tables.keys.range(range).next_back();
            let key = key.map(|(_, key)| key.clone());
            let tenant = |version| (scope.tenant.to_string(), version);
            let tenant_key = match key.as_ref().and_then(|key| key.under) {
                Some(under) => tables.tenant_keys.get(&tenant(under)),
                None => {
                    let all = tenant(i32::MIN)..=tenant(i32::MAX);
                    let newest = tables.tenant_keys.range(all).next_back();
                    newest.map(|(_, key)| key)
                }
            };
            Found {
                key,
                tenant_key: tenant_key.cloned(),
                master: tables.master.clone(),
                period: None,
                erased: false,
            }
        };
        Box::pin(async move {
            self.0.reach(Side::After).await;
            Ok(self.0.read(look).await?)
        })
    }

    fn add_tenant_key<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a WrappedTenantKey,
    ) -> Asked<'a, bool> {
        let add = move |tables: &mut Tables| {
            if tables.master.as_ref().is_some_and(|one| *one != key.master) {
                return Err(VaultError::OtherMasterKey);
            }
            if key.version < 1 {
                return Err(rejected(CHECKED).into());
            }
            tables.master = Some(key.master.clone());
            let place = (scope.tenant.to_string(), key.version);
            if tables.tenant_keys.contains_key(&place) {
                return Ok(false);
            }
            tables.tenant_keys.insert(place, key.clone());
            Ok(true)
        };
        Box::pin(async move { self.0.commit(add).await })
    }

    fn add<'a>(
        &'a self,
        scope: &'a Scope,
        place: &'a Place,
        key: &'a WrappedDataKey,
    ) -> Asked<'a, bool> {
        let add = move |tables: &mut Tables| {
            if place.tenant != scope.tenant.as_str() {
                return Err(rejected(FOREIGN_ROW).into());
            }
            if place.version < 1 {
                return Err(rejected(CHECKED).into());
            }
            let (tenant, subject) = (place.tenant.clone(), place.subject.clone());
            let held = (tenant, subject, place.version);
            if tables.keys.contains_key(&held) {
                return Ok(false);
            }
            let wrapper = key.under.map(|under| (place.tenant.clone(), under));
            if wrapper.is_some_and(|wrapper| !tables.tenant_keys.contains_key(&wrapper)) {
                return Ok(false);
            }
            let version = place.version;
            let kept = WrappedDataKey {
                version,
                ..key.clone()
            };
            tables.keys.insert(held, kept);
            Ok(true)
        };
        Box::pin(async move { self.0.commit(add).await })
    }
}
