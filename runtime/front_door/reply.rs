//! Replies: an answer that followed a decision needs the receipt of its audit entry to exist.

use super::refused::Refused;
use crate::pages;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Body as _;
use plantao_actors::audit::AuditReceipt;
use plantao_schema::id::RequestId;
use plantao_schema::problem::{Problem, ProblemCode};
use uuid::Uuid;

/// Bodies are whole: they were made in memory under a limit.
pub(crate) type Body = Full<Bytes>;

/// Which family of addresses a reply belongs to: it decides how a refusal looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `application/problem+json`.
    Plain,
    /// OperationOutcome.
    Fhir,
    /// HTML, for people.
    Page,
}

/// Names the entry of the trail that an answer is proved by.
pub(super) const AUDIT_ENTRY: HeaderName = HeaderName::from_static("plantao-audit-entry");

/// The first segments of the addresses that people open.
const PAGES: &[&str] = &["", "login", "logout", "patients", "supervision", "wards"];

impl Family {
    /// By path, so that even an address that does not exist answers in its family's form; where a
    /// browser looks for a page and there is none, as a page.
    pub(super) fn of(path: &str, accept: Option<&HeaderValue>) -> Self {
        let reads = accept.and_then(|accept| accept.to_str().ok());
        let first = path.trim_start_matches('/').split('/').next();
        match first.unwrap_or_default() {
            "fhir" => Self::Fhir,
            first if PAGES.contains(&first) => Self::Page,
            // A program that wants a page says that it reads a problem better.
            _ if reads.is_some_and(|kinds| {
                kinds.contains("text/html") && !kinds.contains("problem+json")
            }) =>
            {
                Self::Page
            }
            _ => Self::Plain,
        }
    }
}

/// What a handler produced, before it may leave.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(header::HeaderName, HeaderValue)>,
}

/// FHIR's JSON.
pub(super) const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";
/// Plain JSON.
pub(super) const JSON: &str = "application/json";

impl Answer {
    /// A JSON body.
    pub(super) fn json(status: StatusCode, kind: &'static str, body: &serde_json::Value) -> Self {
        let body = body.to_string().into_bytes();
        Self {
            status,
            content_type: kind,
            body,
            headers: Vec::new(),
        }
    }

    /// A page, with the headers that keep a browser from doing more with it than showing it.
    pub(super) fn html(status: StatusCode, body: String, site: Option<&str>) -> Self {
        let answer = Self {
            status,
            content_type: "text/html; charset=utf-8",
            body: body.into_bytes(),
            headers: Vec::new(),
        };
        let headers = pages::headers(site).into_iter();
        headers.fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    /// Go there, with GET (RFC 9110, 15.4.4).
    pub(super) fn see_other(address: &str) -> Self {
        let answer = Self {
            status: StatusCode::SEE_OTHER,
            content_type: "text/plain; charset=utf-8",
            body: Vec::new(),
            headers: Vec::new(),
        };
        answer.header(header::LOCATION, address.to_owned())
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: header::HeaderName, value: String) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Sets a cookie.
    pub(super) fn cookie(mut self, cookie: HeaderValue) -> Self {
        self.headers.push((header::SET_COOKIE, cookie));
        self
    }
}

/// Lets an answer leave: only with the receipt that its access is in the trail.
pub(super) fn audited(answer: Answer, receipt: &AuditReceipt, id: &RequestId) -> Response<Body> {
    let entry = receipt.entry().to_string();
    finish(answer.header(AUDIT_ENTRY, entry), id)
}

/// An answer that carries no data of anybody: health and capabilities.
pub(super) fn public(answer: Answer, id: &RequestId) -> Response<Body> {
    finish(answer, id)
}

/// A refusal. It carries no data, so it needs no receipt; decided ones are audited all the same.
pub(super) fn refused(refused: &Refused, family: Family, id: &RequestId) -> Response<Body> {
    let problem = &refused.problem;
    let status =
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = match family {
        Family::Plain | Family::Page => "application/problem+json",
        Family::Fhir => FHIR_JSON,
    };
    let answer = Answer::json(status, kind, &refused.body(family, id.as_str()));
    let mut response = finish(answer, id);
    challenge(&mut response, problem);
    response
}

/// When to try again, and what to authenticate with.
pub(super) fn challenge(response: &mut Response<Body>, problem: &Problem) {
    let headers = response.headers_mut();
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    match problem.code {
        ProblemCode::Unauthenticated => {
            let challenge = HeaderValue::from_static("Bearer realm=\"plantao\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        ProblemCode::StepUpRequired => {
            // RFC 9470, section 3.
            let challenge = HeaderValue::from_static(
                "Bearer realm=\"plantao\", error=\"insufficient_user_authentication\", \
                 acr_values=\"mfa\", max_age=43200",
            );
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        _ => {}
    }
}

/// The connection becomes a WebSocket (RFC 6455, 4.2.2); what is pushed rests on that entry.
pub(super) fn switching(accept: &str, entry: Uuid, id: &RequestId) -> Response<Body> {
    let answer = Answer {
        status: StatusCode::SWITCHING_PROTOCOLS,
        content_type: "text/plain; charset=utf-8",
        body: Vec::new(),
        headers: Vec::new(),
    };
    let answer = answer
        .header(header::CONNECTION, "Upgrade".to_owned())
        .header(header::UPGRADE, "websocket".to_owned())
        .header(header::SEC_WEBSOCKET_ACCEPT, accept.to_owned())
        .header(AUDIT_ENTRY, entry.to_string());
    let mut response = finish(answer, id);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// The same answer to HEAD: its headers, its length and no body (RFC 9110, 9.3.2).
pub(super) fn without_body(response: &mut Response<Body>) {
    if let Some(length) = response.body().size_hint().exact() {
        let length = HeaderValue::from(length);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
    }
    *response.body_mut() = Body::default();
}

pub(super) fn finish(answer: Answer, id: &RequestId) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(answer.content_type),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let hsts = HeaderValue::from_static("max-age=31536000");
    headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert("x-request-id", value);
    }
    for (name, value) in answer.headers {
        headers.insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::problem::Problem;

    #[test]
    fn a_refusal_under_fhir_is_an_operation_outcome_and_elsewhere_a_problem() {
        let id = RequestId::parse("r").unwrap();
        let problem = Refused::from(Problem::new(ProblemCode::Unavailable, "later"));
        let content = |family| {
            let response = refused(&problem, family, &id);
            assert_eq!(response.headers()[header::RETRY_AFTER], "1");
            response.headers()[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert!(content(Family::of("/fhir/Patient/1", None)).starts_with("application/fhir+json"));
        assert_eq!(
            content(Family::of("/fhirx", None)),
            "application/problem+json"
        );
    }

    #[test]
    fn a_reader_is_refused_with_a_page_and_a_program_that_wants_one_with_a_problem() {
        let family = |accept| Family::of("/v1/x", Some(&HeaderValue::from_static(accept)));
        assert_eq!(family("text/html,*/*;q=0.8"), Family::Page);
        assert_eq!(family("text/html, application/problem+json"), Family::Plain);
        assert_eq!(family("application/json"), Family::Plain);
    }

    #[test]
    fn a_step_up_answers_with_the_challenge_of_rfc_9470() {
        let id = RequestId::parse("r").unwrap();
        let problem = Refused::from(Problem::new(ProblemCode::StepUpRequired, "more"));
        let response = refused(&problem, Family::Plain, &id);
        let challenge = response.headers()[header::WWW_AUTHENTICATE]
            .to_str()
            .unwrap();
        assert!(
            challenge.contains("insufficient_user_authentication"),
            "{challenge}"
        );
    }
}
