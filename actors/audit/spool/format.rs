//! The spool's bytes: what is written, and what is found again after a crash or an edit. Pure.
//!
//! ```text
//! head    "PLSPOOL1" │ number of the last entry that was taken out, 8 │ its hash, 32 │ sum, 32
//! record  length, 4 │ sum of number and length, 4 │ entry as JSON │ hash in the chain, 32
//! ```
//!
//! Numbers are big-endian, sums SHA-256 (the record's cut to four bytes). The hash is the trail's
//! own ([`chain_hash`](plantao_schema::audit::chain_hash)), of a chain that goes through the spool
//! from its first entry ever: a record that is edited, taken out of the middle or moved does not
//! follow. Refused as damaged: whatever does not follow, and is no record that a crash cut short.
//! Not seen: records taken off the end, by whoever may write to the state directory; the keys of
//! everything else lie there as well.

use aws_lc_rs::digest::{SHA256, digest};
use plantao_schema::audit::{ChainHead, Chained, Entry};
use std::collections::VecDeque;
use std::sync::Arc;

/// The chain's name in its hashes.
const CHAIN: &str = "emergency-spool";
const MAGIC: &[u8; 8] = b"PLSPOOL1";
const SUM_BYTES: usize = 32;
const HASH_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + 8 + HASH_BYTES + SUM_BYTES;
const MARK_BYTES: usize = 4;
/// Length and its mark.
const PREFIX_BYTES: usize = 4 + MARK_BYTES;

/// Largest entry: its texts are bounded, JSON writes a control character as six bytes.
const ENTRY_MAX_BYTES: usize = 96 * 1024;

/// What a spool holds: the entries that wait, behind the one that was taken out last.
#[derive(Clone, Debug)]
pub(super) struct Roll {
    before: ChainHead,
    waiting: VecDeque<Arc<Chained>>,
    /// How far the file is good.
    bytes: usize,
}

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With its last record.
    Whole,
    /// In the middle of a record that nobody was told of: it is cut.
    Torn,
    /// Before something that does not follow.
    Damaged,
}

impl Default for Roll {
    fn default() -> Self {
        Self {
            before: ChainHead::EMPTY,
            waiting: VecDeque::new(),
            bytes: HEAD_BYTES,
        }
    }
}

impl Roll {
    /// Reads a file, as far as it follows.
    pub(super) fn read(bytes: &[u8]) -> (Self, End) {
        if bytes.is_empty() {
            return (Self::default(), End::Whole);
        }
        let Some(before) = head(bytes) else {
            return (Self::default(), End::Damaged);
        };
        let mut roll = Self {
            before,
            ..Self::default()
        };
        loop {
            let rest = bytes.get(roll.bytes..).unwrap_or_default();
            match record(rest, &roll.last()) {
                Found::Record(item, size) => roll.push(*item, size),
                Found::Nothing => return (roll, End::Whole),
                Found::Torn => return (roll, End::Torn),
                Found::Damage => return (roll, End::Damaged),
            }
        }
    }

    /// The whole file.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.bytes);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.before.seq.to_be_bytes());
        bytes.extend_from_slice(&self.before.hash);
        let sum = digest(&SHA256, &bytes);
        bytes.extend_from_slice(sum.as_ref());
        for item in &self.waiting {
            bytes.extend(encoded(item)?);
        }
        Some(bytes)
    }

    /// The entry at the end, and the record that has to be written there; nothing for one that is
    /// larger than an entry can be.
    pub(super) fn next(&self, entry: Entry) -> Option<(Chained, Vec<u8>)> {
        let item = Chained::after(CHAIN, &self.last(), entry);
        let record = encoded(&item)?;
        Some((item, record))
    }

    /// Takes in what [`Roll::next`] gave, once it is written.
    pub(super) fn push(&mut self, item: Chained, record_bytes: usize) {
        self.bytes += record_bytes;
        self.waiting.push_back(Arc::new(item));
    }

    /// The same without the entries up to a number.
    pub(super) fn without(&self, through: i64) -> Self {
        let gone = self.waiting.iter().take_while(|item| item.seq <= through);
        let before = gone.last().map_or(self.before, |item| item.head());
        let waiting = self.waiting.iter().filter(|item| item.seq > through);
        let waiting: VecDeque<_> = waiting.cloned().collect();
        let sizes = waiting.iter().filter_map(|item| encoded(item));
        Self {
            before,
            bytes: HEAD_BYTES + sizes.map(|record| record.len()).sum::<usize>(),
            waiting,
        }
    }

    /// The entries that wait, oldest first.
    pub(super) const fn waiting(&self) -> &VecDeque<Arc<Chained>> {
        &self.waiting
    }

    /// How long the file is.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn last(&self) -> ChainHead {
        self.waiting.back().map_or(self.before, |item| item.head())
    }
}

