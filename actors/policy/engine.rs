//! The actor that owns the policy, and the handle that decides by its snapshot.
//!
//! Lost on restart: the behaviour table (minutes of counts); the rules are read again from the
//! factory's settings. Restart class: permanent, because without it nobody gets in. What was taken
//! back (consents, sessions) is other actors' and found through [`Tables`].

use super::behaviour::{Behaviour, Pace};
use super::changes::Changes;
use super::harness::{Defect, Harness, PermitWitness};
use super::leave::Leave;
use super::permit::{Permit, Refusal, Verdict};
use super::settings::PolicySettings;
use super::tables::{Standing, Tables};
use super::view::ViewGrant;
use arc_swap::{ArcSwap, ArcSwapWeak};
use plantao_schema::access::{
    AccessRequest, ConsentStatus, Decision, Fields, Purpose, Reason, Role, Rules, RulesError,
    Signals, VerdictKind, decide,
};
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{CallError, ChildSpec, Envelope, Handle, Limits, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

/// Reloads in flight at most: an operator reloads by hand.
const IN_FLIGHT_MAX: usize = 16;
/// How long a reload may take.
const RELOAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a request may wait for its tenant's tables: a restart of their owner fits into it.
const READY_DEADLINE: Duration = Duration::from_secs(1);
/// How often silent principals are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Why the policy could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The new rules are wrong; the old ones stay.
    #[error("the new policy was refused and the last good one stays: {0}")]
    Rules(RulesError),
    /// The engine is not there.
    #[error("the policy engine is not available")]
    Unavailable(#[from] CallError),
}

/// The snapshot that decisions are made by. Dies with its engine.
struct Snapshot {
    settings: PolicySettings,
    behaviour: Arc<Behaviour>,
}

/// Whether a decision goes into the principal's behaviour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    Counted,
    Uncounted,
}

/// The policy decision point. Clones share it; it outlives the engine's incarnations.
#[derive(Clone)]
pub struct Policy {
    snapshot: Arc<ArcSwapWeak<Snapshot>>,
    settings: Arc<ArcSwap<PolicySettings>>,
    engine: Handle<Message>,
    tables: Tables,
    changes: Changes,
    pub(super) harness: Arc<Harness>,
}

impl Policy {
    /// A policy that denies everything until its engine runs.
    ///
    /// # Errors
    /// [`RulesError`] when the rules are incomplete or out of bounds.
    pub fn new(settings: PolicySettings) -> Result<Self, RulesError> {
        settings.rules.validate()?;
        let changes = Changes::new();
        Ok(Self {
            snapshot: Arc::new(ArcSwapWeak::new(Weak::new())),
            settings: Arc::new(ArcSwap::from_pointee(settings)),
            engine: Handle::new(Limits::in_flight(IN_FLIGHT_MAX)),
            tables: Tables::new(&changes),
            changes,
            harness: Arc::default(),
        })
    }

    /// The same for a test harness, whose `witness` hears of every permit.
    #[must_use]
    pub fn witnessed(self, witness: Arc<dyn PermitWitness>) -> Self {
        Self {
            harness: Arc::new(Harness::new(witness)),
            ..self
        }
    }

    /// The tables of what was taken back, for the actors that own them.
    #[must_use]
    pub fn tables(&self) -> Tables {
        self.tables.clone()
    }

    /// Decides one request, anew, on the caller's thread. Total: an absent engine denies, and so
    /// does a tenant whose consents or ended sessions are unknown, emergencies excepted.
    #[must_use]
    pub fn decide(&self, access: AccessRequest, peer: IpAddr) -> Verdict {
        self.judge(access, peer, Counting::Counted)
    }

    /// The same decision about an access that goes on: nobody asked, so that neither a request nor
    /// a refusal is held against the principal, however many views it has open.
    #[must_use]
    pub fn review(&self, access: AccessRequest, peer: IpAddr) -> Verdict {
        self.judge(access, peer, Counting::Uncounted)
    }

