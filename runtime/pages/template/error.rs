//! Why a template, or a tree for one, is refused.

use plantao_actors::live::diff::TemplateId;
use thiserror::Error;

/// A template that cannot be built. Found when the process starts: the page's author errs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// Two templates share an identifier.
    #[error("template {} is there twice", template.0)]
    SameId {
        /// Whose identifier.
        template: TemplateId,
    },
    /// The markup is not well formed, is not exactly one element, or has a control character.
    #[error("template {} is malformed at byte {at}: {why}", template.0)]
    Malformed {
        /// The template.
        template: TemplateId,
        /// Offset in the markup.
        at: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// A slot stands where no value of its kind may.
    #[error("slot {slot} of template {} has no place there: {why}", template.0)]
    Misplaced {
        /// The template.
        template: TemplateId,
        /// The slot.
        slot: usize,
        /// What is wrong with its place.
        why: &'static str,
    },
    /// A slot number below the highest one is not used.
    #[error("slot {slot} of template {} is missing", template.0)]
    Missing {
        /// The template.
        template: TemplateId,
        /// The slot.
        slot: usize,
    },
}

/// A tree that does not fit its templates: the page's author errs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MismatchError {
    /// No such template.
    #[error("there is no template {}", .0.0)]
    Unknown(TemplateId),
    /// The tree has more or fewer slots than its template.
    #[error("template {} does not have {slots} slots", template.0)]
    Count {
        /// The template.
        template: TemplateId,
        /// The tree's number of slots.
        slots: usize,
    },
    /// A slot holds a value of another kind than its place wants.
    #[error("slot {slot} of template {} holds another kind of value", template.0)]
    Kind {
        /// The template.
        template: TemplateId,
        /// The slot.
        slot: usize,
    },
}
