//! Listening sockets, with errors that say what to do.

use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait in the kernel.
const BACKLOG: u32 = 1_024;

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
