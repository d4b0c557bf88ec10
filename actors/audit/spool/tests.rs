//! The spool over real files, a real PostgreSQL, and disks that fail.

use super::*;
use crate::audit::audit_child;
use crate::audit::tests::{clock, verified, writer};
use crate::database::DatabaseConfig;
use crate::database::testing::TestDatabase;
use crate::policy::testing;
use plantao_schema::access::{Action, ResourceKind};
use plantao_schema::audit::Severity;
use plantao_schema::id::PatientId;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::path::Path;
use std::sync::Mutex;
use tokio::time::{Instant, sleep};

fn tenant() -> Tenant {
    Tenant::parse("demo").unwrap()
}

fn spool_in(folder: &Path, log: &AuditLog, limits: SpoolLimits) -> EmergencySpool {
    let store = Arc::new(FileSpool::new(folder.join("spool")));
    EmergencySpool::new(log.clone(), store, limits, tenant())
}

fn file(folder: &Path) -> std::path::PathBuf {
    folder.join("spool/emergency.spool")
}

async fn emergency() -> CardEmergency {
    let kind = ResourceKind::EmergencyCard;
    let mut access = testing::access(Action::Read, kind, clock().now());
    access.patient = PatientId::parse("maria").ok();
    access.break_glass = Some("cardiac arrest in bed 7".to_owned());
    let permit = testing::permit(access).await;
    permit.into_card_emergency().unwrap()
}

async fn keeper(spool: &EmergencySpool) -> Tree {
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(9, SECONDS));
    Tree::start("t", spec.child(spool.child())).await.unwrap()
}

/// Keeper and writer, as after a start.
async fn both(spool: &EmergencySpool, config: DatabaseConfig) -> Tree {
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(99, SECONDS))
        .child(audit_child(&spool.log, config, "node-1"))
        .child(spool.child());
    Tree::start("t", spec).await.unwrap()
}

const SECONDS: Duration = Duration::from_secs(10);

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < give_up, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn kept(spool: &EmergencySpool) -> SpoolReceipt {
    match spool.record(&emergency().await).await.unwrap() {
        EmergencyReceipt::Spool(receipt) => receipt,
        EmergencyReceipt::Trail(receipt) => panic!("{receipt:?}"),
    }
}

/// A disk in memory that fails on demand.
#[derive(Default)]
struct Disk {
    bytes: Mutex<Vec<u8>>,
    appends_fail: AtomicBool,
    replaces_fail: AtomicBool,
}

impl Disk {
    fn fail(switch: &AtomicBool) -> Result<(), SpoolError> {
        let (action, kind) = ("write", std::io::ErrorKind::StorageFull);
        match switch.load(Ordering::SeqCst) {
            true => Err(SpoolError::Refused { action, kind }),
            false => Ok(()),
        }
    }
}

impl SpoolStore for Disk {
    fn read(&self) -> Spooling<'_, Vec<u8>> {
        Box::pin(async { Ok(self.bytes.lock().unwrap().clone()) })
    }

    fn append(&self, at: usize, record: Vec<u8>) -> Spooling<'_, ()> {
        Box::pin(async move {
            let mut bytes = self.bytes.lock().unwrap();
            bytes.truncate(at);
            // A part of it arrives all the same.
            bytes.extend_from_slice(&record[..record.len() / 2]);
            Self::fail(&self.appends_fail)?;
            bytes.truncate(at);
            bytes.extend(record);
            Ok(())
        })
    }

    fn replace(&self, bytes: Vec<u8>) -> Spooling<'_, ()> {
        Box::pin(async {
            Self::fail(&self.replaces_fail)?;
            *self.bytes.lock().unwrap() = bytes;
            Ok(())
        })
    }

    fn set_aside(&self, _bytes: Vec<u8>) -> Spooling<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

