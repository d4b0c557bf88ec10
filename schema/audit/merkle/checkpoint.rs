//! The checkpoint of a log: the lines that are signed.

use super::{Edge, MerkleError};
use crate::audit::Hash;

/// What is signed: which log, how long it is, and its root (C2SP tlog-checkpoint, no extensions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: [`origin`] of a chain.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

/// The name of a chain's log, and of the keys that sign for it.
#[must_use]
pub fn origin(chain: &str) -> String {
    format!("plantao/{chain}")
}

impl Checkpoint {
    /// Of a chain's log, with that edge.
    #[must_use]
    pub fn of(chain: &str, edge: &Edge) -> Self {
        Self {
            origin: origin(chain),
            size: edge.size(),
            root: edge.root(),
        }
    }

    /// The lines that are signed.
    ///
    /// # Errors
    /// [`MerkleError::Checkpoint`] for an origin that no log can have.
    pub fn to_text(&self) -> Result<Vec<u8>, MerkleError> {
        let root = tlog_tiles::Hash(self.root);
        let text = tlog_tiles::Checkpoint::new(&self.origin, self.size, root, "");
        let text = text.map_err(|_| MerkleError::Checkpoint)?;
        Ok(text.to_bytes())
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`MerkleError::Checkpoint`].
    pub fn from_text(text: &[u8]) -> Result<Self, MerkleError> {
        let read = tlog_tiles::Checkpoint::from_bytes(text);
        let read = read.map_err(|_| MerkleError::Checkpoint)?;
        if !read.extension().is_empty() {
            return Err(MerkleError::Checkpoint);
        }
        Ok(Self {
            origin: read.origin().to_owned(),
            size: read.size(),
            root: read.hash().0,
        })
    }
}
