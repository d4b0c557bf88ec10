//! Counts and children of one live supervisor, and what OTP's would be if it counted and listed
//! as this crate does.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use crate::divergences::Divergence;

/// How OTP shows a dynamic child whose restart was ignored.
const GHOST: &str = "?:undefined:worker";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roster {
    pub(crate) path: String,
    pub(crate) specs: i64,
    pub(crate) active: i64,
    pub(crate) supervisors: i64,
    pub(crate) workers: i64,
    /// Each is `id:presence:kind`.
    pub(crate) children: Vec<String>,
}

impl Roster {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let path = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        Some(Self {
            path,
            specs: number()?,
            active: number()?,
            supervisors: number()?,
            workers: number()?,
            children: words.map(str::to_owned).collect(),
        })
    }

    /// OTP's roster as this crate would write it. Every difference that this takes away is a row
    /// of the table of divergences.
    pub(crate) fn as_here(&self, is_dynamic: bool, found: &mut BTreeSet<Divergence>) -> Self {
        let mut roster = self.clone();
        if !is_dynamic {
            if roster.children.len() > 1 {
                found.insert(Divergence::StartOrder);
            }
            roster.children.reverse();
            return roster;
        }
        if roster.has_ghosts() {
            found.insert(Divergence::IgnoredDynamicRestart);
            let before = roster.children.len();
            roster.children.retain(|child| child != GHOST);
            let ghosts = before - roster.children.len();
            roster.active -= ghosts as i64;
            roster.workers -= ghosts as i64;
        }
        let up = roster
            .children
            .iter()
            .filter(|child| child.contains(":up:"));
        let up = up.count() as i64;
        if roster.active < up {
            found.insert(Divergence::ActiveDynamicChildren);
            roster.active = up;
        }
        let children = roster.children.len() as i64;
        if roster.specs == 1 && children != 1 {
            found.insert(Divergence::DynamicSpecs);
            roster.specs = children;
        }
        // OTP lists them in the order of a hash table.
        roster.children.sort();
        roster
    }

    /// Whether OTP's supervisor holds on to a child that does not exist.
    pub(crate) fn has_ghosts(&self) -> bool {
        self.children.iter().any(|child| child == GHOST)
    }
}

impl Display for Roster {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            specs,
            active,
            supervisors,
            workers,
            children,
        } = self;
        write!(f, "{path} {specs} {active} {supervisors} {workers}")?;
        children.iter().try_for_each(|child| write!(f, " {child}"))
    }
}
