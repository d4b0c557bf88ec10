//! Many small failures, none of which is too many for its own supervisor: a budget adds them up.
//!
//! `cargo run -p plantao-supervisors --example budget`

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Intensity, LifecycleEvent, Limits, Strategy, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

/// Fails at every message.
struct Shelf;

struct Fall;

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Shelf {
    type Msg = Envelope<Fall>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        _: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Err("it fell over".into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let within_a_minute = |restarts| Intensity::new(restarts, Duration::from_secs(60));
    // Each aisle puts up with ten restarts, all of the store together with four.
    let mut store =
        SupervisorSpec::new(Strategy::OneForOne, within_a_minute(10)).budget(within_a_minute(4));
    let mut shelves = Vec::new();
    for number in 1..=5 {
        let shelf = Handle::new(Limits::in_flight(16));
        let aisle = SupervisorSpec::new(Strategy::OneForOne, within_a_minute(10))
            .child(ChildSpec::worker("shelf", &shelf, || (Shelf, ())));
        store = store.child(ChildSpec::supervisor(format!("aisle-{number}"), aisle));
        shelves.push(shelf);
    }
    let root = SupervisorSpec::new(Strategy::OneForOne, within_a_minute(3))
        .child(ChildSpec::supervisor("store", store));
    let tree = Tree::start("town", root).await?;
    let mut changes = tree.subscribe();

    let mut out = std::io::stdout().lock();
    writeln!(out, "Five aisles share a budget of four restarts a minute.")?;
    for shelf in &shelves {
        shelf.cast(Fall)?;
        let mut back = "shelf";
        loop {
            let change = changes.recv().await?;
            let path = change.path;
            match change.event {
                LifecycleEvent::Exited { reason } => writeln!(out, "{path} ended: {reason}")?,
                LifecycleEvent::GaveUp { .. } => {
                    writeln!(out, "{path} gives up: that is one too many for the budget")?;
                    back = "store";
                }
                LifecycleEvent::Started if path.ends_with(back) => {
                    writeln!(out, "{path} was started again by the supervisor above it")?;
                    break;
                }
                _ => {}
            }
        }
        let snapshot = tree.snapshot();
        let left = snapshot
            .find("town/store")
            .and_then(|store| store.budget_left);
        writeln!(out, "  left in the budget: {}", left.unwrap_or_default())?;
    }
    tree.shutdown().await;
    Ok(())
}
