//! The peer: a WebSocket server as the libraries' examples have it, which sends everybody the page
//! whole at each change.

use crate::client::Client;
use crate::hospital::{Hospital, free_address};
use crate::support::{start, until_listening};
use crate::viewer::Asking;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Changes that a slow viewer may be behind.
const BEHIND: usize = 16;
/// Connections that observations come over: one at a time on each.
const CLIENTS: usize = 8;

/// The peer as a process.
pub(crate) struct Peer {
    address: SocketAddr,
    process: Child,
    _directory: TempDir,
}

impl Peer {
    /// With the hospital's certificate, and its ward's page.
    pub(crate) fn start(hospital: &Hospital, fragment: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("fragment.html");
        std::fs::write(&file, fragment).unwrap();
        let address = free_address();
        let process = start(
            Command::new(std::env::current_exe().unwrap())
                .args(["--serve", &address.to_string()])
                .arg(hospital.state.join("tls/server.pem"))
                .arg(hospital.state.join("tls/server-key.pem"))
                .arg(file),
        );
        until_listening(address);
        Self {
            address,
            process,
            _directory: directory,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A viewer of it.
    pub(crate) fn asking(&self, hospital: &Hospital) -> Asking {
        let mut asking = Asking::of(hospital, "ward/uti", "none");
        asking.door = self.address;
        asking
    }

    pub(crate) async fn clients(&self, asking: &Asking) -> Vec<Client> {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(
                Client::tls_http1(self.address, &asking.ca, None)
                    .await
                    .unwrap(),
            );
        }
        clients
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _reaped = self.process.wait();
    }
}

struct Shared {
    fragment: String,
    number: AtomicU64,
    pages: broadcast::Sender<Utf8Bytes>,
}

/// The program run again.
pub(crate) fn serve(address: SocketAddr, chain: &str, key: &str, fragment: &str) {
    let chain: Vec<_> = CertificateDer::pem_file_iter(chain)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let shared = Arc::new(Shared {
        fragment: std::fs::read_to_string(fragment).unwrap(),
        number: AtomicU64::new(0),
        pages: broadcast::channel(BEHIND).0,
    });
    let accepting = async move {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = service_fn(|request| answer(Arc::clone(&shared), request));
                let _ended = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await;
            });
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(accepting);
}

async fn answer(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::POST {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let _observation: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let number = shared.number.fetch_add(1, Ordering::Relaxed) + 1;
        let page = format!("<!--{number}-->{}", shared.fragment);
        let _nobody_looks = shared.pages.send(page.into());
        return Ok(Response::new(number.to_string().into()));
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY).unwrap().clone();
    let upgrade = hyper::upgrade::on(&mut request);
    let pages = shared.pages.subscribe();
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let io = TokioIo::new(upgraded);
            view(
                WebSocketStream::from_raw_socket(io, Role::Server, None).await,
                pages,
            )
            .await;
        }
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
        .body(Full::default());
    Ok(response.unwrap())
}

async fn view(
    mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    mut pages: broadcast::Receiver<Utf8Bytes>,
) {
    loop {
        tokio::select! {
            page = pages.recv() => match page {
                Ok(page) => if socket.send(Message::Text(page)).await.is_err() { return },
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            said = socket.next() => match said {
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
