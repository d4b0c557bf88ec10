//! Where the phrases of the lexicon stand in a text.
//!
//! Owns one pass over the words that tries, at each, the phrases that begin with its letter.
//! Refuses overlaps of one meaning: the longer phrase stays.

use super::lexicon::{Meaning, PHRASES};
use super::words::Words;

/// One phrase in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cue {
    pub(super) first: usize,
    /// The word after its last one.
    pub(super) end: usize,
    pub(super) meaning: Meaning,
}

/// Every phrase of a text, in order.
#[derive(Debug)]
pub(super) struct Cues(Vec<Cue>);

impl Cues {
    pub(super) fn of(words: &Words) -> Self {
        let index = Index::of_the_lexicon();
        let mut found: Vec<Cue> = Vec::new();
        for at in 0..words.len() {
            let letter = words.folded(at).bytes().next().unwrap_or_default();
            for (phrase, meaning) in index.beginning_with(letter) {
                let Some(end) = words.matches(at, words.len(), phrase) else {
                    continue;
                };
                let cue = Cue {
                    first: at,
                    end,
                    meaning: *meaning,
                };
                let same = |other: &&mut Cue| {
                    other.end > at && other.meaning.is_kin(meaning) && other.first <= at
                };
                match found.iter_mut().rev().take(16).find(same) {
                    // What begins earlier, or is longer, takes the rest in.
                    Some(other) if other.first == at && other.end < end => *other = cue,
                    Some(_) => {}
                    None => found.push(cue),
                }
            }
        }
        found.sort_by_key(|cue| cue.first);
        Self(found)
    }

    /// The phrases that lie between two words.
    pub(super) fn between(&self, first: usize, end: usize) -> impl Iterator<Item = &Cue> {
        let from = self.0.partition_point(|cue| cue.first < first);
        let rest = self.0.get(from..).unwrap_or_default();
        rest.iter()
            .take_while(move |cue| cue.first < end)
            .filter(move |cue| cue.end <= end)
    }

    /// Every phrase.
    pub(super) fn all(&self) -> &[Cue] {
        &self.0
    }
}

/// The lexicon by the first letter of its phrases.
struct Index {
    phrases: Vec<(u8, &'static str, Meaning)>,
}

impl Index {
    fn of_the_lexicon() -> Self {
        let mut phrases = Vec::with_capacity(512);
        for (meaning, list) in PHRASES {
            let each = list.split('|').map(str::trim);
            phrases.extend(each.filter_map(|phrase| {
                let letter = phrase.bytes().next()?;
                Some((letter, phrase, *meaning))
            }));
        }
        phrases.sort_by_key(|(letter, ..)| *letter);
        Self { phrases }
    }

    fn beginning_with(&self, letter: u8) -> impl Iterator<Item = (&'static str, &Meaning)> {
        let from = self.phrases.partition_point(|(first, ..)| *first < letter);
        let rest = self.phrases.get(from..).unwrap_or_default();
        rest.iter()
            .take_while(move |(first, ..)| *first == letter)
            .map(|(_, phrase, meaning)| (*phrase, meaning))
    }
}
