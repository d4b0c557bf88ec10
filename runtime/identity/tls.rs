//! TLS 1.3 for the front door and for the CLI: hybrid key exchange first, AES-256 or ChaCha20.
//!
//! The provider is passed explicitly, so that no library can install another for the process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plantao_actors::clock::WallClock;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::certificates::{CertificateError, development_certificate};
use crate::config::FrontDoor;
use crate::state_dir::StatePaths;

/// HTTP/2 first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// A resumption uses one ticket; a browser opens a few connections at once.
const TICKETS: usize = 4;

/// Why TLS cannot be offered or trusted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file that cannot be read as what it should be.
    #[error("`{}` holds no {what} (PEM): {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// The certificate and its key do not go together, or are of a kind that is not taken.
    #[error("the certificate `{}` cannot be used: {reason}", path.display())]
    Refused {
        /// The certificate.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
    /// The development certificate could not be made.
    #[error("no development certificate")]
    Development(#[from] CertificateError),
}

/// What the front door offers: the configured certificate, else the development one.
pub fn server_config(
    front_door: &FrontDoor,
    paths: &StatePaths,
    clock: &WallClock,
) -> Result<ServerConfig, TlsError> {
    let (chain_path, key_path) = match (&front_door.certificate, &front_door.private_key) {
        (Some(chain), Some(key)) => (chain.clone(), key.clone()),
        _ => development_certificate(paths, clock)?,
    };
    let chain = certificates(&chain_path)?;
    let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|error| TlsError::Unreadable {
        path: key_path,
        what: "private key",
        reason: error.to_string(),
    })?;
    let refused = |error: rustls::Error| TlsError::Refused {
        path: chain_path.clone(),
        reason: error.to_string(),
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(refused)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(refused)?;
    config.send_tls13_tickets = TICKETS;
    Ok(config)
}

/// What a client of ours takes: this CA and no other.
pub fn client_config(ca: &Path) -> Result<ClientConfig, TlsError> {
    let refused = |error: rustls::Error| TlsError::Refused {
        path: ca.into(),
        reason: error.to_string(),
    };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(refused)?
        .with_root_certificates(roots(ca)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// AES-256 and ChaCha20 only; X25519MLKEM768 before the classical groups.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    provider.kx_groups = vec![
        kx_group::X25519MLKEM768,
        kx_group::X25519,
        kx_group::SECP256R1,
        kx_group::SECP384R1,
    ];
    Arc::new(provider)
}

pub(super) fn roots(ca: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| TlsError::Refused {
            path: ca.into(),
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |reason: String| TlsError::Unreadable {
        path: path.into(),
        what: "certificate",
        reason,
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    if found.is_empty() {
        return Err(unreadable("no certificate in the file".into()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};
    use crate::state_dir::StateDir;
    use rustls::{ClientConnection, NamedGroup, ProtocolVersion, ServerConnection};

    fn front_door() -> FrontDoor {
        Config::load_from(&Flags::default(), []).unwrap().front_door
    }

    fn handshake(client: ClientConfig, server: ServerConfig) -> (ClientConnection, usize) {
        let name = "127.0.0.1".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut bytes = 0;
        for _ in 0..8 {
            let mut wire = Vec::new();
            bytes += client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut wire = Vec::new();
            bytes += server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        (client, bytes)
    }

    #[test]
    fn the_handshake_is_tls_1_3_with_hybrid_key_exchange() {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::open(temp.path()).unwrap();
        let server = server_config(&front_door(), state.paths(), &WallClock::system()).unwrap();
        let client = client_config(&state.paths().ca_certificate()).unwrap();
        let (client, _) = handshake(client, server);
        assert!(!client.is_handshaking());
        assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        let group = client.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        assert_eq!(client.alpn_protocol(), Some(b"http/1.1".as_slice()));
    }

    #[test]
    fn a_certificate_that_is_none_is_refused_by_name() {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::open(&temp.path().join("state")).unwrap();
        let path = temp.path().join("hospital.pem");
        std::fs::write(&path, "not a certificate").unwrap();
        let mut door = front_door();
        door.certificate = Some(path.clone());
        door.private_key = Some(path);
        let error = server_config(&door, state.paths(), &WallClock::system()).unwrap_err();
        assert!(error.to_string().contains("hospital.pem"), "{error}");
    }

    #[test]
    fn another_authority_is_not_trusted() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ours = StateDir::open(ours.path()).unwrap();
        let theirs = StateDir::open(theirs.path()).unwrap();
        let clock = WallClock::system();
        let server = server_config(&front_door(), ours.paths(), &clock).unwrap();
        server_config(&front_door(), theirs.paths(), &clock).unwrap();
        let client = client_config(&theirs.paths().ca_certificate()).unwrap();
        let name = "localhost".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap_err();
    }
}
