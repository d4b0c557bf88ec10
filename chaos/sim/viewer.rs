//! People who look at the ward's live page, and open it again when it breaks off.

use super::client::{self, Answered, Asked};
use super::era::{Era, HERE, token};
use super::node::Site;
use super::workload::{DAY, PEOPLE, Step, WARD, What as Wanted};
use crate::history::{RequestEnd, Status, What};
use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use http::Method;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};
use uuid::Uuid;

/// Before a page that broke off is opened again.
const AGAIN: Duration = Duration::from_secs(1);
/// Longest wait for a WebSocket.
const PATIENCE: Duration = Duration::from_secs(40);

/// Somebody who looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Viewer {
    who: usize,
    from: Duration,
    until: Duration,
}

/// Those of a seed.
pub(super) fn viewers(seed: u64, count: u32) -> Vec<Viewer> {
    let mut rng = Rng::with_seed(seed ^ 0x5649_4557);
    let day = u64::try_from(DAY.as_millis()).unwrap_or(u64::MAX);
    let mut one = || {
        let from = rng.u64(0..day);
        Viewer {
            // Those who may see a ward at all.
            who: rng.usize(0..2),
            from: Duration::from_millis(from),
            until: Duration::from_millis(rng.u64(from..=day)),
        }
    };
    (0..count).map(|_| one()).collect()
}

impl Era<'_> {
    /// Looks until it is time to go, or the node is over.
    pub(super) async fn look(&self, site: &Site, begun: Instant, viewer: Viewer) {
        let (from, until) = (viewer.from, viewer.until);
        if until <= self.from || self.end().is_some_and(|end| from >= end) {
            return;
        }
        sleep_until(begun + from.saturating_sub(self.from)).await;
        let until = begun + until.saturating_sub(self.from);
        while Instant::now() < until {
            if let Some(version) = self.page(site, begun, viewer.who).await {
                self.watch(site, viewer.who, &version, until).await;
            }
            sleep(AGAIN).await;
        }
    }

    /// The version of the page's templates, from the page.
    async fn page(&self, site: &Site, begun: Instant, who: usize) -> Option<String> {
        let asked = Asked {
            method: Method::GET,
            path: format!("/wards/{WARD}"),
            ..Asked::default()
        };
        let step = Step {
            at: Duration::ZERO,
            who,
            what: Wanted::Look,
            asked,
        };
        match self.exchange(site, begun, &step).await {
            Answered::Whole(200, _, body) => {
                let page = String::from_utf8_lossy(&body).into_owned();
                let (_, rest) = page.split_once(" data-version=\"")?;
                Some(rest.split_once('"')?.0.to_owned())
            }
            _ => None,
        }
    }

    /// Reads what the page is sent until it is time to go, or the page breaks off.
    async fn watch(&self, site: &Site, who: usize, version: &str, until: Instant) {
        let number = self.recorder.request();
        let step = Step {
            at: Duration::ZERO,
            who,
            what: Wanted::Look,
            asked: Asked::default(),
        };
        self.recorder
            .record(What::RequestBegan(step.request(number)));
        let mut opening = Opening {
            era: self,
            site,
            number,
            status: Some(Status::Lost),
            receipt: None,
        };
        let opened = timeout(PATIENCE, self.open(site, who, version)).await;
        opening.status = match &opened {
            Ok(Ok((_, receipt))) => {
                opening.receipt = *receipt;
                Some(Status::Answered)
            }
            Ok(Err(status)) => Some(*status),
            // Never answered: the history shows that by saying nothing.
            Err(_) => None,
        };
        drop(opening);
        let Ok(Ok((mut socket, _))) = opened else {
            return;
        };
        while let Ok(Some(Ok(message))) = tokio::time::timeout_at(until, socket.next()).await {
            if message.is_close() {
                return;
            }
            let patients = named(message.to_text().unwrap_or_default());
            if !patients.is_empty() {
                self.recorder.record(What::Pushed {
                    request: number,
                    patients,
                });
            }
        }
        // Gone without waiting for an answer, as a tab is that is closed.
        let _ = timeout(AGAIN, socket.send(tungstenite::Message::Close(None))).await;
    }

    /// The socket, and the entry that its opening is proved by.
    async fn open(
        &self,
        site: &Site,
        who: usize,
        version: &str,
    ) -> Result<(Socket, Option<Uuid>), Status> {
        let person = PEOPLE.get(who).ok_or(Status::Invalid)?;
        let bearer = format!("Bearer {}", token(site, person).unwrap_or_default());
        let uri = format!("ws://plantao/live?topic=ward/{WARD}&v={version}");
        let mut request = uri.into_client_request().map_err(|_| Status::Invalid)?;
        let bearer = bearer.parse().map_err(|_| Status::Invalid)?;
        request
            .headers_mut()
            .insert(http::header::AUTHORIZATION, bearer);
        let stream = site.lane.connect(HERE).map_err(|_| Status::Unavailable)?;
        match client_async(request, stream).await {
            Ok((socket, switched)) => {
                let receipt = switched.headers().get("plantao-audit-entry");
                let receipt = receipt.and_then(|entry| entry.to_str().ok());
                Ok((socket, receipt.and_then(|key| Uuid::parse_str(key).ok())))
            }
            Err(tungstenite::Error::Http(answer)) => Err(client::told(answer.status().as_u16())),
            Err(_) => Err(Status::Lost),
        }
    }
}

/// The patients that a frame of the ward's page leads to.
fn named(frame: &str) -> Vec<String> {
    let parts = frame.split("/patients/").skip(1);
    let id = |part: &str| -> String {
        part.chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect()
    };
    let named: BTreeSet<String> = parts.map(id).collect();
    named.into_iter().collect()
}

/// A WebSocket that is asked for: cut off with its node, its connection is lost. Once it is open,
/// what is pushed through it rests on the permit and the receipt of its opening.
struct Opening<'a> {
    era: &'a Era<'a>,
    site: &'a Site,
    number: u64,
    status: Option<Status>,
    receipt: Option<Uuid>,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let Some(status) = self.status else { return };
        let recorder = &self.era.recorder;
        let entry = self.receipt;
        let request_id = entry.and_then(|key| self.site.disk.inspect(|rows| rows.request_of(&key)));
        recorder.record(What::RequestEnded(RequestEnd {
            request: self.number,
            status,
            data_out: status == Status::Answered,
            receipt: entry.map(|key| recorder.entry(key)),
            permit: request_id.and_then(|id| recorder.permit_of(&id)),
        }));
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio::io::DuplexStream>;
