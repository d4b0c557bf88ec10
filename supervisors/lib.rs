//! OTP supervision over ractor.

pub mod core;
mod dynamic;
mod exit;
mod fault;
mod handle;
mod lifecycle;
mod message;
mod snapshot;
mod spec;
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
