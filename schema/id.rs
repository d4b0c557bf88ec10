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

/// Longest name of a ward or a bed, in bytes: it is printed on a door and stands in addresses.
pub const PLACE_MAX_BYTES: usize = 32;

/// Why a text is not an identifier. Never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("{kind} is empty: expected at least one character of {expected}")]
    Empty {
        /// Which identifier was being read.
        kind: &'static str,
        /// The characters it is made of.
        expected: &'static str,
    },
    /// More bytes than this kind of identifier may have.
    #[error("{kind} has {bytes} bytes: at most {max} are accepted")]
    TooLong {
        /// Which identifier was being read.
        kind: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The most it may have.
        max: usize,
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
    #[error("{kind} has a character outside {expected}, or consists of dots")]
    Character {
        /// Which identifier was being read.
        kind: &'static str,
        /// The characters it is made of.
        expected: &'static str,
    },
}

/// What texts of one kind of identifier look like.
struct Form {
    max_bytes: usize,
    accepts: fn(u8) -> bool,
    expected: &'static str,
}

/// FHIR's `id`.
const LOGICAL: Form = Form {
    max_bytes: ID_MAX_BYTES,
    accepts: |b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.',
    expected: "A-Z, a-z, 0-9, `-` and `.`",
};

/// A place of the institution, the same in an address and on a door.
const PLACE: Form = Form {
    max_bytes: PLACE_MAX_BYTES,
    accepts: |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-',
    expected: "a-z, 0-9 and `-`",
};

/// A credential's own id.
const TOKEN: Form = Form {
    max_bytes: ID_MAX_BYTES,
    accepts: |b| b.is_ascii_alphanumeric() || b == b'-',
    expected: "A-Z, a-z, 0-9 and `-`",
};

fn check(form: &Form, kind: &'static str, text: &str) -> Result<(), IdError> {
    let (expected, max) = (form.expected, form.max_bytes);
    if text.is_empty() {
        return Err(IdError::Empty { kind, expected });
    }
    if text.len() > max {
        let bytes = text.len();
        return Err(IdError::TooLong { kind, bytes, max });
    }
    // `.` and `..` are legal by FHIR's pattern and a path traversal everywhere else.
    if !text.bytes().all(form.accepts) || text.bytes().all(|b| b == b'.') {
        return Err(IdError::Character { kind, expected });
    }
    let digits: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if cpf_is_valid(&digits) || cns_is_valid(&digits) {
        return Err(IdError::Document { kind });
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $form:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text and takes it as an identifier.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, too long, a person's document number or has a
            /// character that this kind of identifier does not have.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(&$form, $kind, text).map(|()| Self(text.to_owned()))
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
                check(&$form, $kind, &text).map(|()| Self(text))
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
    "tenant",
    LOGICAL
);
identifier!(
    /// The logical id of a patient's record: a pseudonym, never a document number.
    PatientId,
    "patient id",
    LOGICAL
);
identifier!(
    /// The logical id of any stored resource.
    ResourceId,
    "resource id",
    LOGICAL
);
identifier!(
    /// Who acts: the subject of a credential.
    PrincipalId,
    "principal id",
    LOGICAL
);
identifier!(
    /// One request, from the front door to its audit entry.
    RequestId,
    "request id",
    LOGICAL
);
identifier!(
    /// A ward of the institution, 1 to 32 of `a-z 0-9 -`.
    WardId,
    "ward id",
    PLACE
);
identifier!(
    /// A bed of a ward, 1 to 32 of `a-z 0-9 -`; unique in its ward.
    BedId,
    "bed id",
    PLACE
);
identifier!(
    /// One session of a principal: the id of its credential (`jti`), 1 to 64 of `A-Z a-z 0-9 -`.
    SessionId,
    "session id",
    TOKEN
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
                    kind: "resource id",
                    expected: LOGICAL.expected,
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
                bytes: 65,
                max: 64,
            })
        );
        let (kind, expected) = ("tenant", LOGICAL.expected);
        assert_eq!(Tenant::parse(""), Err(IdError::Empty { kind, expected }));
    }

    #[test]
    fn a_ward_and_a_bed_are_short_and_lower_case_and_a_session_has_no_dots() {
        assert!(WardId::parse("uti-adulto-2").is_ok());
        assert!(BedId::parse("07").is_ok());
        assert!(BedId::parse(&"a".repeat(33)).is_err());
        for text in ["UTI", "uti 2", "uti/2", "uti.2", "uti_2", ""] {
            assert!(WardId::parse(text).is_err(), "{text:?}");
        }
        assert!(SessionId::parse("0b6f9c2e-9d57-4c4e-8a39-5a3d0c9f9c11").is_ok());
        for text in ["a.b", "..", "a_b", ""] {
            assert!(SessionId::parse(text).is_err(), "{text:?}");
        }
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
