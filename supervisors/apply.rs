//! Making a running supervisor be as a new specification says: what is new starts, what goes
//! stops, what changed starts anew, and all else runs on.
//!
//! Not in OTP, whose `code_change` replaces specifications and leaves the children to somebody
//! else. Everything is checked before anything is touched; when a start fails half-way, what was
//! done is undone.

use futures_util::future::BoxFuture;
use serde::Serialize;
use std::sync::Arc;

use crate::check;
use crate::core::Rules;
use crate::error::{SpecError, SupervisorError};
use crate::place::{Command, CommandBody, SupervisorPlace};
use crate::spec::{ChildSpec, SupervisorSpec};
use crate::supervise::{Presence, SupervisorHandle, presence};

type Outcome = Result<(), SupervisorError>;

/// What a new specification makes of the running children of one supervisor, by id and in
/// start order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SpecDiff {
    /// Started.
    pub added: Vec<String>,
    /// Stopped and forgotten.
    pub removed: Vec<String>,
    /// Stopped, and started from the new specification: their version is another.
    pub changed: Vec<String>,
    /// Left running, under the new rules.
    pub kept: Vec<String>,
    /// Supervisors among those kept whose own children differ.
    pub below: Vec<(String, SpecDiff)>,
}

impl SpecDiff {
    /// True when all children run on.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.changed.is_empty()
            && self.below.is_empty()
    }
}

impl SupervisorHandle {
    /// What [`SupervisorHandle::apply`] would do.
    ///
    /// # Errors
    /// `Spec` when it would be refused, or `Unavailable`.
    pub fn diff(&self, spec: &SupervisorSpec) -> Result<SpecDiff, SupervisorError> {
        let path = self.path()?;
        check::supervisor(&path, spec)?;
        let plan = Plan::new(&self.place(), &path, spec, Unlisted::Refused)?;
        Ok(plan.told())
    }

    /// Makes the running children be as `spec` says, here and below: first what goes stops, last
    /// started first, then what is new or changed starts in the order of the specification.
    /// Running children that it leaves out have to be named by [`SupervisorSpec::remove`].
    ///
    /// Once begun it goes on to its end, even if nobody waits for that.
    ///
    /// ```
    /// # use plantao_supervisors::{ChildSpec, Envelope, Handle, Intensity, Limits, SpecError};
    /// # use plantao_supervisors::{Strategy, SupervisorError, SupervisorSpec, Tree};
    /// # use ractor::{Actor, ActorProcessingErr, ActorRef};
    /// # use std::time::Duration;
    /// # struct Bed;
    /// # #[cfg_attr(feature = "async-trait", ractor::async_trait)]
    /// # impl Actor for Bed {
    /// #     type Msg = Envelope<u8>;
    /// #     type State = ();
    /// #     type Arguments = ();
    /// #     async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ())
    /// #     -> Result<(), ActorProcessingErr> { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let line = || Handle::new(Limits::in_flight(8));
    /// # let bed = |id: &str| ChildSpec::worker(id, &line(), || (Bed, ()));
    /// # let limits = Intensity::new(3, Duration::from_secs(5));
    /// # let ward = SupervisorSpec::new(Strategy::OneForOne, limits);
    /// let tree = Tree::start("ward", ward.clone().child(bed("1")).child(bed("2"))).await?;
    ///
    /// let forgetful = ward.clone().child(bed("1")).child(bed("3"));
    /// let refused = tree.root().apply(forgetful.clone()).await;
    /// let path = "ward/2".to_owned();
    /// assert_eq!(refused, Err(SupervisorError::Spec(SpecError::Unlisted { path })));
    ///
    /// let done = tree.root().apply(forgetful.remove("2")).await?;
    /// assert_eq!((done.added[0].as_str(), done.removed[0].as_str()), ("3", "2"));
    /// assert_eq!(done.kept, ["1"]);
    /// # tree.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Spec`, and nothing was touched; `StartFailed` and its like, and what was done is undone,
    /// as far as what was there before starts again (a temporary child that somebody asked for
    /// does not: what it was started from is not kept); or `Unavailable`.
    pub async fn apply(&self, spec: SupervisorSpec) -> Result<SpecDiff, SupervisorError> {
        let path = self.path()?;
        check::supervisor(&path, &spec)?;
        let handle = self.clone();
        let work = tokio::spawn(async move {
            let place = handle.place();
            let _turn = place.turn.lock().await;
            let plan = Plan::new(&place, &path, &spec, Unlisted::Refused)?;
            carry_out(&handle, &spec, &plan).await?;
            Ok(plan.told())
        });
        work.await.unwrap_or(Err(SupervisorError::Unavailable))
    }
}

