//! Numbers with check digits in running text: CPF, CNPJ, CNS.
//!
//! Owns the shapes in which people write them. Refuses a number whose check digits are wrong: a
//! mistyped CPF is not found, because then one number in a hundred of any eleven digits would do.

use super::finding::{Category, Finding, Rule};
use super::identifier::{check_cnpj, check_cns, check_cpf};
use super::token::{Gap, Kind, Token, Tokens};
use super::words::Traits;

/// How far before a number its context word may stand, in tokens.
const LABEL_REACH: usize = 8;

const CPF_SHAPES: &[&[usize]] = &[&[11], &[3, 3, 3, 2], &[9, 2]];
const CNPJ_SHAPES: &[&[usize]] = &[&[14], &[2, 3, 3, 4, 2], &[8, 4, 2], &[12, 2]];
const CNS_SHAPES: &[&[usize]] = &[&[15], &[3, 4, 4, 4]];

/// Proposes every number with check digits that begins at a token.
pub(super) fn propose(tokens: &Tokens<'_>, at: usize, found: &mut Vec<Finding>) {
    let Some(first) = tokens.digits(at).map(str::len) else {
        return;
    };
    match first {
        3 | 9 | 11 => found.extend(cpf(tokens, at)),
        2 | 8 | 12 | 14 => found.extend(cnpj(tokens, at)),
        _ => {}
    }
    if first == 3 || first == 15 {
        found.extend(cns(tokens, at));
    }
}

/// Proposes an alphanumeric CNPJ that begins at a token; a numeric one is left to [`propose`].
pub(super) fn propose_alphanumeric(tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
    /// A place for a letter or a digit, a digit alone, or a separator.
    const SHAPE: &[u8] = b"**.***.***/****-00";
    const BARE: &[u8] = b"************00";
    let start = tokens.at(at)?.start;
    if tokens.glued_left(at) {
        return None;
    }
    let rest = tokens.text().as_bytes().get(start..)?;
    let grouped = read_shape(rest, SHAPE).map(|characters| (characters, SHAPE.len(), 98));
    let labelled = || tokens.before(at, LABEL_REACH, Traits::CNPJ).is_some();
    let (characters, width, confidence) = grouped.or_else(|| {
        let bare = read_shape(rest, BARE).filter(|_| labelled());
        bare.map(|characters| (characters, BARE.len(), 90))
    })?;
    let letters = characters.iter().any(u8::is_ascii_alphabetic);
    if !letters || check_cnpj(&characters).is_err() {
        return None;
    }
    let rule = if width == BARE.len() {
        Rule::CnpjBare
    } else {
        Rule::CnpjGrouped
    };
    Some(Finding {
        category: Category::Cnpj,
        start,
        end: start + width,
        confidence,
        rule,
    })
}

fn read_shape(text: &[u8], shape: &[u8]) -> Option<[u8; 14]> {
    if text
        .get(shape.len())
        .is_some_and(|next| next.is_ascii_alphanumeric() || *next >= 0x80)
    {
        return None;
    }
    let mut characters = [0; 14];
    let mut places = characters.iter_mut();
    for (position, expected) in shape.iter().enumerate() {
        let byte = text.get(position)?;
        match expected {
            b'*' if byte.is_ascii_alphanumeric() => *places.next()? = byte.to_ascii_uppercase(),
            b'0' if byte.is_ascii_digit() => *places.next()? = *byte,
            separator if byte == separator => {}
            _ => return None,
        }
    }
    Some(characters)
}

fn cpf(tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
    let (number, bare) = read_any::<11>(tokens, at, CPF_SHAPES)?;
    check_cpf(&number.digits).ok()?;
    let labelled = tokens.before(at, LABEL_REACH, Traits::CPF | Traits::CNPJ | Traits::PHONE);
    let label = labelled.map_or(Traits::NONE, |label| tokens.traits(label));
    if bare && !label.any(Traits::CPF) {
        let glued = tokens.glued_left(at) || tokens.glued_right(number.end);
        // One telephone number in a hundred passes for a CPF: the word beside it decides.
        if glued || label.any(Traits::PHONE) {
            return None;
        }
    }
    let (rule, confidence) = match (bare, label.any(Traits::CPF)) {
        (false, _) => (Rule::CpfGrouped, 99),
        (true, true) => (Rule::CpfBare, 98),
        (true, false) => (Rule::CpfBare, 75),
    };
    finding(tokens, at, number.end, Category::Cpf, confidence, rule)
}

fn cnpj(tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
    let (number, bare) = read_any::<14>(tokens, at, CNPJ_SHAPES)?;
    check_cnpj(&number.digits).ok()?;
    let labelled = tokens.before(at, LABEL_REACH, Traits::CNPJ).is_some();
    if bare && !labelled && (tokens.glued_left(at) || tokens.glued_right(number.end)) {
        return None;
    }
    let (rule, confidence) = match (bare, labelled) {
        (false, _) => (Rule::CnpjGrouped, 98),
        (true, true) => (Rule::CnpjBare, 97),
        (true, false) => (Rule::CnpjBare, 75),
    };
    finding(tokens, at, number.end, Category::Cnpj, confidence, rule)
}

fn cns(tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
    let (number, _) = read_any::<15>(tokens, at, CNS_SHAPES)?;
    check_cns(&number.digits).ok()?;
    tokens.before(at, LABEL_REACH, Traits::CNS)?;
    finding(
        tokens,
        at,
        number.end,
        Category::Cns,
        95,
        Rule::CnsAfterLabel,
    )
}

/// Makes a finding of the tokens from `first` up to and without `end`.
pub(super) fn finding(
    tokens: &Tokens<'_>,
    first: usize,
    end: usize,
    category: Category,
    confidence: u8,
    rule: Rule,
) -> Option<Finding> {
    let start = tokens.at(first)?.start;
    let end = tokens.at(end.checked_sub(1)?)?.end;
    Some(Finding {
        category,
        start,
        end,
        confidence,
        rule,
    })
}

/// A number read from several tokens.
struct Number<const N: usize> {
    digits: [u8; N],
    /// The token after the last one read.
    end: usize,
}

fn read_any<const N: usize>(
    tokens: &Tokens<'_>,
    at: usize,
    shapes: &[&[usize]],
) -> Option<(Number<N>, bool)> {
    shapes
        .iter()
        .find_map(|shape| read_groups(tokens, at, shape).map(|number| (number, shape.len() == 1)))
}

/// Reads groups of digits of exactly these lengths.
fn read_groups<const N: usize>(
    tokens: &Tokens<'_>,
    at: usize,
    shape: &[usize],
) -> Option<Number<N>> {
    let mut digits = [0; N];
    let mut places = digits.iter_mut();
    let mut next = at;
    for (position, length) in shape.iter().enumerate() {
        if position > 0 {
            next = after_separator(tokens, next)?;
        }
        let group = tokens.digits(next).filter(|group| group.len() == *length)?;
        for digit in group.bytes() {
            *places.next()? = digit;
        }
        next += 1;
    }
    Some(Number { digits, end: next })
}

/// Where the next group of digits begins: after one separator, a space, or both.
pub(super) fn after_separator(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let Token { kind, gap, .. } = tokens.at(at)?;
    match kind {
        Kind::Digits if *gap <= Gap::Space => Some(at),
        Kind::Symbol(b'.' | b'-' | b'/') if *gap <= Gap::Space => {
            // A number may be broken over two lines at its separator.
            (tokens.gap(at + 1) <= Gap::Line).then_some(at + 1)
        }
        _ => None,
    }
}
