//! What a bearer token says of its bearer, as types.

use plantao_schema::access::{DevicePosture, Principal, Role};
use plantao_schema::id::{PrincipalId, SessionId, Tenant};
use plantao_schema::time::Timestamp;
use uuid::Uuid;

use super::tokens::TokenError;

/// The method reference (RFC 8176) that says several factors were used.
const MULTI_FACTOR: &str = "mfa";

/// A verified, or about to be signed, set of claims. Pseudonymous: a subject is an identifier, and
/// `name` is a display name for the institution's own staff, never a patient's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: who.
    pub subject: PrincipalId,
    /// `tenant`: in which institution.
    pub tenant: Tenant,
    /// `role`: as what.
    pub role: Role,
    /// `device`: on what kind of device.
    pub device: DevicePosture,
    /// `amr`: how it authenticated (RFC 8176), such as `pwd`, `otp`, `mfa`.
    pub methods: Vec<String>,
    /// `name`: how it is called on a screen.
    pub name: Option<String>,
    /// `demo`: a demonstration principal.
    pub demo: bool,
    /// `iat`: when it authenticated.
    pub issued_at: Timestamp,
    /// `exp`: until when the token is good.
    pub expires_at: Timestamp,
    /// `jti`: the token's own name, so that one token can be revoked.
    pub token_id: String,
}

impl Claims {
    /// Claims for a principal from now on, for `ttl_s` seconds, with a token id of the system's.
    pub fn new(
        subject: PrincipalId,
        tenant: Tenant,
        role: Role,
        now: Timestamp,
        ttl_s: u32,
    ) -> Self {
        Self::of((subject, tenant, role), now, ttl_s, Uuid::new_v4())
    }

    /// The same with a token id in hand.
    pub fn of(
        (subject, tenant, role): (PrincipalId, Tenant, Role),
        now: Timestamp,
        ttl_s: u32,
        token_id: Uuid,
    ) -> Self {
        // The wire has whole seconds: start on one, so that reading gives back what was written.
        let issued_at = Timestamp::from_micros(now.seconds().saturating_mul(1_000_000));
        Self {
            subject,
            tenant,
            role,
            device: DevicePosture::Unknown,
            methods: vec!["pwd".into()],
            name: None,
            demo: false,
            issued_at,
            expires_at: issued_at.plus_seconds(i64::from(ttl_s)),
            token_id: token_id.to_string(),
        }
    }

    /// More than one factor authenticated the bearer.
    pub fn multi_factor(&self) -> bool {
        self.methods.iter().any(|method| method == MULTI_FACTOR)
    }

    /// Adds `mfa` to the methods.
    pub fn with_multi_factor(mut self) -> Self {
        if !self.multi_factor() {
            self.methods.push(MULTI_FACTOR.into());
        }
        self
    }

    /// The session that the token is: what can be ended before its time. Every verified token has
    /// one; claims put together by hand may hold an id that is none.
    pub fn session(&self) -> Option<SessionId> {
        SessionId::parse(&self.token_id).ok()
    }

    /// Who acts, as the policy sees it.
    pub fn principal(&self) -> Principal {
        Principal {
            id: self.subject.clone(),
            tenant: self.tenant.clone(),
            role: self.role.clone(),
            device: self.device,
            multi_factor: self.multi_factor(),
            authenticated_at: self.issued_at,
            expires_at: self.expires_at,
            session: self.session(),
        }
    }
}

/// The claims on the wire. Everything is optional so that what is missing can be named.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct WireClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aud: Option<serde_json::Value>,
    sub: Option<String>,
    tenant: Option<String>,
    role: Option<String>,
    device: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    iat: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: Option<i64>,
    jti: Option<String>,
}

impl WireClaims {
    pub(super) fn of(claims: &Claims, issuer: &str, audience: &str) -> Self {
        Self {
            iss: Some(issuer.to_owned()),
            aud: Some(audience.into()),
            sub: Some(claims.subject.to_string()),
            tenant: Some(claims.tenant.to_string()),
            role: Some(claims.role.to_string()),
            device: Some(claims.device.to_string()),
            amr: claims.methods.clone(),
            name: claims.name.clone(),
            demo: claims.demo,
            iat: Some(claims.issued_at.seconds()),
            nbf: Some(claims.issued_at.seconds()),
            exp: Some(claims.expires_at.seconds()),
            jti: Some(claims.token_id.clone()),
        }
    }

    /// Checks the times and parses every claim into its type.
    pub(super) fn parse(self, now: Timestamp, leeway_s: u64) -> Result<Claims, TokenError> {
        let now_s = now.seconds();
        let leeway_s = i64::try_from(leeway_s).unwrap_or(i64::MAX);
        let exp = self.exp.ok_or(TokenError::MissingClaim { claim: "exp" })?;
        let iat = self.iat.ok_or(TokenError::MissingClaim { claim: "iat" })?;
        if exp.saturating_add(leeway_s) <= now_s {
            return Err(TokenError::Expired);
        }
        // A token issued in the future would look freshly authenticated for as long as it lives.
        if self.nbf.unwrap_or(iat).max(iat) > now_s.saturating_add(leeway_s) {
            return Err(TokenError::NotYetValid);
        }
        let subject = required(self.sub.as_deref(), "sub", PrincipalId::parse)?;
        let tenant = required(self.tenant.as_deref(), "tenant", Tenant::parse)?;
        let role = required(self.role.as_deref(), "role", Role::parse)?;
        let device = match self.device.as_deref() {
            None => DevicePosture::Unknown,
            some => required(some, "device", DevicePosture::parse)?,
        };
        // A token whose id names no session could not be revoked.
        let session = required(self.jti.as_deref(), "jti", SessionId::parse)?;
        Ok(Claims {
            subject,
            tenant,
            role,
            device,
            methods: self.amr,
            name: self.name,
            demo: self.demo,
            issued_at: seconds(iat),
            expires_at: seconds(exp),
            token_id: session.to_string(),
        })
    }
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000))
}

fn required<T, E>(
    text: Option<&str>,
    claim: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, TokenError> {
    let text = text.ok_or(TokenError::MissingClaim { claim })?;
    parse(text).map_err(|_| TokenError::BadClaim { claim })
}
