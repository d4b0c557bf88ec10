//! Whether the policy's engine lives: a decision rests on its snapshot, which dies with it.

use crate::history::What;
use std::collections::BTreeSet;

/// Who decides.
const ENGINE: &str = "plantao/trust/policy";

/// Which lives of the engine began, and have not ended.
#[derive(Default)]
pub(super) struct Engine {
    was_heard: bool,
    lives: BTreeSet<u64>,
}

impl Engine {
    /// Takes in what an event tells.
    pub(super) fn follow(&mut self, what: &What) {
        match what {
            What::LifeBegan { path, life } if path == ENGINE => {
                self.was_heard = true;
                self.lives.insert(*life);
            }
            What::LifeEnded { path, life } if path == ENGINE => {
                self.lives.remove(life);
            }
            What::NodeCrashed => self.lives.clear(),
            _ => {}
        }
    }

    /// Whether nobody decides.
    pub(super) fn is_away(&self) -> bool {
        self.was_heard && self.lives.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tree;
    use super::super::testing::{holds, violates};
    use super::*;
    use crate::Invariant::PermitFresh;
    use crate::history::PermitGiven;

    fn given(permit: u64) -> What {
        What::PermitGiven(PermitGiven {
            permit,
            patient: None,
            session: None,
            purpose: "treatment".to_owned(),
            break_glass: false,
        })
    }

    #[test]
    fn a_permit_that_is_given_while_no_engine_lives_is_found() {
        let life = |life| {
            let path = ENGINE.to_owned();
            What::LifeBegan { path, life }
        };
        let end = |life| {
            let path = ENGINE.to_owned();
            What::LifeEnded { path, life }
        };
        let sound = [(0, life(1)), (1, end(1)), (2, life(2)), (3, given(3))];
        holds(PermitFresh, &Tree::new(), sound);
        let dead = [(0, life(1)), (1, end(1)), (2, given(3)), (3, life(2))];
        violates(PermitFresh, &Tree::new(), dead, "no engine");
    }
}
