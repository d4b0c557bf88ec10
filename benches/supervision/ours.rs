//! What is measured: workers under this repository's own supervisors, fixed and dynamic.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, Envelope, Handle, Intensity, Limits, Strategy,
    SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;

use crate::ward::{Address, Life, Plan, Raised, Ward};

/// More than any run restarts, so that the window fills and nothing leaves it.
const INTENSITY: Intensity = Intensity::new(100_000_000, Duration::from_secs(3_600));

/// Which of the supervisors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Fixed,
    Dynamic,
}

impl Kind {
    /// What OTP calls it.
    pub(crate) fn in_otp(self) -> &'static str {
        match self {
            Self::Fixed => "one_for_one",
            Self::Dynamic => "simple_one_for_one",
        }
    }
}

struct Crash;

impl Address for Handle<Crash> {
    fn crash(&self) -> bool {
        self.cast(Crash).is_ok()
    }
}

struct Worker;

impl Actor for Worker {
    type Msg = Envelope<Crash>;
    type State = Life;
    type Arguments = (Arc<Ward>, usize);

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        (ward, child): Self::Arguments,
    ) -> Result<Life, ActorProcessingErr> {
        let life = Life::begin(ward, child);
        life.up();
        Ok(life)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        let (Crash, _in_flight) = envelope.open();
        life.crashing();
        Err("told to crash".into())
    }
}

fn worker(ward: &Arc<Ward>, handle: &Handle<Crash>, child: usize) -> ChildSpec {
    let ward = Arc::clone(ward);
    ChildSpec::worker(format!("w{child}"), handle, move || {
        (Worker, (Arc::clone(&ward), child))
    })
}

pub(crate) async fn raise(kind: Kind, plan: Plan) -> Raised {
    let handle = |_| Handle::new(Limits::in_flight(8));
    let handles: Vec<Handle<Crash>> = (0..plan.children).map(handle).collect();
    let ward = Ward::new(handles.iter().cloned(), plan);
    let spec = SupervisorSpec::new(Strategy::OneForOne, INTENSITY);
    let children = handles.iter().enumerate();
    let tree = match kind {
        Kind::Fixed => {
            let spec = children.fold(spec, |spec, (child, handle)| {
                spec.child(worker(&ward, handle, child))
            });
            Tree::start("fixed", spec).await.expect("starts")
        }
        Kind::Dynamic => {
            let dynamic = DynamicHandle::new();
            let below = DynamicSpec::new(INTENSITY, plan.children);
            let spec = spec.child(ChildSpec::dynamic("workers", &dynamic, below));
            let tree = Tree::start("dynamic", spec).await.expect("starts");
            let place = Arc::clone(&ward);
            let template = dynamic.template(move |(child, handle): (usize, Handle<Crash>)| {
                worker(&place, &handle, child)
            });
            for (child, handle) in children {
                let started = template.start_child((child, handle.clone())).await;
                started.expect("starts");
            }
            tree
        }
    };
    ward.all_up().await;
    Raised {
        ward,
        stop: Box::pin(async move { tree.shutdown().await }),
    }
}
