//! The whole policy as a table: what every role may do, from which score on.
//!
//! Owns the walk over every role, kind, action and purpose that asks the decision itself, so that
//! the table is what the system does and not what a rule file seems to say. Refuses nothing: what
//! is missing from the table is denied, whatever the score. Exists because a security office signs
//! a table, and a test compares the shipped rules with the one that was signed.

use super::decision::{Asked, emergency_covers, weigh};
use super::{Action, ConsentStatus, Purpose, ResourceKind, Role, Rules, VerdictKind};

/// The best score that there is.
const SCORE_MAX: u8 = 100;
/// The first line of [`MatrixRow::csv`] rows: their columns.
pub const MATRIX_COLUMNS: &str = "role,resource,action,purpose,step_up_from,allow_from";
/// What stands in a row's purpose when it is about emergency access.
pub const EMERGENCY: &str = "emergency";

/// Something that a role may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MatrixRow {
    /// The role.
    pub role: Role,
    /// On this kind.
    pub kind: ResourceKind,
    /// This.
    pub action: Action,
    /// For this purpose; nothing in an emergency, which has none to grant.
    pub purpose: Option<Purpose>,
    /// The lowest score, 0-100, at which a stronger authentication is asked for, and not a refusal.
    pub step_up_from: u8,
    /// The lowest score, 0-100, at which it is allowed.
    pub allow_from: u8,
}

impl MatrixRow {
    /// The row as [`MATRIX_COLUMNS`] says; no field needs quotes.
    #[must_use]
    pub fn csv(&self) -> String {
        let purpose = self.purpose.map_or(EMERGENCY, Purpose::as_str);
        let (role, kind, action) = (&self.role, self.kind, self.action);
        let (step_up_from, allow_from) = (self.step_up_from, self.allow_from);
        format!("{role},{kind},{action},{purpose},{step_up_from},{allow_from}")
    }
}

/// Everything that is allowed at some score, by role, kind, action and purpose.
#[must_use]
pub fn matrix(rules: &Rules) -> Vec<MatrixRow> {
    let mut rows = Vec::new();
    for role in rules.roles.keys() {
        for &kind in ResourceKind::ALL {
            for &action in Action::ALL {
                let purposes = Purpose::ALL.iter();
                rows.extend(purposes.filter_map(|why| ordinary(rules, role, kind, action, *why)));
                rows.extend(emergency(rules, role, kind, action));
            }
        }
    }
    rows
}

fn ordinary(
    rules: &Rules,
    role: &Role,
    kind: ResourceKind,
    action: Action,
    purpose: Purpose,
) -> Option<MatrixRow> {
    let asked = Asked {
        role,
        action,
        kind,
        purpose,
        consent: ConsentStatus::NotAsked,
    };
    let first = |least: &[VerdictKind]| {
        (0..=SCORE_MAX).find(|score| least.contains(&weigh(rules, &asked, *score).0))
    };
    let allow_from = first(&[VerdictKind::Allow])?;
    Some(MatrixRow {
        role: role.clone(),
        kind,
        action,
        purpose: Some(purpose),
        step_up_from: first(&[VerdictKind::Allow, VerdictKind::StepUp])?,
        allow_from,
    })
}

/// An emergency has a reason, a patient in focus and no score to reach.
fn emergency(rules: &Rules, role: &Role, kind: ResourceKind, action: Action) -> Option<MatrixRow> {
    emergency_covers(rules, role, action, kind).then(|| MatrixRow {
        role: role.clone(),
        kind,
        action,
        purpose: None,
        step_up_from: 0,
        allow_from: 0,
    })
}
