//! Segments and query parameters, one reader each: what is not as expected is named.

use super::Route;
use http::Method;
use plantao_schema::access::Purpose;
use plantao_schema::fhir::{self, FhirType};
use plantao_schema::id::{BedId, PatientId, ResourceId};
use plantao_schema::problem::{Problem, ProblemCode};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Longest name of a plugin's function.
const FUNCTION_NAME_MAX: usize = 64;

pub(super) fn only<R>(method: &Method, allowed: &[Method], route: R) -> Result<R, Problem> {
    if allowed.contains(method) {
        Ok(route)
    } else {
        Err(method_not_allowed(allowed))
    }
}

pub(super) fn method_not_allowed(allowed: &[Method]) -> Problem {
    let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    let detail = format!("this address takes {}", names.join(", "));
    Problem::new(ProblemCode::MethodNotAllowed, detail).field("method")
}

pub(super) fn fhir_type(name: &str) -> Result<FhirType, Problem> {
    fhir::parse_type(name)
        .map_err(|error| Problem::new(ProblemCode::NotFound, error.to_string()).field("type"))
}

pub(super) fn resource_id(text: &str) -> Result<ResourceId, Problem> {
    ResourceId::parse(text)
        .map_err(|error| Problem::new(ProblemCode::Malformed, error.to_string()).field("id"))
}

pub(super) fn function_name(text: &str) -> Result<String, Problem> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && (1..=FUNCTION_NAME_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let detail = "expected 1 to 64 characters of A-Z, a-z, 0-9 and `_`";
    Err(Problem::new(ProblemCode::Malformed, detail).field("function"))
}

pub(super) fn search(kind: FhirType, query: &Query<'_>) -> Result<Route, Problem> {
    let expected = "expected `?identifier=SYSTEM|VALUE`, the only search there is";
    let bad = || Problem::new(ProblemCode::Malformed, expected).field("identifier");
    let identifier = query.value("identifier").ok_or_else(bad)?;
    let (system, value) = identifier.split_once('|').ok_or_else(bad)?;
    if system.is_empty() || value.is_empty() {
        return Err(bad());
    }
    Ok(Route::Search {
        kind,
        system: system.to_owned(),
        value: value.to_owned(),
    })
}

/// The key of an audit entry.
pub(super) fn entry_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| {
        let detail = "expected the key of an audit entry, a UUID";
        Problem::new(ProblemCode::Malformed, detail).field("entry")
    })
}

/// A query string, read as `application/x-www-form-urlencoded`.
pub(super) struct Query<'a>(pub(super) &'a str);

impl Query<'_> {
    pub(super) fn value(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.0.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Every value of a parameter that may be given again.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        form_urlencoded::parse(self.0.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// Refuses parameters that are not known, and those that are given again without being of
    /// `many`. What a stranger called it is not repeated.
    pub(super) fn only(&self, known: &[&str], many: &[&str]) -> Result<(), Problem> {
        let mut seen = BTreeSet::new();
        for (key, _) in form_urlencoded::parse(self.0.as_bytes()) {
            let Some(name) = known.iter().find(|name| **name == key) else {
                let expected = format!("expected none but {}", known.join(", "));
                return Err(malformed("query", &expected));
            };
            if !seen.insert(*name) && !many.contains(name) {
                return Err(malformed(name, "expected once"));
            }
        }
        Ok(())
    }

    /// This query's address, without one of its parameters.
    pub(super) fn address(&self, path: &str, without: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let pairs = form_urlencoded::parse(self.0.as_bytes());
        query.extend_pairs(pairs.filter(|(key, _)| key != without));
        let query = query.finish();
        let joint = if query.is_empty() { "" } else { "?" };
        format!("{path}{joint}{query}")
    }
}

/// A parameter that is not as expected.
pub(super) fn malformed(field: &str, expected: &str) -> Problem {
    Problem::new(ProblemCode::Malformed, expected).field(field)
}

pub(super) fn patient_id(text: &str) -> Result<PatientId, Problem> {
    PatientId::parse(text).map_err(|error| malformed("patient", &error.to_string()))
}

pub(super) fn bed_id(text: &str) -> Result<BedId, Problem> {
    BedId::parse(text).map_err(|error| malformed("bed", &error.to_string()))
}

pub(super) fn purpose(text: &str) -> Result<Purpose, Problem> {
    Purpose::parse(text).map_err(|error| malformed("purpose", &error.to_string()))
}
