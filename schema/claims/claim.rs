//! Which sentences are medical statements, of what kind, and how sure they sound.
//!
//! Owns the decision: a cue of a kind, something about health, and no sign of an instruction or of
//! one patient's story. Refuses two statements in one sentence: the heavier kind names it.

use serde::{Deserialize, Serialize};

use super::cues::{Cue, Cues};
use super::evidence::{ClaimKind, Evidence, Strength, required};
use super::lexicon::{Meaning, is_drug};
use super::sentence::Sentence;
use super::words::Words;
use crate::phi::is_health_word;

/// The most words between a negation and what it denies.
const NEGATION_REACH: usize = 4;
/// A cue of less than this is too common to make a statement by itself.
const WEIGHT_MIN: u32 = 2;

/// One medical statement: never its text, only where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// First byte of its sentence, on a character boundary.
    pub start: usize,
    /// One past the last byte, without the closing mark.
    pub end: usize,
    /// What it is about.
    pub kind: ClaimKind,
    /// How sure it sounds.
    pub strength: Strength,
    /// How sure the extractor is that this is a statement of this kind, 0 to 100.
    pub confidence: u8,
    /// A reference stands in the sentence.
    pub cited: bool,
    /// The evidence it asks for; none for a question.
    pub requires: Option<Evidence>,
}

/// Every statement of a text, in order.
pub(super) fn claims(text: &str, words: &Words, sentences: &[Sentence], cues: &Cues) -> Vec<Claim> {
    let claim = |sentence: &Sentence| {
        let part = Part::of(words, cues, sentence);
        let (kind, weight) = part.kind()?;
        if !part.is_general() || !part.is_about_health(words) {
            return None;
        }
        let strength = part.strength(words, kind, sentence.asked);
        Some(Claim {
            start: sentence.start,
            end: sentence.end,
            kind,
            strength,
            confidence: u8::try_from(50 + weight * 6).map_or(95, |sure| sure.min(95)),
            cited: is_cited(text.get(sentence.start..sentence.end).unwrap_or_default()),
            requires: required(kind, strength),
        })
    };
    sentences.iter().filter_map(claim).collect()
}

/// A sentence's words and what stands in them.
struct Part<'c> {
    first: usize,
    end: usize,
    cues: Vec<&'c Cue>,
}

impl<'c> Part<'c> {
    fn of(words: &Words, cues: &'c Cues, sentence: &Sentence) -> Self {
        let first = words.first_from(sentence.start);
        let end = words.first_from(sentence.end);
        Self {
            first,
            end,
            cues: cues.between(first, end).collect(),
        }
    }

    fn has(&self, wanted: Meaning) -> bool {
        self.cues.iter().any(|cue| cue.meaning == wanted)
    }

    /// The kind whose cues weigh most, and what they weigh.
    fn kind(&self) -> Option<(ClaimKind, u32)> {
        let weigh = |kind: ClaimKind| {
            let of_kind = self.cues.iter().filter_map(|cue| match cue.meaning {
                Meaning::Kind(one, weight) if one == kind => Some(u32::from(weight)),
                _ => None,
            });
            of_kind.sum::<u32>()
        };
        let weighed = ClaimKind::ALL.iter().map(|kind| (*kind, weigh(*kind)));
        // Of equals the first one stays: `max_by_key` would take the last.
        let heaviest = weighed.rev().max_by_key(|(_, weight)| *weight)?;
        (heaviest.1 >= WEIGHT_MIN).then_some(heaviest)
    }

    /// Whether it speaks of more than one patient, and states rather than tells what to do.
    fn is_general(&self) -> bool {
        let instructs = self
            .cues
            .iter()
            .any(|cue| cue.meaning == Meaning::Instruction && cue.first == self.first);
        !instructs && !self.has(Meaning::Narrative)
    }

    fn is_about_health(&self, words: &Words) -> bool {
        self.has(Meaning::Health)
            || (self.first..self.end).any(|at| {
                let word = words.folded(at);
                is_health_word(word) || is_drug(word)
            })
    }

    fn strength(&self, words: &Words, kind: ClaimKind, asked: bool) -> Strength {
        if asked {
            return Strength::Questioned;
        }
        if self.is_denied(words, kind) {
            Strength::Negated
        } else if self.has(Meaning::Hedge) && !self.has(Meaning::Permission) {
            Strength::Hedged
        } else if self.has(Meaning::Probable) {
            Strength::Probable
        } else {
            Strength::Categorical
        }
    }

    fn is_denied(&self, words: &Words, kind: ClaimKind) -> bool {
        if self.has(Meaning::Denial) {
            return true;
        }
        let of_kind = |cue: &&&Cue| matches!(cue.meaning, Meaning::Kind(one, _) if one == kind);
        self.cues.iter().filter(of_kind).any(|cue| {
            let reach = cue.first.saturating_sub(NEGATION_REACH).max(self.first);
            let negated = (reach..cue.first).any(|at| is_negation(words.folded(at)));
            // "Não tratam apenas": more is claimed, not less.
            let only = |at: usize| matches!(words.folded(at), "apenas" | "somente" | "so" | "only");
            negated && !(reach..(cue.end + 2).min(self.end)).any(only)
        })
    }
}

fn is_negation(word: &str) -> bool {
    // English "no" is left out: it is "in the" in Portuguese.
    matches!(
        word,
        "nao" | "nunca" | "jamais" | "nem" | "not" | "never" | "nenhum" | "nenhuma"
    )
}

/// Whether a reference stands in a sentence: `[3]`, `(Silva, 2020)`, `et al`, a DOI.
fn is_cited(sentence: &str) -> bool {
    let bracketed = sentence.match_indices('[').any(|(at, _)| {
        let inside = sentence.get(at + 1..).unwrap_or_default();
        let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
        let after = inside.get(digits..).unwrap_or_default();
        digits > 0 && after.starts_with([']', ',', '-'])
    });
    let dated = sentence.match_indices(')').any(|(at, _)| {
        let before = sentence.get(..at).unwrap_or_default();
        let year = before.get(before.len().saturating_sub(4)..);
        let year = year.unwrap_or_default();
        year.len() == 4
            && (year.starts_with("19") || year.starts_with("20"))
            && year.bytes().all(|byte| byte.is_ascii_digit())
    });
    bracketed || dated || sentence.contains("et al") || sentence.to_lowercase().contains("doi")
}
