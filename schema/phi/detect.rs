//! The scanner: one pass of proposals, one resolution of overlaps.
//!
//! Owns the order of the rules and which of two overlapping findings stays. Refuses overlaps in its
//! answer: findings are in order and apart, so that a text can be cut by them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::address::Addresses;
use super::condition::{self, Mention};
use super::date::Births;
use super::finding::Finding;
use super::token::{Kind, Tokens};
use super::words::Traits;
use super::{email, labelled, name, numbers, phone};

/// Finds the personal and health identifiers of a Portuguese or English text.
///
/// Health conditions are not among them: [`analyze`](super::analyze) tells those too.
/// Findings are in order of position and do not overlap. Offsets are bytes, on character
/// boundaries. Where two rules claim the same bytes the more specific category stays, then the
/// more confident rule, the longer match, the earlier one.
#[must_use]
pub fn detect(text: &str) -> Vec<Finding> {
    scan(text, Conditions::LeftOut).findings
}

/// Whether a scan looks for health conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conditions {
    LeftOut,
    Found,
}

/// What one pass over a text tells.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) findings: Vec<Finding>,
    /// Words for diseases, examinations and treatments.
    pub(super) health_terms: usize,
}

pub(super) fn scan(text: &str, conditions: Conditions) -> Scan {
    let tokens = Tokens::of(text);
    let first = identifiers(&tokens, conditions);
    let mut findings = resolve(first.found);
    let mut later = Vec::new();
    name::propose(&tokens, &findings, &mut later);
    if !later.is_empty() {
        findings.append(&mut later);
        findings = resolve(findings);
    }
    condition::propose(&tokens, &first.mentions, &findings, &mut later);
    if !later.is_empty() {
        findings.append(&mut later);
        findings = resolve(findings);
    }
    Scan {
        findings,
        health_terms: first.health_terms,
    }
}

/// What the first pass over the tokens proposes and takes note of.
#[derive(Default)]
struct FirstPass {
    found: Vec<Finding>,
    mentions: Vec<Mention>,
    health_terms: usize,
    births: Births,
    addresses: Addresses,
}

fn identifiers(tokens: &Tokens<'_>, conditions: Conditions) -> FirstPass {
    let mut pass = FirstPass::default();
    for (at, token) in tokens.all().iter().enumerate() {
        match token.kind {
            Kind::Digits => pass.number(tokens, at),
            Kind::Word { traits, .. } => {
                let cnpj = numbers::propose_alphanumeric(tokens, at);
                pass.found.extend(cnpj);
                if traits != Traits::NONE {
                    pass.word(tokens, at, traits, conditions);
                }
            }
            Kind::Symbol(b'(' | b'+') => pass.found.extend(phone::propose(tokens, at)),
            Kind::Symbol(b'@') => {
                let address = email::propose(tokens.text(), token.start);
                pass.found.extend(address);
            }
            Kind::Symbol(_) | Kind::Sealed => {}
        }
    }
    pass
}

impl FirstPass {
    fn number(&mut self, tokens: &Tokens<'_>, at: usize) {
        numbers::propose(tokens, at, &mut self.found);
        let found = &mut self.found;
        found.extend(numbers::propose_alphanumeric(tokens, at));
        found.extend(phone::propose(tokens, at));
        found.extend(labelled::propose(tokens, at));
        found.extend(self.births.propose(tokens, at));
        found.extend(self.addresses.propose_cep(tokens, at));
    }

    fn word(&mut self, tokens: &Tokens<'_>, at: usize, traits: Traits, conditions: Conditions) {
        let found = &mut self.found;
        self.births.note(tokens, at);
        found.extend(labelled::propose_crm(tokens, at));
        if traits.any(Traits::STREET) {
            found.extend(self.addresses.propose(tokens, at));
        }
        if traits.any(Traits::MONTH) {
            found.extend(self.births.propose_month_first(tokens, at));
        }
        if traits.any(Traits::HEALTH | Traits::CONDITION) {
            self.health_terms += 1;
        }
        let named = Traits::CONDITION | Traits::CONDITION_HEAD | Traits::DISEASE_CODE;
        if conditions == Conditions::Found && traits.any(named) {
            let free = self.mentions.last().map_or(0, |mention| mention.end());
            self.mentions.extend(condition::mention(tokens, at, free));
        }
    }
}

/// Keeps the most specific of what overlaps.
fn resolve(mut proposed: Vec<Finding>) -> Vec<Finding> {
    proposed.sort_unstable_by_key(|finding| {
        let length = finding.end - finding.start;
        (
            finding.category,
            Reverse(finding.confidence),
            Reverse(length),
            finding.start,
            finding.rule,
        )
    });
    let mut kept: BTreeMap<usize, Finding> = BTreeMap::new();
    for finding in proposed {
        let before = kept.range(..finding.end).next_back();
        if before.is_none_or(|(_, other)| other.end <= finding.start) {
            kept.insert(finding.start, finding);
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Category, Rule};
    use super::*;

    fn found(text: &str) -> Vec<(Category, &str)> {
        detect(text)
            .iter()
            .map(|f| (f.category, &text[f.start..f.end]))
            .collect()
    }

    #[test]
    fn a_cpf_is_found_however_it_is_written() {
        for text in [
            "529.982.247-25",
            "52998224725",
            "529 982 247 25",
            "529982247-25",
            "529.982.247/25",
            "529.982.\n247-25",
            "529.982.247–25",
            "529\u{200b}.982.247-25",
        ] {
            assert_eq!(found(text), [(Category::Cpf, text)]);
        }
        assert_eq!(
            found("x529.982.247-25."),
            [(Category::Cpf, "529.982.247-25")]
        );
    }

    #[test]
    fn a_number_with_a_wrong_check_digit_is_no_cpf() {
        for text in [
            "529.982.247-26",
            "111.111.111-11",
            "00000000000",
            "x52998224725y",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_cnpj_is_found_with_digits_and_with_letters() {
        for text in ["11.222.333/0001-81", "12.ABC.345/01DE-35", "11222333000181"] {
            assert_eq!(found(text), [(Category::Cnpj, text)]);
        }
        assert_eq!(
            found("CNPJ 12ABC34501DE35"),
            [(Category::Cnpj, "12ABC34501DE35")]
        );
        assert_eq!(found("lote 12ABC34501DE35"), []);
    }

    #[test]
    fn a_health_card_number_needs_its_word() {
        let number = "700000000000005";
        assert_eq!(found(&format!("CNS: {number}")), [(Category::Cns, number)]);
        assert_eq!(found(&format!("pedido {number}")), []);
    }

    #[test]
    fn the_more_specific_of_two_claims_stays() {
        // The digits pass for a CPF and stand where a record number would.
        assert_eq!(
            found("prontuário 52998224725"),
            [(Category::Cpf, "52998224725")]
        );
        let both = detect("nascida em 12/03/1980, tel. (11) 98765-4321");
        let rules: Vec<Rule> = both.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [Rule::BirthDateBesideLabel, Rule::PhoneWithAreaCode]);
    }

    #[test]
    fn a_redaction_token_is_no_finding() {
        assert_eq!(
            found("CPF ⟦CPF-1⟧, nascida em ⟦NASCIMENTO-1⟧, RG ⟦RG-1234⟧"),
            []
        );
    }
}