/// What becomes of running children that a specification leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unlisted {
    Refused,
    /// They go: what they came with is undone.
    Removed,
}

/// What is to be done with the children of one supervisor, and of those below it that stay.
struct Plan {
    here: SpecDiff,
    below: Vec<(String, Below)>,
}

/// A supervisor that stays, under the rules of its new specification.
enum Below {
    Fixed(SupervisorHandle, Box<(SupervisorSpec, Plan)>),
    Dynamic(Arc<SupervisorPlace>, Command),
}

impl Plan {
    fn new(
        place: &SupervisorPlace,
        path: &str,
        spec: &SupervisorSpec,
        unlisted: Unlisted,
    ) -> Result<Self, SupervisorError> {
        let running = running(place)?;
        let at = |id: &str| format!("{path}/{id}");
        named_rightly(&running, spec, &at)?;
        let (mut here, mut below) = (SpecDiff::default(), Vec::new());
        for child in &running {
            let id = child.spec.id.to_string();
            let listed = spec.children.iter().any(|new| new.id == child.spec.id);
            if spec.removed.contains(&id) || (!listed && unlisted == Unlisted::Removed) {
                here.removed.push(id);
            } else if child.up && !listed {
                return Err(SpecError::Unlisted { path: at(&id) }.into());
            }
        }
        for new in &spec.children {
            let id = new.id.to_string();
            let Some(old) = running.iter().find(|child| child.spec.id == new.id) else {
                here.added.push(id);
                continue;
            };
            let changed = old.spec.policy.version != new.policy.version;
            let stays = Below::new(old, new, &at(&id), changed, unlisted)?;
            if changed {
                here.changed.push(id);
            } else {
                below.extend(stays.map(|stays| (id.clone(), stays)));
                here.kept.push(id);
            }
        }
        Ok(Self { here, below })
    }

    /// As the caller reads it: of those below, what differs.
    fn told(&self) -> SpecDiff {
        let below = self.below.iter().filter_map(|(id, below)| match below {
            Below::Fixed(_, to_do) => Some((id.clone(), to_do.1.told())),
            Below::Dynamic(..) => None,
        });
        SpecDiff {
            below: below.filter(|(_, diff)| !diff.is_empty()).collect(),
            ..self.here.clone()
        }
    }
}

impl Below {
    fn new(
        old: &RunningChild,
        new: &ChildSpec,
        path: &str,
        changed: bool,
        unlisted: Unlisted,
    ) -> Result<Option<Self>, SupervisorError> {
        let (old_body, new_body) = (old.spec.body.command(), new.body.command());
        let kind = |body: Option<&CommandBody>| body.map(|body| body.command.kind());
        if kind(old_body) != kind(new_body) {
            let path = path.to_owned();
            return Err(SpecError::Kind { path }.into());
        }
        let (Some(old_body), Some(new_body)) = (old_body, new_body) else {
            return Ok(None);
        };
        if !old.up || changed {
            return Ok(None);
        }
        let place = Arc::clone(&old_body.place);
        Ok(Some(match &new_body.command {
            Command::Fixed(spec) => {
                let plan = Plan::new(&place, path, spec, unlisted)?;
                let to_do = Box::new(((**spec).clone(), plan));
                Self::Fixed(SupervisorHandle::at(place), to_do)
            }
            dynamic @ Command::Dynamic(_) => Self::Dynamic(place, dynamic.clone()),
        }))
    }
}

/// Children that are to go are there, and are not to stay.
fn named_rightly(
    running: &[RunningChild],
    spec: &SupervisorSpec,
    at: &impl Fn(&str) -> String,
) -> Result<(), SpecError> {
    for id in &spec.removed {
        if spec.children.iter().any(|child| *child.id == **id) {
            return Err(SpecError::RemovedAndListed { path: at(id) });
        }
        if !running.iter().any(|child| *child.spec.id == **id) {
            return Err(SpecError::RemovedUnknown { path: at(id) });
        }
    }
    Ok(())
}

