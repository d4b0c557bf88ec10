//! A task that an actor owns: it ends with the actor, and the actor ends with it.
//!
//! For work that waits on several things at once, which a mailbox cannot. It is aborted when the
//! actor's state is dropped, so killing the actor kills it; when it is done its actor stops, and
//! when it panics its actor fails.

use ractor::{ActorRef, Message};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What an actor leaves with whose task panicked; the panic itself is in the log.
const PANICKED: &str = "its task panicked";

/// The task.
pub(crate) struct Pump(JoinHandle<()>);

impl Pump {
    /// Starts `work` for `actor`.
    pub(crate) fn start<M: Message>(
        actor: ActorRef<M>,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let leave = Leave(actor);
        Self(tokio::spawn(async move {
            let _leave = leave;
            work.await;
        }))
    }

    /// Waits for its end, so long at most.
    pub(crate) async fn ended(&mut self, patience: Duration) {
        // What is not done by then is aborted with the state.
        let _late = tokio::time::timeout(patience, &mut self.0).await;
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Leave<M: Message>(ActorRef<M>);

impl<M: Message> Drop for Leave<M> {
    fn drop(&mut self) {
        // An actor that is on its way out already takes no notice.
        self.0
            .stop(std::thread::panicking().then(|| PANICKED.to_owned()));
    }
}
