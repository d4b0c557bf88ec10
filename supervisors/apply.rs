//! Making a running supervisor be as a new specification says: what is new starts, what goes
//! stops, what changed starts anew, and all else runs on.
//!
//! Not in OTP, whose `code_change` replaces specifications and leaves the children to somebody
//! else. Everything is checked before anything is touched; when a start fails half-way, what was
//! done is undone.

use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::check;
use crate::error::{SpecError, SupervisorError};
use crate::place::{Command, SupervisorPlace};
use crate::spec::{ChildSpec, SupervisorSpec};
use crate::supervise::{Presence, SupervisorHandle, presence};

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
        diff(&self.place(), &path, spec)
    }

    /// Makes the running children be as `spec` says, here and below. Running children that it
    /// leaves out have to be named by [`SupervisorSpec::remove`].
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
    /// # let bed = |id: &str| ChildSpec::worker(id, &Handle::new(Limits::in_flight(8)), || (Bed, ()));
    /// # let ward = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(3, Duration::from_secs(5)));
    /// let tree = Tree::start("ward", ward.clone().child(bed("1")).child(bed("2"))).await?;
    ///
    /// let forgetful = ward.clone().child(bed("1")).child(bed("3"));
    /// let refused = tree.root().apply(forgetful.clone()).await;
    /// let path = "ward/2".to_owned();
    /// assert_eq!(refused, Err(SupervisorError::Spec(SpecError::Unlisted { path })));
    ///
    /// let done = tree.root().apply(forgetful.remove("2")).await?;
    /// assert_eq!((done.added, done.removed, done.kept), (vec!["3".into()], vec!["2".into()], vec!["1".into()]));
    /// # tree.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Spec`, and nothing was touched; `StartFailed` and its like, and what was done is undone;
    /// or `Unavailable`.
    pub async fn apply(&self, spec: SupervisorSpec) -> Result<SpecDiff, SupervisorError> {
        let plan = self.diff(&spec)?;
        apply(self.clone(), spec, plan.clone()).await?;
        Ok(plan)
    }
}

fn diff(
    place: &SupervisorPlace,
    path: &str,
    spec: &SupervisorSpec,
) -> Result<SpecDiff, SupervisorError> {
    let running = running(place)?;
    let find = |id: &str| running.iter().find(|child| &*child.spec.id == id);
    let mut diff = SpecDiff::default();
    let at = |id: &str| format!("{path}/{id}");
    for id in &spec.removed {
        if spec.children.iter().any(|child| *child.id == **id) {
            return Err(SpecError::RemovedAndListed { path: at(id) }.into());
        }
        if find(id).is_none() {
            return Err(SpecError::RemovedUnknown { path: at(id) }.into());
        }
    }
    for child in &running {
        let id = child.spec.id.to_string();
        if spec.removed.contains(&id) {
            diff.removed.push(id);
        } else if child.up && !spec.children.iter().any(|new| new.id == child.spec.id) {
            return Err(SpecError::Unlisted { path: at(&id) }.into());
        }
    }
    for new in &spec.children {
        let id = new.id.to_string();
        match find(&id) {
            None => diff.added.push(id),
            Some(old) if old.spec.policy.version != new.policy.version => diff.changed.push(id),
            Some(old) => {
                let below = below(old, new, &at(&id))?.filter(|below| !below.is_empty());
                diff.below.extend(below.map(|below| (id.clone(), below)));
                diff.kept.push(id);
            }
        }
    }
    Ok(diff)
}

/// What the specification of a kept child says of its own children.
fn below(
    old: &RunningChild,
    new: &ChildSpec,
    path: &str,
) -> Result<Option<SpecDiff>, SupervisorError> {
    let kinds = (old.spec.body.command(), new.body.command());
    match (kinds.0, kinds.1.map(|body| &body.command)) {
        (None, None) => Ok(None),
        (Some(body), Some(Command::Fixed(spec))) if matches!(body.command, Command::Fixed(_)) => {
            if old.up {
                diff(&body.place, path, spec).map(Some)
            } else {
                Ok(None)
            }
        }
        (Some(body), Some(Command::Dynamic(_))) if matches!(body.command, Command::Dynamic(_)) => {
            Ok(None)
        }
        _ => Err(SpecError::Kind {
            path: path.to_owned(),
        }
        .into()),
    }
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
                body: Arc::clone(&child.payload.body),
                needs: Vec::new(),
            },
            up: presence(child) != Presence::Undefined,
        });
        children.collect()
    })
}

