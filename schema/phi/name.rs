//! Names of people, where something beside them says that they are names.
//!
//! Owns the evidence that makes a run of words a person: a form of address, a
//! word such as `paciente` or `nome`, another identifier beside it, or the same name found
//! elsewhere in the text. Refuses names that stand free, and those of streets and institutions.

use super::finding::{Category, Finding, Rule};
use super::numbers::finding;
use super::run::{Run, runs};
use super::token::{Case, Gap, Kind, Tokens};
use super::words::{Folded, Traits, packed};

/// The most tokens between a label and the name.
const LABEL_REACH: usize = 6;
/// The most tokens between a name and the identifier after it.
const IDENTIFIER_REACH: usize = 10;
/// "Is", folded.
const COPULA_PT: Folded = packed(b"e");
const COPULA_EN: Folded = packed(b"is");
/// A repeated name must be long enough not to be a word by chance.
const REPEATED_LETTERS_MIN: Folded = 1 << 16;

/// Proposes every name that something identifies; `identifiers` are in order of position.
pub(super) fn propose(tokens: &Tokens<'_>, identifiers: &[Finding], found: &mut Vec<Finding>) {
    let runs = runs(tokens);
    let mut named: Vec<Option<(Rule, u8)>> =
        runs.iter().map(|run| labelled(tokens, *run)).collect();
    for identifier in identifiers {
        beside(tokens, &runs, identifier, &mut named);
    }
    let mut known: Vec<Folded> = runs
        .iter()
        .zip(&named)
        .filter(|(run, name)| name.is_some() && run.folded >= REPEATED_LETTERS_MIN)
        .map(|(run, _)| run.folded)
        .collect();
    known.sort_unstable();
    for (run, name) in runs.iter().zip(named) {
        let repeated = || {
            let again = known.binary_search(&run.folded).is_ok() && !after_place(tokens, *run);
            again.then_some((Rule::NameRepeated, 60))
        };
        if let Some((rule, confidence)) = name.or_else(repeated) {
            found.extend(finding(
                tokens,
                run.first,
                run.end,
                Category::Name,
                confidence,
                rule,
            ));
        }
    }
}

/// "Hospital das …", "Rua Dr. …": what follows is no person.
fn after_place(tokens: &Tokens<'_>, run: Run) -> bool {
    for at in (run.first.saturating_sub(4)..run.first).rev() {
        if tokens.gap(at + 1) > Gap::Space {
            return false;
        }
        let skipped = match tokens.at(at).map(|token| token.kind) {
            Some(Kind::Word { case, traits, .. }) => {
                if traits.any(Traits::PLACE) && case != Case::Lower {
                    return true;
                }
                traits.any(Traits::CONNECTOR | Traits::COMMON | Traits::TITLE)
            }
            Some(Kind::Symbol(b'.')) => true,
            _ => false,
        };
        if !skipped {
            return false;
        }
    }
    false
}

/// What a form of address or a label before the run makes of it.
fn labelled(tokens: &Tokens<'_>, run: Run) -> Option<(Rule, u8)> {
    let mut colon = false;
    let mut words_between = false;
    for at in (run.first.saturating_sub(LABEL_REACH)..run.first).rev() {
        if tokens.gap(at + 1) == Gap::Paragraph {
            return None;
        }
        match tokens.at(at)?.kind {
            Kind::Symbol(b':') => colon = true,
            Kind::Symbol(b'.' | b'(' | b')' | b',' | b'-' | b'*' | b'|' | b'=' | b'"') => {}
            Kind::Word { traits, .. } if traits.any(Traits::TITLE) => {
                let named = !words_between && !after_place(tokens, Run { first: at, ..run });
                let confidence = if run.given { 92 } else { 85 };
                return named.then_some((Rule::NameAfterTitle, confidence));
            }
            Kind::Word { traits, case, .. } if traits.any(Traits::PERSON | Traits::NAME) => {
                let label = Label {
                    lower: case == Case::Lower,
                    colon,
                    words_between,
                };
                return label.names(tokens, run, at);
            }
            // `Sr(a).`: the letter is part of the title.
            // "Meu nome é …", "my name is …" name as a colon does.
            Kind::Word { folded, .. }
                if matches!(folded, COPULA_PT | COPULA_EN)
                    && tokens.traits(at.wrapping_sub(1)).any(Traits::NAME) => {}
            Kind::Word { traits, .. } if traits.any(Traits::FILLER | Traits::CONNECTOR) => {
                words_between |= !tokens.is_symbol(at + 1, b')');
            }
            _ => return None,
        }
    }
    None
}

