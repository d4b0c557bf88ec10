//! What the private socket answers: kill, reload, accounts and keys, each audited before and after.

use super::health::AdminServices;
use super::http::{json, problem};
use crate::front_door::Body;
use ::http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use plantao_actors::audit::{AuditError, OpenEntry};
use plantao_actors::policy::PolicyError;
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::problem::{Problem, ProblemCode};
use plantao_supervisors::KillError;
use serde::Deserialize;

/// Largest body, bytes: a path or a name.
const BODY_MAX_BYTES: usize = 4_096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kill {
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reload {
    target: Target,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    Policy,
    Plugin,
}

/// Answers one change asked for by the operating system's user `uid`.
pub(super) async fn answer(
    services: &AdminServices,
    uid: u32,
    request: Request<Incoming>,
) -> Response<Body> {
    let result = match (request.method(), request.uri().path()) {
        (&Method::POST, "/v1/kill") => kill(services, uid, request).await,
        (&Method::POST, "/v1/reload") => reload(services, uid, request).await,
        (&Method::POST, "/v1/accounts") => super::accounts::add(services, uid, request).await,
        (&Method::POST, path) if path.starts_with(super::vault::PREFIX) => {
            super::vault::answer(services, uid, request).await
        }
        (&Method::POST, "/v1/backups") => {
            let what = "a backup of the whole database is taken".to_owned();
            let told = audited(services, uid, what, async { Ok(()) }).await;
            told.map(|()| serde_json::json!({ "announced": "backup" }))
        }
        (_, "/v1/kill" | "/v1/reload" | "/v1/accounts" | "/v1/backups") => {
            let detail = "this address takes POST";
            Err(Problem::new(ProblemCode::MethodNotAllowed, detail).field("method"))
        }
        _ => Err(Problem::new(
            ProblemCode::NotFound,
            "there are /v1/kill, /v1/reload, /v1/accounts, /v1/backups, and under /v1/vault/ \
             status, rotate and erase, all by POST",
        )),
    };
    match result {
        Ok(body) => json(StatusCode::OK, &body),
        Err(refusal) => problem(&refusal),
    }
}

pub(super) async fn body<T: for<'de> Deserialize<'de>>(
    request: Request<Incoming>,
) -> Result<T, Problem> {
    let bytes = Limited::new(request.into_body(), BODY_MAX_BYTES)
        .collect()
        .await
        .map_err(|_| {
            let detail = format!("expected a JSON object of at most {BODY_MAX_BYTES} bytes");
            Problem::new(ProblemCode::TooLarge, detail).field("body")
        })?;
    serde_json::from_slice(&bytes.to_bytes()).map_err(|error| {
        Problem::new(ProblemCode::Malformed, format!("not as expected: {error}")).field("body")
    })
}

async fn kill(
    services: &AdminServices,
    uid: u32,
    request: Request<Incoming>,
) -> Result<serde_json::Value, Problem> {
    let Kill { path } = body(request).await?;
    let starting = || Problem::new(ProblemCode::Unavailable, "the tree is still starting");
    let tree = services.tree.get().ok_or_else(starting)?;
    audited(services, uid, format!("kill {path}"), async {
        tree.kill(&path).map_err(|error| {
            let code = match error {
                KillError::NotFound { .. } => ProblemCode::NotFound,
                KillError::NotRunning { .. } => ProblemCode::Conflict,
            };
            Problem::new(code, error.to_string()).field("path")
        })
    })
    .await?;
    Ok(serde_json::json!({ "killed": path }))
}

async fn reload(
    services: &AdminServices,
    uid: u32,
    request: Request<Incoming>,
) -> Result<serde_json::Value, Problem> {
    let Reload { target, name } = body(request).await?;
    match (target, name) {
        (Target::Policy, None) => {
            audited(
                services,
                uid,
                "reload policy".to_owned(),
                reload_policy(services),
            )
            .await?;
            Ok(serde_json::json!({ "reloaded": "policy" }))
        }
        (Target::Plugin, Some(name)) => {
            audited(services, uid, format!("reload plugin {name}"), async {
                let refused = |error: plantao_actors::plugin::PluginError| {
                    Problem::new(ProblemCode::Invalid, error.to_string()).field("name")
                };
                services.plugins.reload(&name).await.map_err(refused)
            })
            .await?;
            Ok(serde_json::json!({ "reloaded": name }))
        }
        (Target::Policy, Some(_)) => {
            let detail = "the policy is one: expected no name";
            Err(Problem::new(ProblemCode::Invalid, detail).field("name"))
        }
        (Target::Plugin, None) => {
            let detail = "expected the name of a plugin";
            Err(Problem::new(ProblemCode::Invalid, detail).field("name"))
        }
    }
}

async fn reload_policy(services: &AdminServices) -> Result<(), Problem> {
    let rules = services
        .rules
        .read()
        .map_err(|error| Problem::new(ProblemCode::Invalid, error).field("policy"))?;
    services.policy.reload(rules).await.map_err(|error| {
        let code = match error {
            PolicyError::Rules(_) => ProblemCode::Invalid,
            PolicyError::Unavailable(_) => ProblemCode::Unavailable,
        };
        Problem::new(code, error.to_string()).field("policy")
    })
}

/// Opens an entry, makes the change, completes the entry. The completion waits for the trail to
/// come back when the change took the writer down.
pub(super) async fn audited<T>(
    services: &AdminServices,
    uid: u32,
    what: String,
    change: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let open = open(services, uid, &what).await?;
    let result = change.await;
    let outcome = if result.is_ok() {
        Outcome::Success
    } else {
        Outcome::Refused
    };
    settle(services, open, outcome).await;
    result
}

/// Completes the entry of a change. The change is made, or is known not to be: whether its
/// completion can be written now changes nothing about it. An entry left open is found and
/// completed at the writer's next start.
pub(super) async fn settle(services: &AdminServices, open: OpenEntry, outcome: Outcome) {
    if let Err(error) = services.audit.complete(open, outcome).await {
        tracing::warn!(%error, "the completion of a change will be written later");
    }
}

/// Announces a change asked for over the socket: nothing is changed without its entry.
pub(super) async fn open(
    services: &AdminServices,
    uid: u32,
    what: &str,
) -> Result<OpenEntry, Problem> {
    let opening = async { services.audit.open(entry(services, uid, what)?).await };
    opening.await.map_err(|error| no_trail(&error))
}

pub(super) fn entry(services: &AdminServices, uid: u32, what: &str) -> Result<Entry, AuditError> {
    Ok(Entry {
        id: services.audit.entry_key()?,
        at: services.clock.now(),
        phase: Phase::Opened,
        opens: None,
        severity: Severity::Warning,
        tenant: services.tenant.clone(),
        principal: format!("uid-{uid}"),
        role: "operator".to_owned(),
        action: "operate".to_owned(),
        resource_kind: "system".to_owned(),
        resource_id: None,
        patient: None,
        purpose: "operations".to_owned(),
        verdict: "allow".to_owned(),
        score: 0,
        explanation: format!("{what}; asked over the admin socket"),
        request_id: "admin".to_owned(),
        outcome: Outcome::Pending,
        plugin: None,
        commitment: None,
    })
}

pub(super) fn no_trail(error: &AuditError) -> Problem {
    tracing::warn!(%error, "a change was refused because it could not be audited");
    let detail = "the change could not be audited and was not made; stopping the whole service \
                  needs no audit entry";
    Problem::new(ProblemCode::Unavailable, detail)
}
