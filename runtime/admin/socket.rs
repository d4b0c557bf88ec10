//! The private Unix socket that takes changes. Its mode is 0600: the file system authenticates,
//! and the kernel tells who called. Restart class: permanent.

use super::changes;
use super::health::AdminServices;
use super::http;
use crate::net::AcceptTrouble;
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};

/// Connections open at once: a person and a script.
const CONNECTIONS_MAX: usize = 16;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Owner only.
const SOCKET_MODE: u32 = 0o600;

/// What the socket is made of.
#[derive(Clone)]
pub struct SocketParts {
    /// The socket's file, in a folder that only this user enters; no socket without one.
    pub path: Option<PathBuf>,
    /// What it changes.
    pub services: AdminServices,
}

/// The socket as a child of a supervisor.
#[must_use]
pub fn child(parts: SocketParts) -> ChildSpec {
    let handle: Handle<Infallible> = Handle::new(Limits::in_flight(1));
    ChildSpec::worker("admin_socket", &handle, move || {
        (AdminSocket, parts.clone())
    })
}

struct AdminSocket;

struct Accepting(Option<(JoinHandle<()>, PathBuf)>);

impl Drop for Accepting {
    fn drop(&mut self) {
        if let Some((task, path)) = &self.0 {
            task.abort();
            let _already_gone = std::fs::remove_file(path);
        }
    }
}

impl Actor for AdminSocket {
    type Msg = Envelope<Infallible>;
    type State = Accepting;
    type Arguments = SocketParts;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        parts: SocketParts,
    ) -> Result<Accepting, ActorProcessingErr> {
        let Some(path) = parts.path else {
            return Ok(Accepting(None));
        };
        let listener = bind(&path)?;
        let task = tokio::spawn(accept(listener, parts.services));
        Ok(Accepting(Some((task, path))))
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

fn bind(path: &Path) -> Result<UnixListener, ActorProcessingErr> {
    // The state directory's lock is held, so a file left here belongs to a runtime that is gone.
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(format!("cannot remove `{}`: {}", path.display(), error.kind()).into());
    }
    let failed = |error: std::io::Error| {
        ActorProcessingErr::from(format!(
            "cannot bind `{}`: {}",
            path.display(),
            error.kind()
        ))
    };
    let listener = UnixListener::bind(path).map_err(failed)?;
    let mode = std::fs::Permissions::from_mode(SOCKET_MODE);
    std::fs::set_permissions(path, mode).map_err(failed)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, services: AdminServices) {
    let mut connections = JoinSet::new();
    let mut trouble = AcceptTrouble::default();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            let _ended = connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _address)) => {
                let Ok(peer) = stream.peer_cred() else {
                    continue;
                };
                let (uid, services) = (peer.uid(), services.clone());
                connections.spawn(http::serve(stream, move |request| {
                    let services = services.clone();
                    async move { changes::answer(&services, uid, request).await }
                }));
            }
            Err(error) => {
                trouble.note(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
