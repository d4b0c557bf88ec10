//! `Log`: one chain's log between two looks, and how it is made again from what was kept.
//!
//! Refuses an edge that is not what the newest checkpoint says: see [`Unsigned`]. Whether that
//! checkpoint left the host is not known to whoever comes after a crash, so that it is sent again.

use super::keys::LogKeyError;
use super::store::{Growth, LogSession};
use super::tiles;
use super::unsigned::Unsigned;
use crate::database::DatabaseError;
use plantao_schema::audit::ChainHead;
use plantao_schema::audit::merkle::{Checkpoint, Edge, edge_tiles};
use plantao_schema::time::Timestamp;

/// One chain's log.
pub(super) struct Log {
    pub(super) edge: Edge,
    pub(super) head: ChainHead,
    pub(super) sealed_at: Option<Timestamp>,
    /// The newest checkpoint, where it is not known to have left the host.
    pub(super) unsent: Option<Growth>,
}

/// The log as its last checkpoint left it.
pub(super) async fn restore(
    session: &dyn LogSession,
    (chain, tenant): (&str, &str),
    head: ChainHead,
    now: Timestamp,
) -> Result<Log, Unsigned> {
    let Some(newest) = session.newest(chain).await? else {
        return Ok(Log {
            edge: Edge::new(),
            head: ChainHead::EMPTY,
            sealed_at: None,
            unsent: None,
        });
    };
    let size = newest.size;
    if head.seq < i64::try_from(size).unwrap_or(i64::MAX) {
        let found = head.seq;
        return Err(Unsigned::Shorter { size, found });
    }
    let last = session.links(chain, before(size), 1).await?;
    let last = last.first().ok_or(Unsigned::Root { size })?;
    let levels = tail(session, chain, size).await?;
    let edge = Edge::restore(size, levels).map_err(|_| Unsigned::Root { size })?;
    let text = Checkpoint::of(chain, &edge).to_text();
    let text = text.map_err(LogKeyError::from)?;
    if !newest.note.as_bytes().starts_with(&text) {
        return Err(Unsigned::Root { size });
    }
    let head = ChainHead {
        seq: last.seq,
        hash: last.hash,
    };
    let unsent = Growth {
        chain: chain.to_owned(),
        tenant: tenant.to_owned(),
        tiles: Vec::new(),
        size,
        note: newest.note,
        at: now,
        is_seal: false,
    };
    Ok(Log {
        edge,
        head,
        sealed_at: newest.sealed_at,
        unsent: Some(unsent),
    })
}

/// The number of the entry before the last of a log.
pub(super) fn before(size: u64) -> i64 {
    i64::try_from(size.saturating_sub(1)).unwrap_or(i64::MAX)
}

/// The hashes of a log's right edge, level by level.
async fn tail(
    session: &dyn LogSession,
    chain: &str,
    size: u64,
) -> Result<Vec<Vec<u8>>, DatabaseError> {
    let mut levels = Vec::new();
    for tile in edge_tiles(size) {
        levels.push(tiles::partial(session, chain, &tile).await?);
    }
    Ok(levels)
}