/// The specification that describes what runs now.
fn described(place: &SupervisorPlace) -> Result<SupervisorSpec, SupervisorError> {
    let (flags, budget) = {
        let station = place.station()?;
        let budget = match station.command() {
            Command::Fixed(spec) => spec.budget,
            Command::Dynamic(_) => None,
        };
        (station.read(crate::core::Rules::flags), budget)
    };
    Ok(SupervisorSpec {
        strategy: flags.strategy,
        intensity: flags.intensity,
        auto_shutdown: flags.auto_shutdown,
        budget,
        children: running(place)?
            .into_iter()
            .map(|child| child.spec)
            .collect(),
        removed: BTreeSet::new(),
        partitioned: false,
    })
}

/// Boxed, because it works its way down the tree.
fn apply(
    handle: SupervisorHandle,
    spec: SupervisorSpec,
    plan: SpecDiff,
) -> futures_util::future::BoxFuture<'static, Result<(), SupervisorError>> {
    Box::pin(async move {
        let before = described(&handle.place())?;
        let was_up: Vec<String> = running(&handle.place())?
            .into_iter()
            .filter(|child| child.up)
            .map(|child| child.spec.id.to_string())
            .collect();
        let mut done_below = Vec::new();
        let outcome = async {
            for (id, plan) in &plan.below {
                let Some((below, spec)) = supervisor_below(&before, &spec, id) else {
                    continue;
                };
                let old = described(&below.place())?;
                apply(below.clone(), spec, plan.clone()).await?;
                done_below.push((below, old));
            }
            apply_here(&handle, &spec, &plan).await
        }
        .await;
        if outcome.is_err() {
            undo(&handle, before, &was_up, &plan).await;
            for (below, old) in done_below.into_iter().rev() {
                revert(&below, old).await;
            }
        }
        outcome
    })
}

/// The handle of a supervisor that runs below, and what is to become of it.
fn supervisor_below(
    before: &SupervisorSpec,
    after: &SupervisorSpec,
    id: &str,
) -> Option<(SupervisorHandle, SupervisorSpec)> {
    let old = before.children.iter().find(|child| &*child.id == id)?;
    let new = after.children.iter().find(|child| &*child.id == id)?;
    let Command::Fixed(spec) = &new.body.command()?.command else {
        return None;
    };
    let place = Arc::clone(&old.body.command()?.place);
    Some((SupervisorHandle::at(place), (**spec).clone()))
}

async fn apply_here(
    handle: &SupervisorHandle,
    spec: &SupervisorSpec,
    plan: &SpecDiff,
) -> Result<(), SupervisorError> {
    for id in plan.removed.iter().rev() {
        forget(handle, id).await?;
    }
    for id in plan.changed.iter().rev() {
        handle.terminate_child(id).await?;
    }
    handle.code_change(spec.clone()).await?;
    let starts = |id: &String| plan.added.contains(id) || plan.changed.contains(id);
    for child in &spec.children {
        let id = child.id.to_string();
        if starts(&id) {
            match handle.restart_child(&id).await {
                Ok(_)
                | Err(SupervisorError::Running { .. } | SupervisorError::Restarting { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

async fn forget(handle: &SupervisorHandle, id: &str) -> Result<(), SupervisorError> {
    handle.terminate_child(id).await?;
    match handle.delete_child(id).await {
        // A temporary child is forgotten when it ends.
        Ok(()) | Err(SupervisorError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Back to what was before, as far as what was before starts again; a failure here is in the
/// log of the start that failed.
async fn undo(
    handle: &SupervisorHandle,
    before: SupervisorSpec,
    was_up: &[String],
    plan: &SpecDiff,
) {
    for id in plan.added.iter().rev() {
        let _ = forget(handle, id).await;
    }
    for id in plan.changed.iter().rev() {
        let _ = handle.terminate_child(id).await;
    }
    let _ = handle.code_change(before).await;
    for id in was_up {
        let _ = handle.restart_child(id).await;
    }
}

/// Makes a supervisor be as it was described before.
async fn revert(handle: &SupervisorHandle, mut before: SupervisorSpec) {
    let Ok(now) = running(&handle.place()) else {
        return;
    };
    let gone = now.into_iter().map(|child| child.spec.id.to_string());
    let named: BTreeSet<String> = before
        .children
        .iter()
        .map(|child| child.id.to_string())
        .collect();
    before.removed = gone.filter(|id| !named.contains(id)).collect();
    let _ = handle.apply(before).await;
}
