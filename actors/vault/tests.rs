//! What opens and what must not.

use super::data_key::KeyBytes;
use super::*;
use crate::database::testing::TestDatabase;
use crate::database::{Login, Scope};
use crate::entropy::Entropy;
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroize::Zeroizing;

fn key(byte: u8) -> DataKey {
    DataKey::new(
        KeySubject::Directory,
        1,
        &KeyBytes::from(Zeroizing::new([byte; 32])),
        &Entropy::system(),
    )
    .unwrap()
}

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

fn patient(id: &str) -> KeySubject {
    KeySubject::Patient(PatientId::parse(id).unwrap())
}

fn place<'a>(tenant: &'a Tenant, table: &'a str, row: &'a str) -> Aad<'a> {
    Aad {
        tenant,
        table,
        column: "sealed",
        row,
        key_version: 1,
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_in_its_place_and_in_no_other(
        body in proptest::collection::vec(any::<u8>(), 0..2_000),
        row in "[a-z]{1,8}",
        bit in any::<prop::sample::Index>(),
    ) {
        let (demo, other) = (tenant("demo"), tenant("other"));
        let here = place(&demo, "fhir_resource", &row);
        let sealed = key(7).seal(&here, &body).unwrap();
        prop_assert_eq!(&*key(7).open(&here, &sealed).unwrap(), &body);
        let elsewhere = format!("{row}x");
        let strangers = [
            place(&other, "fhir_resource", &row),
            place(&demo, "fhir_resource", &elsewhere),
            place(&demo, "fhir_resourc", &row),
            Aad { column: "seale", ..here },
            Aad { key_version: 2, ..here },
        ];
        for stranger in &strangers {
            prop_assert_eq!(key(7).open(stranger, &sealed), Err(VaultError::Sealed));
        }
        prop_assert_eq!(key(8).open(&here, &sealed), Err(VaultError::Sealed));
        let mut flipped = sealed.clone();
        let bit = bit.index(flipped.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key(7).open(&here, &flipped), Err(VaultError::Sealed));
        prop_assert_eq!(key(7).open(&here, &sealed[..bit / 8]), Err(VaultError::Sealed));
    }

    #[test]
    fn sealing_twice_gives_two_values(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let demo = tenant("demo");
        let here = place(&demo, "t", "r");
        prop_assert_ne!(key(1).seal(&here, &body).unwrap(), key(1).seal(&here, &body).unwrap());
    }

    #[test]
    fn an_index_tells_pairs_apart(a in "[a-z]{0,4}", b in "[a-z]{1,4}") {
        let index = IndexKey::new(&Zeroizing::new([1; 32]));
        prop_assert_eq!(index.index(&a, &b), index.index(&a, &b));
        prop_assert_ne!(index.index(&format!("{a}x"), &b), index.index(&a, &format!("x{b}")));
    }
}

#[test]
fn no_key_can_be_printed() {
    let index = IndexKey::new(&Zeroizing::new([0xab; 32]));
    assert_eq!(format!("{:?}", key(0xab)), "DataKey { version: 1, .. }");
    assert_eq!(format!("{index:?}"), "IndexKey(..)");
}

async fn keeper(vault: &Vault, dir: &std::path::Path) -> Tree {
    keeper_of(vault, dir.join("master.key")).await
}

