//! The trail under load, under attack and across restarts, on a real PostgreSQL.

use super::*;
use crate::clock::WallClock;
use crate::database::testing::{TestDatabase, TestSession};
use crate::database::{Database, DatabaseConfig, Login, Scope};
use crate::entropy::Entropy;
use futures_util::future;
use plantao_schema::audit::{ChainHead, Chained, Entry, Outcome, Phase, Severity, Verifier};
use plantao_schema::id::Tenant;
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

mod crash;
mod edges;
mod keeping;
mod open_entries;
mod search;
mod settling;
mod shipping;
mod transparency;
mod upgrade;

const TENANTS: [&str; 3] = ["north", "south", "east"];

pub(super) fn clock() -> WallClock {
    WallClock::manual(Timestamp::from_micros(1_700_000_000_000_000))
}

fn scope(tenant: &str) -> Scope {
    Scope::system(Tenant::parse(tenant).unwrap())
}

pub(super) fn entry(tenant: &str) -> Entry {
    Entry {
        id: Uuid::now_v7(),
        at: Timestamp::from_micros(1_700_000_000_000_000),
        phase: Phase::Single,
        opens: None,
        severity: Severity::Info,
        tenant: Tenant::parse(tenant).unwrap(),
        principal: "medica".into(),
        role: "physician".into(),
        action: "read".into(),
        resource_kind: "patient".into(),
        resource_id: Some("maria".into()),
        patient: None,
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 88,
        explanation: "device 25/25".into(),
        request_id: "r".into(),
        outcome: Outcome::Success,
        plugin: None,
        commitment: None,
    }
}

pub(super) async fn writer(log: &AuditLog, config: DatabaseConfig) -> Tree {
    let intensity = Intensity::new(3, Duration::from_secs(5));
    let child = audit_child(log, config, "node-1");
    Tree::start(
        "t",
        SupervisorSpec::new(Strategy::OneForOne, intensity).child(child),
    )
    .await
    .unwrap()
}

/// Every entry of a tenant, page by page, with the chain checked on the way.
pub(super) async fn verified(database: &Database, tenant: &str) -> Vec<Chained> {
    let scope = scope(tenant);
    let (mut verifier, mut all) = (Verifier::new(), Vec::<Chained>::new());
    loop {
        let cursor = all.last().map(Cursor::of);
        let filter = Filter::default();
        let page = AuditLog::page(database, &scope, cursor.as_ref(), 97, &filter)
            .await
            .unwrap();
        if page.is_empty() {
            return all;
        }
        for item in &page {
            verifier.push(item).unwrap();
        }
        all.extend(page);
    }
}

