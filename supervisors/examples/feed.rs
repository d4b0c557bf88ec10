//! A dashboard: one snapshot, then only the events, and the numbers that say how busy each is.
//!
//! `cargo run -p plantao-supervisors --example feed`

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Intensity, LifecycleEvent, Limits, Strategy, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::time::Duration;

type Done = Result<(), ActorProcessingErr>;

struct Mill;

enum Grain {
    Grind(Duration),
    Stone,
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Mill {
    type Msg = Envelope<Grain>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Done {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, message: Self::Msg, (): &mut ()) -> Done {
        let (grain, _in_flight) = message.open();
        match grain {
            Grain::Grind(time) => tokio::time::sleep(time).await,
            Grain::Stone => return Err("a stone in the mill".into()),
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mill = Handle::new(Limits::in_flight(64));
    let limit = Intensity::new(3, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, limit)
        .child(ChildSpec::worker("mill", &mill, || (Mill, ())).metered());
    let tree = Tree::start("farm", spec).await?;

    // First the events, then the snapshot: nothing falls between the two.
    let mut changes = tree.subscribe();
    let snapshot = tree.snapshot();
    let mut seq = snapshot.seq.unwrap_or_default();
    let nodes = std::iter::once(&snapshot).chain(&snapshot.children);
    let mut picture: BTreeMap<String, String> = nodes
        .map(|node| (node.path.clone(), format!("{:?}", node.state)))
        .collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "After event {seq} the snapshot says: {picture:?}")?;

    for time_ms in [5, 5, 5, 60] {
        mill.cast(Grain::Grind(Duration::from_millis(time_ms)))?;
    }
    mill.cast(Grain::Stone)?;
    tokio::time::sleep(Duration::from_millis(30)).await;
    let now = tree.snapshot();
    let node = now.find("farm/mill").ok_or("no mill")?;
    let depth = node.mailbox_depth.unwrap_or_default();
    let oldest = node.oldest_message_ms.unwrap_or_default();
    writeln!(out, "{depth} in flight, the oldest for {oldest} ms.")?;
    loop {
        let change = changes.recv().await?;
        // A gap would mean that we were too slow, and need a new snapshot.
        assert_eq!(change.seq, seq + 1);
        seq = change.seq;
        writeln!(out, "Event {seq}: {} {:?}", change.path, change.event)?;
        if change.event == LifecycleEvent::Started {
            picture.insert(change.path, "Running".to_owned());
            break;
        }
        picture.insert(change.path, "Down".to_owned());
    }
    writeln!(out, "After event {seq} our own picture: {picture:?}")?;
    let now = tree.snapshot();
    let times = now.find("farm/mill").and_then(|node| node.handle_time);
    let times = times.ok_or("not metered")?;
    let (half, longest) = (times.p50_us / 1_000, times.max_us / 1_000);
    writeln!(out, "Half of the messages took up to {half} ms,")?;
    writeln!(out, "  and the longest took {longest} ms.")?;
    tree.shutdown().await;
    Ok(())
}
