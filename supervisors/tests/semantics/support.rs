//! A worker that does what it is told, and a board on which all of them leave their traces.

#![allow(dead_code, reason = "suites share it, and each uses a part")]

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Ignore, InFlight, Intensity, Limits, Reply, Strategy,
    SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How long a condition may take to come true, in the tests' own time.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) enum Order {
    Ping(Reply<u32>),
    Panic,
    Fail,
    /// Stop by itself, with this reason.
    Finish(Option<&'static str>),
    /// Never come back from the handler.
    Hang,
    /// Kill the own supervisor, as nothing in the product can.
    KillSupervisor,
    /// Block the thread until the sender is dropped.
    Block(std::sync::mpsc::Receiver<()>),
    Hold(Reply<()>),
    /// Be busy for this long.
    Work(Duration),
}

/// How a worker behaves where no message can tell it.
#[derive(Default, Clone)]
pub(crate) struct Manners {
    pub(crate) stop_takes: Option<Duration>,
    pub(crate) stop_panics: bool,
    /// The reason of its own that it gives when it is told to stop.
    pub(crate) stop_fails: Option<&'static str>,
}

#[derive(Default)]
struct Traces {
    journal: Vec<String>,
    alive: BTreeMap<String, u32>,
    starts: BTreeMap<String, u32>,
    overlaps: u32,
    /// What the next starts of a worker do instead of succeeding.
    bad_starts: BTreeMap<String, Vec<BadStart>>,
}

#[derive(Clone, Copy)]
pub(crate) enum BadStart {
    Refuse,
    /// There is nothing to start.
    Ignore,
    Panic,
    Hang,
}

#[derive(Default, Clone)]
pub(crate) struct Board(Arc<Mutex<Traces>>);

impl Board {
    fn with<T>(&self, change: impl FnOnce(&mut Traces) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// Everything noted since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.with(|traces| std::mem::take(&mut traces.journal))
    }

    pub(crate) fn starts(&self, id: &str) -> u32 {
        self.with(|traces| traces.starts.get(id).copied().unwrap_or(0))
    }

    pub(crate) fn alive(&self) -> u32 {
        self.with(|traces| traces.alive.values().sum())
    }

    pub(crate) fn overlaps(&self) -> u32 {
        self.with(|traces| traces.overlaps)
    }

    /// The next starts of `id` go wrong, in this order.
    pub(crate) fn spoil(&self, id: &str, starts: impl IntoIterator<Item = BadStart>) {
        let mut starts: Vec<_> = starts.into_iter().collect();
        starts.reverse();
        self.with(|traces| traces.bad_starts.insert(id.to_owned(), starts));
    }

    fn note(&self, what: &str, id: &str) {
        self.with(|traces| traces.journal.push(format!("{what} {id}")));
    }
}

pub(crate) struct Worker {
    id: String,
    board: Board,
    manners: Manners,
}

/// Alive from the first line of `pre_start` until its state is dropped.
pub(crate) struct Presence {
    id: String,
    board: Board,
    held: Vec<(Reply<()>, InFlight)>,
}

impl Presence {
    fn new(id: &str, board: &Board) -> Self {
        board.with(|traces| {
            let alive = traces.alive.entry(id.to_owned()).or_default();
            *alive += 1;
            traces.overlaps += u32::from(*alive > 1);
        });
        Self {
            id: id.to_owned(),
            board: board.clone(),
            held: Vec::new(),
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.board
            .with(|traces| *traces.alive.get_mut(&self.id).unwrap() -= 1);
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Worker {
    type Msg = Envelope<Order>;
    type State = Presence;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Presence, ActorProcessingErr> {
        let presence = Presence::new(&self.id, &self.board);
        let bad = self
            .board
            .with(|traces| traces.bad_starts.get_mut(&self.id)?.pop());
        match bad {
            Some(BadStart::Refuse) => return Err("refused".into()),
            Some(BadStart::Ignore) => return Err(Ignore.into()),
            Some(BadStart::Panic) => panic!("broken"),
            Some(BadStart::Hang) => std::future::pending().await,
            None => {}
        }
        self.board
            .with(|traces| *traces.starts.entry(self.id.clone()).or_default() += 1);
        self.board.note("start", &self.id);
        Ok(presence)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Presence,
    ) -> Result<(), ActorProcessingErr> {
        let (order, permit) = message.open();
        match order {
            Order::Ping(reply) => reply.send(self.board.starts(&self.id)),
            Order::Panic => panic!("told to panic"),
            Order::Fail => return Err("told to fail".into()),
            Order::Finish(reason) => myself.stop(reason.map(str::to_owned)),
            Order::Hang => std::future::pending().await,
            Order::KillSupervisor => {
                myself.get_cell().try_get_supervisor().unwrap().kill();
            }
            Order::Block(until) => {
                self.board.note("block", &self.id);
                let _ = until.recv();
            }
            Order::Hold(reply) => state.held.push((reply, permit)),
            Order::Work(time) => tokio::time::sleep(time).await,
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        _: &mut Presence,
    ) -> Result<(), ActorProcessingErr> {
        self.board.note("stop", &self.id);
        if let Some(time) = self.manners.stop_takes {
            tokio::time::sleep(time).await;
        }
        assert!(!self.manners.stop_panics, "told to panic at the end");
        self.board.note("stopped", &self.id);
        match self.manners.stop_fails {
            Some(reason) => Err(reason.into()),
            None => Ok(()),
        }
    }
}

pub(crate) type Line = Handle<Order>;

pub(crate) fn line() -> Line {
    Handle::new(Limits::in_flight(16))
}

pub(crate) fn worker(id: &str, handle: &Line, board: &Board) -> ChildSpec {
    mannered(id, handle, board, Manners::default())
}

pub(crate) fn mannered(id: &str, handle: &Line, board: &Board, manners: Manners) -> ChildSpec {
    ChildSpec::worker(id, handle, maker(id, board, manners))
}

/// What makes a worker for every start.
pub(crate) fn maker(
    id: &str,
    board: &Board,
    manners: Manners,
) -> impl Fn() -> (Worker, ()) + Send + Sync + 'static {
    let (name, board) = (id.to_owned(), board.clone());
    move || {
        let (id, board, manners) = (name.clone(), board.clone(), manners.clone());
        (Worker { id, board, manners }, ())
    }
}

/// A supervisor that puts up with a lot.
pub(crate) fn patient(strategy: Strategy) -> SupervisorSpec {
    SupervisorSpec::new(strategy, Intensity::new(1_000_000, SECOND))
}

pub(crate) async fn start(spec: SupervisorSpec) -> Tree {
    Tree::start("root", spec).await.unwrap()
}

/// Waits, in the tests' own time, until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the condition never came true"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Lets everything that can happen without a timer happen.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn ping(handle: &Line) -> Option<u32> {
    handle.call(SECOND, Order::Ping).await.ok()
}
