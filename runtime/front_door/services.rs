//! What the request path needs, handed down once.

use super::handlers::Handled;
use super::places::Places;
use super::problems;
use super::rate::SharedBucket;
use super::refusals::Refusals;
use super::refused::Refused;
use super::reply::Answer;
use crate::identity::{Claims, TokenIssuer, TokenVerifier};
use crate::pages::PagesOf;
use crate::telemetry::Metrics;
use plantao_actors::audit::transparency::{PublicLogKeys, TransparencyLog, Witnesses};
use plantao_actors::audit::{
    AuditError, AuditLog, AuditReceipt, EmergencyReceipt, EmergencySpool, OpenEntry,
};
use plantao_actors::clock::WallClock;
use plantao_actors::consent::Consents;
use plantao_actors::database::Database;
use plantao_actors::entropy::Entropy;
use plantao_actors::live::Live;
use plantao_actors::login::{Identity, LogIns};
use plantao_actors::patient::{Contents, RecordError, Records};
use plantao_actors::plugin::Plugins;
use plantao_actors::policy::{CardEmergency, Policy};
use plantao_actors::ward::Wards;
use plantao_schema::access::{AccessRequest, Decision};
use plantao_schema::audit::{Entry, Outcome, Phase};
use plantao_schema::id::{RequestId, ResourceId, Tenant};
use plantao_schema::problem::Problem;
use plantao_schema::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What becomes of a change.
type Settled = Result<Handled, Refused>;

/// What readers of the audit trail are told beside its entries.
#[derive(Clone, Debug)]
pub struct TrailReaders {
    /// How far the institution's clocks are ahead of UTC, seconds: what a day means.
    pub offset_s: i64,
    /// Whom a patient may ask about their data.
    pub contact: Option<String>,
}

