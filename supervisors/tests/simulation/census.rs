//! `Census`: what the lifecycle stream alone says of every supervisor's children, and that a
//! supervisor is over only after all of them.
//!
//! A supervisor publishes its children's events in the order in which it decides, so its part of
//! the stream can be followed exactly. What the stream does not tell (requests) is marked.

use plantao_supervisors::{Lifecycle, LifecycleEvent, NodeState, Restart, Snapshot};
use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Body, Node};

/// What every path was last started from.
pub(crate) type Plans = BTreeMap<String, Node>;

#[derive(Default)]
pub(crate) struct Census {
    pub(crate) families: BTreeMap<String, Family>,
    /// Their specification was changed: limits, order and strategy are not known any more.
    changed: BTreeSet<String>,
}

/// One incarnation of a supervisor and its children.
#[derive(Default)]
pub(crate) struct Family {
    /// Its own supervisor, if any, knows it to be up.
    pub(crate) up: bool,
    pub(crate) gave_up: bool,
    /// Something was deleted: the order is not known any more.
    pub(crate) loose: bool,
    /// A request stopped or started a child.
    pub(crate) disturbed: bool,
    pub(crate) members: BTreeMap<String, Member>,
    /// Fixed children in start order.
    pub(crate) order: Vec<String>,
    /// Those of its specification.
    planned: BTreeSet<String>,
    /// Requests about children of which nothing was heard yet.
    foretold: BTreeSet<String>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Member {
    pub(crate) state: Seen,
    pub(crate) last: Last,
    /// A request stopped or started it since it last came up.
    pub(crate) touched: bool,
    /// A request did so in this incarnation of its supervisor.
    pub(crate) ever_touched: bool,
    /// A request started it, perhaps in the middle of a group restart.
    pub(crate) apart: bool,
    pub(crate) attempt: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    #[default]
    Down,
    Starting,
    Up,
}

/// The last that was heard of a child.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    #[default]
    Nothing,
    Started,
    /// It ended by itself; whether that calls for a restart.
    Exited(bool),
    StartFailed,
    Stopped,
    Ignored,
    Resting,
    Restarting,
}

impl Member {
    fn touch(&mut self) {
        (self.touched, self.ever_touched, self.apart) = (true, true, true);
    }
}

/// The supervisor's path and the child's id.
pub(crate) fn above(path: &str) -> Option<(&str, &str)> {
    path.rsplit_once('/')
}

/// Whether an exit of this child calls for a restart.
pub(crate) fn revives(node: &Node, event: &LifecycleEvent) -> bool {
    let LifecycleEvent::Exited { reason } = event else {
        return false;
    };
    match node.restart {
        Restart::Permanent => true,
        Restart::Transient => !reason.is_clean(),
        Restart::Temporary => false,
    }
}

impl Census {
    /// What there is when the tree has come up.
    pub(crate) fn begin(&mut self, plans: &Plans, snapshot: &Snapshot) {
        let mut family = Family::of(plans, &snapshot.path);
        family.up = snapshot.state == NodeState::Running;
        for child in &snapshot.children {
            let (state, last) = match child.state {
                NodeState::Running => (Seen::Up, Last::Started),
                _ => (Seen::Down, Last::Ignored),
            };
            let member = Member {
                state,
                last,
                ..Member::default()
            };
            family.members.insert(child.id.clone(), member);
            if child.strategy.is_some() || child.restarts_in_window.is_some() {
                self.begin(plans, child);
            }
        }
        family.order.retain(|id| family.members.contains_key(id));
        self.families.insert(snapshot.path.clone(), family);
    }

    /// What is known of a supervisor; of one just asked for, what it was planned to be.
    fn family(&mut self, plans: &Plans, path: &str) -> &mut Family {
        let family = || Family::of(plans, path);
        self.families.entry(path.to_owned()).or_insert_with(family)
    }

    pub(crate) fn member(&self, path: &str) -> Option<&Member> {
        let (above, id) = above(path)?;
        self.families.get(above)?.members.get(id)
    }

    /// The supervisor at `path` is none of which everything is known.
    pub(crate) fn is_unclear(&self, path: &str) -> bool {
        let loose = self.families.get(path).is_some_and(|family| family.loose);
        loose || self.is_changed(path)
    }

    /// Its specification, or that of one above it, was exchanged.
    pub(crate) fn is_changed(&self, path: &str) -> bool {
        let mut above = self.changed.iter();
        above.any(|other| path == other || path.starts_with(&format!("{other}/")))
    }

    /// Something of what is below the supervisor at `path` is not known.
    pub(crate) fn is_unclear_below(&self, path: &str) -> bool {
        let below = |other: &String| other.starts_with(path);
        let loose = self.families.iter().filter(|(_, family)| family.loose);
        self.changed.iter().any(below) || loose.map(|(other, _)| other).any(below)
    }

