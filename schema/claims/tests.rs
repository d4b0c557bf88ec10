//! What an extraction says, by example, and that no input is too much for it.

use proptest::prelude::*;

use super::*;

fn only_claim(text: &str) -> Claim {
    let mut claims = extract(text).claims;
    assert_eq!(claims.len(), 1, "{text}: {claims:?}");
    claims.remove(0)
}

fn rules(text: &str) -> Vec<CfmRule> {
    extract(text).forbidden.iter().map(|one| one.rule).collect()
}

fn missing(text: &str) -> Vec<Requirement> {
    let required = extract(text).required;
    let missing = required.iter().filter(|item| item.applies && !item.present);
    missing.map(|item| item.requirement).collect()
}

#[test]
fn a_statement_has_place_kind_strength_and_the_evidence_it_asks_for() {
    let text = "Leia com calma. A vacina contra o HPV previne o câncer de colo do útero [3].";
    let claim = only_claim(text);
    assert_eq!(
        &text[claim.start..claim.end],
        "A vacina contra o HPV previne o câncer de colo do útero [3]"
    );
    assert_eq!(claim.kind, ClaimKind::Prevention);
    assert_eq!(claim.strength, Strength::Categorical);
    assert!(claim.cited);
    let requires = claim.requires.unwrap();
    assert_eq!(requires.level, 1);
    assert_eq!(requires.study, "systematic review of randomised trials");
    assert_eq!(only_claim("O celular causa tumor cerebral?").requires, None);
}

#[test]
fn english_is_read_too() {
    let claim = only_claim("Metformin may reduce the risk of cancer.");
    assert_eq!(
        (claim.kind, claim.strength),
        (ClaimKind::Prevention, Strength::Hedged)
    );
    let claim = only_claim("Vaccines do not cause autism.");
    assert_eq!(claim.strength, Strength::Negated);
}

#[test]
fn a_warning_against_what_is_forbidden_is_allowed() {
    assert_eq!(rules("Resultado garantido!"), [CfmRule::GuaranteeOfResults]);
    assert_eq!(rules("Nenhum tratamento tem resultado garantido."), []);
    assert_eq!(rules("Desconfie de quem promete cura milagrosa."), []);
}

#[test]
fn before_and_after_is_allowed_with_what_must_stand_beside_it() {
    assert_eq!(rules("Veja o antes e depois."), [CfmRule::BeforeAfter]);
    let beside = "Antes e depois. As indicações, as evoluções insatisfatórias e as complicações.";
    assert_eq!(rules(beside), []);
}

#[test]
fn a_specialty_is_announced_with_its_registration() {
    let without = "Sou dermatologista. Dra. Ana Exemplo, MÉDICA, CRM/SP 123456.";
    assert_eq!(rules(without), [CfmRule::SpecialtyWithoutRqe]);
    assert_eq!(missing(without), [Requirement::RqeOfSpecialty]);
    let with = "Sou dermatologista, RQE 4567. Dra. Ana Exemplo, MÉDICA, CRM/SP 123456.";
    assert_eq!((rules(with), missing(with)), (vec![], vec![]));
}

#[test]
fn a_consultation_s_price_may_be_told_and_a_procedure_s_may_not() {
    assert_eq!(rules("Consulta de cirurgia: R$ 350,00."), []);
    let text = "Botox por R$ 1.200,00.";
    let found = extract(text).forbidden;
    assert_eq!(found[0].rule, CfmRule::ProcedurePrice);
    assert_eq!(&text[found[0].start..found[0].end], "R$ 1.200,00");
    assert!(found[0].verified && found[0].article.starts_with("Art. 9"));
}

#[test]
fn a_piece_names_who_signs_it() {
    assert_eq!(
        missing("Marque a sua avaliação."),
        [
            Requirement::PhysicianName,
            Requirement::CrmWithState,
            Requirement::WordPhysician
        ]
    );
    let clinic = "Clínica Exemplo, CRM/SP 98765. Diretora técnica: Dra. Ana Exemplo, CRM/SP 12345.";
    assert_eq!(missing(clinic), []);
    assert_eq!(
        missing("Clínica Exemplo."),
        [
            Requirement::PhysicianName,
            Requirement::CrmWithState,
            Requirement::EstablishmentRegistration,
            Requirement::TechnicalDirector
        ]
    );
}

#[test]
fn every_rule_has_a_provision() {
    for rule in CfmRule::ALL {
        assert!(rule.provision().0.starts_with("Art. "), "{rule:?}");
    }
}

#[test]
fn a_long_line_and_a_heap_of_marks_are_read() {
    let line = "a vacina previne ".repeat(20_000);
    assert_eq!(extract(&line).claims.len(), 1);
    let marks = "?!.\u{301}⟦".repeat(20_000);
    assert!(extract(&marks).claims.is_empty());
}

/// Text in which phrases, fragments and marks meet in every way.
fn dense_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "(reduz o risco|previne|câncer|não|pode|sou|dermatologista|resultado garantido|leve) ",
        "(antes e depois|R\\$ 1\\.200|botox|pós-graduado em|RQE 12|CRM/SP 123456|leve 2 e pague) ",
        "[.,;:!?()\\[\\]%$-]{1,3}",
        "[0-9]{1,4}",
        "[\n\u{200b}\u{a0}\u{301}ãÇ🩺İßﬁ]",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..32).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn places_are_ordered_in_bounds_and_on_boundaries(text in dense_text()) {
        let extraction = extract(&text);
        let mut last = 0;
        for claim in &extraction.claims {
            prop_assert!(last <= claim.start && claim.start < claim.end);
            prop_assert!(text.get(claim.start..claim.end).is_some());
            prop_assert!(claim.confidence <= 100);
            last = claim.end;
        }
        let mut last = 0;
        for finding in &extraction.forbidden {
            prop_assert!(last <= finding.start && finding.start < finding.end);
            prop_assert!(text.get(finding.start..finding.end).is_some());
            last = finding.start;
        }
    }

    #[test]
    fn any_text_at_all_is_read(text in any::<String>()) {
        prop_assert_eq!(extract(&text).text_bytes, text.len());
    }
}
