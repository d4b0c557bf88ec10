//! One supervisor under test, its workers, and the ends that were told of, to be read one by one.

use plantao_supervisors::{
    AutoShutdown, ChildCounts, ChildSpec, ChildStatus, DynamicHandle, DynamicSpec, ExitReason,
    Intensity, Lifecycle, LifecycleEvent, Presence, Restart, Started, Strategy, SupervisorHandle,
    SupervisorSpec, Tree,
};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use crate::support::{Crew, DIE, Order, Pid, SECOND, STOP};

/// How long an end may take to come, in the tests' own time.
const PATIENCE: u32 = 600;
/// Children that a dynamic supervisor may have: more than any case starts.
const MANY: usize = 100_000;

pub(crate) const fn limits(restarts: u32, seconds: u64) -> Intensity {
    Intensity::new(restarts, std::time::Duration::from_secs(seconds))
}

/// The limits that most of the suite's supervisors have.
pub(crate) const USUAL: Intensity = limits(2, 3600);

pub(crate) fn sup(strategy: Strategy, intensity: Intensity) -> SupervisorSpec {
    SupervisorSpec::new(strategy, intensity)
}

/// How a child ends without its supervisor's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Kill,
    Abnormal,
    Normal,
}

/// Either handle, as far as the suite looks through it.
pub(crate) trait Watched {
    fn statuses(&self) -> Vec<ChildStatus>;
    fn numbers(&self) -> ChildCounts;
    fn add(&self, spec: ChildSpec) -> impl Future<Output = Started>;
}

impl Watched for SupervisorHandle {
    fn statuses(&self) -> Vec<ChildStatus> {
        self.which_children().unwrap()
    }

    fn numbers(&self) -> ChildCounts {
        self.count_children().unwrap()
    }

    async fn add(&self, spec: ChildSpec) -> Started {
        self.start_child(spec).await.unwrap()
    }
}

impl Watched for DynamicHandle {
    fn statuses(&self) -> Vec<ChildStatus> {
        self.which_children().unwrap()
    }

    fn numbers(&self) -> ChildCounts {
        self.count_children().unwrap()
    }

    async fn add(&self, spec: ChildSpec) -> Started {
        self.start_child(spec).await.unwrap()
    }
}

/// As OTP tells them: specs, active, supervisors, workers.
pub(crate) fn counts(handle: &impl Watched) -> [usize; 4] {
    let all = handle.numbers();
    [all.specs, all.active, all.supervisors, all.workers]
}

/// A supervisor that goes by the id `sup`; its children's ids are told apart in the whole tree.
pub(crate) struct Stage<H> {
    pub(crate) tree: Tree,
    pub(crate) sup: H,
    pub(crate) crew: Crew,
    path: &'static str,
    events: Receiver<Lifecycle>,
    kept: Vec<Lifecycle>,
}

pub(crate) type Fixed = Stage<SupervisorHandle>;
pub(crate) type Dynamic = Stage<DynamicHandle>;

impl Fixed {
    /// The supervisor is the root.
    pub(crate) async fn start(crew: &Crew, spec: SupervisorSpec) -> Self {
        let tree = Tree::start("sup", spec).await.unwrap();
        let sup = tree.root();
        Self::new(tree, sup, crew, "sup")
    }

    pub(crate) async fn empty(strategy: Strategy, intensity: Intensity) -> Self {
        Self::start(&Crew::default(), sup(strategy, intensity)).await
    }

    pub(crate) async fn shutting(intensity: Intensity, auto_shutdown: AutoShutdown) -> Self {
        let spec = sup(Strategy::OneForOne, intensity).auto_shutdown(auto_shutdown);
        Self::start(&Crew::default(), spec).await
    }

    pub(crate) async fn shut_down(&mut self) -> ExitReason {
        self.tree.shutdown().await;
        self.exit("sup").await
    }
}

impl Dynamic {
    /// The supervisor is below a root that does not start it again.
    pub(crate) async fn start(spec: DynamicSpec) -> Self {
        let handle = DynamicHandle::new();
        let child = ChildSpec::dynamic("sup", &handle, spec).restart(Restart::Temporary);
        let top = sup(Strategy::OneForOne, USUAL).child(child);
        let tree = Tree::start("top", top).await.unwrap();
        Self::new(tree, handle, &Crew::default(), "top/sup")
    }

    pub(crate) async fn empty(intensity: Intensity) -> Self {
        Self::start(DynamicSpec::new(intensity, MANY)).await
    }

    pub(crate) async fn shutting(intensity: Intensity, auto_shutdown: AutoShutdown) -> Self {
        Self::start(DynamicSpec::new(intensity, MANY).auto_shutdown(auto_shutdown)).await
    }

    pub(crate) async fn shut_down(&mut self) -> ExitReason {
        self.tree.root().terminate_child("sup").await.unwrap();
        self.exit("sup").await
    }
}

