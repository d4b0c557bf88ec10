//! A viewer of a live page: what a browser's script does over a WebSocket, with its own decoder,
//! and what a browser would never do, byte by byte.

use crate::client::{Secured, secured};
use crate::hospital::Hospital;
use crate::wire::{Frame, Tree};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Nothing that a viewer waits for takes longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A viewer reads kilobytes; thousands of them run in one test.
const BUFFER_BYTES: usize = 4_096;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<Secured>;

/// A WebSocket to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) door: SocketAddr,
    pub(crate) ca: PathBuf,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The viewer's own address: each of them has limits of its own.
    pub(crate) from: Option<IpAddr>,
    /// What the kernel keeps for a viewer that does not read.
    pub(crate) receive_buffer_bytes: Option<u32>,
}

/// Why there is no WebSocket.
#[derive(Debug)]
pub(crate) enum Refused {
    /// An answer of another kind.
    Answered {
        status: u16,
        headers: HeaderMap,
        body: String,
    },
    /// No answer at all, but this.
    Closed(String),
}

impl Refused {
    /// 0 when there was no answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Answered { status, .. } => *status,
            Self::Closed(_) => 0,
        }
    }

    /// For whoever expected none.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Answered { status, body, .. } => format!("answered {status}: {body}"),
            Self::Closed(error) => format!("closed: {error}"),
        }
    }
}

impl Asking {
    /// For a page such as `ward/uti`, with the version of its templates.
    pub(crate) fn of(hospital: &Hospital, topic: &str, version: &str) -> Self {
        Self {
            door: hospital.door,
            ca: hospital.paths().ca_certificate(),
            path: format!("/live?topic={topic}&v={version}"),
            headers: Vec::new(),
            from: None,
            receive_buffer_bytes: None,
        }
    }

    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, token: &str) -> Self {
        self.with("cookie", format!("__Host-plantao={token}"))
    }

    pub(crate) fn from(mut self, address: [u8; 4]) -> Self {
        self.from = Some(address.into());
        self
    }

    /// The same, to go on where a viewer left off.
    pub(crate) fn resuming(mut self, seen: &Seen) -> Self {
        let (path, _old) = self.path.split_once("&e=").unwrap_or((&self.path, ""));
        self.path = format!("{path}&e={}&s={}", seen.epoch, seen.seq);
        self
    }

    /// Opens it.
    pub(crate) async fn open(&self) -> Result<Socket, Refused> {
        let opening = tokio::time::timeout(DEADLINE, self.opening()).await;
        opening.unwrap_or_else(|_| Err(Refused::Closed("no answer in time".to_owned())))
    }

    async fn opening(&self) -> Result<Socket, Refused> {
        let closed = |error: &dyn std::fmt::Display| Refused::Closed(error.to_string());
        let socket = TcpSocket::new_v4().map_err(|error| closed(&error))?;
        if let Some(from) = self.from {
            socket.bind((from, 0).into()).map_err(|e| closed(&e))?;
        }
        if let Some(bytes) = self.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes).map_err(|e| closed(&e))?;
        }
        let stream = socket.connect(self.door).await.map_err(|e| closed(&e))?;
        let stream = secured(stream, &self.ca, b"http/1.1").await;
        let stream = stream.map_err(|error| closed(&error))?;
        let mut request = format!("wss://{}{}", self.door, self.path)
            .into_client_request()
            .unwrap();
        for (name, value) in &self.headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _switched)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => Err(Refused::Answered {
                status: answer.status().as_u16(),
                headers: answer.headers().clone(),
                body: String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default())
                    .into_owned(),
            }),
            Err(error) => Err(closed(&error)),
        }
    }

    /// Opens it and watches from nothing.
    pub(crate) async fn watch(&self) -> Viewer {
        Viewer::new(self.must_open().await, Seen::default())
    }

    /// Opens it again and goes on from what has been seen.
    pub(crate) async fn watch_on(&self, seen: Seen) -> Viewer {
        let socket = self.clone().resuming(&seen).must_open().await;
        Viewer::new(socket, seen)
    }

    async fn must_open(&self) -> Socket {
        match self.open().await {
            Ok(socket) => socket,
            Err(refused) => panic!("`{}`: {}", self.path, refused.why()),
        }
    }

    /// The status of the refusal; 101 when there is none.
    pub(crate) async fn status(&self) -> u16 {
        self.open()
            .await
            .map_or_else(|refused| refused.status(), |_| 101)
    }
}

/// What a viewer has seen so far.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) tree: Option<Tree>,
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    /// Every frame but the heartbeats, as it came.
    pub(crate) frames: Vec<Bytes>,
    pub(crate) heartbeats: usize,
    pub(crate) pongs: Vec<Bytes>,
    /// When the newest message came.
    pub(crate) last: Instant,
    /// The longest silence between two messages.
    pub(crate) longest_gap: Duration,
    /// How it ended: code and reason. 1006: without a word.
    pub(crate) closed: Option<(u16, String)>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            tree: None,
            epoch: String::new(),
            seq: 0,
            frames: Vec::new(),
            heartbeats: 0,
            pongs: Vec::new(),
            last: Instant::now(),
            longest_gap: Duration::ZERO,
            closed: None,
        }
    }
}

