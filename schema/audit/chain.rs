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
        let known = self.heads.get_mut(&item.chain);
        let head = known.as_deref().copied().unwrap_or(ChainHead::EMPTY);
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
            match known {
                Some(head) => *head = item.head(),
                None => {
                    self.heads.insert(item.chain.clone(), item.head());
                }
            }
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
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};
    use std::fmt;

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    pub(super) fn serialize<S: Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        let digit = |value: u8| {
            DIGITS
                .get(usize::from(value))
                .copied()
                .map_or('0', char::from)
        };
        let pair = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
        to.serialize_str(&hash.iter().flat_map(pair).collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        from.deserialize_str(Digits)
    }

    /// Reads them where they stand: nothing is copied first.
    struct Digits;

    impl Visitor<'_> for Digits {
        type Value = Hash;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("64 hexadecimal digits")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Hash, E> {
            let mut hash = Hash::default();
            let (pairs, rest) = text.as_bytes().as_chunks::<2>();
            let whole = pairs.len() == hash.len() && rest.is_empty();
            let mut wrong = !whole;
            for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
                let (high, low) = (value(*high), value(*low));
                wrong |= high > 15 || low > 15;
                *byte = (high << 4) | (low & 15);
            }
            if wrong {
                return Err(E::custom("expected 64 hexadecimal digits"));
            }
            Ok(hash)
        }
    }

    /// What a digit stands for; more than 15 when it is none.
    const fn value(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => u8::MAX,
        }
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