    fn judge(&self, access: AccessRequest, peer: IpAddr, counting: Counting) -> Verdict {
        if let Some(again) = self.harness.reused(&access, self) {
            return Verdict::Permit(again);
        }
        let withdrawals = self.tables.takebacks.count();
        let standing = self.standing(&access);
        let (Some(snapshot), Some((consent, session_revoked))) =
            (self.snapshot.load().upgrade(), standing)
        else {
            let decision = Decision::policy_unavailable();
            return Verdict::Denial(Refusal { access, decision });
        };
        let now = Instant::now();
        let pace = match counting {
            Counting::Counted => snapshot.behaviour.request(&access.principal, now),
            Counting::Uncounted => snapshot.behaviour.pace(&access.principal, now),
        };
        let signals = Signals {
            consent,
            session_revoked,
            ..signals(&snapshot, &access, peer, &pace)
        };
        let decision = decide(&snapshot.settings.rules, &access, &signals);
        match decision.verdict {
            VerdictKind::Allow | VerdictKind::BreakGlass => {
                let number = self.harness.given(&access, &decision);
                let leave = Leave::new(self.clone(), number, withdrawals);
                Verdict::Permit(Permit::new(access, decision, leave))
            }
            VerdictKind::StepUp => Verdict::StepUp(Refusal { access, decision }),
            VerdictKind::Deny => {
                if counting == Counting::Counted && is_telling(decision.reason) {
                    snapshot.behaviour.refusal(&access.principal, now);
                }
                Verdict::Denial(Refusal { access, decision })
            }
        }
    }

    /// What the tables say, or nothing when the request cannot be decided without them.
    fn standing(&self, access: &AccessRequest) -> Option<(ConsentStatus, bool)> {
        let Standing {
            consent,
            session_revoked,
        } = self.tables.standing(access);
        if consent.is_none() || session_revoked.is_none() {
            self.tables.want(&access.principal.tenant);
        }
        if access.break_glass.is_some() {
            let consent = consent.unwrap_or(ConsentStatus::NotAsked);
            return Some((consent, session_revoked.unwrap_or_default()));
        }
        Some((consent?, session_revoked?))
    }

    /// What a permit to open a page lets the page show. Nothing of it without an engine.
    #[must_use]
    pub fn view(&self, permit: &Permit) -> ViewGrant {
        let break_glass = permit.is_break_glass();
        let score = if break_glass {
            u8::MAX
        } else {
            permit.decision().trust.score
        };
        let snapshot = self.snapshot.load().upgrade();
        let fields = snapshot.map_or_else(Fields::default, |snapshot| {
            let (role, purpose) = (&permit.principal().role, permit.purpose());
            snapshot.settings.rules.fields(role, purpose, score)
        });
        ViewGrant {
            tenant: permit.tenant().clone(),
            patient: permit.patient().cloned(),
            fields,
            purpose: permit.purpose(),
            break_glass,
        }
    }

    /// Whether a patient's data may be used for a purpose, for whoever learns the patient only
    /// after the decision. False when it was withdrawn and when that is unknown.
    #[must_use]
    pub fn consented(&self, tenant: &Tenant, patient: &PatientId, purpose: Purpose) -> bool {
        let said = self.tables.consent(tenant, patient, purpose);
        if said.is_none() {
            self.tables.want(tenant);
        }
        said.is_some_and(|said| said != ConsentStatus::Revoked || self.harness.shows_withdrawn())
    }

    /// Moves at every change of what decisions rest on: the engine starting, dying or reloading,
    /// a consent, an ended session, a table coming or going. Whoever decides again because of it
    /// awaits [`Policy::ready`] first, so that a restart of milliseconds closes nothing.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits, at most a second, until requests of this tenant can be decided; the first one makes
    /// its tables load. Says whether they can; deciding without is a denial and no error.
    pub async fn ready(&self, tenant: &Tenant) -> bool {
        let can = || self.is_up() && self.tables.know(tenant);
        if can() {
            return true;
        }
        let mut changes = self.changes();
        self.tables.want(tenant);
        let waiting = async {
            while !can() {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        // In time or not: the answer is what is true now.
        let _ = tokio::time::timeout(READY_DEADLINE, waiting).await;
        can()
    }

    /// Whether decisions can be made.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.snapshot.load().strong_count() > 0
    }

    /// Whether the rules define a role.
    #[must_use]
    pub fn knows(&self, role: &Role) -> bool {
        self.settings.load().rules.roles.contains_key(role)
    }

    /// Puts new rules in force at once, behaviour kept.
    ///
    /// # Errors
    /// [`PolicyError::Rules`] when they are wrong (the old ones stay), otherwise
    /// [`PolicyError::Unavailable`].
    pub async fn reload(&self, rules: Rules) -> Result<(), PolicyError> {
        rules.validate().map_err(PolicyError::Rules)?;
        let make = |reply| Message::Reload {
            rules: Box::new(rules),
            reply,
        };
        Ok(self.engine.call(RELOAD_DEADLINE, make).await?)
    }
}

/// Whether a refusal says something of the principal. What was ended or taken back says nothing:
/// whoever logs out with several pages open is refused once for each.
const fn is_telling(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::SessionRevoked | Reason::CredentialExpired | Reason::ConsentRevoked
    )
}

