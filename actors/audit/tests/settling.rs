//! What the settler may never do: cost the writing connection anything, complete an entry twice, or
//! say of a change that happened that its outcome is unknown.

use super::*;
use crate::audit::log::completion;
use crate::audit::postgres::PENDING;
use std::collections::BTreeSet;
use tokio::time::timeout;

const GIVE_UP: Duration = Duration::from_secs(20);

async fn pending(session: &TestSession) -> i64 {
    let count = "SELECT count(*) FROM plantao.audit_pending";
    session.query_one(count, &[]).await.unwrap().get(0)
}

async fn until_settled(session: &TestSession) {
    let give_up = Instant::now() + GIVE_UP;
    while pending(session).await > 0 {
        assert!(Instant::now() < give_up, "an opened entry stayed open");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The sessions of this test that wait for somebody else's lock.
async fn waiting(session: &TestSession) -> Vec<i32> {
    let pids = "SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE NOT granted AND datname = current_database() ORDER BY pid";
    let rows = session.query(pids, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Returns once so many sessions of this test wait for somebody else's lock.
async fn until_waiting(session: &TestSession, sessions: usize) {
    let give_up = Instant::now() + GIVE_UP;
    while waiting(session).await.len() < sessions {
        assert!(Instant::now() < give_up, "nobody waits");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn completions(database: &Database) -> Vec<Chained> {
    let all = verified(database, "north").await;
    all.into_iter()
        .filter(|item| item.entry.phase == Phase::Completed)
        .collect()
}

/// The backend that holds the node's lock.
async fn writing(session: &TestSession) -> i32 {
    let holder = "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE locktype = 'advisory' AND granted AND datname = current_database()";
    session.query_one(holder, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn the_search_reads_the_list_of_open_entries_and_not_the_trail() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let owner = test.session(Login::Owner).await;
    let one = log.open(entry("north")).await.unwrap();
    let other = log.open(entry("south")).await.unwrap();
    log.append(entry("north")).await.unwrap();
    assert_eq!(pending(&owner).await, 2);
    log.complete(one, Outcome::Success).await.unwrap();
    log.abandon(other, Outcome::Failed).await.unwrap();
    assert_eq!(pending(&owner).await, 0);
    // By COPY as well.
    let opened = future::join_all((0..200).map(|_| log.open(entry("north")))).await;
    assert_eq!(pending(&owner).await, 200);
    let closed = opened
        .into_iter()
        .map(|open| log.complete(open.unwrap(), Outcome::Success));
    future::join_all(closed).await;
    assert_eq!(pending(&owner).await, 0);
    let audit = test.session(Login::Audit).await;
    let (from, to, held, limit) = ("node-1/", "node-10", Vec::<Uuid>::new(), 512_i64);
    let plan = audit
        .query(&format!("EXPLAIN {PENDING}"), &[&from, &to, &held, &limit])
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("audit_pending"), "{plan}");
    assert!(!plan.contains("audit_entry"), "{plan}");
    tree.shutdown().await;
}

#[tokio::test]
async fn a_search_that_fails_leaves_the_writing_connection_alone_and_is_tried_again() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let owner = test.session(Login::Owner).await;
    let open = log.open(entry("north")).await.unwrap();
    let before = writing(&owner).await;
    owner
        .batch_execute("BEGIN; LOCK TABLE audit_completion")
        .await
        .unwrap();
    drop(open);
    // Each search is a session of its own: a second one means that the first has failed. Who holds
    // the lock is in a transaction, which sees the sessions of its beginning.
    let watch = test.session(Login::Owner).await;
    let (mut searches, mut meanwhile) = (BTreeSet::new(), 0);
    let give_up = Instant::now() + GIVE_UP;
    while searches.len() < 2 || meanwhile == 0 {
        assert!(Instant::now() < give_up, "it is not tried again");
        let waits = waiting(&watch).await;
        log.append(entry("north")).await.unwrap();
        let same = waiting(&watch).await == waits;
        meanwhile += usize::from(same && !waits.is_empty());
        searches.extend(waits);
    }
    assert_eq!(writing(&owner).await, before);
    assert_eq!(pending(&owner).await, 1);
    owner.batch_execute("COMMIT").await.unwrap();
    until_settled(&owner).await;
    assert_eq!(writing(&owner).await, before);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_change_that_is_still_being_committed_is_waited_for() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let owner = test.session(Login::Owner).await;
    let open = log.open(entry("north")).await.unwrap();
    let transaction = test.database().begin(&scope("north")).await.unwrap();
    open.complete_in(&transaction, Outcome::Success)
        .await
        .unwrap();
    // Its caller is gone; its transaction is not.
    drop(open);
    until_waiting(&owner, 1).await;
    assert_eq!(pending(&owner).await, 1);
    transaction.commit().await.unwrap();
    until_settled(&owner).await;
    let closed = completions(&test.database()).await;
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].entry.outcome, Outcome::Success);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_change_that_comes_after_its_entry_was_given_up_is_refused() {
    let test = TestDatabase::create().await;
    let (before, after) = (AuditLog::new(clock()), AuditLog::new(clock()));
    let tree = writer(&before, test.config()).await;
    let owner = test.session(Login::Owner).await;
    let open = before.open(entry("north")).await.unwrap();
    let undone = before.open(entry("north")).await.unwrap();
    let transaction = test.database().begin(&scope("north")).await.unwrap();
    undone
        .complete_in(&transaction, Outcome::Success)
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    tree.shutdown().await;
    // Another process: it holds neither.
    let tree = writer(&after, test.config()).await;
    until_settled(&owner).await;
    let transaction = test.database().begin(&scope("north")).await.unwrap();
    let late = open
        .complete_in(&transaction, Outcome::Success)
        .await
        .unwrap_err();
    let conflict = DatabaseError::Conflict {
        constraint: "audit_completion_pkey".into(),
    };
    assert_eq!(late, conflict);
    assert_eq!(transaction.commit().await, Err(DatabaseError::Aborted));
    let closed = completions(&test.database()).await;
    assert_eq!(closed.len(), 2);
    for item in closed {
        assert_eq!(item.entry.outcome, Outcome::Unknown);
    }
    tree.shutdown().await;
    drop((open, undone));
}

#[tokio::test]
async fn a_completion_whose_caller_gave_up_is_not_written_beside_the_settlers() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let owner = test.session(Login::Owner).await;
    let open = log.open(entry("north")).await.unwrap();
    owner
        .batch_execute("BEGIN; LOCK TABLE audit_entry IN SHARE MODE")
        .await
        .unwrap();
    let stuck = tokio::spawn({
        let log = log.clone();
        async move { log.append(entry("north")).await }
    });
    until_waiting(&owner, 1).await;
    let waited = Duration::from_millis(50);
    let given_up = timeout(waited, log.complete(open, Outcome::Success)).await;
    assert!(given_up.is_err());
    // The settler queues its own behind them.
    let give_up = Instant::now() + GIVE_UP;
    while log.waiting() < 3 {
        assert!(Instant::now() < give_up, "the settler queued nothing");
        sleep(Duration::from_millis(5)).await;
    }
    owner.batch_execute("COMMIT").await.unwrap();
    stuck.await.unwrap().unwrap();
    until_settled(&owner).await;
    log.append(entry("north")).await.unwrap();
    let closed = completions(&test.database()).await;
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].entry.outcome, Outcome::Unknown);
    tree.shutdown().await;
}

#[tokio::test]
async fn an_entry_is_completed_once_and_its_neighbours_in_the_batch_are_not_harmed() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let open = log.open(entry("north")).await.unwrap();
    let opened = Entry {
        id: open.id(),
        ..entry("north")
    };
    let make = |outcome| completion(Uuid::now_v7(), &opened, outcome, clock().now());
    let first = log.append(make(Outcome::Success)).await.unwrap();
    let (same, other, neighbour) = tokio::join!(
        log.append(make(Outcome::Success)),
        log.append(make(Outcome::Failed)),
        log.append(entry("north"))
    );
    assert_eq!(same.unwrap().entry(), first.entry());
    assert_eq!(other.unwrap_err(), AuditError::Duplicate);
    neighbour.unwrap();
    let late = log.complete(open, Outcome::Success).await.unwrap();
    assert_eq!(late.entry(), first.entry());
    assert_eq!(completions(&test.database()).await.len(), 1);
    // Two at once.
    let open = log.open(entry("north")).await.unwrap();
    let opened = Entry {
        id: open.id(),
        ..entry("north")
    };
    let make = || completion(Uuid::now_v7(), &opened, Outcome::Success, clock().now());
    let (left, right) = tokio::join!(log.append(make()), log.append(make()));
    assert_eq!(left.unwrap().entry(), right.unwrap().entry());
    assert_eq!(completions(&test.database()).await.len(), 2);
    log.complete(open, Outcome::Success).await.unwrap();
    tree.shutdown().await;
}

