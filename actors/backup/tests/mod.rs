//! Backups of a real server that is written to: taken, checked, restored, and refused when they
//! were tampered with.

use super::seal::CHUNK_BYTES;
use super::*;
use crate::audit::{AuditLog, audit_child};
use crate::clock::WallClock;
use crate::database::postgres::Errand;
use crate::database::testing::private_cluster;
use crate::database::{
    Database, DatabaseConfig, Login, Session, Wish, await_server, migrate_to, newest_known,
    pool_child, server_child,
};
use crate::entropy::Entropy;
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::id::Tenant;
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::future::pending;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

mod keys;
mod wal;

const NODE: &str = "node-1";
const PATIENCE: Duration = Duration::from_secs(60);
/// Stands in a column that no compression makes shorter than it is.
const MARKER: &str = "plaintext-marker-7f3a9c";

fn entry() -> Entry {
    Entry {
        id: uuid::Uuid::now_v7(),
        at: Timestamp::from_micros(1_700_000_000_000_000),
        phase: Phase::Single,
        opens: None,
        severity: Severity::Info,
        tenant: Tenant::parse("north").unwrap(),
        principal: "medica".into(),
        role: "physician".into(),
        action: "read".into(),
        resource_kind: "patient".into(),
        resource_id: Some("maria".into()),
        patient: None,
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 88,
        explanation: MARKER.into(),
        request_id: "r".into(),
        outcome: Outcome::Success,
        plugin: None,
        commitment: None,
    }
}

async fn session(config: &DatabaseConfig, login: Login) -> Session {
    let connection = config.connection(login).unwrap();
    Session::open(&connection).await.unwrap()
}

async fn restored(
    path: &Path,
    key: &BackupKey,
    target: &DatabaseConfig,
    further: Option<&Further>,
) -> Result<Restored, BackupError> {
    let reading = Reading {
        further: further.cloned(),
        keys: Some(newest_keys(path)),
        holder: None,
    };
    restore(path, key, target, &reading, &mut (), pending()).await
}

/// The newest key backup beside a data backup.
fn newest_keys(beside: &Path) -> Keys {
    let folder = shelf::keys_folder(beside.parent().unwrap());
    let newest = shelf::list_keys(&folder).unwrap().pop().unwrap();
    Keys {
        now: newest.manifest.created_at,
        path: newest.path,
        tombstones: None,
        expired_too: false,
        older_tombstones: false,
    }
}

/// A running cluster with a trail in it.
struct Source {
    tree: Tree,
    audit: AuditLog,
    order: Order,
}

fn config_of(name: &str) -> DatabaseConfig {
    let embedded = private_cluster(name);
    DatabaseConfig {
        embedded: Some(embedded.clone()),
        ..DatabaseConfig::embedded(&embedded.state_dir)
    }
}

impl Source {
    async fn start(name: &str) -> Self {
        let config = config_of(name);
        let embedded = config.embedded.clone().unwrap();
        let audit = AuditLog::new(WallClock::system());
        let intensity = Intensity::new(3, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, intensity)
            .child(server_child(embedded.clone()))
            .child(pool_child(config.clone(), Database::new()))
            .child(audit_child(&audit, config.clone(), NODE));
        let tree = Tree::start("t", spec).await.unwrap();
        let path = embedded.state_dir.join("backup.key");
        let (key, _) = BackupKey::open_or_make(&path, &Entropy::system()).unwrap();
        let folder = shelf::folder(&embedded.state_dir);
        let order = Order {
            config,
            node: NODE.to_owned(),
            keys: KeyFiles {
                folder: shelf::keys_folder(&folder),
                days: 7,
                period: embedded.state_dir.join("period.key"),
                tombstones: embedded.state_dir.join("tombstones.log"),
                holder: None,
            },
            folder,
            key: Arc::new(key),
            clock: WallClock::system(),
            verified: true,
        };
        let source = Self { tree, audit, order };
        source.write(50).await;
        source
    }

    async fn write(&self, entries: usize) {
        let write = || self.audit.append(entry());
        let written = futures_util::future::join_all((0..entries).map(|_| write())).await;
        for receipt in written {
            receipt.unwrap();
        }
    }

    async fn take(&self) -> Result<Taken, BackupError> {
        take(&self.order, &mut (), pending()).await
    }

    async fn as_owner(&self, statement: &str) {
        let session = session(&self.order.config, Login::Owner).await;
        session.client.batch_execute(statement).await.unwrap();
    }

