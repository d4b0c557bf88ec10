//! From bytes to a typed request: the head before the decision, the body after it.
//!
//! A body is read only for a principal who may send it, so that a stranger cannot make the door
//! work for nothing. The one exception is the form of a log-in, which has limits of its own.

use super::route::Route;
use super::services::Services;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use plantao_schema::access::{AccessRequest, Principal, Purpose};
use plantao_schema::id::RequestId;
use plantao_schema::problem::{Problem, ProblemCode};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Why the data is used; absent means the address's ordinary purpose.
const PURPOSE_HEADER: &str = "plantao-purpose";
/// Asks for emergency access and says why.
const BREAK_GLASS_HEADER: &str = "plantao-break-glass";
/// Longest reason kept, characters.
const BREAK_GLASS_REASON_MAX_CHARS: usize = 500;

/// Makes the request for access that a route, a principal and the headers amount to.
pub(super) fn access(
    services: &Services,
    id: &RequestId,
    route: &Route,
    headers: &HeaderMap,
    principal: Principal,
) -> Result<Option<AccessRequest>, Problem> {
    let Some((action, kind, ordinary)) = route.access() else {
        return Ok(None);
    };
    let purpose = match header(headers, PURPOSE_HEADER)? {
        None => ordinary,
        Some(name) => Purpose::parse(&name).map_err(|error| {
            Problem::new(ProblemCode::Malformed, error.to_string()).field(PURPOSE_HEADER)
        })?,
    };
    let break_glass = header(headers, BREAK_GLASS_HEADER)?
        .map(|reason| reason.chars().take(BREAK_GLASS_REASON_MAX_CHARS).collect());
    Ok(Some(AccessRequest {
        request_id: id.clone(),
        principal,
        action,
        kind,
        resource: route.resource(),
        patient: route.patient(),
        purpose,
        break_glass,
        at: services.clock.now(),
    }))
}

fn header(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Problem> {
    headers
        .get(name)
        .map(|value| {
            // Header bytes of a Portuguese reason arrive as UTF-8 (RFC 9110, 5.5: opaque bytes).
            std::str::from_utf8(value.as_bytes())
                .map(str::to_owned)
                .map_err(|_| {
                    Problem::new(ProblemCode::Malformed, "expected UTF-8 text").field(name)
                })
        })
        .transpose()
}

/// Checks the content type and reads the whole body, within size and time. The second part of the
/// answer holds the body's share of memory: it is kept for as long as the body or what was read
/// from it is.
pub(super) async fn body(
    services: &Services,
    headers: &HeaderMap,
    body: &mut Incoming,
    accepted: &[&str],
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    content_type(headers, accepted)?;
    let limit = services.body_limit_bytes;
    let too_large = || {
        let detail = format!("at most {limit} bytes are read (`front_door.body_limit_bytes`)");
        Problem::new(ProblemCode::TooLarge, detail).field("body")
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let announced = body.size_hint().upper().unwrap_or(limit as u64);
    let memory = services.body_memory(announced).ok_or_else(|| {
        let detail = "bodies in progress take all the memory they may";
        Problem::new(ProblemCode::Overloaded, detail)
    })?;
    let collected =
        tokio::time::timeout(services.body_timeout, Limited::new(body, limit).collect())
            .await
            .map_err(|_| {
                let detail = "the body did not arrive in time (`front_door.body_timeout_ms`)";
                Problem::new(ProblemCode::RequestTimeout, detail).field("body")
            })?;
    match collected {
        Ok(collected) => Ok((collected.to_bytes(), memory)),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => {
            let detail = "the body ended before its announced length";
            Err(Problem::new(ProblemCode::Malformed, detail).field("body"))
        }
    }
}

/// Longest form of a log-in: a name, a password, a code and an address.
const FORM_MAX_BYTES: usize = 4 * 1024;
/// How long it may take to arrive: a browser sends it in one piece.
const FORM_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the form of somebody who is nobody yet: little, soon, and of no memory but its own.
pub(super) async fn form(headers: &HeaderMap, body: &mut Incoming) -> Result<Bytes, Problem> {
    content_type(headers, &["application/x-www-form-urlencoded"])?;
    let refuse = |code, detail: &str| Problem::new(code, detail).field("body");
    let reading = Limited::new(body, FORM_MAX_BYTES).collect();
    match tokio::time::timeout(FORM_TIMEOUT, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = "expected a form of at most 4 KiB";
            Err(refuse(ProblemCode::TooLarge, detail))
        }
        Ok(Err(_)) => Err(refuse(
            ProblemCode::Malformed,
            "the form ended before its announced length",
        )),
        Err(_) => Err(refuse(
            ProblemCode::RequestTimeout,
            "the form did not arrive in time",
        )),
    }
}

fn content_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let wrong = || {
        let detail = format!("expected one of {}", accepted.join(", "));
        Problem::new(ProblemCode::UnsupportedMediaType, detail).field("Content-Type")
    };
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(wrong)?;
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known = accepted
        .iter()
        .any(|name| essence.eq_ignore_ascii_case(name));
    let utf8 = parts
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.eq_ignore_ascii_case("charset"))
        .all(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if known && utf8 { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_counts_by_its_essence_and_only_as_utf_8() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            content_type(&headers, &["application/fhir+json", "application/json"])
        };
        assert!(check("application/FHIR+json; charset=UTF-8").is_ok());
        assert!(check("application/json").is_ok());
        for wrong in ["text/html", "application/json; charset=latin1", "json"] {
            let problem = check(wrong).unwrap_err();
            assert_eq!(problem.code, ProblemCode::UnsupportedMediaType, "{wrong}");
            assert_eq!(problem.field.as_deref(), Some("Content-Type"));
        }
        assert!(content_type(&HeaderMap::new(), &["a/b"]).is_err());
    }
}
