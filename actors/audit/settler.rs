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
use super::store;
use super::unfinished::settlement;
use super::writer::{BATCH_MAX, Duties};
use crate::database::{DatabaseError, Login, STATEMENT_DEADLINE, Session};
use futures_util::future;
use plantao_schema::audit::{Entry, Outcome};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

/// Between looks while something is owed that could not be settled.
const PAUSE: Duration = Duration::from_millis(900);

/// A change that is still being committed is answered in milliseconds. One that is merely open is
/// waited for again later.
const LIMIT_LOCKS: &str = "SET lock_timeout = '1s'";

const WRITER_HOLDS_ITS_LOCK: &str = "SELECT EXISTS (SELECT FROM pg_locks \
     WHERE locktype = 'advisory' AND granted AND pid = $1)";

// '0' is the character after '/': the range holds every chain of the node, and no other's.
pub(super) const PENDING: &str = "SELECT chain, entry_id FROM audit_pending \
     WHERE chain >= $1 AND chain < $2 AND entry_id <> ALL($3) ORDER BY chain, entry_id LIMIT $4";

const RECORD_UNKNOWN: &str = "INSERT INTO audit_completion (tenant, entry_id, outcome, at_us) \
     SELECT tenant, entry_id, 'unknown', $3 FROM audit_pending \
     WHERE chain = $1 AND entry_id = $2 ON CONFLICT DO NOTHING";

const RECORDED: &str = "SELECT c.outcome FROM audit_pending p \
     JOIN audit_completion c ON c.tenant = p.tenant AND c.entry_id = p.entry_id \
     WHERE p.chain = $1 AND p.entry_id = $2";

/// Settles whatever is owed, for as long as it is polled. `writer` is the backend that holds the
/// node's lock.
pub(super) async fn settle(duties: Duties, mut writer: watch::Receiver<Option<i32>>) {
    loop {
        duties.log.held.owed().await;
        loop {
            let Ok(backend) = writer
                .wait_for(Option::is_some)
                .await
                .map(|backend| *backend)
            else {
                return;
            };
            match round(&duties, backend).await {
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

/// One page; whether it was the last.
async fn round(duties: &Duties, backend: Option<i32>) -> Result<bool, DatabaseError> {
    let config = duties.config.connection(Login::Audit);
    let config = config.map_err(|_| DatabaseError::Unavailable)?;
    let opened = Session::open(&config).await;
    let session = opened.map_err(|_| DatabaseError::Unavailable)?;
    let client = &session.client;
    within(client.batch_execute(LIMIT_LOCKS)).await?;
    let held = within(client.query_one(WRITER_HOLDS_ITS_LOCK, &[&backend])).await?;
    if !store::value::<bool>(&held, 0)? {
        return Err(DatabaseError::Unavailable);
    }
    let (left, last) = abandoned(client, duties).await?;
    let recorded = future::join_all(left.iter().map(|one| record(client, duties, one))).await;
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
    complete(client, duties, &outcomes).await?;
    failed.map_or(Ok(last), Err)
}

/// An opened entry without a completion.
struct Pending {
    chain: String,
    id: Uuid,
}

/// Those of a page that nobody holds, and whether the page was the last.
async fn abandoned(
    client: &Client,
    duties: &Duties,
) -> Result<(Vec<Pending>, bool), DatabaseError> {
    let held = &duties.log.held;
    let (from, to) = (format!("{}/", duties.node), format!("{}0", duties.node));
    let limit = i64::try_from(BATCH_MAX).unwrap_or(i64::MAX);
    let rows = within(client.query(PENDING, &[&from, &to, &held.all(), &limit])).await?;
    let last = rows.len() < BATCH_MAX;
    let mut left = Vec::with_capacity(rows.len());
    for row in &rows {
        let (chain, id) = (store::value(row, 0)?, store::value(row, 1)?);
        // Asked again: it may have been opened since, and it is held before it can be seen. What
        // was held and is complete by now has left the list, which `record` looks at.
        if !held.has(id) {
            left.push(Pending { chain, id });
        }
    }
    Ok((left, last))
}

/// What is recorded about a change from now on and for ever; nothing once its entry is complete.
async fn record(
    client: &Client,
    duties: &Duties,
    one: &Pending,
) -> Result<Option<Outcome>, DatabaseError> {
    let at = duties.log.clock.now().micros();
    // Sent together, and each sees what was committed before it.
    let (taken, read) = future::join(
        within(client.execute(RECORD_UNKNOWN, &[&one.chain, &one.id, &at])),
        within(client.query_opt(RECORDED, &[&one.chain, &one.id])),
    )
    .await;
    taken?;
    let Some(row) = read? else { return Ok(None) };
    let name: String = store::value(&row, 0)?;
    let outcome = Outcome::from_name(&name).ok_or(DatabaseError::Mismatch)?;
    Ok(Some(outcome))
}

/// Appends the completions, as any caller would.
async fn complete(
    client: &Client,
    duties: &Duties,
    outcomes: &[(Uuid, Outcome)],
) -> Result<(), DatabaseError> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = outcomes.iter().map(|(id, _)| *id).collect();
    let found = timeout(STATEMENT_DEADLINE, store::find(client, &keys)).await;
    let found = found.map_err(|_| late())??;
    let settlements: Vec<Entry> = found
        .iter()
        .filter_map(|item| {
            let (_, outcome) = outcomes.iter().find(|(id, _)| *id == item.entry.id)?;
            Some(settlement(&item.entry, *outcome, &duties.log.clock))
        })
        .collect();
    let appended = settlements
        .iter()
        .map(|entry| duties.log.append(entry.clone()));
    let (mut known, mut unknown) = (0_u32, 0_u32);
    let mut failed = false;
    for (entry, receipt) in settlements.iter().zip(future::join_all(appended).await) {
        match receipt {
            Ok(_) if entry.outcome == Outcome::Unknown => unknown += 1,
            Ok(_) => known += 1,
            // Its caller's own completion got there first.
            Err(AuditError::Duplicate) => {}
            Err(_) => failed = true,
        }
    }
    if known + unknown > 0 {
        tracing::warn!(
            known,
            unknown,
            "completed audit entries that were left open"
        );
    }
    if failed {
        return Err(DatabaseError::Unavailable);
    }
    Ok(())
}

async fn within<T>(
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    match timeout(STATEMENT_DEADLINE, work).await {
        Ok(result) => result.map_err(|error| store::sorted(&error)),
        Err(_) => Err(late()),
    }
}

const fn late() -> DatabaseError {
    DatabaseError::Timeout {
        after: STATEMENT_DEADLINE,
    }
}
