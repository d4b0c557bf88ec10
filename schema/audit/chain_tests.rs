//! The chain against its enemies: edits, deletions, swaps, forks.

use super::super::{Outcome, Phase, Severity};
use super::*;
use crate::id::Tenant;
use crate::time::Timestamp;
use proptest::prelude::*;

fn entry(number: u64) -> Entry {
    Entry {
        id: Uuid::from_u64_pair(7, number),
        at: Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(number).unwrap()),
        phase: Phase::Single,
        opens: None,
        severity: Severity::Info,
        tenant: Tenant::parse("demo").unwrap(),
        principal: "medica".into(),
        role: "physician".into(),
        action: "read".into(),
        resource_kind: "patient".into(),
        resource_id: Some("maria".into()),
        patient: Some("maria".into()),
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 88,
        explanation: "device 25/25".into(),
        request_id: "r".into(),
        outcome: Outcome::Success,
        plugin: None,
        commitment: None,
    }
}

fn chain(length: u64) -> Vec<Chained> {
    let mut head = ChainHead::EMPTY;
    (1..=length)
        .map(|number| {
            let item = Chained::after("node/demo", &head, entry(number));
            head = item.head();
            item
        })
        .collect()
}

fn verify(items: &[Chained]) -> Result<u64, ChainError> {
    let mut verifier = Verifier::new();
    for item in items {
        verifier.push(item)?;
    }
    Ok(verifier.checked())
}

#[test]
fn an_untouched_chain_holds_and_survives_json() {
    let items = chain(20);
    let text = serde_json::to_string(&items).unwrap();
    let back: Vec<Chained> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, items);
    assert_eq!(verify(&back), Ok(20));
}

#[test]
fn the_hash_of_a_known_entry_never_changes() {
    // Computed apart, in Python, from the documented encoding: a changed one would orphan every
    // trail already written.
    let item = Chained::after("node/demo", &ChainHead::EMPTY, entry(1));
    let hash: String = item.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hash,
        "6eafa47510911f64f622189652947c4387f0663b299a32416814f002b94d420b"
    );
}

#[test]
fn an_edited_entry_is_named() {
    let mut items = chain(9);
    items[4].entry.score = 99;
    let error = verify(&items).unwrap_err();
    assert_eq!((error.seq, error.fault), (5, ChainFault::Content));
}

#[test]
fn an_edit_with_its_own_hash_recomputed_breaks_the_next_entry() {
    let mut items = chain(9);
    items[4].entry.principal = "someone-else".into();
    items[4].hash = chain_hash("node/demo", 5, &items[4].previous, &items[4].entry);
    let error = verify(&items).unwrap_err();
    assert_eq!((error.seq, error.fault), (6, ChainFault::Previous));
}

#[test]
fn a_deleted_entry_and_a_swapped_pair_are_named() {
    let mut items = chain(9);
    items.remove(3);
    assert_eq!(
        verify(&items).unwrap_err().fault,
        ChainFault::Sequence { expected: 4 }
    );
    let mut items = chain(9);
    items.swap(2, 3);
    assert_eq!(
        verify(&items).unwrap_err().fault,
        ChainFault::Sequence { expected: 3 }
    );
}

#[test]
fn an_entry_moved_to_another_chain_does_not_hold() {
    let mut items = chain(1);
    items[0].chain = "node/other".into();
    assert_eq!(verify(&items).unwrap_err().fault, ChainFault::Content);
}

#[test]
fn a_chain_whose_beginning_is_archived_holds_from_there_and_from_nowhere_else() {
    let items = chain(9);
    let rest = |head: ChainHead, items: &[Chained]| {
        let mut verifier = Verifier::new();
        verifier.resume("node/demo", head);
        items.iter().try_for_each(|item| verifier.push(item))?;
        Ok::<_, ChainError>(verifier.heads()["node/demo"])
    };
    assert_eq!(rest(items[3].head(), &items[4..]), Ok(items[8].head()));
    // One of the archived month that stayed, before its order: its content is looked at.
    let mut straggling = vec![items[1].clone()];
    straggling.extend_from_slice(&items[4..]);
    assert_eq!(rest(items[3].head(), &straggling), Ok(items[8].head()));
    straggling[0].entry.score = 1;
    let edited = rest(items[3].head(), &straggling).unwrap_err();
    assert_eq!((edited.seq, edited.fault), (2, ChainFault::Content));

    let gap = rest(items[3].head(), &items[5..]).unwrap_err();
    assert_eq!(gap.fault, ChainFault::Sequence { expected: 5 });
    let other = ChainHead {
        seq: 4,
        ..items[2].head()
    };
    let forked = rest(other, &items[4..]).unwrap_err();
    assert_eq!((forked.seq, forked.fault), (5, ChainFault::Previous));
}

proptest! {
    #[test]
    fn any_flipped_bit_of_any_hash_is_found(place in 0_usize..6, bit in 0_usize..256) {
        let mut items = chain(6);
        items[place].hash[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify(&items).is_err());
    }

    #[test]
    fn text_cannot_move_between_neighbouring_fields(a in "[a-z]{0,6}", b in "[a-z]{0,6}") {
        let mut one = entry(1);
        let mut other = entry(1);
        (one.principal, one.role) = (format!("{a}x"), b.clone());
        (other.principal, other.role) = (a, format!("x{b}"));
        prop_assert_ne!(canonical(&one), canonical(&other));
    }
}
