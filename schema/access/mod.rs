//! Who may do what: the vocabulary of a request for access and the rule that answers it.
//!
//! NIST SP 800-207 in pure functions: signals about the request give a trust score of 0-100; roles
//! give least privilege; a threshold per kind of resource turns both into allow, step-up or deny.
//! Nothing here holds state or reads a clock, so a decision can be recomputed from its inputs. The
//! result is a plain [`Decision`]; only the policy engine turns one into a permit.

mod decision;
mod fields;
mod matrix;
mod rules;
mod score;
mod vocabulary;

pub use decision::{
    Asked, BREAK_GLASS_REASON_MIN_CHARS, Decision, Reason, VerdictKind, decide, emergency_covers,
    weigh,
};
pub use fields::Fields;
pub use matrix::{EMERGENCY, MATRIX_COLUMNS, MatrixRow, matrix};
pub use rules::{Grant, RoleRule, Rules, RulesError, Threshold};
pub use score::{Factor, Signals, Trust, trust};
pub use vocabulary::{
    AccessRequest, Action, ConsentStatus, DevicePosture, Network, Principal, Purpose, ResourceKind,
    Role, UnknownName,
};

#[cfg(test)]
mod tests;
