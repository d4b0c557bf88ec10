//! `DynamicHandle`: starting and stopping children that come and go.
//!
//! OTP's `simple_one_for_one`, Elixir's `DynamicSupervisor`. When the supervisor restarts it has
//! no children: whoever asked for them asks again. They stop all at once, each under its own
//! timer.

use std::fmt;
use std::sync::Arc;

use crate::check;
use crate::error::SupervisorError;
use crate::place::{Command, SupervisorPlace};
use crate::spec::{ChildSpec, DynamicSpec};
use crate::supervise::{
    self, ChildCounts, ChildStatus, ChildSummary, Started, counts, status, statuses, summary,
};

/// Reaches one dynamic supervisor, whichever incarnation of it lives.
#[derive(Clone, Default)]
pub struct DynamicHandle {
    place: Arc<SupervisorPlace>,
}

impl DynamicHandle {
    /// A handle with no supervisor yet: everything is `Unavailable`.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn at(place: Arc<SupervisorPlace>) -> Self {
        Self { place }
    }

    pub(crate) fn place(&self) -> Arc<SupervisorPlace> {
        Arc::clone(&self.place)
    }

    /// Starts a child and waits until it is up, at most its own start timeout.
    ///
    /// # Errors
    /// `AlreadyStarted`, `MaxChildren`, `StartFailed` and nothing of it is left running, `Spec`
    /// or `Unavailable`.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<Started, SupervisorError> {
        supervise::start_child(&self.place, spec).await
    }

    /// Stops a child as its shutdown says, and waits until nothing of it is left.
    ///
    /// # Errors
    /// `NotFound`, `Quarantined` or `Unavailable`.
    pub async fn terminate_child(&self, id: &str) -> Result<(), SupervisorError> {
        supervise::terminate_child(&self.place, id).await
    }

    /// All children in the order in which they were started. Answers at once, whatever the
    /// supervisor is busy with.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn which_children(&self) -> Result<Vec<ChildStatus>, SupervisorError> {
        self.place.read(statuses)
    }

    /// One child.
    ///
    /// # Errors
    /// `NotFound` or `Unavailable`.
    pub fn which_child(&self, id: &str) -> Result<ChildStatus, SupervisorError> {
        self.place.read_child(id, status)
    }

    /// How many children there are. Unlike OTP, `specs` counts each child, as in Elixir.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn count_children(&self) -> Result<ChildCounts, SupervisorError> {
        self.place.read(counts)
    }

    /// What was said about a child.
    ///
    /// # Errors
    /// `NotFound` or `Unavailable`.
    pub fn child_spec(&self, id: &str) -> Result<ChildSummary, SupervisorError> {
        self.place.read_child(id, summary)
    }

    /// Replaces the limits of the running supervisor. Children that are there stay, even if
    /// they are more than the new limit allows; no further one is started then.
    ///
    /// # Errors
    /// `Spec`, and nothing is changed; or `Unavailable`.
    pub async fn code_change(&self, spec: DynamicSpec) -> Result<(), SupervisorError> {
        check::dynamic(self.place.station()?.path(), &spec)?;
        self.place.change(Command::Dynamic(spec)).await
    }

    /// Not possible: a dynamic child that is down is forgotten.
    ///
    /// # Errors
    /// Always [`SupervisorError::Dynamic`], as OTP answers `simple_one_for_one`.
    pub fn restart_child(&self, _id: &str) -> Result<Started, SupervisorError> {
        let operation = "restart_child";
        Err(SupervisorError::Dynamic { operation })
    }

    /// Not possible: a dynamic child that is down is forgotten.
    ///
    /// # Errors
    /// Always [`SupervisorError::Dynamic`], as OTP answers `simple_one_for_one`.
    pub fn delete_child(&self, _id: &str) -> Result<(), SupervisorError> {
        let operation = "delete_child";
        Err(SupervisorError::Dynamic { operation })
    }

    /// Children of one kind, each made from arguments of its own: OTP's extra arguments. A
    /// restarted child is made from the same arguments again.
    ///
    /// ```
    /// # use plantao_supervisors::{ChildSpec, DynamicHandle, DynamicSpec, Envelope, Handle};
    /// # use plantao_supervisors::{Intensity, Limits, Strategy, SupervisorSpec, Tree};
    /// # use ractor::{Actor, ActorProcessingErr, ActorRef};
    /// # use std::time::Duration;
    /// # struct Bed;
    /// # #[cfg_attr(feature = "async-trait", ractor::async_trait)]
    /// # impl Actor for Bed {
    /// #     type Msg = Envelope<u8>;
    /// #     type State = u32;
    /// #     type Arguments = u32;
    /// #     async fn pre_start(&self, _: ActorRef<Self::Msg>, number: u32)
    /// #     -> Result<u32, ActorProcessingErr> { Ok(number) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let handle = DynamicHandle::new();
    /// let limits = Intensity::new(3, Duration::from_secs(5));
    /// let spec = SupervisorSpec::new(Strategy::OneForOne, limits)
    ///     .child(ChildSpec::dynamic("beds", &handle, DynamicSpec::new(limits, 100)));
    /// let tree = Tree::start("ward", spec).await?;
    ///
    /// let beds = handle.template(|(number, line): (u32, Handle<u8>)| {
    ///     ChildSpec::worker(format!("bed-{number}"), &line, move || (Bed, number))
    /// });
    /// for number in 1..=3 {
    ///     beds.start_child((number, Handle::new(Limits::in_flight(8)))).await?;
    /// }
    /// assert_eq!(handle.len(), 3);
    /// # tree.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn template<T>(
        &self,
        make: impl Fn(T) -> ChildSpec + Send + Sync + 'static,
    ) -> ChildTemplate<T> {
        ChildTemplate {
            handle: self.clone(),
            make: Arc::new(make),
        }
    }

    /// Children that count against the limit.
    pub fn len(&self) -> usize {
        self.place.read(|rules| rules.len()).unwrap_or(0)
    }

    /// True when there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for DynamicHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicHandle")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Starts children of one kind; see [`DynamicHandle::template`].
pub struct ChildTemplate<T> {
    handle: DynamicHandle,
    make: Arc<dyn Fn(T) -> ChildSpec + Send + Sync>,
}

impl<T> ChildTemplate<T> {
    /// Makes a child of these arguments and starts it.
    ///
    /// # Errors
    /// As [`DynamicHandle::start_child`].
    pub async fn start_child(&self, arguments: T) -> Result<Started, SupervisorError> {
        self.handle.start_child((self.make)(arguments)).await
    }
}

impl<T> Clone for ChildTemplate<T> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            make: Arc::clone(&self.make),
        }
    }
}

impl<T> fmt::Debug for ChildTemplate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildTemplate")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
