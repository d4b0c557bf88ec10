//! The wrapped keys' twin.

use super::tables::{CHECKED, FOREIGN_ROW, rejected};
use super::{Disk, Side, Tables};
use plantao_actors::database::Scope;
use plantao_actors::vault::{Asked, KeyStore, Made, Place, VaultError};

/// See the module.
pub(crate) struct TwinKeys(pub(crate) Disk);

impl KeyStore for TwinKeys {
    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Option<(i32, Vec<u8>)>> {
        let look = move |tables: &Tables| {
            let of = |version| (scope.tenant.to_string(), subject.to_owned(), version);
            let range = of(version.unwrap_or(i32::MIN))..=of(version.unwrap_or(i32::MAX));
            let newest = tables.keys.range(range).next_back();
            newest.map(|((.., version), wrapped)| (*version, wrapped.clone()))
        };
        Box::pin(async move {
            self.0.reach(Side::After).await;
            Ok(self.0.read(look).await?)
        })
    }

    fn add<'a>(&'a self, scope: &'a Scope, place: &'a Place, made: &'a Made) -> Asked<'a, bool> {
        let add = move |tables: &mut Tables| {
            if tables
                .master
                .as_ref()
                .is_some_and(|one| *one != made.master)
            {
                return Err(VaultError::OtherMasterKey);
            }
            if place.tenant != scope.tenant.as_str() {
                return Err(rejected(FOREIGN_ROW).into());
            }
            if place.version < 1 {
                return Err(rejected(CHECKED).into());
            }
            tables.master = Some(made.master.to_vec());
            let (tenant, subject) = (place.tenant.clone(), place.subject.clone());
            let place = (tenant, subject, place.version);
            if tables.keys.contains_key(&place) {
                return Ok(false);
            }
            tables.keys.insert(place, made.wrapped.clone());
            Ok(true)
        };
        Box::pin(async move { self.0.commit(add).await })
    }
}
