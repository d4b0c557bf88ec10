//! `plantao token`: signs a bearer token with this node's key.

use std::io::Write;

use plantao_actors::clock::WallClock;
use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::{PrincipalId, Tenant};

use super::arguments::Token;
use super::context::Context;
use super::error::CliError;
use crate::identity::{Claims, SigningKey, TokenIssuer};

/// A shift is eight hours; nothing that a person carries is good for longer than a month.
const TTL_MAX_S: u32 = 30 * 86_400;

pub(super) fn token(
    context: &Context,
    token: &Token,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let claims = claims(context, token)?;
    let key = SigningKey::load(&context.state()?)?;
    let issuer = TokenIssuer::new(key, &context.config.identity);
    writeln!(out, "{}", issuer.issue(&claims)?)?;
    Ok(())
}

fn claims(context: &Context, token: &Token) -> Result<Claims, CliError> {
    let usage = |flag: &str, error: String| CliError::Usage {
        text: format!("{flag}: {error}"),
    };
    let subject = PrincipalId::parse(&token.sub).map_err(|e| usage("--sub", e.to_string()))?;
    let tenant = match &token.tenant {
        Some(tenant) => Tenant::parse(tenant).map_err(|e| usage("--tenant", e.to_string()))?,
        None => context.config.identity.tenant.clone(),
    };
    let role = role(context, &token.role)?;
    let device = DevicePosture::parse(&token.device);
    let device = device.map_err(|e| usage("--device", e.to_string()))?;
    if token.ttl > TTL_MAX_S {
        return Err(usage("--ttl", "at most 30d".into()));
    }
    let mut claims = Claims::new(subject, tenant, role, WallClock::system().now(), token.ttl);
    claims.device = device;
    Ok(if token.mfa {
        claims.with_multi_factor()
    } else {
        claims
    })
}

/// A token for a role that no policy knows would be refused everywhere: say so now.
fn role(context: &Context, name: &str) -> Result<Role, CliError> {
    let known = &context.config.policy.rules.roles;
    match Role::parse(name) {
        Ok(role) if known.contains_key(&role) => Ok(role),
        _ => {
            let names: Vec<&str> = known.keys().map(Role::as_str).collect();
            let text = format!("--role: there are {}", names.join(", "));
            Err(CliError::Usage { text })
        }
    }
}
