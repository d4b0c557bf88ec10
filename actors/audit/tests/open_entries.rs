//! Changes that were announced: completed by their callers, or by the writer in their stead.

use super::*;

#[tokio::test]
async fn a_change_is_opened_recorded_and_completed() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let open = log.open(entry("north")).await.unwrap();
    let opened = open.id();
    let transaction = test.database().begin(&scope("north")).await.unwrap();
    open.complete_in(&transaction, Outcome::Success)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    log.complete(open, Outcome::Success).await.unwrap();
    let all = verified(&test.database(), "north").await;
    assert_eq!(all[0].entry.phase, Phase::Opened);
    assert_eq!(all[0].entry.outcome, Outcome::Pending);
    assert_eq!(
        (all[1].entry.phase, all[1].entry.opens),
        (Phase::Completed, Some(opened))
    );
    assert_eq!(all[1].entry.outcome, Outcome::Success);
    tree.shutdown().await;
}

async fn completed(database: &Database, count: usize) -> Vec<(Option<Uuid>, Outcome)> {
    let give_up = Instant::now() + Duration::from_secs(20);
    loop {
        let all = verified(database, "north").await;
        let closed = all
            .iter()
            .filter(|item| item.entry.phase == Phase::Completed);
        let closed: Vec<_> = closed
            .map(|item| (item.entry.opens, item.entry.outcome))
            .collect();
        if closed.len() >= count || Instant::now() > give_up {
            return closed;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_open_entry_that_is_let_go_is_completed_by_the_writer() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let kept = log.open(entry("north")).await.unwrap();
    let dropped = log.open(entry("north")).await.unwrap();
    let id = dropped.id();
    drop(dropped);
    assert_eq!(
        completed(&test.database(), 1).await,
        [(Some(id), Outcome::Unknown)]
    );
    log.abandon(kept, Outcome::Failed).await.unwrap();
    assert_eq!(completed(&test.database(), 2).await.len(), 2);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_start_completes_what_a_crash_left_open_from_what_the_database_knows() {
    let test = TestDatabase::create().await;
    let before = AuditLog::new(clock());
    let tree = writer(&before, test.config()).await;
    let committed = before.open(entry("north")).await.unwrap();
    let transaction = test.database().begin(&scope("north")).await.unwrap();
    committed
        .complete_in(&transaction, Outcome::Success)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let cut_off = before.open(entry("north")).await.unwrap();
    tree.shutdown().await;
    // A new process: it holds none of what the old one had in hand.
    let after = AuditLog::new(clock());
    let tree = writer(&after, test.config()).await;
    let mut closed = completed(&test.database(), 2).await;
    closed.sort_by_key(|(opens, _)| *opens);
    let expected = [
        (Some(committed.id()), Outcome::Success),
        (Some(cut_off.id()), Outcome::Unknown),
    ];
    assert_eq!(closed, expected);
    tree.shutdown().await;
    drop((committed, cut_off));
}
