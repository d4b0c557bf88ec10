//! `PartitionSupervisor`: one kind of child many times over, so that no single one is the bottle
//! neck, and a key that says which of them serves.
//!
//! Elixir's module of that name. The children are fixed, ids `0` to `n - 1`, one for one; their
//! number can be changed while they run. A key is always served by the same partition as long as
//! the number stays; after a change some keys move, so what a partition keeps for a key has to be
//! found again by whoever serves it then.

use fnv::FnvHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::core::{Intensity, Strategy};
use crate::error::SupervisorError;
use crate::handle::{Handle, Limits};
use crate::spec::{ChildSpec, SupervisorSpec};
use crate::supervise::{ChildCounts, ChildStatus, Presence, SupervisorHandle};

type Make<M> = dyn Fn(usize, &Handle<M>) -> ChildSpec + Send + Sync;

/// The handle of a partitioned child: made before the tree, reaches whichever partitions run.
///
/// ```
/// # use plantao_supervisors::{ChildSpec, Envelope, Handle, Intensity, Limits, Reply};
/// # use plantao_supervisors::{PartitionSupervisor, Strategy, SupervisorSpec, Tree};
/// # use ractor::{Actor, ActorProcessingErr, ActorRef};
/// # use std::time::Duration;
/// # struct Counter;
/// # #[cfg_attr(feature = "async-trait", ractor::async_trait)]
/// # impl Actor for Counter {
/// #     type Msg = Envelope<Reply<usize>>;
/// #     type State = usize;
/// #     type Arguments = usize;
/// #     async fn pre_start(&self, _: ActorRef<Self::Msg>, number: usize)
/// #     -> Result<usize, ActorProcessingErr> { Ok(number) }
/// #     async fn handle(&self, _: ActorRef<Self::Msg>, message: Self::Msg, number: &mut usize)
/// #     -> Result<(), ActorProcessingErr> { message.open().0.send(*number); Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # const SECOND: Duration = Duration::from_secs(1);
/// let counters = PartitionSupervisor::new(4, Limits::in_flight(64), |number, handle| {
///     ChildSpec::worker(number.to_string(), handle, move || (Counter, number))
/// });
/// let limits = Intensity::new(3, 5 * SECOND);
/// let root = SupervisorSpec::new(Strategy::OneForOne, limits)
///     .child(counters.child("counters", limits));
/// let tree = Tree::start("hospital", root).await?;
///
/// let first = counters.of("patient-7").call(SECOND, |reply| reply).await?;
/// let again = counters.of("patient-7").call(SECOND, |reply| reply).await?;
/// assert_eq!(first, again);
/// assert_eq!(counters.resize(2).await?, 4);
/// assert_eq!(counters.partitions(), 2);
/// # tree.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct PartitionSupervisor<M> {
    shared: Arc<Shared<M>>,
}

struct Shared<M> {
    supervisor: SupervisorHandle,
    /// Where keys go when no partition serves.
    nobody: Handle<M>,
    make: Box<Make<M>>,
    handles: Vec<Handle<M>>,
    /// How many of them, from the first on, serve.
    serving: AtomicUsize,
    resizing: tokio::sync::Mutex<()>,
}

