//! A script as it is drawn: its targets are numbers, which name something in every script, however
//! small it was made.

use crate::desk::Desk;
use crate::model::*;

/// Moves of a script that waits in between; OTP waits in real time.
const SHORT_MOVES_MAX: usize = 4;

#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// Windows that close between two steps.
    pub(crate) short: bool,
    pub(crate) root: Supervisor,
    pub(crate) moves: Vec<Move>,
}

/// A step whose targets are numbers.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    Plan(u16, Vec<Outcome>),
    /// A worker leaves; its next starts go as planned.
    Exit(u16, Leave, Vec<Outcome>),
    KillSupervisor(u16),
    Start(u16, u16, Child),
    StartDynamic(u16, Vec<Outcome>),
    Named(Named, u16, u16),
    Which(u16),
    Count(u16),
    Change(u16, Supervisor),
    During(u16, Leave, Box<Move>),
    Shutdown,
}

/// A request about a child by its id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named {
    Terminate,
    Restart,
    Delete,
    Spec,
}

impl Draft {
    pub(crate) fn finish(self) -> Script {
        let mut desk = Desk::new(self.short, self.root);
        let most = if self.short {
            SHORT_MOVES_MAX
        } else {
            self.moves.len()
        };
        for one in self.moves.into_iter().take(most) {
            desk.take(one);
        }
        desk.finish()
    }
}