struct Label {
    lower: bool,
    colon: bool,
    words_between: bool,
}

impl Label {
    fn names(&self, tokens: &Tokens<'_>, run: Run, label: usize) -> Option<(Rule, u8)> {
        let stops = (label + 1..run.first).any(|at| tokens.is_symbol(at, b'.'));
        if after_place(tokens, run) || stops && !self.colon {
            return None;
        }
        let acronym = run.capitals && run.words == 1 && !run.given;
        // A capital after a lower-case label is a name's; in a heading it may be any word's.
        let plain = !acronym && (self.colon || self.lower && !self.words_between);
        let confidence = if run.given { 90 } else { 75 };
        (run.given || plain).then_some((Rule::NameAfterLabel, confidence))
    }
}

const AROUND: Traits = Traits::CPF
    .with(Traits::RG)
    .with(Traits::CNS)
    .with(Traits::PHONE)
    .with(Traits::RECORD)
    .with(Traits::REGISTRY)
    .with(Traits::BIRTH)
    .with(Traits::CRM)
    .with(Traits::FILLER)
    .with(Traits::NUMBER)
    .with(Traits::NAME)
    .with(Traits::PERSON)
    .with(Traits::STATE);

/// Marks the runs right before and right after an identifier.
fn beside(
    tokens: &Tokens<'_>,
    runs: &[Run],
    identifier: &Finding,
    named: &mut [Option<(Rule, u8)>],
) {
    // A city's name stands beside an address as a person's does beside a CPF.
    if matches!(
        identifier.category,
        Category::Cnpj | Category::Cep | Category::Address
    ) {
        return;
    }
    let first = tokens
        .all()
        .partition_point(|token| token.start < identifier.start);
    let end = tokens
        .all()
        .partition_point(|token| token.start < identifier.end);
    let before = run_before(tokens, runs, first, identifier.category);
    for index in before.into_iter().chain(run_after(tokens, runs, end)) {
        if let (Some(run), Some(name @ None)) = (runs.get(index), named.get_mut(index))
            && !after_place(tokens, *run)
        {
            *name = Some((Rule::NameBesideIdentifier, if run.given { 85 } else { 65 }));
        }
    }
}

fn run_before(
    tokens: &Tokens<'_>,
    runs: &[Run],
    first: usize,
    category: Category,
) -> Option<usize> {
    let index = runs
        .partition_point(|run| run.end <= first)
        .checked_sub(1)?;
    let run = runs.get(index)?;
    let mut born = false;
    if first - run.end > IDENTIFIER_REACH {
        return None;
    }
    for at in run.end..first {
        let traits = tokens.traits(at);
        born |= traits.any(Traits::BIRTH);
        let passed = match tokens.at(at)?.kind {
            Kind::Word { .. } => traits.any(AROUND),
            Kind::Symbol(symbol) => b",.:;()-/|<>[".contains(&symbol),
            _ => false,
        };
        if !passed || tokens.gap(at) == Gap::Paragraph {
            return None;
        }
    }
    let person = match category {
        // A place is printed before its telephone, and before the date one was born there.
        Category::Phone | Category::Email => run.given,
        Category::BirthDate => run.given || born && run.words > 1,
        _ => run.given || run.words > 1,
    };
    (person && tokens.gap(first) != Gap::Paragraph).then_some(index)
}

