//! What a consent form is drafted from, and what is wrong with it.
//!
//! Owns the fields the caller supplies and their limits. Refuses an empty field, a line break
//! inside one (a value must not draw a clause of its own) and a purpose that means anything.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::super::finding::Category;

/// A field is a line of a form, not a text.
const FIELD_CHARS_MAX: usize = 400;
/// More purposes than this are nobody's particular purposes.
const PURPOSES_MAX: usize = 8;
/// A purpose of fewer words says what is done and not what for.
const PURPOSE_WORDS_MIN: usize = 4;
/// What is said of a purpose that authorises anything; folded.
const BLANKET: [&str; 12] = [
    "qualquer finalidade",
    "quaisquer finalidades",
    "todas as finalidades",
    "quaisquer fins",
    "qualquer fim",
    "todos os fins",
    "fins diversos",
    "diversas finalidades",
    "finalidades gerais",
    "outras finalidades",
    "outros fins",
    "a criterio d",
];

/// Who decides about the processing (Art. 5, VI) and how to reach them (Art. 9, III and IV).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Controller {
    /// Name or firm.
    pub name: String,
    /// CNPJ, or CPF of a natural person.
    pub document: String,
    /// Postal address.
    pub address: String,
    /// The person in charge of data protection (encarregado, Art. 41): name and channel.
    pub officer: String,
    /// Where consent is revoked, free of charge and without asking why (Art. 8, par. 5).
    pub revocation_channel: String,
}

/// Whose data it is. An empty field is printed as a line to be filled in by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Holder {
    /// Name.
    pub name: String,
    /// CPF.
    pub document: String,
    /// The parent or guardian who consents for a child (Art. 14, par. 1).
    pub guardian: String,
}

/// With whom the data is shared, and why (Art. 9, V).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// Who receives it.
    pub with: String,
    /// What for.
    pub purpose: String,
}

/// What the controller states.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsentRequest {
    /// Who asks.
    pub controller: Controller,
    /// Who is asked.
    pub holder: Holder,
    /// Each particular purpose, in Portuguese (Art. 8, par. 4).
    pub purposes: Vec<String>,
    /// How the data is processed (Art. 9, II): collected, stored, published …
    pub processing: String,
    /// How long it is kept, or until when (Art. 9, II; Art. 15).
    pub retention: String,
    /// What happens, and what does not, to who says no (Art. 18, VIII).
    pub refusal: String,
    /// Recipients; none is stated as none.
    pub sharing: Vec<Sharing>,
    /// Categories of data, besides those found in `text`.
    pub categories: Vec<Category>,
    /// A text whose categories the form is to name. None of it is repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentForm {
    /// The form, in Portuguese, as Markdown.
    pub text: String,
    /// The categories it names.
    pub categories: Vec<Category>,
    /// Whether it asks for sensitive data (Art. 11, I).
    pub sensitive: bool,
    /// Fields of the holder that are left to be filled in by hand.
    pub placeholders: Vec<String>,
}

/// Why no form was drafted. Names the field, never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConsentError {
    /// The law asks for it and it was not given.
    #[error("field `{field}` is missing: {asked_by} asks for it")]
    Missing {
        /// Which.
        field: &'static str,
        /// Who asks.
        asked_by: &'static str,
    },
    /// More than a line.
    #[error("field `{field}` is longer than 400 characters")]
    TooLong {
        /// Which.
        field: &'static str,
    },
    /// A control character, a line break among them.
    #[error("field `{field}` holds a line break or another control character")]
    Control {
        /// Which.
        field: &'static str,
    },
    /// An authorisation for anything is void.
    #[error("purpose `{index}` is too wide: a generic authorisation is void (LGPD Art. 8, par. 4)")]
    Blanket {
        /// Which of the purposes, from zero.
        index: usize,
    },
    /// Too short to say what for.
    #[error("purpose `{index}` is too short: expected at least 4 words that say what for")]
    Vague {
        /// Which of the purposes, from zero.
        index: usize,
    },
    /// More purposes than anybody reads.
    #[error("more than 8 purposes: consent is for particular ones (LGPD Art. 8, par. 4)")]
    TooManyPurposes,
    /// Neither named nor found in the text.
    #[error("no category of data: name them in `categories` or give a `text` that holds some")]
    NoCategories,
}

