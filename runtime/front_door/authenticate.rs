//! From a credential to a principal, or to the reason why not.

use super::origin::Origin;
use crate::identity::{Claims, TokenError, TokenVerifier, cookie};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};
use plantao_schema::problem::{Problem, ProblemCode};

/// Largest token looked at, bytes: ours take about 400.
const TOKEN_MAX_BYTES: usize = 4_096;

/// Verifies the bearer token (RFC 6750) or, where there is none, the session cookie of the pages.
/// `acts`: the request does more than show a document, so a cookie alone is not enough.
pub(super) fn authenticate(
    verifier: &TokenVerifier,
    head: &Parts,
    acts: bool,
) -> Result<Claims, Problem> {
    let origin = Origin::of(head);
    if acts && origin == Origin::Other {
        return Err(Origin::refusal());
    }
    let (token, field) = match bearer(&head.headers)? {
        Some(token) => (token.to_owned(), "Authorization"),
        None => {
            let token = cookie::read(&head.headers).ok_or_else(|| {
                let detail = "a bearer token is needed: `Authorization: Bearer TOKEN`; for pages, \
                              log in at /login";
                unauthenticated(detail, "Authorization")
            })?;
            let shows = matches!(head.method, Method::GET | Method::HEAD) && !acts;
            if !shows && origin != Origin::Same {
                return Err(Origin::refusal());
            }
            (token, "Cookie")
        }
    };
    verifier
        .verify(&token)
        .map_err(|error: TokenError| unauthenticated(&error.to_string(), field))
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let refuse = |detail| unauthenticated(detail, "Authorization");
    if values.next().is_some() {
        return Err(refuse("there is more than one `Authorization` header"));
    }
    value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty() && token.len() <= TOKEN_MAX_BYTES)
        .map(Some)
        .ok_or_else(|| refuse("expected `Authorization: Bearer TOKEN`"))
}

/// The token's own error names the claim and the rule, never the token.
fn unauthenticated(detail: &str, field: &str) -> Problem {
    Problem::new(ProblemCode::Unauthenticated, detail).field(field)
}
