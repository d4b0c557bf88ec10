//! Entries about the edge of a month: what holds within a partition holds across two.

use super::*;

/// Midnight between two months that have no partition yet, so that a test makes them.
const MIDNIGHT_US: i64 = 1_698_796_800_000_000; // 2023-11-01T00:00:00Z

async fn months_about_midnight(test: &TestDatabase) {
    let owner = test.session(Login::Owner).await;
    let make = format!(
        "SET ROLE plantao_owner; SELECT audit_make_partition({}), audit_make_partition({})",
        MIDNIGHT_US - 1,
        MIDNIGHT_US
    );
    owner.batch_execute(&make).await.unwrap();
}

/// How many entries each partition holds, the empty ones left out.
async fn spread(test: &TestDatabase) -> Vec<(String, i64)> {
    let owner = test.session(Login::Owner).await;
    let count = "SELECT tableoid::regclass::text, count(*) FROM audit_entry GROUP BY 1 ORDER BY 1";
    let rows = owner.query(count, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn at(entry: Entry, offset_us: i64) -> Entry {
    Entry {
        at: Timestamp::from_micros(MIDNIGHT_US + offset_us),
        ..entry
    }
}

#[tokio::test]
async fn a_chain_goes_on_over_the_edge_of_a_month_whichever_way_its_clocks_differ() {
    let test = TestDatabase::create().await;
    months_about_midnight(&test).await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    for offset_us in [-2, 0, -1, 1, 2, -3] {
        log.append(at(entry("north"), offset_us)).await.unwrap();
    }
    // In one batch, by COPY.
    let many = (0..200).map(|one| log.append(at(entry("north"), one % 2 - 1)));
    future::try_join_all(many).await.unwrap();
    assert_eq!(verified(&test.database(), "north").await.len(), 206);
    let months = [
        ("audit_entry_y2023m10".to_owned(), 103),
        ("audit_entry_y2023m11".to_owned(), 103),
    ];
    assert_eq!(spread(&test).await, months);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_retry_across_the_edge_doubles_nothing() {
    let test = TestDatabase::create().await;
    months_about_midnight(&test).await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let first = at(entry("north"), -1);
    let one = log.append(first.clone()).await.unwrap();
    log.append(at(entry("north"), 0)).await.unwrap();
    // The same entry is there; one that was dated again under its key is another.
    assert_eq!(log.append(first.clone()).await.unwrap().seq(), one.seq());
    let dated_again = log.append(at(first.clone(), 5)).await;
    assert_eq!(dated_again.unwrap_err(), AuditError::Duplicate);
    // So it is for the writer's successor, which knows nothing of the first.
    tree.kill("t/writer").unwrap();
    assert_eq!(insist(&log, first).await.seq(), one.seq());
    assert_eq!(verified(&test.database(), "north").await.len(), 2);
    tree.shutdown().await;
}

#[tokio::test]
async fn an_entry_is_completed_once_across_the_edge() {
    let test = TestDatabase::create().await;
    months_about_midnight(&test).await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    let opened = Entry {
        phase: Phase::Opened,
        outcome: Outcome::Pending,
        ..at(entry("north"), -3)
    };
    log.append(opened.clone()).await.unwrap();
    let done = |offset_us, outcome| Entry {
        phase: Phase::Completed,
        opens: Some(opened.id),
        outcome,
        ..at(entry("north"), offset_us)
    };
    let first = log.append(done(-1, Outcome::Success)).await.unwrap();
    let again = log.append(done(1, Outcome::Success)).await.unwrap();
    assert_eq!(again.entry(), first.entry());
    let other = log.append(done(2, Outcome::Failed)).await.unwrap_err();
    assert_eq!(other, AuditError::Duplicate);
    assert_eq!(verified(&test.database(), "north").await.len(), 2);
    tree.shutdown().await;
}

#[tokio::test]
async fn the_database_itself_refuses_a_place_or_a_key_twice_across_the_edge() {
    let test = TestDatabase::create().await;
    months_about_midnight(&test).await;
    let session = test.session(Login::Audit).await;
    let insert = store::prepare_insert(&session).await.unwrap();
    let copy = store::prepare_copy(&session).await.unwrap().unwrap();
    let heads = batch::Heads::new();
    let entries = [at(entry("north"), -1), at(entry("north"), 1)];
    let two = batch::Batch::chain("node-1", &heads, &entries);
    store::insert(&session, &insert, &two.rows).await.unwrap();
    let other = at(entry("north"), 1);
    let fork = Chained::after("node-1/north", &ChainHead::EMPTY, other.clone());
    let head = two.heads["node-1/north"];
    let forged = Entry {
        id: entries[0].id,
        ..other
    };
    let key = Chained::after("node-1/north", &head, forged);
    let taken = |constraint: &str| {
        let constraint = constraint.to_owned();
        Err(DatabaseError::Conflict { constraint })
    };
    // A table in front of the one that keys are kept in hides nothing.
    let hide = "CREATE TEMP TABLE audit_key (LIKE audit_key); \
         CREATE TEMP TABLE audit_head (LIKE audit_head INCLUDING ALL)";
    for hidden in [false, true] {
        if hidden {
            session.batch_execute(hide).await.unwrap();
        }
        for (row, constraint) in [(&fork, "audit_entry_pkey"), (&key, "audit_entry_once")] {
            let rows = std::slice::from_ref(row);
            let inserted = store::insert(&session, &insert, rows).await;
            assert_eq!(inserted, taken(constraint));
            let copied = store::copy(&session, &copy, rows).await;
            assert_eq!(copied, taken(constraint));
        }
    }
    assert_eq!(verified(&test.database(), "north").await.len(), 2);
}
