//! TLS to a server that somebody else runs: whether, and whom to believe.
//!
//! `sslmode` and `sslrootcert` of a URL mean what libpq says, with one exception: who asks for TLS
//! gets a server whose certificate was verified, or none. `require` and `verify-ca` hold it to the
//! authorities in `sslrootcert`; `verify-full` to its name as well. Refuses TLS without
//! `sslrootcert`, for encryption to whoever answers protects from nobody who matters, and
//! `sslrootcert` without a mode that verifies, for whoever names an authority means to be held to
//! it. Without a mode, and with `disable`, `allow` and `prefer`, the connection is plain.
//!
//! TLS 1.3 alone; the key exchange is X25519MLKEM768 where the server takes it (OpenSSL 3.5),
//! X25519 where not. The connector is our own because those that are published turn on features of
//! rustls (TLS 1.2) or bring a second library of cryptography; it binds no channel: a certificate
//! that was verified says as much.

use super::config::DatabaseConfigError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

/// Where a server is, as whom it is asked, and how the way there is protected.
#[derive(Clone, Debug)]
pub struct Connection {
    config: Config,
    tls: Option<Tls>,
}

impl Connection {
    /// Whether it is TLS.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether no host of it is further than this machine.
    #[must_use]
    pub fn is_near(&self) -> bool {
        let (hosts, addresses) = (self.get_hosts(), self.get_hostaddrs());
        // Where there is an address, that is where the driver goes, whatever the name says.
        let by_address = addresses.iter().all(IpAddr::is_loopback);
        let by_name = hosts.iter().skip(addresses.len()).all(is_here);
        by_address && by_name
    }

    pub(super) const fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// From a URL; `key` is the setting that holds it.
    pub(super) fn parse(url: &str, key: &'static str) -> Result<Self, DatabaseConfigError> {
        let (rest, mode, root) = taken_out(url);
        let mut config: Config = rest.parse().map_err(|_| DatabaseConfigError::Url { key })?;
        // In the driver's other form the mode is not taken out.
        let mode = mode.or_else(|| {
            let asked = config.get_ssl_mode() == SslMode::Require;
            asked.then(|| "require".to_owned())
        });
        let by_name = match mode.as_deref() {
            None | Some("disable" | "allow" | "prefer") if root.is_some() => {
                return Err(DatabaseConfigError::Unverified { key });
            }
            None | Some("disable" | "allow" | "prefer") => {
                config.ssl_mode(SslMode::Disable);
                return Ok(Self { config, tls: None });
            }
            Some("require" | "verify-ca") => false,
            Some("verify-full") => true,
            Some(_) => return Err(DatabaseConfigError::SslMode { key }),
        };
        let root = root.ok_or(DatabaseConfigError::NoRoot { key })?;
        config.ssl_mode(SslMode::Require);
        let tls = Some(Tls::of(&root, by_name, key)?);
        Ok(Self { config, tls })
    }
}

impl From<Config> for Connection {
    fn from(config: Config) -> Self {
        Self { config, tls: None }
    }
}

impl Deref for Connection {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let address = name.parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
    }
}

/// A URL without `sslmode` and `sslrootcert`, and what they said.
fn taken_out(url: &str) -> (String, Option<String>, Option<PathBuf>) {
    let Some((front, query)) = url.split_once('?') else {
        return (url.to_owned(), None, None);
    };
    let (mut mode, mut root, mut kept) = (None, None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => root = Some(PathBuf::from(decoded(value))),
            _ => kept.push(pair),
        }
    }
    let rest = if kept.is_empty() {
        front.to_owned()
    } else {
        format!("{front}?{}", kept.join("&"))
    };
    (rest, mode, root)
}

/// With `%20` and the like read.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = match hex {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
        bytes.push(hex.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Verifies servers. Clones share it.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    /// Believes what the authorities of a PEM file say. Blocks for as long as a small file takes.
    fn of(root: &Path, by_name: bool, key: &'static str) -> Result<Self, DatabaseConfigError> {
        let unusable = |reason: String| DatabaseConfigError::Root {
            key,
            path: root.to_owned(),
            reason,
        };
        let mut roots = RootCertStore::empty();
        let all =
            CertificateDer::pem_file_iter(root).map_err(|error| unusable(error.to_string()))?;
        for one in all {
            let one = one.map_err(|error| unusable(error.to_string()))?;
            roots
                .add(one)
                .map_err(|error| unusable(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unusable("it holds no certificate".to_owned()));
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let inner = verifier.build();
        let inner = inner.map_err(|error| unusable(error.to_string()))?;
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| unusable(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier {
                inner,
                by_name,
                provider,
            }))
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// The usual verification, of the name where that was asked for.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    by_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let inner = &self.inner;
        let verified =
            inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last: everything else held.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.by_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, io::Error> {
        let name = ServerName::try_from(domain.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake(TlsConnector::from(Arc::clone(&self.0)), name))
    }
}

/// About to be made.
pub(super) struct Handshake(TlsConnector, ServerName<'static>);

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { Ok(Encrypted(Box::new(self.0.connect(self.1, stream).await?))) })
    }
}

/// A connection in TLS.
pub(super) struct Encrypted<S>(Box<tokio_rustls::client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// What a failed connection says of TLS, where that is what failed and trying again is no answer.
pub(super) fn refusal(error: &tokio_postgres::Error) -> Option<String> {
    if !error
        .to_string()
        .starts_with("error performing TLS handshake")
    {
        return None;
    }
    let source = std::error::Error::source(error)?;
    let Some(io) = source.downcast_ref::<io::Error>() else {
        // The driver's own: the server does not speak it.
        return Some(source.to_string());
    };
    let inner = io.get_ref()?;
    let tls: &rustls::Error = inner.downcast_ref()?;
    match tls {
        rustls::Error::InvalidCertificate(reason) => {
            Some(format!("its certificate was refused: {reason}"))
        }
        other => Some(other.to_string()),
    }
}