    pub(crate) fn change(&mut self, path: &str) {
        self.changed.insert(path.to_owned());
    }

    pub(crate) fn loosen(&mut self, plans: &Plans, path: &str) {
        self.family(plans, path).loose = true;
    }

    pub(crate) fn touch(&mut self, plans: &Plans, above: &str, id: &str) {
        let family = self.family(plans, above);
        family.disturbed = true;
        match family.members.get_mut(id) {
            Some(member) => member.touch(),
            // It is coming up for the first time.
            None => drop(family.foretold.insert(id.to_owned())),
        }
    }

    /// A start was asked for: a child has its place from when it is asked for, not from when it
    /// is up. `again`: so did somebody before who has no answer yet.
    pub(crate) fn add(&mut self, plans: &Plans, above: &str, id: &str, again: bool) {
        let family = self.family(plans, above);
        let planned = family.planned.contains(id) && family.order.iter().any(|other| other == id);
        let is_there = planned || family.members.contains_key(id);
        if !again && !is_there {
            family.order.retain(|other| other != id);
            family.order.push(id.to_owned());
        }
    }

    /// Takes in an event that all checkers have seen.
    pub(crate) fn hear(&mut self, plans: &Plans, event: &Lifecycle) -> Result<(), String> {
        let path = &event.path;
        if let LifecycleEvent::GaveUp { .. } = event.event {
            self.family(plans, path).gave_up = true;
            return Ok(());
        }
        let supervises = plans.get(path).is_none_or(Node::is_supervisor);
        let ended = matches!(
            event.event,
            LifecycleEvent::Exited { .. }
                | LifecycleEvent::Stopped { .. }
                | LifecycleEvent::StartFailed { .. }
        );
        let mut orphans = Ok(());
        if supervises && ended {
            orphans = self.end(plans, path);
        } else if supervises && event.event == LifecycleEvent::Started {
            self.family(plans, path).up = true;
        }
        if let (Some((above, id)), Some(node)) = (above(path), plans.get(path)) {
            let family = self.family(plans, above);
            let dynamic = plans.get(above).is_some_and(Node::is_dynamic);
            family.hear(id, node, &event.event, dynamic);
        }
        orphans
    }

    fn end(&mut self, plans: &Plans, path: &str) -> Result<(), String> {
        let next = Family::of(plans, path);
        let Some(family) = self.families.insert(path.to_owned(), next) else {
            return Ok(());
        };
        let mut members = family.members.iter();
        match members.find(|(_, member)| member.state != Seen::Down) {
            Some((id, member)) => Err(format!("{path} is over, and {id} is not: {member:?}")),
            None => Ok(()),
        }
    }
}

impl Family {
    fn of(plans: &Plans, path: &str) -> Self {
        let order: Vec<String> = match plans.get(path).map(|node| &node.body) {
            Some(Body::Fixed(fixed)) => fixed
                .children
                .iter()
                .map(|child| child.id.clone())
                .collect(),
            _ => Vec::new(),
        };
        let planned = order.iter().cloned().collect();
        Self {
            order,
            planned,
            ..Self::default()
        }
    }

    /// It was not one of the children before its start, which somebody asked for.
    pub(crate) fn is_fresh(&self, id: &str) -> bool {
        self.up && !self.members.contains_key(id) && !self.planned.contains(id)
    }

    fn hear(&mut self, id: &str, node: &Node, event: &LifecycleEvent, dynamic: bool) {
        let is_planned = self.planned.contains(id);
        let is_new = !self.members.contains_key(id);
        if *event == LifecycleEvent::Removed {
            self.members.remove(id);
            self.order.retain(|other| other != id);
            return;
        }
        if is_new && !dynamic && !self.order.iter().any(|other| other == id) {
            self.order.push(id.to_owned());
        }
        let apart = self.up || !is_planned;
        let member = self.members.entry(id.to_owned()).or_default();
        member.apart |= is_new && apart;
        if is_new && self.foretold.remove(id) {
            member.touch();
        }
        let (state, last) = match event {
            LifecycleEvent::Started => (Seen::Up, Last::Started),
            LifecycleEvent::Exited { .. } => (Seen::Down, Last::Exited(revives(node, event))),
            LifecycleEvent::StartFailed { .. } => (Seen::Down, Last::StartFailed),
            LifecycleEvent::Stopped { .. } => (Seen::Down, Last::Stopped),
            LifecycleEvent::Ignored => (Seen::Down, Last::Ignored),
            LifecycleEvent::Resting { .. } => (Seen::Down, Last::Resting),
            LifecycleEvent::Restarting { attempt } => {
                member.attempt = *attempt;
                member.apart &= member.touched;
                (Seen::Starting, Last::Restarting)
            }
            _ => (member.state, member.last),
        };
        (member.state, member.last) = (state, last);
        if last == Last::Started {
            member.touched = false;
        }
    }
}