fn signals(snapshot: &Snapshot, access: &AccessRequest, peer: IpAddr, pace: &Pace) -> Signals {
    let principal = &access.principal;
    let age = access
        .at
        .seconds()
        .saturating_sub(principal.authenticated_at.seconds());
    Signals {
        device: principal.device,
        network: snapshot.settings.network(peer),
        multi_factor: principal.multi_factor,
        // A credential from the future is a clock gone wrong: it counts as old, never as fresh.
        credential_age_seconds: u32::try_from(age).unwrap_or(u32::MAX),
        requests_last_minute: pace.requests_last_minute,
        refusals_last_ten_minutes: pace.refusals_last_ten_minutes,
        duty_hours: snapshot.settings.duty_hours.contains(access.at),
        consent: ConsentStatus::NotAsked,
        session_revoked: false,
    }
}

/// The engine as a child of a supervisor.
#[must_use]
pub fn child(policy: &Policy) -> ChildSpec {
    let parts = policy.clone();
    ChildSpec::worker("policy", &policy.engine, move || {
        (PolicyEngine, parts.clone())
    })
}

enum Message {
    Reload { rules: Box<Rules>, reply: Reply<()> },
}

struct PolicyEngine;

struct State {
    /// The only strong reference: dropping the state, however it happens, closes the door.
    snapshot: Arc<Snapshot>,
    publish: Arc<ArcSwapWeak<Snapshot>>,
    settings: Arc<ArcSwap<PolicySettings>>,
    changes: Changes,
    harness: Arc<Harness>,
    pruning: JoinHandle<()>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.pruning.abort();
        // Before the notice: whoever decides because of it must not find the policy any more.
        if !self.harness.has(Defect::SnapshotKept) {
            self.publish.store(Weak::new());
        }
        self.changes.bump();
    }
}

impl Actor for PolicyEngine {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Policy;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        policy: Policy,
    ) -> Result<State, ActorProcessingErr> {
        let behaviour = Arc::new(Behaviour::default());
        let pruning = tokio::spawn(prune(Arc::downgrade(&behaviour)));
        let settings = policy.settings.load_full().as_ref().clone();
        let snapshot = Arc::new(Snapshot {
            settings,
            behaviour,
        });
        policy.harness.keep(Arc::<Snapshot>::clone(&snapshot));
        policy.snapshot.store(Arc::downgrade(&snapshot));
        policy.changes.bump();
        Ok(State {
            snapshot,
            publish: policy.snapshot,
            settings: policy.settings,
            harness: policy.harness,
            changes: policy.changes,
            pruning,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = envelope.open();
        match message {
            Message::Reload { rules, reply } => {
                let mut settings = state.snapshot.settings.clone();
                settings.rules = *rules;
                state.settings.store(Arc::new(settings.clone()));
                let behaviour = Arc::clone(&state.snapshot.behaviour);
                let snapshot = Arc::new(Snapshot {
                    settings,
                    behaviour,
                });
                state.publish.store(Arc::downgrade(&snapshot));
                state.snapshot = snapshot;
                state.changes.bump();
                tracing::info!(event = "policy_reloaded", "policy reloaded");
                reply.send(());
            }
        }
        Ok(())
    }
}

async fn prune(behaviour: Weak<Behaviour>) {
    loop {
        tokio::time::sleep(PRUNE_EVERY).await;
        match behaviour.upgrade() {
            Some(behaviour) => behaviour.prune(Instant::now()),
            None => return,
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
