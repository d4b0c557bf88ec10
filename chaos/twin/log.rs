//! The transparency log's twin: full tiles and the newest checkpoint of each chain.

use super::tables::{CHECKED, rejected};
use super::{Disk, Tables};
use plantao_actors::audit::Kept;
use plantao_actors::audit::transparency::{Growth, KeptCheckpoint, Link, LogSession};
use plantao_actors::database::DatabaseError;
use plantao_schema::audit::merkle::FullTile;
use plantao_schema::audit::{ChainHead, Chained};
use plantao_schema::time::Timestamp;
use std::collections::BTreeMap;

/// Tiles that one answer holds at most.
const TILES_MAX: usize = 256;

/// What is kept of one chain's log.
#[derive(Default)]
pub(crate) struct KeptLog {
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
    pub(crate) newest: Option<(u64, String)>,
    sealed_at: Option<Timestamp>,
}

/// A session; it ends with the epoch that it was opened in.
pub(super) struct TwinLog {
    disk: Disk,
    epoch: u64,
}

impl TwinLog {
    pub(super) fn new(disk: &Disk) -> Self {
        Self {
            disk: disk.clone(),
            epoch: disk.epoch(),
        }
    }

    fn ask(&self) -> Result<&Disk, DatabaseError> {
        if self.is_closed() {
            return Err(DatabaseError::Unavailable);
        }
        Ok(&self.disk)
    }
}

impl LogSession for TwinLog {
    fn is_closed(&self) -> bool {
        self.epoch != self.disk.epoch()
    }

    fn heads<'a>(&'a self, node: &'a str) -> Kept<'a, Vec<(String, String, ChainHead)>> {
        let all = move |tables: &Tables| {
            let mut heads: BTreeMap<&str, &Chained> = BTreeMap::new();
            for row in tables.entries.values() {
                let rest = row.chain.strip_prefix(node);
                if rest.is_some_and(|rest| rest.starts_with('/')) {
                    heads.insert(&row.chain, row);
                }
            }
            let heads = heads.into_iter().map(|(chain, row)| {
                let tenant = row.entry.tenant.to_string();
                (chain.to_owned(), tenant, row.head())
            });
            heads.collect()
        };
        Box::pin(async move { self.ask()?.read(all).await })
    }

    fn links<'a>(&'a self, chain: &'a str, after: i64, limit: usize) -> Kept<'a, Vec<Link>> {
        let page = move |tables: &Tables| {
            let (from, to) = (after.saturating_add(1), i64::MAX);
            let rows = tables
                .entries
                .range((chain.to_owned(), from)..=(chain.to_owned(), to));
            let link = |(_, row): (_, &Chained)| Link {
                seq: row.seq,
                previous: row.previous,
                hash: row.hash,
            };
            rows.take(limit).map(link).collect()
        };
        Box::pin(async move { self.ask()?.read(page).await })
    }

    fn tiles<'a>(&'a self, chain: &'a str, level: u8, from: u64) -> Kept<'a, Vec<FullTile>> {
        let page = move |tables: &Tables| {
            let Some(log) = tables.logs.get(chain) else {
                return Vec::new();
            };
            let tiles = log.tiles.range((level, from)..=(level, u64::MAX));
            let tile = |((level, index), hashes): (&(u8, u64), &Vec<u8>)| FullTile {
                level: *level,
                index: *index,
                hashes: hashes.clone(),
            };
            tiles.take(TILES_MAX).map(tile).collect()
        };
        Box::pin(async move { self.ask()?.read(page).await })
    }

    fn newest<'a>(&'a self, chain: &'a str) -> Kept<'a, Option<KeptCheckpoint>> {
        let newest = move |tables: &Tables| {
            let log = tables.logs.get(chain)?;
            let (size, note) = log.newest.clone()?;
            let sealed_at = log.sealed_at;
            Some(KeptCheckpoint {
                size,
                note,
                sealed_at,
            })
        };
        Box::pin(async move { self.ask()?.read(newest).await })
    }

    fn keep<'a>(&'a self, growth: &'a Growth) -> Kept<'a, ()> {
        let keep = move |tables: &mut Tables| {
            i64::try_from(growth.size).map_err(|_| DatabaseError::Mismatch)?;
            if growth.size == 0 {
                return Err(rejected(CHECKED));
            }
            let log = tables.logs.entry(growth.chain.clone()).or_default();
            let size = log.newest.as_ref().map_or(0, |(size, _)| *size);
            if growth.size <= size {
                return Err(rejected(ONLY_GROWS));
            }
            for tile in &growth.tiles {
                let place = (tile.level, tile.index);
                let hashes = log.tiles.entry(place);
                hashes.or_insert_with(|| tile.hashes.clone());
            }
            log.newest = Some((growth.size, growth.note.clone()));
            if growth.is_seal {
                log.sealed_at = Some(growth.at);
            }
            Ok(())
        };
        Box::pin(async move { self.ask()?.commit(keep).await })
    }
}

/// What the trigger says to a checkpoint that is no longer than the one before.
const ONLY_GROWS: &str = "42501";
