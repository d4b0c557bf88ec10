//! `Directory`: records that belong to no single patient.
//!
//! Practitioners, organisations, look-ups by identifier, and bundles that touch more than one
//! patient's file. Several workers stand side by side, so that a large bundle in one of them
//! delays nobody's read. A worker owns nothing but the work it is doing: lost on restart is the
//! one request it had, whose sender gets a typed error. Restart class: permanent, each for itself.
//!
//! PHI: opened bodies for the time of one answer; nothing is remembered. Purpose, legal basis,
//! access and audit as in [`super::session`].

use super::sessions::Sessions;
use super::store::{Found, Loaded};
use super::write::{Effect, Write};
use super::{RecordError, RecordStore};
use crate::database::Scope;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::ResourceId;
use plantao_supervisors::{Envelope, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;

/// What a worker is asked.
pub(super) enum Message {
    /// One record.
    Read(
        Scope,
        FhirType,
        ResourceId,
        Reply<Result<Found, RecordError>>,
    ),
    /// The records of a type that carry an identifier: system and value.
    Find(
        Scope,
        FhirType,
        String,
        String,
        Reply<Result<Vec<Found>, RecordError>>,
    ),
    /// A bundle.
    Write(Box<Write>),
}

/// The actor.
pub(super) struct Directory {
    store: Arc<dyn RecordStore>,
    sessions: Arc<Sessions>,
}

impl Directory {
    /// A worker that tells the sessions of what it changed.
    pub(super) const fn new(store: Arc<dyn RecordStore>, sessions: Arc<Sessions>) -> Self {
        Self { store, sessions }
    }
}

impl Actor for Directory {
    type Msg = Envelope<Message>;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = envelope.open();
        match message {
            Message::Read(scope, kind, id, reply) if !reply.is_abandoned() => {
                reply.send(self.read(&scope, kind, &id).await);
            }
            Message::Find(scope, kind, system, value, reply) if !reply.is_abandoned() => {
                let stored = self.store.find(&scope, kind, &system, &value).await;
                let all = |list: Vec<super::store::Stored>| {
                    list.iter().map(|stored| stored.found(kind)).collect()
                };
                reply.send(stored.and_then(all));
            }
            Message::Write(write) => self.write(*write).await,
            // Whoever asked has gone.
            Message::Read(..) | Message::Find(..) => {}
        }
        Ok(())
    }
}

impl Directory {
    /// Stores, answers, and tells the live sessions of the patients concerned.
    async fn write(&self, write: Write) {
        let (tenant, bundle) = (write.scope.tenant.clone(), Arc::clone(&write.bundle));
        let effect = write.perform(&*self.store).await;
        if !matches!(effect, Effect::Nothing) {
            let patients = bundle.resources().filter_map(|one| one.patient.clone());
            self.sessions.changed(&tenant, &patients.collect());
        }
    }

    async fn read(
        &self,
        scope: &Scope,
        kind: FhirType,
        id: &ResourceId,
    ) -> Result<Found, RecordError> {
        match self.store.load(scope, kind, id, None).await? {
            Some(Loaded::Newest(stored)) => stored.found(kind),
            Some(Loaded::Unchanged) => Err(RecordError::Internal),
            None => Err(RecordError::NotFound),
        }
    }
}
