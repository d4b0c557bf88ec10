//! A batch of entries on its way into the chains: pure.
//!
//! Heads are proposed here and become the ledger's only once the batch is committed, so that a
//! failed batch leaves no gap.

use super::AuditError;
use super::log::AuditReceipt;
use plantao_schema::audit::{ChainHead, Chained, Entry, Phase};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// The last entry of each chain.
pub(super) type Heads = BTreeMap<String, ChainHead>;

/// The name of the chain of one node and one tenant.
pub(super) fn chain_of(node: &str, entry: &Entry) -> String {
    format!("{node}/{}", entry.tenant)
}

/// What is to be written, and what becomes the heads once it is.
pub(super) struct Batch {
    pub(super) rows: Vec<Chained>,
    pub(super) heads: Heads,
}

impl Batch {
    /// Chains entries in their order behind `heads`.
    pub(super) fn chain<'a>(
        node: &str,
        heads: &Heads,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Self {
        let entries = entries.into_iter();
        // A tenant's chain is named once, however many of its entries come.
        let mut ends: BTreeMap<&str, (String, ChainHead)> = BTreeMap::new();
        let mut rows = Vec::with_capacity(entries.size_hint().0);
        for entry in entries {
            let (chain, head) = ends.entry(entry.tenant.as_str()).or_insert_with(|| {
                let chain = chain_of(node, entry);
                let head = heads.get(&chain).copied().unwrap_or(ChainHead::EMPTY);
                (chain, head)
            });
            let row = Chained::after(chain, head, entry.clone());
            *head = row.head();
            rows.push(row);
        }
        let mut heads = heads.clone();
        heads.extend(ends.into_values());
        Self { rows, heads }
    }
}

/// What each entry of a batch gets, given everything that is on disk under the batch's keys and
/// what completes the entries that the batch completes.
pub(super) fn receipts(
    entries: &[Entry],
    stored: &[Chained],
) -> Vec<Result<AuditReceipt, AuditError>> {
    let by_key: HashMap<Uuid, &Chained> = stored.iter().map(|row| (row.entry.id, row)).collect();
    let completions: HashMap<Uuid, &Chained> = stored
        .iter()
        .filter_map(|row| Some((completes(&row.entry)?, row)))
        .collect();
    let completion = |entry: &Entry| completions.get(&completes(entry)?).copied();
    let receipt = |entry: &Entry| match by_key.get(&entry.id) {
        Some(row) if row.entry == *entry => Ok(AuditReceipt::of(row)),
        Some(_) => Err(AuditError::Duplicate),
        // Completed already: the same outcome is what its caller wants proof of.
        None => match completion(entry) {
            Some(row) if row.entry.outcome == entry.outcome => Ok(AuditReceipt::of(row)),
            Some(_) => Err(AuditError::Duplicate),
            None => Err(AuditError::Unavailable),
        },
    };
    entries.iter().map(receipt).collect()
}

/// The entries that are not on disk yet, each key once and each opened entry completed once.
pub(super) fn missing<'a>(entries: &'a [Entry], stored: &[Chained]) -> Vec<&'a Entry> {
    let mut known: HashSet<Uuid> = stored.iter().map(|row| row.entry.id).collect();
    let mut completions: HashSet<Uuid> = stored
        .iter()
        .filter_map(|row| completes(&row.entry))
        .collect();
    let mut first = |entry: &Entry| {
        let completed = completes(entry).is_some_and(|opened| completions.contains(&opened));
        let new = !completed && known.insert(entry.id);
        new && completes(entry).is_none_or(|opened| completions.insert(opened))
    };
    entries.iter().filter(|entry| first(entry)).collect()
}

/// The opened entry that this one completes.
pub(super) fn completes(entry: &Entry) -> Option<Uuid> {
    entry.opens.filter(|_| entry.phase == Phase::Completed)
}