    /// Everything in the folder of backups and every copy beside the cluster.
    fn left(&self) -> Vec<PathBuf> {
        let state_dir = &self.order.config.embedded.as_ref().unwrap().state_dir;
        let mut found = Vec::new();
        for folder in [
            state_dir.as_path(),
            &self.order.folder,
            &self.order.keys.folder,
        ] {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            found.extend(entries.map(|entry| entry.path()));
        }
        let is_copy = |path: &Path| {
            path.extension().is_some_and(|ext| {
                ["backup", "partial", "scratch", "restoring"]
                    .map(Into::into)
                    .contains(&ext.to_owned())
            })
        };
        found.retain(|path| is_copy(path));
        found
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_taken_under_load_holds_all_that_was_acknowledged_before_it() {
    let source = Source::start("backup-load").await;
    source.write(700).await;
    let log = source.audit.clone();
    let load = tokio::spawn(async move {
        loop {
            log.append(entry()).await.unwrap();
        }
    });
    let taken = source.take().await.unwrap();
    load.abort();
    let verdict = taken.verdict.unwrap();
    assert!(verdict.entries >= 750, "{verdict:?}");
    assert_eq!(verdict.chains, 1);
    assert_eq!(verdict.schema, taken.manifest.schema);
    let file = std::fs::metadata(&taken.path).unwrap();
    assert_eq!((file.mode() & 0o777, file.len()), (0o600, taken.bytes));
    assert_eq!(source.left(), std::slice::from_ref(&taken.path));
    let bytes = std::fs::read(&taken.path).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(!holds(MARKER.as_bytes()) && !holds(b"PG_VERSION") && !holds(b"medica"));
    source.tree.shutdown().await;

    // Into another state directory, served by another start.
    let target = config_of("backup-load-restored");
    let restored = restored(&taken.path, &source.order.key, &target, None);
    let restored = restored.await.unwrap();
    assert_eq!(restored.verdict.entries, verdict.entries);
    assert_eq!(restored.erasures, None);
    let embedded = target.embedded.as_ref().unwrap();
    let server = Errand::start(embedded).await.unwrap().unwrap();
    await_server(&target, PATIENCE).await.unwrap();
    let session = session(&target, Login::Audit).await;
    let count = "SELECT count(*) FROM audit_entry";
    let count: i64 = session.client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(u64::try_from(count).unwrap(), verdict.entries);
    drop(session);
    server.stop().await;
    // What is there is not restored over.
    let again = self::restored(&taken.path, &source.order.key, &target, None);
    let again = again.await.unwrap_err();
    assert!(matches!(again, BackupError::Occupied { .. }), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_tampered_with_is_refused_by_name_and_leaves_no_copy() {
    let source = Source::start("backup-tampered").await;
    let taken = source.take().await.unwrap();
    let whole = std::fs::read(&taken.path).unwrap();
    let verified = async |bytes: &[u8], key: &BackupKey| {
        std::fs::write(&taken.path, bytes).unwrap();
        let path = &taken.path;
        let (config, alone) = (&source.order.config, Reading::default());
        let checked = verify(path, key, config, &alone, &mut (), pending()).await;
        assert_eq!(source.left(), std::slice::from_ref(path));
        checked.map_err(|error| error.to_string())
    };
    let key = &source.order.key;
    verified(&whole, key).await.unwrap();
    assert!(whole.len() > 4 * CHUNK_BYTES, "{}", whole.len());
    let start = whole.len() - 3 * CHUNK_BYTES;
    let mut flipped = whole.clone();
    flipped[start] ^= 1;
    let said = verified(&flipped, key).await.unwrap_err();
    assert!(
        said.contains("chunk ") && said.contains("at byte "),
        "{said}"
    );
    let said = verified(&whole[..start], key).await.unwrap_err();
    assert!(said.contains(&format!("at byte {start}")), "{said}");
    let body = body(&whole);
    let mut swapped = whole.clone();
    let sealed = CHUNK_BYTES + 16;
    let (first, second) = (body..body + sealed, body + sealed..body + 2 * sealed);
    swapped[first.clone()].copy_from_slice(&whole[second.clone()]);
    swapped[second].copy_from_slice(&whole[first]);
    let said = verified(&swapped, key).await.unwrap_err();
    assert!(said.contains(&format!("chunk 0, at byte {body}")), "{said}");
    let said = verified(&whole[..body + sealed], key).await.unwrap_err();
    assert!(said.contains("its end was cut off"), "{said}");
    let mut longer = whole.clone();
    longer.push(0);
    assert!(verified(&longer, key).await.unwrap_err().contains("chunk "));
    // The manifest is in clear, and bound.
    let mut younger = whole.clone();
    let place = whole.windows(6).position(|part| part == b"node-1").unwrap();
    younger[place + 5] = b'2';
    let said = verified(&younger, key).await.unwrap_err();
    assert!(said.contains("manifest does not open"), "{said}");
    let other = source
        .order
        .config
        .embedded
        .as_ref()
        .unwrap()
        .state_dir
        .join("other.key");
    let (other, _) = BackupKey::open_or_make(&other, &Entropy::system()).unwrap();
    let said = verified(&whole, &other).await.unwrap_err();
    assert!(
        said.contains(other.name()) && said.contains(key.name()),
        "{said}"
    );
    let said = verified(b"PLANTAO", key).await.unwrap_err();
    assert!(said.contains("is not a backup"), "{said}");
    source.tree.shutdown().await;
}

/// Where the first chunk begins.
fn body(whole: &[u8]) -> usize {
    let length: [u8; 4] = whole[17..21].try_into().unwrap();
    21 + u32::from_be_bytes(length) as usize + 60
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_that_was_edited_gives_no_backup() {
    let source = Source::start("backup-edited").await;
    source
        .as_owner(
            "SET session_replication_role = replica; \
             ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_append_only; \
             UPDATE audit_entry SET principal = 'nobody' WHERE seq = 7",
        )
        .await;
    let error = source.take().await.unwrap_err();
    assert!(error.to_string().contains("breaks at entry 7"), "{error}");
    assert_eq!(source.left(), Vec::<PathBuf>::new());
    source.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_backup_leaves_nothing_and_a_killed_ones_rest_is_told_and_swept() {
    let source = Source::start("backup-cut").await;
    let cut = take(&source.order, &mut (), std::future::ready(())).await;
    assert!(matches!(cut, Err(BackupError::Interrupted)), "{cut:?}");
    assert_eq!(source.left(), Vec::<PathBuf>::new());
    // At the moment when the copy is being looked at.
    let (asked, ask) = tokio::sync::oneshot::channel::<()>();
    let mut witness = AtPhase("walking", Some(asked));
    let stop = async { drop(ask.await) };
    let cut = take(&source.order, &mut witness, stop).await;
    assert!(matches!(cut, Err(BackupError::Interrupted)), "{cut:?}");
    assert_eq!(source.left(), Vec::<PathBuf>::new());

    let embedded = source.order.config.embedded.clone().unwrap();
    assert_eq!(leftovers(&embedded).unwrap(), []);
    let scratch = embedded.state_dir.join("postgres.scratch");
    std::fs::create_dir(&scratch).unwrap();
    std::fs::write(scratch.join("1259"), "decrypted").unwrap();
    let part = source
        .order
        .folder
        .join(format!("plantao-{NODE}-1.backup.partial"));
    std::fs::write(&part, "half").unwrap();
    let told: Vec<_> = leftovers(&embedded)
        .unwrap()
        .into_iter()
        .map(|left| left.path)
        .collect();
    assert_eq!(told, [scratch.clone(), part.clone()]);
    let taken = source.take().await.unwrap();
    assert_eq!(source.left(), [taken.path]);
    source.tree.shutdown().await;
}

/// Asks for an end when a phase begins.
struct AtPhase(&'static str, Option<tokio::sync::oneshot::Sender<()>>);

impl Witness for AtPhase {
    fn phase(&mut self, name: &str) {
        if name.starts_with(self.0) {
            drop(self.1.take());
        }
    }
    fn moved(&mut self, _: u64) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_are_kept_and_a_second_at_once_is_refused() {
    let mut source = Source::start("backup-kept").await;
    source.order.verified = false;
    let clock = WallClock::manual(Timestamp::from_micros(1_700_000_000_000_000));
    source.order.clock = clock.clone();
    let mut taken = Vec::new();
    for second in 0..3 {
        clock.set(Timestamp::from_micros(
            1_700_000_000_000_000 + second * 1_000_000,
        ));
        taken.push(source.take().await.unwrap().path);
    }
    // A name that is taken is not written over.
    let error = source.take().await.unwrap_err();
    assert!(matches!(error, BackupError::Occupied { .. }), "{error}");
    let folder = source.order.folder.clone();
    std::fs::write(folder.join("plantao-other.backup"), "no backup").unwrap();
    assert_eq!(
        shelf::prune(&folder, "node-2", 1).unwrap(),
        Vec::<PathBuf>::new()
    );
    let archive = folder.join(shelf::WAL);
    std::fs::create_dir(&archive).unwrap();
    let useless = archive.join(format!("{NODE}-{:024}.wal", 0));
    let others = archive.join(format!("node-2-{:024}.wal", 0));
    let needed = archive.join(format!("{NODE}-FFFFFFFF00000000000000FF.wal"));
    for path in [&useless, &others, &needed] {
        std::fs::write(path, "sealed").unwrap();
    }
    let removed = shelf::prune(&folder, NODE, 2).unwrap();
    assert_eq!(removed, [taken[0].clone(), useless]);
    assert!(others.exists() && needed.exists() && !taken[0].exists());
    let (kept, wrong) = shelf::list(&folder).unwrap();
    assert_eq!((kept.len(), wrong.len()), (2, 1));
    let turn = scratch::Turn::take(source.order.config.embedded.as_ref().unwrap()).unwrap();
    let busy = source.take().await.unwrap_err();
    assert!(matches!(busy, BackupError::Busy { .. }), "{busy}");
    drop(turn);
    source.tree.shutdown().await;
}
