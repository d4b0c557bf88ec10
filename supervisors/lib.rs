//! OTP supervision over ractor.

mod birth;
mod brood;
mod core;
mod dynamic;
mod exit;
mod fault;
mod guarded;
mod handle;
mod incarnation;
mod lifecycle;
mod message;
mod node;
mod notice;
mod snapshot;
mod spec;
mod supervisor;
mod sync;
mod tree;

pub use crate::core::{Intensity, Restart, Shutdown, Strategy};
pub use dynamic::{DynamicHandle, StartChildError, TerminateError};
pub use exit::ExitReason;
pub use fault::{Delivery, FaultHook};
pub use handle::{CallError, Handle, Limits};
pub use lifecycle::{Lifecycle, LifecycleEvent};
pub use message::{Envelope, InFlight, Reply};
pub use snapshot::{NodeKind, NodeState, Snapshot};
pub use spec::{ChildSpec, DynamicSpec, SupervisorSpec};
pub use tree::{KillError, StartError, Tree};
