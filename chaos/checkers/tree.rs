//! What a tree was meant to do: how each supervisor answers an exit, how often, and in which order
//! its children stand.
//!
//! It is said apart from the tree that runs, so that a tree which does something else is noticed.

use plantao_supervisors::{Intensity, NodeKind, Restart, Snapshot, Strategy};
use std::collections::BTreeMap;
use std::time::Duration;

/// The id that stands for every child of a dynamic supervisor.
pub(crate) const ANY: &str = "*";

/// Which children a supervisor has, and what an exit of one does to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// A fixed list, started in its order.
    Fixed(Strategy),
    /// Children that come and go, each standing alone.
    Dynamic,
}

/// One supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisorPlan {
    /// What an exit does.
    pub arrangement: Arrangement,
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// Its children in start order. Those of a dynamic one are called `*`.
    pub children: Vec<ChildPlan>,
}

/// One child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildPlan {
    /// Its id.
    pub id: String,
    /// When it is started again.
    pub restart: Restart,
}

/// All supervisors, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    supervisors: BTreeMap<String, SupervisorPlan>,
}

impl Tree {
    /// A tree without supervisors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a supervisor in, with its children in start order.
    #[must_use]
    pub fn with(
        mut self,
        path: &str,
        arrangement: Arrangement,
        intensity: Intensity,
        children: &[(&str, Restart)],
    ) -> Self {
        let children = children.iter().map(|(id, restart)| ChildPlan {
            id: (*id).to_owned(),
            restart: *restart,
        });
        let plan = SupervisorPlan {
            arrangement,
            intensity,
            children: children.collect(),
        };
        self.supervisors.insert(path.to_owned(), plan);
        self
    }

    /// Reads a snapshot of a tree that has just started. It does not tell within which period
    /// restarts count, which `period_of` is asked for by path.
    #[must_use]
    pub fn of_snapshot(root: &Snapshot, period_of: impl Fn(&str) -> Duration) -> Self {
        let mut tree = Self::new();
        let mut left = vec![root];
        while let Some(node) = left.pop() {
            left.extend(&node.children);
            let arrangement = match (node.kind, node.strategy) {
                (NodeKind::Worker, _) => continue,
                (NodeKind::Dynamic, _) => Arrangement::Dynamic,
                (NodeKind::Supervisor, strategy) => {
                    Arrangement::Fixed(strategy.unwrap_or(Strategy::OneForOne))
                }
            };
            let restarts = node.restarts_allowed.unwrap_or_default();
            let intensity = Intensity::new(restarts, period_of(&node.path));
            let mut children: Vec<(&str, Restart)> = Vec::new();
            for child in &node.children {
                let restart = child.restart.unwrap_or(Restart::Permanent);
                children.push((&child.id, restart));
            }
            if arrangement == Arrangement::Dynamic {
                // Those there now say nothing of those to come but when they are restarted.
                let restart = children.first().map(|(_, restart)| *restart);
                children = restart.map(|restart| (ANY, restart)).into_iter().collect();
            }
            tree = tree.with(&node.path, arrangement, intensity, &children);
        }
        tree
    }

    /// Every child of a fixed list, with its supervisor's path.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = (&str, &ChildPlan)> {
        let fixed = self.supervisors.iter();
        let fixed = fixed.filter(|(_, plan)| plan.arrangement != Arrangement::Dynamic);
        fixed.flat_map(|(path, plan)| plan.children.iter().map(move |one| (path.as_str(), one)))
    }

    /// The shortest time in which a fixed supervisor counts its restarts: within it after the last
    /// fault none can use them up, so that whoever fell is up by then.
    pub(crate) fn budget(&self) -> Option<Duration> {
        let fixed = self.supervisors.values();
        let fixed = fixed.filter(|plan| plan.arrangement != Arrangement::Dynamic);
        fixed.map(|plan| plan.intensity.period).min()
    }

    /// The supervisor at a path.
    #[must_use]
    pub fn supervisor(&self, path: &str) -> Option<&SupervisorPlan> {
        self.supervisors.get(path)
    }
}

impl SupervisorPlan {
    /// Where a child stands in the start order; nothing for one that came later or may go.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<usize> {
        match self.arrangement {
            Arrangement::Fixed(_) => self.children.iter().position(|child| child.id == id),
            Arrangement::Dynamic => None,
        }
    }

    /// When a child is started again; nothing when it is not known.
    #[must_use]
    pub fn restart(&self, id: &str) -> Option<Restart> {
        let named = self.children.iter().find(|child| child.id == id);
        let child = named.or_else(|| self.children.iter().find(|child| child.id == ANY));
        child.map(|child| child.restart)
    }

    /// Whether children go down and come up in groups.
    #[must_use]
    pub fn is_grouped(&self) -> bool {
        match self.arrangement {
            Arrangement::Fixed(Strategy::OneForAll | Strategy::RestForOne) => true,
            Arrangement::Fixed(Strategy::OneForOne) | Arrangement::Dynamic => false,
        }
    }

    /// Whether the exit of `failed` takes `other` along.
    #[must_use]
    pub fn takes_along(&self, failed: &str, other: &str) -> bool {
        failed == other
            || match self.arrangement {
                Arrangement::Fixed(Strategy::OneForAll) => true,
                Arrangement::Fixed(Strategy::RestForOne) => {
                    let places = (self.place(failed), self.place(other));
                    matches!(places, (Some(failed), Some(other)) if other >= failed)
                }
                Arrangement::Fixed(Strategy::OneForOne) | Arrangement::Dynamic => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::{ANY, Arrangement, SupervisorPlan, Tree};
    use plantao_supervisors::{Intensity, Restart, Strategy};
    use proptest::prelude::{Just, prop_assert_eq, prop_oneof, proptest};
    use std::time::Duration;

    const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    fn plan(strategy: Strategy) -> SupervisorPlan {
        let children = IDS.map(|id| (id, Restart::Permanent));
        let limits = Intensity::new(1, Duration::from_secs(1));
        let tree = Tree::new().with("root", Arrangement::Fixed(strategy), limits, &children);
        tree.supervisor("root").unwrap().clone()
    }

    proptest! {
        #[test]
        fn who_is_taken_along_is_the_definition_of_the_strategy(
            strategy in prop_oneof![
                Just(Strategy::OneForOne), Just(Strategy::OneForAll), Just(Strategy::RestForOne)
            ],
            failed in 0..IDS.len(),
            other in 0..IDS.len(),
        ) {
            let naive = match strategy {
                Strategy::OneForOne => other == failed,
                Strategy::OneForAll => true,
                Strategy::RestForOne => other >= failed,
            };
            prop_assert_eq!(plan(strategy).takes_along(IDS[failed], IDS[other]), naive);
        }
    }

    #[test]
    fn dynamic_children_share_one_plan_and_have_no_place() {
        let limits = Intensity::new(1, Duration::from_secs(1));
        let children = [(ANY, Restart::Transient)];
        let tree = Tree::new().with("root", Arrangement::Dynamic, limits, &children);
        let plan = tree.supervisor("root").unwrap();
        assert_eq!(plan.restart("s-7"), Some(Restart::Transient));
        assert_eq!(plan.place("*"), None);
        assert!(!plan.takes_along("s-7", "s-8"));
    }
}
