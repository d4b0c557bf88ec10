//! Numbers that only a word beside them explains: RG, medical records, CRM.
//!
//! Owns how far a label reaches and what may stand between it and its number. Refuses a number
//! without a label (there is nothing to check it by) and the registrations of things: a drug's or
//! a trial's `registro` is not a patient's.

use super::date;
use super::finding::{Category, Finding, Rule};
use super::numbers::finding;
use super::token::{Case, Gap, Kind, Tokens};
use super::words::Traits;

/// The most tokens between a label and its number.
const LABEL_REACH: usize = 9;
/// The most groups of digits in one number.
const GROUPS_MAX: usize = 6;

const BETWEEN: Traits = Traits::FILLER
    .with(Traits::NUMBER)
    .with(Traits::CONNECTOR)
    .with(Traits::STATE);

/// Proposes the identity card or medical-record number whose digits begin at a token.
pub(super) fn propose(tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
    tokens.digits(at)?;
    let label = Label::read(tokens, at)?;
    let code = Code::read(tokens, at);
    // `admission 12/03/2024`: a date is no number.
    if date::written_date(tokens, at) == Some(code.end) && code.end > at + 1 {
        return None;
    }
    let digits = code.digits;
    let (category, rule, confidence) = if label.traits.any(Traits::RG) {
        (5..=11)
            .contains(&digits)
            .then_some((Category::Rg, Rule::RgAfterLabel, 88))?
    } else {
        let year = digits == 4
            && tokens
                .digits(at)
                .is_some_and(|four| matches!(four.get(..2), Some("19" | "20")));
        let enough = match (label.marked, label.traits.any(Traits::RECORD)) {
            (true, true) => digits >= 2,
            (true, false) => digits >= 3,
            (false, true) => digits >= 4 && !year,
            (false, false) => digits >= 5,
        };
        let rule = Rule::RecordAfterLabel;
        (enough && digits <= 20).then_some((Category::MedicalRecord, rule, 85))?
    };
    finding(
        tokens,
        label.code_start,
        code.end,
        category,
        confidence,
        rule,
    )
}

/// The word that explains a number.
struct Label {
    traits: Traits,
    /// A colon or a word for "number" stands between.
    marked: bool,
    /// Where the number begins, with the letters that belong to it (`MG-12…`, `HC-2024/…`).
    code_start: usize,
}

impl Label {
    fn read(tokens: &Tokens<'_>, number: usize) -> Option<Self> {
        let code_start = letters_before(tokens, number);
        let mut marked = false;
        let nearest = code_start.checked_sub(1)?;
        for at in (nearest.saturating_sub(LABEL_REACH)..=nearest).rev() {
            if tokens.gap(at + 1) == Gap::Paragraph {
                return None;
            }
            match tokens.at(at)?.kind {
                Kind::Symbol(b':' | b'#' | b'=') => marked = true,
                Kind::Symbol(b'.' | b'-' | b'/' | b'(' | b')' | b',') => {}
                Kind::Word { traits, .. } => {
                    if traits.any(Traits::RG | Traits::RECORD | Traits::REGISTRY) {
                        // "Senha de atendimento": the number of a queue.
                        if tokens.before(at, 2, Traits::QUEUE).is_some() {
                            return None;
                        }
                        return Some(Self {
                            traits,
                            marked,
                            code_start,
                        });
                    }
                    if !traits.any(BETWEEN) {
                        return None;
                    }
                    marked |= traits.any(Traits::NUMBER);
                }
                _ => return None,
            }
        }
        None
    }
}

/// Steps back over up to four capitals that touch the digits, with a hyphen or without.
fn letters_before(tokens: &Tokens<'_>, number: usize) -> usize {
    if tokens.gap(number) != Gap::Glued {
        return number;
    }
    let hyphen = matches!(tokens.symbol(number.wrapping_sub(1)), Some(b'-' | b'/'));
    let letters = number.wrapping_sub(if hyphen { 2 } else { 1 });
    if hyphen && tokens.gap(number - 1) != Gap::Glued {
        return number;
    }
    let explains = Traits::RG | Traits::RECORD | Traits::REGISTRY | Traits::NUMBER;
    match tokens
        .at(letters)
        .map(|token| (token.kind, token.end - token.start))
    {
        Some((
            Kind::Word {
                case: Case::Upper | Case::Initial,
                traits,
                ..
            },
            1..=4,
        )) if !traits.any(explains) => letters,
        _ => number,
    }
}

/// A number with its inner separators and its closing letter.
struct Code {
    digits: usize,
    end: usize,
}

