//! The actor that owns the listening socket and the connections accepted from it.
//!
//! Lost on restart: the open connections, which end; clients connect again. Restart class:
//! permanent. Stopping drains: no new connection, the requests in flight finish, then all are
//! closed. Connections live in a set that is dropped with the actor, so none is orphaned.

use super::addresses::{AddressLimits, Addresses};
use super::approach::{Approach, Listening, Wire};
use super::connection::{Timeouts, connection};
use super::rate::Rate;
use super::refusals::Refusals;
use super::services::Services;
use crate::net::{AcceptTrouble, BindError};
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Pause after a failed accept: it fails when descriptors run out, and those come back by waiting.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The door's limits.
#[derive(Clone, Copy, Debug)]
pub struct DoorLimits {
    /// Connections open at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Connections open at once from one address; more are closed at once.
    pub max_connections_per_address: usize,
    /// New connections a second from one address; more are closed at once.
    pub connects_per_second_per_address: u32,
    /// From the accepted connection to the end of the handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its header; idle connections too.
    pub header_timeout: Duration,
    /// What requests in flight get to finish when the door closes.
    pub drain_timeout: Duration,
}

/// What the door is made of.
#[derive(Clone)]
pub struct DoorParts {
    /// Where it listens.
    pub listen: Approach,
    /// Its limits.
    pub limits: DoorLimits,
    /// What it routes to.
    pub services: Services,
}

/// The front door as a child of a supervisor.
#[must_use]
pub fn child(parts: DoorParts) -> ChildSpec {
    let handle: Handle<std::convert::Infallible> = Handle::new(Limits::in_flight(1));
    ChildSpec::worker("front_door", &handle, move || (FrontDoor, parts.clone()))
}

/// Owns the socket; nobody sends it messages: what it takes comes from the network.
pub struct FrontDoor;

/// The socket's state.
pub struct Open {
    close: watch::Sender<bool>,
    refusals: Refusals,
    accepting: Option<JoinHandle<()>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl Actor for FrontDoor {
    type Msg = Envelope<std::convert::Infallible>;
    type State = Open;
    type Arguments = DoorParts;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        parts: DoorParts,
    ) -> Result<Open, ActorProcessingErr> {
        let listener = Listening::open(parts.listen.clone())
            .await
            .map_err(|error: BindError| ActorProcessingErr::from(error.to_string()))?;
        let (close, closing) = watch::channel(false);
        let refusals = parts.services.refusals.clone();
        let accepting = Some(tokio::spawn(accept(listener, parts, closing)));
        Ok(Open {
            close,
            refusals,
            accepting,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut Open,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = envelope.open();
        match message {}
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Open,
    ) -> Result<(), ActorProcessingErr> {
        let _nobody_left = state.close.send(true);
        if let Some(accepting) = state.accepting.take() {
            // Ends by itself: every connection has the drain timeout and no more.
            let _ended = accepting.await;
        }
        // While the trail still takes entries: it stops after the doors.
        state.refusals.flush().await;
        Ok(())
    }
}

async fn accept(mut listener: Listening, parts: DoorParts, mut closing: watch::Receiver<bool>) {
    let timeouts = Timeouts {
        handshake: parts.limits.handshake_timeout,
        header: parts.limits.header_timeout,
        drain: parts.limits.drain_timeout,
    };
    let slots = Arc::new(Semaphore::new(parts.limits.max_connections));
    let services = Arc::new(parts.services);
    let metrics = services.metrics.clone();
    let mut connections: JoinSet<IpAddr> = JoinSet::new();
    let mut addresses = Addresses::new(AddressLimits {
        open: parts.limits.max_connections_per_address,
        rate: Rate {
            per_second: parts.limits.connects_per_second_per_address,
        },
    });
    let mut trouble = AcceptTrouble::default();
    loop {
        while let Some(ended) = connections.try_join_next() {
            addresses.release(ended.ok());
        }
        metrics.connections(connections.len());
        let accepted = tokio::select! {
            biased;
            _closing = closing.wait_for(|closing| *closing) => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                addresses.release(ended.ok());
                continue;
            }
            accepted = next(&mut listener, &slots) => accepted,
        };
        let (slot, (stream, peer)) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                trouble.note(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let address = peer.ip().to_canonical();
        if let Err(shed) = addresses.admit(address) {
            // Closed at once: one address must not take the door away from all others.
            metrics.connection_shed(shed.as_str());
            continue;
        }
        let (services, drain) = (Arc::clone(&services), closing.clone());
        connections.spawn(async move {
            connection(services, timeouts, drain, (stream, peer)).await;
            drop(slot);
            address
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    metrics.connections(0);
}

/// Waits for a free slot first, so that what cannot be served stays in the kernel's queue.
async fn next(
    listener: &mut Listening,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(OwnedSemaphorePermit, (Wire, SocketAddr))> {
    let closed = |_| std::io::Error::other("the door is closed");
    let slot = Arc::clone(slots).acquire_owned().await.map_err(closed)?;
    Ok((slot, listener.accept().await?))
}
