//! How a text is cut into tokens, in one pass.
//!
//! Owns folding of Portuguese accents (composed or combining), typographic dashes and spaces,
//! zero-width characters, and the redaction tokens already in the text, which are opaque. Refuses
//! nothing: any text has tokens.

use super::token::{Case, Gap, Kind, Token};
use super::words::{self, FOLDED_MAX, Folded, Traits};

/// Cuts a text; offsets are in order and on character boundaries.
pub(super) fn cut(text: &str) -> Vec<Token> {
    // Running text has a token for each four bytes or so.
    let list = Vec::with_capacity(text.len() / 4 + 8);
    let mut cutter = Cutter {
        text,
        at: 0,
        gap: Gap::Paragraph,
        list,
    };
    cutter.run();
    cutter.list
}

struct Cutter<'t> {
    text: &'t str,
    at: usize,
    gap: Gap,
    list: Vec<Token>,
}

impl Cutter<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.byte(self.at) {
            match byte {
                b'0'..=b'9' => self.digits(),
                b'a'..=b'z' | b'A'..=b'Z' => self.word(),
                b'\n' => self.space(1, true),
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.space(1, false),
                0x80.. => self.wide(),
                symbol => self.push(self.at + 1, Kind::Symbol(symbol)),
            }
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn char(&self, at: usize) -> Option<char> {
        self.text.get(at..).and_then(|rest| rest.chars().next())
    }

    fn push(&mut self, end: usize, kind: Kind) {
        self.list.push(Token {
            start: self.at,
            end,
            kind,
            gap: self.gap,
        });
        self.at = end;
        self.gap = Gap::Glued;
    }

    fn space(&mut self, width: usize, line: bool) {
        self.at += width;
        self.gap = match (self.gap, line) {
            (Gap::Glued, false) => Gap::Space,
            (Gap::Glued | Gap::Space, true) => Gap::Line,
            (Gap::Line, true) => Gap::Paragraph,
            (gap, _) => gap,
        };
    }

    fn digits(&mut self) {
        let mut end = self.at + 1;
        while self.byte(end).is_some_and(|byte| byte.is_ascii_digit()) {
            end += 1;
        }
        self.push(end, Kind::Digits);
    }

    fn wide(&mut self) {
        let Some(char) = self.char(self.at) else {
            // Not reached: `at` is always on a boundary. Ends the text rather than looping.
            self.at = self.text.len();
            return;
        };
        let width = char.len_utf8();
        match char {
            '⟦' => match sealed_end(self.text, self.at) {
                Some(end) => self.push(end, Kind::Sealed),
                None => self.push(self.at + width, Kind::Symbol(0)),
            },
            '\u{2010}'..='\u{2015}' | '\u{2212}' => self.push(self.at + width, Kind::Symbol(b'-')),
            '\u{2018}' | '\u{2019}' => self.push(self.at + width, Kind::Symbol(b'\'')),
            '\u{2028}' | '\u{2029}' | '\u{85}' => self.space(width, true),
            // Invisible: a number broken by one of these is still that number.
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => self.at += width,
            _ if char.is_whitespace() => self.space(width, false),
            _ if char.is_alphabetic() || char == '°' => self.word(),
            _ => self.push(self.at + width, Kind::Symbol(0)),
        }
    }

    fn word(&mut self) {
        let mut word = Spelling::default();
        let mut end = self.at;
        while let Some(byte) = self.byte(end) {
            if byte.is_ascii_alphabetic() {
                word.letter(byte.to_ascii_lowercase(), byte.is_ascii_uppercase());
                end += 1;
                continue;
            }
            let Some(char) = self.char(end).filter(|_| byte >= 0x80) else {
                break;
            };
            if ('\u{300}'..='\u{36f}').contains(&char) {
                // A combining accent: part of the letter before it.
            } else if char.is_alphabetic() || char == '°' {
                word.letter(fold(char), char.is_uppercase());
            } else {
                break;
            }
            end += char.len_utf8();
        }
        let kind = word.kind();
        self.push(end, kind);
        self.acronym();
    }

    /// Gives the last letter of `R.G.` or `C.P.F.` the meaning of the whole.
    fn acronym(&mut self) {
        let initial = |token: &Token| match token.kind {
            Kind::Word {
                case: Case::Initial,
                folded,
                ..
            } => Some(folded),
            _ => None,
        };
        let mut folded = 0;
        let mut shift = 0;
        let mut letters = 0;
        let mut rest = self.list.as_slice();
        while let [before @ .., letter] = rest {
            let Some(value) = initial(letter).filter(|_| letters < 4) else {
                break;
            };
            folded |= value << shift;
            shift += 8;
            letters += 1;
            match before {
                [more @ .., dot]
                    if letter.gap == Gap::Glued
                        && dot.gap == Gap::Glued
                        && dot.kind == Kind::Symbol(b'.') =>
                {
                    rest = more
                }
                _ => break,
            }
        }
        if letters < 2 {
            return;
        }
        if let Some(Token {
            kind: Kind::Word { traits, .. },
            ..
        }) = self.list.last_mut()
        {
            *traits = words::traits(folded);
        }
    }
}

#[derive(Default)]
struct Spelling {
    folded: Folded,
    letters: usize,
    capitals: usize,
    capital_first: bool,
}

