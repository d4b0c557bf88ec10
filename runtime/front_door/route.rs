//! The addresses there are, and what each asks of the policy.
//!
//! A path segment becomes an identifier or is refused here: nothing further in ever sees `..`, `%`
//! or a slash.

use http::{Method, Uri};
use plantao_actors::audit::Cursor;
use plantao_schema::access::{Action, Purpose, ResourceKind};
use plantao_schema::fhir::{self, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::problem::{Problem, ProblemCode};

/// Most entries of the audit trail in one page.
const AUDIT_PAGE_MAX: u32 = 1_000;
/// Longest name of a plugin's function.
const FUNCTION_NAME_MAX: usize = 64;

/// One address with its parameters, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Is the door open. Public, carries no data.
    Health,
    /// What the FHIR API can do. Public by FHIR's own rule (R4, 3.1.0.6).
    Metadata,
    /// A FHIR transaction.
    Bundle,
    /// A FHIR read.
    Read { kind: FhirType, id: ResourceId },
    /// A FHIR search by identifier.
    Search {
        kind: FhirType,
        system: String,
        value: String,
    },
    /// A FHIR create (`id` absent) or update.
    Store {
        kind: FhirType,
        id: Option<ResourceId>,
    },
    /// An article to be checked.
    Content,
    /// A page of the audit trail.
    Audit(AuditPage),
    /// The plugins and their state.
    Plugins,
    /// A call of one function of one plugin on a text.
    Call {
        plugin: ResourceId,
        function: String,
    },
}

/// Which part of the audit trail is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuditPage {
    /// The place after which to go on: chain and number.
    pub(super) after: Option<Cursor>,
    /// Newest first.
    pub(super) newest_first: bool,
    /// At most so many.
    pub(super) limit: u32,
}

impl Route {
    /// Reads method and address.
    pub(super) fn parse(method: &Method, uri: &Uri) -> Result<Self, Problem> {
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        let query = Query(uri.query().unwrap_or_default());
        match segments.as_slice() {
            ["healthz"] => only(method, &[Method::GET, Method::HEAD], Self::Health),
            ["fhir", "metadata"] => only(method, &[Method::GET], Self::Metadata),
            ["fhir"] => only(method, &[Method::POST], Self::Bundle),
            ["fhir", kind] => {
                let kind = fhir_type(kind)?;
                match *method {
                    Method::POST => Ok(Self::Store { kind, id: None }),
                    Method::GET => search(kind, &query),
                    _ => Err(method_not_allowed(&[Method::GET, Method::POST])),
                }
            }
            ["fhir", kind, id] => {
                let kind = fhir_type(kind)?;
                let id = resource_id(id)?;
                match *method {
                    Method::GET => Ok(Self::Read { kind, id }),
                    Method::PUT => Ok(Self::Store { kind, id: Some(id) }),
                    _ => Err(method_not_allowed(&[Method::GET, Method::PUT])),
                }
            }
            ["v1", "content"] => only(method, &[Method::POST], Self::Content),
            ["v1", "audit", "entries"] => {
                let page = audit_page(&query)?;
                only(method, &[Method::GET], Self::Audit(page))
            }
            ["v1", "plugins"] => only(method, &[Method::GET], Self::Plugins),
            ["v1", "plugins", plugin, function] => {
                let plugin = resource_id(plugin)?;
                let function = function_name(function)?;
                only(method, &[Method::POST], Self::Call { plugin, function })
            }
            _ => Err(Problem::new(
                ProblemCode::NotFound,
                "no such address; there are /fhir, /v1/content, /v1/audit/entries, /v1/plugins",
            )),
        }
    }

    /// Its name in metrics: never with a parameter.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Metadata => "fhir_metadata",
            Self::Bundle => "fhir_bundle",
            Self::Read { .. } => "fhir_read",
            Self::Search { .. } => "fhir_search",
            Self::Store { .. } => "fhir_store",
            Self::Content => "content",
            Self::Audit(_) => "audit",
            Self::Plugins => "plugins",
            Self::Call { .. } => "plugin_call",
        }
    }

    /// What the policy is asked; `None` for the two addresses that carry no data.
    pub(super) fn access(&self) -> Option<(Action, ResourceKind, Purpose)> {
        Some(match self {
            Self::Health | Self::Metadata => return None,
            Self::Bundle => (Action::Write, ResourceKind::Bundle, Purpose::Treatment),
            Self::Read { kind, .. } => (Action::Read, resource_kind(*kind), Purpose::Treatment),
            Self::Search { kind, .. } => (Action::Search, resource_kind(*kind), Purpose::Treatment),
            Self::Store { kind, .. } => (Action::Write, resource_kind(*kind), Purpose::Treatment),
            Self::Content => (Action::Submit, ResourceKind::Content, Purpose::Publication),
            Self::Audit(_) => (Action::Read, ResourceKind::Audit, Purpose::Audit),
            Self::Plugins => (Action::Read, ResourceKind::Plugin, Purpose::Operations),
            Self::Call { .. } => (Action::Submit, ResourceKind::Plugin, Purpose::Operations),
        })
    }

    /// The one resource it names, if it names one.
    pub(super) const fn resource(&self) -> Option<&ResourceId> {
        match self {
            Self::Read { id, .. }
            | Self::Store { id: Some(id), .. }
            | Self::Call { plugin: id, .. } => Some(id),
            _ => None,
        }
    }

    /// The patient it names, if it names one.
    pub(super) fn patient(&self) -> Option<PatientId> {
        match self {
            Self::Read {
                kind: FhirType::Patient,
                id,
            }
            | Self::Store {
                kind: FhirType::Patient,
                id: Some(id),
            } => PatientId::parse(id.as_str()).ok(),
            _ => None,
        }
    }
}

