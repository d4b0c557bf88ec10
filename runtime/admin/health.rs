//! What the read-only listener answers: liveness, readiness, start-up, the tree, the metrics.
//!
//! Liveness never asks PostgreSQL: restarting the runtime does not mend a database.

use super::http::{json, metrics, problem, text};
use super::trail::TrailHealth;
use crate::front_door::Body;
use crate::telemetry::Metrics;
use ::http::header::HOST;
use ::http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use plantao_actors::audit::{AuditLog, EmergencySpool};
use plantao_actors::clock::WallClock;
use plantao_actors::database::{Database, Room, Space};
use plantao_actors::login::LogIns;
use plantao_actors::patient::Records;
use plantao_actors::plugin::{PluginState, Plugins};
use plantao_actors::policy::Policy;
use plantao_actors::vault::{Rotations, StuckKeys, Vault};
use plantao_schema::id::Tenant;
use plantao_schema::problem::{Problem, ProblemCode};
use plantao_supervisors::Tree;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest wait for PostgreSQL's sign of life.
const PING_DEADLINE: Duration = Duration::from_secs(1);

/// Where the running tree is put once it runs: the admin doors are part of it.
pub type TreeCell = Arc<OnceLock<Tree>>;

/// What the admin doors look at.
#[derive(Clone)]
pub struct AdminServices {
    /// The tree, once it runs.
    pub tree: TreeCell,
    /// The policy.
    pub policy: Policy,
    /// The trail that changes are written to.
    pub audit: AuditLog,
    /// What takes emergency reads while it is away.
    pub spool: EmergencySpool,
    /// The database.
    pub database: Database,
    /// The plugins.
    pub plugins: Plugins,
    /// The counts.
    pub metrics: Metrics,
    /// The time.
    pub clock: WallClock,
    /// The institution that runs this node: changes are entries of its trail.
    pub tenant: Tenant,
    /// Who gets in to the pages.
    pub log_ins: LogIns,
    /// Where rules are read from again.
    pub rules: crate::tree::RulesSource,
    /// Keys, to be destroyed.
    pub vault: Vault,
    /// Keys, to be replaced.
    pub rotations: Rotations,
    /// Whose live sessions end with an erasure.
    pub records: Records,
    /// What signs and keeps the trail.
    pub trail: TrailHealth,
}

/// One thing that was looked at.
pub(super) struct Check {
    pub(super) name: String,
    pub(super) ok: bool,
    /// Whether readiness depends on it.
    pub(super) needed: bool,
    pub(super) detail: String,
}

/// Answers one read.
pub(super) async fn answer(services: &AdminServices, request: Request<Incoming>) -> Response<Body> {
    if !names_loopback(&request) {
        let detail = "this listener answers to 127.0.0.1, [::1] and localhost";
        return problem(&Problem::new(ProblemCode::Denied, detail).field("Host"));
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let detail = "this listener only reads; changes go over the admin socket";
        return problem(&Problem::new(ProblemCode::MethodNotAllowed, detail).field("method"));
    }
    let verbose = request.uri().query().is_some_and(|query| {
        query
            .split('&')
            .any(|part| part == "verbose" || part.starts_with("verbose="))
    });
    match request.uri().path() {
        "/livez" => report(vec![alive(services)], verbose),
        "/startupz" => report(vec![started(services)], verbose),
        "/readyz" => report(readiness(services).await, verbose),
        "/metrics" => metrics(services.metrics.encode()),
        "/v1/supervision" => supervision(services),
        _ => problem(&Problem::new(
            ProblemCode::NotFound,
            "there are /livez, /readyz, /startupz (each with ?verbose), /v1/supervision, /metrics",
        )),
    }
}

/// Every name given must be loopback: a second one is how a forged one is smuggled in.
fn names_loopback(request: &Request<Incoming>) -> bool {
    request.headers().get_all(HOST).iter().all(|host| {
        let Ok(host) = host.to_str() else {
            return false;
        };
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok());
        let name = name.map_or(host, |(name, _)| name);
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        let loopback = |ip: std::net::IpAddr| ip.is_loopback();
        name.eq_ignore_ascii_case("localhost") || literal.parse().is_ok_and(loopback)
    })
}

fn alive(services: &AdminServices) -> Check {
    // A root supervisor that gave up ends the process; whoever can answer is alive.
    let detail = services
        .tree
        .get()
        .map_or("starting", |_| "running")
        .to_owned();
    Check {
        name: "process".to_owned(),
        ok: true,
        needed: true,
        detail,
    }
}

fn started(services: &AdminServices) -> Check {
    let ok = services.tree.get().is_some();
    let detail = if ok {
        "every child started once"
    } else {
        "children are starting"
    }
    .to_owned();
    Check {
        name: "tree".to_owned(),
        ok,
        needed: true,
        detail,
    }
}

