//! From a credential to a principal, or to the reason why not.

use crate::identity::{TokenError, TokenVerifier};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use plantao_schema::access::Principal;
use plantao_schema::problem::{Problem, ProblemCode};

/// Largest token looked at, bytes: ours take about 400.
const TOKEN_MAX_BYTES: usize = 4_096;

/// Reads the bearer token (RFC 6750) and verifies it.
pub(super) fn authenticate(
    verifier: &TokenVerifier,
    headers: &HeaderMap,
) -> Result<Principal, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(|| {
        unauthenticated("a bearer token is needed: `Authorization: Bearer TOKEN`")
    })?;
    if values.next().is_some() {
        return Err(unauthenticated(
            "there is more than one `Authorization` header",
        ));
    }
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty() && token.len() <= TOKEN_MAX_BYTES)
        .ok_or_else(|| unauthenticated("expected `Authorization: Bearer TOKEN`"))?;
    let claims = verifier.verify(token).map_err(|error| refused(&error))?;
    Ok(claims.principal())
}

/// The token's own error names the claim and the rule, never the token.
fn refused(error: &TokenError) -> Problem {
    unauthenticated(&error.to_string())
}

fn unauthenticated(detail: &str) -> Problem {
    Problem::new(ProblemCode::Unauthenticated, detail).field("Authorization")
}
