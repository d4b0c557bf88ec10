//! Postal codes and street addresses.
//!
//! Owns the grammar of a Brazilian address, from the kind of street to the house number and what
//! follows it (flat, block, kilometre), and the CEP. Refuses a street without a number unless a
//! word says that somebody lives there, and the addresses of institutions: a hospital's is public.
//! District and city are left outside the span: they are shared by many.

use super::finding::{Category, Finding, Rule};
use super::numbers::finding;
use super::token::{Case, Gap, Kind, Tokens};
use super::words::Traits;

/// The most tokens between a word such as `reside` and the street.
const LABEL_REACH: usize = 6;
/// How far before a street an institution's name makes the address its own.
const INSTITUTION_REACH: usize = 14;
/// The most words of a street's name.
const NAME_WORDS_MAX: usize = 8;
/// The most parts after the house number.
const COMPLEMENTS_MAX: usize = 4;
/// The most tokens between `CEP` and its number.
const CEP_REACH: usize = 4;
/// The most tokens between the end of an address and its CEP: district, city and state.
const CEP_AFTER_ADDRESS: usize = 16;

/// What a scan remembers of addresses: a CEP may follow one without its word.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The token after the last address.
    end: Option<usize>,
}

impl Addresses {
    /// Proposes the address whose kind of street stands at a token.
    pub(super) fn propose(&mut self, tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
        if !tokens.traits(at).any(Traits::STREET) || tokens.glued_left(at) {
            return None;
        }
        let resides = tokens.before(at, LABEL_REACH, Traits::RESIDES);
        let written_small = matches!(
            tokens.at(at)?.kind,
            Kind::Word {
                case: Case::Lower,
                ..
            }
        );
        if is_institutions(tokens, at) || written_small && resides.is_none() {
            return None;
        }
        let street = Street::read(tokens, at)?;
        if !street.numbered && resides.is_none() {
            return None;
        }
        self.end = Some(street.end);
        let (rule, confidence) = match (resides, street.numbered) {
            (Some(_), true) => (Rule::AddressAfterLabel, 92),
            (Some(_), false) => (Rule::AddressAfterLabel, 70),
            (None, _) => (Rule::AddressByShape, 70),
        };
        finding(tokens, at, street.end, Category::Address, confidence, rule)
    }

    /// Proposes the postal code whose digits begin at a token.
    pub(super) fn propose_cep(&self, tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
        let end = cep_end(tokens, at)?;
        if tokens.glued_left(at) || tokens.glued_right(end) || is_part_of_more(tokens, at, end) {
            return None;
        }
        if tokens.before(at, CEP_REACH, Traits::CEP).is_some() {
            return finding(tokens, at, end, Category::Cep, 96, Rule::CepAfterLabel);
        }
        let address = self.end.filter(|_| end > at + 1)?;
        let near = at.checked_sub(address)? <= CEP_AFTER_ADDRESS
            && (address..=at).all(|between| tokens.gap(between) != Gap::Paragraph);
        near.then(|| finding(tokens, at, end, Category::Cep, 85, Rule::CepAfterAddress))?
    }
}

/// `01310-100`, `01.310-100`, `01310100`.
fn cep_end(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let glued = |at: usize| tokens.gap(at) == Gap::Glued;
    let group = |at: usize, length: usize| tokens.digits(at).is_some_and(|d| d.len() == length);
    let tail = |hyphen: usize| {
        (tokens.is_symbol(hyphen, b'-')
            && glued(hyphen)
            && glued(hyphen + 1)
            && group(hyphen + 1, 3))
        .then_some(hyphen + 2)
    };
    match tokens.digits(at)?.len() {
        5 => tail(at + 1),
        8 => Some(at + 1),
        2 if tokens.is_symbol(at + 1, b'.') && glued(at + 2) && group(at + 2, 3) => tail(at + 3),
        _ => None,
    }
}

/// Whether a longer number goes on at either side.
fn is_part_of_more(tokens: &Tokens<'_>, at: usize, end: usize) -> bool {
    let joins = |at: usize| matches!(tokens.symbol(at), Some(b'.' | b'-' | b'/'));
    let before = at.wrapping_sub(1);
    joins(before) && tokens.gap(at) == Gap::Glued && tokens.digits(before.wrapping_sub(1)).is_some()
        || joins(end) && tokens.gap(end + 1) == Gap::Glued && tokens.digits(end + 1).is_some()
}

/// Whether the words before a street name an institution in the same sentence.
fn is_institutions(tokens: &Tokens<'_>, street: usize) -> bool {
    for at in (street.saturating_sub(INSTITUTION_REACH)..street).rev() {
        let ends = tokens.is_symbol(at, b'.') && tokens.gap(at + 1) != Gap::Glued;
        if tokens.gap(at + 1) > Gap::Space || ends {
            return false;
        }
        let traits = tokens.traits(at);
        if traits.any(Traits::PLACE) && !traits.any(Traits::STREET) {
            return true;
        }
    }
    false
}

/// A street with its house number and what follows it.
struct Street {
    end: usize,
    numbered: bool,
}

impl Street {
    fn read(tokens: &Tokens<'_>, at: usize) -> Option<Self> {
        let name_start = at + 1 + usize::from(tokens.is_symbol(at + 1, b'.'));
        let name_end = street_name(tokens, name_start)?;
        let mut street = Self {
            end: name_end,
            numbered: false,
        };
        if let Some(end) = house_number(tokens, name_end) {
            street.end = end;
            street.numbered = true;
        }
        for _ in 0..COMPLEMENTS_MAX {
            let Some(end) = complement(tokens, street.end) else {
                break;
            };
            street.end = end;
            street.numbered = true;
        }
        Some(street)
    }
}

