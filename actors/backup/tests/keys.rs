//! Key backups: over after days, needed by every data backup, no way back for whoever is erased.

use super::*;
use std::os::unix::fs::PermissionsExt;

const DAY_US: i64 = 86_400_000_000;
const BEGUN_US: i64 = 1_700_000_000_000_000;

const RECORD: &str = "INSERT INTO plantao.fhir_resource \
     (tenant, kind, id, version, patient, sealed, key_subject, key_version) \
     VALUES ('north', 'Patient', 'maria', 1, 'maria', '\\x01', 'patient:maria', 1)";

const KEYS: &str = "INSERT INTO plantao_keys.key_tenant VALUES ('north'); \
     INSERT INTO plantao_keys.tenant_key (tenant, version, master, wrapped) \
     VALUES ('north', 1, '\\x0101010101010101', '\\x01'); \
     INSERT INTO plantao_keys.data_key (tenant, subject, version, tenant_version, wrapped) \
     VALUES ('north', 'patient:maria', 1, 1, '\\x01')";

const ERASE: &str = "INSERT INTO plantao_keys.tombstone VALUES \
     ('north', 'patient:maria', '2023-01-01', 'lgpd_art18'); \
     DELETE FROM plantao_keys.data_key";

impl Source {
    /// One with a clock that stands still, and backups that nobody restores at once.
    async fn unhurried(name: &str) -> (Self, WallClock) {
        let mut source = Self::start(name).await;
        let clock = WallClock::manual(Timestamp::from_micros(BEGUN_US));
        source.order.clock = clock.clone();
        source.order.verified = false;
        (source, clock)
    }
}

async fn restored_with(
    path: &Path,
    key: &BackupKey,
    target: &DatabaseConfig,
    keys: &Keys,
) -> Result<Restored, BackupError> {
    let reading = Reading {
        keys: Some(keys.clone()),
        ..Reading::default()
    };
    restore(path, key, target, &reading, &mut (), pending()).await
}

