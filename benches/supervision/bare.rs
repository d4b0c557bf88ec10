//! The peer with nothing added: a ractor actor that spawns its children linked and, told that one
//! failed, spawns it again at once.
//!
//! No intensity, no order. It can also be told to wait until the old incarnation's task is over:
//! then nothing overlaps, and one slow end holds up all its children.

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

use crate::ward::{Address, Life, Plan, Raised, Ward};

/// Where a worker is now; each incarnation enters itself.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<ActorRef<Crash>>>>);

struct Crash;

impl Address for Slot {
    fn crash(&self) -> bool {
        let actor = self.0.lock().unwrap().clone();
        actor.is_some_and(|actor| actor.send_message(Crash).is_ok())
    }
}

/// When a child that failed is started again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Again {
    AtOnce,
    WhenGone,
}

struct Worker;

impl Actor for Worker {
    type Msg = Crash;
    type State = Life;
    type Arguments = (Arc<Ward>, Slot, usize);

    async fn pre_start(
        &self,
        myself: ActorRef<Crash>,
        (ward, slot, child): Self::Arguments,
    ) -> Result<Life, ActorProcessingErr> {
        *slot.0.lock().unwrap() = Some(myself);
        let life = Life::begin(ward, child);
        life.up();
        Ok(life)
    }

    async fn handle(
        &self,
        _: ActorRef<Crash>,
        Crash: Crash,
        life: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        life.crashing();
        Err("told to crash".into())
    }
}

struct Supervisor;

struct State {
    ward: Arc<Ward>,
    slots: Arc<[Slot]>,
    again: Again,
    children: HashMap<ActorId, (usize, JoinHandle<()>)>,
}

impl State {
    async fn start(
        &mut self,
        myself: &ActorRef<()>,
        child: usize,
    ) -> Result<(), ActorProcessingErr> {
        let arguments = (Arc::clone(&self.ward), self.slots[child].clone(), child);
        let parent = myself.get_cell();
        let (actor, task) = Actor::spawn_linked(None, Worker, arguments, parent).await?;
        self.children.insert(actor.get_id(), (child, task));
        Ok(())
    }
}

impl Actor for Supervisor {
    type Msg = ();
    type State = State;
    type Arguments = (Arc<Ward>, Arc<[Slot]>, Again);

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        (ward, slots, again): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State {
            ward,
            slots,
            again,
            children: HashMap::new(),
        };
        for child in 0..state.slots.len() {
            state.start(&myself, child).await?;
        }
        Ok(state)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(actor, _) = event
            && let Some((child, task)) = state.children.remove(&actor.get_id())
        {
            if state.again == Again::WhenGone {
                task.await?;
            }
            state.start(&myself, child).await?;
        }
        Ok(())
    }
}

pub(crate) async fn raise(again: Again, plan: Plan) -> Raised {
    let slots: Arc<[Slot]> = (0..plan.children).map(|_| Slot::default()).collect();
    let ward = Ward::new(slots.iter().cloned(), plan);
    let arguments = (Arc::clone(&ward), Arc::clone(&slots), again);
    let (supervisor, task) = Actor::spawn(None, Supervisor, arguments)
        .await
        .expect("starts");
    ward.all_up().await;
    let stop = Box::pin(async move {
        supervisor.stop_children_and_wait(None, None).await;
        supervisor.stop(None);
        task.await.expect("ends");
    });
    Raised { ward, stop }
}