impl Seen {
    /// True when some text of the page is exactly this.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.tree.as_ref().is_some_and(|tree| tree.shows(text))
    }

    /// The whole tree; there is one.
    pub(crate) fn tree(&self) -> &Tree {
        self.tree.as_ref().unwrap()
    }

    fn take(&mut self, payload: Bytes) {
        match Frame::parse(&payload) {
            Frame::Heartbeat => {
                self.heartbeats += 1;
                return;
            }
            Frame::Full(epoch, seq, tree) => {
                (self.epoch, self.seq, self.tree) = (epoch, seq, Some(tree));
            }
            Frame::Diff(seq, within) => {
                assert!(seq > self.seq, "{seq} comes after {}", self.seq);
                self.seq = seq;
                let tree = self.tree.as_mut().expect("a difference before any tree");
                tree.apply(&within);
            }
        }
        self.frames.push(payload);
    }

    fn note_arrival(&mut self) {
        self.longest_gap = self.longest_gap.max(self.last.elapsed());
        self.last = Instant::now();
    }
}

enum Order {
    Send(Message),
    Raw(Vec<u8>),
    StopReading,
}

/// A viewer at work; dropping it cuts its connection.
pub(crate) struct Viewer {
    seen: watch::Receiver<Seen>,
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Viewer {
    fn new(socket: Socket, mut seen: Seen) -> Self {
        (seen.last, seen.closed) = (Instant::now(), None);
        let (tell, seen) = watch::channel(seen);
        let (orders, taken) = mpsc::unbounded_channel();
        let task = tokio::spawn(view(socket, tell, taken));
        Self { seen, orders, task }
    }

    /// What it has seen up to now.
    pub(crate) fn now(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until what it has seen is as expected.
    pub(crate) async fn until(&mut self, what: &str, rule: impl FnMut(&Seen) -> bool) -> Seen {
        let waited = tokio::time::timeout(DEADLINE, self.seen.wait_for(rule)).await;
        let found = waited.map(|found| found.map(|seen| seen.clone()));
        match found {
            Ok(Ok(seen)) => seen,
            Ok(Err(_)) => panic!("the viewer died waiting for {what}: {:?}", self.now()),
            Err(_) => panic!("never saw {what}: {:?}", self.now()),
        }
    }

    /// Waits for the first tree.
    pub(crate) async fn first(&mut self) -> Seen {
        self.until("a tree", |seen| seen.tree.is_some()).await
    }

    /// Waits for the end: its code and reason.
    pub(crate) async fn end(&mut self) -> (u16, String) {
        let seen = self.until("the end", |seen| seen.closed.is_some()).await;
        seen.closed.unwrap()
    }

    pub(crate) fn send(&self, message: Message) {
        let _ended = self.orders.send(Order::Send(message));
    }

    /// Sends bytes that no library would.
    pub(crate) fn send_raw(&self, bytes: &[u8]) {
        let _ended = self.orders.send(Order::Raw(bytes.to_vec()));
    }

    /// Never reads again, and keeps the connection.
    pub(crate) fn stop_reading(&self) {
        let _ended = self.orders.send(Order::StopReading);
    }
}

async fn view(
    mut socket: Socket,
    tell: watch::Sender<Seen>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let end = loop {
        let message = tokio::select! {
            biased;
            order = orders.recv() => {
                let done = match order {
                    Some(Order::Send(message)) => socket.send(message).await.is_ok(),
                    Some(Order::Raw(bytes)) => write(&mut socket, &bytes).await.is_ok(),
                    Some(Order::StopReading) | None => std::future::pending().await,
                };
                let _the_end_is_read = done;
                continue;
            }
            message = socket.next() => message,
        };
        match message {
            Some(Ok(Message::Close(Some(close)))) => {
                break (close.code.into(), close.reason.to_string());
            }
            Some(Ok(Message::Close(None))) => break (1005, String::new()),
            Some(Ok(Message::Text(text))) => tell.send_modify(|seen| {
                seen.note_arrival();
                seen.take(text.into());
            }),
            Some(Ok(Message::Pong(payload))) => tell.send_modify(|seen| seen.pongs.push(payload)),
            Some(Ok(Message::Binary(_))) => panic!("a binary message"),
            Some(Ok(_)) => {}
            Some(Err(error)) => break (1006, error.to_string()),
            None => break (1006, String::new()),
        }
    };
    tell.send_modify(|seen| seen.closed = Some(end));
    // Answers a close in its turn, as RFC 6455 asks.
    let _gone = tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await;
}

async fn write(socket: &mut Socket, bytes: &[u8]) -> std::io::Result<()> {
    let stream = socket.get_mut();
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// The value of an attribute of a page: its first occurrence.
pub(crate) fn attribute(page: &str, name: &str) -> String {
    let found = page
        .split_once(&format!(" {name}=\""))
        .and_then(|(_, rest)| rest.split_once('"'));
    let (value, _) = found.unwrap_or_else(|| panic!("no `{name}` in {page}"));
    value.to_owned()
}
