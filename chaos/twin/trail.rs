//! The trail's twin.

use super::{Disk, Tables};
use crate::mutant::Mutant;
use plantao_actors::audit::{Completion, Kept, Pending, SettlingSession, TrailSession, TrailStore};
use plantao_actors::database::DatabaseError;
use plantao_schema::audit::{ChainHead, Chained, Outcome, Phase};
use plantao_schema::time::Timestamp;
use uuid::Uuid;

/// See the module.
pub(crate) struct TwinTrail(pub(crate) Disk);

impl TrailStore for TwinTrail {
    fn write<'a>(&'a self, _node: &'a str) -> Kept<'a, Box<dyn TrailSession>> {
        Box::pin(async move {
            self.0.exchange().await?;
            let session = Session::new(&self.0);
            while !self.0.take_right(session.number) {
                self.0.changed().await;
                session.ask()?;
            }
            Ok(Box::new(session) as Box<dyn TrailSession>)
        })
    }

    fn settle(&self) -> Kept<'_, Box<dyn SettlingSession>> {
        Box::pin(async move {
            self.0.exchange().await?;
            Ok(Box::new(Session::new(&self.0)) as Box<dyn SettlingSession>)
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
            let last = |tables: &Tables| {
                let chain = chain.to_owned();
                let range = (chain.clone(), i64::MIN)..=(chain, i64::MAX);
                tables
                    .entries
                    .range(range)
                    .next_back()
                    .map(|(_, row)| row.head())
            };
            Ok(self.ask()?.read(last).await?.unwrap_or(ChainHead::EMPTY))
        })
    }

    fn add<'a>(&'a self, rows: &'a [Chained]) -> Kept<'a, ()> {
        Box::pin(async move {
            let disk = self.ask()?;
            let kept = planted(disk, rows);
            let forks = disk.has(Mutant::ChainForked);
            disk.commit(|tables| keep(tables, self.number, &kept, forks))
                .await?;
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
            let completes = |row: &Chained| {
                row.entry.phase == Phase::Completed
                    && row.entry.opens.is_some_and(|id| opened.contains(&id))
            };
            let all = |tables: &Tables| {
                let rows = tables.entries.values().filter(|row| completes(row));
                rows.cloned().collect()
            };
            self.ask()?.read(all).await
        })
    }
}

/// All of them or none: a key that is taken, or an entry that is complete, is a conflict. Only who
/// holds the right writes.
fn keep(
    tables: &mut Tables,
    session: i32,
    rows: &[Chained],
    forks: bool,
) -> Result<(), DatabaseError> {
    if tables.holder != Some(session) {
        return Err(DatabaseError::Unavailable);
    }
    let taken = |row: &Chained| {
        tables.places.contains_key(&row.entry.id)
            || tables.entries.contains_key(&(row.chain.clone(), row.seq))
    };
    if rows.iter().any(taken) {
        let constraint = "audit_entry".to_owned();
        return Err(DatabaseError::Conflict { constraint });
    }
    for row in rows {
        let ahead = i64::from(forks && row.seq % 50 == 0);
        let place = (row.chain.clone(), row.seq.saturating_add(ahead));
        tables.places.insert(row.entry.id, place.clone());
        tables.entries.insert(place, row.clone());
    }
    Ok(())
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
    if disk.has(Mutant::RetryDuplicates)
        && let Some(last) = rows.last().filter(|last| last.seq % 10 == 0).cloned()
    {
        rows.push(Chained::after(
            &last.chain,
            &last.head(),
            last.entry.clone(),
        ));
    }
    rows
}

fn found(tables: &Tables, keys: &[Uuid]) -> Vec<Chained> {
    let places = keys.iter().filter_map(|key| tables.places.get(key));
    places
        .filter_map(|place| tables.entries.get(place))
        .cloned()
        .collect()
}

fn is_complete(tables: &Tables, opened: Uuid) -> bool {
    let completes =
        |row: &Chained| row.entry.phase == Phase::Completed && row.entry.opens == Some(opened);
    tables.entries.values().any(completes)
}

impl SettlingSession for Session {
    fn is_held(&self, holder: i32) -> Kept<'_, bool> {
        Box::pin(async move {
            self.ask()?
                .read(|tables| tables.holder == Some(holder))
                .await
        })
    }

    fn pending<'a>(
        &'a self,
        node: &'a str,
        held: &'a [Uuid],
        limit: usize,
    ) -> Kept<'a, Vec<Pending>> {
        let of_node = move |row: &Chained| {
            let chain = row.chain.strip_prefix(node);
            row.entry.phase == Phase::Opened
                && chain.is_some_and(|rest| rest.starts_with('/'))
                && !held.contains(&row.entry.id)
        };
        let page = move |tables: &Tables| {
            let open = tables.entries.values().filter(|row| of_node(row));
            let open = open.filter(|row| !is_complete(tables, row.entry.id));
            let pending = open.map(|row| Pending {
                chain: row.chain.clone(),
                id: row.entry.id,
            });
            pending.take(limit).collect()
        };
        Box::pin(async move { self.ask()?.read(page).await })
    }

    fn record<'a>(&'a self, one: &'a Pending, at: Timestamp) -> Kept<'a, Option<Outcome>> {
        Box::pin(async move {
            let record = |tables: &mut Tables| {
                let place = tables.places.get(&one.id);
                let row = place.and_then(|place| tables.entries.get(place));
                let tenant = row.ok_or(DatabaseError::Mismatch)?.entry.tenant.clone();
                if is_complete(tables, one.id) {
                    return Ok(None);
                }
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
