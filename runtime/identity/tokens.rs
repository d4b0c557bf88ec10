//! Bearer tokens: JWT signed with Ed25519, and nothing else.
//!
//! The signature is checked before a claim is looked at; times are read from the clock handed
//! down, so that a test decides what is expired. An error says whose fault it is and never holds
//! the token.

use std::sync::Arc;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use plantao_actors::clock::WallClock;

use super::claims::{Claims, WireClaims};
use super::keys::SigningKey;
use crate::config;

/// Ours are under 700 bytes; nothing larger is worth hashing.
const TOKEN_MAX_BYTES: usize = 4_096;

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The key does not sign.
    #[error("the issuer key does not sign")]
    NotSigned,
}

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url JSON, or too long.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by an algorithm that is not taken, `none` among them.
    #[error("the token is not signed with EdDSA")]
    WrongAlgorithm,
    /// Not signed by this issuer's key.
    #[error("the token's signature does not hold")]
    BadSignature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// From somebody else.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    WrongAudience,
    /// A claim is not there.
    #[error("the token lacks the claim `{claim}`")]
    MissingClaim {
        /// Which.
        claim: &'static str,
    },
    /// A claim is there and cannot be read.
    #[error("the token's claim `{claim}` is not of its form")]
    BadClaim {
        /// Which.
        claim: &'static str,
    },
    /// A demonstration token where there is no demonstration.
    #[error("the token is of a demonstration principal")]
    Demonstration,
}

/// Makes tokens.
#[derive(Debug)]
pub struct TokenIssuer {
    key: SigningKey,
    issuer: String,
    audience: String,
}

impl TokenIssuer {
    /// An issuer that signs with this key in the configured name.
    pub fn new(key: SigningKey, identity: &config::Identity) -> Self {
        let (issuer, audience) = (identity.issuer.clone(), identity.audience.clone());
        Self {
            key,
            issuer,
            audience,
        }
    }

    /// Signs the claims.
    pub fn issue(&self, claims: &Claims) -> Result<String, IssueError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key.id().to_owned());
        let wire = WireClaims::of(claims, &self.issuer, &self.audience);
        jsonwebtoken::encode(&header, &wire, &self.key.encoding())
            .map_err(|_| IssueError::NotSigned)
    }
}

/// Checks tokens. Clones are cheap; each connection has one.
#[derive(Clone)]
pub struct TokenVerifier {
    inner: Arc<Inner>,
}

struct Inner {
    key: DecodingKey,
    validation: Validation,
    leeway_s: u64,
    demo: bool,
    clock: WallClock,
}

impl TokenVerifier {
    /// A verifier of what `key` signs. Demonstration tokens are believed only when `demo`.
    pub fn new(
        key: &SigningKey,
        identity: &config::Identity,
        demo: bool,
        clock: WallClock,
    ) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&identity.issuer]);
        validation.set_audience(&[&identity.audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // Times are checked against the clock handed down, not against the system's.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let inner = Inner {
            key: key.decoding(),
            validation,
            leeway_s: identity.leeway_s,
            demo,
            clock,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The claims of a token that holds.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Malformed);
        }
        let Inner {
            key,
            validation,
            leeway_s,
            demo,
            clock,
        } = &*self.inner;
        let wire = jsonwebtoken::decode::<WireClaims>(token, key, validation)
            .map_err(|error| refusal(token, &error))?;
        let claims = wire.claims.parse(clock.now(), *leeway_s)?;
        if claims.demo && !demo {
            return Err(TokenError::Demonstration);
        }
        Ok(claims)
    }
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

fn refusal(token: &str, error: &Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::BadSignature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => TokenError::WrongAlgorithm,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "iss" => TokenError::MissingClaim { claim: "iss" },
            _ => TokenError::MissingClaim { claim: "aud" },
        },
        // The library does not know `none` and calls its header unreadable.
        _ if names_another_algorithm(token) => TokenError::WrongAlgorithm,
        _ => TokenError::Malformed,
    }
}

fn names_another_algorithm(token: &str) -> bool {
    const NONE_HEADERS: [&str; 2] = ["eyJhbGciOiJub25lI", "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lI"];
    NONE_HEADERS.iter().any(|header| token.starts_with(header))
}

#[cfg(test)]
mod tests;