/// `das Flores`, `25 de Março`, `XV de Novembro`, `312`.
fn street_name(tokens: &Tokens<'_>, start: usize) -> Option<usize> {
    let mut end = None;
    for at in start..start + NAME_WORDS_MAX {
        let abbreviated = tokens.is_symbol(at, b'.') && is_short(tokens, at.wrapping_sub(1));
        if tokens.gap(at) != Gap::Space && !abbreviated {
            break;
        }
        match tokens.at(at).map(|token| token.kind) {
            Some(Kind::Word { case, traits, .. }) => {
                if traits.any(Traits::COMPLEMENT) && end.is_some() {
                    break;
                }
                match case {
                    Case::Capital | Case::Upper | Case::Initial => end = Some(at + 1),
                    Case::Lower if traits.any(Traits::CONNECTOR) => {}
                    Case::Lower => break,
                }
            }
            // `Rua 25 de Março`, `SQN 312`; after a name a number is the house's.
            Some(Kind::Digits) if at == start => end = Some(at + 1),
            Some(Kind::Symbol(b'.')) if abbreviated && end == Some(at) => {}
            _ => break,
        }
    }
    end
}

/// Whether the token is short enough for a dot after it to abbreviate (`Dr.`, `Cel.`).
fn is_short(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens
        .at(at)
        .is_some_and(|token| token.end - token.start <= 3)
}

/// `, 120`, ` nº 45`, ` 1520-A`.
fn house_number(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let mut next = at;
    let mut marked = false;
    for _ in 0..3 {
        let skipped = match tokens.at(next)?.kind {
            Kind::Symbol(b',' | b'-') => true,
            Kind::Symbol(b'.') => marked,
            Kind::Word { traits, .. } if traits.any(Traits::NUMBER) => {
                marked = true;
                true
            }
            _ => false,
        };
        if !skipped {
            break;
        }
        next += 1;
    }
    let digits = tokens.digits(next).filter(|digits| digits.len() <= 5)?;
    if tokens.gap(next) > Gap::Space || digits.starts_with('0') {
        return None;
    }
    let letter = tokens.is_symbol(next + 1, b'-')
        && tokens.gap(next + 1) == Gap::Glued
        && tokens.gap(next + 2) == Gap::Glued
        && matches!(
            tokens.at(next + 2).map(|token| token.kind),
            Some(Kind::Word {
                case: Case::Initial,
                ..
            })
        );
    let end = next + 1 + if letter { 2 } else { 0 };
    // "Avenida Paulista, 1 milhão": a number that counts is followed by what it counts.
    let counts = tokens.gap(end) == Gap::Space
        && matches!(
            tokens.at(end).map(|token| token.kind),
            Some(Kind::Word { case: Case::Lower, traits, .. })
                if !traits.any(Traits::COMPLEMENT | Traits::FILLER | Traits::CONNECTOR)
        );
    (marked || !counts).then_some(end)
}

/// `, apto 45`, ` - bloco B`, `, km 12`.
fn complement(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let separated = matches!(tokens.symbol(at), Some(b',' | b'-'));
    let word = at + usize::from(separated);
    if !tokens.traits(word).any(Traits::COMPLEMENT) || tokens.gap(word) > Gap::Space {
        return None;
    }
    let value = word + 1 + usize::from(tokens.is_symbol(word + 1, b'.'));
    let named = matches!(
        tokens.at(value).map(|token| token.kind),
        Some(
            Kind::Digits
                | Kind::Word {
                    case: Case::Initial,
                    ..
                }
        )
    );
    (named && tokens.gap(value) <= Gap::Space).then_some(value + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let tokens = Tokens::of(text);
        let mut addresses = Addresses::default();
        let mut found = Vec::new();
        for at in 0..tokens.len() {
            found.extend(addresses.propose(&tokens, at));
            found.extend(addresses.propose_cep(&tokens, at));
        }
        found.iter().map(|f| &text[f.start..f.end]).collect()
    }

    #[test]
    fn an_address_is_found_to_its_last_part() {
        for address in [
            "Rua das Flores, 120",
            "Av. Sete de Setembro, 1520-B",
            "Rua 25 de Março, 300, sala 12",
            "Travessa dos Poetas, nº 45",
            "RUA SÃO BENTO 90",
            "Alameda das Acácias, 210, bloco B, apto. 104",
            "Rua Dr. Arnaldo Vieira, 455",
        ] {
            assert_eq!(found(address), [address]);
            assert_eq!(found(&format!("Fica na {address}.")), [address]);
        }
        assert_eq!(
            found("reside na rua Augusta, em São Paulo"),
            ["rua Augusta"]
        );
        assert_eq!(
            found("mora na Estrada do Coco, km 12, casa 3, Bahia"),
            ["Estrada do Coco, km 12, casa 3"]
        );
    }

    #[test]
    fn an_institution_s_address_is_no_finding() {
        for text in [
            "Clínica São Lucas, Avenida Brasil, 1500, Campinas.",
            "O Hospital Geral fica na Rua das Flores, 120",
            "a farmácia da Rua Augusta",
            "a Rua 25 de Março é conhecida",
            "na Avenida Paulista, 1 milhão de pessoas",
            "Endereço da clínica: Rua XV de Novembro, 1000",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_postal_code_needs_its_word_or_an_address() {
        assert_eq!(found("CEP 01310-100"), ["01310-100"]);
        assert_eq!(found("CEP: 01310100."), ["01310100"]);
        assert_eq!(found("postal code 01.310-100"), ["01.310-100"]);
        assert_eq!(
            found("Rua das Flores, 120, Centro, Recife/PE, 50030-230"),
            ["Rua das Flores, 120", "50030-230"]
        );
        for text in ["lote 01310-100", "de 10500-200", "CEP 01310-1002"] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
