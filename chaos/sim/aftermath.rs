//! What is read once all is over, for the judges.

use super::exchange::Acknowledged;
use crate::history::{TrailRow, What};
use crate::twin::Tables;
use plantao_schema::access::Action;
use plantao_schema::audit::merkle::{Checkpoint, Edge};
use plantao_schema::audit::{ChainHead, Chained, Outcome, Phase};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The trail, the records that were written, and the changes that were made.
pub(super) fn last(
    tables: &Tables,
    written: &Acknowledged,
    number: &mut dyn FnMut(Uuid) -> u64,
) -> Vec<What> {
    let mut last = vec![trail(tables, number)];
    let versions: BTreeMap<String, u64> = tables
        .records
        .iter()
        .map(|((_, kind, id), record)| (format!("{kind}/{id}"), record.version))
        .collect();
    last.extend(written.resources().into_iter().map(|resource| {
        let version = versions.get(&resource).copied();
        What::FinalRecord {
            resource,
            version,
            changes: Vec::new(),
        }
    }));
    let made = tables.completions.values();
    let made = made.filter(|one| one.outcome == Outcome::Success);
    let made = made.map(|one| one.entry);
    let mut changes: Vec<u64> = made.chain(looks(tables)).map(&mut *number).collect();
    changes.sort_unstable();
    last.push(What::FinalRecord {
        resource: "changes of all resources".to_owned(),
        version: None,
        changes,
    });
    last
}

/// Looks at a page that ended well: they are opened and completed as changes are, and change
/// nothing that could be missing.
fn looks(tables: &Tables) -> impl Iterator<Item = Uuid> {
    let opened = tables.entries.values().map(|row| &row.entry);
    let opened = opened.filter(|entry| entry.phase == Phase::Opened);
    let looks = opened.filter(|entry| entry.action != Action::Write.as_str());
    let looks: BTreeSet<Uuid> = looks.map(|entry| entry.id).collect();
    let entries = tables.entries.values().map(|row| &row.entry);
    let well = entries.filter(|entry| entry.outcome == Outcome::Success);
    well.filter_map(|entry| entry.opens)
        .filter(move |opened| looks.contains(opened))
}

/// Whether the chain up to here is what was signed of it, where something was signed here.
fn is_as_signed(tables: &Tables, chain: &str, edge: &Edge) -> bool {
    let newest = tables.logs.get(chain).and_then(|log| log.newest.as_ref());
    let signed = newest.filter(|(size, _)| *size == edge.size());
    let says = |(_, note): &(u64, String)| {
        let text = Checkpoint::of(chain, edge).to_text();
        text.is_ok_and(|text| note.as_bytes().starts_with(&text))
    };
    signed.is_none_or(says)
}

fn trail(tables: &Tables, number: &mut dyn FnMut(Uuid) -> u64) -> What {
    let mut heads: BTreeMap<&str, ChainHead> = BTreeMap::new();
    let mut edges: BTreeMap<&str, Edge> = BTreeMap::new();
    let mut rows = Vec::with_capacity(tables.entries.len());
    for row in tables.entries.values() {
        let head = heads.entry(&row.chain).or_insert(ChainHead::EMPTY);
        let edge = edges.entry(&row.chain).or_default();
        edge.push(&row.hash);
        let follows = Chained::after(&row.chain, head, row.entry.clone()) == *row;
        let holds = follows && is_as_signed(tables, &row.chain, edge);
        *head = row.head();
        rows.push(TrailRow {
            entry: number(row.entry.id),
            chain: row.chain.clone(),
            seq: u64::try_from(row.seq).unwrap_or_default(),
            phase: row.entry.phase,
            opens: row.entry.opens.map(&mut *number),
            outcome: row.entry.outcome,
            hash_holds: holds,
        });
    }
    What::FinalTrail { entries: rows }
}
