//! What redaction promises, by example and over texts built to break it.

use proptest::prelude::*;

use super::*;

const CHECKED: [Category; 5] = [
    Category::Cpf,
    Category::Cnpj,
    Category::Cns,
    Category::Email,
    Category::Phone,
];

#[test]
fn identifiers_become_tokens_and_come_back() {
    let text = "Paciente Maria Souza, CPF 529.982.247-25, tel. (11) 98765-4321.";
    let redacted = redact(text);
    assert_eq!(
        redacted.as_str(),
        "Paciente ⟦NOME-1⟧, CPF ⟦CPF-1⟧, tel. ⟦TELEFONE-1⟧."
    );
    assert_eq!(redacted.restore(redacted.as_str()), text);
    assert_eq!(redacted.counts().get(&Category::Cpf), Some(&1));
}

#[test]
fn one_value_has_one_number_in_every_spelling() {
    let text = "529.982.247-25 e 52998224725 e 529.982.247-25 e 111.444.777-35";
    let redacted = redact(text);
    assert_eq!(redacted.as_str(), "⟦CPF-1⟧ e ⟦CPF-1.2⟧ e ⟦CPF-1⟧ e ⟦CPF-2⟧");
    assert_eq!(redacted.restore(redacted.as_str()), text);
}

#[test]
fn tokens_in_the_input_are_not_taken_for_ours() {
    let text = "⟦CPF-1⟧ é de 529.982.247-25 e ⟦CPF-2.2⟧ de ⟦CPF-52998224725⟧";
    let redacted = redact(text);
    assert_eq!(
        redacted.as_str(),
        "⟦CPF-1⟧ é de ⟦CPF-2⟧ e ⟦CPF-2.2⟧ de ⟦CPF-⟦CPF-2.3⟧⟧"
    );
    assert_eq!(redacted.restore(redacted.as_str()), text);
    assert_eq!(
        redacted.restore("⟦CPF-1⟧ ⟦CPF-9⟧ ⟦⟦CPF-2⟧"),
        "⟦CPF-1⟧ ⟦CPF-9⟧ ⟦529.982.247-25"
    );
}

#[test]
fn taking_one_out_does_not_complete_another() {
    // Bare digits that touch a letter are no CPF until the letter is gone.
    let text = "a Sra. Zuleide52998224725";
    let redacted = redact(text);
    assert_eq!(redacted.as_str(), "a Sra. ⟦NOME-1⟧⟦CPF-1⟧");
    assert_eq!(redacted.restore(redacted.as_str()), text);
}

#[test]
fn debug_shows_no_original() {
    let shown = format!("{:?}", redact("CPF 529.982.247-25, ana@usp.br"));
    assert!(!shown.contains("529") && !shown.contains("ana"), "{shown}");
}

/// Text in which identifiers, their fragments and token-like pieces meet in every way.
fn dense_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("529.982.247-25".to_owned()),
        Just("52998224725".to_owned()),
        Just("111 444 777 35".to_owned()),
        Just("11.222.333/0001-81".to_owned()),
        Just("12.ABC.345/01DE-35".to_owned()),
        Just("700000000000005".to_owned()),
        Just("ana@usp.br".to_owned()),
        Just("(11) 98765-4321".to_owned()),
        Just("11987654321".to_owned()),
        Just("nascida em 12/03/1980".to_owned()),
        Just("⟦CPF-1⟧".to_owned()),
        Just("⟦CPF-".to_owned()),
        Just("⟦".to_owned()),
        Just("⟧".to_owned()),
        "(CPF|CNS|tel|RG|Sra\\.|Maria|Souza|prontuário|nome:|DN|CRM/SP|e|de)",
        "[0-9]{1,6}",
        "[ .,;:@()/+-]{1,2}",
        "[\n\u{200b}\u{a0}\u{301}ãÇ🩺]",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn restoring_gives_the_text_back(text in dense_text()) {
        let redacted = redact(&text);
        prop_assert_eq!(redacted.restore(redacted.as_str()), text);
    }

    #[test]
    fn restoring_a_document_is_restoring_each_of_its_strings(
        text in dense_text(),
        wild in dense_text(),
    ) {
        let redacted = redact(&text);
        let of = |first: &str, second: &str, third: &str| {
            serde_json::json!({ "a": [first, second, 1.5], "b": third })
        };
        let answer = format!("{wild}{}\"\\{wild}", redacted.as_str());
        let document = of(redacted.as_str(), &wild, &answer).to_string();
        let restored = redacted.restore_json(&document);
        let restored: serde_json::Value = serde_json::from_str(&restored).unwrap();
        let (wild, answer) = (redacted.restore(&wild), redacted.restore(&answer));
        prop_assert_eq!(restored, of(&text, &wild, &answer));
    }

    #[test]
    fn nothing_checkable_is_left(text in dense_text()) {
        let redacted = redact(&text);
        let left = detect(redacted.as_str());
        let left: Vec<_> = left.iter().filter(|f| CHECKED.contains(&f.category)).collect();
        prop_assert!(left.is_empty(), "{:?} in {:?}", left, redacted.as_str());
    }

    #[test]
    fn findings_are_ordered_apart_and_on_boundaries(text in dense_text()) {
        let mut last = 0;
        for finding in detect(&text) {
            prop_assert!(last <= finding.start && finding.start < finding.end);
            prop_assert!(finding.end <= text.len() && finding.confidence <= 100);
            prop_assert!(text.is_char_boundary(finding.start));
            prop_assert!(text.is_char_boundary(finding.end));
            last = finding.end;
        }
    }

    #[test]
    fn any_text_at_all_is_analysed(text in any::<String>()) {
        let analysis = super::super::analyze(&text);
        prop_assert_eq!(analysis.text_bytes, text.len());
        let redacted = redact(&text);
        prop_assert_eq!(redacted.restore(redacted.as_str()), text);
    }
}
