//! Tiles through the sequencer's session: as they are kept, or what they are made of where they
//! are not full.

use super::store::{Link, LogSession};
use crate::database::DatabaseError;
use plantao_schema::audit::Hash;
use plantao_schema::audit::merkle::{TILE_WIDTH, TileId, leaf_hash, tile_root};

/// The hashes of a tile of a log that is at least as long as the tile says.
pub(super) async fn tile(
    session: &dyn LogSession,
    chain: &str,
    tile: &TileId,
) -> Result<Vec<u8>, DatabaseError> {
    if tile.width == TILE_WIDTH {
        let kept = session.tiles(chain, tile.level, tile.index).await?;
        let kept = kept.into_iter().next();
        let kept = kept.filter(|full| full.index == tile.index);
        return kept.map(|full| full.hashes).ok_or(DatabaseError::Mismatch);
    }
    partial(session, chain, tile).await
}

/// The hashes of a tile that is not full: leaves from their rows, and above them the roots of the
/// full tiles below.
pub(super) async fn partial(
    session: &dyn LogSession,
    chain: &str,
    tile: &TileId,
) -> Result<Vec<u8>, DatabaseError> {
    let (first, _) = tile.span();
    let mut hashes: Vec<Hash> = Vec::with_capacity(tile.width);
    if tile.width == 0 {
        // Nothing of this level is outside a full tile.
    } else if tile.level == 0 {
        let after = i64::try_from(first).map_err(|_| DatabaseError::Mismatch)?;
        let links = session.links(chain, after, tile.width).await?;
        let leaf = |link: &Link| leaf_hash(&link.hash);
        hashes.extend(links.iter().map(leaf));
    } else {
        let from = tile.index << 8;
        let below = session.tiles(chain, tile.level - 1, from).await?;
        hashes.extend(below.iter().filter_map(|full| tile_root(&full.hashes)));
        hashes.truncate(tile.width);
    }
    Ok(hashes.concat())
}
