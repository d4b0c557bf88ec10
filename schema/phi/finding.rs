//! What a detection says: where, what kind, how sure, by which rule.
//!
//! Owns [`Finding`] and its vocabulary. Refuses to hold the matched text: a finding may be logged,
//! stored and shown to people who must not read the text it points into.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

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
    /// A postal code (CEP).
    Cep,
    /// A street with its house number.
    Address,
    /// A person's name.
    Name,
    /// A health condition of a person the text identifies.
    HealthCondition,
}

impl Category {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
        Self::Cpf,
        Self::Cnpj,
        Self::Cns,
        Self::Email,
        Self::Crm,
        Self::Rg,
        Self::MedicalRecord,
        Self::BirthDate,
        Self::Phone,
        Self::Cep,
        Self::Address,
        Self::Name,
        Self::HealthCondition,
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
            Self::Cep => "CEP",
            Self::Address => "ENDERECO",
            Self::Name => "NOME",
            Self::HealthCondition => "CONDICAO",
        }
    }

    /// What the LGPD (Lei 13.709/2018) calls it: the provision that makes it protected data, which
    /// is where a reviewer starts. It is not the basis that would allow a processing (Art. 7 and 11
    /// list those): that one belongs to the purpose, which no text tells.
    #[must_use]
    pub const fn legal_basis(self) -> &'static str {
        match self {
            // They are issued in care: to hold one is to know that its bearer was a patient.
            Self::Cns | Self::MedicalRecord | Self::HealthCondition => {
                "LGPD Art. 5, II and Art. 11"
            }
            // Councils publish it, as the law has them do.
            Self::Crm => "LGPD Art. 5, I and Art. 7, par. 3",
            // A company's is none; that of a sole trader is a person's.
            Self::Cnpj => "LGPD Art. 5, I if of one person",
            Self::Cpf
            | Self::Email
            | Self::Rg
            | Self::BirthDate
            | Self::Phone
            | Self::Cep
            | Self::Address
            | Self::Name => "LGPD Art. 5, I",
        }
    }

    /// Whether it is sensitive in the sense of Art. 5, II by itself.
    #[must_use]
    pub const fn is_sensitive(self) -> bool {
        matches!(
            self,
            Self::Cns | Self::MedicalRecord | Self::HealthCondition
        )
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
    /// A postal code after its word.
    CepAfterLabel,
    /// A postal code that follows an address.
    CepAfterAddress,
    /// A street after a word that says that somebody lives there.
    AddressAfterLabel,
    /// A street with its house number, no institution before it.
    AddressByShape,
    /// A name after a form of address (Sr., Dra. …).
    NameAfterTitle,
    /// A name after a word for a person or for a name (paciente, nome …).
    NameAfterLabel,
    /// A name beside another identifier.
    NameBesideIdentifier,
    /// A name that was found elsewhere in the same text.
    NameRepeated,
    /// A condition in one paragraph with an identifier of a person.
    ConditionBesidePerson,
    /// A code of the International Classification of Diseases, likewise.
    DiseaseCodeBesidePerson,
}

/// One identifier in a text: never its text, only where it is.
///
/// Its serialised form tells its legal basis too, which follows from the category: what a plugin
/// answers there is not read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
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

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Finding", 6)?;
        shown.serialize_field("category", &self.category)?;
        shown.serialize_field("start", &self.start)?;
        shown.serialize_field("end", &self.end)?;
        shown.serialize_field("confidence", &self.confidence)?;
        shown.serialize_field("rule", &self.rule)?;
        shown.serialize_field("legal_basis", self.category.legal_basis())?;
        shown.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_carries_the_article_that_protects_it() {
        for category in Category::ALL {
            let finding = Finding {
                category,
                start: 0,
                end: 1,
                confidence: 90,
                rule: Rule::CpfGrouped,
            };
            let shown = serde_json::to_value(finding).unwrap();
            let basis = shown["legal_basis"].as_str().unwrap();
            assert!(basis.starts_with("LGPD Art. 5, I"), "{category:?}: {basis}");
            assert_eq!(basis.contains("Art. 11"), category.is_sensitive());
            assert_eq!(serde_json::from_value::<Finding>(shown).unwrap(), finding);
        }
    }
}