fn spool_on(disk: &Arc<Disk>, log: &AuditLog) -> EmergencySpool {
    let store: Arc<dyn SpoolStore> = Arc::clone(disk) as Arc<dyn SpoolStore>;
    EmergencySpool::new(log.clone(), store, SpoolLimits::default(), tenant())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_trail_is_there_nothing_is_spooled() {
    let (test, state) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let log = AuditLog::new(clock());
    let spool = spool_in(state.path(), &log, SpoolLimits::default());
    let tree = both(&spool, test.config()).await;
    until("the trail is reached", || log.is_reached()).await;
    let receipt = spool.record(&emergency().await).await.unwrap();
    let EmergencyReceipt::Trail(receipt) = receipt else {
        panic!("{receipt:?}");
    };
    let rows = verified(&test.database(), "demo").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].entry.id, receipt.entry());
    assert_eq!(spool.waiting(), 0);
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_is_on_disk_before_its_answer_and_in_the_trail_once_that_is_back() {
    let (test, state) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let log = AuditLog::new(clock());
    let spool = spool_in(state.path(), &log, SpoolLimits::default());
    let tree = keeper(&spool).await;
    let mut keys = Vec::new();
    for number in 1..=3 {
        let receipt = kept(&spool).await;
        assert_eq!(receipt.number(), number);
        keys.push(receipt.entry());
        let on_disk = spooled(&std::fs::read(file(state.path())).unwrap());
        let on_disk: Vec<Uuid> = on_disk.iter().map(|one| one.id).collect();
        assert_eq!(on_disk, keys, "on disk before the answer");
    }
    assert!(tree.kill("t/spool").is_ok());
    drop(tree);
    // Another process: it knows the file and nothing else.
    let log = AuditLog::new(clock());
    let spool = spool_in(state.path(), &log, SpoolLimits::default());
    let tree = both(&spool, test.config()).await;
    until("the entries come", || spool.is_up() && spool.waiting() == 0).await;
    let rows = verified(&test.database(), "demo").await;
    let mut found: Vec<Uuid> = rows.iter().map(|row| row.entry.id).collect();
    found.sort_unstable();
    keys.sort_unstable();
    assert_eq!(found, keys);
    for row in rows {
        let entry = row.entry;
        assert_eq!(entry.severity, Severity::Critical);
        assert_eq!(entry.verdict, "break_glass");
        assert_eq!(entry.resource_kind, "emergency_card");
        assert_eq!(entry.patient.as_deref(), Some("maria"));
        assert!(entry.explanation.contains("kept in the emergency spool"));
    }
    let left = std::fs::read(file(state.path())).unwrap();
    assert!(
        spooled(&left).is_empty(),
        "what the trail has leaves the spool"
    );
    // The next number follows, so that a number is never given twice.
    tree.shutdown().await;
    let tree = keeper(&spool).await;
    assert_eq!(kept(&spool).await.number(), 4);
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_could_not_leave_the_spool_are_in_the_trail_once() {
    let test = TestDatabase::create().await;
    let (disk, log) = (Arc::new(Disk::default()), AuditLog::new(clock()));
    let spool = spool_on(&disk, &log);
    let tree = keeper(&spool).await;
    let keys = [kept(&spool).await.entry(), kept(&spool).await.entry()];
    tree.shutdown().await;
    disk.replaces_fail.store(true, Ordering::SeqCst);
    let tree = both(&spool, test.config()).await;
    let database = test.database();
    let give_up = Instant::now() + Duration::from_secs(30);
    while verified(&database, "demo").await.len() < 2 {
        assert!(Instant::now() < give_up, "the trail has them");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(spool.waiting() > 0, "and so has the spool");
    // A crash here sends them again.
    tree.kill("t/spool").unwrap();
    disk.replaces_fail.store(false, Ordering::SeqCst);
    until("they leave", || spool.is_up() && spool.waiting() == 0).await;
    let rows = verified(&database, "demo").await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| keys.contains(&row.entry.id)));
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_the_trail_took_first_is_there_once_and_as_it_was() {
    let test = TestDatabase::create().await;
    let (disk, log) = (Arc::new(Disk::default()), AuditLog::new(clock()));
    let spool = spool_on(&disk, &log);
    let tree = keeper(&spool).await;
    let key = kept(&spool).await.entry();
    tree.shutdown().await;
    // Its first sending was slow, and came through after all.
    let first = spooled(&disk.bytes.lock().unwrap().clone()).remove(0);
    let tree = writer(&log, test.config()).await;
    log.append(first.clone()).await.unwrap();
    tree.shutdown().await;
    let tree = both(&spool, test.config()).await;
    until("it leaves", || spool.is_up() && spool.waiting() == 0).await;
    let rows = verified(&test.database(), "demo").await;
    assert_eq!((rows.len(), rows[0].entry.id), (1, key));
    assert_eq!(rows[0].entry, first);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_full_spool_refuses() {
    let state = tempfile::tempdir().unwrap();
    let log = AuditLog::new(clock());
    let two = SpoolLimits {
        entries: 2,
        ..SpoolLimits::default()
    };
    let spool = spool_in(state.path(), &log, two);
    let tree = keeper(&spool).await;
    kept(&spool).await;
    kept(&spool).await;
    let before = std::fs::read(file(state.path())).unwrap();
    let refused = spool.record(&emergency().await).await.unwrap_err();
    assert_eq!(refused, AuditError::SpoolFull { limit: 2 });
    assert!(refused.is_unavailable(), "later is right");
    assert_eq!(std::fs::read(file(state.path())).unwrap(), before);
    tree.shutdown().await;
    let bytes = SpoolLimits {
        bytes: before.len() + 10,
        ..SpoolLimits::default()
    };
    let spool = spool_in(state.path(), &log, bytes);
    let tree = keeper(&spool).await;
    let refused = spool.record(&emergency().await).await.unwrap_err();
    assert!(matches!(refused, AuditError::SpoolFull { .. }), "{refused}");
    tree.shutdown().await;
}

#[tokio::test]
async fn a_disk_that_fails_refuses_and_loses_nothing_that_was_acknowledged() {
    let (disk, log) = (Arc::new(Disk::default()), AuditLog::new(clock()));
    let spool = spool_on(&disk, &log);
    let tree = keeper(&spool).await;
    let first = kept(&spool).await.entry();
    disk.appends_fail.store(true, Ordering::SeqCst);
    let refused = spool.record(&emergency().await).await.unwrap_err();
    assert_eq!(refused, AuditError::Unavailable);
    assert!(!spool.is_up());
    disk.appends_fail.store(false, Ordering::SeqCst);
    let second = kept(&spool).await.entry();
    let bytes = disk.bytes.lock().unwrap().clone();
    let keys: Vec<Uuid> = spooled(&bytes).iter().map(|one| one.id).collect();
    assert_eq!(keys, [first, second]);
    tree.shutdown().await;
}

#[tokio::test]
async fn without_a_keeper_an_emergency_is_refused() {
    let (disk, log) = (Arc::new(Disk::default()), AuditLog::new(clock()));
    let spool = spool_on(&disk, &log);
    let refused = spool.record(&emergency().await).await.unwrap_err();
    assert_eq!(refused, AuditError::Unavailable);
}

#[tokio::test]
async fn a_torn_record_is_cut_and_the_others_are_kept() {
    let state = tempfile::tempdir().unwrap();
    let log = AuditLog::new(clock());
    let spool = spool_in(state.path(), &log, SpoolLimits::default());
    let tree = keeper(&spool).await;
    let first = kept(&spool).await.entry();
    let whole = std::fs::read(file(state.path())).unwrap();
    kept(&spool).await;
    tree.shutdown().await;
    let both = std::fs::read(file(state.path())).unwrap();
    std::fs::write(file(state.path()), &both[..both.len() - 50]).unwrap();
    let tree = keeper(&spool).await;
    assert_eq!(spool.waiting(), 1);
    assert_eq!(std::fs::read(file(state.path())).unwrap(), whole);
    let second = kept(&spool).await.entry();
    let keys = spooled(&std::fs::read(file(state.path())).unwrap());
    let keys: Vec<Uuid> = keys.iter().map(|one| one.id).collect();
    assert_eq!(keys, [first, second]);
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_spool_is_set_aside_and_the_trail_is_told() {
    let (test, state) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
    let log = AuditLog::new(clock());
    let spool = spool_in(state.path(), &log, SpoolLimits::default());
    let tree = keeper(&spool).await;
    let first = kept(&spool).await.entry();
    let second = kept(&spool).await.entry();
    kept(&spool).await;
    tree.shutdown().await;
    let mut bytes = std::fs::read(file(state.path())).unwrap();
    let second = second.to_string();
    let place = bytes.windows(36).position(|part| part == second.as_bytes());
    bytes[place.unwrap()] ^= 1;
    std::fs::write(file(state.path()), &bytes).unwrap();
    let tree = both(&spool, test.config()).await;
    until("what is good comes", || {
        spool.is_up() && spool.waiting() == 0
    })
    .await;
    let rows = verified(&test.database(), "demo").await;
    assert_eq!(rows.len(), 2);
    let told = |row: &&Chained| row.entry.explanation.contains("emergency_spool_damaged");
    let told = rows.iter().find(told).expect("the trail is told");
    assert_eq!(told.entry.severity, Severity::Critical);
    assert!(rows.iter().any(|row| row.entry.id == first));
    let folder = std::fs::read_dir(state.path().join("spool")).unwrap();
    let aside = folder.flatten().filter(|one| {
        let name = one.file_name();
        name.to_string_lossy().starts_with("damaged-")
    });
    assert_eq!(std::fs::read(aside.last().unwrap().path()).unwrap(), bytes);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_killed_keeper_comes_back_with_what_was_acknowledged() {
    let state = tempfile::tempdir().unwrap();
    let log = AuditLog::new(clock());
    let spool = spool_in(state.path(), &log, SpoolLimits::default());
    let tree = keeper(&spool).await;
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(kept(&spool).await.entry());
        tree.kill("t/spool").unwrap();
        until("it is back", || spool.is_up()).await;
    }
    let found = spooled(&std::fs::read(file(state.path())).unwrap());
    let found: Vec<Uuid> = found.iter().map(|one| one.id).collect();
    assert_eq!(found, keys);
    tree.shutdown().await;
}
