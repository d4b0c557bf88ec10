//! Proofs: that an entry is in a log, and that one log begins with another.
//!
//! Made in two steps, since tiles lie in a database: first it is told which tiles a proof needs,
//! then it is made of them.

use super::{Checkpoint, HEIGHT, MerkleError, TILE_WIDTH, TileId};
use crate::audit::Hash;
use std::cell::RefCell;
use std::collections::BTreeMap;
use tlog_tiles::{HASH_SIZE, HashReader, record_hash};

/// Which tiles prove that leaf `leaf` is in a log of `size` leaves.
///
/// # Errors
/// [`MerkleError::OutOfRange`].
pub fn inclusion_tiles(leaf: u64, size: u64) -> Result<Vec<TileId>, MerkleError> {
    if leaf >= size {
        return Err(MerkleError::OutOfRange { asked: leaf, size });
    }
    Ok(wanted(size, |reader| {
        tlog_tiles::prove_record(size, leaf, reader)
    }))
}

/// Which tiles prove that a log of `size` leaves begins with what it was at `old` leaves.
///
/// # Errors
/// [`MerkleError::OutOfRange`].
pub fn consistency_tiles(old: u64, size: u64) -> Result<Vec<TileId>, MerkleError> {
    if old == 0 || old > size {
        return Err(MerkleError::OutOfRange { asked: old, size });
    }
    Ok(wanted(size, |reader| {
        tlog_tiles::prove_tree(size, old, reader)
    }))
}

/// Notes what a proof reads, and answers nothing.
#[derive(Default)]
struct Asked(RefCell<Vec<u64>>);

impl HashReader for Asked {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        self.0.borrow_mut().extend_from_slice(indexes);
        Ok(vec![tlog_tiles::EMPTY_HASH; indexes.len()])
    }
}

fn wanted<T>(size: u64, prove: impl Fn(&Asked) -> T) -> Vec<TileId> {
    let asked = Asked::default();
    prove(&asked);
    let tiles = asked.0.into_inner().into_iter().map(|index| {
        let tile = tlog_tiles::Tile::from_index(HEIGHT, index);
        let (level, index) = (tile.level(), tile.level_index());
        let nodes = size >> (u32::from(HEIGHT) * u32::from(level));
        let width = nodes.saturating_sub(index << HEIGHT).min(1 << HEIGHT);
        TileId {
            level,
            index,
            width: usize::try_from(width).unwrap_or(TILE_WIDTH),
        }
    });
    let mut tiles: Vec<TileId> = tiles.collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// The tiles that a proof is made of: what [`inclusion_tiles`] or [`consistency_tiles`] named.
pub type Tiles = BTreeMap<(u8, u64), Vec<u8>>;

struct Read<'a>(&'a Tiles);

impl HashReader for Read<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let tile = tlog_tiles::Tile::from_index(HEIGHT, *index);
            let held = self.0.get(&(tile.level(), tile.level_index()));
            tile.hash_at_index(held.ok_or(tlog_tiles::Error::InvalidTile)?, *index)
        };
        indexes.iter().map(read).collect()
    }
}

/// A way to the root: sibling hashes.
pub type Proof = Vec<Hash>;

/// Proves that leaf `leaf` is in the log of `size` leaves.
///
/// # Errors
/// [`MerkleError`] when a tile is missing.
pub fn prove_inclusion(leaf: u64, size: u64, tiles: &Tiles) -> Result<Proof, MerkleError> {
    let asked = inclusion_tiles(leaf, size)?;
    let proof = tlog_tiles::prove_record(size, leaf, &Read(tiles));
    proof.map(bare).map_err(|_| lacking(&asked, tiles))
}

/// Proves that the log of `size` leaves begins with the log of `old` leaves.
///
/// # Errors
/// [`MerkleError`] when a tile is missing.
pub fn prove_consistency(old: u64, size: u64, tiles: &Tiles) -> Result<Proof, MerkleError> {
    let asked = consistency_tiles(old, size)?;
    let proof = tlog_tiles::prove_tree(size, old, &Read(tiles));
    proof.map(bare).map_err(|_| lacking(&asked, tiles))
}

fn bare(proof: Vec<tlog_tiles::Hash>) -> Proof {
    proof.into_iter().map(|hash| hash.0).collect()
}

fn lacking(asked: &[TileId], tiles: &Tiles) -> MerkleError {
    let is_short = |tile: &&TileId| {
        let held = tiles.get(&(tile.level, tile.index)).map_or(0, Vec::len);
        held < tile.width * HASH_SIZE
    };
    asked
        .iter()
        .find(is_short)
        .map_or(MerkleError::Invalid, |tile| MerkleError::Tile {
            level: tile.level,
            index: tile.index,
        })
}

/// Checks that the log with this checkpoint's size and root has `entry` as its leaf `leaf`.
///
/// # Errors
/// [`MerkleError::Invalid`] when it is not shown.
pub fn check_inclusion(
    proof: &[Hash],
    at: &Checkpoint,
    leaf: u64,
    entry: &Hash,
) -> Result<(), MerkleError> {
    let proof = dressed(proof);
    let root = tlog_tiles::Hash(at.root);
    tlog_tiles::check_record(&proof, at.size, root, leaf, record_hash(entry))
        .map_err(|_| MerkleError::Invalid)
}

/// Checks that one log begins with another: that nothing under `old` has been changed or removed.
///
/// # Errors
/// [`MerkleError::Invalid`] when it is not shown.
pub fn check_consistency(
    proof: &[Hash],
    old: &Checkpoint,
    new: &Checkpoint,
) -> Result<(), MerkleError> {
    if old.origin != new.origin {
        return Err(MerkleError::Invalid);
    }
    if old.size == 0 {
        return if proof.is_empty() {
            Ok(())
        } else {
            Err(MerkleError::Invalid)
        };
    }
    let (now, before) = (tlog_tiles::Hash(new.root), tlog_tiles::Hash(old.root));
    tlog_tiles::check_tree(&dressed(proof), new.size, now, old.size, before)
        .map_err(|_| MerkleError::Invalid)
}

fn dressed(proof: &[Hash]) -> Vec<tlog_tiles::Hash> {
    proof.iter().map(|hash| tlog_tiles::Hash(*hash)).collect()
}