/// Appends until there is a receipt, as a caller that is told to try again does.
async fn insist(log: &AuditLog, entry: Entry) -> AuditReceipt {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        match log.append(entry.clone()).await {
            Ok(receipt) => return receipt,
            Err(error) if error.is_unavailable() && Instant::now() < give_up => {
                sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Load from several callers on several tenants; returns every receipt by its key.
async fn load(log: &AuditLog, callers: usize, each: usize) -> BTreeMap<Uuid, AuditReceipt> {
    load_counted(log, callers, each, &Arc::default()).await
}

/// The same; `done` counts what was acknowledged.
async fn load_counted(
    log: &AuditLog,
    callers: usize,
    each: usize,
    done: &Arc<AtomicUsize>,
) -> BTreeMap<Uuid, AuditReceipt> {
    let tasks = (0..callers).map(|caller| {
        let (log, done) = (log.clone(), Arc::clone(done));
        tokio::spawn(async move {
            let mut receipts = Vec::new();
            for number in 0..each {
                let tenant = TENANTS[(caller + number) % TENANTS.len()];
                receipts.push(insist(&log, entry(tenant)).await);
                done.fetch_add(1, Ordering::SeqCst);
            }
            receipts
        })
    });
    let mut all = BTreeMap::new();
    for task in tasks.collect::<Vec<_>>() {
        all.extend(
            task.await
                .unwrap()
                .into_iter()
                .map(|receipt| (receipt.entry(), receipt)),
        );
    }
    all
}

/// Returns once so many were acknowledged, or whoever writes them is done.
async fn until_done<T>(done: &AtomicUsize, many: usize, writing: &JoinHandle<T>) {
    while done.load(Ordering::SeqCst) < many && !writing.is_finished() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Every receipt proves one entry of the trail, and the trail holds no other.
async fn assert_exactly(database: &Database, receipts: &BTreeMap<Uuid, AuditReceipt>) {
    let mut found = 0;
    for tenant in TENANTS {
        for item in verified(database, tenant).await {
            let receipt = &receipts[&item.entry.id];
            assert_eq!(
                (receipt.chain(), receipt.seq()),
                (item.chain.as_str(), item.seq)
            );
            assert_eq!(receipt.hash(), &item.hash);
            found += 1;
        }
    }
    assert_eq!(found, receipts.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_entries_form_one_sound_chain_for_each_tenant() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let receipts = load(&log, 48, 40).await;
    assert_eq!(receipts.len(), 48 * 40);
    assert_exactly(&test.database(), &receipts).await;
    assert!(verified(&test.database(), "west").await.is_empty());
    tree.shutdown().await;
}

async fn end_writers(session: &TestSession) -> usize {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE usename = 'plantao_audit' AND datname = current_database()";
    session.query(end, &[]).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_backends_lose_and_double_nothing_that_was_acknowledged() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let owner = test.session(Login::Owner).await;
    let done = Arc::new(AtomicUsize::new(0));
    let loading = tokio::spawn({
        let (log, done) = (log.clone(), Arc::clone(&done));
        async move { load_counted(&log, 32, 80, &done).await }
    });
    let (mut ended, mut many) = (0, 0);
    // While it connects, at its first commit, under load.
    while !loading.is_finished() {
        ended += end_writers(&owner).await;
        many = done.load(Ordering::SeqCst).max(many) + 1 + many / 4;
        until_done(&done, many, &loading).await;
    }
    let receipts = loading.await.unwrap();
    assert!(ended > 3, "only {ended} backends were killed");
    assert_exactly(&test.database(), &receipts).await;
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_writers_lose_and_double_nothing_that_was_acknowledged() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let intensity = Intensity::new(10_000, Duration::from_secs(1));
    let child = audit_child(&log, test.config(), "node-1");
    let spec = SupervisorSpec::new(Strategy::OneForOne, intensity).child(child);
    let tree = Tree::start("t", spec).await.unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let loading = tokio::spawn({
        let (log, done) = (log.clone(), Arc::clone(&done));
        async move { load_counted(&log, 16, 60, &done).await }
    });
    while !loading.is_finished() {
        // Not running at this instant: it is being restarted, which is as good.
        drop(tree.kill("t/writer"));
        until_done(&done, done.load(Ordering::SeqCst) + 40, &loading).await;
    }
    let receipts = loading.await.unwrap();
    assert_exactly(&test.database(), &receipts).await;
    tree.shutdown().await;
}

#[tokio::test]
async fn an_entry_sent_twice_is_there_once_and_another_under_its_key_is_refused() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let first = entry("north");
    let one = log.append(first.clone()).await.unwrap();
    let (again, other) = tokio::join!(log.append(first.clone()), log.append(entry("north")));
    assert_eq!((again.unwrap().seq(), other.unwrap().seq()), (one.seq(), 2));
    let forged = Entry { score: 1, ..first };
    assert_eq!(log.append(forged).await.unwrap_err(), AuditError::Duplicate);
    let twins = entry("north");
    let (left, right) = tokio::join!(log.append(twins.clone()), log.append(twins));
    assert_eq!((left.unwrap().seq(), right.unwrap().seq()), (3, 3));
    assert_eq!(verified(&test.database(), "north").await.len(), 3);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_text_that_cannot_be_stored_is_refused_before_it_can_spoil_a_batch() {
    let log = AuditLog::new(clock());
    let nul = Entry {
        principal: "a\0b".into(),
        ..entry("north")
    };
    let refused = log.append(nul).await.unwrap_err();
    assert!(
        matches!(
            refused,
            AuditError::Invalid {
                field: "principal",
                ..
            }
        ),
        "{refused}"
    );
    let long = Entry {
        patient: Some("x".repeat(600)),
        ..entry("north")
    };
    let refused = log.append(long).await.unwrap_err();
    assert!(
        matches!(
            refused,
            AuditError::Invalid {
                field: "patient",
                ..
            }
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn without_a_writer_or_a_database_there_is_no_receipt() {
    let log = AuditLog::new(clock());
    assert_eq!(
        log.append(entry("north")).await.unwrap_err(),
        AuditError::Unavailable
    );
    let nowhere = tempfile::tempdir().unwrap();
    let tree = writer(&log, DatabaseConfig::embedded(nowhere.path())).await;
    let started = Instant::now();
    assert_eq!(
        log.append(entry("north")).await.unwrap_err(),
        AuditError::Unavailable
    );
    assert!(started.elapsed() < super::log::APPEND_DEADLINE);
    // Known to be down by now: the next caller learns at once.
    let again = Instant::now();
    assert_eq!(
        log.append(entry("north")).await.unwrap_err(),
        AuditError::Unavailable
    );
    assert!(
        again.elapsed() < Duration::from_secs(1),
        "{:?}",
        again.elapsed()
    );
    tree.shutdown().await;
}

#[tokio::test]
async fn insertion_without_copy_is_whole_or_not_at_all() {
    let test = TestDatabase::create().await;
    let session = test.session(Login::Audit).await;
    let insert = store::prepare_insert(&session).await.unwrap();
    let entries = [entry("north"), entry("north"), entry("north")];
    let heads = batch::Heads::new();
    let two = batch::Batch::chain("node-1", &heads, entries.iter().take(2));
    store::insert(&session, &insert, &two.rows).await.unwrap();
    assert_eq!(store::head(&session, "node-1/north").await.unwrap().seq, 2);
    // One of these is there already, so that none may be added: the chain would have a hole.
    let again = batch::Batch::chain("node-1", &two.heads, entries.iter().skip(1));
    let refused = store::insert(&session, &insert, &again.rows)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, DatabaseError::Conflict { .. }),
        "{refused}"
    );
    assert_eq!(verified(&test.database(), "north").await.len(), 2);
    assert_ne!(two.heads["node-1/north"], ChainHead::EMPTY);
}

#[tokio::test]
async fn the_trail_is_filtered_and_read_from_its_end() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    for (principal, resource) in [("ana", "maria"), ("bia", "maria"), ("ana", "joao")] {
        let (principal, resource_id) = (principal.to_owned(), Some(resource.to_owned()));
        log.append(Entry {
            principal,
            resource_id,
            ..entry("north")
        })
        .await
        .unwrap();
    }
    let (database, scope) = (test.database(), scope("north"));
    let by_ana = Filter {
        principal: Some("ana".into()),
        ..Filter::default()
    };
    let found = AuditLog::search(&database, &scope, &by_ana, None, 10)
        .await
        .unwrap();
    assert_eq!(
        found
            .entries
            .iter()
            .map(|told| told.item.seq)
            .collect::<Vec<_>>(),
        [3, 1]
    );
    let of_maria = Filter {
        resource_kind: Some("patient".into()),
        resource_id: Some("maria".into()),
        since: Some(Timestamp::from_micros(0)),
        ..Filter::default()
    };
    let found = AuditLog::page(&database, &scope, None, 10, &of_maria)
        .await
        .unwrap();
    assert_eq!(
        found.iter().map(|item| item.seq).collect::<Vec<_>>(),
        [1, 2]
    );
    tree.shutdown().await;
}
