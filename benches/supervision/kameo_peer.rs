//! The peer that has supervision too: kameo's own `supervise_with`, one for one.
//!
//! Its restart limit is per child, and a count that starts again when the child was quiet. The
//! mailbox outlives the incarnation, so the worker's address never changes.

use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::message::{Context, Message};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::ward::{Address, Life, Plan, Raised, Ward};

const WINDOW: Duration = Duration::from_secs(3_600);

#[derive(Clone, Default)]
struct Slot(Arc<OnceLock<ActorRef<Worker>>>);

struct Crash;

#[derive(Debug)]
struct Crashed;

impl Address for Slot {
    fn crash(&self) -> bool {
        let actor = self.0.get();
        actor.is_some_and(|actor| actor.tell(Crash).try_send().is_ok())
    }
}

struct Worker(Life);

impl Actor for Worker {
    type Args = (Arc<Ward>, Slot, usize);
    type Error = Infallible;

    async fn on_start(
        (ward, slot, child): Self::Args,
        myself: ActorRef<Self>,
    ) -> Result<Self, Infallible> {
        slot.0.get_or_init(|| myself);
        let life = Life::begin(ward, child);
        life.up();
        Ok(Self(life))
    }
}

impl Message<Crash> for Worker {
    type Reply = Result<(), Crashed>;

    async fn handle(&mut self, _: Crash, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        self.0.crashing();
        Err(Crashed)
    }
}

struct Supervisor;

impl Actor for Supervisor {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

pub(crate) async fn raise(plan: Plan) -> Raised {
    let slots: Vec<Slot> = (0..plan.children).map(|_| Slot::default()).collect();
    let ward = Ward::new(slots.iter().cloned(), plan);
    let supervisor = Supervisor::spawn(());
    for (child, slot) in slots.into_iter().enumerate() {
        let ward = Arc::clone(&ward);
        Worker::supervise_with(&supervisor, move || {
            (Arc::clone(&ward), slot.clone(), child)
        })
        .restart_limit(u32::MAX, WINDOW)
        .spawn()
        .await;
    }
    ward.all_up().await;
    let stop = Box::pin(async move {
        supervisor.kill();
        supervisor.wait_for_shutdown().await;
    });
    Raised { ward, stop }
}