/// The handles and limits of the request path. Clones share them.
#[derive(Clone)]
pub struct Services {
    /// Who is who.
    pub verifier: TokenVerifier,
    /// Who may.
    pub policy: Policy,
    /// What was done.
    pub audit: AuditLog,
    /// What takes emergency reads of emergency cards while the trail is away.
    pub spool: EmergencySpool,
    /// What signs it.
    pub log: TransparencyLog,
    /// What checks those signatures.
    pub log_keys: PublicLogKeys,
    /// Who cosigns it.
    pub witnesses: Witnesses,
    /// The audit trail's pages are read through it.
    pub database: Database,
    /// And this goes with them.
    pub readers: TrailReaders,
    /// Clinical records.
    pub records: Records,
    /// Their contents, checked against the trail.
    pub contents: Arc<Contents>,
    /// Untrusted logic.
    pub plugins: Plugins,
    /// Who lies where.
    pub wards: Wards,
    /// What patients agreed to.
    pub consents: Consents,
    /// Who gets in.
    pub log_ins: LogIns,
    /// The live pages.
    pub live: Live<PagesOf>,
    /// What they are made of.
    pub pages: Arc<PagesOf>,
    /// Viewers of each principal.
    pub viewers: Places,
    /// How fast viewers may be opened.
    pub opens: Arc<SharedBucket>,
    /// Makes the pages' sessions.
    pub issuer: Arc<TokenIssuer>,
    /// How long one lasts, seconds.
    pub session_s: u32,
    /// Whether demonstration principals exist.
    pub demo: bool,
    /// The institution whose accounts log in here.
    pub tenant: Tenant,
    /// What time it is.
    pub clock: WallClock,
    /// Where new identifiers come from.
    pub entropy: Entropy,
    /// What is counted.
    pub metrics: Metrics,
    /// Refusals of requests that nobody in particular made.
    pub refusals: Refusals,
    /// Requests being served at once; beyond it they are shed.
    pub in_flight: Arc<Semaphore>,
    /// How many that is.
    pub max_in_flight: usize,
    /// Log-ins being served at once, of people who are nobody yet.
    pub strangers: Arc<Semaphore>,
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
        let receipt = self.audit.append(entry).await;
        let receipt = receipt.map_err(|error| self.unaudited(&error))?;
        self.metrics.audit_entry();
        self.metrics.audit_append(started.elapsed());
        Ok(receipt)
    }

    /// Writes an emergency read to the trail, or to the spool while the trail is away.
    pub(super) async fn record_emergency(
        &self,
        emergency: &CardEmergency,
    ) -> Result<EmergencyReceipt, Problem> {
        let started = Instant::now();
        let receipt = self.spool.record(emergency).await;
        let receipt = receipt.map_err(|error| self.unaudited(&error))?;
        if let EmergencyReceipt::Trail(_) = &receipt {
            self.metrics.audit_entry();
            self.metrics.audit_append(started.elapsed());
        }
        Ok(receipt)
    }

    /// Opens an entry in the trail whose outcome is owed.
    pub(super) async fn open(&self, entry: Entry) -> Result<OpenEntry, Problem> {
        let open = self.audit.open(entry).await;
        open.map_err(|error| self.unaudited(&error))
    }

    /// The entry of an access that was decided.
    pub(super) fn decided(
        &self,
        (access, decision): (&AccessRequest, &Decision),
        phase: Phase,
        outcome: Outcome,
    ) -> Result<Entry, Problem> {
        let entry = self.audit.decided(access, decision, phase, outcome);
        entry.map_err(|error| self.unaudited(&error))
    }

    fn unaudited(&self, error: &AuditError) -> Problem {
        self.metrics.audit_failure();
        problems::audit(error)
    }

    /// Completes the entry of a change that is made: its answer may leave.
    pub(super) async fn changed(&self, open: OpenEntry, answer: Answer) -> Settled {
        match self.audit.complete(open, Outcome::Success).await {
            Ok(receipt) => Ok(Handled::Changed { answer, receipt }),
            Err(error) => {
                tracing::warn!(%error, "a completion is left to the trail");
                let in_doubt = problems::record(&RecordError::InDoubt);
                Err(Refused {
                    audited: true,
                    ..Refused::from(in_doubt)
                })
            }
        }
    }

    /// Completes the entry of a change that is not made, or leaves it to the trail, which asks the
    /// database, when nobody here knows (`outcome` is `None`).
    pub(super) async fn not_changed(
        &self,
        open: OpenEntry,
        outcome: Option<Outcome>,
        problem: Problem,
    ) -> Settled {
        if let Some(outcome) = outcome
            && let Err(error) = self.audit.complete(open, outcome).await
        {
            tracing::warn!(%error, "a completion is left to the trail");
        }
        Err(Refused {
            audited: true,
            ..Refused::from(problem)
        })
    }

    /// What the credential of somebody who has just been let in says.
    pub(super) fn claims(&self, identity: &Identity) -> Result<Claims, Problem> {
        let session = self.entropy.uuid_v4();
        let session = session.map_err(|error| problems::entropy(&error))?;
        let (subject, tenant) = (identity.subject.clone(), identity.tenant.clone());
        let who = (subject, tenant, identity.role.clone());
        let mut claims = Claims::of(who, self.clock.now(), self.session_s, session);
        // Old as it is, in the whole seconds of the wire: whoever follows a link is not fresh.
        let authenticated_s = identity.authenticated_at.seconds();
        claims.issued_at = Timestamp::from_micros(authenticated_s.saturating_mul(1_000_000));
        if let Some(by) = identity.expires_by {
            claims.expires_at = claims.expires_at.min(by);
        }
        claims.device = identity.device;
        claims.name.clone_from(&identity.name);
        claims.demo = self.demo;
        if identity.multi_factor {
            claims = claims.with_multi_factor();
        }
        Ok(claims)
    }

    /// Takes a body's share of the memory for bodies, if it is free.
    pub(super) fn body_memory(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1_024)).ok()?;
        Arc::clone(&self.body_memory_kib)
            .try_acquire_many_owned(kib)
            .ok()
    }

    /// A new request's id: time-ordered, unguessable enough to quote in a call to the help desk.
    pub(super) fn request_id(&self) -> Result<RequestId, Problem> {
        let id = self.entropy.uuid_v7(self.clock.now());
        let id = id.map_err(|error| problems::entropy(&error))?;
        let id = RequestId::parse(&id.simple().to_string());
        Ok(id.unwrap_or_else(|_| unreachable!("32 hexadecimal digits")))
    }

    /// A new record's id.
    pub(super) fn record_id(&self) -> Result<ResourceId, Problem> {
        let id = self.entropy.uuid_v7(self.clock.now());
        let id = id.map_err(|error| problems::entropy(&error))?;
        let id = ResourceId::parse(&id.to_string());
        Ok(id.unwrap_or_else(|_| unreachable!("a UUID is an identifier")))
    }
}
