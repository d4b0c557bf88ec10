//! Reading the log: checkpoints, and the proof that an entry is under one.

use super::TransparencyLog;
use super::keys::{NoteError, VerifierKey, check_note};
use crate::audit::store::{by_key, chained, value};
use crate::database::{Database, DatabaseError, Scope, ToSql};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantao_schema::audit::merkle::{
    Checkpoint, TILE_WIDTH, TileId, Tiles, check_inclusion, inclusion_tiles, leaf_hash, origin,
    prove_inclusion, tile_root,
};
use plantao_schema::audit::{Chained, Hash, chain_hash};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const HEADS: &str =
    "SELECT chain, size, note FROM audit_checkpoint WHERE tenant = $1 ORDER BY chain";

const SEALS: &str = "SELECT chain, size, note FROM audit_seal WHERE tenant = $1 \
     ORDER BY chain, size DESC LIMIT 1000";

const TILE: &str = "SELECT number, hashes FROM audit_tile \
     WHERE chain = $1 AND level = $2 AND number >= $3 AND number < $4 ORDER BY number";

const LEAVES: &str = "SELECT hash FROM ( \
         SELECT chain, seq, hash FROM audit_entry UNION ALL \
         SELECT chain, seq, hash FROM audit_archived_link) AS leaf \
     WHERE chain = $1 AND seq > $2 AND seq <= $3 ORDER BY seq";

const NOTE: &str = "SELECT size, note FROM audit_checkpoint WHERE chain = $1";

/// A checkpoint of one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// The chain.
    pub chain: String,
    /// How many of its entries the checkpoint covers.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// An entry with all that proves it to be in the log, to somebody who has the log's keys and
/// nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// The entry in its chain; its leaf is the number before its own.
    pub entry: Chained,
    /// The way to the root: base64 of the sibling hashes, as RFC 9162 §2.1.3 orders them.
    pub proof: Vec<String>,
    /// The signed checkpoint.
    pub note: String,
}

/// Why an entry is not shown to be in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// The checkpoint is no proof.
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of `{found}`, and the entry of `{expected}`")]
    Elsewhere {
        /// The log of the entry's chain.
        expected: String,
        /// The log that was signed.
        found: String,
    },
    /// The entry's content does not give its hash.
    #[error("the entry's content does not give its hash: it was edited")]
    Content,
    /// The proof does not lead from the entry to what was signed.
    #[error("the proof does not lead from the entry to the signed root")]
    Proof,
}

impl Inclusion {
    /// Checks it, offline.
    ///
    /// # Errors
    /// [`InclusionError`].
    pub fn check(&self, keys: &[VerifierKey]) -> Result<Checkpoint, InclusionError> {
        let checkpoint = check_note(&self.note, keys)?;
        let entry = &self.entry;
        let expected = origin(&entry.chain);
        if checkpoint.origin != expected {
            let found = checkpoint.origin;
            return Err(InclusionError::Elsewhere { expected, found });
        }
        let hash = chain_hash(&entry.chain, entry.seq, &entry.previous, &entry.entry);
        if hash != entry.hash {
            return Err(InclusionError::Content);
        }
        let read = |text: &String| -> Option<Hash> {
            let bytes = STANDARD.decode(text).ok()?;
            bytes.try_into().ok()
        };
        let proof: Option<Vec<Hash>> = self.proof.iter().map(read).collect();
        let leaf = leaf_of(entry).zip(proof);
        let shown = leaf
            .is_some_and(|(leaf, proof)| check_inclusion(&proof, &checkpoint, leaf, &hash).is_ok());
        shown.then_some(checkpoint).ok_or(InclusionError::Proof)
    }
}

fn leaf_of(entry: &Chained) -> Option<u64> {
    u64::try_from(entry.seq.checked_sub(1)?).ok()
}

