//! The words that give an identifier its meaning, and how a word is looked up.
//!
//! Owns what a word may mean and a lookup table made at build time from the lists, because a fresh
//! guest instance looks up every word of a text. Refuses words longer than sixteen letters: none of
//! them means anything here.

use std::ops::BitOr;

use super::vocabulary::{MONTHS, WORDS};

/// A word without accents and in lower case, packed into one integer; zero is no word.
pub(super) type Folded = u128;

/// The longest word that packs.
pub(super) const FOLDED_MAX: usize = 16;

/// What a word may mean; one word may mean several things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traits(u32);

impl Traits {
    pub(super) const NONE: Self = Self(0);
    pub(super) const CPF: Self = Self(1);
    pub(super) const RG: Self = Self(1 << 1);
    pub(super) const CNPJ: Self = Self(1 << 2);
    pub(super) const CNS: Self = Self(1 << 3);
    pub(super) const PHONE: Self = Self(1 << 4);
    /// A word that makes the next number a medical record's.
    pub(super) const RECORD: Self = Self(1 << 5);
    /// A word that does so only when the number is marked as one.
    pub(super) const REGISTRY: Self = Self(1 << 6);
    pub(super) const CRM: Self = Self(1 << 7);
    pub(super) const BIRTH: Self = Self(1 << 8);
    pub(super) const TITLE: Self = Self(1 << 9);
    /// A word for a person whose name may follow.
    pub(super) const PERSON: Self = Self(1 << 10);
    /// A word for a name.
    pub(super) const NAME: Self = Self(1 << 11);
    pub(super) const CONNECTOR: Self = Self(1 << 12);
    /// A word that may stand between a label and what it labels.
    pub(super) const FILLER: Self = Self(1 << 13);
    /// A word that says that a number follows.
    pub(super) const NUMBER: Self = Self(1 << 14);
    /// A word that begins the name of a place or an institution.
    pub(super) const PLACE: Self = Self(1 << 15);
    pub(super) const MONTH: Self = Self(1 << 16);
    pub(super) const STATE: Self = Self(1 << 17);
    pub(super) const GIVEN: Self = Self(1 << 18);
    pub(super) const HEALTH: Self = Self(1 << 19);
    /// A word that is written with a capital and is no part of a name.
    pub(super) const COMMON: Self = Self(1 << 20);
    /// A word for the postal code.
    pub(super) const CEP: Self = Self(1 << 21);
    /// A kind of street, which begins an address.
    pub(super) const STREET: Self = Self(1 << 22);
    /// A word that says that an address is a person's.
    pub(super) const RESIDES: Self = Self(1 << 23);
    /// A part of an address after the house number.
    pub(super) const COMPLEMENT: Self = Self(1 << 24);
    /// A health condition by itself.
    pub(super) const CONDITION: Self = Self(1 << 25);
    /// A health condition once something qualifies it.
    pub(super) const CONDITION_HEAD: Self = Self(1 << 26);
    /// A word that belongs to the condition beside it.
    pub(super) const QUALIFIER: Self = Self(1 << 27);
    /// A word for a health professional, whose name says nothing of a patient.
    pub(super) const PROFESSIONAL: Self = Self(1 << 28);
    /// A word that makes the number after the label beside it a queue's or a call's.
    pub(super) const QUEUE: Self = Self(1 << 30);
    /// The International Classification of Diseases.
    pub(super) const DISEASE_CODE: Self = Self(1 << 29);

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn any(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }
}

impl BitOr for Traits {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// Adds one folded letter to a packed word.
pub(super) const fn pack(word: Folded, letter: u8) -> Folded {
    word << 8 | letter as Folded
}

/// What a folded word means.
pub(super) fn traits(word: Folded) -> Traits {
    let mut slot = slot_of(word);
    loop {
        // Slots hold a place in the list plus one; most words are in no slot at all.
        let place = INDEX.get(slot).copied().unwrap_or_default();
        match ENTRIES.get(usize::from(place).wrapping_sub(1)) {
            Some((key, traits)) if *key == word => return *traits,
            Some(_) => slot = (slot + 1) % SLOTS,
            None => return Traits::NONE,
        }
    }
}

/// The month a folded word names.
pub(super) fn month(word: Folded) -> Option<u32> {
    MONTHS.iter().zip(1..).find_map(|(names, month)| {
        names
            .split(' ')
            .any(|name| packed(name.as_bytes()) == word)
            .then_some(month)
    })
}

/// Twice the vocabulary and more, so that a miss costs about one probe.
const SLOTS: usize = 4096;

/// Room for the vocabulary; one word too many does not compile.
const ENTRIES_MAX: usize = 1800;

const TABLE: Table = table();
static INDEX: [u16; SLOTS] = TABLE.index;
static ENTRIES: [(Folded, Traits); ENTRIES_MAX] = TABLE.entries;

/// The words in one list and their places in slots apart: a guest begins with cold memory, and a
/// word that means nothing should touch little of it.
struct Table {
    index: [u16; SLOTS],
    entries: [(Folded, Traits); ENTRIES_MAX],
}

const fn slot_of(word: Folded) -> usize {
    let half = (word as u64) ^ (word >> 64) as u64;
    (half.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs at build time, where it is a compile error"
)]
pub(super) const fn packed(word: &[u8]) -> Folded {
    let mut folded = 0;
    let mut at = 0;
    while at < word.len() {
        folded = pack(folded, word[at]);
        at += 1;
    }
    folded
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs at build time, where it is a compile error"
)]
const fn table() -> Table {
    let mut table = Table {
        index: [0; SLOTS],
        entries: [(0, Traits::NONE); ENTRIES_MAX],
    };
    let mut used = 0;
    let mut group = 0;
    while group < WORDS.len() {
        let (traits, words) = WORDS[group];
        let bytes = words.as_bytes();
        let mut word = 0;
        let mut at = 0;
        while at <= bytes.len() {
            if at < bytes.len() && bytes[at] != b' ' && bytes[at] != b'\n' {
                word = pack(word, bytes[at]);
            } else if word != 0 {
                let mut slot = slot_of(word);
                while table.index[slot] != 0
                    && table.entries[table.index[slot] as usize - 1].0 != word
                {
                    slot = (slot + 1) % SLOTS;
                }
                if table.index[slot] == 0 {
                    table.entries[used].0 = word;
                    used += 1;
                    table.index[slot] = used as u16;
                }
                let entry = &mut table.entries[table.index[slot] as usize - 1];
                entry.1 = entry.1.with(traits);
                word = 0;
            }
            at += 1;
        }
        group += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str) -> Traits {
        traits(packed(word.as_bytes()))
    }

    #[test]
    fn a_word_may_mean_several_things() {
        assert!(of("marco").any(Traits::MONTH) && of("marco").any(Traits::GIVEN));
        assert!(of("se").any(Traits::STATE) && of("se").any(Traits::FILLER));
        assert_eq!(of("xyzzy"), Traits::NONE);
        assert_eq!(month(packed(b"dez")), Some(12));
        assert_eq!(month(packed(b"marco")), Some(3));
        assert_eq!(month(packed(b"february")), Some(2));
        assert_eq!(month(packed(b"maria")), None);
    }

    #[test]
    fn every_word_is_found_with_the_meaning_it_was_listed_under() {
        let mut count = 0;
        for (traits, words) in WORDS {
            for word in words.split_whitespace() {
                assert!(word.len() <= FOLDED_MAX, "{word}");
                assert!(of(word).any(*traits), "{word}");
                count += 1;
            }
        }
        assert!(
            count * 2 <= SLOTS,
            "the table is fuller than its lookup assumes: {count}"
        );
    }
}
