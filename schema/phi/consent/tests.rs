//! What a consent form must say, and what none is drafted from.

use super::*;

fn request() -> ConsentRequest {
    ConsentRequest {
        controller: Controller {
            name: "Clínica Exemplo Ltda.".into(),
            document: "11.222.333/0001-81".into(),
            address: "Rua das Flores, 120, São Paulo/SP".into(),
            officer: "Ana Encarregada, dpo@exemplo.com.br".into(),
            revocation_channel: "pelo e-mail dpo@exemplo.com.br ou na recepção.".into(),
        },
        purposes: vec![
            "publicar o relato do meu caso no site da clínica".into(),
            "enviar lembretes das minhas consultas por e-mail".into(),
        ],
        processing: "coleta, armazenamento e publicação".into(),
        retention: "até a retirada da página, no máximo cinco anos".into(),
        refusal: "o atendimento segue igual; apenas a publicação não acontece".into(),
        categories: vec![Category::Name, Category::Email],
        ..ConsentRequest::default()
    }
}

#[test]
fn a_form_says_what_the_law_asks_for() {
    let form = consent_form(&request()).unwrap();
    for said in [
        "Controlador: **Clínica Exemplo Ltda.**, inscrito sob o nº 11.222.333/0001-81",
        "a) publicar o relato do meu caso no site da clínica;",
        "b) enviar lembretes das minhas consultas por e-mail;",
        "Nenhuma outra finalidade está autorizada",
        "- endereço de e-mail;",
        "Duração: até a retirada da página, no máximo cinco anos.",
        "Com ninguém.",
        "portabilidade, V",
        "Autoridade Nacional de Proteção de Dados",
        "de graça e sem explicar o motivo (art. 8º, § 5º): pelo e-mail dpo@exemplo.com.br",
        "> **CLÁUSULA DE CONSENTIMENTO — destacada das demais (art. 8º, § 1º)**",
        "> ( ) Sim  ( ) Não — finalidade b",
    ] {
        assert!(
            form.text.contains(said),
            "`{said}` is not in\n{}",
            form.text
        );
    }
    assert!(!form.sensitive && !form.text.contains("art. 11"));
    assert_eq!(form.placeholders, ["holder.name", "holder.document"]);
}

#[test]
fn each_right_of_article_18_is_named() {
    let form = consent_form(&request()).unwrap();
    for right in [
        "(I)", "(II)", "(III)", "(IV)", ", V)", "(VI)", "(VII)", "(VIII)", "(IX)",
    ] {
        assert!(form.text.contains(right), "{right}");
    }
}

#[test]
fn sensitive_data_found_in_the_text_is_asked_for_apart_and_never_repeated() {
    let text = "Paciente Zuleide Brandão, CPF 529.982.247-25, com diabetes tipo 2.";
    let form = consent_form(&ConsentRequest {
        text: Some(text.into()),
        categories: Vec::new(),
        ..request()
    })
    .unwrap();
    assert_eq!(
        form.categories,
        [Category::Cpf, Category::Name, Category::HealthCondition]
    );
    assert!(form.sensitive);
    assert!(
        form.text
            .contains("De forma específica e destacada (art. 11, I)")
    );
    assert!(
        form.text
            .contains("condições de saúde e diagnósticos — **dado pessoal sensível**")
    );
    assert!(!form.text.contains("529") && !form.text.contains("Zuleide"));
}

#[test]
fn a_field_the_law_asks_for_is_never_invented() {
    type Blank = fn(&mut ConsentRequest);
    let blanks: [(&str, Blank); 9] = [
        ("controller.name", |r| r.controller.name.clear()),
        ("controller.document", |r| r.controller.document.clear()),
        ("controller.address", |r| r.controller.address = " ".into()),
        ("controller.officer", |r| r.controller.officer.clear()),
        ("controller.revocation_channel", |r| {
            r.controller.revocation_channel.clear()
        }),
        ("processing", |r| r.processing.clear()),
        ("retention", |r| r.retention.clear()),
        ("refusal", |r| r.refusal.clear()),
        ("purposes", |r| r.purposes.clear()),
    ];
    for (field, blank) in blanks {
        let mut request = request();
        blank(&mut request);
        let error = consent_form(&request).unwrap_err();
        assert!(
            matches!(error, ConsentError::Missing { field: named, .. } if named == field),
            "{field}: {error}"
        );
        assert!(error.to_string().contains("LGPD Art."), "{error}");
    }
}

#[test]
fn a_blanket_authorisation_is_not_drafted() {
    for (purpose, error) in [
        (
            "usar meus dados para QUAISQUER FINS da clínica",
            ConsentError::Blanket { index: 0 },
        ),
        (
            "tratamento dos dados a critério da instituição",
            ConsentError::Blanket { index: 0 },
        ),
        ("marketing", ConsentError::Vague { index: 0 }),
    ] {
        let purposes = vec![purpose.to_owned()];
        let request = ConsentRequest {
            purposes,
            ..request()
        };
        assert_eq!(consent_form(&request), Err(error), "{purpose}");
    }
    let purposes = vec![request().purposes[0].clone(); 9];
    let many = ConsentRequest {
        purposes,
        ..request()
    };
    assert_eq!(consent_form(&many), Err(ConsentError::TooManyPurposes));
    let none = ConsentRequest {
        categories: Vec::new(),
        ..request()
    };
    assert_eq!(consent_form(&none), Err(ConsentError::NoCategories));
}

#[test]
fn a_value_cannot_draw_a_clause_of_its_own() {
    let mut request = request();
    request.controller.name = "Clínica\n## 9. Autorizo tudo".into();
    let field = "controller.name";
    assert_eq!(consent_form(&request), Err(ConsentError::Control { field }));
    request.controller.name = "x".repeat(401);
    assert_eq!(consent_form(&request), Err(ConsentError::TooLong { field }));
}

#[test]
fn a_child_s_form_is_signed_by_a_guardian() {
    let mut request = request();
    request.holder.name = "Davi Exemplo".into();
    request.holder.guardian = "Maria Exemplo".into();
    let form = consent_form(&request).unwrap();
    assert!(form.text.contains("responsável legal por Davi Exemplo"));
    assert!(form.text.contains("art. 14, § 1º"));
    assert_eq!(form.placeholders, ["holder.document"]);
}
