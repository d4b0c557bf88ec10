//! Why a chain is signed no further: what does not follow from what was signed, or from itself.

use super::keys::LogKeyError;
use super::store::Link;
use crate::database::DatabaseError;
use plantao_schema::audit::ChainHead;

/// Why a chain is not signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsigned {
    #[error("entry {seq} does not follow: one is missing, doubled or out of order")]
    Sequence { seq: i64 },
    #[error("entry {seq} names another predecessor than the entry before it")]
    Previous { seq: i64 },
    #[error("what is kept is not what the checkpoint of {size} entries says")]
    Root { size: u64 },
    #[error("{size} entries were signed and {found} are there")]
    Shorter { size: u64, found: i64 },
    #[error("entry {size} is another than the one that was signed")]
    Forked { size: u64 },
    #[error(transparent)]
    Keys(#[from] LogKeyError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The head once this entry is the last.
pub(super) fn follows(head: &ChainHead, link: &Link) -> Result<ChainHead, Unsigned> {
    let seq = link.seq;
    if seq != head.seq.saturating_add(1) {
        return Err(Unsigned::Sequence { seq });
    }
    if link.previous != head.hash {
        return Err(Unsigned::Previous { seq });
    }
    let hash = link.hash;
    Ok(ChainHead { seq, hash })
}
