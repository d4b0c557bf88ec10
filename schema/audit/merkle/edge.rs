//! The right edge of a log: what is appended to, and what a root is computed from.

use super::{HEIGHT, MerkleError, edge_tiles, leaf_hash, tile_root};
use crate::audit::Hash;
use tlog_tiles::{HASH_SIZE, HashReader};

/// A tile that is complete and never changes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// Its level, 0 that of the leaves.
    pub level: u8,
    /// Its number in that level.
    pub index: u64,
    /// [`TILE_WIDTH`] hashes.
    pub hashes: Vec<u8>,
}

/// The right edge of a log: all that appending to it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// By level: the hashes of the tile that is not full yet.
    levels: Vec<Vec<u8>>,
}

impl Edge {
    /// The edge of an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge that a log was left with: the hashes of each of [`edge_tiles`], in that order.
    ///
    /// # Errors
    /// [`MerkleError::Tile`] naming one that is not as long as the size asks for.
    pub fn restore(size: u64, levels: Vec<Vec<u8>>) -> Result<Self, MerkleError> {
        let tiles = edge_tiles(size);
        for (number, tile) in tiles.iter().enumerate() {
            let held = levels.get(number).map_or(0, Vec::len);
            if held != tile.width * HASH_SIZE || levels.len() != tiles.len() {
                let (level, index) = (tile.level, tile.index);
                return Err(MerkleError::Tile { level, index });
            }
        }
        Ok(Self { size, levels })
    }

    /// Appends an entry. Answers the tiles that it completes, the lowest first.
    pub fn push(&mut self, entry: &Hash) -> Vec<FullTile> {
        let mut full = Vec::new();
        let mut hash = leaf_hash(entry);
        self.size += 1;
        let mut nodes = self.size;
        for level in 0..=u8::MAX {
            let number = usize::from(level);
            if self.levels.len() <= number {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(number) else {
                break;
            };
            hashes.extend_from_slice(&hash);
            let Some(root) = tile_root(hashes) else {
                break;
            };
            full.push(FullTile {
                level,
                index: (nodes >> HEIGHT) - 1,
                hashes: std::mem::take(hashes),
            });
            (hash, nodes) = (root, nodes >> HEIGHT);
        }
        full
    }

    /// The hashes of each of [`edge_tiles`], in that order: what [`Edge::restore`] takes.
    #[must_use]
    pub fn into_levels(self) -> Vec<Vec<u8>> {
        let mut levels = self.levels;
        levels.truncate(edge_tiles(self.size).len());
        levels
    }

    /// How many entries the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let root = tlog_tiles::tree_hash(self.size, &Edges(self));
        // The edge holds whatever the root is made of, which a test compares with RFC 6962.
        root.map_or(tlog_tiles::EMPTY_HASH.0, |root| root.0)
    }
}

/// The edge, as the library reads hashes.
struct Edges<'a>(&'a Edge);

impl HashReader for Edges<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let tile = tlog_tiles::Tile::from_index(HEIGHT, *index);
            let level = self.0.levels.get(usize::from(tile.level()));
            let hashes = level.ok_or(tlog_tiles::Error::IndexesNotInTree)?;
            tile.hash_at_index(hashes, *index)
        };
        indexes.iter().map(read).collect()
    }
}
