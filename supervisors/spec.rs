//! What to supervise: child specifications, said once and used for every start.
//!
//! A specification holds no running thing. Restart class, shutdown and limits are its to say, so
//! that one file can choose them for a whole tree.

use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::birth::{self, Birth, Born};
use crate::core::{Intensity, Restart, Shutdown, Strategy};
use crate::dynamic::DynamicHandle;
use crate::handle::{Handle, Seat};
use crate::message::Envelope;

/// Time a worker gets to stop: as in OTP.
const WORKER_SHUTDOWN: Duration = Duration::from_secs(5);
/// Time a worker gets to come up.
const WORKER_START: Duration = Duration::from_secs(30);

/// One child: how it is started, when it is restarted and how it is stopped.
pub struct ChildSpec {
    pub(crate) plan: Plan,
}

#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) id: String,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) body: Body,
}

/// What kind of actor the child is.
#[derive(Clone)]
pub(crate) enum Body {
    Worker(Worker),
    Supervisor(Arc<SupervisorSpec>),
    Dynamic(DynamicHandle, DynamicSpec),
}

/// A worker with its message and actor types erased.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) start: Start,
    seat: Arc<dyn Seat>,
}

type Start = Arc<dyn Fn(Birth) -> BoxFuture<'static, Result<Born, String>> + Send + Sync>;

impl ChildSpec {
    /// An actor that does work. `factory` makes it anew for every start; callers reach whichever
    /// incarnation lives through `handle`, from the moment its `pre_start` returned.
    ///
    /// Permanent, five seconds to stop, thirty to start. `pre_start` runs outside the supervisor's
    /// loop and is cancelled at an await point when its time is up.
    pub fn worker<A, M, F>(id: impl Into<String>, handle: &Handle<M>, factory: F) -> Self
    where
        A: ractor::Actor<Msg = Envelope<M>>,
        M: Send + 'static,
        F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let seat = handle.seat();
        let holder = Arc::clone(&seat);
        let factory = Arc::new(factory);
        let start: Start = Arc::new(move |birth| {
            Box::pin(birth::worker(
                Arc::clone(&factory),
                Arc::clone(&holder),
                birth,
            ))
        });
        Self::new(
            id,
            Shutdown::Timeout(WORKER_SHUTDOWN),
            Body::Worker(Worker { start, seat }),
        )
        .start_timeout(WORKER_START)
    }

    /// A supervisor with children of its own. Permanent; unlimited time to start and to stop,
    /// because its children have their own limits.
    pub fn supervisor(id: impl Into<String>, spec: SupervisorSpec) -> Self {
        Self::new(id, Shutdown::Infinity, Body::Supervisor(Arc::new(spec)))
    }

    /// A supervisor whose children come and go through `handle`. Permanent; a restart of it
    /// forgets the children it had.
    pub fn dynamic(id: impl Into<String>, handle: &DynamicHandle, spec: DynamicSpec) -> Self {
        Self::new(id, Shutdown::Infinity, Body::Dynamic(handle.clone(), spec))
    }

    /// When it is restarted.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.plan.restart = restart;
        self
    }

    /// How it is made to end.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.plan.shutdown = shutdown;
        self
    }

    /// How long it may take to come up before the start counts as failed.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.plan.start_timeout = Some(limit);
        self
    }

    fn new(id: impl Into<String>, shutdown: Shutdown, body: Body) -> Self {
        let plan = Plan {
            id: id.into(),
            restart: Restart::Permanent,
            shutdown,
            start_timeout: None,
            body,
        };
        Self { plan }
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.plan.id)
            .field("restart", &self.plan.restart)
            .field("shutdown", &self.plan.shutdown)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// What is wrong with this specification or one below it: the path, and why.
    pub(crate) fn defect(&self, above: &str) -> Option<(String, &'static str)> {
        let path = format!("{above}/{}", self.id);
        if let Some(detail) = id_defect(&self.id) {
            return Some((path, detail));
        }
        match &self.body {
            Body::Supervisor(spec) => spec.defect(&path),
            Body::Worker(_) | Body::Dynamic(..) => None,
        }
    }
}

/// Why `id` cannot be a part of a path.
pub(crate) fn id_defect(id: &str) -> Option<&'static str> {
    if id.is_empty() {
        Some("it is empty")
    } else if id.contains('/') {
        Some("it contains `/`")
    } else {
        None
    }
}

impl Body {
    pub(crate) fn seat(&self) -> Arc<dyn Seat> {
        match self {
            Self::Worker(worker) => Arc::clone(&worker.seat),
            Self::Supervisor(_) => Arc::new(NoSeat),
            Self::Dynamic(handle, _) => handle.seat(),
        }
    }
}

/// A fixed supervisor is reached by nobody.
struct NoSeat;

impl Seat for NoSeat {
    fn vacate(&self) {}
}

/// A supervisor's children, in start order, and how it answers their exits.
#[derive(Debug)]
pub struct SupervisorSpec {
    /// Which children an exit takes along.
    pub strategy: Strategy,
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// The children in start order; they stop in reverse.
    pub children: Vec<ChildSpec>,
}

impl SupervisorSpec {
    /// A supervisor with no children yet.
    pub fn new(strategy: Strategy, intensity: Intensity) -> Self {
        Self {
            strategy,
            intensity,
            children: Vec::new(),
        }
    }

    /// Adds a child after those already there.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// What is wrong with the children or those below them: the path, and why.
    pub(crate) fn defect(&self, path: &str) -> Option<(String, &'static str)> {
        let mut ids = std::collections::BTreeSet::new();
        self.children.iter().find_map(|ChildSpec { plan }| {
            if ids.insert(plan.id.as_str()) {
                plan.defect(path)
            } else {
                Some((format!("{path}/{}", plan.id), "a sibling has it too"))
            }
        })
    }
}

/// A supervisor whose children come and go; each stands alone.
#[derive(Debug, Clone, Copy)]
pub struct DynamicSpec {
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// Children at one time, those restarting included.
    pub max_children: usize,
}
