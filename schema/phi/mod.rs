//! Personal and health identifiers in Portuguese and English text: found, weighed, redacted.
//!
//! Owns the rules by which the host redacts and the plugin reports: they are the same code, so the
//! two never disagree. Refuses to hand out the matched text: a [`Finding`] says where and what
//! kind, and only [`Redacted`] holds originals, to put them back. Exists because no plugin sees
//! PHI without the grant for it, and no author should publish a patient by accident.
//!
//! # What rules can do, and what they cannot
//! Numbers with check digits (CPF, CNPJ, CNS), e-mail addresses and labelled numbers are found
//! reliably. A CPF with a wrong digit is not found, nor is a telephone number of another country.
//! **Names are found only beside something that says so**: a form of address, a word such as
//! `paciente`, another identifier, or the same name found elsewhere in the text. A name that
//! stands free is missed, and no list of rules mends that: models trained for it reach about F1
//! 0.90 on real Brazilian records (BERTimbau on AnonyMED-BR). So: redaction by these rules lowers
//! the risk of a text, it does not anonymise it in the sense of LGPD Art. 12, and a person reviews
//! before publication.
//!
//! The corpus under `testdata/` is synthetic and small; the floors of precision and recall that
//! its test asserts describe that corpus, not hospital text.
//!
//! # PHI
//! Purpose: privacy review and minimisation (LGPD Art. 6, III; Art. 46). Legal basis: that of the
//! processing the text is part of. Retention: the length of a call; nothing is stored. Access:
//! whoever holds the text already. Encryption: none here, nothing rests. Audit: the caller's.

mod address;
mod condition;
mod conditions;
mod consent;
mod cut;
mod date;
mod detect;
mod email;
mod finding;
mod given;
mod identifier;
mod labelled;
mod name;
mod numbers;
mod phone;
mod redact;
mod risk;
mod run;
mod token;
mod vocabulary;
mod words;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod labelled_tests;

pub use consent::{
    ConsentDraft, ConsentError, ConsentForm, ConsentRequest, Controller, Holder, Sharing,
    consent_form,
};
pub use detect::detect;
pub use finding::{Category, Finding, Rule};
pub use identifier::{Cnpj, Cns, Cpf, IdentifierError, cnpj_is_valid, cns_is_valid, cpf_is_valid};
pub use redact::{Redacted, redact};
pub use risk::{Risk, RiskFactor, RiskKind, RiskLevel, TextContext, assess};

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Which rules made an analysis; raised whenever the same text may be answered differently.
pub const DETECTOR_VERSION: &str = "2.0.0";

/// What the analyzer answers about a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// In order of position, apart from each other.
    pub findings: Vec<Finding>,
    /// How much the text gives away.
    pub risk: Risk,
    /// Words for diseases, examinations and treatments.
    pub health_terms: usize,
    /// Which rules were used.
    pub detector_version: Cow<'static, str>,
    /// The length of the text that was analysed; offsets are within it.
    pub text_bytes: usize,
}

/// Whether a word in lower case and without accents names a condition, an examination or a
/// treatment.
pub(crate) fn is_health_word(folded: &str) -> bool {
    let health = words::Traits::HEALTH | words::Traits::CONDITION | words::Traits::CONDITION_HEAD;
    folded.len() <= words::FOLDED_MAX && words::traits(words::packed(folded.as_bytes())).any(health)
}

/// Finds and weighs the identifiers of a text, and the health conditions of whom it identifies.
#[must_use]
pub fn analyze(text: &str) -> Analysis {
    let scan = detect::scan(text, detect::Conditions::Found);
    let context = TextContext {
        bytes: text.len(),
        health_terms: scan.health_terms,
    };
    Analysis {
        risk: assess(&scan.findings, context),
        findings: scan.findings,
        health_terms: scan.health_terms,
        detector_version: Cow::Borrowed(DETECTOR_VERSION),
        text_bytes: text.len(),
    }
}
