//! A WebSocket as a viewer needs it: frames that are ready are written as they are, everything else
//! is tungstenite's.
//!
//! Frames of data go past tungstenite, which would copy each into a buffer of this viewer's own and
//! keep its largest size for ever. That is sound because its buffer is empty between our calls:
//! what it wants to send (an answer to a ping or a goodbye) is flushed at once. All waiting to send
//! has one limit, kept by the viewer's one timer.

use super::CloseReason;
use bytes::Bytes;
use futures_util::{Sink, StreamExt};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

/// First size of the buffer for what a viewer sends, which is pongs and a goodbye. tungstenite's
/// own choice would take 128 KiB of every viewer.
const READ_BUFFER_BYTES: usize = 512;

/// Longest message and frame of a viewer: there is nothing for it to say.
pub(super) const MESSAGE_MAX_BYTES: usize = 1_024;

/// How long a viewer may take nothing of what is being sent to it.
pub(super) const SEND_STALL: Duration = Duration::from_secs(10);

/// What a viewer gets to answer a goodbye, and to read ours.
const FAREWELL: Duration = Duration::from_secs(1);

/// What our goodbye may take in all, the answer to it included: an ordered stop waits no longer.
const GOODBYE: Duration = Duration::from_secs(2);

/// Most bytes thrown away while waiting for the other end to close.
const FAREWELL_MAX_BYTES: usize = 64 * 1024;

/// A connection that was taken out of HTTP.
#[derive(Debug)]
pub struct RawSocket<IO> {
    /// The connection.
    pub io: IO,
    /// What was read from it beyond the request.
    pub read: Bytes,
}

/// What a viewer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A sign of life.
    Alive,
    /// Nothing more, for this reason.
    Last(CloseReason),
}