impl<M: Send + 'static> PartitionSupervisor<M> {
    /// As many partitions. `make` is given each one's number and handle, and is to make a child
    /// for it, whose id becomes the number; `limits` are those of each handle. With none at all
    /// the tree is refused: [`SpecError::Partitions`](crate::SpecError::Partitions).
    pub fn new(
        partitions: usize,
        limits: Limits,
        make: impl Fn(usize, &Handle<M>) -> ChildSpec + Send + Sync + 'static,
    ) -> Self {
        let handles = (0..partitions).map(|_| Handle::new(limits)).collect();
        let shared = Shared {
            supervisor: SupervisorHandle::new(),
            nobody: Handle::new(limits),
            make: Box::new(make),
            handles,
            serving: AtomicUsize::new(partitions),
            resizing: tokio::sync::Mutex::new(()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The supervisor of the partitions, as a child of another.
    pub fn child(&self, id: impl Into<String>, intensity: Intensity) -> ChildSpec {
        let numbers = 0..self.shared.handles.len();
        let children = numbers.filter_map(|number| self.partition(number));
        let mut spec = SupervisorSpec::new(Strategy::OneForOne, intensity);
        spec.partitioned = true;
        let spec = children.fold(spec, SupervisorSpec::child);
        ChildSpec::supervisor_at(id, &self.shared.supervisor, spec)
    }

    /// How many partitions serve.
    pub fn partitions(&self) -> usize {
        self.shared.serving.load(Ordering::Acquire)
    }

    /// The partition that serves `key`. An integer is taken modulo the number of partitions only
    /// by [`PartitionSupervisor::at`]; here every key is hashed, the same way in every run.
    pub fn of(&self, key: impl Hash) -> Handle<M> {
        // FNV-1a: the same in every run, unlike the standard library's hasher.
        let mut hasher = FnvHasher::default();
        key.hash(&mut hasher);
        self.at(hasher.finish())
    }

    /// The partition that serves this number: it modulo the number of partitions. When none
    /// serves, a handle that nobody answers at.
    pub fn at(&self, number: u64) -> Handle<M> {
        let serving = u64::try_from(self.partitions()).unwrap_or(u64::MAX);
        let place = number.checked_rem(serving);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let handle = place.and_then(|place| self.shared.handles.get(place));
        handle.unwrap_or(&self.shared.nobody).clone()
    }

    /// Changes how many partitions serve, and answers how many did before: the last ones are
    /// stopped, or started again. Keys go to one only when it is up, and no longer to one that
    /// is about to stop. There are never more than at first, whose specifications are kept.
    ///
    /// # Errors
    /// `MaxChildren` for more than at first; else as [`SupervisorHandle::restart_child`] and
    /// [`terminate_child`](SupervisorHandle::terminate_child), and as many serve then as did
    /// before the step that failed.
    pub async fn resize(&self, partitions: usize) -> Result<usize, SupervisorError> {
        let limit = self.shared.handles.len();
        if partitions > limit {
            return Err(SupervisorError::MaxChildren { limit });
        }
        let _turn = self.shared.resizing.lock().await;
        let before = self.partitions();
        // By what runs, and not by what ran: a restart of the supervisor brings all of them up.
        for number in 0..partitions {
            if !self.runs(number)? {
                self.open(number).await?;
            }
            self.shared.serving.fetch_max(number + 1, Ordering::AcqRel);
        }
        self.shared.serving.fetch_min(partitions, Ordering::AcqRel);
        for number in (partitions..limit).rev() {
            if self.runs(number)? {
                let id = number.to_string();
                self.shared.supervisor.terminate_child(&id).await?;
            }
        }
        Ok(before)
    }

    /// All partitions in the order of their numbers.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn which_children(&self) -> Result<Vec<ChildStatus>, SupervisorError> {
        self.shared.supervisor.which_children()
    }

    /// How many partitions there are, and how many are up.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn count_children(&self) -> Result<ChildCounts, SupervisorError> {
        self.shared.supervisor.count_children()
    }

    fn runs(&self, number: usize) -> Result<bool, SupervisorError> {
        match self.shared.supervisor.which_child(&number.to_string()) {
            Ok(child) => Ok(child.presence != Presence::Undefined),
            Err(SupervisorError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn open(&self, number: usize) -> Result<(), SupervisorError> {
        match self
            .shared
            .supervisor
            .restart_child(&number.to_string())
            .await
        {
            // The supervisor restarted meanwhile, with all of them.
            Ok(_) | Err(SupervisorError::Running { .. }) => Ok(()),
            // A temporary partition was forgotten when it ended.
            Err(SupervisorError::NotFound { id }) => match self.partition(number) {
                Some(spec) => self.shared.supervisor.start_child(spec).await.map(|_| ()),
                None => Err(SupervisorError::NotFound { id }),
            },
            Err(error) => Err(error),
        }
    }

    fn partition(&self, number: usize) -> Option<ChildSpec> {
        let handle = self.shared.handles.get(number)?;
        let mut spec = (self.shared.make)(number, handle);
        spec.id = Arc::from(number.to_string());
        Some(spec)
    }
}

impl<M> Clone for PartitionSupervisor<M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M> fmt::Debug for PartitionSupervisor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("partitions", &self.shared.serving)
            .finish_non_exhaustive()
    }
}
