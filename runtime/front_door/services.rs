//! What the request path needs, handed down once.

use super::problems;
use super::refusals::Refusals;
use crate::identity::TokenVerifier;
use crate::telemetry::Metrics;
use plantao_actors::audit::{AuditLog, AuditReceipt};
use plantao_actors::clock::WallClock;
use plantao_actors::database::Database;
use plantao_actors::patient::Records;
use plantao_actors::plugin::Plugins;
use plantao_actors::policy::Policy;
use plantao_schema::audit::Entry;
use plantao_schema::id::RequestId;
use plantao_schema::problem::Problem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

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
    /// How many that is.
    pub max_in_flight: usize,
    /// Memory that all bodies in progress may take together, in KiB.
    pub body_memory_kib: Arc<Semaphore>,
    /// Largest body read, bytes.
    pub body_limit_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
}

impl Services {
    /// Writes an entry to the trail and counts it: without its receipt nothing may leave.
    pub(super) async fn record(&self, entry: Entry) -> Result<AuditReceipt, Problem> {
        let started = Instant::now();
        let receipt = self.audit.append(entry).await.map_err(|error| {
            self.metrics.audit_failure();
            problems::audit(&error)
        })?;
        self.metrics.audit_entry();
        self.metrics.audit_append(started.elapsed());
        Ok(receipt)
    }

    /// Takes a body's share of the memory for bodies, if it is free.
    pub(super) fn body_memory(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1_024)).ok()?;
        Arc::clone(&self.body_memory_kib)
            .try_acquire_many_owned(kib)
            .ok()
    }

    /// A new request's id: time-ordered, unguessable enough to quote in a call to the help desk.
    pub(super) fn request_id(&self) -> RequestId {
        let id = uuid::Uuid::now_v7().simple().to_string();
        RequestId::parse(&id).unwrap_or_else(|_| unreachable!("32 hexadecimal digits"))
    }
}