async fn readiness(services: &AdminServices) -> Vec<Check> {
    let up = |name: &str, ok: bool| {
        let detail = if ok { "up" } else { "down" }.to_owned();
        Check {
            name: name.to_owned(),
            ok,
            needed: true,
            detail,
        }
    };
    let ping = tokio::time::timeout(PING_DEADLINE, services.database.ping()).await;
    let mut checks = vec![
        started(services),
        up("policy", services.policy.is_up()),
        up("database", matches!(ping, Ok(Ok(())))),
        up("audit", services.audit.is_up()),
        spooled(&services.spool),
    ];
    checks.extend(services.trail.checks());
    checks.extend(storage(&services.database));
    checks.extend(lost(&services.audit));
    checks.extend(stuck(&services.rotations));
    checks.extend(services.plugins.list().into_iter().map(|plugin| Check {
        name: format!("plugin {}", plugin.name),
        ok: plugin.state == PluginState::Ready && plugin.instances_up > 0,
        needed: false,
        detail: match &plugin.reason {
            Some(reason) => format!("refused: {reason}"),
            None => format!(
                "{} of {} instances up",
                plugin.instances_up, plugin.instances
            ),
        },
    }));
    checks
}

/// The disk of a private cluster and the replicas of any other: the node is ready without.
fn storage(database: &Database) -> Vec<Check> {
    let mut checks = Vec::new();
    let Space {
        room,
        free_bytes,
        free_min_bytes,
    } = database.space();
    if let Some(free) = free_bytes {
        let (free, least) = (free >> 20, free_min_bytes >> 20);
        let detail = match room {
            Room::Enough => format!("{free} MiB free"),
            Room::Scarce => {
                format!("read-only: {free} MiB free, of the {least} MiB that changes need")
            }
            Room::Gone => format!("read-only, and full: {free} MiB free; the ballast was freed"),
        };
        checks.push(Check {
            name: "storage".to_owned(),
            ok: room == Room::Enough,
            needed: false,
            detail,
        });
    }
    for (index, replica) in database.replicas().iter().enumerate() {
        let detail = match replica.lag {
            Some(lag) => format!("lags {} ms", lag.as_millis()),
            None => "cannot be measured, or is no standby of this server".to_owned(),
        };
        checks.push(Check {
            name: format!("replica {}", index + 1),
            ok: replica.is_admitted(),
            needed: false,
            detail,
        });
    }
    checks
}

/// What was acknowledged and is not in the database any more.
fn lost(audit: &AuditLog) -> Option<Check> {
    let lost = audit.lost();
    let first = lost.first()?;
    Some(Check {
        name: "audit trail".to_owned(),
        ok: false,
        needed: false,
        detail: format!("acknowledged entries are missing: {first}"),
    })
}

/// Data keys that do not unwrap: their places, and nobody's name.
fn stuck(rotations: &Rotations) -> Option<Check> {
    let StuckKeys {
        held,
        given_up,
        places,
    } = rotations.stuck();
    if held + given_up == 0 {
        return None;
    }
    let places = places.join("; ");
    Some(Check {
        name: "keys".to_owned(),
        ok: false,
        needed: false,
        detail: format!("{held} data keys do not unwrap, {given_up} were given up: {places}"),
    })
}

/// Emergency reads that wait for the trail: it is away, or has just come back.
fn spooled(spool: &EmergencySpool) -> Check {
    let (waiting, most) = (spool.waiting(), spool.limits().entries);
    let is_up = spool.is_up();
    let detail = if is_up {
        format!("{waiting} of {most} entries wait for the trail")
    } else {
        "down".to_owned()
    };
    Check {
        name: "emergency_spool".to_owned(),
        ok: is_up && waiting < most,
        needed: false,
        detail,
    }
}

fn report(checks: Vec<Check>, verbose: bool) -> Response<Body> {
    let ready = checks.iter().all(|check| check.ok || !check.needed);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut body = String::new();
    if verbose || !ready {
        for check in &checks {
            let mark = if check.ok { "[+]" } else { "[-]" };
            body.push_str(&format!("{mark} {}: {}\n", check.name, check.detail));
        }
    }
    body.push_str(if ready { "ok\n" } else { "not ready\n" });
    text(status, body)
}

fn supervision(services: &AdminServices) -> Response<Body> {
    match services.tree.get() {
        None => problem(&Problem::new(
            ProblemCode::Unavailable,
            "the tree is still starting",
        )),
        Some(tree) => {
            let body = serde_json::json!({ "version": 1, "tree": tree.snapshot() });
            json(StatusCode::OK, &body)
        }
    }
}
