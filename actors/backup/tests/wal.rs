//! Restores that go on from a backup with what was archived after it.

use super::*;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_goes_on_with_what_was_archived_to_its_end_or_to_a_moment() {
    let source = Source::start("backup-wal").await;
    let first = archive(&source.order).await.unwrap();
    assert!(first.is_first && !first.segments.is_empty(), "{first:?}");
    let taken = source.take().await.unwrap();
    let before = taken.verdict.clone().unwrap().entries;
    source.write(30).await;
    let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let owner = session(&source.order.config, Login::Owner).await;
    let now: i64 = owner.client.query_one(now, &[]).await.unwrap().get(0);
    source.write(20).await;
    let more = archive(&source.order).await.unwrap();
    assert!(!more.is_first && !more.segments.is_empty(), "{more:?}");
    source.write(5).await;
    let last = archive(&source.order).await.unwrap();
    let is_new = |name| !more.segments.contains(name);
    assert!(
        !last.segments.is_empty() && last.segments.iter().all(is_new),
        "{last:?}"
    );
    source.tree.shutdown().await;

    let folder = source.order.folder.join(shelf::WAL);
    let goes_on = async |name: &str, to_time| {
        let further = Further {
            folder: folder.clone(),
            to_time,
        };
        let (path, key) = (&taken.path, &source.order.key);
        restored(path, key, &config_of(name), Some(&further)).await
    };
    let whole = goes_on("backup-wal-whole", None).await.unwrap();
    assert_eq!(whole.verdict.entries, before + 55);
    let moment = Some(Timestamp::from_micros(now));
    let partly = goes_on("backup-wal-moment", moment).await.unwrap();
    assert_eq!(partly.verdict.entries, before + 30);
    let never = Some(Timestamp::from_micros(now + 3_600_000_000));
    let error = goes_on("backup-wal-never", never).await.unwrap_err();
    assert!(error.to_string().contains("does not recover"), "{error}");

    let segment = folder.join(format!("{NODE}-{}.wal", last.segments[0]));
    let bytes = std::fs::read(&segment).unwrap();
    let mut flipped = bytes.clone();
    let end = flipped.len() - 1;
    flipped[end] ^= 1;
    std::fs::write(&segment, &flipped).unwrap();
    let error = goes_on("backup-wal-flipped", None).await.unwrap_err();
    assert!(error.to_string().contains("does not open"), "{error}");
    std::fs::remove_file(&segment).unwrap();
    let shorter = goes_on("backup-wal-shorter", None).await.unwrap();
    assert_eq!(shorter.verdict.entries, before + 50);
    for name in &more.segments {
        std::fs::remove_file(folder.join(format!("{NODE}-{name}.wal"))).unwrap();
    }
    std::fs::write(&segment, &bytes).unwrap();
    let error = goes_on("backup-wal-gap", None).await.unwrap_err();
    assert!(
        error.to_string().contains("the archive lacks segment"),
        "{error}"
    );
}