/// The policy's kind for a FHIR type.
pub(super) const fn resource_kind(kind: FhirType) -> ResourceKind {
    match kind {
        FhirType::Patient => ResourceKind::Patient,
        FhirType::Observation => ResourceKind::Observation,
        FhirType::Practitioner => ResourceKind::Practitioner,
        FhirType::Organization => ResourceKind::Organization,
    }
}

fn only(method: &Method, allowed: &[Method], route: Route) -> Result<Route, Problem> {
    if allowed.contains(method) {
        Ok(route)
    } else {
        Err(method_not_allowed(allowed))
    }
}

fn method_not_allowed(allowed: &[Method]) -> Problem {
    let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    let detail = format!("this address takes {}", names.join(", "));
    Problem::new(ProblemCode::MethodNotAllowed, detail).field("method")
}

fn fhir_type(name: &str) -> Result<FhirType, Problem> {
    fhir::parse_type(name)
        .map_err(|error| Problem::new(ProblemCode::NotFound, error.to_string()).field("type"))
}

fn resource_id(text: &str) -> Result<ResourceId, Problem> {
    ResourceId::parse(text)
        .map_err(|error| Problem::new(ProblemCode::Malformed, error.to_string()).field("id"))
}

fn function_name(text: &str) -> Result<String, Problem> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && (1..=FUNCTION_NAME_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let detail = "expected 1 to 64 characters of A-Z, a-z, 0-9 and `_`";
    Err(Problem::new(ProblemCode::Malformed, detail).field("function"))
}

fn search(kind: FhirType, query: &Query<'_>) -> Result<Route, Problem> {
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

fn audit_page(query: &Query<'_>) -> Result<AuditPage, Problem> {
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
struct Query<'a>(&'a str);

impl Query<'_> {
    fn value(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.0.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, address: &str) -> Result<Route, Problem> {
        Route::parse(&method, &address.parse().unwrap())
    }

    #[test]
    fn path_traversal_in_an_id_is_refused_by_field() {
        for id in ["..", "%2e%2e", "a%2Fb", "a;b", "a%00"] {
            let problem = parse(Method::GET, &format!("/fhir/Patient/{id}")).unwrap_err();
            assert_eq!(
                (problem.code, problem.field.as_deref()),
                (ProblemCode::Malformed, Some("id"))
            );
        }
        let deeper = parse(Method::GET, "/fhir/Patient/../../etc").unwrap_err();
        assert_eq!(deeper.code, ProblemCode::NotFound);
    }

    #[test]
    fn an_unknown_type_and_a_wrong_method_are_named() {
        let problem = parse(Method::GET, "/fhir/Spaceship/1").unwrap_err();
        assert_eq!(
            (problem.code, problem.field.as_deref()),
            (ProblemCode::NotFound, Some("type"))
        );
        let problem = parse(Method::DELETE, "/fhir/Patient/1").unwrap_err();
        assert_eq!(problem.code, ProblemCode::MethodNotAllowed);
    }

    #[test]
    fn an_identifier_search_is_decoded() {
        let route = parse(Method::GET, "/fhir/Patient?identifier=urn%3Ax%7C529.982").unwrap();
        let (system, value) = ("urn:x".to_owned(), "529.982".to_owned());
        assert_eq!(
            route,
            Route::Search {
                kind: FhirType::Patient,
                system,
                value
            }
        );
        let problem = parse(Method::GET, "/fhir/Patient?name=x").unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("identifier"));
    }

    #[test]
    fn a_page_of_the_trail_has_bounds() {
        let route = parse(
            Method::GET,
            "/v1/audit/entries?after=n/demo:7&limit=5&order=desc",
        );
        let after = Some(Cursor {
            chain: "n/demo".to_owned(),
            seq: 7,
        });
        assert_eq!(
            route,
            Ok(Route::Audit(AuditPage {
                after,
                newest_first: true,
                limit: 5
            }))
        );
        for bad in ["limit=0", "limit=1001", "limit=x", "after=7", "order=up"] {
            let problem = parse(Method::GET, &format!("/v1/audit/entries?{bad}")).unwrap_err();
            assert_eq!(problem.code, ProblemCode::Malformed, "{bad}");
        }
    }
}
