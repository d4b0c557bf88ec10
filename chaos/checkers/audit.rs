//! What the trail owes: an acknowledged entry is in it, once and where its receipt says, and each
//! chain is whole.

use super::{Findings, Tree};
use crate::history::{History, TrailRow, What};
use std::collections::BTreeMap;

/// Each acknowledged entry is in the trail once, at its place, and each that was spooled in an
/// emergency is there too.
pub(super) fn durable(history: &History, _tree: &Tree, findings: &mut Findings) {
    let trail = history.final_trail();
    let mut rows: BTreeMap<u64, Vec<&TrailRow>> = BTreeMap::new();
    for row in trail.map(|(_, rows)| rows).unwrap_or_default() {
        rows.entry(row.entry).or_default().push(row);
    }
    for event in history.events() {
        if let What::EntrySpooled { entry } = &event.what
            && !rows.contains_key(entry)
        {
            let what = format!("entry {entry} was spooled and never came into the trail");
            findings.at(event, what);
        }
        let What::EntryAcknowledged { entry, chain, seq } = &event.what else {
            continue;
        };
        let kept = rows.get(entry).map(Vec::as_slice).unwrap_or_default();
        if trail.is_none() {
            let what = format!("entry {entry} was acknowledged and the trail never read");
            findings.at(event, what);
        } else if kept.is_empty() {
            let what = format!("entry {entry} was acknowledged and is not in the trail");
            findings.at(event, what);
        } else if !kept
            .iter()
            .any(|row| row.chain == *chain && row.seq == *seq)
        {
            let what = format!("entry {entry} was acknowledged at another place than it has");
            findings.at(event, what);
        }
    }
    if let Some((event, _)) = trail {
        for (entry, kept) in rows.iter().filter(|(_, kept)| kept.len() > 1) {
            findings.at(
                event,
                format!("entry {entry} is there {} times", kept.len()),
            );
        }
    }
}

/// Each chain counts from one without a gap, and its hashes hold.
pub(super) fn chained(history: &History, _tree: &Tree, findings: &mut Findings) {
    let Some((event, rows)) = history.final_trail() else {
        return;
    };
    let mut chains: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in rows {
        chains.entry(&row.chain).or_default().push(row.seq);
        if !row.hash_holds {
            findings.at(
                event,
                format!("the hash of entry {} does not hold", row.entry),
            );
        }
    }
    for seqs in chains.values_mut() {
        seqs.sort_unstable();
        // What follows the first gap or fork is off as well, and says nothing more.
        let off = (1..)
            .zip(seqs.iter())
            .find(|(expected, seq)| expected != *seq);
        if let Some((expected, seq)) = off {
            let what = format!("a chain has an entry {seq} where {expected} belongs");
            findings.at(event, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, holds, violates};
    use super::*;
    use crate::Invariant::{AuditChained, AuditDurable};
    use plantao_schema::audit::{Outcome, Phase};

    fn row(entry: u64, seq: u64) -> TrailRow {
        TrailRow {
            entry,
            chain: "main".to_owned(),
            seq,
            phase: Phase::Single,
            opens: None,
            outcome: Outcome::Success,
            hash_holds: true,
        }
    }

    fn acknowledged(entry: u64, seq: u64) -> (u64, What) {
        let chain = "main".to_owned();
        (entry, What::EntryAcknowledged { entry, chain, seq })
    }

    fn trail(entries: impl IntoIterator<Item = TrailRow>) -> (u64, What) {
        let entries = entries.into_iter().collect();
        (99, What::FinalTrail { entries })
    }

    #[test]
    fn acknowledged_entries_that_are_all_there_hold_whatever_else_is() {
        let events = [
            acknowledged(1, 1),
            acknowledged(3, 3),
            trail([row(1, 1), row(2, 2), row(3, 3)]),
        ];
        holds(AuditDurable, &Tree::new(), events.clone());
        holds(AuditChained, &Tree::new(), events);
    }

    #[test]
    fn an_acknowledged_entry_that_is_not_there_is_found() {
        let events = [acknowledged(1, 1), acknowledged(2, 2), trail([row(1, 1)])];
        violates(
            AuditDurable,
            &Tree::new(),
            events,
            "entry 2 was acknowledged and is not",
        );
    }

    #[test]
    fn a_spooled_entry_that_never_came_into_the_trail_is_found() {
        let spooled = |entry| (entry, What::EntrySpooled { entry });
        let events = [spooled(1), spooled(2), trail([row(1, 1)])];
        violates(
            AuditDurable,
            &Tree::new(),
            events,
            "entry 2 was spooled and never came",
        );
        holds(AuditDurable, &Tree::new(), [spooled(1), trail([row(1, 1)])]);
    }

    #[test]
    fn an_entry_elsewhere_than_its_receipt_says_is_found() {
        let events = [acknowledged(1, 1), trail([row(2, 1), row(1, 2)])];
        violates(AuditDurable, &Tree::new(), events, "another place");
    }

    #[test]
    fn an_entry_that_is_there_twice_is_found_even_when_nobody_was_told_of_it() {
        let events = [trail([row(1, 1), row(1, 2)])];
        violates(
            AuditDurable,
            &Tree::new(),
            events,
            "entry 1 is there 2 times",
        );
    }

    #[test]
    fn an_acknowledged_entry_without_a_trail_to_find_it_in_does_not_pass() {
        violates(
            AuditDurable,
            &Tree::new(),
            [acknowledged(1, 1)],
            "never read",
        );
    }

    #[test]
    fn a_gap_a_fork_and_a_late_beginning_are_found_in_their_chain() {
        for seqs in [[1, 3], [1, 1], [2, 3]] {
            let mut other = row(9, 1);
            other.chain = "other".to_owned();
            let rows = [row(1, seqs[0]), row(2, seqs[1]), other];
            violates(AuditChained, &Tree::new(), [trail(rows)], "belongs");
        }
    }

    #[test]
    fn a_hash_that_does_not_hold_is_found() {
        let mut changed = row(2, 2);
        changed.hash_holds = false;
        let events = [trail([row(1, 1), changed])];
        let found = found(AuditChained, &Tree::new(), events);
        assert_eq!(found, ["the hash of entry 2 does not hold"]);
    }
}
