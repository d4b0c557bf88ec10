//! Identifiers as types: a value of one of these types has been checked once, at the edge.
//!
//! Refuses anything that could be a path, a separator of the audit encoding or free text. An error
//! names the kind of identifier and the rule that was broken, never the value, because a caller may
//! have put a name or a document number where an identifier belongs.

use crate::phi::{cns_is_valid, cpf_is_valid};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest identifier accepted, in bytes: FHIR's own limit for `id` (R4, section 2.24.0.1).
pub const ID_MAX_BYTES: usize = 64;

/// Why a text is not an identifier. Never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("{kind} is empty: expected 1 to 64 characters of A-Z, a-z, 0-9, `-` and `.`")]
    Empty {
        /// Which identifier was being read.
        kind: &'static str,
    },
    /// More than [`ID_MAX_BYTES`].
    #[error("{kind} has {bytes} bytes: at most 64 are accepted")]
    TooLong {
        /// Which identifier was being read.
        kind: &'static str,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A person's document number: identifiers stand in addresses, tables and the audit trail in
    /// the clear, and must identify nobody outside this system. Of random numbers of 11 or 15
    /// digits one in a hundred and one in twenty are refused too; a letter in front is enough.
    #[error("{kind} is a valid CPF or CNS: expected an identifier that names nobody")]
    Document {
        /// Which identifier was being read.
        kind: &'static str,
    },
    /// A character outside the accepted set, or a name made of dots alone.
    #[error("{kind} has a character outside A-Z, a-z, 0-9, `-` and `.`, or consists of dots")]
    Character {
        /// Which identifier was being read.
        kind: &'static str,
    },
}

fn check(kind: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { kind });
    }
    if text.len() > ID_MAX_BYTES {
        return Err(IdError::TooLong {
            kind,
            bytes: text.len(),
        });
    }
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    // `.` and `..` are legal by FHIR's pattern and a path traversal everywhere else.
    if !plain || text.bytes().all(|b| b == b'.') {
        return Err(IdError::Character { kind });
    }
    let digits: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if cpf_is_valid(&digits) || cns_is_valid(&digits) {
        return Err(IdError::Document { kind });
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text and takes it as an identifier.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, longer than 64 bytes or has another character than
            /// `A-Z a-z 0-9 - .`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check($kind, text).map(|()| Self(text.to_owned()))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check($kind, &text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

identifier!(
    /// The institution that data belongs to. Part of every key, policy and associated data.
    Tenant,
    "tenant"
);
identifier!(
    /// The logical id of a patient's record: a pseudonym, never a document number.
    PatientId,
    "patient id"
);
identifier!(
    /// The logical id of any stored resource.
    ResourceId,
    "resource id"
);
identifier!(
    /// Who acts: the subject of a credential.
    PrincipalId,
    "principal id"
);
identifier!(
    /// One request, from the front door to its audit entry.
    RequestId,
    "request id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_traversal_is_not_an_identifier() {
        for text in [
            "..", ".", "../x", "a/b", "a%2fb", "a\\b", "a\0", "ção", "a b",
        ] {
            assert_eq!(
                ResourceId::parse(text),
                Err(IdError::Character {
                    kind: "resource id"
                }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_limit_is_sixty_four_bytes_and_empty_is_refused() {
        assert!(Tenant::parse(&"a".repeat(64)).is_ok());
        let long = Tenant::parse(&"a".repeat(65));
        assert_eq!(
            long,
            Err(IdError::TooLong {
                kind: "tenant",
                bytes: 65
            })
        );
        assert_eq!(Tenant::parse(""), Err(IdError::Empty { kind: "tenant" }));
    }

    #[test]
    fn a_document_number_is_no_identifier() {
        for text in [
            "52998224725",
            "529.982.247-25",
            "700000000000005",
            "700-0000-0000-0005",
        ] {
            let kind = "patient id";
            assert_eq!(
                PatientId::parse(text),
                Err(IdError::Document { kind }),
                "{text}"
            );
        }
        assert!(
            PatientId::parse("52998224726").is_ok(),
            "its check digits are wrong"
        );
        assert!(PatientId::parse("p52998224725").is_ok());
    }

    #[test]
    fn deserialising_checks_too() {
        assert!(serde_json::from_str::<PatientId>("\"maria-1\"").is_ok());
        let refused = serde_json::from_str::<PatientId>("\"123/456\"");
        let text = refused.map_or_else(|e| e.to_string(), |id| id.to_string());
        assert!(
            text.contains("patient id") && !text.contains("456"),
            "{text}"
        );
    }
}
