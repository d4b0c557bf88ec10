//! From the spool to the trail, as soon as the trail is back.
//!
//! Entries keep their keys and their times; what is added says where they were meanwhile. One that
//! the trail took before, because it was asked first and its answer came too late, is there without
//! that addition, and stays so.

use super::EmergencySpool;
use super::keeper::Message;
use crate::audit::{AuditError, AuditLog};
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::future::join_all;
use plantao_schema::audit::{Chained, Entry};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Entries that are sent at once.
const AT_ONCE: usize = 64;
/// Between tries while the disk is away, or the trail takes nothing.
const PAUSE: Duration = Duration::from_secs(1);

/// Between two looks whether the trail is back.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What an entry is told apart by that was here first.
const MARK: &str = "; kept in the emergency spool while the trail was away";

/// The entry as the trail gets it from here.
pub(super) fn marked(entry: &Entry) -> Entry {
    Entry {
        explanation: format!("{}{MARK}", entry.explanation),
        ..entry.clone()
    }
}

/// Sends on whatever waits, for as long as it is polled.
pub(super) async fn ship(spool: EmergencySpool) {
    let mut waiting = spool.state.waiting.subscribe();
    loop {
        if !spool.state.is_open.load(Ordering::Relaxed) {
            // Not taken by a keeper that is starting, or busy; the next one will be.
            let _asked = spool.handle.cast(Message::Open);
            sleep(PAUSE).await;
            continue;
        }
        let front: Vec<Arc<Chained>> = {
            let waiting = waiting.borrow_and_update();
            waiting.iter().take(AT_ONCE).cloned().collect()
        };
        if front.is_empty() {
            // Looks by itself too: a keeper that lost its file says so by no change.
            let _either = timeout(PAUSE, waiting.changed()).await;
            continue;
        }
        if !spool.log.is_reached() {
            sleep(LOOK_AGAIN).await;
            continue;
        }
        let through = delivered(&spool.log, &front).await;
        match through.map(|through| spool.handle.cast(Message::Delivered(through))) {
            // Sent again if the keeper does not take them out in time.
            Some(Ok(())) => {
                let _either = timeout(PAUSE, waiting.changed()).await;
            }
            Some(Err(_)) | None => sleep(PAUSE).await,
        }
    }
}

/// The number up to which the trail has them now.
async fn delivered(log: &AuditLog, front: &[Arc<Chained>]) -> Option<i64> {
    let sent = join_all(front.iter().map(|item| deliver(log, &item.entry))).await;
    let mut done = front.iter().zip(sent).take_while(|(_, sent)| *sent);
    done.by_ref().last().map(|(item, _)| item.seq)
}

/// Whether the trail has an entry.
async fn deliver(log: &AuditLog, entry: &Entry) -> bool {
    let marked = marked(entry);
    let mut sent = log.append(marked.clone()).await.map(drop);
    if sent == Err(AuditError::Duplicate) {
        sent = log.append(entry.clone()).await.map(drop);
    }
    if sent == Err(AuditError::Duplicate) {
        tracing::error!(entry = %entry.id, "another entry has the key of a spooled one");
        sent = log.append(renamed(marked)).await.map(drop);
    }
    match sent {
        Ok(()) => true,
        Err(error) if error.is_unavailable() => false,
        Err(error) => {
            tracing::error!(%error, entry = %entry.id, "the trail refuses a spooled entry");
            false
        }
    }
}

/// Under a key that follows from its own, so that it is one entry however often it is sent.
fn renamed(entry: Entry) -> Entry {
    let sum = digest(&SHA256, format!("spooled|{}", entry.id).as_bytes());
    let bytes = sum.as_ref().first_chunk::<16>().copied();
    let id = uuid::Builder::from_custom_bytes(bytes.unwrap_or_default()).into_uuid();
    let was: Uuid = entry.id;
    Entry {
        explanation: format!("{}; its key {was} was taken", entry.explanation),
        id,
        ..entry
    }
}