fn run_after(tokens: &Tokens<'_>, runs: &[Run], end: usize) -> Option<usize> {
    let index = runs.partition_point(|run| run.first < end);
    let run = runs
        .get(index)
        .filter(|run| run.given && run.first - end <= 3)?;
    let passed = (end..run.first).all(|at| match tokens.at(at).map(|token| token.kind) {
        Some(Kind::Symbol(symbol)) => b",:()-|>".contains(&symbol),
        Some(Kind::Word { traits, .. }) => traits.any(Traits::NAME | Traits::PERSON),
        _ => false,
    });
    (passed && tokens.gap(run.first) <= Gap::Space).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::super::detect::detect;
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        let found = detect(text);
        let names = found
            .iter()
            .filter(|finding| finding.category == Category::Name);
        names.map(|name| &text[name.start..name.end]).collect()
    }

    #[test]
    fn a_form_of_address_names_a_person() {
        assert_eq!(names("A Sra. Zuleide Brandão chegou."), ["Zuleide Brandão"]);
        assert_eq!(
            names("O Dr. João de Souza e Silva assina."),
            ["João de Souza e Silva"]
        );
        assert_eq!(names("Dr(a). J. A. Peçanha"), ["J. A. Peçanha"]);
        assert_eq!(names("Dra. Ana D'Ávila e Dr. Raí"), ["Ana D'Ávila", "Raí"]);
        assert!(names("mora na Rua Dr. Arnaldo Vieira").is_empty());
    }

    #[test]
    fn a_label_names_a_person() {
        assert_eq!(
            names("a paciente Zuleide Brandão relata dor"),
            ["Zuleide Brandão"]
        );
        assert_eq!(names("PACIENTE: MARIA DA SILVA"), ["MARIA DA SILVA"]);
        assert_eq!(names("nome: maria da silva\nidade"), ["maria da silva"]);
        assert_eq!(
            names("Nome da mãe: Joana Nascimento Filho"),
            ["Joana Nascimento Filho"]
        );
        assert_eq!(names("filho de João Prado"), ["João Prado"]);
        assert_eq!(names("Meu nome é Zuleide Brandão"), ["Zuleide Brandão"]);
        assert_eq!(names("the patient, Zuleide Brandão"), ["Zuleide Brandão"]);
        assert_eq!(names("My name is Zuleide Brandão"), ["Zuleide Brandão"]);
        for text in [
            "Paciente Idoso Frágil",
            "Paciente Crítico na UTI",
            "o paciente de Ribeirão Preto",
            "Nome comercial: Cozaar",
            "o paciente SUS",
            "o paciente foi ao Hospital das Clínicas",
        ] {
            assert!(names(text).is_empty(), "{text}: {:?}", names(text));
        }
    }

    #[test]
    fn an_identifier_beside_it_names_a_person() {
        assert_eq!(
            names("Zuleide Brandão, CPF 529.982.247-25"),
            ["Zuleide Brandão"]
        );
        assert_eq!(
            names("Zuleide Brandão, nascida em 12/03/1980"),
            ["Zuleide Brandão"]
        );
        assert_eq!(names("529.982.247-25 (Maria Brandão)"), ["Maria Brandão"]);
        assert_eq!(names("Encaminhei Maria Souza, RG 1234567"), ["Maria Souza"]);
        assert!(names("nascido em Campo Grande em 12/03/1980").is_empty());
        assert!(names("Campo Grande, tel. (67) 3232-4321").is_empty());
        assert!(names("Hospital São Lucas, CNPJ 11.222.333/0001-81").is_empty());
    }

    #[test]
    fn a_name_once_found_is_found_again() {
        let text = "Paciente: Zuleide Brandão. Dias depois, Zuleide voltou.";
        assert_eq!(names(text), ["Zuleide Brandão", "Zuleide"]);
    }

    #[test]
    fn a_name_that_stands_free_is_not_found() {
        assert!(names("Machado de Assis descreveu a epilepsia.").is_empty());
    }
}
