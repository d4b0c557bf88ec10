//! One actor is given the handle of another: typed, checked before the start, good for restarts.
//!
//! `cargo run -p plantao-supervisors --example injection`

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Intensity, LifecycleEvent, Limits, Reply, Strategy,
    SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
type Done = Result<(), ActorProcessingErr>;

/// Knows what things cost.
struct Prices;

/// Adds the prices of tea and cake up.
struct Till {
    prices: Handle<Price>,
}

enum Price {
    Of(&'static str, Reply<u32>),
    Crash,
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Prices {
    type Msg = Envelope<Price>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Done {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, message: Self::Msg, (): &mut ()) -> Done {
        let (message, _in_flight) = message.open();
        match message {
            Price::Of(item, reply) => reply.send(if item == "cake" { 5 } else { 2 }),
            Price::Crash => return Err("told to crash".into()),
        }
        Ok(())
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Till {
    type Msg = Envelope<Reply<u32>>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Done {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, message: Self::Msg, (): &mut ()) -> Done {
        let (reply, _in_flight) = message.open();
        let of = |item| {
            self.prices
                .call(SECOND, move |reply| Price::Of(item, reply))
        };
        reply.send(of("tea").await? + of("cake").await?);
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let limits = Limits::in_flight(16);
    let (prices, till) = (Handle::new(limits), Handle::new(limits));
    let first = ChildSpec::worker("prices", &prices, || (Prices, ()));
    let second = ChildSpec::worker_needing("till", &till, &prices, |prices| (Till { prices }, ()));
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(3, 5 * SECOND));

    let mut out = std::io::stdout().lock();
    let wrong = spec.clone().child(second.clone()).child(first.clone());
    if let Err(error) = Tree::start("shop", wrong).await {
        writeln!(out, "The till before the prices? Refused: {error}.")?;
    }
    let tree = Tree::start("shop", spec.child(first).child(second)).await?;
    let sum = till.call(SECOND, |reply| reply).await?;
    writeln!(out, "The other way round it runs: tea and cake cost {sum}.")?;

    let mut changes = tree.subscribe();
    prices.cast(Price::Crash)?;
    while changes.recv().await?.event != LifecycleEvent::Started {}
    writeln!(out, "The prices crashed, and were started again.")?;
    let sum = till.call(SECOND, |reply| reply).await?;
    writeln!(out, "The till's handle reaches the new ones, too: {sum}.")?;
    tree.shutdown().await;
    Ok(())
}
