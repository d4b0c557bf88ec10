//! Runs of words that could be a person's name.
//!
//! Owns the grammar of Brazilian names: capitals, connectors, initials, hyphens and apostrophes,
//! and the lower-case name after a form's label. Refuses to say that a run is a name: that takes
//! evidence from beside it.

use super::token::{Case, Gap, Kind, Tokens};
use super::words::{Folded, Traits};

/// The most words of one name.
const WORDS_MAX: usize = 8;

/// Capitalised words that could be a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) first: usize,
    /// The token after its last one.
    pub(super) end: usize,
    pub(super) words: usize,
    /// One of its words is a common given name.
    pub(super) given: bool,
    /// Written in capitals throughout, as acronyms are.
    pub(super) capitals: bool,
    pub(super) folded: Folded,
}

/// Every run of a text, in order.
pub(super) fn runs(tokens: &Tokens<'_>) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match read_run(tokens, at).or_else(|| read_lower_run(tokens, at)) {
            Some(run) => {
                at = run.end;
                runs.push(run);
            }
            None => at += 1,
        }
    }
    runs
}

fn read_run(tokens: &Tokens<'_>, at: usize) -> Option<Run> {
    let mut run = start_run(tokens, at)?;
    while run.words < WORDS_MAX {
        let Some(next) = next_word(tokens, run.end) else {
            break;
        };
        let Some((traits, capitals, _)) = name_word(tokens, next, true) else {
            break;
        };
        run.words += 1;
        run.given |= traits.any(Traits::GIVEN);
        run.capitals &= capitals;
        run.end = next + 1;
    }
    // `C.P.F.` is initials and nothing more.
    let word = (run.first..run.end).any(|at| is_whole_word(tokens, at));
    word.then_some(run)
}

fn is_whole_word(tokens: &Tokens<'_>, at: usize) -> bool {
    let kind = tokens.at(at).map(|token| token.kind);
    matches!(
        kind,
        Some(Kind::Word {
            case: Case::Capital | Case::Upper,
            ..
        })
    )
}

fn start_run(tokens: &Tokens<'_>, at: usize) -> Option<Run> {
    if tokens.glued_left(at) {
        return None;
    }
    let (traits, capitals, folded) = name_word(tokens, at, false)?;
    let given = traits.any(Traits::GIVEN);
    Some(Run {
        first: at,
        end: at + 1,
        words: 1,
        given,
        capitals,
        folded,
    })
}

/// A word that may be part of a name: its traits, whether it is all capitals, itself folded.
fn name_word(tokens: &Tokens<'_>, at: usize, inside: bool) -> Option<(Traits, bool, Folded)> {
    let Kind::Word {
        case,
        folded,
        traits,
    } = tokens.at(at)?.kind
    else {
        return None;
    };
    let may_be = traits == Traits::NONE || traits.any(Traits::GIVEN);
    // Filho and Nascimento are surnames too, once a name has begun.
    let surname = inside
        && traits.any(Traits::PERSON | Traits::BIRTH)
        && case != Case::Lower
        && !tokens.is_symbol(at + 1, b':')
        && tokens.digits(at + 1).is_none();
    match case {
        Case::Capital | Case::Upper if may_be || surname => {
            Some((traits, case == Case::Upper, folded))
        }
        // `J. Silva`, `Maria A. Souza`, `D'Ávila`
        Case::Initial => {
            let dotted = matches!(tokens.symbol(at + 1), Some(b'.' | b'\''));
            (dotted && tokens.gap(at + 1) == Gap::Glued).then_some((Traits::NONE, true, folded))
        }
        _ => None,
    }
}

/// Where a name's next word stands: after a space, an initial's dot, a hyphen or connectors.
fn next_word(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let near = |at: usize| tokens.gap(at) <= Gap::Space;
    if !near(at) {
        return None;
    }
    match tokens.at(at)?.kind {
        Kind::Symbol(b'.') => {
            let initial = tokens.at(at.checked_sub(1)?)?.kind;
            let initial = matches!(
                initial,
                Kind::Word {
                    case: Case::Initial,
                    ..
                }
            );
            (initial && near(at + 1)).then_some(at + 1)
        }
        Kind::Symbol(b'-' | b'\'') => {
            let joined = tokens.gap(at) == Gap::Glued && tokens.gap(at + 1) == Gap::Glued;
            joined.then_some(at + 1)
        }
        Kind::Word { traits, folded, .. } if traits.any(Traits::CONNECTOR) => {
            let next = at + 1;
            // "Costa e Silva" is one name, "Maria e João" are two.
            let two = folded == u128::from(b'e') && tokens.traits(next).any(Traits::GIVEN);
            (near(next) && !two).then_some(next)
        }
        Kind::Word { .. } => Some(at),
        _ => None,
    }
}

/// `nome: maria da silva`: after a label and a colon a name needs no capitals.
fn read_lower_run(tokens: &Tokens<'_>, at: usize) -> Option<Run> {
    let Kind::Word {
        case: Case::Lower,
        folded,
        traits,
    } = tokens.at(at)?.kind
    else {
        return None;
    };
    let colon = at
        .checked_sub(1)
        .filter(|colon| tokens.is_symbol(*colon, b':'))?;
    tokens.before(colon, 3, Traits::NAME | Traits::PERSON)?;
    let plain = |traits: Traits| traits == Traits::NONE || traits.any(Traits::GIVEN);
    if !traits.any(Traits::GIVEN) {
        return None;
    }
    let mut run = Run {
        first: at,
        end: at + 1,
        words: 1,
        given: true,
        capitals: false,
        folded,
    };
    let mut certain = run;
    while let Some(next) = next_word(tokens, run.end) {
        let Some(Kind::Word { traits, .. }) = tokens.at(next).map(|token| token.kind) else {
            break;
        };
        if !plain(traits) {
            break;
        }
        run.words += 1;
        run.end = next + 1;
        if traits.any(Traits::GIVEN) {
            certain = run;
        }
        if run.words > 5 {
            // A sentence rather than a name: keep what is certain.
            return Some(certain);
        }
    }
    Some(run)
}
