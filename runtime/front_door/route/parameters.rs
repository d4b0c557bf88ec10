//! Segments and query parameters, one reader each: what is not as expected is named.

use super::{AuditPage, Route};
use http::Method;
use plantao_actors::audit::Cursor;
use plantao_schema::access::Purpose;
use plantao_schema::fhir::{self, FhirType};
use plantao_schema::id::{BedId, PatientId, ResourceId};
use plantao_schema::problem::{Problem, ProblemCode};
use uuid::Uuid;

/// Most entries of the audit trail in one page.
const AUDIT_PAGE_MAX: u32 = 1_000;
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

pub(super) fn audit_page(query: &Query<'_>) -> Result<AuditPage, Problem> {
    let bad = |field: &str, expected: &str| {
        Problem::new(ProblemCode::Malformed, format!("expected {expected}")).field(field)
    };
    let limit = match query.value("limit") {
        None => 100,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=AUDIT_PAGE_MAX).contains(limit))
            .ok_or_else(|| bad("limit", "a number from 1 to 1000"))?,
    };
    let after = query
        .value("after")
        .map(|text| {
            let (chain, seq) = text.rsplit_once(':')?;
            Some(Cursor {
                chain: chain.to_owned(),
                seq: seq.parse().ok()?,
            })
        })
        .map(|place| place.ok_or_else(|| bad("after", "`CHAIN:NUMBER`, as `next` gives it")))
        .transpose()?;
    let newest_first = match query.value("order").as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(bad("order", "`asc` or `desc`")),
    };
    Ok(AuditPage {
        after,
        newest_first,
        limit,
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