impl<H: Watched> Stage<H> {
    fn new(tree: Tree, sup: H, crew: &Crew, path: &'static str) -> Self {
        let (crew, events, kept) = (crew.clone(), tree.subscribe(), Vec::new());
        Self {
            tree,
            sup,
            crew,
            path,
            events,
            kept,
        }
    }

    /// Starts a worker, and says which life that is.
    pub(crate) async fn add(&self, id: &str, restart: Restart) -> Pid {
        self.add_spec(id, self.crew.of_class(id, restart)).await
    }

    pub(crate) async fn add_spec(&self, id: &str, spec: ChildSpec) -> Pid {
        assert_eq!(self.sup.add(spec).await, Started::Up);
        self.crew.pid(id)
    }

    /// Tells a worker how to end, and waits until all that follows has happened.
    pub(crate) async fn end(&mut self, id: &str, order: Order) -> ExitReason {
        self.crew.tell(id, order);
        let reason = self.exit(id).await;
        settle().await;
        reason
    }

    pub(crate) async fn kill(&mut self, id: &str) {
        self.tree.kill(&format!("{}/{id}", self.path)).unwrap();
        assert_eq!(self.exit(id).await, ExitReason::Killed);
        settle().await;
    }

    pub(crate) async fn end_in_this_way(&mut self, id: &str, how: How) {
        match how {
            How::Kill => self.kill(id).await,
            How::Abnormal => {
                let died = ExitReason::Error("died".to_owned());
                assert_eq!(self.end(id, DIE).await, died);
            }
            How::Normal => assert_eq!(self.end(id, STOP).await, ExitReason::Normal),
        }
    }

    pub(crate) fn counts(&self) -> [usize; 4] {
        counts(&self.sup)
    }

    /// The children in start order, each with its life.
    pub(crate) fn which(&self) -> Vec<(String, Pid)> {
        let children = self.sup.statuses().into_iter();
        let pid = |child: ChildStatus| match child.presence {
            Presence::Up => (child.id.clone(), self.crew.pid(&child.id)),
            Presence::Undefined => (child.id, Pid::Undefined),
            Presence::Restarting => (child.id, Pid::Restarting),
        };
        children.map(pid).collect()
    }

    #[track_caller]
    pub(crate) fn shows<const N: usize>(&self, expected: [(&str, Pid); N]) {
        let expected = expected.map(|(id, pid)| (id.to_owned(), pid));
        assert_eq!(self.which(), expected);
    }

    /// The life of `id`, which has to be another one than `before`.
    #[track_caller]
    pub(crate) fn renewed(&self, id: &str, before: Pid) -> Pid {
        let pid = self.crew.pid(id);
        assert!(
            pid > before && matches!(pid, Pid::At(_)),
            "{id} was {before:?} and is {pid:?}"
        );
        pid
    }

    /// Waits for the next end of the node of this id, and takes it out.
    pub(crate) async fn exit(&mut self, id: &str) -> ExitReason {
        let waiting = async {
            loop {
                if let Some(place) = self.kept.iter().position(|event| is_end_of(event, id)) {
                    return reason_of(self.kept.remove(place).event);
                }
                self.kept.push(self.events.recv().await.unwrap());
            }
        };
        let ended = tokio::time::timeout(PATIENCE * SECOND, waiting).await;
        ended.unwrap_or_else(|_| panic!("`{id}` did not end"))
    }

    /// Checks that the node of this id does not end within a second.
    #[track_caller]
    pub(crate) fn stays<'a>(&'a mut self, ids: &'a [&str]) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            tokio::time::sleep(SECOND).await;
            loop {
                match self.events.try_recv() {
                    Ok(event) => self.kept.push(event),
                    Err(TryRecvError::Empty) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            for id in ids {
                let ended = self.kept.iter().find(|event| is_end_of(event, id));
                assert_eq!(ended, None, "`{id}` ended, at {caller}");
            }
        }
    }

    /// Takes out the ends of all these.
    pub(crate) async fn exits(&mut self, ids: &[&str]) {
        for id in ids {
            self.exit(id).await;
        }
    }
}

fn is_end_of(event: &Lifecycle, id: &str) -> bool {
    let ends = matches!(
        event.event,
        LifecycleEvent::Exited { .. } | LifecycleEvent::Stopped { .. }
    );
    ends && event.path.rsplit('/').next() == Some(id)
}

fn reason_of(event: LifecycleEvent) -> ExitReason {
    match event {
        LifecycleEvent::Exited { reason } | LifecycleEvent::Stopped { reason } => reason,
        other => panic!("{other:?} is no end"),
    }
}

/// Lets everything happen that needs no more than a millisecond: the clock moves only when
/// nothing else can.
pub(crate) async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}
