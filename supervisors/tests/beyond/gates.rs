//! Threads that are held up at a gate: in a start, in a supervisor, in a state on its way out.

use plantao_supervisors::{ChildSpec, Envelope, Strategy, Tree};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::support::*;

/// Holds a thread up until it is let go.
#[derive(Clone)]
pub(crate) struct Gate {
    arrived: Arc<AtomicU32>,
    open: Arc<Mutex<Receiver<()>>>,
}

impl Gate {
    pub(crate) fn new() -> (Self, Sender<()>) {
        let (key, open) = channel();
        let gate = Self {
            arrived: Arc::default(),
            open: Arc::new(Mutex::new(open)),
        };
        (gate, key)
    }

    /// Goes through when the key is dropped.
    pub(crate) fn pass(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let _ = self.open.lock().unwrap().recv();
    }

    pub(crate) async fn is_reached(&self) {
        until(|| self.passages() > 0).await;
    }

    /// Those that came to it.
    pub(crate) fn passages(&self) -> u32 {
        self.arrived.load(Ordering::SeqCst)
    }
}

/// Dropped, it passes the gate.
pub(crate) struct Grip(pub(crate) Gate);

impl Drop for Grip {
    fn drop(&mut self) {
        self.0.pass();
    }
}

/// A worker whose every start but the first passes the gate.
pub(crate) fn gated(id: &str, line: &Line, board: &Board, gate: &Gate) -> ChildSpec {
    let (make, gate) = (maker(id, board, Manners::default()), gate.clone());
    let starts = AtomicU32::new(0);
    ChildSpec::worker(id, line, move || {
        if starts.fetch_add(1, Ordering::SeqCst) > 0 {
            gate.pass();
        }
        make()
    })
}

/// `root/slow`, which failed and is at the gate in its restart; that goes on to hang, or not.
pub(crate) async fn restarting(hangs: bool) -> (Tree, Line, Board, Sender<()>) {
    let (board, line) = (Board::default(), line());
    let (gate, key) = Gate::new();
    let spec = patient(Strategy::OneForOne).child(gated("slow", &line, &board, &gate));
    let tree = start(spec).await;
    if hangs {
        board.spoil("slow", [BadStart::Hang]);
    }
    line.cast(Order::Fail).unwrap();
    gate.is_reached().await;
    (tree, line, board, key)
}

/// Holds the root up, until the gate opens: it drops what a child was started from.
pub(crate) async fn hold_up(tree: &Tree, gate: &Gate) {
    let (root, board) = (tree.root(), Board::default());
    let (make, grip) = (
        maker("ballast", &board, Manners::default()),
        Grip(gate.clone()),
    );
    let ballast = ChildSpec::worker("ballast", &line(), move || {
        let _held = &grip;
        make()
    });
    root.start_child(ballast).await.unwrap();
    root.terminate_child("ballast").await.unwrap();
    drop(tokio::spawn(
        async move { root.delete_child("ballast").await },
    ));
    gate.is_reached().await;
}

/// Its state takes its time to go once it failed.
pub(crate) struct Clinging(pub(crate) Gate);

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Clinging {
    type Msg = Envelope<()>;
    type State = Grip;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<Grip, ActorProcessingErr> {
        Ok(Grip(self.0.clone()))
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        _: Self::Msg,
        _: &mut Grip,
    ) -> Result<(), ActorProcessingErr> {
        Err("told to fail".into())
    }
}
