//! What keeps the log beside the trail: full tiles, and the newest checkpoint of each chain.

use crate::audit::postgres::within;
use crate::audit::store::{sorted, value};
use crate::audit::trail::Kept;
use crate::database::{DatabaseError, Session};
use plantao_schema::audit::merkle::FullTile;
use plantao_schema::audit::{ChainHead, Hash};
use plantao_schema::time::Timestamp;
use tokio::sync::OnceCell;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

/// The last entry of each chain: the one that is noted, or one after it that somebody got in past
/// the triggers; the last that is there, if that was removed; the last archived, if none is.
/// '0' is the character after '/': the range holds every chain of the node, and no other's.
const HEADS: &str = "SELECT h.chain, h.tenant, last.seq, last.hash FROM audit_head AS h, LATERAL ( \
         (SELECT seq, hash FROM audit_entry \
          WHERE chain = h.chain AND seq >= h.seq AND at_us >= h.at_us ORDER BY seq DESC LIMIT 1) \
         UNION ALL \
         (SELECT seq, hash FROM audit_entry WHERE chain = h.chain ORDER BY seq DESC LIMIT 1) \
         UNION ALL \
         (SELECT seq, hash FROM audit_archived WHERE chain = h.chain ORDER BY seq DESC LIMIT 1) \
         LIMIT 1) AS last \
     WHERE h.chain >= $1 AND h.chain < $2 ORDER BY h.chain";

/// What the log's right edge is made of may be in the archive, and is then kept apart.
const LINKS: &str = "SELECT seq, prev_hash, hash FROM ( \
         SELECT chain, seq, prev_hash, hash FROM audit_entry UNION ALL \
         SELECT chain, seq, prev_hash, hash FROM audit_archived_link) AS link \
     WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3";

const TILES: &str = "SELECT number, hashes FROM audit_tile \
     WHERE chain = $1 AND level = $2 AND number >= $3 ORDER BY number LIMIT 256";

const NEWEST: &str = "SELECT c.size, c.note, \
     (SELECT max(at_us) FROM audit_seal s WHERE s.chain = c.chain) \
     FROM audit_checkpoint c WHERE c.chain = $1";

// A tile is what its leaves make it: one that is there already is the same.
const KEEP_TILES: &str = "INSERT INTO audit_tile (chain, level, number, tenant, hashes) \
     SELECT $1, level, number, $2, hashes \
     FROM unnest($3::int2[], $4::int8[], $5::bytea[]) AS t (level, number, hashes) \
     ON CONFLICT DO NOTHING";

const KEEP_NOTE: &str = "INSERT INTO audit_checkpoint (chain, tenant, size, note, at_us) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (chain) DO UPDATE \
     SET size = excluded.size, note = excluded.note, at_us = excluded.at_us";

const KEEP_SEAL: &str = "INSERT INTO audit_seal (chain, tenant, size, note, at_us) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

/// An entry of a chain as the log needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub seq: i64,
    /// The hash of the one before it, as it says.
    pub previous: Hash,
    /// Its hash.
    pub hash: Hash,
}

/// The newest checkpoint that is kept of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// How many leaves it covers.
    pub size: u64,
    /// The signed note.
    pub note: String,
    /// When the last daily one was made.
    pub sealed_at: Option<Timestamp>,
}

/// What a chain's log grew by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The chain.
    pub chain: String,
    /// Whose it is.
    pub tenant: String,
    /// Tiles that became full.
    pub tiles: Vec<FullTile>,
    /// How many leaves there are now.
    pub size: u64,
    /// The signed checkpoint.
    pub note: String,
    /// When it was signed.
    pub at: Timestamp,
    /// Whether it is the day's.
    pub is_seal: bool,
}

/// The session of the sequencer.
pub trait LogSession: Send + Sync {
    /// Whether nothing can be asked of it any more.
    fn is_closed(&self) -> bool;

    /// The chains of a node: name, tenant, last entry.
    fn heads<'a>(&'a self, node: &'a str) -> Kept<'a, Vec<(String, String, ChainHead)>>;

    /// Entries of a chain after a number, in order, at most `limit`.
    fn links<'a>(&'a self, chain: &'a str, after: i64, limit: usize) -> Kept<'a, Vec<Link>>;

    /// Full tiles of a level from a number on, in order: 256 at most.
    fn tiles<'a>(&'a self, chain: &'a str, level: u8, from: u64) -> Kept<'a, Vec<FullTile>>;

    /// The newest checkpoint of a chain.
    fn newest<'a>(&'a self, chain: &'a str) -> Kept<'a, Option<KeptCheckpoint>>;

    /// Keeps what was appended: all of it, or nothing.
    fn keep<'a>(&'a self, growth: &'a Growth) -> Kept<'a, ()>;
}

/// The session on PostgreSQL. What is asked each second is planned once: a plan looks at every
/// partition.
pub(in crate::audit) struct PostgresLog {
    session: Session,
    heads: OnceCell<Statement>,
    links: OnceCell<Statement>,
}

impl PostgresLog {
    pub(in crate::audit) fn new(session: Session) -> Self {
        Self {
            session,
            heads: OnceCell::new(),
            links: OnceCell::new(),
        }
    }

