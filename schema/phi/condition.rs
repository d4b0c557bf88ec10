//! Health conditions of a person the text identifies: sensitive data (LGPD Art. 5, II; Art. 11).
//!
//! Owns how far a condition's name reaches (`diabetes tipo 2`, `câncer de mama`, `sickle cell
//! anaemia`, `CID J11`) and when it is somebody's: in the same paragraph as an identifier of a
//! person. Refuses a condition in a text about nobody, which is medicine and no personal data, and
//! does not count the name of a physician as the patient's. Redaction leaves conditions in place:
//! once no one can be identified they are nobody's, and a plugin that may not read the disease can
//! check nothing.

use super::finding::{Category, Finding, Rule};
use super::numbers::finding;
use super::token::{Case, Gap, Kind, Tokens};
use super::words::{Traits, packed};

/// The most words that may qualify a condition on one side.
const QUALIFIERS_MAX: usize = 4;
/// How far before a name the word for a profession may stand, in tokens.
const PROFESSION_REACH: usize = 3;
/// How far apart a person and a condition may stand in one paragraph, in tokens.
const PERSON_REACH: usize = 120;

/// A health condition in a text, whoever's it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    first: usize,
    end: usize,
    coded: bool,
}

/// Reads the condition whose word stands at a token; `free` is the first token not yet taken.
pub(super) fn mention(tokens: &Tokens<'_>, at: usize, free: usize) -> Option<Mention> {
    let traits = tokens.traits(at);
    if traits.any(Traits::DISEASE_CODE) {
        return code(tokens, at);
    }
    let first = extend_left(tokens, at, free);
    let end = extend_right(tokens, at + 1);
    let qualified = first < at || end > at + 1;
    (at >= free && (qualified || traits.any(Traits::CONDITION))).then_some(Mention {
        first,
        end,
        coded: false,
    })
}

impl Mention {
    /// The token after its last one.
    pub(super) fn end(self) -> usize {
        self.end
    }
}

/// Proposes the conditions that stand with a person; `identifiers` are in order of position.
pub(super) fn propose(
    tokens: &Tokens<'_>,
    mentions: &[Mention],
    identifiers: &[Finding],
    found: &mut Vec<Finding>,
) {
    let place = |byte: usize| tokens.all().partition_point(|token| token.start < byte);
    let people: Vec<(usize, usize)> = identifiers
        .iter()
        .filter(|finding| identifies(finding.category))
        .map(|finding| (place(finding.start), place(finding.end), finding.category))
        .filter(|(first, _, category)| {
            *category != Category::Name || !is_professional(tokens, *first)
        })
        .map(|(first, end, _)| (first, end))
        .collect();
    for mention in mentions {
        let after = people.partition_point(|(first, _)| *first < mention.first);
        let before = after.checked_sub(1).and_then(|index| people.get(index));
        let spans = [
            before.map(|(_, end)| (*end, mention.first)),
            people.get(after).map(|(first, _)| (mention.end, *first)),
        ];
        let nearest = spans
            .into_iter()
            .flatten()
            .filter_map(|(from, to)| distance(tokens, from, to))
            .max();
        let Some(near) = nearest else { continue };
        let (rule, confidence) = match (mention.coded, near) {
            (true, _) => (Rule::DiseaseCodeBesidePerson, 90),
            (false, Near::Sentence) => (Rule::ConditionBesidePerson, 85),
            (false, Near::Paragraph) => (Rule::ConditionBesidePerson, 70),
        };
        let category = Category::HealthCondition;
        found.extend(finding(
            tokens,
            mention.first,
            mention.end,
            category,
            confidence,
            rule,
        ));
    }
}

/// How close a condition stands to a person; nearer is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    Paragraph,
    Sentence,
}

