//! What to supervise.
use std::time::Duration;
use crate::core::{Intensity, Restart, Shutdown, Strategy};
use crate::dynamic::DynamicHandle;
use crate::handle::Handle;
use crate::message::Envelope;

/// One child.
pub struct ChildSpec {
    restart: Restart, shutdown: Shutdown, start_timeout: Duration,
}
impl ChildSpec {
    /// An actor that does work.
    pub fn worker<A, M, F>(id: impl Into<String>, handle: &Handle<M>, factory: F) -> Self
    where
        A: ractor::Actor<Msg = Envelope<M>>,
        M: Send + 'static,
        F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let _ = (id.into(), handle.seat(), factory);
        Self { restart: Restart::Permanent, shutdown: Shutdown::Infinity, start_timeout: Duration::ZERO }
    }
    /// A supervisor.
    pub fn supervisor(id: impl Into<String>, spec: SupervisorSpec) -> Self {
        let _ = (id.into(), spec);
        Self { restart: Restart::Permanent, shutdown: Shutdown::Infinity, start_timeout: Duration::ZERO }
    }
    /// A dynamic supervisor.
    pub fn dynamic(id: impl Into<String>, handle: &DynamicHandle, spec: DynamicSpec) -> Self {
        let _ = (id.into(), handle, spec);
        Self { restart: Restart::Permanent, shutdown: Shutdown::Infinity, start_timeout: Duration::ZERO }
    }
    /// Restart class.
    pub fn restart(self, restart: Restart) -> Self { Self { restart, ..self } }
    /// Shutdown.
    pub fn shutdown(self, shutdown: Shutdown) -> Self { Self { shutdown, ..self } }
    /// Start timeout.
    pub fn start_timeout(self, start_timeout: Duration) -> Self { Self { start_timeout, ..self } }
}
/// A supervisor's children.
pub struct SupervisorSpec {
    /// Strategy.
    pub strategy: Strategy,
    /// Intensity.
    pub intensity: Intensity,
    /// Children.
    pub children: Vec<ChildSpec>,
}
impl SupervisorSpec {
    /// No children yet.
    pub fn new(strategy: Strategy, intensity: Intensity) -> Self { Self { strategy, intensity, children: Vec::new() } }
    /// Adds one.
    pub fn child(mut self, child: ChildSpec) -> Self { self.children.push(child); self }
}
/// A dynamic supervisor.
pub struct DynamicSpec {
    /// Intensity.
    pub intensity: Intensity,
    /// Limit.
    pub max_children: usize,
}
