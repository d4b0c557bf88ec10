//! A cache that has to warm up before anybody may use it: the children after it wait.
//!
//! `cargo run -p plantao-supervisors --example readiness`

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Intensity, Limits, Readiness, Strategy, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

type Done = Result<(), ActorProcessingErr>;

/// Does its slow work after its start, in a message to itself, so that it answers meanwhile.
struct Cache {
    readiness: Readiness,
}

struct Server;

struct WarmUp;

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Cache {
    type Msg = Envelope<WarmUp>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Done {
        say("The cache has started, and is empty.");
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, _: Self::Msg, (): &mut ()) -> Done {
        say("The cache warms up ...");
        tokio::time::sleep(Duration::from_millis(300)).await;
        say("The cache says that it is ready.");
        self.readiness.ready();
        Ok(())
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Server {
    type Msg = Envelope<()>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Done {
        say("The server starts: only now.");
        Ok(())
    }
}

fn say(text: &str) {
    // Nobody reads it: nothing to be done about that.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn shop(cache: &Handle<WarmUp>) -> SupervisorSpec {
    let server = Handle::new(Limits::in_flight(16));
    let limit = Intensity::new(3, Duration::from_secs(5));
    let cache = ChildSpec::worker_with("cache", cache, |context| {
        let readiness = context.readiness();
        (Cache { readiness }, ())
    });
    SupervisorSpec::new(Strategy::RestForOne, limit)
        .child(
            cache
                .awaits_readiness()
                .start_timeout(Duration::from_millis(500)),
        )
        .child(ChildSpec::worker("server", &server, || (Server, ())))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = Handle::new(Limits::in_flight(16));
    let starting = tokio::spawn(Tree::start("shop", shop(&cache)));
    while cache.cast(WarmUp).is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let tree = starting.await??;
    say("All are up.\n\nThe same once more, but nobody tells the cache to warm up:");
    tree.shutdown().await;
    if let Err(error) = Tree::start("shop", shop(&cache)).await {
        say(&format!("Refused, and nothing is left running: {error}"));
    }
    Ok(())
}
