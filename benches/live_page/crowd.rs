//! Many viewers that only note which frame came when: reading them must not be what is measured.

use crate::viewer::{Asking, Socket};
use futures_util::StreamExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;

/// Handshakes at a time.
const OPENING: usize = 32;

/// What one viewer got: the number of each frame, and when it was there.
pub(crate) type Arrivals = Vec<(u64, Instant)>;

/// Viewers at work; dropping them cuts their connections.
pub(crate) struct Crowd {
    viewers: Vec<(JoinHandle<()>, Arc<Mutex<Arrivals>>)>,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.viewers.iter().for_each(|(task, _)| task.abort());
    }
}

impl Crowd {
    /// So many viewers, each of which has been let in.
    pub(crate) async fn open(asking: &Asking, count: usize) -> Self {
        let mut opening = JoinSet::new();
        let mut viewers = Vec::with_capacity(count);
        for number in 0..count {
            if number >= OPENING {
                viewers.push(watch(opening.join_next().await.unwrap().unwrap()));
            }
            let asking = asking.clone();
            opening.spawn(async move { open(&asking).await });
        }
        while let Some(socket) = opening.join_next().await {
            viewers.push(watch(socket.unwrap()));
        }
        Self { viewers }
    }

    /// Viewers whose connection has ended.
    pub(crate) fn ended(&self) -> usize {
        self.viewers
            .iter()
            .filter(|(task, _)| task.is_finished())
            .count()
    }

    /// Takes what each viewer got so far.
    pub(crate) fn take(&self) -> Vec<Arrivals> {
        let taken = |arrivals: &Mutex<Arrivals>| {
            std::mem::take(&mut *arrivals.lock().unwrap_or_else(PoisonError::into_inner))
        };
        self.viewers
            .iter()
            .map(|(_, arrivals)| taken(arrivals))
            .collect()
    }
}

/// Comes again while it is shed, as it is told.
async fn open(asking: &Asking) -> Socket {
    for _ in 0..100 {
        match asking.open().await {
            Ok(socket) => return socket,
            Err(refused) if refused.status() == 503 => {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            Err(refused) => panic!("{}", refused.why()),
        }
    }
    panic!("a viewer is shed for twenty seconds");
}

fn watch(mut socket: Socket) -> (JoinHandle<()>, Arc<Mutex<Arrivals>>) {
    let arrivals: Arc<Mutex<Arrivals>> = Arc::default();
    let told = Arc::clone(&arrivals);
    let task = tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            if let Some(number) = number(&text) {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.push((number, Instant::now()));
            }
        }
    });
    (task, arrivals)
}

/// The number of a frame: `[N,…`, `{"e":"…","s":N,…` or, of the peer, `<!--N-->…`.
fn number(frame: &str) -> Option<u64> {
    let rest = match frame.as_bytes().first()? {
        b'[' => frame.get(1..)?,
        b'{' => frame.split_once("\"s\":")?.1,
        b'<' => frame.strip_prefix("<!--")?,
        _ => return None,
    };
    let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}