    async fn planned(
        &self,
        statement: &OnceCell<Statement>,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, DatabaseError> {
        within(async {
            let client = &self.session.client;
            let statement = statement.get_or_try_init(|| client.prepare(sql)).await;
            let rows = client.query(statement.map_err(told)?, params).await;
            rows.map_err(told)
        })
        .await
    }

    async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, DatabaseError> {
        within(async {
            let rows = self.session.client.query(sql, params).await;
            rows.map_err(|error| sorted(&error))
        })
        .await
    }

    async fn write(&self, growth: &Growth) -> Result<(), DatabaseError> {
        let (chain, tenant, note) = (&growth.chain, &growth.tenant, &growth.note);
        let (size, at) = (signed(growth.size)?, growth.at.micros());
        let levels: Vec<i16> = growth.tiles.iter().map(|one| one.level.into()).collect();
        let numbers: Result<Vec<i64>, _> = growth.tiles.iter().map(|t| signed(t.index)).collect();
        let numbers = numbers?;
        let hashes: Vec<&[u8]> = growth.tiles.iter().map(|t| t.hashes.as_slice()).collect();
        let client = &self.session.client;
        if !growth.tiles.is_empty() {
            let tiles: &[&(dyn ToSql + Sync)] = &[chain, tenant, &levels, &numbers, &hashes];
            client.execute(KEEP_TILES, tiles).await.map_err(told)?;
        }
        let row: &[&(dyn ToSql + Sync)] = &[chain, tenant, &size, note, &at];
        client.execute(KEEP_NOTE, row).await.map_err(told)?;
        if growth.is_seal {
            client.execute(KEEP_SEAL, row).await.map_err(told)?;
        }
        Ok(())
    }

    /// All of it or nothing.
    async fn write_whole(&self, growth: &Growth) -> Result<(), DatabaseError> {
        let client = &self.session.client;
        client.batch_execute("BEGIN").await.map_err(told)?;
        let written = self.write(growth).await;
        let end = if written.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        let ended = client.batch_execute(end).await.map_err(told);
        written.and(ended)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what map_err hands over is owned"
)]
fn told(error: tokio_postgres::Error) -> DatabaseError {
    sorted(&error)
}

fn signed(number: u64) -> Result<i64, DatabaseError> {
    i64::try_from(number).map_err(|_| DatabaseError::Mismatch)
}

fn unsigned(number: i64) -> Result<u64, DatabaseError> {
    u64::try_from(number).map_err(|_| DatabaseError::Mismatch)
}

fn hash(bytes: &[u8]) -> Result<Hash, DatabaseError> {
    bytes.try_into().map_err(|_| DatabaseError::Mismatch)
}

impl LogSession for PostgresLog {
    fn is_closed(&self) -> bool {
        self.session.client.is_closed()
    }

    fn heads<'a>(&'a self, node: &'a str) -> Kept<'a, Vec<(String, String, ChainHead)>> {
        Box::pin(async move {
            let (from, to) = (format!("{node}/"), format!("{node}0"));
            let rows = self.planned(&self.heads, HEADS, &[&from, &to]).await?;
            let read = |row| {
                let (seq, last) = (value(row, 2)?, hash(value(row, 3)?)?);
                Ok((
                    value(row, 0)?,
                    value(row, 1)?,
                    ChainHead { seq, hash: last },
                ))
            };
            rows.iter().map(read).collect()
        })
    }

    fn links<'a>(&'a self, chain: &'a str, after: i64, limit: usize) -> Kept<'a, Vec<Link>> {
        Box::pin(async move {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = self
                .planned(&self.links, LINKS, &[&chain, &after, &limit])
                .await?;
            let read = |row| {
                Ok(Link {
                    seq: value(row, 0)?,
                    previous: hash(value(row, 1)?)?,
                    hash: hash(value(row, 2)?)?,
                })
            };
            rows.iter().map(read).collect()
        })
    }

    fn tiles<'a>(&'a self, chain: &'a str, level: u8, from: u64) -> Kept<'a, Vec<FullTile>> {
        Box::pin(async move {
            let from = signed(from)?;
            let rows = self
                .rows(TILES, &[&chain, &i16::from(level), &from])
                .await?;
            let read = |row| {
                Ok(FullTile {
                    level,
                    index: unsigned(value(row, 0)?)?,
                    hashes: value(row, 1)?,
                })
            };
            rows.iter().map(read).collect()
        })
    }

    fn newest<'a>(&'a self, chain: &'a str) -> Kept<'a, Option<KeptCheckpoint>> {
        Box::pin(async move {
            let rows = self.rows(NEWEST, &[&chain]).await?;
            let read = |row| {
                let sealed: Option<i64> = value(row, 2)?;
                Ok(KeptCheckpoint {
                    size: unsigned(value(row, 0)?)?,
                    note: value(row, 1)?,
                    sealed_at: sealed.map(Timestamp::from_micros),
                })
            };
            rows.first().map(read).transpose()
        })
    }

    fn keep<'a>(&'a self, growth: &'a Growth) -> Kept<'a, ()> {
        Box::pin(within(self.write_whole(growth)))
    }
}
