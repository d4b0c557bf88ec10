//! The least there is: a tokio task, and a loop that awaits its handle and spawns it again.

use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

use crate::ward::{Address, Life, Plan, Raised, Ward};

/// The sending end of the task's channel; each incarnation has a channel of its own.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<mpsc::UnboundedSender<()>>>>);

struct Crashed;

impl Address for Slot {
    fn crash(&self) -> bool {
        let sender = self.0.lock().unwrap();
        sender
            .as_ref()
            .is_some_and(|sender| sender.send(()).is_ok())
    }
}

async fn work(
    ward: Arc<Ward>,
    child: usize,
    mut messages: mpsc::UnboundedReceiver<()>,
) -> Result<(), Crashed> {
    let life = Life::begin(ward, child);
    life.up();
    match messages.recv().await {
        Some(()) => {
            life.crashing();
            Err(Crashed)
        }
        None => Ok(()),
    }
}

async fn supervise(ward: Arc<Ward>, slot: Slot, child: usize) {
    loop {
        let (sender, messages) = mpsc::unbounded_channel();
        *slot.0.lock().unwrap() = Some(sender);
        let task = tokio::spawn(work(Arc::clone(&ward), child, messages));
        if let Ok(Ok(())) = task.await {
            return;
        }
    }
}

pub(crate) async fn raise(plan: Plan) -> Raised {
    let slots: Vec<Slot> = (0..plan.children).map(|_| Slot::default()).collect();
    let ward = Ward::new(slots.iter().cloned(), plan);
    let places = slots.iter().enumerate();
    let spawn =
        places.map(|(child, slot)| tokio::spawn(supervise(Arc::clone(&ward), slot.clone(), child)));
    let loops: Vec<_> = spawn.collect();
    ward.all_up().await;
    let stop = Box::pin(async move {
        for slot in slots {
            slot.0.lock().unwrap().take();
        }
        for supervisor in loops {
            supervisor.await.expect("ends");
        }
    });
    Raised { ward, stop }
}
