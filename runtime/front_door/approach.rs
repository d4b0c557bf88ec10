//! How connections reach the door: over TCP and TLS, or down a lane within the process.

use crate::net::{self, BindError};
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio_rustls::TlsAcceptor;

/// Connections that may wait in a lane, as they do in the kernel's queue.
const LANE_BACKLOG: usize = 1_024;
/// Bytes in flight each way within a lane's connection.
const LANE_BYTES: usize = 64 * 1_024;

/// Where a door listens.
#[derive(Clone)]
pub enum Approach {
    /// A port, its certificate and protocol choices.
    Tcp(SocketAddr, Arc<ServerConfig>),
    /// A lane, without TLS: there is no network to protect anything from.
    Lane(Lane),
}

/// Connections that never leave the process: the simulator's network. Clones share it, and it
/// outlives the doors that listen to it.
#[derive(Clone)]
pub struct Lane {
    sender: mpsc::Sender<(DuplexStream, SocketAddr)>,
    listening: Arc<Mutex<mpsc::Receiver<(DuplexStream, SocketAddr)>>>,
}

impl Default for Lane {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(LANE_BACKLOG);
        Self {
            sender,
            listening: Arc::new(Mutex::new(receiver)),
        }
    }
}

impl Lane {
    /// A lane that no door listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The near end of a new connection, as from `peer`.
    ///
    /// # Errors
    /// `ConnectionRefused` while no door listens or too many connections wait.
    pub fn connect(&self, peer: SocketAddr) -> io::Result<DuplexStream> {
        if self.listening.try_lock().is_ok() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = duplex(LANE_BYTES);
        let sent = self.sender.try_send((far, peer));
        sent.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(near)
    }
}

/// What a door listens to while it is up.
pub(super) enum Listening {
    Tcp(TcpListener, TlsAcceptor),
    Lane(OwnedMutexGuard<mpsc::Receiver<(DuplexStream, SocketAddr)>>),
}

/// An accepted connection, before anything was said on it.
pub(super) enum Wire {
    Tcp(TcpStream, TlsAcceptor),
    Lane(DuplexStream),
}

impl Listening {
    pub(super) async fn open(approach: Approach) -> Result<Self, BindError> {
        match approach {
            Approach::Tcp(address, tls) => {
                let listener = net::bind_again(address, "front_door.listen").await?;
                Ok(Self::Tcp(listener, TlsAcceptor::from(tls)))
            }
            Approach::Lane(lane) => {
                let mut waiting = lane.listening.lock_owned().await;
                // As a kernel's queue dies with its socket.
                while waiting.try_recv().is_ok() {}
                Ok(Self::Lane(waiting))
            }
        }
    }

    pub(super) async fn accept(&mut self) -> io::Result<(Wire, SocketAddr)> {
        match self {
            Self::Tcp(listener, acceptor) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Wire::Tcp(stream, acceptor.clone()), peer))
            }
            Self::Lane(waiting) => {
                let accepted = waiting.recv().await;
                let (stream, peer) = accepted.ok_or(io::ErrorKind::NotConnected)?;
                Ok((Wire::Lane(stream), peer))
            }
        }
    }
}
