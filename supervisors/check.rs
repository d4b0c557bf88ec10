//! What can be wrong with a specification, found before anything is started.

use std::collections::BTreeSet;

use crate::birth::Body;
use crate::core::{AutoShutdown, Intensity, Restart, Rules};
use crate::error::SpecError;
use crate::place::Command;
use crate::slot::Slot;
use crate::spec::{ChildSpec, DynamicSpec, SupervisorSpec};

/// The walk over a specification in start order.
#[derive(Default)]
struct Walk {
    /// Where the actors are met that start before.
    seats: BTreeSet<usize>,
    /// Those of them that are in the specification.
    own: BTreeSet<usize>,
}

/// Checks a root and all below it.
///
/// # Errors
/// The first defect in start order.
pub(crate) fn tree(name: &str, spec: &SupervisorSpec) -> Result<(), SpecError> {
    id(name, name)?;
    Walk::default().supervisor(name, spec)
}

/// Checks a supervisor that runs already, or is to. What its children need of others than each
/// other is taken to be there.
///
/// # Errors
/// The first defect in start order.
pub(crate) fn supervisor(path: &str, spec: &SupervisorSpec) -> Result<(), SpecError> {
    let mut walk = Walk::default();
    walk.assume(&spec.children);
    walk.supervisor(path, spec)
}

/// Checks one child of a supervisor that runs already. What is needed of others than those below
/// it is taken to be there.
///
/// # Errors
/// What is wrong with it, or the first defect below it.
pub(crate) fn child(
    above: &str,
    child: &ChildSpec,
    auto_shutdown: AutoShutdown,
) -> Result<(), SpecError> {
    let mut walk = Walk::default();
    walk.assume(std::slice::from_ref(child));
    walk.child(above, child, auto_shutdown)
}

/// Checks that a running child stays the kind of child that it is.
///
/// # Errors
/// `Kind`, for the first that would not.
pub(crate) fn kinds(
    path: &str,
    spec: &SupervisorSpec,
    running: &Rules<Slot>,
) -> Result<(), SpecError> {
    let kind = |body: &dyn Body| body.command().map(|body| body.command.kind());
    for child in &spec.children {
        let other = running.find(&child.id).is_some_and(|(_, there)| {
            there.has_task() && kind(&*there.payload.body) != kind(&*child.body)
        });
        if other {
            let path = format!("{path}/{}", child.id);
            return Err(SpecError::Kind { path });
        }
    }
    Ok(())
}

/// Everything that children are given, and where they are met themselves.
fn gather(children: &[ChildSpec], needs: &mut BTreeSet<usize>, seats: &mut BTreeSet<usize>) {
    for child in children {
        needs.extend(&child.needs);
        seats.extend(child.body.seat());
        if let Some(Command::Fixed(below)) = child.body.command().map(|body| &body.command) {
            gather(&below.children, needs, seats);
        }
    }
}

impl Walk {
    /// What is needed and is none of these children runs elsewhere.
    fn assume(&mut self, children: &[ChildSpec]) {
        let (mut needs, mut seats) = (BTreeSet::new(), BTreeSet::new());
        gather(children, &mut needs, &mut seats);
        self.seats.extend(needs.difference(&seats));
    }

    fn supervisor(&mut self, path: &str, spec: &SupervisorSpec) -> Result<(), SpecError> {
        limits(path, "intensity", Some(spec.intensity))?;
        limits(path, "budget", spec.budget)?;
        if spec.partitioned && spec.children.is_empty() {
            let path = path.to_owned();
            return Err(SpecError::Partitions { path });
        }
        let mut ids = BTreeSet::new();
        for child in &spec.children {
            if !ids.insert(&child.id) {
                let path = format!("{path}/{}", child.id);
                return Err(SpecError::DuplicateId { path });
            }
            self.child(path, child, spec.auto_shutdown)?;
        }
        Ok(())
    }

    fn child(
        &mut self,
        above: &str,
        child: &ChildSpec,
        auto_shutdown: AutoShutdown,
    ) -> Result<(), SpecError> {
        let path = format!("{above}/{}", child.id);
        id(&path, &child.id)?;
        if child.policy.significant {
            significance(&path, child.policy.restart, auto_shutdown)?;
        }
        let missing = child
            .needs
            .iter()
            .position(|need| !self.seats.contains(need));
        if let Some(place) = missing {
            let need = place + 1;
            return Err(SpecError::Needs { path, need });
        }
        match child.body.command().map(|body| &body.command) {
            Some(Command::Fixed(spec)) => self.supervisor(&path, spec)?,
            Some(Command::Dynamic(spec)) => dynamic(&path, spec)?,
            None => {}
        }
        if let Some(seat) = child.body.seat() {
            if !self.own.insert(seat) {
                return Err(SpecError::SharedHandle { path });
            }
            self.seats.insert(seat);
        }
        Ok(())
    }
}

/// Checks a dynamic supervisor.
///
/// # Errors
/// `Limits`.
pub(crate) fn dynamic(path: &str, spec: &DynamicSpec) -> Result<(), SpecError> {
    limits(path, "intensity", Some(spec.intensity))
}

fn significance(
    path: &str,
    restart: Restart,
    auto_shutdown: AutoShutdown,
) -> Result<(), SpecError> {
    let path = path.to_owned();
    if auto_shutdown == AutoShutdown::Never {
        return Err(SpecError::SignificantNever { path });
    }
    if restart == Restart::Permanent {
        return Err(SpecError::SignificantPermanent { path });
    }
    Ok(())
}

fn limits(path: &str, field: &'static str, intensity: Option<Intensity>) -> Result<(), SpecError> {
    match intensity.and_then(|intensity| intensity.defect()) {
        Some(detail) => Err(SpecError::Limits {
            path: path.to_owned(),
            field,
            detail,
        }),
        None => Ok(()),
    }
}

/// Why `id` cannot be a part of a path, if it cannot.
fn id(path: &str, id: &str) -> Result<(), SpecError> {
    let detail = if id.is_empty() {
        "it is empty"
    } else if id.contains('/') {
        "it contains `/`"
    } else {
        return Ok(());
    };
    Err(SpecError::Id {
        path: path.to_owned(),
        detail,
    })
}
