//! The read-only listener on loopback. Lost on restart: connections of scrapers, which come again.
//! Restart class: permanent.

use super::health::{self, AdminServices};
use super::http;
use crate::net::{self, AcceptTrouble};
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// Connections open at once: a few scrapers and a person.
const CONNECTIONS_MAX: usize = 64;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the listener is made of.
#[derive(Clone)]
pub struct DoorParts {
    /// Where it listens: loopback, as the configuration has checked. Nowhere without one, where
    /// there is no network.
    pub listen: Option<SocketAddr>,
    /// What it looks at.
    pub services: AdminServices,
}

/// The listener as a child of a supervisor.
#[must_use]
pub fn child(parts: DoorParts) -> ChildSpec {
    let handle: Handle<Infallible> = Handle::new(Limits::in_flight(1));
    ChildSpec::worker("admin", &handle, move || (AdminDoor, parts.clone()))
}

struct AdminDoor;

struct Accepting(Option<JoinHandle<()>>);

impl Drop for Accepting {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Actor for AdminDoor {
    type Msg = Envelope<Infallible>;
    type State = Accepting;
    type Arguments = DoorParts;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        parts: DoorParts,
    ) -> Result<Accepting, ActorProcessingErr> {
        let Some(listen) = parts.listen else {
            return Ok(Accepting(None));
        };
        let listener = net::bind_again(listen, "admin.listen")
            .await
            .map_err(|error| ActorProcessingErr::from(error.to_string()))?;
        let task = tokio::spawn(accept(listener, parts.services));
        Ok(Accepting(Some(task)))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut Accepting,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = envelope.open();
        match message {}
    }
}

async fn accept(listener: TcpListener, services: AdminServices) {
    let mut connections = JoinSet::new();
    let mut trouble = AcceptTrouble::default();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            let _ended = connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _peer)) => {
                let services = services.clone();
                connections.spawn(http::serve(stream, move |request| {
                    let services = services.clone();
                    async move { health::answer(&services, request).await }
                }));
            }
            Err(error) => {
                trouble.note(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
