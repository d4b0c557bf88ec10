//! Accounts of people who log in to the pages with a password and a second factor.
//!
//! What the second factor needs is told once, to whoever makes the account, and is not in the log.

use super::changes::{body, open, settle};
use super::health::AdminServices;
use http::Request;
use hyper::body::Incoming;
use plantao_actors::login::LogInError;
use plantao_schema::access::Role;
use plantao_schema::audit::Outcome;
use plantao_schema::id::PrincipalId;
use plantao_schema::problem::{Problem, ProblemCode};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    name: String,
    role: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

/// Adds an account.
pub(super) async fn add(
    services: &AdminServices,
    uid: u32,
    request: Request<Incoming>,
) -> Result<serde_json::Value, Problem> {
    let Account {
        name,
        role,
        password,
    } = body(request).await?;
    let invalid =
        |field: &str, detail: String| Problem::new(ProblemCode::Invalid, detail).field(field);
    let name = PrincipalId::parse(&name).map_err(|error| invalid("name", error.to_string()))?;
    let role = Role::parse(&role).map_err(|error| invalid("role", error.to_string()))?;
    if !services.policy.knows(&role) {
        return Err(invalid(
            "role",
            "expected a role of `policy.rules.roles`".to_owned(),
        ));
    }
    let what = format!("add account {name} as {role}");
    let open = open(services, uid, &what).await?;
    let (tenant, log_ins) = (&services.tenant, &services.log_ins);
    match log_ins
        .add_account(tenant, open, &name, &role, password)
        .await
    {
        Ok((provisioning, open)) => {
            settle(services, open, Outcome::Success).await;
            Ok(serde_json::json!({
                "name": name.as_str(),
                "role": role.as_str(),
                "otpauth_uri": provisioning.otpauth_uri(),
                "secret": provisioning.secret_base32(),
            }))
        }
        Err((error, open)) => {
            match error {
                // Nobody here knows: dropping it leaves it to the trail, which asks the database.
                LogInError::InDoubt => drop(open),
                LogInError::AccountExists | LogInError::BadPassword => {
                    settle(services, open, Outcome::Refused).await;
                }
                _ => settle(services, open, Outcome::Failed).await,
            }
            Err(refusal(&error))
        }
    }
}

fn refusal(error: &LogInError) -> Problem {
    let (code, field) = match error {
        LogInError::AccountExists => (ProblemCode::Conflict, Some("name")),
        LogInError::BadPassword => (ProblemCode::Invalid, Some("password")),
        LogInError::Unavailable => (ProblemCode::Unavailable, None),
        LogInError::Overloaded | LogInError::Throttled { .. } => (ProblemCode::Overloaded, None),
        LogInError::InDoubt => (ProblemCode::DeadlineExceeded, None),
        LogInError::Refused
        | LogInError::Permit(_)
        | LogInError::PermitMismatch
        | LogInError::Internal => (ProblemCode::Internal, None),
    };
    let problem = Problem::new(code, error.to_string());
    match field {
        Some(field) => problem.field(field),
        None => problem,
    }
}
