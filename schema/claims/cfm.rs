//! Which words of a text CFM Resolution 2.336/2023 forbids.
//!
//! Owns what makes a forbidden phrase allowed: a warning against it, the conditions under which
//! before and after may be shown, a registration of the specialty, the notice after postgraduate
//! studies. Refuses to judge a piece as a whole: it lists what a reviewer has to look at.

use super::cues::Cues;
use super::lexicon::Meaning;
use super::required::Document;
use super::rules::{CfmRule, RuleFinding};
use super::sentence::Sentence;
use super::words::Words;

/// Every place that a rule forbids, in order.
pub(super) fn forbidden(
    text: &str,
    words: &Words,
    sentences: &[Sentence],
    cues: &Cues,
    document: &Document,
) -> Vec<RuleFinding> {
    let mut found = Vec::new();
    for sentence in sentences {
        let first = words.first_from(sentence.start);
        let end = words.first_from(sentence.end);
        let has = |wanted: Meaning| cues.between(first, end).any(|cue| cue.meaning == wanted);
        for cue in cues.between(first, end) {
            let Meaning::Forbidden(rule) = cue.meaning else {
                continue;
            };
            let mut before = cues.between(first, cue.first);
            if before.any(|other| other.meaning == Meaning::Warning) {
                continue;
            }
            let offered = has(Meaning::Offer);
            if document.allows(rule, offered) {
                continue;
            }
            if let (Some(start), Some(end)) = (words.start(cue.first), words.end(cue.end - 1)) {
                found.push(RuleFinding::of(rule, start, end));
            }
        }
        if has(Meaning::Procedure) {
            found.extend(prices(words, first, end));
        }
    }
    let inside = |finding: &RuleFinding| finding.end <= text.len();
    found.retain(inside);
    found.sort_by_key(|finding| (finding.start, finding.end));
    found
}

/// The prices of a sentence that sells a procedure; a consultation's price is allowed.
fn prices(words: &Words, first: usize, end: usize) -> Vec<RuleFinding> {
    if (first..end).any(|at| words.folded(at).starts_with("consulta")) {
        return Vec::new();
    }
    let price = |at: usize| {
        let is_price = words.folded(at) == "r"
            && words.folded(at + 1) == "$"
            && words
                .folded(at + 2)
                .starts_with(|char: char| char.is_ascii_digit());
        let (start, end) = (words.start(at)?, words.end(at + 2)?);
        is_price.then(|| RuleFinding::of(CfmRule::ProcedurePrice, start, end))
    };
    (first..end).filter_map(price).collect()
}