fn distance(tokens: &Tokens<'_>, from: usize, to: usize) -> Option<Near> {
    if to.saturating_sub(from) > PERSON_REACH {
        return None;
    }
    let mut near = Near::Sentence;
    for at in from..=to {
        if at > from && tokens.gap(at) == Gap::Paragraph {
            return None;
        }
        let ends = tokens.is_symbol(at, b'.') && tokens.gap(at + 1) != Gap::Glued;
        if ends && at < to {
            near = Near::Paragraph;
        }
    }
    Some(near)
}

/// What singles out one person; a telephone or an address may be anybody's in the text.
fn identifies(category: Category) -> bool {
    matches!(
        category,
        Category::Cpf
            | Category::Cns
            | Category::Rg
            | Category::MedicalRecord
            | Category::BirthDate
            | Category::Name
    )
}

fn is_professional(tokens: &Tokens<'_>, name: usize) -> bool {
    let first = name.saturating_sub(PROFESSION_REACH);
    (first..name)
        .rev()
        .take_while(|at| tokens.gap(at + 1) <= Gap::Space)
        .any(|at| tokens.traits(at).any(Traits::PROFESSIONAL))
}

/// `CID J11`, `CID-10: E11.9`.
fn code(tokens: &Tokens<'_>, at: usize) -> Option<Mention> {
    let mut next = at + 1;
    for _ in 0..4 {
        let skipped = match tokens.at(next)?.kind {
            Kind::Symbol(b'-' | b':' | b'(') => true,
            // The tenth and the eleventh revision.
            Kind::Digits => matches!(tokens.digits(next), Some("10" | "11")),
            Kind::Word { traits, .. } => traits.any(Traits::NUMBER),
            _ => false,
        };
        if !skipped {
            break;
        }
        next += 1;
    }
    let letter = matches!(
        tokens.at(next)?.kind,
        Kind::Word {
            case: Case::Initial,
            ..
        }
    );
    let digits = tokens.digits(next + 1)?;
    if !letter || digits.len() > 3 || digits.len() < 2 || tokens.gap(next + 1) != Gap::Glued {
        return None;
    }
    let glued = tokens.gap(next + 2) == Gap::Glued && tokens.gap(next + 3) == Gap::Glued;
    let fraction = tokens.is_symbol(next + 2, b'.') && tokens.digits(next + 3).is_some() && glued;
    Some(Mention {
        first: next,
        end: next + if fraction { 4 } else { 2 },
        coded: true,
    })
}

/// `sickle cell` anaemia, `type 2` diabetes, `pré-` eclâmpsia.
fn extend_left(tokens: &Tokens<'_>, at: usize, free: usize) -> usize {
    let mut first = at;
    for _ in 0..QUALIFIERS_MAX {
        let Some(before) = first.checked_sub(1).filter(|before| *before >= free) else {
            break;
        };
        let glued = tokens.gap(first) == Gap::Glued;
        if glued && tokens.is_symbol(before, b'-') && is_word(tokens, first.wrapping_sub(2), b"pre")
        {
            return first - 2;
        }
        if tokens.gap(first) > Gap::Space {
            break;
        }
        let kind_number = tokens
            .digits(before)
            .is_some_and(|digits| digits.len() == 1)
            && is_word(tokens, first.wrapping_sub(2), b"type");
        if kind_number {
            first -= 2;
        } else if tokens.traits(before).any(Traits::QUALIFIER) {
            first = before;
        } else {
            break;
        }
    }
    first
}

/// Diabetes `mellitus tipo 2`, câncer `de mama`, doença `de Chagas`, hepatite `C`.
fn extend_right(tokens: &Tokens<'_>, from: usize) -> usize {
    let mut end = from;
    let head = tokens
        .traits(from.wrapping_sub(1))
        .any(Traits::CONDITION_HEAD);
    for _ in 0..QUALIFIERS_MAX {
        if tokens.gap(end) > Gap::Space {
            break;
        }
        let Some(next) = qualifier_end(tokens, end, head) else {
            break;
        };
        end = next;
    }
    end
}