impl ConsentError {
    /// The field to mend.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Missing { field, .. } | Self::TooLong { field } | Self::Control { field } => {
                field
            }
            Self::Blanket { .. } | Self::Vague { .. } | Self::TooManyPurposes => "purposes",
            Self::NoCategories => "categories",
        }
    }
}

/// What the plugin answers: a form, or what to mend. A refusal is an answer, because the host hides
/// what a plugin that was shown raw text says in an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ConsentDraft {
    /// The form.
    Drafted(ConsentForm),
    /// No form.
    Refused {
        /// The field to mend.
        field: String,
        /// What is wrong with it; fixed words, nothing of the request.
        message: String,
    },
}

impl From<Result<ConsentForm, ConsentError>> for ConsentDraft {
    fn from(drafted: Result<ConsentForm, ConsentError>) -> Self {
        match drafted {
            Ok(form) => Self::Drafted(form),
            Err(error) => Self::Refused {
                field: error.field().to_owned(),
                message: error.to_string(),
            },
        }
    }
}

impl ConsentRequest {
    /// Whether everything that the law asks for is there.
    pub(super) fn check(&self) -> Result<(), ConsentError> {
        let controller = &self.controller;
        for (field, value, asked_by) in [
            ("controller.name", &controller.name, "LGPD Art. 9, III"),
            (
                "controller.document",
                &controller.document,
                "LGPD Art. 9, III",
            ),
            ("controller.address", &controller.address, "LGPD Art. 9, IV"),
            ("controller.officer", &controller.officer, "LGPD Art. 41"),
            (
                "controller.revocation_channel",
                &controller.revocation_channel,
                "LGPD Art. 8, par. 5",
            ),
            ("processing", &self.processing, "LGPD Art. 9, II"),
            ("retention", &self.retention, "LGPD Art. 9, II"),
            ("refusal", &self.refusal, "LGPD Art. 18, VIII"),
        ] {
            if value.trim().is_empty() {
                return Err(ConsentError::Missing { field, asked_by });
            }
            one_line(field, value)?;
        }
        one_line("holder.name", &self.holder.name)?;
        one_line("holder.document", &self.holder.document)?;
        one_line("holder.guardian", &self.holder.guardian)?;
        for sharing in &self.sharing {
            for (field, value) in [
                ("sharing.with", &sharing.with),
                ("sharing.purpose", &sharing.purpose),
            ] {
                if value.trim().is_empty() {
                    let asked_by = "LGPD Art. 9, V";
                    return Err(ConsentError::Missing { field, asked_by });
                }
                one_line(field, value)?;
            }
        }
        self.check_purposes()
    }

    fn check_purposes(&self) -> Result<(), ConsentError> {
        let (field, asked_by) = ("purposes", "LGPD Art. 8, par. 4");
        if self.purposes.is_empty() {
            return Err(ConsentError::Missing { field, asked_by });
        }
        if self.purposes.len() > PURPOSES_MAX {
            return Err(ConsentError::TooManyPurposes);
        }
        for (index, purpose) in self.purposes.iter().enumerate() {
            if purpose.trim().is_empty() {
                return Err(ConsentError::Missing { field, asked_by });
            }
            one_line(field, purpose)?;
            let folded = folded(purpose);
            if BLANKET.iter().any(|wide| folded.contains(wide)) {
                return Err(ConsentError::Blanket { index });
            }
            if folded.split_whitespace().count() < PURPOSE_WORDS_MIN {
                return Err(ConsentError::Vague { index });
            }
        }
        Ok(())
    }
}

fn one_line(field: &'static str, value: &str) -> Result<(), ConsentError> {
    if value.chars().count() > FIELD_CHARS_MAX {
        return Err(ConsentError::TooLong { field });
    }
    if value
        .chars()
        .any(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}'))
    {
        return Err(ConsentError::Control { field });
    }
    Ok(())
}

/// In lower case, without the accents that Portuguese has.
fn folded(text: &str) -> String {
    let plain = text
        .chars()
        .flat_map(char::to_lowercase)
        .map(|char| match char {
            'à'..='ã' => 'a',
            'ç' => 'c',
            'é' | 'ê' => 'e',
            'í' => 'i',
            'ó'..='õ' => 'o',
            'ú' | 'ü' => 'u',
            other => other,
        });
    let plain: String = plain.collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
