//! Live pages at work: real actors under a real tree, real WebSockets over connections in memory.
//!
//! Where no database has a part, time is tokio's and paused: seconds pass at once and in order.

mod lives;
mod protocol;
mod sharing;
mod standing;
mod timing;
mod trail;

use super::diff::{Rendered, Slot, TemplateId};
use super::{
    Arrival, CloseReason, Live, LiveError, LiveLimits, Page, PageError, Pages, Patients, RawSocket,
    Subject, TopicKey, View, ViewerEnd,
};
use crate::audit::AuditLog;
use crate::clock::WallClock;
use crate::entropy::Entropy;
use crate::policy::testing::{self, HERE, LoadedTables};
use crate::policy::{self, Permit, Policy, Verdict};
use bytes::Bytes;
use futures_util::StreamExt;
use plantao_schema::access::{AccessRequest, Action, ResourceKind};
use plantao_schema::id::PatientId;
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

const NOW: Timestamp = Timestamp::from_micros(1_763_800_000_000_000);
const VERSION: &str = "v1";
/// More than anything here takes, of paused or of real time.
const SOON: Duration = Duration::from_secs(30);

/// What every page of a stage shows.
#[derive(Clone)]
struct Scene {
    text: String,
    patients: Patients,
    refusal: Option<PageError>,
    broken: bool,
}

/// Opens pages that all show one scene.
struct Scenes(watch::Sender<Scene>);

struct ScenePage(watch::Receiver<Scene>);

impl Pages for Scenes {
    type Page = ScenePage;

    async fn open(&self, _key: &TopicKey) -> Result<ScenePage, PageError> {
        match self.0.borrow().refusal {
            Some(error) => Err(error),
            None => Ok(ScenePage(self.0.subscribe())),
        }
    }
}

impl Page for ScenePage {
    fn render(&mut self, _now: Timestamp) -> View {
        let scene = self.0.borrow_and_update();
        assert!(!scene.broken, "the page cannot be drawn");
        View {
            rendered: Rendered::new(TemplateId(1), vec![Slot::text(scene.text.as_str())]),
            patients: Arc::clone(&scene.patients),
        }
    }

    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A policy, live pages and the tree they run in.
struct Stage {
    live: Live<Scenes>,
    policy: Policy,
    tables: LoadedTables,
    clock: WallClock,
    entropy: Entropy,
    scenes: Arc<Scenes>,
    tree: Tree,
    drain: watch::Sender<bool>,
}

const LIMITS: LiveLimits = LiveLimits {
    viewers: 2_000,
    topics: 8,
};

async fn stage() -> Stage {
    stage_with(LIMITS, AuditLog::new, |spec| spec).await
}

/// A stage with other limits, another audit trail, and children that come first.
async fn stage_with(
    limits: LiveLimits,
    audit: impl FnOnce(WallClock) -> AuditLog,
    more: impl FnOnce(SupervisorSpec) -> SupervisorSpec,
) -> Stage {
    let clock = WallClock::manual(NOW);
    let policy = Policy::new(testing::settings()).unwrap();
    let scene = Scene {
        text: "first".into(),
        patients: Patients::default(),
        refusal: None,
        broken: false,
    };
    let scenes = Arc::new(Scenes(watch::Sender::new(scene)));
    let entropy = Entropy::seeded(1);
    let audit = audit(clock.clone());
    let parts = (policy.clone(), audit, clock.clone(), entropy.clone());
    let live = Live::new(Arc::clone(&scenes), parts, VERSION.into(), limits);
    let often = Intensity::new(20, Duration::from_secs(5));
    let spec = more(SupervisorSpec::new(Strategy::OneForOne, often))
        .child(policy::child(&policy))
        .child(live.topics_child(often))
        .child(live.viewers_child(often));
    let tree = Tree::start("t", spec).await.unwrap();
    let tables = testing::loaded(&policy);
    Stage {
        live,
        policy,
        tables,
        clock,
        entropy,
        scenes,
        tree,
        drain: watch::Sender::new(false),
    }
}

impl Stage {
    fn access(&self) -> AccessRequest {
        testing::access(Action::Read, ResourceKind::Ward, self.clock.now())
    }

    fn permit(&self, access: AccessRequest) -> Permit {
        match self.policy.decide(access, HERE) {
            Verdict::Permit(permit) => permit,
            other => panic!("refused: {other:?}"),
        }
    }

    fn key(&self, permit: &Permit) -> TopicKey {
        TopicKey {
            grant: self.policy.view(permit),
            subject: Subject::Supervision,
            locale: Locale::En,
        }
    }

    fn show(&self, text: &str) {
        self.scenes.0.send_modify(|scene| scene.text = text.into());
    }

    fn show_patients(&self, patients: &[&str]) {
        let parsed = patients.iter().map(|id| PatientId::parse(id).unwrap());
        let patients = Arc::new(parsed.collect());
        self.scenes.0.send_modify(|scene| scene.patients = patients);
    }