/// The connection and the viewer's one timer.
pub(super) struct Socket<IO> {
    stream: WebSocketStream<IO>,
    timer: Pin<Box<Sleep>>,
    /// A frame was begun and not ended.
    torn: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send> Socket<IO> {
    pub(super) async fn new(raw: RawSocket<IO>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_MAX_BYTES))
            .max_frame_size(Some(MESSAGE_MAX_BYTES));
        let (read, config) = (raw.read.to_vec(), Some(config));
        let stream = WebSocketStream::from_partially_read(raw.io, read, Role::Server, config);
        Self {
            stream: stream.await,
            timer: Box::pin(sleep_until(Instant::now())),
            torn: false,
        }
    }

    /// Sets the timer that [`Socket::tick`] waits for.
    pub(super) fn wake_at(&mut self, at: Instant) {
        if self.timer.deadline() != at {
            self.timer.as_mut().reset(at);
        }
    }

    /// Waits for what the viewer says or for the timer, whichever comes first. Cancel safe.
    pub(super) async fn said_or_tick(&mut self) -> Option<Said> {
        let message = tokio::select! {
            biased;
            message = self.stream.next() => message,
            () = self.timer.as_mut() => return None,
        };
        Some(match message {
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Said::Alive,
            Some(Ok(Message::Text(_) | Message::Binary(_))) => Said::Last(CloseReason::DataRefused),
            Some(Ok(Message::Close(_))) => Said::Last(CloseReason::Goodbye),
            Some(Err(error)) => Said::Last(fault(&error)),
            None => Said::Last(CloseReason::Disconnected),
        })
    }

    /// Writes a frame that is ready. Dropped before its end, it leaves a connection that can only
    /// be closed.
    pub(super) async fn send(&mut self, frame: &Bytes) -> Result<(), CloseReason> {
        let mut rest: &[u8] = frame;
        while !rest.is_empty() {
            let io = self.stream.get_mut();
            let write = |cx: &mut Context<'_>| Pin::new(&mut *io).poll_write(cx, rest);
            let written = unless_stalled(self.timer.as_mut(), write).await?;
            let written = written.map_err(|_| CloseReason::Disconnected)?;
            rest = match rest.get(written..) {
                Some(rest) if written > 0 => rest,
                _ => return Err(CloseReason::Disconnected),
            };
            self.torn = !rest.is_empty();
        }
        let io = self.stream.get_mut();
        let flush = |cx: &mut Context<'_>| Pin::new(&mut *io).poll_flush(cx);
        let flushed = unless_stalled(self.timer.as_mut(), flush).await?;
        flushed.map_err(|_| CloseReason::Disconnected)
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), CloseReason> {
        self.control(Message::Ping(Bytes::new())).await
    }

    /// Sends what tungstenite has to answer.
    pub(super) async fn answer(&mut self) -> Result<(), CloseReason> {
        let mut stream = Pin::new(&mut self.stream);
        let flush = |cx: &mut Context<'_>| stream.as_mut().poll_flush(cx);
        let flushed = unless_stalled(self.timer.as_mut(), flush).await?;
        flushed.map_err(|_| CloseReason::Disconnected)
    }

    /// Ends the connection as `reason` says, in at most [`GOODBYE`]. Boxed by its caller: it
    /// happens once.
    pub(super) async fn close(self, reason: CloseReason) {
        // Whoever takes nothing in time is left without.
        let _late = timeout(GOODBYE, self.say_goodbye(reason)).await;
    }

    async fn say_goodbye(mut self, reason: CloseReason) {
        if self.torn {
            // In the middle of a frame a goodbye would be taken for its rest.
            return;
        }
        let said = match reason.code() {
            Some(code) => {
                let frame = CloseFrame {
                    code: code.into(),
                    reason: reason.as_str().into(),
                };
                self.control(Message::Close(Some(frame))).await
            }
            // tungstenite has our half of the goodbye ready.
            None if reason == CloseReason::Goodbye => self.answer().await,
            None => return,
        };
        if said.is_ok() {
            // Whoever does not answer in time is left without.
            let _late = timeout(FAREWELL, self.farewell()).await;
        }
    }

    /// Waits for the other half of the goodbye, then for the other end to close: closing over
    /// bytes that were not read would take back what was just sent.
    async fn farewell(&mut self) {
        while let Some(Ok(_)) = self.stream.next().await {}
        let io = self.stream.get_mut();
        if io.shutdown().await.is_err() {
            return;
        }
        let (mut scrap, mut left) = ([0; 512], FAREWELL_MAX_BYTES);
        while let Ok(read) = io.read(&mut scrap).await {
            match left.checked_sub(read) {
                Some(rest) if read > 0 => left = rest,
                _ => return,
            }
        }
    }

    async fn control(&mut self, message: Message) -> Result<(), CloseReason> {
        let mut stream = Pin::new(&mut self.stream);
        // Nothing waits to be sent, so there is room; what stays behind is flushed below.
        stream
            .as_mut()
            .start_send(message)
            .map_err(|_| CloseReason::Disconnected)?;
        self.answer().await
    }
}

/// `work`, unless it makes no progress for [`SEND_STALL`].
async fn unless_stalled<T>(
    mut timer: Pin<&mut Sleep>,
    mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<T, CloseReason> {
    let mut armed = false;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work(cx) {
            return Poll::Ready(Ok(done));
        }
        if !armed {
            timer.as_mut().reset(Instant::now() + SEND_STALL);
            armed = true;
        }
        timer.as_mut().poll(cx).map(|()| Err(CloseReason::Stalled))
    })
    .await
}

/// Whose fault it is that nothing more can be read.
fn fault(error: &tungstenite::Error) -> CloseReason {
    use tungstenite::error::{Error, ProtocolError};
    match error {
        Error::Capacity(_) => CloseReason::TooBig,
        Error::Utf8(_) => CloseReason::NotUtf8,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Disconnected,
        Error::Protocol(_) | Error::AttackAttempt => CloseReason::Malformed,
        _ => CloseReason::Disconnected,
    }
}