#[tokio::test]
async fn an_entry_that_is_let_go_while_the_queue_is_full_is_completed_all_the_same() {
    let test = TestDatabase::create().await;
    let log = AuditLog::with_queue(clock(), Entropy::system(), 1);
    let tree = writer(&log, test.config()).await;
    let owner = test.session(Login::Owner).await;
    let open = log.open(entry("north")).await.unwrap();
    owner
        .batch_execute("BEGIN; LOCK TABLE audit_entry IN SHARE MODE")
        .await
        .unwrap();
    let stuck = tokio::spawn({
        let log = log.clone();
        async move { log.append(entry("north")).await }
    });
    until_waiting(&owner, 1).await;
    assert_eq!(log.waiting(), 1);
    let refused = log.append(entry("north")).await;
    assert_eq!(refused.unwrap_err(), AuditError::Overloaded { limit: 1 });
    drop(open);
    // It is recorded, and so about to be appended to a queue that is full.
    let recorded = "SELECT count(*) FROM plantao.audit_completion";
    let give_up = Instant::now() + GIVE_UP;
    while owner
        .query_one(recorded, &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        assert!(Instant::now() < give_up, "it is not looked for");
        sleep(Duration::from_millis(5)).await;
    }
    owner.batch_execute("COMMIT").await.unwrap();
    stuck.await.unwrap().unwrap();
    until_settled(&owner).await;
    assert_eq!(completions(&test.database()).await.len(), 1);
    tree.shutdown().await;
}