/// A child as it runs, with what it would be started from.
struct RunningChild {
    spec: ChildSpec,
    up: bool,
}

fn running(place: &SupervisorPlace) -> Result<Vec<RunningChild>, SupervisorError> {
    place.read(|rules| {
        let children = rules.children();
        let children = children.iter().map(|(_, child)| RunningChild {
            spec: ChildSpec {
                id: Arc::clone(&child.id),
                policy: (*child.policy).clone(),
                body: child.payload.origin(),
                needs: Vec::new(),
            },
            up: presence(child) != Presence::Undefined,
        });
        children.collect()
    })
}

/// The specification that describes what runs now, here and below.
fn described(place: &SupervisorPlace) -> Result<SupervisorSpec, SupervisorError> {
    let station = place.station()?;
    let (flags, budget) = (station.read(Rules::flags), station.command().budget());
    let mut spec = SupervisorSpec::new(flags.strategy, flags.intensity);
    spec.auto_shutdown = flags.auto_shutdown;
    spec.budget = budget;
    for RunningChild {
        spec: mut child, ..
    } in running(place)?
    {
        if let Some(body) = child.body.command()
            && let Command::Fixed(_) = body.command
        {
            // Down, it is described by what it would be started from.
            let command = match described(&body.place) {
                Ok(spec) => Command::Fixed(Arc::new(spec)),
                Err(_) => body.command.clone(),
            };
            let place = Arc::clone(&body.place);
            child.body = Arc::new(CommandBody { place, command });
        }
        spec.children.push(child);
    }
    Ok(spec)
}

/// Boxed, because it works its way down the tree.
fn carry_out<'a>(
    handle: &'a SupervisorHandle,
    spec: &'a SupervisorSpec,
    plan: &'a Plan,
) -> BoxFuture<'a, Outcome> {
    Box::pin(async move {
        let before = described(&handle.place())?;
        let was_up = running(&handle.place())?
            .into_iter()
            .filter(|child| child.up);
        let was_up: Vec<String> = was_up.map(|child| child.spec.id.to_string()).collect();
        let outcome = carry_out_here(handle, spec, plan, &|_| true).await;
        if outcome.is_err() {
            undo(handle, before, &was_up, plan).await;
        }
        outcome
    })
}

async fn carry_out_here(
    handle: &SupervisorHandle,
    spec: &SupervisorSpec,
    plan: &Plan,
    starts: &(dyn Fn(&str) -> bool + Sync),
) -> Outcome {
    for id in plan.here.removed.iter().rev() {
        forget(handle, id).await?;
    }
    for id in plan.here.changed.iter().rev() {
        handle.terminate_child(id).await?;
    }
    handle.code_change(spec.clone()).await?;
    for child in &spec.children {
        let id = child.id.to_string();
        if let Some((_, below)) = plan.below.iter().find(|(other, _)| *other == id) {
            match below {
                Below::Fixed(handle, to_do) => carry_out(handle, &to_do.0, &to_do.1).await?,
                Below::Dynamic(place, command) => place.change(command.clone()).await?,
            }
        } else if starts(&id) && (plan.here.added.contains(&id) || plan.here.changed.contains(&id))
        {
            match handle.restart_child(&id).await {
                // Its group brought it up, or is about to.
                Err(SupervisorError::Running { .. } | SupervisorError::Restarting { .. }) => {}
                outcome => drop(outcome?),
            }
        }
    }
    Ok(())
}

async fn forget(handle: &SupervisorHandle, id: &str) -> Outcome {
    handle.terminate_child(id).await?;
    match handle.delete_child(id).await {
        // A temporary child is forgotten when it ends.
        Ok(()) | Err(SupervisorError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Back to what was before, as far as what was before starts again; a failure here is in the
/// log of the start that failed.
async fn undo(handle: &SupervisorHandle, before: SupervisorSpec, was_up: &[String], plan: &Plan) {
    for id in plan.here.changed.iter().rev() {
        let _ = handle.terminate_child(id).await;
    }
    let now = Plan::new(&handle.place(), "", &before, Unlisted::Removed);
    let Ok(now) = now else {
        return;
    };
    let starts = |id: &str| was_up.iter().any(|up| up == id);
    let _ = carry_out_here(handle, &before, &now, &starts).await;
    for id in was_up {
        let _ = handle.restart_child(id).await;
    }
}
