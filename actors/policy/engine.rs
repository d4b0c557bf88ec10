//! The actor that owns the policy, and the handle that decides by its snapshot.
//!
//! Lost on restart: the behaviour table (minutes of counts); the rules are read again from the
//! factory's settings. Restart class: permanent, because without it nobody gets in.

use super::behaviour::Behaviour;
use super::permit::{Permit, Refusal, Verdict};
use super::settings::PolicySettings;
use arc_swap::{ArcSwap, ArcSwapWeak};
use plantao_schema::access::{
    AccessRequest, Decision, Rules, RulesError, Signals, VerdictKind, decide,
};
use plantao_supervisors::{CallError, ChildSpec, Envelope, Handle, Limits, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

/// Reloads in flight at most: an operator reloads by hand.
const IN_FLIGHT_MAX: usize = 16;
/// How long a reload may take.
const RELOAD_DEADLINE: Duration = Duration::from_secs(5);
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

/// The policy decision point. Clones share it; it outlives the engine's incarnations.
#[derive(Clone)]
pub struct Policy {
    snapshot: Arc<ArcSwapWeak<Snapshot>>,
    settings: Arc<ArcSwap<PolicySettings>>,
    engine: Handle<Message>,
}

impl Policy {
    /// A policy that denies everything until its engine runs.
    ///
    /// # Errors
    /// [`RulesError`] when the rules are incomplete or out of bounds.
    pub fn new(settings: PolicySettings) -> Result<Self, RulesError> {
        settings.rules.validate()?;
        Ok(Self {
            snapshot: Arc::new(ArcSwapWeak::new(Weak::new())),
            settings: Arc::new(ArcSwap::from_pointee(settings)),
            engine: Handle::new(Limits::in_flight(IN_FLIGHT_MAX)),
        })
    }

    /// Decides one request, anew, on the caller's thread. Total: an absent engine denies.
    #[must_use]
    pub fn decide(&self, access: AccessRequest, peer: IpAddr) -> Verdict {
        let Some(snapshot) = self.snapshot.load().upgrade() else {
            let decision = Decision::policy_unavailable();
            return Verdict::Denial(Refusal { access, decision });
        };
        let now = Instant::now();
        let signals = signals(&snapshot, &access, peer, now);
        let decision = decide(&snapshot.settings.rules, &access, &signals);
        match decision.verdict {
            VerdictKind::Allow | VerdictKind::BreakGlass => {
                Verdict::Permit(Permit::new(access, decision))
            }
            VerdictKind::StepUp => Verdict::StepUp(Refusal { access, decision }),
            VerdictKind::Deny => {
                snapshot.behaviour.refusal(&access.principal.id, now);
                Verdict::Denial(Refusal { access, decision })
            }
        }
    }

    /// Whether decisions can be made.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.snapshot.load().strong_count() > 0
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

fn signals(snapshot: &Snapshot, access: &AccessRequest, peer: IpAddr, now: Instant) -> Signals {
    let principal = &access.principal;
    let pace = snapshot.behaviour.request(&principal.id, now);
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
    pruning: JoinHandle<()>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.pruning.abort();
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
        policy.snapshot.store(Arc::downgrade(&snapshot));
        Ok(State {
            snapshot,
            publish: policy.snapshot,
            settings: policy.settings,
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