impl TransparencyLog {
    /// The newest checkpoint of each chain of a tenant.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn heads(database: &Database, scope: &Scope) -> Result<Vec<LogHead>, DatabaseError> {
        let heads = notes(database, scope, HEADS).await?;
        // Whoever reads the entries next, to check them against these, reads no older ones.
        database.keep_up(scope).await?;
        Ok(heads)
    }

    /// The daily checkpoints of a tenant's chains, newest first: 1,000 at most.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn seals(database: &Database, scope: &Scope) -> Result<Vec<LogHead>, DatabaseError> {
        notes(database, scope, SEALS).await
    }

    /// The proof of an entry; nothing when there is none of that key, or it is not signed yet.
    ///
    /// # Errors
    /// [`DatabaseError`]; [`DatabaseError::Mismatch`] when what is kept proves nothing.
    pub async fn prove(
        database: &Database,
        scope: &Scope,
        entry: Uuid,
    ) -> Result<Option<Inclusion>, DatabaseError> {
        let read = Reading { database, scope };
        let rows = read.rows(&by_key("$1"), &[&entry]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let entry = chained(row)?;
        let rows = read.rows(NOTE, &[&entry.chain]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let (size, note): (i64, String) = (value(row, 0)?, value(row, 1)?);
        let size = u64::try_from(size).map_err(|_| DatabaseError::Mismatch)?;
        let leaf = leaf_of(&entry).ok_or(DatabaseError::Mismatch)?;
        let Ok(wanted) = inclusion_tiles(leaf, size) else {
            return Ok(None);
        };
        let mut tiles = Tiles::new();
        for tile in wanted {
            let hashes = read.tile(&entry.chain, &tile).await?;
            tiles.insert((tile.level, tile.index), hashes);
        }
        let proof = prove_inclusion(leaf, size, &tiles).map_err(|_| DatabaseError::Mismatch)?;
        let proof = proof.iter().map(|hash| STANDARD.encode(hash)).collect();
        Ok(Some(Inclusion { entry, proof, note }))
    }
}

async fn notes(
    database: &Database,
    scope: &Scope,
    sql: &str,
) -> Result<Vec<LogHead>, DatabaseError> {
    let rows = database.read(scope, sql, &[&scope.tenant.as_str()]).await?;
    let read = |row| {
        let size: i64 = value(row, 1)?;
        Ok(LogHead {
            chain: value(row, 0)?,
            size: u64::try_from(size).map_err(|_| DatabaseError::Mismatch)?,
            note: value(row, 2)?,
        })
    };
    rows.iter().map(read).collect()
}

struct Reading<'a> {
    database: &'a Database,
    scope: &'a Scope,
}

impl Reading<'_> {
    async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, DatabaseError> {
        self.database.read(self.scope, sql, params).await
    }

    /// A tile: as it is kept, or what it is made of where it is not full.
    async fn tile(&self, chain: &str, tile: &TileId) -> Result<Vec<u8>, DatabaseError> {
        if tile.width == TILE_WIDTH {
            let kept = self.kept(chain, tile.level, tile.index, 1).await?;
            return kept.into_iter().next().ok_or(DatabaseError::Mismatch);
        }
        let (first, _) = tile.span();
        let hashes: Vec<Hash> = if let Some(below) = tile.level.checked_sub(1) {
            let kept = self.kept(chain, below, tile.index << 8, tile.width).await?;
            kept.iter().filter_map(|full| tile_root(full)).collect()
        } else {
            let after = i64::try_from(first).map_err(|_| DatabaseError::Mismatch)?;
            let last = after + i64::try_from(tile.width).unwrap_or(0);
            let rows = self.rows(LEAVES, &[&chain, &after, &last]).await?;
            let leaf = |row| {
                let hash: &[u8] = value(row, 0)?;
                let hash = hash.try_into().map_err(|_| DatabaseError::Mismatch)?;
                Ok(leaf_hash(&hash))
            };
            rows.iter().map(leaf).collect::<Result<_, _>>()?
        };
        Ok(hashes.concat())
    }

    async fn kept(
        &self,
        chain: &str,
        level: u8,
        from: u64,
        count: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let from = i64::try_from(from).map_err(|_| DatabaseError::Mismatch)?;
        let to = from + i64::try_from(count).unwrap_or(0);
        let level = i16::from(level);
        let rows = self.rows(TILE, &[&chain, &level, &from, &to]).await?;
        rows.iter().map(|row| value(row, 1)).collect()
    }
}
