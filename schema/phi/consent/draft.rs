//! The text of a consent form, clause by clause.
//!
//! Owns the Portuguese wording. Refuses to decide anything: what stands in a clause was checked
//! before, and what the holder has not filled in is a line of underscores.

use super::super::finding::Category;
use super::in_portuguese;
use super::request::ConsentRequest;

const BLANK: &str = "______________________________";

const RIGHTS: &str = "\
- confirmar que seus dados são tratados (I) e ter acesso a eles (II);
- corrigir dados incompletos, inexatos ou desatualizados (III);
- anonimizar, bloquear ou eliminar o que for desnecessário, excessivo ou ilícito (IV);
- levar seus dados a outro fornecedor de serviço (portabilidade, V);
- eliminar os dados tratados com este consentimento, salvo os casos do art. 16 (VI);
- saber com quem seus dados foram compartilhados (VII);
- saber que pode não consentir, e o que decorre disso (VIII);
- revogar este consentimento (IX);
- peticionar à Autoridade Nacional de Proteção de Dados (art. 18, § 1º).
";

/// Which of the holder's fields are left to be filled in by hand.
pub(super) fn placeholders(request: &ConsentRequest) -> Vec<String> {
    let holder = &request.holder;
    [
        ("holder.name", &holder.name),
        ("holder.document", &holder.document),
    ]
    .into_iter()
    .filter(|(_, value)| value.trim().is_empty())
    .map(|(field, _)| field.to_owned())
    .collect()
}

pub(super) fn text(request: &ConsentRequest, categories: &[Category], sensitive: bool) -> String {
    let controller = &request.controller;
    let (purposes, data) = (purposes(request), data(categories));
    let (sharing, clause) = (sharing(request), clause(request, categories, sensitive));
    format!(
        "# Termo de consentimento para o tratamento de dados pessoais

Lei nº 13.709/2018 (LGPD), arts. 8º, 9º{sensitive_article} e 18.

## 1. Quem pede

Controlador: **{name}**, inscrito sob o nº {document}, {address}.
Encarregado pelo tratamento de dados pessoais (art. 41): {officer}.

## 2. Para quê

{purposes}
Nenhuma outra finalidade está autorizada. Se a finalidade mudar, novo consentimento será pedido
(art. 8º, § 6º, e art. 9º, § 2º).

## 3. Que dados

{data}
## 4. Como e por quanto tempo

Forma: {processing}.
Duração: {retention}. Terminado o tratamento, os dados são eliminados, salvo os casos em que a lei
manda ou permite conservá-los (arts. 15 e 16).

## 5. Com quem são compartilhados

{sharing}
## 6. Seus direitos (art. 18)

{RIGHTS}
## 7. Se você não consentir

{refusal}.

## 8. Como revogar

A qualquer momento, de graça e sem explicar o motivo (art. 8º, § 5º): {revocation}.
O que foi feito antes da revogação continua válido enquanto você não pedir a eliminação.

---

{clause}",
        sensitive_article = if sensitive { ", 11" } else { "" },
        name = controller.name.trim(),
        document = controller.document.trim(),
        address = controller.address.trim(),
        officer = controller.officer.trim(),
        processing = sentence(&request.processing),
        retention = sentence(&request.retention),
        refusal = sentence(&request.refusal),
        revocation = sentence(&controller.revocation_channel),
    )
}

/// Without the full stop that the clause brings.
fn sentence(text: &str) -> &str {
    text.trim().trim_end_matches('.')
}

fn purposes(request: &ConsentRequest) -> String {
    let numbered = request.purposes.iter().zip('a'..);
    numbered
        .map(|(purpose, letter)| format!("{letter}) {};\n", sentence(purpose)))
        .collect()
}

fn data(categories: &[Category]) -> String {
    let line = |category: &Category| {
        let mark = if category.is_sensitive() {
            " — **dado pessoal sensível** (art. 5º, II)"
        } else {
            ""
        };
        format!("- {}{mark};\n", in_portuguese(*category))
    };
    categories.iter().map(line).collect()
}

fn sharing(request: &ConsentRequest) -> String {
    if request.sharing.is_empty() {
        return "Com ninguém.\n".to_owned();
    }
    let line = request.sharing.iter().map(|sharing| {
        let (with, purpose) = (sharing.with.trim(), sentence(&sharing.purpose));
        format!("- {with}, para {purpose};\n")
    });
    line.collect()
}

/// The clause that stands apart from the others (Art. 8, par. 1; Art. 11, I), one box a purpose.
fn clause(request: &ConsentRequest, categories: &[Category], sensitive: bool) -> String {
    let holder = &request.holder;
    let filled = |value: &str| match value.trim() {
        "" => BLANK.to_owned(),
        given => given.to_owned(),
    };
    let who = match holder.guardian.trim() {
        "" => format!(
            "Eu, {}, CPF {},",
            filled(&holder.name),
            filled(&holder.document)
        ),
        guardian => format!(
            "Eu, {guardian}, mãe, pai ou responsável legal por {}, CPF {} (art. 14, § 1º),",
            filled(&holder.name),
            filled(&holder.document)
        ),
    };
    let boxes: String = request
        .purposes
        .iter()
        .zip('a'..)
        .map(|(_, letter)| format!("> ( ) Sim  ( ) Não — finalidade {letter}\n"))
        .collect();
    let specific = if sensitive {
        let named: Vec<&str> = categories
            .iter()
            .filter(|category| category.is_sensitive())
            .map(|category| in_portuguese(*category))
            .collect();
        format!(
            ">\n> De forma específica e destacada (art. 11, I), quanto aos **dados sensíveis** \
             ({}):\n>\n> ( ) Consinto  ( ) Não consinto\n",
            named.join(", ")
        )
    } else {
        String::new()
    };
    format!(
        "> **CLÁUSULA DE CONSENTIMENTO — destacada das demais (art. 8º, § 1º)**
>
> {who} li este termo, pude perguntar, e decido, livremente e para cada finalidade:
>
{boxes}{specific}>
> Local e data: {BLANK}   Assinatura: {BLANK}
"
    )
}