/// What is left of a restored hospital's keys: data keys and tombstones.
async fn keys_in(target: &DatabaseConfig) -> (i64, i64) {
    let embedded = target.embedded.as_ref().unwrap();
    let server = Errand::start(embedded).await.unwrap().unwrap();
    await_server(target, PATIENCE).await.unwrap();
    let session = session(target, Login::Owner).await;
    let count = "SELECT (SELECT count(*) FROM plantao_keys.data_key), \
         (SELECT count(*) FROM plantao_keys.tombstone)";
    let row = session.client.query_one(count, &[]).await.unwrap();
    drop(session);
    server.stop().await;
    (row.get(0), row.get(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_erased_is_in_no_old_backup_and_a_key_backup_of_before_is_refused_when_over() {
    let (source, clock) = Source::unhurried("backup-keys").await;
    source.as_owner(KEYS).await;
    source.as_owner(RECORD).await;
    let old = source.take().await.unwrap();
    let key = &source.order.key;
    let kept = old.path.with_file_name("kept.keys");
    std::fs::copy(&old.keys.path, &kept).unwrap();
    source.as_owner(ERASE).await;
    clock.set(Timestamp::from_micros(BEGUN_US + 8 * DAY_US));
    let newest = take_keys(&source.order).await.unwrap();
    assert_eq!(newest.removed, std::slice::from_ref(&old.keys.path));
    assert_eq!((newest.manifest.keys, newest.manifest.erased), (0, 1));
    let second = source.take().await;
    assert!(
        matches!(second, Err(BackupError::Occupied { .. })),
        "one a second"
    );
    clock.set(Timestamp::from_micros(BEGUN_US + 8 * DAY_US + 1_000_000));
    let data = source.take().await.unwrap();
    assert_eq!(data.manifest.erased, Some(1));
    source.tree.shutdown().await;

    let target = config_of("backup-keys-restored");
    let alone = Reading::default();
    let refused = restore(&old.path, key, &target, &alone, &mut (), pending()).await;
    assert!(matches!(refused, Err(BackupError::NoKeys)), "{refused:?}");
    let mut keys = Keys {
        path: kept,
        now: clock.now(),
        ..newest_keys(&old.path)
    };
    let over = restored_with(&old.path, key, &target, &keys)
        .await
        .unwrap_err();
    assert!(matches!(over, BackupError::KeysExpired { .. }), "{over}");
    // It knows of fewer erasures than the newer data backup.
    keys.expired_too = true;
    let older = restored_with(&data.path, key, &target, &keys).await;
    let older = older.unwrap_err();
    assert!(
        matches!(older, BackupError::OlderTombstones { missing: 1 }),
        "{older}"
    );

    // The old data and the keys of now: the key is not there, and would be destroyed if it was.
    let restored = restored(&old.path, key, &target, None).await.unwrap();
    assert_eq!(restored.merged.unwrap().erased, 1);
    assert_eq!(keys_in(&target).await, (0, 1));
    // Told to go on: what the data backup itself knows of erasures holds all the same.
    let target = config_of("backup-keys-older");
    keys.older_tombstones = true;
    let told = restored_with(&data.path, key, &target, &keys).await;
    assert_eq!(told.unwrap().merged.unwrap().destroyed, 1);
    assert_eq!(keys_in(&target).await, (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_after_the_key_backup_stays_and_keys_of_another_cluster_are_refused() {
    let (source, clock) = Source::unhurried("backup-later").await;
    let before = take_keys(&source.order).await.unwrap();
    source.as_owner(KEYS).await;
    source.as_owner(RECORD).await;
    clock.set(Timestamp::from_micros(BEGUN_US + 1_000_000));
    let data = source.take().await.unwrap();
    source.tree.shutdown().await;
    let key = &source.order.key;
    let target = config_of("backup-later-restored");
    let keys = Keys {
        path: before.path,
        ..newest_keys(&data.path)
    };
    restored_with(&data.path, key, &target, &keys)
        .await
        .unwrap();
    assert_eq!(keys_in(&target).await, (1, 0));

    let (mut other, _) = Source::unhurried("backup-other").await;
    other.order.key = Arc::clone(key);
    let foreign = take_keys(&other.order).await.unwrap();
    other.tree.shutdown().await;
    let keys = Keys {
        path: foreign.path,
        ..newest_keys(&data.path)
    };
    let target = config_of("backup-other-restored");
    let refused = restored_with(&data.path, key, &target, &keys).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, BackupError::OtherKeys { .. }),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_whose_keys_are_missing_is_found_when_it_is_made() {
    let source = Source::start("backup-keyless").await;
    source.as_owner(RECORD).await;
    let error = source.take().await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("1 of 1 sealed values have no key"), "{said}");
    assert_eq!(source.left(), Vec::<PathBuf>::new());
    assert!(
        shelf::list_keys(&source.order.keys.folder)
            .unwrap()
            .is_empty()
    );
    source.as_owner(KEYS).await;
    let verdict = source.take().await.unwrap().verdict.unwrap();
    assert_eq!((verdict.sampled.sealed, verdict.sampled.opened), (1, None));
    source.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_an_older_schema_is_brought_forward_as_a_start_would() {
    let mut source = Source::start("backup-older").await;
    let older = newest_known() - 1;
    let wish = Wish {
        to: Some(older),
        confirmed: true,
        forced: true,
        ..Wish::default()
    };
    migrate_to(&source.order.config, wish, &mut |_| {})
        .await
        .unwrap();
    source.order.verified = false;
    let taken = source.take().await.unwrap();
    assert_eq!(taken.manifest.schema, older);
    source.tree.shutdown().await;
    let target = config_of("backup-older-restored");
    let restored = restored(&taken.path, &source.order.key, &target, None);
    let restored = restored.await.unwrap();
    assert_eq!(restored.verdict.entries, 50);
    assert_eq!(restored.verdict.schema, older, "as it was in the backup");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_period_is_taken_from_no_backup_that_is_over_or_of_another_cluster() {
    let (source, clock) = Source::unhurried("backup-period").await;
    let period = &source.order.keys.period;
    std::fs::write(period, [1; 40]).unwrap();
    std::fs::set_permissions(period, PermissionsExt::from_mode(0o600)).unwrap();
    let taken = take_keys(&source.order).await.unwrap();
    let (config, key) = (&source.order.config, &source.order.key);
    let mut keys = Keys {
        now: clock.now(),
        path: taken.path,
        tombstones: None,
        expired_too: false,
        older_tombstones: false,
    };
    let taken_place = put_period_key(config, &keys, key, period).await;
    assert!(matches!(taken_place, Err(BackupError::Occupied { .. })));
    let lost = period.with_file_name("lost.key");
    keys.now = Timestamp::from_micros(BEGUN_US + 7 * DAY_US);
    let over = put_period_key(config, &keys, key, &lost).await;
    assert!(
        matches!(over, Err(BackupError::KeysExpired { .. })),
        "{over:?}"
    );
    assert!(!lost.exists());
    keys.expired_too = true;
    put_period_key(config, &keys, key, &lost).await.unwrap();
    assert_eq!(std::fs::read(&lost).unwrap(), [1; 40]);

    // The database knows of a period that this key does not lead to.
    let other = "INSERT INTO plantao_keys.period VALUES (true, 3, '\\x0101010101010101')";
    source.as_owner(other).await;
    std::fs::remove_file(&lost).unwrap();
    let unrelated = put_period_key(config, &keys, key, &lost).await;
    assert!(
        matches!(unrelated, Err(BackupError::OtherCluster { .. })),
        "{unrelated:?}"
    );
    let (foreign, _) = Source::unhurried("backup-period-other").await;
    let foreigner = put_period_key(&foreign.order.config, &keys, key, &lost).await;
    assert!(
        matches!(foreigner, Err(BackupError::OtherCluster { .. })),
        "{foreigner:?}"
    );
    assert!(!lost.exists());
    let own = put_keys(config, &keys, key, &lost, false).await;
    assert!(matches!(own, Err(BackupError::Private)), "{own:?}");
    source.tree.shutdown().await;
    foreign.tree.shutdown().await;
}
