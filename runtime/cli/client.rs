//! One small HTTP client: over TLS to the front door, plain to the admin listener, and over the
//! private socket. One connection a request; every wait has an end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::error::CliError;
use super::outcome;

pub(super) use self::kept::Kept;

mod kept;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A large bundle is stored in seconds; a call that takes longer is not coming back.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(120);
/// A page of a thousand audit entries is under 2 MB; a patient's record may be larger.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Whom to ask.
pub(super) struct Client {
    what: &'static str,
    to: To,
}

enum To {
    FrontDoor {
        address: SocketAddr,
        tls: Arc<ClientConfig>,
        authorization: String,
    },
    Admin {
        address: SocketAddr,
    },
    Socket {
        path: PathBuf,
    },
}

/// What to ask.
#[derive(Clone)]
pub(super) struct Ask {
    method: Method,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Ask {
    pub(super) fn get(target: impl Into<String>) -> Self {
        let (method, target) = (Method::GET, target.into());
        Self {
            method,
            target,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn delete(target: impl Into<String>) -> Self {
        Self {
            method: Method::DELETE,
            ..Self::get(target)
        }
    }

    pub(super) fn put(
        target: impl Into<String>,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            method: Method::PUT,
            ..Self::post(target, content_type, body)
        }
    }

    pub(super) fn post(
        target: impl Into<String>,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self {
            method: Method::POST,
            target: target.into(),
            headers,
            body: body.into(),
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Client {
    pub(super) fn front_door(address: SocketAddr, tls: ClientConfig, token: &str) -> Self {
        let authorization = format!("Bearer {token}");
        let to = To::FrontDoor {
            address,
            tls: Arc::new(tls),
            authorization,
        };
        Self {
            what: "the front door",
            to,
        }
    }

    pub(super) fn admin(address: SocketAddr) -> Self {
        Self {
            what: "the admin listener",
            to: To::Admin { address },
        }
    }

    pub(super) fn socket(path: PathBuf) -> Self {
        Self {
            what: "the admin socket",
            to: To::Socket { path },
        }
    }

    /// Asks, and gives the body of an answer that says yes.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Bytes, CliError> {
        let exchange = tokio::time::timeout(TOTAL_TIMEOUT, self.exchange(ask));
        let late = || self.unavailable(format!("no answer in {} s", TOTAL_TIMEOUT.as_secs()));
        let (status, body) = exchange.await.map_err(|_| late())??;
        if status.is_success() {
            return Ok(body);
        }
        let text = outcome::refusal(status, &body);
        Err(match status {
            StatusCode::SERVICE_UNAVAILABLE => CliError::Busy { text },
            _ => CliError::Refused { text },
        })
    }

    /// Asks, and parses the answer.
    pub(super) async fn ask_json(&self, ask: Ask) -> Result<serde_json::Value, CliError> {
        let body = self.ask(ask).await?;
        serde_json::from_slice(&body).map_err(|error| self.unexpected(error.to_string()))
    }

    /// An answer that is not of the contract.
    pub(super) fn unexpected(&self, reason: impl Into<String>) -> CliError {
        CliError::Unexpected {
            what: self.what,
            reason: reason.into(),
        }
    }

    async fn exchange(&self, ask: Ask) -> Result<(StatusCode, Bytes), CliError> {
        match &self.to {
            To::FrontDoor { address, tls, .. } => {
                let stream = self.connected(TcpStream::connect(address)).await?;
                let name = ServerName::IpAddress(address.ip().into());
                let connector = TlsConnector::from(Arc::clone(tls));
                let stream = self.connected(connector.connect(name, stream)).await?;
                self.over(stream, ask).await
            }
            To::Admin { address } => {
                let stream = self.connected(TcpStream::connect(address)).await?;
                self.over(stream, ask).await
            }
            To::Socket { path } => {
                let stream = self.connected(UnixStream::connect(path)).await?;
                self.over(stream, ask).await
            }
        }
    }

    async fn connected<T>(
        &self,
        connect: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, CliError> {
        match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.unavailable(error.to_string())),
            Err(_) => Err(self.unavailable("no connection in time")),
        }
    }

    async fn over<S>(&self, stream: S, ask: Ask) -> Result<(StatusCode, Bytes), CliError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error: hyper::Error| self.unavailable(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let driver = tokio::spawn(connection);
        let request = self.request(ask)?;
        let response = sender.send_request(request).await.map_err(|error| {
            if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
                CliError::HungUp { what: self.what }
            } else {
                broken(error)
            }
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX_BYTES)
            .collect()
            .await;
        let body = body
            .map_err(|error| self.unexpected(error.to_string()))?
            .to_bytes();
        driver.abort();
        Ok((status, body))
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, CliError> {
        let (host, authorization) = match &self.to {
            To::FrontDoor {
                address,
                authorization,
                ..
            } => (address.to_string(), Some(authorization)),
            To::Admin { address } => (address.to_string(), None),
            To::Socket { .. } => ("localhost".into(), None),
        };
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.target)
            .header(header::HOST, host)
            .header(
                header::USER_AGENT,
                concat!("plantao/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        for (name, value) in ask.headers {
            // Header values are bytes; a reason in Portuguese travels as UTF-8.
            request = request.header(name, value.as_bytes());
        }
        request
            .body(Full::new(ask.body))
            .map_err(|error| CliError::Usage {
                text: format!("cannot be asked over HTTP: {error}"),
            })
    }

    fn unavailable(&self, reason: impl Into<String>) -> CliError {
        let address = match &self.to {
            To::FrontDoor { address, .. } => format!("https://{address}"),
            To::Admin { address } => format!("http://{address}"),
            To::Socket { path } => path.display().to_string(),
        };
        CliError::Unavailable {
            what: self.what,
            address,
            reason: reason.into(),
        }
    }
}

/// A path segment: what is not plain is escaped, so that the server sees what was typed.
pub(super) fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_id_travels_as_one_segment() {
        assert_eq!(segment("../x y"), "..%2Fx%20y");
    }
}
