//! The hash chain: each entry's hash covers its predecessor's, so that no edit goes unseen.
//!
//! A chain detects any edited bit, deletion in the middle and reordering. It cannot tell a
//! truncated end from an end: compare a head that was kept elsewhere.

use super::{Entry, GENESIS, Hash, canonical};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The hash of an entry at its place: SHA-256 over chain, sequence number, predecessor and bytes.
#[must_use]
pub fn chain_hash(chain: &str, seq: i64, previous: &Hash, entry: &Entry) -> Hash {
    let mut digest = Sha256::new();
    digest.update(u32::try_from(chain.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(chain.as_bytes());
    digest.update(seq.to_be_bytes());
    digest.update(previous);
    digest.update(canonical(entry));
    digest.finalize().into()
}

/// An entry in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chained {
    /// Which chain: one per node and tenant.
    pub chain: String,
    /// Its number in that chain, from 1, without gaps.
    pub seq: i64,
    /// The hash of the entry before it; [`GENESIS`] for the first.
    #[serde(with = "hex")]
    pub previous: Hash,
    /// Its own hash.
    #[serde(with = "hex")]
    pub hash: Hash,
    /// The entry.
    pub entry: Entry,
}

impl Chained {
    /// Puts an entry after a head.
    #[must_use]
    pub fn after(chain: &str, head: &ChainHead, entry: Entry) -> Self {
        let seq = head.seq.saturating_add(1);
        let hash = chain_hash(chain, seq, &head.hash, &entry);
        Self {
            chain: chain.to_owned(),
            seq,
            previous: head.hash,
            hash,
            entry,
        }
    }

    /// The head of the chain once this entry is its last.
    #[must_use]
    pub const fn head(&self) -> ChainHead {
        ChainHead {
            seq: self.seq,
            hash: self.hash,
        }
    }
}

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// Number of the last entry; 0 when there is none.
    pub seq: i64,
    /// Hash of the last entry; [`GENESIS`] when there is none.
    #[serde(with = "hex")]
    pub hash: Hash,
}

impl ChainHead {
    /// The head of a chain that has no entry yet.
    pub const EMPTY: Self = Self {
        seq: 0,
        hash: GENESIS,
    };
}

/// What is wrong with the first bad entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainFault {
    /// Its number does not follow: something is missing, doubled or out of order.
    Sequence {
        /// The number that had to come.
        expected: i64,
    },
    /// It names another predecessor than the one before it.
    Previous,
    /// Its content does not give its hash.
    Content,
}

/// The first entry at which a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chain `{chain}` breaks at entry {seq} (`{id}`): {}", describe(.fault))]
pub struct ChainError {
    /// Which chain.
    pub chain: String,
    /// The number the bad entry bears.
    pub seq: i64,
    /// Its key.
    pub id: Uuid,
    /// What is wrong.
    pub fault: ChainFault,
}

fn describe(fault: &ChainFault) -> String {
    match fault {
        ChainFault::Sequence { expected } => {
            format!("expected entry {expected}: one is missing, doubled or out of order")
        }
        ChainFault::Previous => "it names another predecessor than the entry before it".to_owned(),
        ChainFault::Content => "its content does not give its hash: it was edited".to_owned(),
    }
}

/// Checks chains entry by entry, in order within each chain; chains may interleave.
#[derive(Debug, Default)]
pub struct Verifier {
    heads: BTreeMap<String, ChainHead>,
    archived: BTreeMap<String, i64>,
    checked: u64,
}

impl Verifier {
    /// A verifier that expects every chain from its first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects a chain from behind `head`, because what was up to there is in an archive. Entries
    /// of that part may still come (an archive is of whole months, and clocks are not in step at
    /// their edges): of each of them only its own content is checked, since its place is proved
    /// where it was archived.
    pub fn resume(&mut self, chain: &str, head: ChainHead) {
        self.archived.insert(chain.to_owned(), head.seq);
        self.heads.insert(chain.to_owned(), head);
    }

    /// Takes the next entry of its chain.
    ///
    /// # Errors
    /// [`ChainError`] naming this entry when it does not follow from what came before.
    pub fn push(&mut self, item: &Chained) -> Result<(), ChainError> {
        let head = self
            .heads
            .get(&item.chain)
            .copied()
            .unwrap_or(ChainHead::EMPTY);
        let expected = head.seq.saturating_add(1);
        let archived = self.archived.get(&item.chain);
        let is_archived = item.seq > 0 && archived.is_some_and(|seq| item.seq <= *seq);
        let fault = if !is_archived && item.seq != expected {
            Some(ChainFault::Sequence { expected })
        } else if !is_archived && item.previous != head.hash {
            Some(ChainFault::Previous)
        } else if chain_hash(&item.chain, item.seq, &item.previous, &item.entry) != item.hash {
            Some(ChainFault::Content)
        } else {
            None
        };
        if let Some(fault) = fault {
            let (chain, seq, id) = (item.chain.clone(), item.seq, item.entry.id);
            return Err(ChainError {
                chain,
                seq,
                id,
                fault,
            });
        }
        if !is_archived {
            self.heads.insert(item.chain.clone(), item.head());
        }
        self.checked = self.checked.saturating_add(1);
        Ok(())
    }

    /// How many entries held.
    #[must_use]
    pub const fn checked(&self) -> u64 {
        self.checked
    }

    /// The head of every chain seen, to be kept elsewhere.
    #[must_use]
    pub const fn heads(&self) -> &BTreeMap<String, ChainHead> {
        &self.heads
    }
}

mod hex {
    use super::Hash;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(
            &hash
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(from)?;
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect();
        let bytes: Option<Vec<u8>> = digits.map(|digits| {
            digits
                .chunks(2)
                .map(|pair| pair.iter().fold(0_u8, |byte, digit| (byte << 4) | digit))
                .collect()
        });
        bytes
            .filter(|_| text.len() == 64)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