impl Code {
    fn read(tokens: &Tokens<'_>, at: usize) -> Self {
        let mut digits = tokens.digits(at).map_or(0, str::len);
        let mut end = at + 1;
        for _ in 1..GROUPS_MAX {
            let separated = matches!(tokens.symbol(end), Some(b'.' | b'-' | b'/'))
                && tokens.gap(end) == Gap::Glued
                && tokens.gap(end + 1) == Gap::Glued;
            match tokens.digits(end + 1).filter(|_| separated) {
                Some(group) => {
                    digits += group.len();
                    end += 2;
                }
                None => {
                    // `12.345.678-X`
                    let letter = tokens.at(end + 1).map(|token| token.kind);
                    let closes = matches!(
                        letter,
                        Some(Kind::Word {
                            case: Case::Initial,
                            ..
                        })
                    );
                    if separated && closes && tokens.is_symbol(end, b'-') {
                        end += 2;
                    }
                    break;
                }
            }
        }
        Self { digits, end }
    }
}

/// Proposes the CRM registration whose `CRM` stands at a token.
pub(super) fn propose_crm(tokens: &Tokens<'_>, at: usize) -> Option<Finding> {
    if !tokens.traits(at).any(Traits::CRM) {
        return None;
    }
    let mut state = false;
    let mut next = at + 1;
    for _ in 0..LABEL_REACH {
        match tokens.at(next)?.kind {
            Kind::Digits => break,
            Kind::Symbol(b'/' | b'-' | b':' | b'.' | b'(' | b')') => {}
            Kind::Word {
                case: Case::Upper,
                traits,
                ..
            } if traits.any(Traits::STATE) => {
                state = true;
            }
            Kind::Word { traits, .. } if traits.any(Traits::NUMBER | Traits::FILLER) => {}
            _ => return None,
        }
        next += 1;
    }
    let code = Code::read(tokens, next);
    // Rio de Janeiro writes `52-12345-6`.
    (3..=9).contains(&code.digits).then_some(())?;
    let mut end = code.end;
    let after = end + usize::from(matches!(tokens.symbol(end), Some(b'/' | b'-')));
    if let Some(Kind::Word {
        case: Case::Upper,
        traits,
        ..
    }) = tokens.at(after).map(|t| t.kind)
        && traits.any(Traits::STATE)
        && !state
        && tokens.gap(after) <= Gap::Space
    {
        state = true;
        end = after + 1;
    }
    let (rule, confidence) = if state {
        (Rule::CrmWithState, 95)
    } else {
        (Rule::CrmWithoutState, 75)
    };
    finding(tokens, at, end, Category::Crm, confidence, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<(Category, &str)> {
        let tokens = Tokens::of(text);
        let found = (0..tokens.len())
            .find_map(|at| propose(&tokens, at).or_else(|| propose_crm(&tokens, at)))?;
        Some((found.category, text.get(found.start..found.end)?))
    }

    #[test]
    fn an_identity_card_needs_its_word() {
        for (text, number) in [
            ("RG 12.345.678-9", "12.345.678-9"),
            ("R.G. nº 12.345.678-X SSP/SP", "12.345.678-X"),
            ("identidade MG-12.345.678", "MG-12.345.678"),
            ("carteira de identidade nº 1234567", "1234567"),
            ("RG: 1234567 SSP-BA", "1234567"),
        ] {
            assert_eq!(first(text), Some((Category::Rg, number)), "{text}");
        }
        assert_eq!(first("lote 12.345.678-9"), None);
        assert_eq!(first("identidade de gênero em 1234567 pessoas"), None);
    }

    #[test]
    fn a_medical_record_needs_its_word() {
        for (text, number) in [
            ("prontuário 123456", "123456"),
            ("Prontuário nº 98-7", "98-7"),
            ("prontuário do paciente: HC-2024/00123", "HC-2024/00123"),
            ("registro hospitalar nº 4521", "4521"),
            ("atendimento: 778812", "778812"),
            ("prontuario A12345", "A12345"),
            ("medical record number: 778812", "778812"),
            ("MRN 45112", "45112"),
        ] {
            assert_eq!(
                first(text),
                Some((Category::MedicalRecord, number)),
                "{text}"
            );
        }
        for text in [
            "registro ANVISA nº 1023456",
            "prontuários de 350 pacientes",
            "internação 12/03/2024",
            "admission 12-03-2024",
            "senha de atendimento: A047",
            "registro de 2024",
            "prontuário de 2019",
            "registro de 120 casos",
        ] {
            assert_eq!(first(text), None, "{text}");
        }
    }

    #[test]
    fn a_crm_is_taken_with_its_state() {
        for (text, registration) in [
            ("CRM/SP 123456", "CRM/SP 123456"),
            ("CRM-SP nº 123.456", "CRM-SP nº 123.456"),
            ("CRM 123456/SP", "CRM 123456/SP"),
            ("CRM: 12345-RJ.", "CRM: 12345-RJ"),
            ("(CRM/RJ 52-12345-6)", "CRM/RJ 52-12345-6"),
            ("CRM 54321 e", "CRM 54321"),
        ] {
            assert_eq!(first(text), Some((Category::Crm, registration)), "{text}");
        }
        assert_eq!(first("o CRM da empresa"), None);
        assert_eq!(first("CRM publicou 3 normas"), None);
    }
}
