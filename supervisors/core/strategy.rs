//! Which children an exit takes along.

use serde::Serialize;

/// How a supervisor answers the exit of a child that is to be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// That child alone: children do not depend on each other.
    OneForOne,
    /// All children: they depend on each other.
    OneForAll,
    /// That child and those started after it: later ones depend on earlier ones.
    RestForOne,
}

impl Strategy {
    /// First child, in start order, of the group that an exit takes along; `None` when the child
    /// is restarted alone. The group always reaches to the last child. `place` says where the
    /// child is.
    pub(crate) fn group_from(self, place: impl FnOnce() -> Option<usize>) -> Option<usize> {
        match self {
            Self::OneForOne => None,
            Self::OneForAll => Some(0),
            Self::RestForOne => place(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Strategy;
    use proptest::prelude::*;
    use proptest::strategy::Strategy as _;

    /// The definition, word for word: which children restart when `failed` does.
    fn naive(strategy: Strategy, failed: usize, children: usize) -> Vec<usize> {
        (0..children)
            .filter(|&child| match strategy {
                Strategy::OneForOne => child == failed,
                Strategy::OneForAll => true,
                Strategy::RestForOne => child >= failed,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn groups_are_those_of_the_definition(
            strategy in prop_oneof![
                Just(Strategy::OneForOne), Just(Strategy::OneForAll), Just(Strategy::RestForOne)
            ],
            (children, failed) in (1usize..40).prop_flat_map(|n| (Just(n), 0..n)),
        ) {
            let group: Vec<usize> = match strategy.group_from(|| Some(failed)) {
                None => vec![failed],
                Some(from) => (from..children).collect(),
            };
            prop_assert_eq!(group, naive(strategy, failed, children));
        }
    }
}
