//! What each slot of a template holds, and that no slot is forgotten or used in two senses.

use std::collections::BTreeMap;

use plantao_actors::live::diff::TemplateId;

use super::error::TemplateError;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Part,
    List,
    Series,
}

#[derive(Debug)]
pub(super) struct Places {
    id: TemplateId,
    kinds: BTreeMap<usize, Kind>,
}

impl Places {
    pub(super) fn new(id: TemplateId) -> Self {
        let kinds = BTreeMap::new();
        Self { id, kinds }
    }

    /// A place of this kind for the slot.
    pub(super) fn take(&mut self, slot: usize, kind: Kind) -> Result<(), TemplateError> {
        let before = self.kinds.insert(slot, kind);
        if before.is_none() || (before == Some(Kind::Text) && kind == Kind::Text) {
            return Ok(());
        }
        Err(TemplateError::Misplaced {
            template: self.id,
            slot,
            why: "it stands somewhere else already, and only a text may stand twice",
        })
    }

    /// The kinds, in the order of their slots.
    pub(super) fn kinds(self) -> Result<Vec<Kind>, TemplateError> {
        let numbered = self.kinds.into_iter().enumerate();
        numbered
            .map(|(slot, (taken, kind))| match taken == slot {
                true => Ok(kind),
                false => Err(TemplateError::Missing {
                    template: self.id,
                    slot,
                }),
            })
            .collect()
    }
}
