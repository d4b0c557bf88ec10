//! The trail's twin.

use super::log::TwinLog;
use super::tables::{CHECKED, conflict, rejected};
use super::{Disk, Tables};
use crate::mutant::Mutant;
use plantao_actors::audit::transparency::LogSession;
use plantao_actors::audit::{Completion, Kept, Pending, SettlingSession, TrailSession, TrailStore};
use plantao_actors::database::{DatabaseError, STATEMENT_DEADLINE};
use plantao_schema::audit::{ChainHead, Chained, Outcome, Phase};
use plantao_schema::time::Timestamp;
use std::collections::BTreeSet;
use tokio::time::timeout;
use uuid::Uuid;

/// See the module.
pub(crate) struct TwinTrail(pub(crate) Disk);

impl TrailStore for TwinTrail {
    fn write<'a>(&'a self, node: &'a str) -> Kept<'a, Box<dyn TrailSession>> {
        Box::pin(async move {
            self.0.exchange().await?;
            let session = Session::new(&self.0);
            let Ok(taken) = timeout(STATEMENT_DEADLINE, session.take_right(node)).await else {
                let after = STATEMENT_DEADLINE;
                return Err(DatabaseError::Timeout { after });
            };
            taken?;
            Ok(Box::new(session) as Box<dyn TrailSession>)
        })
    }

    fn settle(&self) -> Kept<'_, Box<dyn SettlingSession>> {
        Box::pin(async move {
            self.0.exchange().await?;
            Ok(Box::new(Session::new(&self.0)) as Box<dyn SettlingSession>)
        })
    }

    fn sequence(&self) -> Kept<'_, Box<dyn LogSession>> {
        Box::pin(async move {
            self.0.exchange().await?;
            // What it keeps is no change that anybody waits for: no failpoint is about it.
            Ok(Box::new(TwinLog::new(&self.0.at(""))) as Box<dyn LogSession>)
        })
    }
}

struct Session {
    disk: Disk,
    number: i32,
    epoch: u64,
}

impl Session {
    fn new(disk: &Disk) -> Self {
        Self {
            disk: disk.clone(),
            number: disk.next_session(),
            epoch: disk.epoch(),
        }
    }

    async fn take_right(&self, node: &str) -> Result<(), DatabaseError> {
        while !self.disk.take_right(node, self.number) {
            self.disk.changed().await;
            self.ask()?;
        }
        Ok(())
    }

    fn is_gone(&self) -> bool {
        self.epoch != self.disk.epoch()
    }

    fn ask(&self) -> Result<&Disk, DatabaseError> {
        if self.is_gone() {
            return Err(DatabaseError::Unavailable);
        }
        Ok(&self.disk)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.disk.give_right(self.number);
    }
}

impl TrailSession for Session {
    fn holder(&self) -> i32 {
        self.number
    }

    fn in_bulk(&self) -> bool {
        false
    }

    fn is_closed(&self) -> bool {
        self.is_gone()
    }

    fn head<'a>(&'a self, chain: &'a str) -> Kept<'a, ChainHead> {
        Box::pin(async move {
            let last = |tables: &Tables| last_of(tables, chain).map(Chained::head);
            Ok(self.ask()?.read(last).await?.unwrap_or(ChainHead::EMPTY))
        })
    }

    fn add<'a>(&'a self, rows: &'a [Chained]) -> Kept<'a, ()> {
        Box::pin(async move {
            let disk = self.ask()?;
            let kept = planted(disk, rows);
            let doubled = doubled(disk, &kept);
            let forks = disk.has(Mutant::ChainForked);
            let add = |tables: &mut Tables| {
                keep(tables, self.number, &kept, forks)?;
                if let Some(row) = &doubled {
                    put(tables, row, false);
                }
                Ok(())
            };
            disk.commit(add).await?;
            disk.tell_kept(rows);
            Ok(())
        })
    }

    fn find<'a>(&'a self, keys: &'a [Uuid]) -> Kept<'a, Vec<Chained>> {
        Box::pin(async move {
            let disk = self.ask()?;
            let rows = disk.read(|tables| found(tables, keys)).await?;
            disk.tell_kept(&rows);
            Ok(rows)
        })
    }

    fn completions<'a>(&'a self, opened: &'a [Uuid]) -> Kept<'a, Vec<Chained>> {
        Box::pin(async move {
            let all = |tables: &Tables| {
                let asked = |row: &&Chained| completes(row).is_some_and(|id| opened.contains(&id));
                tables.entries.values().filter(asked).cloned().collect()
            };
            self.ask()?.read(all).await
        })
    }
}

/// All of them or none. Only who holds the right writes.
fn keep(
    tables: &mut Tables,
    session: i32,
    rows: &[Chained],
    forks: bool,
) -> Result<(), DatabaseError> {
    if !tables.holders.values().any(|holder| *holder == session) {
        return Err(DatabaseError::Unavailable);
    }
    look(tables, rows)?;
    for row in rows {
        put(tables, row, forks && row.seq % 50 == 0);
    }
    Ok(())
}

