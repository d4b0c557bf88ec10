//! A master key in hand over keys in memory: no file, no database, no randomness to be had.

use super::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Wrapped keys of one tenant in memory, by subject and version.
#[derive(Default)]
struct KeysInMemory {
    tenant: Mutex<Option<WrappedTenantKey>>,
    keys: Mutex<BTreeMap<(String, i32), WrappedDataKey>>,
}

impl KeyStore for KeysInMemory {
    fn find<'a>(
        &'a self,
        _scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Found> {
        let of = |version| (subject.to_owned(), version);
        let range = of(version.unwrap_or(i32::MIN))..=of(version.unwrap_or(i32::MAX));
        let keys = self.keys.lock().unwrap();
        let tenant_key = self.tenant.lock().unwrap().clone();
        let found = Found {
            key: keys.range(range).next_back().map(|(_, key)| key.clone()),
            master: tenant_key.as_ref().map(|key| key.master.clone()),
            tenant_key,
            period: None,
            erased: false,
        };
        Box::pin(async move { Ok(found) })
    }

    fn add_tenant_key<'a>(
        &'a self,
        _scope: &'a Scope,
        key: &'a WrappedTenantKey,
    ) -> Asked<'a, bool> {
        let before = self.tenant.lock().unwrap().replace(key.clone());
        assert_eq!(before, None, "only one caller makes keys here");
        Box::pin(async { Ok(true) })
    }

    fn add<'a>(
        &'a self,
        _scope: &'a Scope,
        place: &'a Place,
        key: &'a WrappedDataKey,
    ) -> Asked<'a, bool> {
        let place = (place.subject.clone(), place.version);
        let before = self.keys.lock().unwrap().insert(place, key.clone());
        assert_eq!(before, None, "only one caller makes keys here");
        Box::pin(async { Ok(true) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_hand_opens_what_it_wrapped_in_any_store_and_another_does_not() {
    let store: Arc<dyn KeyStore> = Arc::new(KeysInMemory::default());
    let (scope, subject) = (Scope::system(tenant("demo")), patient("maria"));
    let vault = Vault::new();
    let tree = keeper_of(&vault, MasterKeySource::held([7; 32])).await;
    let key = vault.data_key(&*store, &scope, &subject).await.unwrap();
    let sealed = seal(&key, &scope.tenant, "maria", b"body");
    tree.shutdown().await;

    let again = Vault::new();
    let tree = keeper_of(&again, MasterKeySource::held([7; 32])).await;
    let key = again.data_key(&*store, &scope, &subject).await.unwrap();
    let opened = opens(&key, &scope.tenant, "maria", &sealed);
    assert_eq!(opened.unwrap(), b"body");
    tree.shutdown().await;

    let other = Vault::new();
    let tree = keeper_of(&other, MasterKeySource::held([8; 32])).await;
    let refused = other.data_key(&*store, &scope, &subject).await.unwrap_err();
    assert_eq!(refused, VaultError::OtherMasterKey);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn no_key_is_made_and_nothing_sealed_while_nothing_can_be_drawn() {
    let store: Arc<dyn KeyStore> = Arc::new(KeysInMemory::default());
    let (scope, subject) = (Scope::system(tenant("demo")), patient("maria"));
    let entropy = Entropy::seeded(1);
    let vault = Vault::drawing(entropy.clone());
    let tree = keeper_of(&vault, MasterKeySource::held([7; 32])).await;
    entropy.fail_next(1);
    let refused = vault.data_key(&*store, &scope, &subject).await.unwrap_err();
    assert_eq!(refused, VaultError::Random);
    assert!(refused.is_unavailable());
    let kept = store.find(&scope, "patient:maria", None).await.unwrap();
    assert_eq!(kept, Found::default());

    let key = vault.data_key(&*store, &scope, &subject).await.unwrap();
    entropy.fail_next(1);
    let refused = key.seal::<RecordBody>(&scope.tenant, "maria", b"body");
    assert_eq!(refused.unwrap_err(), VaultError::Random);
    let sealed = seal(&key, &scope.tenant, "maria", b"body");
    // What is sealed opens without a draw.
    entropy.fail_next(u32::MAX);
    let opened = opens(&key, &scope.tenant, "maria", &sealed);
    assert_eq!(opened.unwrap(), b"body");
    tree.shutdown().await;
}
