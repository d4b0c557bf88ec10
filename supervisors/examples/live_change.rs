//! A running tree is made to be as a new specification says; what is the same runs on.
//!
//! `cargo run -p plantao-supervisors --example live_change`

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Intensity, Limits, Reply, Strategy, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Counts visitors in its language; the count is lost with the actor.
struct Greeter {
    greeting: &'static str,
}

type Visit = Reply<String>;

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Greeter {
    type Msg = Envelope<Visit>;
    type State = u32;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<u32, ActorProcessingErr> {
        if self.greeting.is_empty() {
            return Err("it has nothing to say".into());
        }
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        visitors: &mut u32,
    ) -> Result<(), ActorProcessingErr> {
        let (reply, _in_flight) = message.open();
        *visitors += 1;
        reply.send(format!("{}, visitor {visitors}", self.greeting));
        Ok(())
    }
}

fn greeter(id: &str, handle: &Handle<Visit>, greeting: &'static str) -> ChildSpec {
    ChildSpec::worker(id, handle, move || (Greeter { greeting }, ()))
}

async fn ask(id: &str, handle: &Handle<Visit>) -> Result<(), Box<dyn Error>> {
    let answer = handle.call(SECOND, |reply| reply).await?;
    Ok(writeln!(std::io::stdout(), "  the {id} says: {answer}")?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [door, gate, yard, roof, well] = [(); 5].map(|()| Handle::new(Limits::in_flight(16)));
    let house = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(3, 5 * SECOND));
    let first = house.clone().child(greeter("door", &door, "hello"));
    let first = first.child(greeter("gate", &gate, "hello"));
    let first = first.child(greeter("yard", &yard, "hello"));
    let tree = Tree::start("house", first).await?;
    ask("door", &door).await?;
    ask("gate", &gate).await?;

    let mut out = std::io::stdout();
    writeln!(
        out,
        "A new specification: the gate speaks French, there is a roof."
    )?;
    let second = house.child(greeter("door", &door, "hello"));
    let second = second.child(greeter("gate", &gate, "bonjour").version(2));
    let second = second.child(greeter("roof", &roof, "hello"));
    if let Err(error) = tree.root().apply(second.clone()).await {
        writeln!(out, "  refused, nothing was touched: {error}")?;
    }
    let second = second.remove("yard");
    let broken = second.clone().child(greeter("well", &well, ""));
    if let Err(error) = tree.root().apply(broken).await {
        writeln!(out, "  failed, all was undone: {error}")?;
    }
    let diff = tree.root().apply(second).await?;
    let (new, gone) = (diff.added.join(", "), diff.removed.join(", "));
    let (changed, kept) = (diff.changed.join(", "), diff.kept.join(", "));
    writeln!(
        out,
        "  done: {new} started, {gone} went, {changed} changed."
    )?;
    writeln!(
        out,
        "All that time {kept} ran on, and still knows its visitors:"
    )?;
    ask("door", &door).await?;
    ask("gate", &gate).await?;
    ask("roof", &roof).await?;
    tree.shutdown().await;
    Ok(())
}
