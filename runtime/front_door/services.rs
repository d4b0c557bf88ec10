//! What the request path needs, handed down once.

use super::refusals::Refusals;
use crate::identity::TokenVerifier;
use crate::telemetry::Metrics;
use plantao_actors::audit::AuditLog;
use plantao_actors::clock::WallClock;
use plantao_actors::database::Database;
use plantao_actors::patient::Records;
use plantao_actors::plugin::Plugins;
use plantao_actors::policy::Policy;
use plantao_schema::id::RequestId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The handles and limits of the request path. Clones share them.
#[derive(Clone)]
pub struct Services {
    /// Who is who.
    pub verifier: TokenVerifier,
    /// Who may.
    pub policy: Policy,
    /// What was done.
    pub audit: AuditLog,
    /// The audit trail's pages are read through it.
    pub database: Database,
    /// Clinical records.
    pub records: Records,
    /// Untrusted logic.
    pub plugins: Plugins,
    /// What time it is.
    pub clock: WallClock,
    /// What is counted.
    pub metrics: Metrics,
    /// Refusals of requests that nobody in particular made.
    pub refusals: Refusals,
    /// Requests being served at once; beyond it they are shed.
    pub in_flight: Arc<Semaphore>,
    /// Largest body read, bytes.
    pub body_limit_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
}

impl Services {
    /// A new request's id: time-ordered, unguessable enough to quote in a call to the help desk.
    pub(super) fn request_id(&self) -> RequestId {
        let id = uuid::Uuid::now_v7().simple().to_string();
        RequestId::parse(&id).unwrap_or_else(|_| unreachable!("32 hexadecimal digits"))
    }
}