async fn keeper_of(vault: &Vault, master: impl Into<MasterKeySource>) -> Tree {
    let intensity = Intensity::new(3, Duration::from_secs(5));
    let child = vault_child(vault, master);
    Tree::start(
        "t",
        SupervisorSpec::new(Strategy::OneForOne, intensity).child(child),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_key_is_made_once_and_survives_its_keeper() {
    let test = TestDatabase::create().await;
    let (database, dir) = (test.database(), tempfile::tempdir().unwrap());
    let vault = Vault::new();
    let tree = keeper(&vault, dir.path()).await;
    let scope = Scope::system(tenant("demo"));
    let subject = patient("maria");
    let (one, other) = tokio::join!(
        vault.data_key(&database, &scope, &subject),
        vault.data_key(&database, &scope, &subject)
    );
    let here = place(&scope.tenant, "fhir_resource", "maria");
    let sealed = one.unwrap().seal(&here, b"body").unwrap();
    assert_eq!(&**other.unwrap().open(&here, &sealed).unwrap(), b"body");
    tree.shutdown().await;
    let down = vault
        .data_key(&database, &scope, &subject)
        .await
        .unwrap_err();
    assert!(down.is_unavailable(), "{down}");
    let again = Vault::new();
    let tree = keeper(&again, dir.path()).await;
    let key = again
        .data_key_at(&database, &scope, &subject, 1)
        .await
        .unwrap();
    assert_eq!(&**key.open(&here, &sealed).unwrap(), b"body");
    let erased = again
        .data_key_at(&database, &scope, &subject, 2)
        .await
        .unwrap_err();
    assert_eq!(erased, VaultError::Erased);
    tree.shutdown().await;
}

#[tokio::test]
async fn tenants_and_subjects_have_keys_of_their_own() {
    let test = TestDatabase::create().await;
    let (database, dir) = (test.database(), tempfile::tempdir().unwrap());
    let vault = Vault::new();
    let tree = keeper(&vault, dir.path()).await;
    let (north, south) = (
        Scope::system(tenant("north")),
        Scope::system(tenant("south")),
    );
    let here = place(&north.tenant, "fhir_resource", "x");
    let maria = vault
        .data_key(&database, &north, &patient("maria"))
        .await
        .unwrap();
    let sealed = maria.seal(&here, b"body").unwrap();
    for (scope, subject) in [
        (&north, patient("joao")),
        (&north, KeySubject::Directory),
        (&south, patient("maria")),
    ] {
        let key = vault.data_key(&database, scope, &subject).await.unwrap();
        assert_eq!(key.open(&here, &sealed), Err(VaultError::Sealed));
    }
    let index = vault
        .index_key(&database, &north)
        .await
        .unwrap()
        .index("cpf", "1");
    assert_eq!(
        vault
            .index_key(&database, &north)
            .await
            .unwrap()
            .index("cpf", "1"),
        index
    );
    assert_ne!(
        vault
            .index_key(&database, &south)
            .await
            .unwrap()
            .index("cpf", "1"),
        index
    );
    tree.shutdown().await;
}

#[tokio::test]
async fn another_master_key_is_named_as_the_fault() {
    let test = TestDatabase::create().await;
    let (database, dir) = (test.database(), tempfile::tempdir().unwrap());
    let scope = Scope::system(tenant("demo"));
    let vault = Vault::new();
    let tree = keeper(&vault, dir.path()).await;
    vault
        .data_key(&database, &scope, &KeySubject::Directory)
        .await
        .unwrap();
    tree.shutdown().await;
    let (vault, lost) = (Vault::new(), tempfile::tempdir().unwrap());
    let tree = keeper(&vault, lost.path()).await;
    let read = vault.data_key_at(&database, &scope, &KeySubject::Directory, 1);
    assert_eq!(read.await.unwrap_err(), VaultError::OtherMasterKey);
    let known = vault.data_key(&database, &scope, &KeySubject::Directory);
    let refused = known.await.unwrap_err();
    assert_eq!(refused, VaultError::OtherMasterKey);
    assert!(refused.to_string().contains("restore the right key file"));
    // Nor does it wrap anything new: not in this tenant, and not in one that has no key yet.
    for tenant in [scope.tenant.clone(), tenant("other")] {
        let scope = Scope::system(tenant);
        let maria = patient("maria");
        let made = vault.data_key(&database, &scope, &maria);
        assert_eq!(made.await.unwrap_err(), VaultError::OtherMasterKey);
        let index = vault.index_key(&database, &scope).await.unwrap_err();
        assert_eq!(index, VaultError::OtherMasterKey);
    }
    tree.shutdown().await;
    let owner = test.session(Login::Owner).await;
    let count = "SELECT count(*) FROM plantao.vault_data_key";
    let kept: i64 = owner.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(kept, 1);
    // The right file again.
    std::fs::copy(
        dir.path().join("master.key"),
        lost.path().join("master.key"),
    )
    .unwrap();
    let tree = keeper(&vault, lost.path()).await;
    let restored = vault.data_key(&database, &scope, &KeySubject::Directory);
    restored.await.unwrap();
    tree.shutdown().await;
}

#[tokio::test]
async fn of_two_master_keys_at_a_first_use_one_is_refused() {
    let test = TestDatabase::create().await;
    let database = test.database();
    let (one, other) = (Vault::new(), Vault::new());
    let (left, right) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let trees = (
        keeper(&one, left.path()).await,
        keeper(&other, right.path()).await,
    );
    let (north, south) = (
        Scope::system(tenant("north")),
        Scope::system(tenant("south")),
    );
    let (directory, maria) = (KeySubject::Directory, patient("maria"));
    let (first, second) = tokio::join!(
        one.data_key(&database, &north, &directory),
        other.data_key(&database, &south, &maria),
    );
    let refused = [first.map(drop), second.map(drop)]
        .iter()
        .filter(|made| **made == Err(VaultError::OtherMasterKey))
        .count();
    assert_eq!(refused, 1);
    trees.0.shutdown().await;
    trees.1.shutdown().await;
}

/// Wrapped keys in memory, by subject and version.
#[derive(Default)]
struct KeysInMemory(Mutex<BTreeMap<(String, i32), Vec<u8>>>);

impl KeyStore for KeysInMemory {
    fn find<'a>(
        &'a self,
        _scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Option<(i32, Vec<u8>)>> {
        let of = |version| (subject.to_owned(), version);
        let range = of(version.unwrap_or(i32::MIN))..=of(version.unwrap_or(i32::MAX));
        let keys = self.0.lock().unwrap();
        let newest = keys.range(range).next_back();
        let found = newest.map(|((_, version), wrapped)| (*version, wrapped.clone()));
        Box::pin(async move { Ok(found) })
    }

    fn add<'a>(&'a self, _scope: &'a Scope, place: &'a Place, made: &'a Made) -> Asked<'a, bool> {
        let place = (place.subject.clone(), place.version);
        let before = self.0.lock().unwrap().insert(place, made.wrapped.clone());
        assert_eq!(before, None, "only one caller makes keys here");
        Box::pin(async { Ok(true) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_hand_opens_what_it_wrapped_in_any_store_and_another_does_not() {
    let store: Arc<dyn KeyStore> = Arc::new(KeysInMemory::default());
    let (scope, subject) = (Scope::system(tenant("demo")), patient("maria"));
    let here = place(&scope.tenant, "fhir_resource", "maria");
    let vault = Vault::new();
    let tree = keeper_of(&vault, MasterKeySource::held([7; 32])).await;
    let key = vault.data_key(&*store, &scope, &subject).await.unwrap();
    let sealed = key.seal(&here, b"body").unwrap();
    tree.shutdown().await;

    let again = Vault::new();
    let tree = keeper_of(&again, MasterKeySource::held([7; 32])).await;
    let key = again.data_key(&*store, &scope, &subject).await.unwrap();
    assert_eq!(&**key.open(&here, &sealed).unwrap(), b"body");
    tree.shutdown().await;

    let other = Vault::new();
    let tree = keeper_of(&other, MasterKeySource::held([8; 32])).await;
    let refused = other.data_key(&*store, &scope, &subject).await.unwrap_err();
    assert_eq!(refused, VaultError::OtherMasterKey);
    tree.shutdown().await;
}

/// What earlier releases sealed with, a cipher that drew its nonces itself.
#[test]
fn a_value_sealed_by_a_cipher_that_drew_its_own_nonce_opens() {
    use aws_lc_rs::aead::{self, AES_256_GCM, RandomizedNonceKey};
    let demo = tenant("demo");
    let here = place(&demo, "t", "r");
    let older = RandomizedNonceKey::new(&AES_256_GCM, &[7; 32]).unwrap();
    let (mut body, place) = (b"body".to_vec(), here.bytes());
    let nonce = older.seal_in_place_append_tag(aead::Aad::from(place), &mut body);
    let sealed = [&[1], nonce.unwrap().as_ref().as_slice(), &body].concat();
    assert_eq!(&**key(7).open(&here, &sealed).unwrap(), b"body");
}

#[tokio::test(start_paused = true)]
async fn no_key_is_made_and_nothing_sealed_while_nothing_can_be_drawn() {
    let store: Arc<dyn KeyStore> = Arc::new(KeysInMemory::default());
    let (scope, subject) = (Scope::system(tenant("demo")), patient("maria"));
    let here = place(&scope.tenant, "fhir_resource", "maria");
    let entropy = Entropy::seeded(1);
    let vault = Vault::drawing(entropy.clone());
    let tree = keeper_of(&vault, MasterKeySource::held([7; 32])).await;
    entropy.fail_next(1);
    let refused = vault.data_key(&*store, &scope, &subject).await.unwrap_err();
    assert_eq!(refused, VaultError::Random);
    assert!(refused.is_unavailable());
    let kept = store.find(&scope, "patient:maria", None).await.unwrap();
    assert_eq!(kept, None);

    let key = vault.data_key(&*store, &scope, &subject).await.unwrap();
    entropy.fail_next(1);
    assert_eq!(key.seal(&here, b"body"), Err(VaultError::Random));
    let sealed = key.seal(&here, b"body").unwrap();
    // What is sealed opens without a draw.
    entropy.fail_next(u32::MAX);
    assert_eq!(&**key.open(&here, &sealed).unwrap(), b"body");
    tree.shutdown().await;
}