    /// A viewer, over any connection.
    async fn attach<IO>(
        &self,
        permit: &Permit,
        arrival: Arrival,
        raw: RawSocket<IO>,
    ) -> Result<ViewerEnd, LiveError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let seat = self.live.seat(&self.key(permit)).await?;
        let drain = self.drain.subscribe();
        let guest = self.live.guest(seat, (permit, HERE), None, arrival, drain);
        let io = std::future::ready(Ok::<_, Infallible>(raw));
        self.live.viewers().start(guest, io).await
    }

    /// A viewer whose end of the connection is in the test's hands.
    async fn raw(&self) -> (DuplexStream, ViewerEnd) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let permit = self.permit(self.access());
        let end = self.attach(&permit, here(None), raw(theirs)).await;
        (ours, end.unwrap())
    }

    async fn viewer(&self) -> Client {
        self.viewer_at(here(None)).await
    }

    async fn viewer_at(&self, arrival: Arrival) -> Client {
        self.viewer_of(self.access(), arrival).await
    }

    async fn viewer_of(&self, access: AccessRequest, arrival: Arrival) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let permit = self.permit(access);
        let end = self.attach(&permit, arrival, raw(theirs)).await.unwrap();
        let socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        Client { socket, end }
    }

    /// Waits until something about the stage is so.
    async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + SOON;
        while !so(self) {
            assert!(Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The path of the one child of a dynamic supervisor.
    fn only(&self, supervisor: &str) -> String {
        let snapshot = self.tree.snapshot();
        let node = snapshot.find(&format!("t/{supervisor}")).unwrap();
        assert_eq!(node.children.len(), 1, "{node:?}");
        node.children[0].path.clone()
    }
}

fn raw<IO>(io: IO) -> RawSocket<IO> {
    let read = Bytes::new();
    RawSocket { io, read }
}

fn here(resume: Option<(&str, u64)>) -> Arrival {
    Arrival {
        version: VERSION.into(),
        resume: resume.map(|(epoch, seq)| (epoch.to_owned(), seq)),
    }
}

/// A browser, as far as frames go.
struct Client {
    socket: WebSocketStream<DuplexStream>,
    end: ViewerEnd,
}

/// What a browser hears.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Heartbeat,
    Whole {
        epoch: String,
        seq: u64,
        text: String,
    },
    Diff {
        seq: u64,
        change: Value,
    },
    Closed {
        code: u16,
        reason: String,
    },
    /// The connection broke: 1006, as a browser calls it.
    Broken,
}

impl Client {
    async fn hear(&mut self) -> Heard {
        loop {
            let message = timeout(SOON, self.socket.next()).await.expect("silence");
            match message {
                Some(Ok(Message::Text(text))) => return heard(text.as_str()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    let (code, reason) = (frame.code.into(), frame.reason.to_string());
                    return Heard::Closed { code, reason };
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => return Heard::Broken,
            }
        }
    }

    /// The next that is no heartbeat.
    async fn news(&mut self) -> Heard {
        loop {
            match self.hear().await {
                Heard::Heartbeat => {}
                news => return news,
            }
        }
    }

    async fn whole(&mut self) -> (String, u64, String) {
        match self.news().await {
            Heard::Whole { epoch, seq, text } => (epoch, seq, text),
            other => panic!("{other:?}"),
        }
    }

    async fn diff(&mut self) -> (u64, Value) {
        match self.news().await {
            Heard::Diff { seq, change } => (seq, change),
            other => panic!("{other:?}"),
        }
    }

    /// The code and reason of the close frame, and the same as the server tells it.
    async fn closed(mut self, reason: CloseReason) {
        let heard = loop {
            match self.news().await {
                Heard::Whole { .. } | Heard::Diff { .. } => {}
                end => break end,
            }
        };
        let expected = match reason.code() {
            Some(code) => Heard::Closed {
                code,
                reason: reason.as_str().to_owned(),
            },
            None => Heard::Broken,
        };
        assert_eq!(heard, expected);
        // Lets the goodbye be answered.
        while let Some(Ok(_)) = self.socket.next().await {}
        drop(self.socket);
        assert_eq!(timeout(SOON, self.end).await.unwrap(), reason);
    }
}

fn heard(text: &str) -> Heard {
    match serde_json::from_str(text).unwrap() {
        Value::Number(_) => Heard::Heartbeat,
        Value::Array(parts) => Heard::Diff {
            seq: parts[0].as_u64().unwrap(),
            change: parts[1].clone(),
        },
        whole => Heard::Whole {
            epoch: whole["e"].as_str().unwrap().to_owned(),
            seq: whole["s"].as_u64().unwrap(),
            text: whole["r"][1].as_str().unwrap().to_owned(),
        },
    }
}
