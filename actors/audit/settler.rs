//! The settler: completes opened entries that are in nobody's hands, from what the database knows.
//!
//! Works on a connection of its own and appends like any other caller, so that neither a failure
//! nor a wait of its own ever costs the writing connection anything. Looks only while this node's
//! writer holds the node's lock: whatever a predecessor had sent is then committed or gone.
//!
//! It reads `audit_pending` and never searches the trail, however long that has grown. Before it
//! says that an outcome is unknown it takes the place where the change would record one: a
//! transaction that is still committing is waited for, and one that comes later is refused.

use super::AuditError;
use super::trail::{Pending, SettlingSession};
use super::unfinished::settlement;
use super::writer::{BATCH_MAX, Duties};
use crate::database::DatabaseError;
use futures_util::future;
use plantao_schema::audit::{Entry, Outcome};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

/// Between looks while something is owed that could not be settled.
const PAUSE: Duration = Duration::from_millis(900);

/// How many of a page are named in the log; all of them are counted there and named in the trail.
const NAMED_MAX: usize = 50;

/// Settles whatever is owed, for as long as it is polled. `writer` is who holds the node's
/// lock.
pub(super) async fn settle(duties: Duties, mut writer: watch::Receiver<Option<i32>>) {
    loop {
        duties.log.held.owed().await;
        loop {
            let Ok(Some(holder)) = writer.wait_for(Option::is_some).await.map(|one| *one) else {
                return;
            };
            match round(&duties, holder).await {
                Ok(true) => break,
                // A full page may not be the last.
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "open audit entries are not settled yet");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Says which entry was left open. What it is about is in the trail: the log has no patient.
fn name(completion: &Entry) {
    let opened = completion.opens.map(|id| id.to_string());
    tracing::warn!(
        entry = opened.unwrap_or_default(),
        tenant = %completion.tenant,
        principal = %completion.principal,
        action = %completion.action,
        kind = %completion.resource_kind,
        outcome = completion.outcome.as_str(),
        "an audit entry was left open and is completed"
    );
}

/// One page; whether it was the last.
async fn round(duties: &Duties, holder: i32) -> Result<bool, DatabaseError> {
    let session = &*duties.trail.settle().await?;
    if !session.is_held(holder).await? {
        return Err(DatabaseError::Unavailable);
    }
    let (left, last) = abandoned(session, duties).await?;
    duties.log.held.looked();
    let now = duties.log.clock.now();
    let recorded = future::join_all(left.iter().map(|one| session.record(one, now))).await;
    let mut outcomes: Vec<(Uuid, Outcome)> = Vec::new();
    let mut failed = None;
    for (one, outcome) in left.iter().zip(recorded) {
        match outcome {
            Ok(Some(outcome)) => outcomes.push((one.id, outcome)),
            // Completed since it was found.
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    complete(session, duties, &outcomes).await?;
    failed.map_or(Ok(last), Err)
}

/// Those of a page that nobody holds, and whether the page was the last.
async fn abandoned(
    session: &dyn SettlingSession,
    duties: &Duties,
) -> Result<(Vec<Pending>, bool), DatabaseError> {
    let held = &duties.log.held;
    let node = &duties.node;
    let mut left = session.pending(node, &held.all(), BATCH_MAX).await?;
    let last = left.len() < BATCH_MAX;
    // Asked again: it may have been opened since, and it is held before it can be seen. What was
    // held and is complete by now has left the list, which recording looks at.
    left.retain(|one| !held.has(one.id));
    Ok((left, last))
}

/// Appends the completions, as any caller would.
async fn complete(
    session: &dyn SettlingSession,
    duties: &Duties,
    outcomes: &[(Uuid, Outcome)],
) -> Result<(), DatabaseError> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = outcomes.iter().map(|(id, _)| *id).collect();
    let found = session.find(&keys).await?;
    let settlements: Result<Vec<Entry>, AuditError> = found
        .iter()
        .filter_map(|item| {
            let (_, outcome) = outcomes.iter().find(|(id, _)| *id == item.entry.id)?;
            Some(settlement(&item.entry, *outcome, &duties.log))
        })
        .collect();
    // What is recorded stays recorded: the next round finds it and tries again.
    let settlements = settlements.map_err(|_| DatabaseError::Unavailable)?;
    let appended = settlements
        .iter()
        .map(|entry| duties.log.append(entry.clone()));
    let (mut known, mut unknown) = (0_u32, 0_u32);
    let mut failed = false;
    let receipts = future::join_all(appended).await;
    for (number, (entry, receipt)) in settlements.iter().zip(receipts).enumerate() {
        match receipt {
            Ok(_) => {
                match entry.outcome {
                    Outcome::Unknown => unknown += 1,
                    _ => known += 1,
                }
                if number < NAMED_MAX {
                    name(entry);
                }
            }
            // Its caller's own completion got there first.
            Err(AuditError::Duplicate) => {}
            Err(_) => failed = true,
        }
    }
    if known + unknown > 0 {
        tracing::warn!(
            known,
            unknown,
            "completed audit entries that were left open: `plantao audit search --outcome unknown` \
             shows those of which nobody knows"
        );
    }
    if failed {
        return Err(DatabaseError::Unavailable);
    }
    Ok(())
}