/// Refuses what the trail cannot take, in the order in which it is found: a row whose number is
/// none, whose place is taken, or that completes what is complete; then a key that is taken; then a
/// place before the last of its chain. What a row says of its predecessor is not looked at.
fn look(tables: &Tables, rows: &[Chained]) -> Result<(), DatabaseError> {
    let (mut places, mut keys, mut completed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in rows {
        if row.seq < 1 {
            return Err(rejected(CHECKED));
        }
        let place = (row.chain.clone(), row.seq);
        if tables.entries.contains_key(&place) || !places.insert(place) {
            return Err(conflict("audit_entry_pkey"));
        }
        let again = |id: Uuid| tables.completed.contains(&id) || !completed.insert(id);
        if completes(row).is_some_and(again) {
            return Err(conflict("audit_entry_completes"));
        }
    }
    let is_taken = |row: &Chained| tables.places.contains_key(&row.entry.id);
    if rows
        .iter()
        .any(|row| is_taken(row) || !keys.insert(row.entry.id))
    {
        return Err(conflict("audit_entry_once"));
    }
    let is_late =
        |row: &Chained| last_of(tables, &row.chain).is_some_and(|last| row.seq <= last.seq);
    if rows.iter().any(is_late) {
        return Err(conflict("audit_entry_pkey"));
    }
    Ok(())
}

/// The last row of a chain.
fn last_of<'a>(tables: &'a Tables, chain: &str) -> Option<&'a Chained> {
    let range = (chain.to_owned(), i64::MIN)..=(chain.to_owned(), i64::MAX);
    let last = tables.entries.range(range).next_back();
    last.map(|(_, row)| row)
}

/// Puts a row in its place, or one ahead of it, and keeps the list of what waits.
fn put(tables: &mut Tables, row: &Chained, ahead: bool) {
    let place = (row.chain.clone(), row.seq.saturating_add(i64::from(ahead)));
    let listed = |id| (row.chain.clone(), id);
    if row.entry.phase == Phase::Opened {
        tables.pending.insert(listed(row.entry.id));
    }
    if let Some(opened) = completes(row) {
        // Only in the chain that it was opened in.
        tables.pending.remove(&listed(opened));
        tables.completed.insert(opened);
    }
    tables.places.insert(row.entry.id, place.clone());
    tables.entries.insert(place, row.clone());
}

/// The opened entry that a row completes.
fn completes(row: &Chained) -> Option<Uuid> {
    row.entry
        .opens
        .filter(|_| row.entry.phase == Phase::Completed)
}

/// What is really kept, where a defect is planted.
fn planted(disk: &Disk, rows: &[Chained]) -> Vec<Chained> {
    let mut rows = rows.to_vec();
    if disk.has(Mutant::AcknowledgedBeforeCommit) {
        rows.retain(|row| row.entry.phase != Phase::Single || row.seq % 10 != 0);
    }
    if disk.has(Mutant::CompletionLost) {
        rows.retain(|row| row.entry.phase != Phase::Completed || row.seq % 10 != 0);
    }
    rows
}

/// The row that a planted defect keeps a second time.
fn doubled(disk: &Disk, rows: &[Chained]) -> Option<Chained> {
    let last = rows.last().filter(|last| last.seq % 10 == 0)?;
    let again = || Chained::after(&last.chain, &last.head(), last.entry.clone());
    disk.has(Mutant::RetryDuplicates).then(again)
}

fn found(tables: &Tables, keys: &[Uuid]) -> Vec<Chained> {
    let keys: BTreeSet<&Uuid> = keys.iter().collect();
    let places = keys.into_iter().filter_map(|key| tables.places.get(key));
    places
        .filter_map(|place| tables.entries.get(place))
        .cloned()
        .collect()
}

impl SettlingSession for Session {
    fn is_held(&self, holder: i32) -> Kept<'_, bool> {
        Box::pin(async move {
            self.ask()?
                .read(|tables| tables.holders.values().any(|one| *one == holder))
                .await
        })
    }

    fn pending<'a>(
        &'a self,
        node: &'a str,
        held: &'a [Uuid],
        limit: usize,
    ) -> Kept<'a, Vec<Pending>> {
        let page = move |tables: &Tables| {
            let of_node = tables.pending.iter().filter(|(chain, id)| {
                let rest = chain.strip_prefix(node);
                rest.is_some_and(|rest| rest.starts_with('/')) && !held.contains(id)
            });
            let pending = of_node.map(|(chain, id)| Pending {
                chain: chain.clone(),
                id: *id,
            });
            pending.take(limit).collect()
        };
        Box::pin(async move { self.ask()?.read(page).await })
    }

    fn record<'a>(&'a self, one: &'a Pending, at: Timestamp) -> Kept<'a, Option<Outcome>> {
        Box::pin(async move {
            let record = |tables: &mut Tables| {
                if !tables.pending.contains(&(one.chain.clone(), one.id)) {
                    return Ok(None);
                }
                let place = tables.places.get(&one.id);
                let row = place.and_then(|place| tables.entries.get(place));
                let tenant = row.ok_or(DatabaseError::Mismatch)?.entry.tenant.clone();
                let unknown = Completion {
                    tenant,
                    entry: one.id,
                    outcome: Outcome::Unknown,
                    at,
                };
                let recorded = tables.completions.entry(one.id).or_insert(unknown);
                Ok(Some(recorded.outcome))
            };
            self.ask()?.commit(record).await
        })
    }

    fn find<'a>(&'a self, keys: &'a [Uuid]) -> Kept<'a, Vec<Chained>> {
        Box::pin(async move { self.ask()?.read(|tables| found(tables, keys)).await })
    }
}
