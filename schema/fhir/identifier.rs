//! Business identifiers: Brazilian document numbers with their check digits, and what is looked up.
//!
//! A number goes into an index in one spelling, so that `529.982.247-25` and `52998224725` find the
//! same patient.

use super::Resource;
use crate::phi::{cns_is_valid, cpf_is_valid};
use serde_json::{Map, Value};

/// The system of a CPF in Brazil's national health data network (RNDS).
pub const CPF_SYSTEM: &str = "https://saude.gov.br/fhir/sid/cpf";

/// The system of a CPF as an object identifier.
pub const CPF_SYSTEM_OID: &str = "urn:oid:2.16.840.1.113883.13.237";

/// The system of a CNS, the national health card, as an object identifier.
pub const CNS_SYSTEM: &str = "urn:oid:2.16.840.1.113883.13.236";

/// Most identifiers of one resource that become searchable.
const MAX_INDEXED: usize = 64;

/// The identifiers of a resource as `(system, value)`, in the spelling they are looked up by.
#[must_use]
pub fn identifiers(resource: &Resource) -> Vec<(String, String)> {
    let list = resource.body.get("identifier").and_then(Value::as_array);
    let pair = |identifier: &Value| {
        let value = identifier.get("value")?.as_str()?;
        let system = identifier
            .get("system")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Some((system.to_owned(), canonical_value(system, value)))
    };
    list.into_iter()
        .flatten()
        .filter_map(pair)
        .take(MAX_INDEXED)
        .collect()
}

/// The one spelling under which an identifier is indexed and looked up.
#[must_use]
pub fn canonical_value(system: &str, value: &str) -> String {
    if is_cpf(system) || system == CNS_SYSTEM {
        value.chars().filter(char::is_ascii_digit).collect()
    } else {
        value.trim().to_owned()
    }
}

/// What is wrong with the value of an `Identifier`, in words without the value.
pub(super) fn fault(identifier: &Map<String, Value>) -> Option<&'static str> {
    let system = identifier.get("system")?.as_str()?;
    let value = identifier.get("value")?.as_str()?;
    if is_cpf(system) && !cpf_is_valid(value) {
        return Some("expected a CPF: 11 digits whose check digits hold");
    }
    if system == CNS_SYSTEM && !cns_is_valid(value) {
        return Some("expected a CNS: 15 digits whose check digit holds");
    }
    None
}

fn is_cpf(system: &str) -> bool {
    system == CPF_SYSTEM || system == CPF_SYSTEM_OID
}
