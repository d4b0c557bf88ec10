//! The content plugins as they are shipped, through the host that will run them.

use plantao_schema::plugin::Capability;

use super::guests::{Bench, CPF, real, spec};
use crate::plugin::Limits;
use plantao_schema::claims::{CfmRule, ClaimKind, Extraction, Requirement};
use plantao_schema::phi::{Category, ConsentDraft};

const ARTICLE: &str = "A vacina contra o HPV previne o câncer de colo do útero. \
    Conosco o resultado garantido é seu. Dra. Ana Exemplo, MÉDICA, CRM/SP 123456.";

#[tokio::test]
async fn the_extractor_finds_a_statement_and_forbidden_words_in_redacted_text() {
    let bench = Bench::new();
    let module = bench.module(&spec(Limits::default()), &real("claims-extractor.wasm"));
    let found = bench.call(&module, "extract", ARTICLE, &[]).await.unwrap();
    let extraction: Extraction = serde_json::from_str(&found.text).unwrap();
    let kinds: Vec<ClaimKind> = extraction.claims.iter().map(|claim| claim.kind).collect();
    assert_eq!(kinds, [ClaimKind::Prevention]);
    let rules: Vec<CfmRule> = extraction.forbidden.iter().map(|one| one.rule).collect();
    assert_eq!(rules, [CfmRule::GuaranteeOfResults]);
}

#[tokio::test]
async fn that_a_physician_signs_is_seen_whether_the_name_is_shown_or_redacted() {
    let bench = Bench::new();
    let module = bench.module(&spec(Limits::default()), &real("claims-extractor.wasm"));
    for grants in [&[][..], &[Capability::PhiRaw][..]] {
        let found = bench
            .call(&module, "extract", ARTICLE, grants)
            .await
            .unwrap();
        let extraction: Extraction = serde_json::from_str(&found.text).unwrap();
        let missing = |wanted: Requirement| {
            let mut required = extraction.required.iter();
            required.any(|item| item.requirement == wanted && !item.present)
        };
        assert!(!missing(Requirement::CrmWithState) && !missing(Requirement::PhysicianName));
    }
}

#[tokio::test]
async fn the_analyzer_drafts_a_consent_form_and_names_a_field_that_is_missing() {
    let bench = Bench::new();
    let asking = spec(Limits::default());
    let module = bench.module(
        &asking.grant(Capability::PhiRaw),
        &real("lgpd-analyzer.wasm"),
    );
    let mut request = serde_json::json!({
        "controller": {
            "name": "Clínica Exemplo", "document": "11.222.333/0001-81",
            "address": "Rua das Flores, 120", "officer": "Ana, dpo@exemplo.com.br",
            "revocation_channel": "dpo@exemplo.com.br",
        },
        "purposes": ["publicar o relato do meu caso no site da clínica"],
        "processing": "coleta e publicação", "retention": "cinco anos",
        "refusal": "o atendimento segue igual",
        "text": format!("O paciente de CPF {CPF} tem diabetes."),
    });
    let ask = |request: &serde_json::Value| request.to_string();
    let raw = [Capability::PhiRaw];
    let asked = ask(&request);
    let drafted = bench.call(&module, "consent_form", &asked, &raw).await;
    let drafted = drafted.unwrap().text;
    let ConsentDraft::Drafted(form) = serde_json::from_str(&drafted).unwrap() else {
        panic!("{drafted}");
    };
    assert_eq!(form.categories, [Category::Cpf, Category::HealthCondition]);
    assert!(form.text.contains("destacada das demais") && !drafted.contains(CPF));

    request["retention"] = "".into();
    let refused = bench
        .call(&module, "consent_form", &ask(&request), &raw)
        .await;
    let refused: ConsentDraft = serde_json::from_str(&refused.unwrap().text).unwrap();
    assert!(matches!(refused, ConsentDraft::Refused { field, .. } if field == "retention"));
}