fn head(bytes: &[u8]) -> Option<ChainHead> {
    let (told, sum) = bytes.get(..HEAD_BYTES)?.split_at(HEAD_BYTES - SUM_BYTES);
    let rest = told.strip_prefix(MAGIC)?;
    let (number, hash) = rest.split_first_chunk::<8>()?;
    let is_whole = digest(&SHA256, told).as_ref() == sum;
    is_whole.then_some(ChainHead {
        seq: i64::from_be_bytes(*number),
        hash: hash.try_into().ok()?,
    })
}

enum Found {
    /// A record, and how many bytes it takes.
    Record(Box<Chained>, usize),
    Nothing,
    Torn,
    Damage,
}

/// What is at the beginning of `bytes`, behind `last`.
fn record(bytes: &[u8], last: &ChainHead) -> Found {
    if bytes.is_empty() {
        return Found::Nothing;
    }
    // A file grows before what is written to it arrives: room that nothing was written to.
    if bytes.iter().all(|byte| *byte == 0) {
        return Found::Torn;
    }
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Found::Torn;
    };
    let Some((told, rest)) = rest.split_first_chunk::<MARK_BYTES>() else {
        return Found::Torn;
    };
    let number = last.seq.saturating_add(1);
    let length = u32::from_be_bytes(*length);
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if mark(number, length) != *told || size > ENTRY_MAX_BYTES {
        return Found::Damage;
    }
    let Some((json, rest)) = rest.split_at_checked(size) else {
        return Found::Torn;
    };
    let Some(hash) = rest.get(..HASH_BYTES) else {
        return Found::Torn;
    };
    let follows = |entry: Entry| {
        let item = Chained::after(CHAIN, last, entry);
        (item.hash == hash).then_some(item)
    };
    let entry = serde_json::from_slice::<Entry>(json).ok();
    // Written in one way: what reads the same and was written otherwise, somebody else wrote.
    let is_ours = |entry: &Entry| serde_json::to_vec(entry).is_ok_and(|own| own == json);
    let entry = entry.filter(is_ours);
    if let Some(item) = entry.and_then(follows) {
        return Found::Record(Box::new(item), PREFIX_BYTES + size + HASH_BYTES);
    }
    // Its end never arrived, and nothing comes after it.
    let is_last = rest.len() == HASH_BYTES;
    if is_last && hash.iter().all(|byte| *byte == 0) {
        Found::Torn
    } else {
        Found::Damage
    }
}

fn encoded(item: &Chained) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(&item.entry).ok()?;
    let length = u32::try_from(json.len()).ok()?;
    if json.len() > ENTRY_MAX_BYTES {
        return None;
    }
    let mut record = Vec::with_capacity(PREFIX_BYTES + json.len() + HASH_BYTES);
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(&mark(item.seq, length));
    record.extend(json);
    record.extend_from_slice(&item.hash);
    Some(record)
}

/// What tells a length from an accident: a record that is cut short says how long it would be.
fn mark(number: i64, length: u32) -> [u8; MARK_BYTES] {
    let mut told = number.to_be_bytes().to_vec();
    told.extend_from_slice(&length.to_be_bytes());
    let sum = digest(&SHA256, &told);
    sum.as_ref()
        .first_chunk()
        .copied()
        .unwrap_or([0; MARK_BYTES])
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
