//! Medical statements in Portuguese and English text: found, weighed, and held to the rules.
//!
//! Owns what a text claims (a sentence that states something general about health), how sure it
//! sounds, which evidence that asks for (Oxford 2011), and what CFM Resolution 2.336/2023 forbids
//! and requires of a physician's publication. Refuses to say whether a claim is true: it says what
//! a reviewer has to find, and which words to take out.
//!
//! # What rules can do, and what they cannot
//! A statement is known by its words: one that cues its kind (`reduz o risco`, `sensibilidade`)
//! and one that is about health (a condition, a drug, a test). So statements written with words
//! that are on no list are missed, and a sentence about one patient may be taken for one. Irony,
//! images and what is between the lines are not read at all. The labelled sets under
//! `testdata/labelled/claims` say how much is found: nearly all of the two that the lexicon was
//! written to, and one statement in eight of the one kept from it, which says things in other
//! words. So: what is found is worth a reviewer's look, and what is not found is not thereby fit
//! to print.
//!
//! A text without identifiers is enough to work on, so the host may redact it first.

mod cfm;
mod claim;
mod cues;
mod evidence;
mod lexicon;
mod required;
mod rules;
mod sentence;
mod words;

#[cfg(test)]
mod labelled_tests;
#[cfg(test)]
mod tests;

pub use claim::Claim;
pub use evidence::{ClaimKind, Evidence, Strength, required};
pub use required::{RequiredItem, Requirement};
pub use rules::{CfmRule, RuleFinding};

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Which rules made an extraction; raised whenever the same text may be answered differently.
pub const EXTRACTOR_VERSION: &str = "1.0.0";

/// What the extractor answers about a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extraction {
    /// In order of position.
    pub claims: Vec<Claim>,
    /// Words that CFM Resolution 2.336/2023 forbids; in order of position.
    pub forbidden: Vec<RuleFinding>,
    /// What the resolution requires of a physician's piece, there or missing.
    pub required: Vec<RequiredItem>,
    /// Which rules were used.
    pub extractor_version: Cow<'static, str>,
    /// The length of the text; offsets are within it.
    pub text_bytes: usize,
}

/// Finds the medical statements of a text and holds it to the CFM's rules.
#[must_use]
pub fn extract(text: &str) -> Extraction {
    let words = words::Words::of(text);
    let sentences = sentence::sentences(text);
    let cues = cues::Cues::of(&words);
    let document = required::Document::of(text, &words, &cues);
    Extraction {
        claims: claim::claims(text, &words, &sentences, &cues),
        forbidden: cfm::forbidden(text, &words, &sentences, &cues, &document),
        required: document.items(),
        extractor_version: Cow::Borrowed(EXTRACTOR_VERSION),
        text_bytes: text.len(),
    }
}
