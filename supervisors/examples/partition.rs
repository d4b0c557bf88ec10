//! One kind of actor several times over, so that none is the bottleneck; a key finds its own.
//!
//! `cargo run -p plantao-supervisors --example partition`

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Intensity, Limits, PartitionSupervisor, Reply, Strategy,
    SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const NAMES: [&str; 6] = ["ana", "bruno", "carla", "ana", "dora", "ana"];

/// Counts by name; every partition counts for itself.
struct Counter {
    number: usize,
}

struct Count(&'static str, Reply<(usize, u32)>);

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Counter {
    type Msg = Envelope<Count>;
    type State = BTreeMap<&'static str, u32>;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(BTreeMap::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        counts: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (Count(name, reply), _in_flight) = message.open();
        let count = counts.entry(name).or_default();
        *count += 1;
        reply.send((self.number, *count));
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let limit = Intensity::new(3, 5 * SECOND);
    let counters =
        PartitionSupervisor::new(4, Limits::in_flight(64), |number, handle: &Handle<_>| {
            ChildSpec::worker(number.to_string(), handle, move || (Counter { number }, ()))
        });
    let root =
        SupervisorSpec::new(Strategy::OneForOne, limit).child(counters.child("counters", limit));
    let tree = Tree::start("office", root).await?;

    let mut out = std::io::stdout().lock();
    for round in [
        "Four partitions: a name is always counted by the same one.",
        "Two are left:",
    ] {
        writeln!(out, "{round}")?;
        for name in NAMES {
            let counter = counters.of(name);
            let answer = counter.call(SECOND, |reply| Count(name, reply));
            let (partition, count) = answer.await?;
            writeln!(out, "  {name}: number {partition} has counted {count}")?;
        }
        let before = counters.resize(2).await?;
        if before > 2 {
            writeln!(
                out,
                "Now fewer should serve. Names may move, and are counted anew there."
            )?;
        }
    }
    let too_many = counters.resize(9).await;
    if let Err(error) = too_many {
        writeln!(out, "Nine would be more than there were at first: {error}.")?;
    }
    tree.shutdown().await;
    Ok(())
}
