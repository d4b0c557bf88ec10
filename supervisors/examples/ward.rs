//! A ward of sessions under a dynamic supervisor: one is killed, its neighbours go on.
//!
//! `cargo run -p plantao-supervisors --example ward`

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, Envelope, Handle, Intensity, Limits, Reply, Snapshot,
    Strategy, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Remembers notes until it dies.
struct Session;

enum Message {
    Note(&'static str),
    Notes(Reply<Vec<&'static str>>),
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Session {
    type Msg = Envelope<Message>;
    type State = Vec<&'static str>;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(Vec::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        notes: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = message.open();
        match message {
            Message::Note(note) => notes.push(note),
            Message::Notes(reply) => reply.send(notes.clone()),
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = DynamicHandle::new();
    let limits = DynamicSpec::new(Intensity::new(10, SECOND), 100);
    let root = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(3, 5 * SECOND))
        .child(ChildSpec::dynamic("sessions", &sessions, limits));
    let tree = Tree::start("ward", root).await?;
    let mut changes = tree.subscribe();

    let (left, right) = (
        Handle::new(Limits::in_flight(16)),
        Handle::new(Limits::in_flight(16)),
    );
    sessions
        .start_child(ChildSpec::worker("left", &left, || (Session, ())))
        .await?;
    sessions
        .start_child(ChildSpec::worker("right", &right, || (Session, ())))
        .await?;
    left.cast(Message::Note("kept until the crash"))?;
    right.cast(Message::Note("kept"))?;

    tree.kill("ward/sessions/left")?;
    let mut out = std::io::stdout().lock();
    for _ in 0..5 {
        let change = changes.recv().await?;
        writeln!(out, "{} {:?}", change.path, change.event)?;
    }
    writeln!(out, "left  {:?}", left.call(SECOND, Message::Notes).await?)?;
    writeln!(out, "right {:?}", right.call(SECOND, Message::Notes).await?)?;
    draw(&mut out, &tree.snapshot(), 0)?;
    tree.shutdown().await;
    Ok(())
}

fn draw(out: &mut impl Write, node: &Snapshot, depth: usize) -> std::io::Result<()> {
    let (indent, id, state) = ("  ".repeat(depth), &node.id, node.state);
    writeln!(out, "{indent}{id} {state:?} restarts={}", node.restarts)?;
    node.children
        .iter()
        .try_for_each(|child| draw(out, child, depth + 1))
}
