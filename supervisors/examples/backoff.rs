//! A link to a server that is away for a while: each attempt waits twice as long as the last.
//!
//! `cargo run -p plantao-supervisors --example backoff`

use plantao_supervisors::{
    Backoff, ChildSpec, Envelope, Handle, Intensity, LifecycleEvent, Limits, Strategy,
    SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Connects when it starts; the server refuses the second to the fourth time.
struct Link {
    attempts: Arc<AtomicU32>,
}

struct Disconnect;

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Link {
    type Msg = Envelope<Disconnect>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        match self.attempts.fetch_add(1, Ordering::Relaxed) {
            1..=3 => Err("connection refused".into()),
            _ => Ok(()),
        }
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        _: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Err("connection lost".into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let link = Handle::new(Limits::in_flight(16));
    let attempts = Arc::new(AtomicU32::new(0));
    let make = move || {
        let attempts = Arc::clone(&attempts);
        (Link { attempts }, ())
    };
    let backoff = Backoff::exponential(Duration::from_millis(50), Duration::from_secs(5));
    // The waits are restarts like others: leave room for them.
    let limit = Intensity::new(10, Duration::from_secs(60));
    let spec = SupervisorSpec::new(Strategy::OneForOne, limit)
        .child(ChildSpec::worker("link", &link, make).backoff(backoff));
    let tree = Tree::start("client", spec).await?;
    let (mut changes, begun) = (tree.subscribe(), Instant::now());

    let mut out = std::io::stdout().lock();
    writeln!(out, "The link is up. Now its server goes away.")?;
    link.cast(Disconnect)?;
    loop {
        let event = changes.recv().await?.event;
        write!(out, "{:5} ms  ", begun.elapsed().as_millis())?;
        match event {
            LifecycleEvent::Exited { reason } => writeln!(out, "the link ended: {reason}")?,
            LifecycleEvent::Resting { wait_ms } => writeln!(out, "it waits for {wait_ms} ms")?,
            LifecycleEvent::Restarting { attempt } => writeln!(out, "restart number {attempt}")?,
            LifecycleEvent::StartFailed { reason } => writeln!(out, "no luck: {reason}")?,
            _ => break,
        }
    }
    writeln!(out, "the link is up again, and nobody had to ask for it.")?;
    tree.shutdown().await;
    Ok(())
}