#[tokio::test]
async fn an_entry_whose_caller_gave_up_before_it_was_durable_is_completed() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let owner = test.session(Login::Owner).await;
    log.append(entry("north")).await.unwrap();
    let mut looks = log.held.looks();
    // The look of a writer that has just begun.
    let begun = timeout(GIVE_UP, looks.wait_for(|looks| *looks > 0)).await;
    let before = *begun.unwrap().unwrap();
    owner
        .batch_execute("BEGIN; LOCK TABLE audit_entry IN SHARE MODE")
        .await
        .unwrap();
    let given_up = timeout(Duration::from_millis(50), log.open(entry("north"))).await;
    assert!(given_up.is_err());
    // The settler looks, and there is nothing yet.
    let looked = timeout(GIVE_UP, looks.wait_for(|looks| *looks > before)).await;
    drop(looked.unwrap().unwrap());
    owner.batch_execute("COMMIT").await.unwrap();
    let give_up = Instant::now() + GIVE_UP;
    while completions(&test.database()).await.is_empty() {
        assert!(Instant::now() < give_up, "an opened entry stayed open");
        sleep(Duration::from_millis(5)).await;
    }
    until_settled(&owner).await;
    tree.shutdown().await;
}

#[tokio::test]
async fn an_entry_without_a_key_is_refused_and_a_completion_without_one_is_left_to_the_writer() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    let entropy = Entropy::seeded(1);
    let log = AuditLog::with_queue(clock(), entropy.clone(), QUEUE_LIMIT);
    let tree = writer(&log, test.config()).await;
    entropy.fail_next(1);
    assert_eq!(log.entry_key(), Err(AuditError::Unavailable));
    let key = log.entry_key().unwrap();
    let opened = Entry {
        id: key,
        ..entry("north")
    };
    let open = log.open(opened).await.unwrap();
    // The caller's completion, and the first that the writer tries.
    entropy.fail_next(2);
    let refused = log.complete(open, Outcome::Success).await.unwrap_err();
    assert_eq!(refused, AuditError::Unavailable);
    until_settled(&owner).await;
    let made = completions(&test.database()).await;
    assert_eq!(made.len(), 1);
    tree.shutdown().await;
}