impl Spelling {
    fn letter(&mut self, folded: u8, capital: bool) {
        if self.letters == 0 {
            self.capital_first = capital;
        }
        self.letters += 1;
        self.capitals += usize::from(capital);
        self.folded = words::pack(self.folded, folded);
    }

    fn kind(self) -> Kind {
        let folded = if self.letters > FOLDED_MAX {
            0
        } else {
            self.folded
        };
        let case = match (self.capital_first, self.letters) {
            (false, _) => Case::Lower,
            (true, 1) => Case::Initial,
            (true, letters) if letters == self.capitals => Case::Upper,
            (true, _) => Case::Capital,
        };
        let traits = if folded == 0 {
            Traits::NONE
        } else {
            words::traits(folded)
        };
        Kind::Word {
            case,
            folded,
            traits,
        }
    }
}

/// A letter without its accent, in lower case; a letter of another alphabet becomes 1.
fn fold(char: char) -> u8 {
    match char {
        'à'..='å' | 'À'..='Å' | 'ª' => b'a',
        'ç' | 'Ç' => b'c',
        'è'..='ë' | 'È'..='Ë' => b'e',
        'ì'..='ï' | 'Ì'..='Ï' => b'i',
        'ñ' | 'Ñ' => b'n',
        'ò'..='ö' | 'Ò'..='Ö' | 'º' | '°' => b'o',
        'ù'..='ü' | 'Ù'..='Ü' => b'u',
        'ý' | 'ÿ' | 'Ý' => b'y',
        _ => 1,
    }
}

/// The most digits a redaction token's number has. With more, the text is no token: an identifier
/// dressed up as one must not pass unseen.
const SEALED_DIGITS_MAX: usize = 4;

/// Where the redaction token that begins at `start` ends: `⟦LABEL-1⟧` or, for another spelling of
/// the same value, `⟦LABEL-1.2⟧`.
pub(super) fn sealed_end(text: &str, start: usize) -> Option<usize> {
    let inside = text.get(start..)?.strip_prefix('⟦')?;
    let label = inside.bytes().take_while(u8::is_ascii_uppercase).count();
    let number = inside
        .get(label..)?
        .strip_prefix('-')
        .filter(|_| (2..=10).contains(&label))?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let first = digits(number);
    let mut rest = number
        .get(first..)
        .filter(|_| (1..=SEALED_DIGITS_MAX).contains(&first))?;
    if let Some(spelling) = rest.strip_prefix('.') {
        let second = digits(spelling);
        rest = spelling
            .get(second..)
            .filter(|_| (1..=SEALED_DIGITS_MAX).contains(&second))?;
    }
    let after = rest.strip_prefix('⟧')?;
    Some(text.len() - after.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::token::Tokens;
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        let tokens = Tokens::of(text);
        tokens
            .all()
            .iter()
            .map(|token| tokens.slice(token))
            .collect()
    }

    #[test]
    fn words_digits_and_symbols_are_cut_apart() {
        assert_eq!(
            pieces("Prontuário nº123-4"),
            ["Prontuário", "nº", "123", "-", "4"]
        );
        assert_eq!(pieces("prontua\u{301}rio"), ["prontua\u{301}rio"]);
        assert_eq!(
            pieces("a ⟦CPF-1⟧ b ⟦CPF-12345⟧"),
            ["a", "⟦CPF-1⟧", "b", "⟦", "CPF", "-", "12345", "⟧"]
        );
        assert_eq!(
            pieces("⟦NOME-1.2⟧⟦NOME-⟧"),
            ["⟦NOME-1.2⟧", "⟦", "NOME", "-", "⟧"]
        );
    }

    #[test]
    fn accents_do_not_hide_a_context_word() {
        for text in [
            "Prontuário",
            "PRONTUÁRIO",
            "prontuario",
            "Prontua\u{301}rio",
        ] {
            assert!(Tokens::of(text).traits(0).any(Traits::RECORD), "{text}");
        }
        let dotted = Tokens::of("R.G.");
        assert!(dotted.traits(2).any(Traits::RG));
    }

    #[test]
    fn typographic_spaces_and_dashes_are_plain_ones() {
        let tokens = Tokens::of("1\u{a0}2–3\u{200b}4\n5\n\n6");
        let gaps: Vec<Gap> = tokens.all().iter().map(|token| token.gap).collect();
        assert_eq!(
            gaps,
            [
                Gap::Paragraph,
                Gap::Space,
                Gap::Glued,
                Gap::Glued,
                Gap::Glued,
                Gap::Line,
                Gap::Paragraph
            ]
        );
        assert!(tokens.is_symbol(2, b'-'));
    }

    proptest! {
        #[test]
        fn tokens_are_ordered_and_on_boundaries(
            text in "\\PC{0,80}|[\\x00-\\x7f⟦⟧ºã\u{301}\u{200b}]{0,80}",
        ) {
            let mut last = 0;
            for token in Tokens::of(&text).all() {
                prop_assert!(token.start >= last && token.end > token.start);
                prop_assert!(text.is_char_boundary(token.start));
                prop_assert!(text.is_char_boundary(token.end));
                last = token.end;
            }
            prop_assert!(last <= text.len());
        }
    }
}
