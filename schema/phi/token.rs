//! A text as words, digit runs and symbols, and how rules look around in it.
//!
//! Owns what a token is and how it stands to its neighbours. Refuses to hand out a token that is
//! not there: looking past either end of the text answers nothing, so rules need no bounds.

use super::cut::cut;
use super::words::{Folded, Traits};

/// How a token stands to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Nothing visible between.
    Glued,
    /// White space on one line.
    Space,
    /// One line break.
    Line,
    /// An empty line, or the start of the text.
    Paragraph,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Capital,
    /// One capital letter alone.
    Initial,
    /// Two capital letters and more.
    Upper,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word {
        case: Case,
        folded: Folded,
        traits: Traits,
    },
    Digits,
    /// ASCII punctuation, dashes of every width as `-`; zero for anything else.
    Symbol(u8),
    /// A redaction token: never part of a finding.
    Sealed,
}

/// One piece of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    pub(super) gap: Gap,
}

/// A text and its pieces.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    list: Vec<Token>,
}

impl<'t> Tokens<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            list: cut(text),
        }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn all(&self) -> &[Token] {
        &self.list
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn at(&self, index: usize) -> Option<&Token> {
        self.list.get(index)
    }

    /// What stands at `index` when it is a run of digits.
    pub(super) fn digits(&self, index: usize) -> Option<&'t str> {
        let token = self.at(index)?;
        (token.kind == Kind::Digits).then(|| self.slice(token))
    }

    pub(super) fn slice(&self, token: &Token) -> &'t str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    pub(super) fn is_symbol(&self, index: usize, symbol: u8) -> bool {
        self.at(index)
            .is_some_and(|token| token.kind == Kind::Symbol(symbol))
    }

    pub(super) fn symbol(&self, index: usize) -> Option<u8> {
        match self.at(index)?.kind {
            Kind::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    pub(super) fn traits(&self, index: usize) -> Traits {
        match self.at(index) {
            Some(Token {
                kind: Kind::Word { traits, .. },
                ..
            }) => *traits,
            _ => Traits::NONE,
        }
    }

    pub(super) fn gap(&self, index: usize) -> Gap {
        self.at(index).map_or(Gap::Paragraph, |token| token.gap)
    }

    /// Whether a letter or a digit touches the token at `index` from the left.
    pub(super) fn glued_left(&self, index: usize) -> bool {
        self.gap(index) == Gap::Glued && self.is_alphanumeric(index.wrapping_sub(1))
    }

    /// Whether a letter or a digit touches the token before `index` from the right.
    pub(super) fn glued_right(&self, index: usize) -> bool {
        self.gap(index) == Gap::Glued && self.is_alphanumeric(index)
    }

    fn is_alphanumeric(&self, index: usize) -> bool {
        self.at(index)
            .is_some_and(|token| matches!(token.kind, Kind::Word { .. } | Kind::Digits))
    }

    /// The nearest token before `index`, at most `reach` away and in the same paragraph, that has
    /// one of the traits.
    pub(super) fn before(&self, index: usize, reach: usize, wanted: Traits) -> Option<usize> {
        let first = index.saturating_sub(reach);
        for at in (first..index).rev() {
            if self.gap(at + 1) == Gap::Paragraph {
                return None;
            }
            if self.traits(at).any(wanted) {
                return Some(at);
            }
        }
        None
    }
}
