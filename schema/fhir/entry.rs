//! One entry of a bundle before its resource: what it is called, which type it has, what it asks.
//!
//! Refused are conditional requests, searches and deletions: an option that is not honoured would
//! be worse ignored than refused.

use super::reference::Reference;
use super::{FhirType, FhirTypeError, Issue, IssueCode, parse_type};
use crate::id::ResourceId;
use serde_json::{Map, Value};

/// What the bundle calls the entry.
pub(super) fn full_url(entry: &Map<String, Value>, at: &str) -> Result<Option<String>, Issue> {
    let Some(value) = entry.get("fullUrl") else {
        return Ok(None);
    };
    let url = value.as_str().filter(|url| {
        matches!(
            Reference::parse(url),
            Ok(Reference::Urn | Reference::Absolute)
        )
    });
    match url {
        Some(url) => Ok(Some(url.to_owned())),
        None => {
            let text = "expected `urn:uuid:…` or an absolute URL";
            Err(Issue::error(
                IssueCode::Value,
                format!("{at}.fullUrl"),
                text,
            ))
        }
    }
}

/// The type to store, or the name of the type to skip.
pub(super) fn resource_type(
    body: &Map<String, Value>,
    at: &str,
) -> Result<Result<FhirType, &'static str>, Issue> {
    let at = format!("{at}.resource.resourceType");
    let Some(name) = body.get("resourceType").and_then(Value::as_str) else {
        return Err(Issue::error(
            IssueCode::Required,
            at,
            "the element is required",
        ));
    };
    match parse_type(name) {
        Ok(kind) => Ok(Ok(kind)),
        Err(FhirTypeError::Unsupported { name }) => Ok(Err(name)),
        Err(error) => Err(Issue::error(IssueCode::Structure, at, error.to_string())),
    }
}

/// The id of a PUT, or `None` for a POST.
pub(super) fn request(
    entry: &Map<String, Value>,
    kind: FhirType,
    body: &Map<String, Value>,
    at: &str,
) -> Result<Option<ResourceId>, Issue> {
    let refuse = |code, field: &str, text: &str| {
        Err(Issue::error(code, format!("{at}.request{field}"), text))
    };
    let Some(request) = entry.get("request").and_then(Value::as_object) else {
        return refuse(IssueCode::Required, "", "the element is required");
    };
    for option in ["ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"] {
        if request.contains_key(option) {
            let field = format!(".{option}");
            return refuse(
                IssueCode::NotSupported,
                &field,
                "conditional requests are not taken",
            );
        }
    }
    let Some(url) = request.get("url").and_then(Value::as_str) else {
        return refuse(IssueCode::Required, ".url", "the element is required");
    };
    match request.get("method").and_then(Value::as_str) {
        Some("POST") if url == kind.as_str() => Ok(None),
        Some("POST") => refuse(
            IssueCode::Value,
            ".url",
            "expected the type of the resource and nothing else",
        ),
        Some("PUT") if url.contains('?') => refuse(
            IssueCode::NotSupported,
            ".url",
            "conditional updates are not taken",
        ),
        Some("PUT") => {
            let named = url
                .strip_prefix(kind.as_str())
                .and_then(|rest| rest.strip_prefix('/'));
            let Some(id) = named.and_then(|id| ResourceId::parse(id).ok()) else {
                return refuse(
                    IssueCode::Value,
                    ".url",
                    "expected `Type/id` of the resource",
                );
            };
            if body.get("id").and_then(Value::as_str) == Some(id.as_str()) {
                return Ok(Some(id));
            }
            let text = "expected the id that the address of the PUT has";
            let at = format!("{at}.resource.ofType({kind}).id");
            Err(Issue::error(IssueCode::Value, at, text))
        }
        Some("GET" | "HEAD" | "DELETE" | "PATCH") => refuse(
            IssueCode::NotSupported,
            ".method",
            "expected `POST` or `PUT`",
        ),
        Some(_) => refuse(
            IssueCode::CodeInvalid,
            ".method",
            "expected `POST` or `PUT`",
        ),
        None => refuse(IssueCode::Required, ".method", "the element is required"),
    }
}
