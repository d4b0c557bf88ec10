//! A small HTTP client that keeps its connection: HTTP/2 or HTTP/1.1 over TLS, or plain.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

/// No answer takes longer.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{error}: {} {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Clone)]
enum Sender {
    One(Arc<Mutex<http1::SendRequest<Full<Bytes>>>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// One connection; clones share it.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    token: Option<String>,
    sender: Arc<std::sync::Mutex<Sender>>,
    /// Whom to trust when the connection has to be opened anew.
    reopens: Option<Arc<Path>>,
}

impl Client {
    /// Over plain HTTP/1.1.
    pub(crate) async fn plain(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let sender = Sender::One(Arc::new(Mutex::new(sender)));
        Ok(Self::over(sender, address, None))
    }

    /// Over TLS and HTTP/2.
    pub(crate) async fn tls(
        address: SocketAddr,
        ca: &Path,
        token: Option<&str>,
    ) -> Result<Self, Failure> {
        Ok(Self::over(open(address, ca).await?, address, token))
    }

    fn over(sender: Sender, address: SocketAddr, token: Option<&str>) -> Self {
        Self {
            address,
            token: token.map(str::to_owned),
            sender: Arc::new(std::sync::Mutex::new(sender)),
            reopens: None,
        }
    }

    /// Opens its connection anew when the door has closed it, as a browser does: the door closes
    /// what asks for nothing, and a loaded test machine can take that long between two requests.
    pub(crate) fn reopening(mut self, ca: &Path) -> Self {
        self.reopens = Some(ca.into());
        self
    }

    /// The connection to send on.
    async fn sender(&self) -> Result<Sender, Failure> {
        let mut sender = self.sender.lock().unwrap().clone();
        if let (Some(ca), Sender::Two(kept)) = (&self.reopens, &mut sender)
            && kept.ready().await.is_err()
        {
            sender = open(self.address, ca).await?;
            *self.sender.lock().unwrap() = sender.clone();
        }
        Ok(sender)
    }

    /// Over TLS and HTTP/1.1.
    pub(crate) async fn tls_http1(
        address: SocketAddr,
        ca: &Path,
        token: Option<&str>,
    ) -> Result<Self, Failure> {
        let stream = handshake(address, ca, b"http/1.1").await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let sender = Sender::One(Arc::new(Mutex::new(sender)));
        Ok(Self::over(sender, address, token))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub(crate) async fn put_json(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Reply, Failure> {
        let headers = [("content-type", "application/fhir+json")];
        self.send(Method::PUT, path, &headers, body.to_string().into())
            .await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        kind: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, Failure> {
        self.send(Method::POST, path, &[("content-type", kind)], body.into())
            .await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let exchange = self.exchange(method, path, headers, body);
        tokio::time::timeout(DEADLINE, exchange).await?
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let sender = self.sender().await?;
        let two = matches!(sender, Sender::Two(_));
        let scheme = if two {
            format!("https://{}", self.address)
        } else {
            String::new()
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{scheme}{path}"));
        if !two {
            request = request.header("host", self.address.to_string());
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        let request = request.body(Full::new(body))?;
        let response = match sender {
            Sender::One(sender) => {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Two(mut sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }
}

/// A connection that speaks HTTP/2 over TLS.
async fn open(address: SocketAddr, ca: &Path) -> Result<Sender, Failure> {
    let stream = handshake(address, ca, b"h2").await?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(Sender::Two(sender))
}

async fn handshake(address: SocketAddr, ca: &Path, protocol: &[u8]) -> Result<Secured, Failure> {
    secured(TcpStream::connect(address).await?, ca, protocol).await
}

/// A connection after its handshake.
pub(crate) type Secured = tokio_rustls::client::TlsStream<TcpStream>;

/// Speaks TLS over a connection, trusting the hospital's authority alone.
pub(crate) async fn secured(
    stream: TcpStream,
    ca: &Path,
    protocol: &[u8],
) -> Result<Secured, Failure> {
    let mut config = plantao::identity::client_config(ca)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    stream.set_nodelay(true)?;
    let name = ServerName::IpAddress(stream.peer_addr()?.ip().into());
    Ok(TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?)
}
