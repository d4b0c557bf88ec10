//! What readers are shown, against what is there: at rest a picture names everything that is
//! alive and nothing else, and at any moment its parts fit together.

use plantao_supervisors::{
    ChildCounts, ChildStatus, NodeKind, NodeState, Presence, Restart, Snapshot,
};
use std::collections::BTreeMap;

use crate::census::{Census, Last, Plans};
use crate::classes::alone;
use crate::journal::Record;

/// A node of the last picture, for the driver to choose from.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) path: String,
    pub(crate) kind: NodeKind,
    /// Told in the journal.
    #[expect(dead_code, reason = "read through Debug")]
    pub(crate) state: NodeState,
}

/// All nodes, the root first.
pub(crate) fn sights(node: &Snapshot, into: &mut Vec<Sight>) {
    into.push(Sight {
        path: node.path.clone(),
        kind: node.kind,
        state: node.state,
    });
    for child in &node.children {
        sights(child, into);
    }
}

/// Checks the picture of a tree in which nothing is due and nothing under way.
pub(crate) fn at_rest(record: &mut Record, root: &Snapshot) -> Result<(), String> {
    let mut unseen = record.alive.clone();
    workers(root, &mut unseen)?;
    if let Some(path) = unseen.keys().next() {
        return Err(format!("{path} is alive, and the picture does not know it"));
    }
    let now = record.now();
    let Record {
        census,
        plans,
        restarts,
        ..
    } = record;
    supervisors(root, &mut |node| restarts.compare(census, plans, now, node))
}

fn workers(node: &Snapshot, unseen: &mut BTreeMap<String, u32>) -> Result<(), String> {
    if node.kind == NodeKind::Worker {
        let there = unseen.remove(&node.path).is_some();
        let should = match node.state {
            NodeState::Running | NodeState::Starting => Some(true),
            NodeState::Stopped | NodeState::Failed => Some(false),
            NodeState::Quarantined => {
                return Err(format!(
                    "{} is quarantined, though tasks end here",
                    node.path
                ));
            }
            NodeState::Restarting | NodeState::Stopping => None,
        };
        if should.is_some_and(|should| should != there) {
            return Err(format!("{} is {:?}, alive: {there}", node.path, node.state));
        }
    }
    node.children
        .iter()
        .try_for_each(|child| workers(child, unseen))
}

fn supervisors(
    node: &Snapshot,
    check: &mut impl FnMut(&Snapshot) -> Result<(), String>,
) -> Result<(), String> {
    if node.kind == NodeKind::Worker {
        return Ok(());
    }
    check(node)?;
    node.children
        .iter()
        .try_for_each(|child| supervisors(child, check))
}

/// The counts and the list of one supervisor, read one right after the other.
pub(crate) fn fits(counts: ChildCounts, list: &[ChildStatus]) -> Result<(), String> {
    let active = list
        .iter()
        .filter(|child| child.presence == Presence::Up)
        .count();
    let fits = counts.specs == list.len()
        && counts.active == active
        && counts.supervisors + counts.workers == counts.specs;
    fits.then_some(())
        .ok_or_else(|| format!("{counts:?} of {list:?}"))
}

/// After the faults: every permanent child of every supervisor that is up is up itself, unless
/// somebody asked for something else or it said that there is nothing to start.
pub(crate) fn is_whole(census: &Census, plans: &Plans, node: &Snapshot) -> Result<(), String> {
    if node.state != NodeState::Running {
        return Ok(());
    }
    let family = census.families.get(&node.path);
    let unclear = census.is_unclear(&node.path)
        || family.is_some_and(|family| family.gave_up)
        // A request that came into a group restart leaves the children after its own down.
        || family.is_some_and(|family| family.disturbed) && !alone(plans, &node.path);
    for child in &node.children {
        let path = &child.path;
        let excused = census
            .member(path)
            .is_none_or(|member| member.ever_touched || member.last == Last::Ignored);
        let permanent = child.restart == Some(Restart::Permanent);
        if permanent && child.state != NodeState::Running && !excused && !unclear {
            return Err(format!(
                "{path} is permanent, and {:?} in the end",
                child.state
            ));
        }
        is_whole(census, plans, child)?;
    }
    Ok(())
}
