//! OTP supervision over [ractor](https://docs.rs/ractor): trees of actors in which whatever fails
//! is restarted, in the right order, and nothing is ever left behind.
//!
//! It owns restart strategies, restart intensity, ordered starts and stops, dynamic and partitioned
//! children, tasks, and the handles by which callers reach an actor across its restarts. It refuses
//! global state: no registry, no names, no static; every tree is a value.
//!
//! # A small tree
//!
//! ```
//! use plantao_supervisors::{
//!     ChildSpec, Envelope, ExitReason, Handle, Intensity, LifecycleEvent, Limits, Reply, Shutdown,
//!     Strategy, SupervisorSpec, Tree,
//! };
//! use ractor::{Actor, ActorProcessingErr, ActorRef};
//! use std::time::Duration;
//!
//! const SECOND: Duration = Duration::from_secs(1);
//!
//! /// Counts; a restart begins at zero.
//! struct Counter;
//!
//! enum Message {
//!     Add(u64, Reply<u64>),
//!     Crash,
//! }
//!
//! # #[cfg_attr(feature = "async-trait", ractor::async_trait)]
//! impl Actor for Counter {
//!     type Msg = Envelope<Message>;
//!     type State = u64;
//!     type Arguments = ();
//!
//!     async fn pre_start(
//!         &self,
//!         _myself: ActorRef<Self::Msg>,
//!         (): (),
//!     ) -> Result<u64, ActorProcessingErr> {
//!         Ok(0)
//!     }
//!
//!     async fn handle(
//!         &self,
//!         _myself: ActorRef<Self::Msg>,
//!         message: Self::Msg,
//!         count: &mut u64,
//!     ) -> Result<(), ActorProcessingErr> {
//!         // The guard is what bounds the messages in flight: keep it while working.
//!         let (message, _in_flight) = message.open();
//!         match message {
//!             Message::Add(amount, reply) => {
//!                 *count += amount;
//!                 reply.send(*count);
//!                 Ok(())
//!             }
//!             Message::Crash => Err("told to crash".into()),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let counter = Handle::new(Limits::in_flight(256));
//! let wards = SupervisorSpec::new(Strategy::OneForAll, Intensity::new(3, 5 * SECOND)).child(
//!     ChildSpec::worker("counter", &counter, || (Counter, ()))
//!         .shutdown(Shutdown::Timeout(2 * SECOND)),
//! );
//! let root = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(3, 5 * SECOND))
//!     .child(ChildSpec::supervisor("wards", wards));
//! let tree = Tree::start("hospital", root).await?;
//! let mut changes = tree.subscribe();
//!
//! assert_eq!(counter.call(SECOND, |reply| Message::Add(2, reply)).await?, 2);
//! counter.cast(Message::Crash)?;
//! while changes.recv().await?.event != LifecycleEvent::Started {
//!     // Until it is back, calls are `Unavailable`.
//! }
//! assert_eq!(counter.call(SECOND, |reply| Message::Add(5, reply)).await?, 5);
//!
//! let snapshot = tree.snapshot();
//! let node = snapshot.find("hospital/wards/counter").ok_or("no counter")?;
//! assert_eq!(node.restarts, 1);
//! assert_eq!(node.last_exit, Some(ExitReason::Error("told to crash".to_owned())));
//!
//! tree.shutdown().await;
//! assert_eq!(tree.exited().await, ExitReason::Shutdown);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! - An incarnation starts only when everything of the one before it is gone: its task, its
//!   state, and whatever ran below it. A task that does not end is reported as quarantined, and
//!   its id stays down until it does.
//! - A supervisor leaves only after its children, in reverse start order, escalation included. If
//!   it dies abruptly they are killed, and its own restart waits for them.
//! - A start that fails leaves nothing running. A restart that fails is tried again and counts.
//! - Exceeding the intensity ends the supervisor with [`ExitReason::Shutdown`]; its parent decides.
//! - A call ends with an answer, `Unavailable`, `Overloaded` or `Timeout`, never later than its
//!   deadline.
//! - A specification that is not one is refused, by the path of the child, before anything starts.
//! - All time is tokio's, and chance is a seed: a paused clock repeats a run.
//!
//! The README says what is as in OTP and what is beyond it; `CONFORMANCE.md`, case by case, what
//! stands for OTP's and Elixir's own tests, and where this library differs on purpose.

mod apply;
mod birth;
mod check;
mod conduct;
mod context;
mod core;
mod dynamic;
mod error;
mod exit;
mod fault;
mod guarded;
mod handle;
mod life;
mod lifecycle;
mod lingering;
mod message;
mod partition;
mod place;
mod planted;
mod post;
mod pulse;
mod revival;
mod sight;
mod slot;
mod snapshot;
mod spec;
mod station;
mod supervise;
mod supervisor;
mod sync;
mod task;
mod tree;

pub use crate::core::{AutoShutdown, Backoff, Intensity, Restart, Shutdown, Strategy};
pub use apply::SpecDiff;
pub use context::{Needs, Readiness, StartContext};
pub use dynamic::{ChildTemplate, DynamicHandle};
pub use error::{SpecError, SupervisorError};
pub use exit::{ExitReason, Ignore};
pub use fault::{Called, Delivery, FaultHook, Handling, Starting};
pub use handle::{CallError, Handle, Limits};
pub use lifecycle::{Lifecycle, LifecycleEvent};
pub use message::{Envelope, InFlight, Reply};
pub use partition::PartitionSupervisor;
pub use planted::Planted;
pub use snapshot::{HandleTime, NodeKind, NodeState, Snapshot};
pub use spec::{ChildSpec, DynamicSpec, SupervisorSpec};
pub use supervise::{
    ChildCounts, ChildKind, ChildStatus, ChildSummary, Presence, Started, SupervisorHandle,
};
pub use task::{StreamOptions, Task, TaskError, TaskSupervisor};
pub use tree::{KillError, StartError, Tree};
