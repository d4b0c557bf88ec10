//! What to supervise: child specifications, said once and used for every start.
//!
//! A specification holds no running thing. Restart class, shutdown and limits are its to say, so
//! that one file can choose them for a whole tree.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::birth::{Body, WorkerBody};
use crate::context::{Needs, StartContext};
use crate::core::{AutoShutdown, Backoff, Intensity, Policy, Restart, Shutdown, Strategy};
use crate::dynamic::DynamicHandle;
use crate::handle::Handle;
use crate::message::Envelope;
use crate::place::{Command, CommandBody, SupervisorPlace};
use crate::supervise::SupervisorHandle;

/// Time a worker gets to stop: as in OTP.
const WORKER_SHUTDOWN: Duration = Duration::from_secs(5);
/// Time a worker gets to come up.
const WORKER_START: Duration = Duration::from_secs(30);

/// One child: how it is started, when it is restarted and how it is stopped.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) id: Arc<str>,
    pub(crate) policy: Policy,
    pub(crate) body: Arc<dyn Body>,
    /// Where the actors are met that it is given handles of.
    pub(crate) needs: Vec<usize>,
}

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
        Self::worker_with(id, handle, move |_: &StartContext| factory())
    }

    /// The same, for an actor that wants to know where it is started, or that says itself when
    /// it is ready.
    pub fn worker_with<A, M, F>(id: impl Into<String>, handle: &Handle<M>, factory: F) -> Self
    where
        A: ractor::Actor<Msg = Envelope<M>>,
        M: Send + 'static,
        F: Fn(&StartContext) -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let place = handle.seat();
        let policy = Policy {
            start_timeout: Some(WORKER_START),
            ..Policy::new(Shutdown::Timeout(WORKER_SHUTDOWN))
        };
        Self::new(id, policy, Arc::new(WorkerBody { place, factory }))
    }

    /// The same, for an actor that is given the handles of others, typed. They have to be of
    /// children that start before it, here or further up, which is checked when the tree starts.
    ///
    /// ```
    /// # use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits, SpecError, StartError};
    /// # use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
    /// # use ractor::{Actor, ActorProcessingErr, ActorRef};
    /// # struct Store;
    /// # #[cfg_attr(feature = "async-trait", ractor::async_trait)]
    /// # impl Actor for Store {
    /// #     type Msg = Envelope<u8>;
    /// #     type State = ();
    /// #     type Arguments = ();
    /// #     async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ())
    /// #     -> Result<(), ActorProcessingErr> { Ok(()) }
    /// # }
    /// # struct Cache(Handle<u8>);
    /// # #[cfg_attr(feature = "async-trait", ractor::async_trait)]
    /// # impl Actor for Cache {
    /// #     type Msg = Envelope<char>;
    /// #     type State = ();
    /// #     type Arguments = ();
    /// #     async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ())
    /// #     -> Result<(), ActorProcessingErr> { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = Handle::<u8>::new(Limits::in_flight(8));
    /// let cache = Handle::<char>::new(Limits::in_flight(8));
    /// let cache = ChildSpec::worker_needing("cache", &cache, &store, |store| (Cache(store), ()));
    /// let store = ChildSpec::worker("store", &store, || (Store, ()));
    /// let limits = Intensity::new(3, std::time::Duration::from_secs(5));
    /// let spec = SupervisorSpec::new(Strategy::RestForOne, limits);
    ///
    /// let right = spec.clone().child(store.clone()).child(cache.clone());
    /// assert!(Tree::start("shop", right).await.is_ok());
    /// let wrong = Tree::start("shop", spec.child(cache).child(store)).await;
    /// let expected = SpecError::Needs { path: "shop/cache".to_owned(), need: 1 };
    /// assert_eq!(wrong.err(), Some(StartError::Spec(expected)));
    /// # }
    /// ```
    pub fn worker_needing<A, M, N, F>(
        id: impl Into<String>,
        handle: &Handle<M>,
        needs: N,
        factory: F,
    ) -> Self
    where
        A: ractor::Actor<Msg = Envelope<M>>,
        M: Send + 'static,
        N: Needs,
        F: Fn(N::Handles) -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let handles = needs.handles();
        let mut spec = Self::worker(id, handle, move || factory(handles.clone()));
        spec.needs = needs.seats();
        spec
    }

    /// A supervisor with children of its own. Permanent; unlimited time to start and to stop,
    /// because its children have their own limits.
    pub fn supervisor(id: impl Into<String>, spec: SupervisorSpec) -> Self {
        Self::supervisor_at(id, &SupervisorHandle::new(), spec)
    }

    /// The same, with a handle by which its children are started and stopped while it runs.
    pub fn supervisor_at(
        id: impl Into<String>,
        handle: &SupervisorHandle,
        spec: SupervisorSpec,
    ) -> Self {
        Self::commanding(id, handle.place(), Command::Fixed(Arc::new(spec)))
    }

    /// A supervisor whose children come and go through `handle`. Permanent; a restart of it
    /// forgets the children it had.
    pub fn dynamic(id: impl Into<String>, handle: &DynamicHandle, spec: DynamicSpec) -> Self {
        Self::commanding(id, handle.place(), Command::Dynamic(spec))
    }

    /// When it is restarted.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// How it is made to end.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// How long it may take to come up before the start counts as failed. A start that blocks
    /// its thread cannot be cancelled: the child is quarantined until it ends, and whoever waits
    /// for the end of the whole tree, or for the failure of its boot, waits for that too.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.policy.start_timeout = Some(limit);
        self
    }

    /// Whether its end, when it is not restarted, can end its supervisor: see [`AutoShutdown`].
    #[must_use]
    pub fn significant(mut self, significant: bool) -> Self {
        self.policy.significant = significant;
        self
    }

    /// Makes it wait before it is started again. Restarts count against the intensity as ever.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = Some(backoff);
        self
    }

    /// How long it may handle one message: longer, it counts as stalled, is killed and, as after
    /// any abnormal exit, restarted. No message is sent to find out; a handler that blocks its
    /// thread is found too, and quarantined until it ends.
    #[must_use]
    pub fn liveness(mut self, limit: Duration) -> Self {
        self.policy.liveness = Some(limit);
        self
    }

    /// It is up only when it says so through [`StartContext::readiness`]; until then the
    /// siblings after it wait, and its start timeout runs.
    #[must_use]
    pub fn awaits_readiness(mut self) -> Self {
        self.policy.awaits_readiness = true;
        self
    }

    /// Measures how long its messages take, for the snapshot; some ten kilobytes per child.
    #[must_use]
    pub fn metered(mut self) -> Self {
        self.policy.metered = true;
        self
    }

    /// Told apart by [`SupervisorHandle::apply`]: a running child whose version is another is
    /// stopped and started from the new specification; with the same version it runs on.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.policy.version = version;
        self
    }

    fn commanding(id: impl Into<String>, place: Arc<SupervisorPlace>, command: Command) -> Self {
        let policy = Policy {
            supervisor: true,
            ..Policy::new(Shutdown::Infinity)
        };
        Self::new(id, policy, Arc::new(CommandBody { place, command }))
    }

    pub(crate) fn new(id: impl Into<String>, policy: Policy, body: Arc<dyn Body>) -> Self {
        Self {
            id: Arc::from(id.into()),
            policy,
            body,
            needs: Vec::new(),
        }
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A supervisor's children, in start order, and how it answers their exits.
#[derive(Debug, Clone)]
pub struct SupervisorSpec {
    /// Which children an exit takes along.
    pub strategy: Strategy,
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// Whether the ends of significant children end it.
    pub auto_shutdown: AutoShutdown,
    /// How many restarts are too many in all that is below it.
    pub budget: Option<Intensity>,
    /// The children in start order; they stop in reverse.
    pub children: Vec<ChildSpec>,
    /// Ids of running children that [`SupervisorHandle::apply`] is to stop and forget.
    pub removed: BTreeSet<String>,
    /// Its children are partitions: there has to be one.
    pub(crate) partitioned: bool,
}

impl SupervisorSpec {
    /// A supervisor with no children yet.
    pub fn new(strategy: Strategy, intensity: Intensity) -> Self {
        Self {
            strategy,
            intensity,
            auto_shutdown: AutoShutdown::Never,
            budget: None,
            children: Vec::new(),
            removed: BTreeSet::new(),
            partitioned: false,
        }
    }

    /// Adds a child after those already there.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Whether the ends of significant children end it.
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Limits the restarts of all supervisors below this one and its own together. One too many
    /// is refused where it would have happened; that supervisor gives up, and so does each above
    /// it for whose restart nothing is left, until this one does.
    #[must_use]
    pub fn budget(mut self, budget: Intensity) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Says that a running child goes when this specification is applied to a live supervisor.
    #[must_use]
    pub fn remove(mut self, id: impl Into<String>) -> Self {
        self.removed.insert(id.into());
        self
    }
}

/// A supervisor whose children come and go; each stands alone.
#[derive(Debug, Clone, Copy)]
pub struct DynamicSpec {
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// Children at one time, those restarting included.
    pub max_children: usize,
    /// Whether the ends of significant children end it.
    pub auto_shutdown: AutoShutdown,
}

impl DynamicSpec {
    /// At most `max_children` at one time.
    pub const fn new(intensity: Intensity, max_children: usize) -> Self {
        Self {
            intensity,
            max_children,
            auto_shutdown: AutoShutdown::Never,
        }
    }

    /// Whether the ends of significant children end it.
    #[must_use]
    pub const fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }
}

/// The policies of one supervisor's children: equal ones are kept once.
#[derive(Default)]
pub(crate) struct Policies(Vec<Arc<Policy>>);

/// Policies looked through before one is kept apart: children of one kind come together.
const POLICIES_KEPT: usize = 8;

impl Policies {
    pub(crate) fn share(&mut self, policy: &Policy) -> Arc<Policy> {
        if let Some(known) = self.0.iter().find(|known| ***known == *policy) {
            return Arc::clone(known);
        }
        let policy = Arc::new(policy.clone());
        if self.0.len() == POLICIES_KEPT {
            self.0.remove(0);
        }
        self.0.push(Arc::clone(&policy));
        policy
    }
}
