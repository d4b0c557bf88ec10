//! Never two incarnations alive together, shown with a resource that only one can hold.

use plantao_supervisors::{
    ChildSpec, Envelope, Handle, Lifecycle, LifecycleEvent, Limits, Strategy, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::net::{Ipv4Addr, TcpListener};
use tokio::sync::broadcast;

use crate::support::*;

const KILLS: u32 = 1_000;

/// Holds a port from its start until its state is dropped.
struct Listener {
    port: u16,
}

enum Blow {
    Panic,
    Fail,
    Finish,
    /// Take the supervisor along, abruptly.
    Supervisor,
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Listener {
    type Msg = Envelope<Blow>;
    type State = TcpListener;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<TcpListener, ActorProcessingErr> {
        Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _: &mut TcpListener,
    ) -> Result<(), ActorProcessingErr> {
        match message.open().0 {
            Blow::Panic => panic!("blow"),
            Blow::Fail => return Err("blow".into()),
            Blow::Finish => myself.stop(None),
            Blow::Supervisor => myself.get_cell().try_get_supervisor().unwrap().kill(),
        }
        Ok(())
    }
}

async fn came_back(changes: &mut broadcast::Receiver<Lifecycle>) {
    loop {
        let Lifecycle { path, event, .. } = changes.recv().await.unwrap();
        match event {
            _ if path != "root/inner/port" => {}
            LifecycleEvent::Started => return,
            LifecycleEvent::StartFailed { reason } => panic!("the port was taken: {reason}"),
            _ => {}
        }
    }
}

async fn blow_after_blow() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let handle = Handle::new(Limits::in_flight(1));
    let child = ChildSpec::worker("port", &handle, move || (Listener { port }, ()));
    let inner = patient(Strategy::OneForOne).child(child);
    let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner));
    let tree: Tree = start(spec).await;
    let mut changes = tree.subscribe();
    for kill in 0..KILLS {
        match kill % 6 {
            0 => tree.kill("root/inner/port").unwrap(),
            1 => handle.cast(Blow::Panic).unwrap(),
            2 => handle.cast(Blow::Fail).unwrap(),
            3 => handle.cast(Blow::Finish).unwrap(),
            4 => tree.kill("root/inner").unwrap(),
            _ => handle.cast(Blow::Supervisor).unwrap(),
        }
        came_back(&mut changes).await;
    }
    tree.shutdown().await;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_port_is_free_again_before_each_of_a_thousand_restarts() {
    blow_after_blow().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_port_is_free_again_before_each_restart_when_threads_race() {
    blow_after_blow().await;
}
