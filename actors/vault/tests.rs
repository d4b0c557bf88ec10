//! What opens and what must not.

mod columns;
mod erased;
mod held;
mod migrated;
mod period;
mod plans;
mod token;

use super::data_key::{Aad, KeyBytes};
use super::incidents::Incidents;
use super::sealed::name;
use super::*;
use crate::database::testing::TestDatabase;
use crate::database::{Login, Scope};
use crate::entropy::Entropy;
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use proptest::prelude::*;
use std::time::Duration;
use zeroize::Zeroizing;

fn key(byte: u8) -> DataKey {
    versioned(byte, 1)
}

fn versioned(byte: u8, version: i32) -> DataKey {
    DataKey::new(
        KeySubject::Directory,
        version,
        &KeyBytes::from(Zeroizing::new([byte; 32])),
        &Entropy::system(),
        &Incidents::new(),
    )
    .unwrap()
}

/// A column of no table.
struct Other;

impl SealedColumn for Other {
    const TABLE: &'static str = RecordBody::TABLE;
    const COLUMN: &'static str = "seale";
    const KEY_VERSION: &'static str = RecordBody::KEY_VERSION;
    const ROW: &'static str = RecordBody::ROW;
    const OLDER: &'static str = RecordBody::OLDER;
    const PUT: &'static str = RecordBody::PUT;
}

fn seal(key: &DataKey, tenant: &Tenant, row: &str, body: &[u8]) -> Vec<u8> {
    let sealed = key.seal::<RecordBody>(tenant, row, body).unwrap();
    sealed.as_bytes().to_vec()
}

fn opens(key: &DataKey, tenant: &Tenant, row: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    let opened = key.open::<RecordBody>(tenant, row, sealed);
    opened.map(|plain| plain.to_vec())
}

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

fn patient(id: &str) -> KeySubject {
    KeySubject::Patient(PatientId::parse(id).unwrap())
}

proptest! {
    #[test]
    fn what_was_sealed_opens_in_its_place_and_in_no_other(
        body in proptest::collection::vec(any::<u8>(), 0..2_000),
        row in "[a-z]{1,8}",
        bit in any::<prop::sample::Index>(),
    ) {
        let (demo, other) = (tenant("demo"), tenant("other"));
        let sealed = seal(&key(7), &demo, &row, &body);
        prop_assert_eq!(opens(&key(7), &demo, &row, &sealed), Ok(body.clone()));
        let refused = Err(VaultError::Sealed);
        let elsewhere = format!("{row}x");
        prop_assert_eq!(opens(&key(7), &other, &row, &sealed), refused.clone());
        prop_assert_eq!(opens(&key(7), &demo, &elsewhere, &sealed), refused.clone());
        prop_assert!(key(7).open::<SecondFactor>(&demo, &row, &sealed).is_err());
        prop_assert!(key(7).open::<Other>(&demo, &row, &sealed).is_err());
        prop_assert!(key(7).open::<RecordHistory>(&demo, &row, &sealed).is_ok(), "moved there");
        prop_assert_eq!(opens(&versioned(7, 2), &demo, &row, &sealed), refused.clone());
        prop_assert_eq!(opens(&key(8), &demo, &row, &sealed), refused.clone());
        let mut flipped = sealed.clone();
        let bit = bit.index(flipped.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(opens(&key(7), &demo, &row, &flipped), refused.clone());
        prop_assert_eq!(opens(&key(7), &demo, &row, &sealed[..bit / 8]), refused);
    }

    #[test]
    fn sealing_twice_gives_two_values(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let demo = tenant("demo");
        prop_assert_ne!(seal(&key(1), &demo, "r", &body), seal(&key(1), &demo, "r", &body));
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
    let sealed = key(0xab).seal::<RecordBody>(&tenant("demo"), "r", b"x");
    let printed = format!("{:?}", sealed.unwrap());
    assert_eq!(printed, "Sealed(fhir_resource.sealed)");
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
    let sealed = seal(&one.unwrap(), &scope.tenant, "maria", b"body");
    let opened = opens(&other.unwrap(), &scope.tenant, "maria", &sealed);
    assert_eq!(opened.unwrap(), b"body");
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
    let opened = opens(&key, &scope.tenant, "maria", &sealed);
    assert_eq!(opened.unwrap(), b"body");
    let gone = again.data_key_at(&database, &scope, &subject, 2).await;
    assert_eq!(gone.unwrap_err(), VaultError::Gone);
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
    let maria = vault
        .data_key(&database, &north, &patient("maria"))
        .await
        .unwrap();
    let sealed = seal(&maria, &north.tenant, "x", b"body");
    for (scope, subject) in [
        (&north, patient("joao")),
        (&north, KeySubject::Directory),
        (&south, patient("maria")),
    ] {
        let key = vault.data_key(&database, scope, &subject).await.unwrap();
        let opened = opens(&key, &north.tenant, "x", &sealed);
        assert_eq!(opened, Err(VaultError::Sealed));
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
    for table in ["data_key", "tenant_key", "key_tenant"] {
        let count = format!("SELECT count(*) FROM plantao_keys.{table}");
        let kept: i64 = owner.query_one(&count, &[]).await.unwrap().get(0);
        assert_eq!(kept, 1, "{table}");
    }
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

/// What earlier releases sealed with, a cipher that drew its nonces itself.
#[test]
fn a_value_sealed_by_a_cipher_that_drew_its_own_nonce_opens() {
    use aws_lc_rs::aead::{self, AES_256_GCM, RandomizedNonceKey};
    let demo = tenant("demo");
    let here = Aad {
        tenant: &demo,
        table: RecordBody::TABLE,
        column: RecordBody::COLUMN,
        row: "r",
        key_version: 1,
    };
    let older = RandomizedNonceKey::new(&AES_256_GCM, &[7; 32]).unwrap();
    let (mut body, place) = (b"body".to_vec(), here.bytes());
    let nonce = older.seal_in_place_append_tag(aead::Aad::from(place), &mut body);
    let sealed = [&[1], nonce.unwrap().as_ref().as_slice(), &body].concat();
    assert_eq!(opens(&key(7), &demo, "r", &sealed).unwrap(), b"body");
}

#[tokio::test]
async fn a_value_that_does_not_open_is_an_incident_and_its_caller_learns_nothing() {
    let incidents = Incidents::new();
    let bytes = KeyBytes::from(Zeroizing::new([7; 32]));
    let (subject, entropy) = (patient("maria"), Entropy::system());
    let key = DataKey::new(subject, 3, &bytes, &entropy, &incidents).unwrap();
    let opened = key.open::<RecordBody>(&tenant("demo"), "maria", b"no sealed value at all");
    assert_eq!(opened, Err(VaultError::Sealed));
    assert_eq!(
        VaultError::Sealed.to_string(),
        "the sealed value does not open"
    );
    let told = incidents.next().await;
    assert_eq!(told.kind, IncidentKind::DecryptionFailed);
    assert_eq!(told.tenant, tenant("demo"));
    assert_eq!(told.what, "fhir_resource.sealed version 3");
}
