//! Many children that do nothing: under a dynamic supervisor, under a fixed one, and bare.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, Envelope, Handle, Intensity, Limits, Restart, Shutdown,
    Strategy, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::time::Duration;

const INTENSITY: Intensity = Intensity::new(10, Duration::from_secs(10));
/// What each child has to stop.
const SHUTDOWN: Shutdown = Shutdown::Timeout(Duration::from_secs(5));

pub(crate) struct Nothing;

pub(crate) type Handles = Vec<Handle<Nothing>>;

struct Idle;

impl Actor for Idle {
    type Msg = Envelope<Nothing>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// How callers would reach the children: there in every variant, supervised or not.
pub(crate) fn handles(children: usize) -> Handles {
    let handle = |_| Handle::new(Limits::in_flight(8));
    (0..children).map(handle).collect()
}

fn spec(child: usize, handle: &Handle<Nothing>, restart: Restart) -> ChildSpec {
    ChildSpec::worker(format!("viewer-{child:06}"), handle, || (Idle, ()))
        .restart(restart)
        .shutdown(SHUTDOWN)
}

/// A tree whose dynamic supervisor has a child for every handle, made by a template.
pub(crate) async fn dynamic(handles: &Handles, restart: Restart) -> Tree {
    let dynamic = DynamicHandle::new();
    let below = DynamicSpec::new(INTENSITY, handles.len());
    let root = SupervisorSpec::new(Strategy::OneForOne, INTENSITY)
        .child(ChildSpec::dynamic("viewers", &dynamic, below));
    let tree = Tree::start("idle", root).await.expect("starts");
    let template = dynamic
        .template(move |(child, handle): (usize, Handle<Nothing>)| spec(child, &handle, restart));
    for (child, handle) in handles.iter().enumerate() {
        let started = template.start_child((child, handle.clone())).await;
        started.expect("starts");
    }
    assert_eq!(dynamic.len(), handles.len());
    tree
}

/// A tree whose root has a child for every handle.
pub(crate) async fn fixed(handles: &Handles) -> Tree {
    let root = SupervisorSpec::new(Strategy::OneForOne, INTENSITY);
    let children = handles.iter().enumerate();
    let root = children.fold(root, |root, (child, handle)| {
        root.child(spec(child, handle, Restart::Permanent))
    });
    Tree::start("idle", root).await.expect("starts")
}

/// Bare ractor's parent of linked actors; what becomes of them is nothing to it.
pub(crate) struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        _: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// The same actors, linked to a parent and to nothing else.
pub(crate) async fn bare(children: usize) -> ActorRef<()> {
    let (parent, _) = Actor::spawn(None, Parent, ()).await.expect("starts");
    for _ in 0..children {
        let started = Actor::spawn_linked(None, Idle, (), parent.get_cell()).await;
        started.expect("starts");
    }
    parent
}

/// Ends bare ractor's parent and all its children.
pub(crate) async fn end(parent: ActorRef<()>) {
    parent.stop_children_and_wait(None, None).await;
    parent.stop_and_wait(None, None).await.expect("ends");
}
