//! What a detection says: where, what kind, how sure, by which rule.
//!
//! Owns [`Finding`] and its vocabulary. Refuses to hold the matched text: a finding may be logged,
//! stored and shown to people who must not read the text it points into.

use serde::{Deserialize, Serialize};

/// What kind of identifier was found; in order of how specific its evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A natural person's taxpayer number.
    Cpf,
    /// A legal person's number.
    Cnpj,
    /// A health card number (Cartão Nacional de Saúde).
    Cns,
    /// An e-mail address.
    Email,
    /// A physician's registration (CRM and state).
    Crm,
    /// A state identity card number.
    Rg,
    /// A medical-record, admission or attendance number.
    MedicalRecord,
    /// A date of birth.
    BirthDate,
    /// A Brazilian telephone number.
    Phone,
    /// A person's name.
    Name,
}

impl Category {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Cpf,
        Self::Cnpj,
        Self::Cns,
        Self::Email,
        Self::Crm,
        Self::Rg,
        Self::MedicalRecord,
        Self::BirthDate,
        Self::Phone,
        Self::Name,
    ];

    /// The word a redaction token carries. Portuguese, as the texts are.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cpf => "CPF",
            Self::Cnpj => "CNPJ",
            Self::Cns => "CNS",
            Self::Email => "EMAIL",
            Self::Crm => "CRM",
            Self::Rg => "RG",
            Self::MedicalRecord => "PRONTUARIO",
            Self::BirthDate => "NASCIMENTO",
            Self::Phone => "TELEFONE",
            Self::Name => "NOME",
        }
    }
}

/// Which rule made a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Eleven digits in groups, check digits right.
    CpfGrouped,
    /// Eleven digits in a row, check digits right.
    CpfBare,
    /// Fourteen characters in groups, check digits right.
    CnpjGrouped,
    /// Fourteen characters in a row, check digits right.
    CnpjBare,
    /// Fifteen digits after a context word, weighted sum right.
    CnsAfterLabel,
    /// A local part, `@` and a domain of two labels or more.
    EmailAddress,
    /// A registration with its state.
    CrmWithState,
    /// A registration without a state.
    CrmWithoutState,
    /// A number after a word for the identity card.
    RgAfterLabel,
    /// A number after a word for the medical record.
    RecordAfterLabel,
    /// A calendar date beside a word for birth.
    BirthDateBesideLabel,
    /// An area code and a number, punctuated as one writes a telephone number.
    PhoneWithAreaCode,
    /// Digits that a context word makes a telephone number.
    PhoneAfterLabel,
    /// Digits that have only the shape of a mobile number.
    PhoneByShape,
    /// A name after a form of address (Sr., Dra. …).
    NameAfterTitle,
    /// A name after a word for a person or for a name (paciente, nome …).
    NameAfterLabel,
    /// A name beside another identifier.
    NameBesideIdentifier,
    /// A name that was found elsewhere in the same text.
    NameRepeated,
}

/// One identifier in a text: never its text, only where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub category: Category,
    /// First byte, on a character boundary.
    pub start: usize,
    /// One past the last byte, on a character boundary.
    pub end: usize,
    /// How sure the rule is, 0 to 100.
    pub confidence: u8,
    /// Which rule found it.
    pub rule: Rule,
}
