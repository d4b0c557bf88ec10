//! The consent form of LGPD Art. 8, drafted in Portuguese from what the controller states.
//!
//! Owns which statements the law asks for, in what order they are read, and the clause that stands
//! apart from the others. Refuses to invent any of them: a controller, a purpose or a retention
//! that the caller does not state is an error that names the field, and a purpose so wide that it
//! authorises anything is void (Art. 8, par. 4) and is not drafted.
//!
//! What the form takes from where (Lei 13.709/2018): written clause set apart, Art. 8, par. 1;
//! particular purposes, no blanket authorisation, Art. 8, par. 4; revocation at any time, free and
//! easy, Art. 8, par. 5; what the person must be told (purpose, form and duration, controller and
//! contact, sharing, responsibilities, rights), Art. 9; sensitive data specifically and set apart
//! for specific purposes, Art. 11, I; a child's by a parent, Art. 14, par. 1; deletion at the end,
//! Art. 15 and 16; rights, Art. 18. A lawyer reads it before anybody signs it.
//!
//! PHI: purpose: drafting what the person is asked; legal basis: the request's own (Art. 7, I and
//! Art. 11, I are what the form asks for); retention: none, the draft is the caller's; access:
//! the caller; encryption: nothing rests; audit: the caller's. A holder's name is in it only when
//! the caller puts it there.

mod draft;
mod request;

pub use request::{
    ConsentDraft, ConsentError, ConsentForm, ConsentRequest, Controller, Holder, Sharing,
};

use super::finding::Category;

/// Drafts the form for the categories that a request names.
///
/// # Errors
/// A [`ConsentError`] that names the field that is missing, too long or too wide.
pub fn consent_form(request: &ConsentRequest) -> Result<ConsentForm, ConsentError> {
    request.check()?;
    let mut categories = request.categories.clone();
    if let Some(text) = &request.text {
        let found = super::analyze(text).findings;
        categories.extend(found.iter().map(|finding| finding.category));
    }
    categories.sort_unstable();
    categories.dedup();
    if categories.is_empty() {
        return Err(ConsentError::NoCategories);
    }
    let sensitive = categories.iter().any(|category| category.is_sensitive());
    let placeholders = draft::placeholders(request);
    Ok(ConsentForm {
        text: draft::text(request, &categories, sensitive),
        categories,
        sensitive,
        placeholders,
    })
}

/// What a category is called in a form.
const fn in_portuguese(category: Category) -> &'static str {
    match category {
        Category::Cpf => "número de inscrição no CPF",
        Category::Cnpj => "número de inscrição no CNPJ",
        Category::Cns => "número do Cartão Nacional de Saúde (CNS)",
        Category::Email => "endereço de e-mail",
        Category::Crm => "registro profissional no CRM",
        Category::Rg => "número da carteira de identidade (RG)",
        Category::MedicalRecord => "número de prontuário ou de atendimento",
        Category::BirthDate => "data de nascimento",
        Category::Phone => "número de telefone",
        Category::Cep => "código de endereçamento postal (CEP)",
        Category::Address => "endereço residencial",
        Category::Name => "nome",
        Category::HealthCondition => "condições de saúde e diagnósticos",
    }
}

#[cfg(test)]
mod tests;
