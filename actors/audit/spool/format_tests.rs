//! What a file is found to be: whole, torn, edited.

use super::*;
use crate::audit::tests::entry;

/// A roll of so many entries.
fn roll(entries: usize) -> Roll {
    let mut roll = Roll::default();
    for _ in 0..entries {
        let (item, record) = roll.next(entry("north")).unwrap();
        roll.push(item, record.len());
    }
    roll
}

fn entries(roll: &Roll) -> Vec<Entry> {
    roll.waiting().iter().map(|one| one.entry.clone()).collect()
}

#[test]
fn what_was_written_is_read_back() {
    for count in [0, 1, 5] {
        let roll = roll(count);
        let bytes = roll.to_bytes().unwrap();
        assert_eq!(bytes.len(), roll.bytes());
        let (again, end) = Roll::read(&bytes);
        assert_eq!(end, End::Whole);
        assert_eq!(entries(&again), entries(&roll));
        assert_eq!(again.bytes(), roll.bytes());
    }
    let (none, end) = Roll::read(&[]);
    assert_eq!((none.waiting().len(), end), (0, End::Whole));
}

#[test]
fn a_record_that_a_crash_cut_short_anywhere_is_cut_and_the_others_stay() {
    let whole = roll(3);
    let bytes = whole.to_bytes().unwrap();
    let two = roll_of_first(&whole, 2);
    for length in two.bytes()..bytes.len() {
        let (found, end) = Roll::read(&bytes[..length]);
        assert_eq!(entries(&found), entries(&two), "{length}");
        let expected = if length == two.bytes() {
            End::Whole
        } else {
            End::Torn
        };
        assert_eq!(end, expected, "{length}");
        // The room was there before the bytes were.
        let mut grown = bytes[..length].to_vec();
        grown.resize(bytes.len(), 0);
        let (found, end) = Roll::read(&grown);
        if length >= two.bytes() + PREFIX_BYTES && length > bytes.len() - HASH_BYTES {
            // Part of its hash arrived: that is not told from an edit.
            assert_eq!(end, End::Damaged, "{length}");
        }
        assert_eq!(entries(&found), entries(&two), "{length}");
    }
}

/// The first entries of a roll, in the same chain.
fn roll_of_first(whole: &Roll, count: usize) -> Roll {
    let mut roll = Roll::default();
    for one in whole.waiting().iter().take(count) {
        let (item, record) = roll.next(one.entry.clone()).unwrap();
        roll.push(item, record.len());
    }
    roll
}

#[test]
fn an_edited_bit_anywhere_is_found() {
    let whole = roll(3);
    let bytes = whole.to_bytes().unwrap();
    for place in 0..bytes.len() {
        let mut edited = bytes.clone();
        edited[place] ^= 0x10;
        let (found, end) = Roll::read(&edited);
        assert_eq!(end, End::Damaged, "{place}");
        assert!(found.waiting().len() < 3, "{place}");
        assert!(entries(&whole).starts_with(&entries(&found)), "{place}");
    }
}

#[test]
fn a_record_that_was_taken_out_or_moved_is_found() {
    let whole = roll(3);
    let records: Vec<Vec<u8>> = whole
        .waiting()
        .iter()
        .map(|item| encoded(item).unwrap())
        .collect();
    let head = &whole.to_bytes().unwrap()[..HEAD_BYTES];
    for (order, intact) in [
        (vec![0, 2], 1),
        (vec![1, 2], 0),
        (vec![1, 0, 2], 0),
        (vec![0, 2, 1], 1),
        (vec![0, 0, 1, 2], 1),
    ] {
        let mut bytes = head.to_vec();
        for number in &order {
            bytes.extend_from_slice(&records[*number]);
        }
        let (found, end) = Roll::read(&bytes);
        assert_eq!(
            (found.waiting().len(), end),
            (intact, End::Damaged),
            "{order:?}"
        );
    }
}

#[test]
fn what_is_left_after_the_first_are_gone_still_follows_them() {
    let whole = roll(5);
    let rest = whole.without(2);
    assert_eq!(entries(&rest), entries(&whole)[2..]);
    let bytes = rest.to_bytes().unwrap();
    assert_eq!(bytes.len(), rest.bytes());
    let (again, end) = Roll::read(&bytes);
    assert_eq!((entries(&again), end), (entries(&rest), End::Whole));
    // The next entry follows the last, whichever was taken out.
    let (next, _) = again.next(entry("north")).unwrap();
    assert_eq!(next.seq, 6);
    let none = whole.without(5);
    let (none, end) = Roll::read(&none.to_bytes().unwrap());
    assert_eq!((none.waiting().len(), end), (0, End::Whole));
    assert_eq!(none.next(entry("north")).unwrap().0.seq, 6);
    // Without its beginning, what is left does not follow.
    let mut forged = Roll::default().to_bytes().unwrap();
    forged.extend_from_slice(&bytes[HEAD_BYTES..]);
    assert_eq!(Roll::read(&forged).1, End::Damaged);
}

#[test]
fn an_entry_that_is_none_is_not_written() {
    let mut large = entry("north");
    large.explanation = "x".repeat(ENTRY_MAX_BYTES);
    assert!(Roll::default().next(large).is_none());
}
