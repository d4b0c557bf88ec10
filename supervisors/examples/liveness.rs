//! A handler that never comes back: found by its supervisor, without a message, and restarted.
//!
//! `cargo run -p plantao-supervisors --example liveness`

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Intensity, LifecycleEvent, Limits, Reply, Strategy,
    SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

type Done = Result<(), ActorProcessingErr>;

struct Printer;

enum Job {
    Print(Reply<&'static str>),
    /// Waits for paper that never comes.
    Jam,
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Printer {
    type Msg = Envelope<Job>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Done {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, message: Self::Msg, (): &mut ()) -> Done {
        let (job, _in_flight) = message.open();
        match job {
            Job::Print(reply) => reply.send("printed"),
            Job::Jam => std::future::pending().await,
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let printer = Handle::new(Limits::in_flight(16));
    let child = ChildSpec::worker("printer", &printer, || (Printer, ()))
        .liveness(Duration::from_millis(200));
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(3, 5 * SECOND));
    let tree = Tree::start("office", spec.child(child)).await?;
    let mut changes = tree.subscribe();

    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "One message may take 200 ms. The printer idles for 500 ms:"
    )?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = printer.call(SECOND, Job::Print).await?;
    writeln!(out, "  that is no stall; asked now, it answers `{answer}`.")?;

    writeln!(
        out,
        "Now a job makes it wait for ever, and another job waits behind it:"
    )?;
    let begun = Instant::now();
    printer.cast(Job::Jam)?;
    if let Err(error) = printer.call(SECOND, Job::Print).await {
        let waited = begun.elapsed().as_millis();
        writeln!(
            out,
            "  after {waited} ms the caller behind is told: {error}."
        )?;
    }
    loop {
        match changes.recv().await?.event {
            LifecycleEvent::Stalled => writeln!(out, "  it was found stalled, and killed;")?,
            LifecycleEvent::Exited { reason } => writeln!(out, "  it ended as `{reason}`;")?,
            LifecycleEvent::Started => break,
            _ => {}
        }
    }
    let answer = printer.call(SECOND, Job::Print).await?;
    writeln!(out, "  it is up again, and answers `{answer}`.")?;
    tree.shutdown().await;
    Ok(())
}