fn qualifier_end(tokens: &Tokens<'_>, at: usize, head: bool) -> Option<usize> {
    let Kind::Word { case, traits, .. } = tokens.at(at)?.kind else {
        return None;
    };
    let near = |at: usize| tokens.gap(at) == Gap::Space;
    if traits.any(Traits::QUALIFIER) {
        return Some(at + 1);
    }
    let graded = [b"tipo".as_slice(), b"type", b"grau", b"estagio"]
        .iter()
        .any(|word| is_word(tokens, at, word));
    if graded && near(at + 1) {
        let one = tokens
            .digits(at + 1)
            .is_some_and(|digits| digits.len() == 1);
        return (one || is_roman(tokens, at + 1)).then_some(at + 2);
    }
    if traits.any(Traits::CONNECTOR) && near(at + 1) {
        return match tokens.at(at + 1)?.kind {
            Kind::Word { traits, .. } if traits.any(Traits::QUALIFIER) => Some(at + 2),
            Kind::Word {
                case: Case::Capital,
                ..
            } if head => Some(at + 2),
            _ => None,
        };
    }
    // The viruses of hepatitis and the like are single letters.
    let letter = case == Case::Initial && !traits.any(Traits::CONNECTOR);
    let closed = !tokens.is_symbol(at + 1, b'.') || tokens.gap(at + 2) != Gap::Glued;
    let single = [b"a", b"b", b"c", b"d"]
        .iter()
        .any(|word| is_word(tokens, at, *word));
    (letter && single && closed && is_word(tokens, at.wrapping_sub(1), b"hepatite"))
        .then_some(at + 1)
}

fn is_word(tokens: &Tokens<'_>, at: usize, word: &[u8]) -> bool {
    matches!(
        tokens.at(at).map(|token| token.kind),
        Some(Kind::Word { folded, .. }) if folded == packed(word)
    )
}

fn is_roman(tokens: &Tokens<'_>, at: usize) -> bool {
    [b"i".as_slice(), b"ii", b"iii", b"iv"]
        .iter()
        .any(|word| is_word(tokens, at, word))
}

#[cfg(test)]
mod tests {
    use super::super::analyze;
    use super::*;

    fn conditions(text: &str) -> Vec<&str> {
        let analysis = analyze(text);
        let found = analysis.findings.iter();
        found
            .filter(|finding| finding.category == Category::HealthCondition)
            .map(|finding| &text[finding.start..finding.end])
            .collect()
    }

    #[test]
    fn a_condition_is_found_with_what_qualifies_it() {
        for condition in [
            "diabetes",
            "diabetes mellitus tipo 2",
            "insuficiência cardíaca",
            "câncer de mama",
            "doença de Chagas",
            "doença renal crônica",
            "hepatite C",
            "pré-eclâmpsia",
            "AVC isquêmico",
            "type 2 diabetes",
            "breast cancer",
        ] {
            let text = format!("Paciente Maria Souza, com {condition}, em casa.");
            assert_eq!(conditions(&text), [condition]);
        }
        assert_eq!(
            conditions("Maria Souza, CPF 529.982.247-25. CID J11"),
            ["J11"]
        );
        assert_eq!(
            conditions("Paciente Maria Souza, CID-10: E11.9, estável"),
            ["E11.9"]
        );
    }

    #[test]
    fn a_condition_without_a_person_is_medicine() {
        for text in [
            "O diabetes atinge um em dez adultos.",
            "A doença de Chagas foi descrita em 1909.",
            "Dra. Ana Souza (CRM/SP 123456) explica a hipertensão.",
            "Paciente Maria Souza teve alta.\n\nO diabetes atinge um em dez adultos.",
            "Paciente Maria Souza, insuficiência de recursos, sem febre.",
        ] {
            assert_eq!(conditions(text), [""; 0], "{text}");
        }
    }
}
