//! Listening sockets, with errors that say what to do.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Duration, Instant};

/// Connections that may wait in the kernel.
const BACKLOG: u32 = 1_024;
/// How long a listener waits for its predecessor's socket to close.
const HANDOVER: Duration = Duration::from_secs(2);
/// How often it looks.
const HANDOVER_LOOK: Duration = Duration::from_millis(20);
/// One line of log for failed accepts in this time.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Why an address cannot be listened on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error(
        "`{address}` is already taken: stop what listens there, or set `{key}` to another address"
    )]
    Taken {
        /// The address.
        address: SocketAddr,
        /// The key of the configuration that sets it.
        key: &'static str,
    },
    /// A port that needs privileges.
    #[error("no permission to listen on `{address}`: set `{key}` to a port of 1024 or more")]
    Forbidden {
        /// The address.
        address: SocketAddr,
        /// The key of the configuration that sets it.
        key: &'static str,
    },
    /// Anything else the operating system says.
    #[error("cannot listen on `{address}` ({kind}): check `{key}`")]
    Failed {
        /// The address.
        address: SocketAddr,
        /// The key of the configuration that sets it.
        key: &'static str,
        /// What the operating system said.
        kind: ErrorKind,
    },
}

/// Listens on an address; a restarted listener may take the address of its predecessor at once.
///
/// # Errors
/// [`BindError`] naming the address and the key that sets it.
pub async fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, BindError> {
    let open = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => BindError::Taken { address, key },
        ErrorKind::PermissionDenied => BindError::Forbidden { address, key },
        kind => BindError::Failed { address, key, kind },
    })
}

/// Listens on an address that a predecessor of this listener may be leaving just now: its socket
/// closes when its last task has ended, a moment after its actor has.
///
/// # Errors
/// As [`bind`], once the predecessor has had its time.
pub async fn bind_again(address: SocketAddr, key: &'static str) -> Result<TcpListener, BindError> {
    let end = Instant::now() + HANDOVER;
    loop {
        match bind(address, key).await {
            Err(BindError::Taken { .. }) if Instant::now() < end => {
                tokio::time::sleep(HANDOVER_LOOK).await;
            }
            other => return other,
        }
    }
}

/// Tells of connections that could not be accepted, without filling the log: they fail many times
/// a second when descriptors run out.
#[derive(Debug, Default)]
pub struct AcceptTrouble {
    told: Option<Instant>,
    untold: u64,
}

impl AcceptTrouble {
    /// Notes one failure, and logs when the last line is old enough.
    pub fn note(&mut self, error: &std::io::Error) {
        self.untold = self.untold.saturating_add(1);
        let now = Instant::now();
        if self
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY)
        {
            let (kind, times) = (error.kind(), self.untold);
            tracing::warn!(?kind, times, "connections could not be accepted");
            self.told = Some(now);
            self.untold = 0;
        }
    }
}

/// Raises the limit of open files to what this process may have, and tells how many that is.
#[must_use]
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => most,
        Err(_) => limit.current.unwrap_or(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_the_address_and_the_key() {
        let first = bind("127.0.0.1:0".parse().unwrap(), "x.listen")
            .await
            .unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address, "x.listen").await.unwrap_err();
        assert_eq!(
            error,
            BindError::Taken {
                address,
                key: "x.listen"
            }
        );
        assert!(error.to_string().contains("x.listen"));
    }
}
