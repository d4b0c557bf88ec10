//! The trail over the years: months made, the alarm partition, archives and what is left after.

use super::transparency::{Node, both, root_of};
use super::*;
use crate::audit::keeping::{
    ArchiveError, Keeper, KeeperParts, KeepingError, Manifest, archived_heads, entries_of,
    manifest_beside,
};
use plantao_schema::audit::merkle::Checkpoint;
use std::path::Path;

/// 2026-11-27T12:00:00Z.
const NOW_US: i64 = 1_795_780_800_000_000;
const DAY_US: i64 = 86_400_000_000;
/// The first instants of January, February and March 2001.
pub(super) const JANUARY_US: i64 = 978_307_200_000_000;
const FEBRUARY_US: i64 = 980_985_600_000_000;

pub(super) fn keeper(test: &TestDatabase, archive: Option<&Path>) -> Keeper {
    Keeper::new(KeeperParts {
        database: test.config(),
        clock: WallClock::manual(Timestamp::from_micros(NOW_US)),
        retention_years: 20,
        archive: archive.map(Path::to_owned),
    })
}

pub(super) fn dated(tenant: &str, at_us: i64) -> Entry {
    Entry {
        at: Timestamp::from_micros(at_us),
        ..entry(tenant)
    }
}

pub(super) async fn parts(test: &TestDatabase) -> Vec<String> {
    let owner = test.session(Login::Owner).await;
    let rows = owner
        .query("SELECT part FROM audit_partitions()", &[])
        .await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

pub(super) async fn count(test: &TestDatabase, of: &str) -> i64 {
    let owner = test.session(Login::Owner).await;
    let count = format!("SELECT count(*) FROM {of}");
    owner.query_one(&count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn months_are_made_ahead_once_whoever_looks() {
    let test = TestDatabase::create().await;
    let keeper = keeper(&test, None);
    let condition = keeper.look().await.unwrap();
    assert_eq!((condition.ahead >= 3, condition.stray), (true, 0));
    let made = parts(&test).await;
    for month in ["y2026m10", "y2026m11", "y2027m02", "stray"] {
        assert!(made.contains(&format!("audit_entry_{month}")), "{made:?}");
    }
    assert_eq!(keeper.look().await.unwrap(), condition);
    assert_eq!(parts(&test).await, made);
}

#[tokio::test]
async fn an_entry_without_a_month_raises_the_alarm_and_is_given_one_unless_it_is_far_ahead() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    for at_us in [
        NOW_US,
        JANUARY_US,
        FEBRUARY_US,
        JANUARY_US + 1,
        NOW_US + 900 * DAY_US,
    ] {
        log.append(dated("north", at_us)).await.unwrap();
    }
    assert_eq!(count(&test, "audit_entry_stray").await, 4);
    let condition = keeper(&test, None).look().await.unwrap();
    assert_eq!(condition.stray, 1, "the one that is far ahead");
    assert_eq!(
        condition.waits_for_a_folder.as_deref(),
        Some("audit_entry_y2001m01")
    );
    assert_eq!(count(&test, "audit_entry_y2001m01").await, 2);
    // Nothing was lost on the way, and the guards stand where they stood.
    assert_eq!(verified(&test.database(), "north").await.len(), 5);
    let owner = test.session(Login::Owner).await;
    for part in ["stray", "y2001m01"] {
        for change in ["DELETE FROM", "TRUNCATE"] {
            let change = format!("{change} audit_entry_{part}");
            owner.batch_execute(&change).await.unwrap_err();
        }
    }
    log.append(dated("north", JANUARY_US)).await.unwrap();
    tree.shutdown().await;
}

/// 300 entries of January 2001, the last two of them the wrong way round about midnight, 100 of
/// February, 50 of 2023; and of another tenant 40 of January alone.
async fn years(node: &Node) {
    let add = async |tenant, at_us| {
        node.audit.append(dated(tenant, at_us)).await.unwrap();
    };
    for one in 0..298 {
        add("north", JANUARY_US + one).await;
    }
    add("north", FEBRUARY_US).await;
    add("north", FEBRUARY_US - 1).await;
    for one in 1..=100 {
        add("north", FEBRUARY_US + one).await;
    }
    for one in 0..40 {
        add("south", JANUARY_US + one).await;
    }
    node.append("north", 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_past_the_retention_is_archived_proved_and_dropped_and_the_rest_still_holds() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    years(&node).await;
    let folder = tempfile::tempdir().unwrap();
    let whole = verified(&node.test.database(), "north").await;
    let signed = node.signed("north").await.unwrap();
    assert_eq!(signed, root_of(&whole));
    node.signed("south").await.unwrap();

    let keeper = keeper(&node.test, Some(folder.path()));
    let condition = keeper.look().await.unwrap();
    assert_eq!((condition.stray, condition.waits_for_a_folder), (0, None));
    let left = parts(&node.test).await;
    assert!(!left.iter().any(|part| part.contains("y2001")), "{left:?}");
    assert_eq!(count(&node.test, "audit_entry").await, 50);
    assert_eq!(count(&node.test, "audit_key").await, 50);

    // The archives hold what was there, piece by piece and without a gap.
    let mut archived = Vec::new();
    for month in ["y2001m01", "y2001m02"] {
        let file = folder
            .path()
            .join(format!("north/audit_entry_{month}.jsonl.gz"));
        let manifest = manifest_beside(&file).unwrap().unwrap();
        manifest.check(file.parent().unwrap()).unwrap();
        archived.extend(entries_of(&file).unwrap().map(Result::unwrap));
    }
    assert_eq!(archived, whole[..400]);

    // What is in the database goes on from there, under the same signed root.
    let heads = archived_heads(&node.test.database(), &scope("north"))
        .await
        .unwrap();
    let place = &heads[0].place;
    assert_eq!((heads.len(), place.head), (1, whole[399].head()));
    let mut verifier = Verifier::new();
    let mut edge = place.edge().unwrap();
    verifier.resume("node-1/north", place.head);
    for item in &whole[400..] {
        verifier.push(item).unwrap();
        edge.push(&item.hash);
    }
    assert_eq!(Checkpoint::of("node-1/north", &edge), signed);
    let proved = node.prove("north", whole[420].entry.id).await.unwrap();
    proved.check(&node.verifiers("north")).unwrap();
    assert!(node.prove("north", whole[20].entry.id).await.is_none());

    // Writer and log go on, also where nothing is left in the database.
    node.tree.kill("t/writer").unwrap();
    node.tree.kill("t/sequencer").unwrap();
    for (tenant, seq) in [("north", 451), ("south", 41)] {
        assert_eq!(insist(&node.audit, entry(tenant)).await.seq(), seq);
    }
    let size = loop {
        match node.log.look().await {
            Ok(()) => break node.signed("south").await.unwrap().size,
            Err(error) => assert!(error.is_unavailable(), "{error}"),
        }
    };
    assert_eq!(size, 41);
    assert_eq!(node.signed("north").await.unwrap().size, 451);
    assert!(node.log.broken().is_empty(), "{:?}", node.log.broken());
    node.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_signed_does_not_hold_or_cannot_be_written_is_not_dropped() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    for one in 0..9 {
        node.audit
            .append(dated("north", JANUARY_US + one))
            .await
            .unwrap();
    }
    node.signed("north").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let refused = keeper(&node.test, Some(&blocked)).look().await.unwrap_err();
    assert!(
        matches!(refused, KeepingError::Archive(ArchiveError::Io { .. })),
        "{refused}"
    );
    // An entry that was edited.
    let owner = node.test.session(Login::Owner).await;
    let edit = "ALTER TABLE audit_entry DISABLE TRIGGER ALL; \
         UPDATE audit_entry SET score = 1 WHERE seq = 5";
    owner.batch_execute(edit).await.unwrap();
    let archive = folder.path().join("archive");
    let refused = keeper(&node.test, Some(&archive)).look().await.unwrap_err();
    assert!(
        matches!(refused, KeepingError::Archive(ArchiveError::Chain(_))),
        "{refused}"
    );
    let mend = "UPDATE audit_entry SET score = 88 WHERE seq = 5; \
         DELETE FROM audit_checkpoint";
    owner
        .batch_execute(
            "SET session_replication_role = replica; \
         ALTER TABLE audit_checkpoint DISABLE TRIGGER ALL",
        )
        .await
        .unwrap();
    owner.batch_execute(mend).await.unwrap();
    let refused = keeper(&node.test, Some(&archive)).look().await.unwrap_err();
    assert!(
        matches!(refused, KeepingError::Unsigned { .. }),
        "{refused}"
    );
    assert_eq!(count(&node.test, "audit_entry_y2001m01").await, 9);
    assert_eq!(count(&node.test, "audit_archived").await, 0);
    node.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_is_only_what_its_manifest_says() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    for one in 0..5 {
        node.audit
            .append(dated("north", JANUARY_US + one))
            .await
            .unwrap();
    }
    node.signed("north").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    keeper(&node.test, Some(folder.path()))
        .look()
        .await
        .unwrap();
    let folder = folder.path().join("north");
    let file = folder.join("audit_entry_y2001m01.jsonl.gz");
    let manifest = manifest_beside(&file).unwrap().unwrap();
    assert_eq!((manifest.entries, manifest.pieces.len()), (5, 1));

    let claims = |change: &dyn Fn(&mut Manifest)| {
        let mut claimed = manifest.clone();
        change(&mut claimed);
        claimed.check(&folder).unwrap_err()
    };
    let fewer = claims(&|one| one.entries = 4);
    assert!(matches!(fewer, ArchiveError::Entries { .. }), "{fewer}");
    let shorter = claims(&|one| one.pieces[0].last.head.seq = 4);
    assert!(matches!(shorter, ArchiveError::Entries { .. }), "{shorter}");
    let other = claims(&|one| one.pieces[0].after.head.hash = [1; 32]);
    assert!(matches!(other, ArchiveError::Chain(_)), "{other}");

    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = manifest.check(&folder).unwrap_err();
    assert_eq!(damaged, ArchiveError::Digest { path: file });
    node.tree.shutdown().await;
}

#[tokio::test]
async fn a_month_that_was_taken_off_is_dropped_by_the_next_look_unless_an_archive_lacks_of_it() {
    let test = TestDatabase::create().await;
    let log = AuditLog::new(clock());
    let tree = writer(&log, test.config()).await;
    log.append(entry("north")).await.unwrap();
    // As a node that died between the two leaves it.
    let owner = test.session(Login::Owner).await;
    let taken_off = "SET ROLE plantao_owner; \
         CREATE TABLE audit_entry_y1999m01 (LIKE audit_entry); \
         CREATE TABLE audit_entry_y1999m02 (LIKE audit_entry); RESET ROLE; \
         INSERT INTO audit_entry_y1999m02 SELECT * FROM audit_entry";
    owner.batch_execute(taken_off).await.unwrap();
    let keeper = keeper(&test, None);
    let part = "audit_entry_y1999m02".to_owned();
    for _ in 0..2 {
        let refused = refused(&keeper).await;
        assert_eq!(refused, KeepingError::Grown { part: part.clone() });
    }
    assert_eq!(count(&test, "audit_entry_y1999m02").await, 1);
    let gone = "pg_class WHERE relname = 'audit_entry_y1999m01'";
    assert_eq!(count(&test, gone).await, 0);
    assert_eq!(count(&test, "audit_key").await, 1);
    tree.shutdown().await;
}

/// Why a look comes to nothing. One that finds the session of the look before it at its end leaves
/// the work to that one, and says nothing.
async fn refused(keeper: &Keeper) -> KeepingError {
    for _ in 0..1_000 {
        if let Err(error) = keeper.look().await {
            return error;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("no look was refused");
}
