//! The Merkle log over a chain: a root of 32 bytes that vouches for every entry and its place.
//!
//! Leaf `n` is the hash of the chain's entry `n + 1`, so the log is as long as the chain, and its
//! tiles hold digests alone: nobody learns from them who saw whom. Tree hashes are those of RFC
//! 6962 §2.1, tiles and checkpoints those of C2SP tlog-tiles and tlog-checkpoint. What is appended
//! needs only the log's right edge; a proof needs the few tiles on its way to the root.

mod checkpoint;
mod edge;
mod proof;

pub use checkpoint::{Checkpoint, origin};
pub use edge::{Edge, FullTile};
pub use proof::{
    Proof, Tiles, check_consistency, check_inclusion, consistency_tiles, inclusion_tiles,
    prove_consistency, prove_inclusion,
};

use super::Hash;
use tlog_tiles::{HASH_SIZE, record_hash};

/// Tiles are that many levels of the tree high.
const HEIGHT: u8 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 1 << HEIGHT;

/// Why there is no proof, or why one proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// The place asked for is not in a log of that size.
    #[error("there is no leaf or tree `{asked}` in a log of {size} leaves")]
    OutOfRange {
        /// What was asked for.
        asked: u64,
        /// How long the log is.
        size: u64,
    },
    /// A tile that a proof needs is missing, or is not as long as it has to be.
    #[error("tile {index} of level {level} is missing or short")]
    Tile {
        /// Its level, 0 that of the leaves.
        level: u8,
        /// Its number in that level.
        index: u64,
    },
    /// The proof does not lead from what it starts from to the root.
    #[error("the proof does not lead to the root")]
    Invalid,
    /// The text is no checkpoint.
    #[error("malformed checkpoint: expected origin, size and root on a line each")]
    Checkpoint,
}

/// Which tile, and how many hashes of it a log of the size in question has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// Its level, 0 that of the leaves.
    pub level: u8,
    /// Its number in that level.
    pub index: u64,
    /// From 1 to [`TILE_WIDTH`].
    pub width: usize,
}

impl TileId {
    /// The first leaf below it and how many leaves each of its hashes stands for.
    #[must_use]
    pub const fn span(&self) -> (u64, u64) {
        let each = 1_u64 << (HEIGHT as u32 * self.level as u32);
        (self.index.saturating_mul(each << HEIGHT), each)
    }

    /// Its path below a log's prefix: `tile/LEVEL/INDEX[.p/WIDTH]`, as C2SP tlog-tiles names it.
    #[must_use]
    pub fn path(&self) -> String {
        let mut digits = format!("{:03}", self.index % 1_000);
        let mut rest = self.index / 1_000;
        while rest > 0 {
            digits = format!("x{:03}/{digits}", rest % 1_000);
            rest /= 1_000;
        }
        let partial = match self.width {
            TILE_WIDTH => String::new(),
            width => format!(".p/{width}"),
        };
        format!("tile/{}/{digits}{partial}", self.level)
    }
}

/// The tiles of a log's right edge, for a log of that size: the widest first.
#[must_use]
pub fn edge_tiles(size: u64) -> Vec<TileId> {
    let mut tiles = Vec::new();
    let (mut level, mut nodes) = (0_u8, size);
    while nodes > 0 {
        let width = usize::try_from(nodes % (1 << HEIGHT)).unwrap_or(0);
        let index = nodes >> HEIGHT;
        tiles.push(TileId {
            level,
            index,
            width,
        });
        nodes = index;
        level = level.saturating_add(1);
    }
    tiles
}

/// The hash of a leaf: RFC 6962's, over the entry's place in its chain.
#[must_use]
pub fn leaf_hash(entry: &Hash) -> Hash {
    record_hash(entry).0
}

/// The hash that a full tile has in the level above.
#[must_use]
pub fn tile_root(hashes: &[u8]) -> Option<Hash> {
    let is_full = hashes.len() == TILE_WIDTH * HASH_SIZE;
    is_full.then(|| tlog_tiles::Tile::subtree_hash(hashes).0)
}

#[cfg(test)]
mod tests;
